//! What a client may do that has logged in: the one place where a server holds what it is asked for against the
//! restrictions of the login. Behind the lock, in front of the application.

use std::net::IpAddr;
use std::sync::Arc;

use feramiko_keys::{CommandConflict, Restrictions};
use feramiko_proto::Request;
use feramiko_wire::{DecodeError, Reader};

/// Says the name of the host with this address, for `from=` with names of hosts.
pub(crate) type NameOf = Arc<dyn Fn(IpAddr) -> Option<String> + Send + Sync>;

/// The requests of RFC 4254 section 7.1 and OpenSSH PROTOCOL section 2.4 that come to the application.
pub(crate) const FORWARD_REQUESTS: [&str; 4] = [
    "tcpip-forward",
    "cancel-tcpip-forward",
    "streamlocal-forward@openssh.com",
    "cancel-streamlocal-forward@openssh.com",
];

/// What a client wanted to run when a command is forced. It is for the server to say, so no client may.
pub(crate) const ORIGINAL_COMMAND: &str = "SSH_ORIGINAL_COMMAND";
/// A tunnel to whatever device there is (OpenSSH PROTOCOL section 2.3).
const ANY_TUNNEL: u32 = 0x7fff_ffff;

/// The restrictions of one connection.
#[derive(Default)]
pub(crate) struct Permissions {
    /// Where the client is, where that is known.
    pub(crate) address: Option<IpAddr>,
    pub(crate) name_of: Option<NameOf>,
    /// Variables that a client may set; `None` leaves that to the application.
    pub(crate) env: Option<Arc<[String]>>,
    /// Of all steps of a login together, and the user whose steps they are.
    login: Option<(String, Restrictions)>,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Refuse,
    /// This is to be done in its place.
    Instead(Request),
}

impl Permissions {
    /// What holds if a step with these restrictions is added. Another user starts anew (RFC 4252 section 5).
    pub(crate) fn with_step(
        &self,
        user: &str,
        restrictions: Restrictions,
    ) -> Result<Restrictions, CommandConflict> {
        match &self.login {
            Some((same, before)) if same == user => before.clone().and(restrictions),
            _ => Ok(restrictions),
        }
    }

    /// From now on that holds.
    pub(crate) fn hold(&mut self, user: &str, restrictions: Restrictions) {
        self.login = Some((user.to_owned(), restrictions));
    }

    /// What holds.
    pub(crate) fn restrictions(&self) -> Restrictions {
        self.login.as_ref().map_or_else(Restrictions::none, |(_, restrictions)| restrictions.clone())
    }

    /// Whether a channel of this kind may be opened by the client; or why not.
    pub(crate) fn open(&self, kind: &str, data: &[u8]) -> Result<(), &'static str> {
        let login = self.login.as_ref().map(|(_, login)| login);
        let permitted = match (kind, login) {
            ("session", _) => true,
            ("direct-tcpip", login) => {
                let (host, port) = tcp_target(data).map_err(|_| "that is no host and no port")?;
                login.is_none_or(|login| login.permits_open(&host, port))
            }
            ("direct-streamlocal@openssh.com", Some(login)) => login.permits_open_path(),
            ("tun@openssh.com", Some(login)) => {
                let device = tunnel_device(data).map_err(|_| "that is no tunnel")?;
                login.permits_tunnel(device)
            }
            // Nobody knows what it does: not for those who may not do everything.
            (_, Some(login)) => is_unrestricted(login),
            (_, None) => true,
        };
        if permitted { Ok(()) } else { Err("this login may not open it") }
    }

    /// Whether we may open a channel of this kind to the client.
    pub(crate) fn open_to_client(&self, kind: &str) -> bool {
        let Some((_, login)) = &self.login else { return true };
        let permits = login.permits;
        match kind {
            "auth-agent@openssh.com" | "agent-connect" => permits.agent_forwarding,
            "x11" => permits.x11_forwarding,
            "forwarded-tcpip" | "forwarded-streamlocal@openssh.com" => permits.port_forwarding,
            _ => true,
        }
    }

    /// What becomes of a request on a channel.
    pub(crate) fn request(&self, request: &Request) -> Verdict {
        let pass_if = |permitted| if permitted { Verdict::Pass } else { Verdict::Refuse };
        if let Request::Env { name, .. } = request {
            return pass_if(self.permits_env(name));
        }
        let Some((_, login)) = &self.login else { return Verdict::Pass };
        match request {
            Request::Pty(_) => pass_if(login.permits.pty),
            Request::Shell | Request::Exec(_) | Request::Subsystem(_) => match &login.command {
                Some(command) => Verdict::Instead(Request::Exec(command.clone())),
                None => Verdict::Pass,
            },
            // What is forced to run is not to be stopped.
            Request::Signal(_) => pass_if(login.command.is_none()),
            Request::Other { name, .. } => match name.as_str() {
                "auth-agent-req@openssh.com" | "agent-req" => pass_if(login.permits.agent_forwarding),
                "x11-req" => pass_if(login.permits.x11_forwarding),
                _ => pass_if(is_unrestricted(login)),
            },
            _ => Verdict::Pass,
        }
    }

    /// Under a forced command only those that the server has named: a variable may well be another command.
    fn permits_env(&self, name: &str) -> bool {
        let login = self.login.as_ref().map(|(_, login)| login);
        let ours = |login: &Restrictions| login.environment.iter().any(|(known, _)| known == name);
        if name == ORIGINAL_COMMAND || login.is_some_and(ours) {
            return false;
        }
        match &self.env {
            Some(patterns) => patterns.iter().any(|pattern| env_matches(pattern, name)),
            None => login.is_none_or(|login| login.command.is_none()),
        }
    }

    /// Whether the client may ask this of the connection.
    pub(crate) fn global(&self, name: &str, data: &[u8]) -> bool {
        let login = self.login.as_ref().map(|(_, login)| login);
        match name {
            "tcpip-forward" => match tcp_listener(data) {
                Ok((host, port)) => login.is_none_or(|login| login.permits_listen(&host, port)),
                Err(_) => false,
            },
            "streamlocal-forward@openssh.com" => login.is_none_or(Restrictions::permits_listen_path),
            // What there is may be ended.
            _ => true,
        }
    }
}

