//! The keywords of ssh_config(5), each defined once: name, kind of value, default, and how far it is honoured. The order is
//! that of `ssh -G`.

use super::algorithms::Category;
use super::error::Support::{self, Honoured, Missing, Moot, Refused};

/// What a keyword's arguments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// yes or no.
    Flag,
    /// One of these words, in any case; the second is how it is printed.
    Choice(&'static [(&'static str, &'static str)]),
    Integer,
    Port,
    /// Seconds, or with units; `none`.
    Time,
    /// One word.
    Text,
    /// All of the line, as it is.
    Rest,
    /// Words; `none` only alone.
    Words,
    /// One word, which adds to those before.
    Adds,
    Algorithms(Category),
    /// A path; an environment variable of the old form `$NAME` must be named well.
    AgentPath,
    /// yes, no, or as [`AgentPath`](Self::AgentPath).
    AgentForwarding,
    /// A forwarding, which adds to those before.
    Forward(Forward),
    SendEnv,
    SetEnv,
    Escape,
    Qos,
    Rekey,
    Mask,
    TunnelDevice,
    Persist,
    AddKeys,
    Domains,
    Cnames,
    RemoteOpen,
    Jump,
    Keystrokes,
    /// Ends everything with its argument.
    RefuseConnection,
}

/// Which way a port is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forward {
    Local,
    Remote,
    Dynamic,
}

const ASK: &[(&str, &str)] =
    &[("true", "true"), ("false", "false"), ("yes", "true"), ("no", "false"), ("ask", "ask")];
const CHECKING: &[(&str, &str)] = &[
    ("true", "true"),
    ("false", "false"),
    ("yes", "true"),
    ("no", "false"),
    ("ask", "ask"),
    ("off", "false"),
    ("accept-new", "accept-new"),
];
const FAMILY: &[(&str, &str)] = &[("inet", "inet"), ("inet6", "inet6"), ("any", "any")];
const CANONICALIZE: &[(&str, &str)] =
    &[("true", "true"), ("false", "false"), ("yes", "true"), ("no", "false"), ("always", "always")];
const MASTER: &[(&str, &str)] = &[
    ("true", "true"),
    ("yes", "true"),
    ("false", "false"),
    ("no", "false"),
    ("auto", "auto"),
    ("ask", "ask"),
    ("autoask", "autoask"),
];
const TUNNEL: &[(&str, &str)] = &[
    ("ethernet", "ethernet"),
    ("point-to-point", "point-to-point"),
    ("true", "point-to-point"),
    ("yes", "point-to-point"),
    ("false", "false"),
    ("no", "false"),
];
const TTY: &[(&str, &str)] = &[
    ("true", "true"),
    ("yes", "true"),
    ("false", "false"),
    ("no", "false"),
    ("force", "force"),
    ("auto", "auto"),
];
const SESSION: &[(&str, &str)] = &[("none", "none"), ("subsystem", "subsystem"), ("default", "default")];
const PUBKEY: &[(&str, &str)] = &[
    ("true", "true"),
    ("false", "false"),
    ("yes", "true"),
    ("no", "false"),
    ("unbound", "unbound"),
    ("host-bound", "host-bound"),
];
const HASH: &[(&str, &str)] = &[("md5", "MD5"), ("sha256", "SHA256")];
const WEAK: &[(&str, &str)] =
    &[("true", "yes"), ("false", "no"), ("yes", "yes"), ("no", "no"), ("no-pq-kex", "no")];
pub(super) const LEVELS: &[(&str, &str)] = &[
    ("quiet", "SILENT"),
    ("fatal", "FATAL"),
    ("error", "ERROR"),
    ("info", "INFO"),
    ("verbose", "VERBOSE"),
    ("debug", "DEBUG"),
    ("debug1", "DEBUG"),
    ("debug2", "DEBUG2"),
    ("debug3", "DEBUG3"),
];
const FACILITIES: &[(&str, &str)] = &[
    ("daemon", "DAEMON"),
    ("user", "USER"),
    ("auth", "AUTH"),
    ("authpriv", "AUTHPRIV"),
    ("local0", "LOCAL0"),
    ("local1", "LOCAL1"),
    ("local2", "LOCAL2"),
    ("local3", "LOCAL3"),
    ("local4", "LOCAL4"),
    ("local5", "LOCAL5"),
    ("local6", "LOCAL6"),
    ("local7", "LOCAL7"),
];
/// Tried when no file is named. (`id_xmss` is printed, as `ssh` prints it; nobody has such keys.)
const IDENTITIES: &str = "~/.ssh/id_rsa ~/.ssh/id_ecdsa ~/.ssh/id_ecdsa_sk ~/.ssh/id_ed25519 \
                          ~/.ssh/id_ed25519_sk ~/.ssh/id_xmss ~/.ssh/id_dsa";

