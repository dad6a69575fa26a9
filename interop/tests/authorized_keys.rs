//! `authorized_keys` and revocation lists as OpenSSH has them: one line of a file, one `ssh`, our server and a real `sshd`.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use feramiko::{
    AuthorizedKeysPolicy, Channel, Error, PrivateKey, Request, RevokedKeys, Server, ServerConnection,
};
use feramiko_interop::{KeyFile, KeyType, Running, Ssh, Sshd, host_keys, public_key, run, user_key};

/// What one line lets its key do.
#[derive(Debug, PartialEq, Eq, Default, Clone)]
struct Granted {
    /// What the probe told; `None` when nobody was let in.
    told: Option<String>,
    /// What else: `pty`, `x11`, `listen`, `listen path`, `open`.
    ways: Vec<&'static str>,
}

/// Tells what a command finds where it runs.
const PROBE: &str = r#"echo "agent=${SSH_AUTH_SOCK:+yes} role=$ROLE sent=$FERAMIKO_SENT wanted=${SSH_ORIGINAL_COMMAND:+yes}""#;

/// What there is around a test: an agent to forward, a port to reach, a port and a path to listen at.
struct Surroundings {
    folder: tempfile::TempDir,
    _agent: Running,
    target: u16,
    free: u16,
}

impl Surroundings {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut agent = Command::new("ssh-agent");
        agent.arg("-D").arg("-a").arg(folder.path().join("agent"));
        let agent = Running::start("ssh-agent", agent);
        agent.wait_for_text("SSH_AUTH_SOCK");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let target = port_of(&listener);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // Whoever has gone again has been let through as well.
                let _ = stream.and_then(|mut stream| stream.write_all(b"reached\n"));
            }
        });
        let free = port_of(&TcpListener::bind("127.0.0.1:0").expect("a port"));
        Self { folder, _agent: agent, target, free }
    }

    /// A line: the options, with the ports of this test in them, and the key.
    fn line(&self, options: &str, key: &str) -> String {
        let options = options.replace("TARGET", &self.target.to_string());
        format!("{} {key}\n", options.replace("FREE", &self.free.to_string())).trim_start().to_owned()
    }

    /// What `ssh` gets from a server.
    fn ask(&self, ssh: impl Fn() -> Ssh + Sync) -> Granted {
        let (host, path) = (format!("localhost:{}", self.free), format!("/tmp/feramiko-{}.sock", self.free));
        let probe = ssh()
            .flag("-Y")
            .option("IdentityAgent", &self.folder.path().join("agent").display().to_string())
            .option("ForwardAgent", "yes")
            .option("SetEnv", "FERAMIKO_SENT=1")
            .option("RemoteForward", &format!("{host} 127.0.0.1:1"))
            .option("RemoteForward", &format!("{path} 127.0.0.1:1"));
        let mut command = probe.command(PROBE);
        // Nobody is there: it is the request that counts.
        command.env("DISPLAY", "127.0.0.1:999");
        let terminal = ssh().flag("-tt");
        let (told, through) = std::thread::scope(|scope| {
            let tunnel = || ssh().flag("-W").flag(&format!("127.0.0.1:{}", self.target)).run("", b"").text();
            let (tunnel, typed) = (scope.spawn(tunnel), scope.spawn(|| terminal.run("true", b"")));
            let told = run(command, b"").text();
            typed.join().expect("ssh is run");
            (told, tunnel.join().expect("ssh is run"))
        });
        // sshd leaves it behind, and does not listen where something is already. It is not there where it was refused.
        let _ = fs::remove_file(&path);
        if !probe.authenticated() {
            return Granted::default();
        }
        let log = probe.log();
        let success = |what: &str| log.contains(&format!("remote forward success for: listen {what}"));
        let ways = [
            ("pty", !terminal.log().contains("PTY allocation request failed")),
            (
                "x11",
                log.contains("Requesting X11 forwarding") && !log.contains("X11 forwarding request failed"),
            ),
            ("listen", success(&host)),
            ("listen path", success(&path)),
            ("open", through.trim() == "reached"),
        ];
        let ways = ways.into_iter().filter(|(_, granted)| *granted).map(|(way, _)| way).collect();
        // What stands before it is xauth's.
        let told = told.lines().last().unwrap_or_default();
        Granted { told: Some(told.trim().to_owned()), ways }
    }
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("its number").port()
}