fn is_unrestricted(login: &Restrictions) -> bool {
    let lists = login.open.is_empty() && login.listen.is_empty();
    lists && login.command.is_none() && login.permits == feramiko_keys::Permits::EVERYTHING
}

/// A name, or a beginning and `*`.
fn env_matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

/// Host and port of `direct-tcpip` (RFC 4254 section 7.2). What is no port is no target.
fn tcp_target(data: &[u8]) -> Result<(String, u32), DecodeError> {
    let mut reader = Reader::new(data);
    let target = host_and_port(&mut reader)?;
    let _originator = host_and_port(&mut reader)?;
    reader.finish()?;
    Ok(target)
}

/// Address and port of `tcpip-forward` (RFC 4254 section 7.1).
fn tcp_listener(data: &[u8]) -> Result<(String, u32), DecodeError> {
    let mut reader = Reader::new(data);
    let listener = host_and_port(&mut reader)?;
    reader.finish()?;
    Ok(listener)
}

fn host_and_port(reader: &mut Reader<'_>) -> Result<(String, u32), DecodeError> {
    let (host, port) = (reader.utf8()?.to_owned(), reader.u32()?);
    match u16::try_from(port) {
        Ok(_) => Ok((host, port)),
        Err(_) => Err(DecodeError::Count { claimed: port, limit: usize::from(u16::MAX) }),
    }
}

/// The device of `tun@openssh.com`; `None` for any.
fn tunnel_device(data: &[u8]) -> Result<Option<u32>, DecodeError> {
    let mut reader = Reader::new(data);
    let (_mode, device) = (reader.u32()?, reader.u32()?);
    reader.finish()?;
    Ok((device != ANY_TUNNEL).then_some(device))
}

#[cfg(test)]
mod tests {
    use feramiko_keys::{AuthorizedKeys, PermitList, Permits};
    use feramiko_proto::{Pty, WindowSize};
    use feramiko_wire::Writer;

    use super::*;

    const KEY: &str = include_str!("../../keys/tests/data/ed25519.pub");

    /// Logged in by a line of authorized_keys with these options.
    fn login(options: &str) -> Permissions {
        let keys = AuthorizedKeys::parse(format!("{options} {KEY}").as_bytes());
        let restrictions = keys.entries()[0].restrictions.clone();
        let mut permissions = Permissions::default();
        permissions.hold("robey", restrictions);
        permissions
    }

    fn fields(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut data = Vec::new();
        write(&mut Writer::new(&mut data));
        data
    }

    fn tcp(host: &str, port: u32) -> Vec<u8> {
        fields(|writer| {
            writer.string(host.as_bytes());
            writer.u32(port);
        })
    }