const NO_X11: Support = Missing("X11 is not forwarded yet");
const NO_MUX: Support = Missing("connections are not shared between processes");
const NO_FORWARD: Support = Missing("ports are not forwarded yet");
const NO_TUNNEL: Support = Missing("tunnels are not built");
const OF_FORWARDS: Support = Moot("ports are not forwarded yet");
const OF_X11: Support = Moot("X11 is not forwarded yet");

pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// As it is printed; empty where nothing is.
    pub(super) default: &'static str,
    pub(super) support: Support,
}

macro_rules! keywords {
    ($($keyword:ident $name:literal $kind:expr, $default:expr, $support:expr;)*) => {
        /// A keyword of ssh_config(5).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Keyword {
            $(#[doc = concat!("`", $name, "`")] $keyword,)*
        }

        const ALL: &[Keyword] = &[$(Keyword::$keyword,)*];

        impl Keyword {
            pub(super) fn definition(self) -> &'static Definition {
                match self {
                    $(Self::$keyword => &const {
                        Definition {
                            name: $name,
                            kind: $kind,
                            default: $default,
                            support: $support,
                        }
                    },)*
                }
            }
        }
    };
}

keywords! {
    User "user" Kind::Text, "", Honoured;
    HostName "hostname" Kind::Text, "", Honoured;
    Port "port" Kind::Port, "22", Honoured;
    AddressFamily "addressfamily" Kind::Choice(FAMILY), "any", Honoured;
    BatchMode "batchmode" Kind::Flag, "no", Honoured;
    CanonicalizeFallbackLocal "canonicalizefallbacklocal" Kind::Flag, "yes", Honoured;
    CanonicalizeHostname "canonicalizehostname" Kind::Choice(CANONICALIZE), "false", Honoured;
    CheckHostIp "checkhostip" Kind::Flag, "no", Honoured;
    Compression "compression" Kind::Flag, "no", Honoured;
    ControlMaster "controlmaster" Kind::Choice(MASTER), "false", NO_MUX;
    EnableSshKeysign "enablesshkeysign" Kind::Flag, "no", Moot("it concerns ssh-keysign only");
    ClearAllForwardings "clearallforwardings" Kind::Flag, "no", Honoured;
    ExitOnForwardFailure "exitonforwardfailure" Kind::Flag, "no", OF_FORWARDS;
    FingerprintHash "fingerprinthash" Kind::Choice(HASH), "SHA256", Moot("fingerprints are shown as SHA256");
    ForwardX11 "forwardx11" Kind::Flag, "no", NO_X11;
    ForwardX11Trusted "forwardx11trusted" Kind::Flag, "no", OF_X11;
    GatewayPorts "gatewayports" Kind::Flag, "no", OF_FORWARDS;
    HashKnownHosts "hashknownhosts" Kind::Flag, "no", Honoured;
    HostbasedAuthentication "hostbasedauthentication" Kind::Flag, "no", Missing("a user cannot read the host's keys, and ssh-keysign is not used");
    IdentitiesOnly "identitiesonly" Kind::Flag, "no", Honoured;
    KbdInteractiveAuthentication "kbdinteractiveauthentication" Kind::Flag, "yes", Honoured;
    NoHostAuthenticationForLocalhost "nohostauthenticationforlocalhost" Kind::Flag, "no", Honoured;
    PasswordAuthentication "passwordauthentication" Kind::Flag, "yes", Honoured;
    PermitLocalCommand "permitlocalcommand" Kind::Flag, "no", Moot("LocalCommand is not run");
    ProxyUseFdpass "proxyusefdpass" Kind::Flag, "no", Refused("a descriptor cannot be received from a ProxyCommand");
    PubkeyAuthentication "pubkeyauthentication" Kind::Choice(PUBKEY), "true", Honoured;
    RequestTty "requesttty" Kind::Choice(TTY), "auto", Honoured;
    SessionType "sessiontype" Kind::Choice(SESSION), "default", Honoured;
    StdinNull "stdinnull" Kind::Flag, "no", Honoured;
    ForkAfterAuthentication "forkafterauthentication" Kind::Flag, "no", Missing("it stays in the foreground");
    StreamLocalBindUnlink "streamlocalbindunlink" Kind::Flag, "no", OF_FORWARDS;
    StrictHostKeyChecking "stricthostkeychecking" Kind::Choice(CHECKING), "ask", Honoured;
    TcpKeepAlive "tcpkeepalive" Kind::Flag, "yes", Honoured;
    Tunnel "tunnel" Kind::Choice(TUNNEL), "false", NO_TUNNEL;
    VerifyHostKeyDns "verifyhostkeydns" Kind::Choice(ASK), "false", Missing("there is no resolver of SSHFP records here; programs bring one (Connect::sshfp_records)");
    VisualHostKey "visualhostkey" Kind::Flag, "no", Moot("host keys are shown by their fingerprints");
    UpdateHostKeys "updatehostkeys" Kind::Choice(ASK), "true", Honoured;
    EnableEscapeCommandline "enableescapecommandline" Kind::Flag, "no", Moot("there is no such command line");
    WarnWeakCrypto "warnweakcrypto" Kind::Choice(WEAK), "", Moot("weak algorithms are always logged");
    CanonicalizeMaxDots "canonicalizemaxdots" Kind::Integer, "1", Honoured;
    ConnectionAttempts "connectionattempts" Kind::Integer, "1", Honoured;
    ForwardX11Timeout "forwardx11timeout" Kind::Time, "1200", OF_X11;
    NumberOfPasswordPrompts "numberofpasswordprompts" Kind::Integer, "3", Honoured;
    ServerAliveCountMax "serveralivecountmax" Kind::Integer, "3", Honoured;
    ServerAliveInterval "serveraliveinterval" Kind::Time, "0", Honoured;
    RequiredRsaSize "requiredrsasize" Kind::Integer, "2048", Honoured;
    ObscureKeystrokeTiming "obscurekeystroketiming" Kind::Keystrokes, "", Moot("keystrokes are sent as they come");
    BindAddress "bindaddress" Kind::Text, "", Honoured;
    BindInterface "bindinterface" Kind::Text, "", Refused("a connection cannot be bound to an interface; BindAddress works");
    Ciphers "ciphers" Kind::Algorithms(Category::Cipher), "", Honoured;
    ControlPath "controlpath" Kind::Text, "", Moot("connections are not shared between processes");
    HostKeyAlgorithms "hostkeyalgorithms" Kind::Algorithms(Category::Signature), "", Honoured;
    HostKeyAlias "hostkeyalias" Kind::Text, "", Honoured;
    HostbasedAcceptedAlgorithms "hostbasedacceptedalgorithms" Kind::Algorithms(Category::Signature), "", Moot("a user cannot read the host's keys");
    IdentityAgent "identityagent" Kind::AgentPath, "", Honoured;
    IgnoreUnknown "ignoreunknown" Kind::Text, "", Honoured;
    KbdInteractiveDevices "kbdinteractivedevices" Kind::Text, "", Moot("servers choose the device");
    KexAlgorithms "kexalgorithms" Kind::Algorithms(Category::Kex), "", Honoured;
    CaSignatureAlgorithms "casignaturealgorithms" Kind::Algorithms(Category::CaSignature), "", Honoured;
    LocalCommand "localcommand" Kind::Rest, "", Missing("no command is run here after the login");
    RemoteCommand "remotecommand" Kind::Rest, "", Honoured;
    LogLevel "loglevel" Kind::Choice(LEVELS), "INFO", Honoured;
    Macs "macs" Kind::Algorithms(Category::Mac), "", Honoured;
    Pkcs11Provider "pkcs11provider" Kind::Text, "", Missing("no library is loaded on request; an agent can serve such keys");
    SecurityKeyProvider "securitykeyprovider" Kind::Text, "internal", Moot("security keys sign through an agent");
    PreferredAuthentications "preferredauthentications" Kind::Text, "", Honoured;
    PubkeyAcceptedAlgorithms "pubkeyacceptedalgorithms" Kind::Algorithms(Category::Signature), "", Honoured;
    RevokedHostKeys "revokedhostkeys" Kind::Words, "", Honoured;
    XAuthLocation "xauthlocation" Kind::Text, "/usr/bin/xauth", OF_X11;
    KnownHostsCommand "knownhostscommand" Kind::Rest, "", Honoured;
    Tag "tag" Kind::Text, "", Honoured;
    VersionAddendum "versionaddendum" Kind::Rest, "", Moot("the version line has no addendum");
    DynamicForward "dynamicforward" Kind::Forward(Forward::Dynamic), "", NO_FORWARD;
    LocalForward "localforward" Kind::Forward(Forward::Local), "", NO_FORWARD;
    RemoteForward "remoteforward" Kind::Forward(Forward::Remote), "", NO_FORWARD;
    IdentityFile "identityfile" Kind::Adds, IDENTITIES, Honoured;
    CanonicalDomains "canonicaldomains" Kind::Domains, "none", Honoured;
    CertificateFile "certificatefile" Kind::Adds, "", Honoured;
    GlobalKnownHostsFile "globalknownhostsfile" Kind::Words, "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2", Honoured;
    UserKnownHostsFile "userknownhostsfile" Kind::Words, "~/.ssh/known_hosts ~/.ssh/known_hosts2", Honoured;
    SendEnv "sendenv" Kind::SendEnv, "", Honoured;
    SetEnv "setenv" Kind::SetEnv, "", Honoured;
    LogVerbose "logverbose" Kind::Words, "none", Moot("LogLevel chooses what is logged");
    ChannelTimeout "channeltimeout" Kind::Words, "", Missing("idle channels stay open");
    PermitRemoteOpen "permitremoteopen" Kind::RemoteOpen, "any", OF_FORWARDS;
    AddKeysToAgent "addkeystoagent" Kind::AddKeys, "false", Missing("keys are not added to an agent by themselves");
    ForwardAgent "forwardagent" Kind::AgentForwarding, "no", Honoured;
    ConnectTimeout "connecttimeout" Kind::Time, "none", Honoured;
    TunnelDevice "tunneldevice" Kind::TunnelDevice, "any:any", Moot("tunnels are not built");
    CanonicalizePermittedCnames "canonicalizepermittedcnames" Kind::Cnames, "none", Honoured;
    ControlPersist "controlpersist" Kind::Persist, "no", Moot("connections are not shared between processes");
    EscapeChar "escapechar" Kind::Escape, "~", Honoured;
    IpQos "ipqos" Kind::Qos, "af21 cs1", Moot("packets are not marked");
    RekeyLimit "rekeylimit" Kind::Rekey, "0 0", Honoured;
    StreamLocalBindMask "streamlocalbindmask" Kind::Mask, "0177", OF_FORWARDS;
    SyslogFacility "syslogfacility" Kind::Choice(FACILITIES), "USER", Moot("nothing is sent to syslog");
    ProxyCommand "proxycommand" Kind::Rest, "", Honoured;
    ProxyJump "proxyjump" Kind::Jump, "", Honoured;
    RefuseConnection "refuseconnection" Kind::RefuseConnection, "", Honoured;
}