/// Our server, with this file for everybody.
fn serve(file: &Path) -> (Server, SocketAddr) {
    let policy = AuthorizedKeysPolicy::pattern(file.display().to_string()).any_owner().user_environment(true);
    let mut builder = Server::builder().authorized_keys(policy).accept_env(["FERAMIKO_*"]);
    for key in host_keys() {
        builder = builder.host_key(PrivateKey::load_file(&key.path, None).expect("a host key"));
    }
    let server = builder.bind("127.0.0.1:0").wait().expect("our server listens");
    let address = server.local_addr().expect("its address");
    let listening = server.clone();
    std::thread::spawn(move || listening.serve(look_after));
    (server, address)
}

/// Grants whatever reaches the application.
fn look_after(connection: ServerConnection) -> Result<(), Error> {
    listen(&connection);
    while let Some(attempt) = connection.next_auth().wait()? {
        attempt.reject()?;
    }
    while let Some(open) = connection.next_channel().wait()? {
        // What was asked for before the channel is answered before it.
        listen(&connection);
        let is_session = open.kind() == "session";
        let channel = open.accept()?;
        let connection = connection.clone();
        std::thread::spawn(move || {
            let ended = if is_session { execute(&connection, &channel) } else { reach(&channel) };
            if let Err(error) = ended {
                eprintln!("a channel of ours has failed: {error}");
            }
        });
    }
    Ok(())
}

/// Says yes to all requests to listen that are there.
fn listen(connection: &ServerConnection) {
    while let Some(Ok(request)) = connection.transport().next_global().wait_timeout(Duration::ZERO) {
        request.accept(b"");
    }
}

fn reach(channel: &Channel) -> Result<(), Error> {
    channel.send("reached\n").wait()?;
    channel.close();
    Ok(())
}

/// Runs the command, with what the client and the file give it.
fn execute(connection: &ServerConnection, channel: &Channel) -> Result<(), Error> {
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    for (name, value) in connection.restrictions().environment {
        shell.env(name, String::from_utf8_lossy(&value).into_owned());
    }
    while let Some(request) = channel.next_request().wait()? {
        match (request.request().clone(), request.as_sent()) {
            (Request::Env { name, value }, _) => {
                shell.env(name, String::from_utf8_lossy(&value).into_owned());
            }
            (Request::Other { name, .. }, _) if name == "auth-agent-req@openssh.com" => {
                shell.env("SSH_AUTH_SOCK", "/nowhere");
            }
            (Request::Exec(line), sent) => {
                if let Request::Exec(wanted) = sent
                    && *wanted != line
                {
                    shell.env("SSH_ORIGINAL_COMMAND", String::from_utf8_lossy(wanted).into_owned());
                }
                request.accept();
                let output = shell.arg("-c").arg(String::from_utf8_lossy(&line).into_owned()).output();
                return channel.finish_with(output.expect("a shell")).wait();
            }
            _ => {}
        }
        request.accept();
    }
    Ok(())
}

