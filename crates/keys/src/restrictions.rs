//! What a login may do and when it holds: the data that `authorized_keys` options (sshd(8)) and certificates'
//! critical options and extensions (OpenSSH PROTOCOL.certkeys) both come to.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use crate::{PermitList, SourceList};

/// What a login may do, and under which conditions it is one.
///
/// Several steps of one login, a key and a certificate, or a file and a server's own rules are taken together with
/// [`and`](Self::and): what one of them forbids is forbidden. The lists hold one element for each source that has
/// said something, and every element must agree: an element that names nothing permits nothing.
///
/// ```
/// use feramiko_keys::Restrictions;
///
/// let key = Restrictions { command: Some(b"backup".to_vec()), ..Restrictions::none() };
/// let certificate = Restrictions::all();
/// let login = key.and(certificate)?;
/// assert_eq!(login.command.as_deref(), Some(&b"backup"[..]));
/// assert!(!login.permits.pty);
/// # Ok::<(), feramiko_keys::CommandConflict>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restrictions {
    /// What may be asked for.
    pub permits: Permits,
    /// This is run, whatever the client asks to run.
    pub command: Option<Vec<u8>>,
    /// Variables for whatever runs: names and values. The first of a name counts.
    pub environment: Vec<(String, Vec<u8>)>,
    /// Where the client must be: every list must match.
    pub sources: Vec<SourceList>,
    /// Where connections may be opened to (`permitopen`): every list must permit it; without lists all may be.
    pub open: Vec<PermitList>,
    /// Where may be listened (`permitlisten`): every list must permit it; without lists anywhere.
    pub listen: Vec<PermitList>,
    /// The last moment at which the login is accepted.
    pub expires: Option<SystemTime>,
    /// A security key must have felt a touch.
    pub touch_required: bool,
    /// A security key must have verified its user, by a PIN or otherwise.
    pub verify_required: bool,
    /// The only tun(4) device that may be used.
    pub tunnel: Option<u32>,
}

/// What a login may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permits {
    /// A pseudo-terminal.
    pub pty: bool,
    /// Forwarding of the agent.
    pub agent_forwarding: bool,
    /// Forwarding of X11.
    pub x11_forwarding: bool,
    /// Forwarding of TCP ports and of Unix sockets, in both directions.
    pub port_forwarding: bool,
    /// Running `~/.ssh/rc`.
    pub user_rc: bool,
    /// Forwarding of tun(4) devices; `port_forwarding` is needed for it too.
    pub tunnel: bool,
}

impl Permits {
    /// Everything: what a key in `authorized_keys` may without options.
    pub const EVERYTHING: Self = Self {
        pty: true,
        agent_forwarding: true,
        x11_forwarding: true,
        port_forwarding: true,
        user_rc: true,
        tunnel: true,
    };
    /// Nothing: a key with `restrict`, a certificate without extensions.
    pub const NOTHING: Self = Self {
        pty: false,
        agent_forwarding: false,
        x11_forwarding: false,
        port_forwarding: false,
        user_rc: false,
        tunnel: false,
    };

    fn and(self, other: Self) -> Self {
        Self {
            pty: self.pty && other.pty,
            agent_forwarding: self.agent_forwarding && other.agent_forwarding,
            x11_forwarding: self.x11_forwarding && other.x11_forwarding,
            port_forwarding: self.port_forwarding && other.port_forwarding,
            user_rc: self.user_rc && other.user_rc,
            tunnel: self.tunnel && other.tunnel,
        }
    }
}

/// Why a login does not hold here and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// The client is not where it must be.
    Source,
    /// It was valid until a time that is over.
    Expired,
    /// The security key was not touched.
    Touch,
    /// The security key has not verified its user.
    Verification,
}

/// What is known of how a login was made, to be held against [`Restrictions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances<'a> {
    /// Where the client is; `None` when that is not known, and then no list of sources matches.
    pub address: Option<IpAddr>,
    /// Its host's name, for those who look names up; it must be confirmed by the name's own addresses.
    pub host: Option<&'a str>,
    /// The time.
    pub now: SystemTime,
}

impl Circumstances<'_> {
    /// A client at this address, whose host's name is not asked for, now.
    pub fn at(address: Option<IpAddr>) -> Self {
        Self { address, host: None, now: SystemTime::now() }
    }
}

/// Two forced commands that are not the same: there is nothing that could be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandConflict;

impl Restrictions {
    /// No restriction: a key in `authorized_keys` without options. (A touch of security keys is required.)
    pub fn none() -> Self {
        Self {
            permits: Permits::EVERYTHING,
            command: None,
            environment: Vec::new(),
            sources: Vec::new(),
            open: Vec::new(),
            listen: Vec::new(),
            expires: None,
            touch_required: true,
            verify_required: false,
            tunnel: None,
        }
    }