/// What the first word of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Host,
    Match,
    Include,
    Setting(Keyword),
    /// Something that had a meaning once, or has one elsewhere: says why it has none here.
    Gone(&'static str),
    Unknown,
}

const ALIASES: [(&str, Keyword); 10] = [
    ("challengeresponseauthentication", Keyword::KbdInteractiveAuthentication),
    ("skeyauthentication", Keyword::KbdInteractiveAuthentication),
    ("tisauthentication", Keyword::KbdInteractiveAuthentication),
    ("dsaauthentication", Keyword::PubkeyAuthentication),
    ("identityfile2", Keyword::IdentityFile),
    ("keepalive", Keyword::TcpKeepAlive),
    ("hostbasedkeytypes", Keyword::HostbasedAcceptedAlgorithms),
    ("hostbasedacceptedkeytypes", Keyword::HostbasedAcceptedAlgorithms),
    ("pubkeyacceptedkeytypes", Keyword::PubkeyAcceptedAlgorithms),
    ("smartcarddevice", Keyword::Pkcs11Provider),
];
const OLD: &str = "it belongs to a protocol that is gone";
const GSS: &str = "the gssapi methods are not built";
const GONE: [(&str, &str); 21] = [
    ("protocol", OLD),
    ("cipher", OLD),
    ("fallbacktorsh", OLD),
    ("globalknownhostsfile2", OLD),
    ("rhostsauthentication", OLD),
    ("userknownhostsfile2", OLD),
    ("useroaming", OLD),
    ("usersh", OLD),
    ("useprivilegedport", OLD),
    ("afstokenpassing", OLD),
    ("kerberosauthentication", OLD),
    ("kerberostgtpassing", OLD),
    ("rsaauthentication", OLD),
    ("rhostsrsaauthentication", OLD),
    ("compressionlevel", OLD),
    ("gssapiauthentication", GSS),
    ("gssapidelegatecredentials", GSS),
    ("gssapikeyexchange", GSS),
    ("gssapitrustdns", GSS),
    ("gssapirenewalforcesrekey", GSS),
    ("gssapikexalgorithms", GSS),
];

/// The meaning of a first word, in lower case.
pub(super) fn meaning(word: &str) -> Meaning {
    match word {
        "host" => return Meaning::Host,
        "match" => return Meaning::Match,
        "include" => return Meaning::Include,
        _ => {}
    }
    let named = Keyword::all().find(|keyword| keyword.name() == word);
    let aliased = || ALIASES.iter().find(|(alias, _)| *alias == word).map(|(_, keyword)| *keyword);
    match named.or_else(aliased) {
        Some(keyword) => Meaning::Setting(keyword),
        None => match GONE.iter().find(|(gone, _)| *gone == word) {
            Some((_, why)) => Meaning::Gone(why),
            None => Meaning::Unknown,
        },
    }
}

impl Keyword {
    /// Its name in lower case, as `ssh -G` prints it.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// How far this library does what it says.
    pub fn support(self) -> Support {
        self.definition().support
    }

    /// All of them, in the order of `ssh -G`.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().copied()
    }

    pub(super) fn kind(self) -> Kind {
        self.definition().kind
    }
}