/// What the probe tells, and the ways that are open.
type Told = (&'static str, &'static [&'static str]);

/// Lines, and what they let their key do; `None`: nothing.
const MATRIX: [(&str, Option<Told>); 33] = [
    ("", Some((FREE, ALL))),
    ("no-pty", Some((FREE, &["x11", "listen", "listen path", "open"]))),
    ("no-X11-forwarding", Some((FREE, &["pty", "listen", "listen path", "open"]))),
    ("no-agent-forwarding", Some(("agent= role= sent=1 wanted=", ALL))),
    ("no-port-forwarding", Some((FREE, &["pty", "x11"]))),
    ("no-user-rc", Some((FREE, ALL))),
    ("restrict", Some(("agent= role= sent=1 wanted=", &[]))),
    ("restrict,pty", Some(("agent= role= sent=1 wanted=", &["pty"]))),
    ("RESTRICT,Agent-Forwarding", Some((FREE, &[]))),
    ("restrict,X11-forwarding", Some(("agent= role= sent=1 wanted=", &["x11"]))),
    ("restrict,port-forwarding", Some(("agent= role= sent=1 wanted=", &["listen", "listen path", "open"]))),
    (
        "environment=\"ROLE=guest\",environment=\"ROLE=root\"",
        Some(("agent=yes role=guest sent=1 wanted=", ALL)),
    ),
    ("command=\"echo \\\"forced, not free\\\"\"", Some(("forced, not free", ALL))),
    ("restrict,command=\"echo ${SSH_ORIGINAL_COMMAND%% *}\"", Some(("echo", &[]))),
    ("permitopen=\"127.0.0.1:TARGET\"", Some((FREE, ALL))),
    ("permitopen=\"127.0.0.1:*\"", Some((FREE, ALL))),
    (
        "permitopen=\"127.0.0.1:1\",permitopen=\"localhost:TARGET\"",
        Some((FREE, &["pty", "x11", "listen", "listen path"])),
    ),
    ("permitlisten=\"FREE\"", Some((FREE, ALL))),
    ("permitlisten=\"local*:FREE\"", Some((FREE, ALL))),
    ("permitlisten=\"127.0.0.1:FREE\"", Some((FREE, &["pty", "x11", "listen path", "open"]))),
    ("permitlisten=\"localhost:1\"", Some((FREE, &["pty", "x11", "listen path", "open"]))),
    ("from=\"127.0.0.1\"", Some((FREE, ALL))),
    ("from=\"10.0.0.0/8,127.0.0.0/8\"", Some((FREE, ALL))),
    ("from=\"127.*,!127.0.0.1\"", None),
    ("from=\"10.0.0.0/8\"", None),
    ("from=\"127.0.0.1/8\"", None),
    ("from=\"\"", None),
    ("expiry-time=\"20991231\"", Some((FREE, ALL))),
    ("expiry-time=\"20200101\"", None),
    ("cert-authority", None),
    ("principals=\"robey\"", None),
    ("no-such-option", None),
    ("pty,command=\"echo", None),
];

/// What the probe tells where nothing is forbidden.
const FREE: &str = "agent=yes role= sent=1 wanted=";
const ALL: &[&str] = &["pty", "x11", "listen", "listen path", "open"];

/// Where we forbid more than sshd does: lines, and what only sshd grants.
///
/// A list of ports names no path: where only some ports may be listened at, no path may.
const STRICTER: [(&str, &str); 4] = [
    ("permitlisten=\"FREE\"", "listen path"),
    ("permitlisten=\"local*:FREE\"", "listen path"),
    ("permitlisten=\"127.0.0.1:FREE\"", "listen path"),
    ("permitlisten=\"localhost:1\"", "listen path"),
];

fn expected(options: &str, with_sshd: bool) -> Granted {
    let (_, granted) = MATRIX.iter().find(|(line, _)| *line == options).expect("a line of the matrix");
    let Some((told, ways)) = granted else { return Granted::default() };
    let denied = |way: &str| !with_sshd && STRICTER.contains(&(options, way));
    let ways = ways.iter().copied().filter(|way| !denied(way)).collect();
    Granted { told: Some((*told).to_owned()), ways }
}

#[test]
fn defect_127_every_option_means_at_our_server_what_it_means_at_sshd() {
    let key = user_key(KeyType::Ed25519);
    let (ours, theirs) = (Surroundings::new(), Surroundings::new());
    let file = ours.folder.path().join("authorized_keys");
    let (server, address) = serve(&file);
    let sshd = Sshd::builder()
        .set("PermitUserEnvironment", "yes")
        .set("X11Forwarding", "yes")
        .set("StreamLocalBindUnlink", "yes")
        .start();
    let sshds = sshd.home().join(feramiko_interop::USER).join(".ssh/authorized_keys");
    let wrong = std::thread::scope(|scope| {
        let at_ours = scope.spawn(|| compare(&ours, &file, &key, false, || Ssh::to(address).key(&key)));
        let user = sshd.user();
        let mut wrong = compare(&theirs, &sshds, &key, true, || Ssh::to(sshd.address()).user(user).key(&key));
        wrong.extend(at_ours.join().expect("our server is asked"));
        wrong
    });
    server.stop();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Asks with each line of the matrix; answers where the outcome is not the expected one.
fn compare(
    around: &Surroundings,
    file: &Path,
    key: &KeyFile,
    with_sshd: bool,
    ssh: impl Fn() -> Ssh + Sync,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (options, _) in MATRIX {
        fs::write(file, around.line(options, &key.public)).expect("the file is written");
        let (granted, expected) = (around.ask(&ssh), expected(options, with_sshd));
        if granted != expected {
            let name = if with_sshd { "sshd" } else { "our server" };
            wrong.push(format!("{options} at {name}: {granted:?}, expected {expected:?}"));
        }
    }
    wrong
}

/// A folder in which `ssh-keygen` makes keys, certificates and lists.
struct Workshop(tempfile::TempDir);

impl Workshop {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn keygen(&self, arguments: &[&str]) -> i32 {
        let mut keygen = Command::new("ssh-keygen");
        keygen.current_dir(self.0.path()).args(arguments);
        run(keygen, b"").code().expect("it ends by itself")
    }

    fn done(&self, arguments: &[&str]) {
        assert_eq!(self.keygen(arguments), 0, "{arguments:?}");
    }

    /// A certificate of a key, by an authority.
    fn certify(&self, name: &str, authority: &str, serial: u64, id: &str) {
        fs::copy(self.path("subject.pub"), self.path(&format!("{name}.pub"))).expect("a copy");
        let serial = serial.to_string();
        self.done(&["-q", "-s", authority, "-I", id, "-n", "robey", "-z", &serial, &format!("{name}.pub")]);
    }
}

/// Options of an authority's line, what `ssh-keygen -s` is told of the certificate, and what `echo iron` comes to.
const CERTIFIED: [(&str, &[&str], Option<&str>); 11] = [
    ("cert-authority", &["-n", "robey"], Some("iron")),
    ("cert-authority", &["-n", "somebody,robey"], Some("iron")),
    ("cert-authority", &["-n", "somebody"], None),
    ("cert-authority", &[], None),
    ("cert-authority", &["-n", "robey", "-V", "20200101:20200102"], None),
    ("cert-authority", &["-n", "robey", "-O", "source-address=10.0.0.0/8"], None),
    ("cert-authority", &["-n", "robey", "-O", "force-command=echo forced"], Some("forced")),
    ("cert-authority,command=\"echo line\"", &["-n", "robey"], Some("line")),
    ("cert-authority,command=\"echo line\"", &["-n", "robey", "-O", "force-command=echo forced"], None),
    ("cert-authority,principals=\"guest\"", &["-n", "guest"], Some("iron")),
    ("", &["-n", "robey"], None),
];

#[test]
fn defect_029_an_authority_in_the_file_certifies_keys_as_at_sshd() {
    let shop = Workshop(tempfile::tempdir().expect("a folder"));
    shop.done(&["-q", "-t", "ed25519", "-N", "", "-f", "authority"]);
    let authority = fs::read_to_string(shop.path("authority.pub")).expect("a key");
    let key = user_key(KeyType::Ed25519);
    let file = shop.path("authorized_keys");
    let (server, address) = serve(&file);
    // Its user is `robey` among accounts of its own; without root it would be whoever runs the test.
    let sshd = Sshd::builder().accounts().start();
    let sshds = sshd.home().join(feramiko_interop::USER).join(".ssh/authorized_keys");
    for (options, arguments, expected) in CERTIFIED {
        fs::write(shop.path("key.pub"), format!("{}\n", key.public)).expect("a key");
        shop.done(&[&["-q", "-s", "authority", "-I", "id"], arguments, &["key.pub"]].concat());
        let line = format!("{options} {authority}");
        for (file, address) in [(&file, address), (&sshds, sshd.address())] {
            // A certificate for nobody in particular is for nobody; many an sshd takes it for everybody's.
            if arguments.is_empty() && address == sshd.address() {
                continue;
            }
            fs::write(file, line.trim_start()).expect("the file is written");
            let certificate = shop.path("key-cert.pub").display().to_string();
            let ssh = Ssh::to(address).key(&key).option("CertificateFile", &certificate);
            let told = ssh.run("echo iron", b"").text();
            let told = ssh.authenticated().then(|| told.trim());
            assert_eq!(told, expected, "{line} {arguments:?} at {address}: {}", ssh.log());
        }
    }
    server.stop();
}

/// Serial numbers at the edges of what the lists below revoke.
const SERIALS: [u64; 14] =
    [0, 1, 2, 3, 4, 99, 100, 101, 164, 165, 1_000_000, 1_999_999, 2_000_001, 18_446_744_073_709_551_615];

#[test]
fn defect_034_revocation_lists_revoke_for_us_what_they_revoke_for_ssh_keygen() {
    let shop = Workshop(tempfile::tempdir().expect("a folder"));
    for name in ["authority", "other", "subject", "stranger"] {
        shop.done(&["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name]);
    }
    let mut certificates = Vec::new();
    for serial in SERIALS {
        for authority in ["authority", "other"] {
            let name = format!("{authority}-{serial}");
            shop.certify(&name, authority, serial, if serial == 4 { "guest" } else { "robey" });
            certificates.push(format!("{name}-cert.pub"));
        }
    }
    let public = |name: &str| fs::read_to_string(shop.path(&format!("{name}.pub"))).expect("a key");
    let dense: String = (0..64).filter(|n| n % 3 != 1).map(|n| format!("serial: {}\n", 100 + n)).collect();
    let lists = [
        ("serials", "serial: 1\nserial: 3\nserial: 18446744073709551615\n".to_owned(), true),
        ("ranges", "serial: 2-4\nserial: 1000000-2000000\n".to_owned(), true),
        ("bitmap", dense, true),
        ("identifier", "id: guest\n".to_owned(), true),
        ("everything", "serial: 1-18446744073709551615\n".to_owned(), true),
        ("key", format!("key: {}", public("subject")), false),
        ("sha1", format!("sha1: {}", public("stranger")), false),
        ("sha256", format!("sha256: {}", public("authority")), false),
        ("nothing", String::new(), false),
    ];
    for (name, spec, by_authority) in &lists {
        fs::write(shop.path("spec"), spec).expect("a specification");
        let authority: &[&str] = if *by_authority { &["-s", "authority.pub"] } else { &[] };
        shop.done(&[&["-q", "-k", "-f", name], authority, &["spec"]].concat());
    }
    let mut asked = (0, 0);
    for (name, ..) in &lists {
        let revoked = RevokedKeys::load(shop.path(name)).expect("a list that ssh-keygen has made");
        for file in
            ["authority.pub", "subject.pub", "stranger.pub"].map(str::to_owned).iter().chain(&certificates)
        {
            let theirs = shop.keygen(&["-Q", "-q", "-f", name, file]) != 0;
            let text = fs::read_to_string(shop.path(file)).expect("a public key or a certificate");
            let ours = match feramiko::Certificate::from_line(&text) {
                Ok((certificate, _)) => revoked.is_certificate_revoked(&certificate),
                Err(_) => revoked.is_revoked(&public_key(&text)),
            };
            assert_eq!(ours, theirs, "{file} by {name}");
            asked = (asked.0 + 1, asked.1 + usize::from(ours));
        }
    }
    assert!(asked.1 > 20 && asked.0 - asked.1 > 100, "both answers are given: {asked:?}");
}

#[test]
fn an_owner_who_is_not_trusted_lets_nobody_in() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let key: KeyFile = user_key(KeyType::Ed25519);
    let file = folder.path().join("robey");
    fs::write(&file, format!("{}\n", key.public)).expect("the file is written");
    let home = folder.path().to_owned();
    let policy = AuthorizedKeysPolicy::pattern(folder.path().join("%u").display().to_string())
        .owned_by(move |_| Some(feramiko::Ownership::of_this_user().home(home.clone())));
    let mut builder = Server::builder().authorized_keys(policy);
    for key in host_keys() {
        builder = builder.host_key(PrivateKey::load_file(&key.path, None).expect("a host key"));
    }
    let server = builder.bind("127.0.0.1:0").wait().expect("our server listens");
    let address = server.local_addr().expect("its address");
    let listening = server.clone();
    std::thread::spawn(move || listening.serve(look_after));
    let told = |user: &str| Ssh::to(address).user(user).key(&key).run("echo iron", b"").text();
    assert_eq!(told("robey"), "iron\n");
    for other in ["nobody", "..", "../robey", "robey/."] {
        assert_eq!(told(other), "", "{other}");
    }
    for mode in [0o620, 0o602] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("the mode is changed");
        assert_eq!(told("robey"), "", "{mode:o}");
    }
    server.stop();
}