    /// Nothing but to run commands without a terminal: a key with `restrict`, a certificate without extensions.
    pub fn all() -> Self {
        Self { permits: Permits::NOTHING, ..Self::none() }
    }

    /// Both together: what one forbids is forbidden (sshd(8): "the most restrictive union of the two").
    ///
    /// # Errors
    /// Two forced commands that differ: the login must be refused.
    pub fn and(self, other: Self) -> Result<Self, CommandConflict> {
        let command = match (self.command, other.command) {
            (Some(one), Some(another)) if one != another => return Err(CommandConflict),
            (one, another) => one.or(another),
        };
        let tunnel = match (self.tunnel, other.tunnel) {
            (Some(one), Some(another)) if one != another => None,
            (one, another) => one.or(another),
        };
        // Two devices that differ leave none.
        let no_device = tunnel.is_none() && self.tunnel.is_some();
        let mut permits = self.permits.and(other.permits);
        permits.tunnel &= !no_device;
        let mut environment = self.environment;
        for (name, value) in other.environment {
            if !environment.iter().any(|(known, _)| *known == name) {
                environment.push((name, value));
            }
        }
        Ok(Self {
            permits,
            command,
            environment,
            sources: [self.sources, other.sources].concat(),
            open: [self.open, other.open].concat(),
            listen: [self.listen, other.listen].concat(),
            expires: self.expires.into_iter().chain(other.expires).min(),
            touch_required: self.touch_required || other.touch_required,
            verify_required: self.verify_required || other.verify_required,
            tunnel,
        })
    }

    /// Whether a login holds under these circumstances.
    ///
    /// # Errors
    /// [`Denied::Source`] and [`Denied::Expired`].
    pub fn check(&self, circumstances: Circumstances<'_>) -> Result<(), Denied> {
        let Circumstances { address, host, now } = circumstances;
        if self.expires.is_some_and(|last| last < now) {
            return Err(Denied::Expired);
        }
        let here = |list: &SourceList| address.is_some_and(|address| list.matches(address, host));
        if self.sources.iter().all(here) { Ok(()) } else { Err(Denied::Source) }
    }

    /// Whether a signature of a security key is good enough: what its flags say of a touch and of a verified user.
    ///
    /// # Errors
    /// [`Denied::Touch`] and [`Denied::Verification`].
    pub fn check_security_key(&self, touched: bool, verified: bool) -> Result<(), Denied> {
        if self.touch_required && !touched {
            return Err(Denied::Touch);
        }
        if self.verify_required && !verified {
            return Err(Denied::Verification);
        }
        Ok(())
    }

    /// Whether a connection may be opened to a host and a port (`direct-tcpip`).
    pub fn permits_open(&self, host: &str, port: u32) -> bool {
        self.permits.port_forwarding && self.open.iter().all(|list| list.permits_open(host, port))
    }

    /// Whether may be listened at an address and a port (`tcpip-forward`); port 0 stands for any.
    pub fn permits_listen(&self, host: &str, port: u32) -> bool {
        self.permits.port_forwarding && self.listen.iter().all(|list| list.permits_listen(host, port))
    }

    /// Whether Unix sockets may be connected to (`direct-streamlocal@openssh.com`). No list can name a path, so where
    /// there is one, none may be. (OpenSSH does not look at the lists here.)
    pub fn permits_open_path(&self) -> bool {
        self.permits.port_forwarding && self.open.is_empty()
    }

    /// Whether may be listened at Unix sockets (`streamlocal-forward@openssh.com`); see
    /// [`permits_open_path`](Self::permits_open_path).
    pub fn permits_listen_path(&self) -> bool {
        self.permits.port_forwarding && self.listen.is_empty()
    }

    /// Whether a tun(4) device may be forwarded (`tun@openssh.com`); `None` is a client that takes any. What goes
    /// through it cannot be held against lists of ports, so where there is one, none may be.
    pub fn permits_tunnel(&self, device: Option<u32>) -> bool {
        let allowed = match (self.tunnel, device) {
            (Some(forced), Some(wanted)) => forced == wanted,
            _ => true,
        };
        let unlisted = self.open.is_empty() && self.listen.is_empty();
        allowed && unlisted && self.permits.port_forwarding && self.permits.tunnel
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "the client is not at an address that this login is restricted to",
            Self::Expired => "the time until which this login was valid is over",
            Self::Touch => "the security key was not touched",
            Self::Verification => "the security key has not verified its user",
        })
    }
}