    fn other(name: &str) -> Request {
        Request::Other { name: name.to_owned(), data: Vec::new() }
    }

    fn env(name: &str) -> Request {
        Request::Env { name: name.to_owned(), value: b"x".to_vec() }
    }

    /// Every way to forward, by its name: whether this login may.
    fn forwards(options: &str) -> Vec<&'static str> {
        let login = login(options);
        let target = [tcp("host", 80), tcp("127.0.0.1", 4000)].concat();
        let path = fields(|writer| {
            writer.string(b"/run/socket");
            writer.string(b"");
            writer.u32(0);
        });
        let tunnel = fields(|writer| [1, ANY_TUNNEL].into_iter().for_each(|number| writer.u32(number)));
        let listen_path = fields(|writer| writer.string(b"/run/socket"));
        let permitted = [
            ("pty", login.request(&Request::Pty(pty())) == Verdict::Pass),
            ("agent", login.request(&other("auth-agent-req@openssh.com")) == Verdict::Pass),
            ("agent", login.request(&other("agent-req")) == Verdict::Pass),
            ("agent", login.open_to_client("auth-agent@openssh.com")),
            ("x11", login.request(&other("x11-req")) == Verdict::Pass),
            ("x11", login.open_to_client("x11")),
            ("open", login.open("direct-tcpip", &target).is_ok()),
            ("open path", login.open("direct-streamlocal@openssh.com", &path).is_ok()),
            ("listen", login.global("tcpip-forward", &tcp("localhost", 80))),
            ("listen path", login.global("streamlocal-forward@openssh.com", &listen_path)),
            ("tunnel", login.open("tun@openssh.com", &tunnel).is_ok()),
            ("unknown", login.open("new-kind@example.com", b"").is_ok()),
            ("unknown", login.request(&other("new-request@example.com")) == Verdict::Pass),
        ];
        let mut names: Vec<_> =
            permitted.iter().filter(|(_, permitted)| *permitted).map(|(name, _)| *name).collect();
        names.dedup();
        names
    }

    fn pty() -> Pty {
        Pty { term: "dumb".to_owned(), size: WindowSize::default(), modes: Vec::new() }
    }

    /// Rows 94 to 96: every restriction against every way to forward.
    #[test]
    fn defect_094_every_restriction_and_every_forwarding() {
        let ports = ["open", "open path", "listen", "listen path", "tunnel"];
        let all: Vec<_> = ["pty", "agent", "x11"].into_iter().chain(ports).chain(["unknown"]).collect();
        let without =
            |missing: &[&str]| all.iter().copied().filter(|name| !missing.contains(name)).collect::<Vec<_>>();
        assert_eq!(forwards(""), all);
        assert_eq!(forwards("restrict"), [""; 0]);
        assert_eq!(forwards("no-pty"), without(&["pty", "unknown"]));
        assert_eq!(forwards("no-agent-forwarding"), without(&["agent", "unknown"]));
        assert_eq!(forwards("no-X11-forwarding"), without(&["x11", "unknown"]));
        let no_ports: Vec<_> = ports.into_iter().chain(["unknown"]).collect();
        assert_eq!(forwards("no-port-forwarding"), without(&no_ports));
        assert_eq!(forwards("no-user-rc"), without(&["unknown"]));
        assert_eq!(forwards("command=\"x\""), without(&["unknown"]));
        assert_eq!(forwards("restrict,pty"), ["pty"]);
        assert_eq!(forwards("restrict,agent-forwarding"), ["agent"]);
        assert_eq!(forwards("restrict,X11-forwarding"), ["x11"]);
        assert_eq!(forwards("restrict,port-forwarding"), ["open", "open path", "listen", "listen path"]);
        // A list of hosts and ports names no path and no tunnel.
        let unlisted = ["open path", "tunnel", "unknown"];
        assert_eq!(forwards("permitopen=\"host:80\""), without(&unlisted));
        assert_eq!(forwards("permitopen=\"host:81\""), without(&["open", "open path", "tunnel", "unknown"]));
        let unlisted = ["listen path", "tunnel", "unknown"];
        assert_eq!(forwards("permitlisten=\"80\""), without(&unlisted));
        assert_eq!(forwards("permitlisten=\"81\""), without(&["listen", "listen path", "tunnel", "unknown"]));
        assert_eq!(forwards("tunnel=\"1\""), all);
        assert_eq!(forwards("restrict,permitopen=\"host:80\""), [""; 0]);
    }

    #[test]
    fn defect_095_a_tunnel_is_to_the_forced_device_only() {
        let device =
            |number: u32| fields(|writer| [1, number].into_iter().for_each(|number| writer.u32(number)));
        let login = login("tunnel=\"1\"");
        assert!(login.open("tun@openssh.com", &device(1)).is_ok());
        assert!(login.open("tun@openssh.com", &device(2)).is_err());
        assert!(login.open("tun@openssh.com", b"").is_err());
    }

    #[test]
    fn defect_096_what_was_begun_may_be_ended_whatever_is_forbidden() {
        for name in ["cancel-tcpip-forward", "cancel-streamlocal-forward@openssh.com"] {
            assert!(login("restrict").global(name, b""));
        }
    }

    #[test]
    fn defect_097_what_is_no_port_is_no_target_for_anybody() {
        for login in [Permissions::default(), login(""), login("permitopen=\"*:*\",permitlisten=\"*\"")] {
            for port in [65_536, 65_536 + 80, u32::MAX] {
                assert!(login.open("direct-tcpip", &[tcp("host", port), tcp("", 1)].concat()).is_err());
                assert!(login.open("direct-tcpip", &[tcp("host", 1), tcp("", port)].concat()).is_err());
                assert!(!login.global("tcpip-forward", &tcp("", port)));
            }
            assert!(login.open("direct-tcpip", &tcp("host", 1)).is_err(), "cut short");
            assert!(login.open("direct-tcpip", &[tcp("host", 1), tcp("", 1), vec![0]].concat()).is_err());
            assert!(!login.global("tcpip-forward", b""));
        }
    }

    #[test]
    fn defect_098_a_forced_command_takes_the_place_of_everything_and_gets_no_signals() {
        let login = login("command=\"backup\"");
        let programs = [Request::Shell, Request::Exec(b"rm".to_vec()), Request::Subsystem("sftp".to_owned())];
        for program in &programs {
            assert_eq!(login.request(program), Verdict::Instead(Request::Exec(b"backup".to_vec())));
        }
        assert_eq!(login.request(&Request::Signal("KILL".to_owned())), Verdict::Refuse);
        let free = Permissions::default();
        for program in programs {
            assert_eq!(free.request(&program), Verdict::Pass);
        }
        assert_eq!(free.request(&Request::Signal("KILL".to_owned())), Verdict::Pass);
    }

    #[test]
    fn variables_that_the_server_gives_are_not_the_clients_to_set() {
        let mut free = login("environment=\"ROLE=guest\"");
        assert_eq!(free.request(&env("LANG")), Verdict::Pass);
        for ours in ["ROLE", ORIGINAL_COMMAND] {
            assert_eq!(free.request(&env(ours)), Verdict::Refuse);
        }
        free.env = Some(["LC_*".to_owned(), "ROLE".to_owned()].into());
        assert_eq!(free.request(&env("LC_TIME")), Verdict::Pass);
        for other in ["LANG", "ROLE", "XLC_", "LC"] {
            assert_eq!(free.request(&env(other)), Verdict::Refuse);
        }
        let mut forced = login("command=\"backup\"");
        for name in ["LD_PRELOAD", "LANG", ORIGINAL_COMMAND] {
            assert_eq!(forced.request(&env(name)), Verdict::Refuse);
        }
        forced.env = Some(["LANG".to_owned()].into());
        assert_eq!(forced.request(&env("LANG")), Verdict::Pass);
        assert_eq!(Permissions::default().request(&env(ORIGINAL_COMMAND)), Verdict::Refuse);
    }

    #[test]
    fn defect_026_what_each_step_forbids_holds_and_another_user_starts_anew() {
        let mut permissions = Permissions::default();
        let no_pty =
            Restrictions { permits: Permits { pty: false, ..Permits::EVERYTHING }, ..Restrictions::none() };
        permissions.hold("robey", permissions.with_step("robey", no_pty).unwrap());
        permissions.hold("robey", permissions.with_step("robey", Restrictions::none()).unwrap());
        assert_eq!(permissions.request(&Request::Pty(pty())), Verdict::Refuse);
        let only = Restrictions { open: vec![PermitList::default()], ..Restrictions::none() };
        permissions.hold("robey", permissions.with_step("robey", only).unwrap());
        assert!(!permissions.restrictions().permits.pty && !permissions.restrictions().permits_open("h", 1));
        permissions.hold("other", permissions.with_step("other", Restrictions::none()).unwrap());
        assert_eq!(permissions.request(&Request::Pty(pty())), Verdict::Pass);
    }
}