impl std::error::Error for Denied {}

impl fmt::Display for CommandConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two different forced commands")
    }
}

impl std::error::Error for CommandConflict {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sources(list: &str) -> Vec<SourceList> {
        vec![SourceList::patterns(list).unwrap()]
    }

    fn open(entry: &str) -> Vec<PermitList> {
        vec![PermitList::open([entry]).unwrap()]
    }

    fn at(address: Option<&str>, now: SystemTime) -> Circumstances<'static> {
        Circumstances { address: address.map(|address| address.parse().unwrap()), host: None, now }
    }

    #[test]
    fn defect_025_what_one_step_forbids_is_forbidden_whatever_the_other_permits() {
        let (early, late) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + Duration::from_secs(9));
        let one = Restrictions {
            command: Some(b"backup".to_vec()),
            sources: sources("10.0.0.0/8"),
            open: open("a:1"),
            expires: Some(late),
            touch_required: false,
            environment: vec![("A".to_owned(), b"1".to_vec())],
            ..Restrictions::none()
        };
        let two = Restrictions {
            sources: sources("*.1"),
            open: open("a:*"),
            listen: vec![PermitList::default()],
            expires: Some(early),
            verify_required: true,
            environment: vec![("A".to_owned(), b"2".to_vec()), ("B".to_owned(), b"3".to_vec())],
            ..Restrictions::all()
        };
        for both in [one.clone().and(two.clone()).unwrap(), two.and(one).unwrap()] {
            assert_eq!(both.permits, Permits::NOTHING);
            assert_eq!(both.command.as_deref(), Some(&b"backup"[..]));
            assert_eq!(both.check(at(Some("10.0.0.1"), early)), Ok(()));
            assert_eq!(both.check(at(Some("10.0.0.1"), late)), Err(Denied::Expired));
            assert_eq!(both.check(at(Some("10.0.0.2"), early)), Err(Denied::Source));
            assert_eq!(both.check(at(Some("11.0.0.1"), early)), Err(Denied::Source));
            assert!(both.touch_required && both.verify_required);
            assert_eq!(both.environment.len(), 2);
            let forwards = Restrictions { permits: Permits::EVERYTHING, ..both };
            assert!(forwards.permits_open("a", 1) && !forwards.permits_open("a", 2));
            assert!(!forwards.permits_listen("localhost", 1), "an empty list permits nothing");
            assert!(!forwards.permits_open_path() && !forwards.permits_listen_path());
            assert!(!forwards.permits_tunnel(None));
        }
    }

    #[test]
    fn forced_commands_that_differ_leave_nothing_to_run() {
        let with = |command: &[u8]| Restrictions { command: Some(command.to_vec()), ..Restrictions::none() };
        assert_eq!(with(b"a").and(with(b"b")), Err(CommandConflict));
        assert_eq!(with(b"a").and(with(b"a")), Ok(with(b"a")));
    }

    #[test]
    fn tunnel_devices_that_differ_leave_none() {
        let with = |device| Restrictions { tunnel: device, ..Restrictions::none() };
        assert!(!with(Some(1)).and(with(Some(2))).unwrap().permits_tunnel(None));
        let forced = with(Some(1)).and(with(None)).unwrap();
        assert!(forced.permits_tunnel(Some(1)) && forced.permits_tunnel(None));
        assert!(!forced.permits_tunnel(Some(2)));
        assert!(!forced.and(Restrictions::all()).unwrap().permits_tunnel(Some(1)));
    }

    #[test]
    fn defect_027_without_an_address_no_list_of_sources_matches() {
        let restricted = Restrictions { sources: sources("*"), ..Restrictions::none() };
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(restricted.check(at(None, now)), Err(Denied::Source));
        assert_eq!(restricted.check(at(Some("::1"), now)), Ok(()));
        assert_eq!(Restrictions::none().check(at(None, now)), Ok(()));
        let nowhere = Restrictions { sources: vec![SourceList::default()], ..Restrictions::none() };
        assert_eq!(nowhere.check(at(Some("::1"), now)), Err(Denied::Source));
    }

    #[test]
    fn security_keys_are_touched_unless_that_is_waived() {
        let usual = Restrictions::none();
        assert_eq!(usual.check_security_key(false, true), Err(Denied::Touch));
        assert_eq!(usual.check_security_key(true, false), Ok(()));
        let strict = Restrictions { verify_required: true, touch_required: false, ..usual };
        assert_eq!(strict.check_security_key(false, false), Err(Denied::Verification));
        assert_eq!(strict.check_security_key(false, true), Ok(()));
    }
}
