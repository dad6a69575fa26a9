//! What a login may do is enforced at one place, whoever asks and whichever way the login went.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::Poll;

use super::*;
use feramiko::{
    AuthorizedKeysPolicy, Channel, Ownership, PermitList, Permits, PrivateKey, Program, PublicKey,
    Restrictions, ServerConnection, Socket, SourceList,
};

/// A folder with the file of `robey`, which lets this key in with these options.
fn authorized(options: &str, key: &PublicKey) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("robey"), format!("{options} {}\n", key.to_line("robey"))).unwrap();
    let pattern = home.path().join("%u");
    (home, pattern)
}

fn policy(pattern: &std::path::Path) -> AuthorizedKeysPolicy {
    let home = pattern.parent().unwrap().to_owned();
    let owner = move |_: &str| Some(Ownership::of_this_user().home(home.clone()));
    let policy = AuthorizedKeysPolicy::pattern(pattern.to_str().unwrap()).owned_by(owner);
    // On Windows nobody's file is safe, unless it is said that it is.
    if cfg!(windows) { policy.any_owner() } else { policy }
}

/// Says what each program was to be, and was, and takes all requests to listen.
async fn telltale(driver: Driver, connection: ServerConnection) -> Result<(), Error> {
    let listeners = connection.transport().clone();
    let mut first = listeners.next_global();
    // From now on they are not refused at once.
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut first).poll(cx).is_pending())).await;
    house::spawn(driver, async move {
        let mut next = first.await;
        while let Ok(request) = next {
            request.accept(b"");
            next = listeners.next_global().await;
        }
    });
    while let Some(attempt) = connection.next_auth().await? {
        attempt.reject()?;
    }
    while let Some(open) = connection.next_channel().await? {
        if open.kind() != "session" {
            drop(open.accept()?);
            continue;
        }
        let channel = open.accept()?;
        house::spawn(driver, async move {
            // What becomes of a client that leaves is not asked here.
            let _ = serve(channel).await;
        });
    }
    Ok(())
}

/// Grants whatever comes through, and says what ran.
async fn serve(channel: Channel) -> Result<(), Error> {
    while let Some(request) = channel.next_request().await? {
        if let Request::Exec(line) = request.request().clone() {
            let told = format!("{} instead of {:?}", String::from_utf8_lossy(&line), request.as_sent());
            request.accept();
            channel.send(told).await?;
        } else {
            request.accept();
        }
    }
    Ok(())
}

async fn house(driver: Driver, options: &str, key: &PublicKey) -> (House, tempfile::TempDir) {
    let (home, pattern) = authorized(options, key);
    let house = House::open(driver, move |connection| telltale(driver, connection)).await;
    (house.restart(driver, |server| server.authorized_keys(policy(&pattern))).await, home)
}

scenario!(defect_098_a_forced_command_runs_whatever_is_asked_for, |driver| {
    let ours = key();
    let (house, _home) = house(driver, "command=\"backup\",no-pty", ours.public_key()).await;
    let client = house.connect().key(ours).await.unwrap();
    let session = client.transport().open_session().await.unwrap();
    assert!(session.request_pty(Terminal::new("dumb")).await.is_err());
    assert!(session.set_env("LD_PRELOAD", "x").await.is_err());
    assert!(session.set_env("SSH_ORIGINAL_COMMAND", "x").await.is_err());
    session.exec("rm -r").await.unwrap();
    let told = session.read_some(1000).await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&told),
        format!("backup instead of {:?}", Request::Exec(b"rm -r".to_vec()))
    );
    let signal = session.request(Request::Signal("KILL".to_owned())).await;
    assert!(matches!(signal, Err(Error::RequestRefused(_))), "{signal:?}");
    let shell = client.transport().open_session().await.unwrap();
    shell.subsystem("sftp").await.unwrap();
    let told = shell.read_some(1000).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&told), "backup instead of Subsystem(\"sftp\")");
});

/// One thread has both ends, and has to go on while a file is awaited.
#[cfg(feature = "tokio")]
#[test]
fn files_are_read_beside_the_tasks_of_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ours = key();
        let (_home, pattern) = authorized("", ours.public_key());
        let (asked, mut was_asked) = tokio::sync::mpsc::unbounded_channel();
        let (go, may_go) = mpsc::channel();
        let may_go = std::sync::Mutex::new(may_go);
        let file = pattern.parent().unwrap().join("robey");
        let policy = AuthorizedKeysPolicy::new(move |_| {
            asked.send(()).unwrap();
            may_go.lock().unwrap().recv_timeout(Duration::from_secs(30)).ok().map(|()| file.clone())
        });
        tokio::spawn(async move {
            while was_asked.recv().await.is_some() {
                go.send(()).unwrap();
            }
        });
        let house = House::open(Driver::Tokio, |connection| telltale(Driver::Tokio, connection)).await;
        let house = house.restart(Driver::Tokio, |server| server.authorized_keys(policy.any_owner())).await;
        let login = house.connect().key(ours).await;
        assert!(login.is_ok(), "{login:?}");
    });
}

/// Says of each program what it is, what was wanted, and which variables the login assigns.
async fn introduce(connection: ServerConnection) -> Result<(), Error> {
    answer_attempts(&connection, |_, _| false).await?;
    while let Some(session) = connection.next_session().await? {
        let Some(start) = session.program().await? else { continue };
        let env: Vec<String> = start
            .assigned_env()
            .into_iter()
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(&value)))
            .collect();
        let told = format!("{:?} for {:?} with {}", start.program(), start.wanted(), env.join(","));
        start.accept().finish(told, "", 0).await?;
    }
    Ok(())
}

scenario!(a_program_is_told_what_was_wanted_and_what_its_login_assigns, |driver| {
    let exec = |line: &str| Program::Exec(line.as_bytes().to_vec());
    let sftp = || Program::Subsystem("sftp".to_owned());
    let both = "command=\"backup\",environment=\"A=1\"";
    for (options, environment, wanted, program, env) in [
        (both, true, exec("rm -r"), exec("backup"), "A=1,SSH_ORIGINAL_COMMAND=rm -r"),
        (both, true, sftp(), exec("backup"), "A=1,SSH_ORIGINAL_COMMAND=sftp"),
        (both, true, Program::Shell, exec("backup"), "A=1"),
        (both, false, exec("rm -r"), exec("backup"), "SSH_ORIGINAL_COMMAND=rm -r"),
        ("environment=\"A=1\",environment=\"B=2\"", true, exec("ls"), exec("ls"), "A=1,B=2"),
        ("environment=\"A=1\"", false, sftp(), sftp(), ""),
        ("", true, Program::Shell, Program::Shell, ""),
    ] {
        let ours = key();
        let (_home, pattern) = authorized(options, ours.public_key());
        let policy = policy(&pattern).user_environment(environment);
        let house = House::open(driver, introduce).await;
        let house = house.restart(driver, |server| server.authorized_keys(policy)).await;
        let client = house.connect().key(ours).await.unwrap();
        let session = client.transport().open_session().await.unwrap();
        match &wanted {
            Program::Exec(line) => session.exec(line.clone()).await.unwrap(),
            Program::Subsystem(name) => session.subsystem(name).await.unwrap(),
            _ => session.shell().await.unwrap(),
        }
        let told = session.read_some(1000).await.unwrap();
        assert_eq!(
            String::from_utf8_lossy(&told),
            format!("{program:?} for {wanted:?} with {env}"),
            "{options}"
        );
    }
});

/// Host and port, twice for `direct-tcpip`.
fn tcp(host: &str, port: u32) -> Vec<u8> {
    [&u32::try_from(host.len()).unwrap().to_be_bytes()[..], host.as_bytes(), &port.to_be_bytes()].concat()
}

scenario!(defect_094_forwarding_is_checked_in_front_of_the_application, |driver| {
    let ours = key();
    let options =
        "permitopen=\"host:80\",permitlisten=\"localhost:81\",no-agent-forwarding,no-X11-forwarding";
    let (house, _home) = house(driver, options, ours.public_key()).await;
    let client = house.connect().key(ours).await.unwrap();
    let transport = client.transport();
    let open = |port| transport.open_channel("direct-tcpip", &[tcp("host", port), tcp("", 1)].concat());
    assert!(open(80).await.is_ok());
    for port in [81, 65_536 + 80, u32::MAX] {
        assert!(matches!(open(port).await, Err(Error::Open(_))), "{port}");
    }
    let path = [&[0, 0, 0, 2][..], b"/x", &[0; 8]].concat();
    assert!(transport.open_channel("direct-streamlocal@openssh.com", &path).await.is_err());
    assert!(transport.open_channel("tun@openssh.com", &[0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff]).await.is_err());
    let session = transport.open_session().await.unwrap();
    for name in ["auth-agent-req@openssh.com", "x11-req"] {
        let request = Request::Other { name: name.to_owned(), data: Vec::new() };
        assert!(session.request(request).await.is_err(), "{name}");
    }
    let listen = |host: &'static str, port| transport.global_request("tcpip-forward", &tcp(host, port), true);
    assert!(listen("localhost", 81).await.is_ok());
    assert!(listen("localhost", 82).await.is_err());
    assert!(listen("", 81).await.is_err());
    let path = [&[0, 0, 0, 2][..], b"/x"].concat();
    assert!(transport.global_request("streamlocal-forward@openssh.com", &path, true).await.is_err());
    assert!(transport.global_request("cancel-tcpip-forward", &tcp("localhost", 81), true).await.is_ok());
});

scenario!(a_file_lets_in_its_keys_and_only_these, |driver| {
    let (ours, other) = (key(), key());
    let (house, home) = house(driver, "", ours.public_key()).await;
    assert!(house.connect().key(ours.clone()).await.is_ok());
    assert!(house.connect().key(other.clone()).await.is_err());
    assert!(house.connect().user("nobody").key(ours.clone()).await.is_err());
    // A change counts at once.
    std::fs::write(home.path().join("robey"), other.public_key().to_line("")).unwrap();
    assert!(house.connect().key(ours.clone()).await.is_err());
    assert!(house.connect().key(other.clone()).await.is_ok());
    // Whoever can write the file could let himself in.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let modes = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(home.path().join("robey"), modes).unwrap();
        assert!(house.connect().key(other).await.is_err());
    }
});

scenario!(defect_034_a_revoked_key_is_not_let_in, |driver| {
    let (ours, other) = (key(), key());
    let (home, pattern) = authorized("", ours.public_key());
    let list = home.path().join("revoked");
    std::fs::write(&list, other.public_key().to_line("")).unwrap();
    let house = House::open(driver, move |connection| telltale(driver, connection)).await;
    let rules = policy(&pattern).revoked_keys(&list);
    let house = house.restart(driver, |server| server.authorized_keys(rules)).await;
    assert!(house.connect().key(ours.clone()).await.is_ok());
    std::fs::write(&list, ours.public_key().to_line("")).unwrap();
    assert!(house.connect().key(ours.clone()).await.is_err());
    // Nobody knows what is revoked when the list cannot be read.
    std::fs::remove_file(&list).unwrap();
    assert!(house.connect().key(ours).await.is_err());
});

scenario!(defect_025_what_the_first_step_forbids_the_second_does_not_permit, |driver| {
    let ours = key();
    let (house, home) = house(driver, "command=\"backup\",no-pty", ours.public_key()).await;
    let pattern = home.path().join("%u");
    let two_steps = House::open(driver, move |connection| async move {
        while let Some(attempt) = connection.next_auth().await? {
            let right = matches!(attempt.proof(), Proof::Password(word) if word.matches("foo"));
            if right { attempt.accept_with(Restrictions::none())? } else { attempt.reject()? }
        }
        let held = connection.restrictions();
        assert_eq!(held.command.as_deref(), Some(&b"backup"[..]));
        run_programs(&connection).await
    });
    drop(house);
    let steps = "publickey,password".parse().unwrap();
    let house =
        two_steps.await.restart(driver, |server| server.steps(steps).authorized_keys(policy(&pattern))).await;
    let client = house.connect().key(ours).password("foo").await.unwrap();
    assert_eq!(client.command("rm -r").output().await.unwrap().stdout, b"backup");
    let session = client.transport().open_session().await.unwrap();
    assert!(session.request_pty(Terminal::new("dumb")).await.is_err());
});

/// A server that lets `robey` in with the password `foo` under these restrictions, by a pipe from there.
fn by_password(restrictions: Restrictions, from: Option<SocketAddr>) -> (Socket, PublicKey) {
    let (near, far) = Socket::pipe();
    let host_key: PrivateKey = key();
    let trusted = host_key.public_key().clone();
    let builder = Server::builder().host_key(host_key);
    let connection = match from {
        Some(from) => builder.accept_from(far, from),
        None => builder.accept_over(far),
    };
    let connection = connection.unwrap();
    std::thread::spawn(move || {
        while let Some(attempt) = connection.next_auth().wait()? {
            match attempt.proof() {
                Proof::Password(_) => attempt.accept_with(restrictions.clone())?,
                _ => attempt.reject()?,
            }
        }
        feramiko::Pending::new(async move { run_programs(&connection).await }).wait()
    });
    (near, trusted)
}

#[test]
fn defect_026_the_source_counts_for_passwords_too() {
    let from = |address: [u8; 4]| Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(address)), 4000));
    let lists =
        |lists: &[&str]| lists.iter().map(|list| SourceList::patterns(list).unwrap()).collect::<Vec<_>>();
    let logs_in = |sources: Vec<SourceList>, from| {
        let restrictions = Restrictions { sources, ..Restrictions::none() };
        let (socket, trusted) = by_password(restrictions, from);
        Client::connect_over(socket, "robey@pipe").password("foo").host_key(trusted).wait().is_ok()
    };
    assert!(logs_in(lists(&["10.0.0.0/8"]), from([10, 1, 2, 3])));
    assert!(!logs_in(lists(&["10.0.0.0/8"]), from([11, 1, 2, 3])));
    assert!(!logs_in(lists(&["10.0.0.0/8"]), None), "nobody knows where it comes from");
    assert!(!logs_in(lists(&["10.0.0.0/8", "*.4"]), from([10, 1, 2, 3])), "both must match");
    assert!(!logs_in(vec![SourceList::default()], from([10, 1, 2, 3])));
    assert!(logs_in(Vec::new(), None));
}

#[test]
fn names_of_hosts_are_asked_for_where_the_server_looks_them_up() {
    let ours = key();
    let (_home, pattern) = authorized("from=\"*.example.com\"", ours.public_key());
    let logs_in = |name: Option<&'static str>| {
        let (near, far) = Socket::pipe();
        let host_key = key();
        let trusted = host_key.public_key().clone();
        let builder = Server::builder().host_key(host_key).authorized_keys(policy(&pattern));
        let builder = builder.host_names(move |_| name.map(str::to_owned));
        let connection = builder.accept_from(far, SocketAddr::from(([10, 0, 0, 1], 1))).unwrap();
        std::thread::spawn(move || {
            // It hangs up as soon as it has taken somebody in.
            while let Some(attempt) = connection.next_auth().wait()? {
                attempt.reject()?;
            }
            Ok::<_, Error>(())
        });
        let connect = Client::connect_over(near, "robey@pipe").key(ours.clone()).host_key(trusted);
        connect.wait().is_ok()
    };
    assert!(logs_in(Some("www.example.com")));
    assert!(!logs_in(Some("www.example.org")));
    assert!(!logs_in(None));
}

#[test]
fn defect_096_a_server_opens_nothing_that_the_login_forbids() {
    let (near, far) = Socket::pipe();
    let host_key = key();
    let trusted = host_key.public_key().clone();
    let connection = Server::builder().host_key(host_key).accept_over(far).unwrap();
    let server = std::thread::spawn(move || {
        let restrictions = Restrictions {
            permits: Permits { x11_forwarding: true, ..Permits::NOTHING },
            listen: vec![PermitList::default()],
            ..Restrictions::none()
        };
        while let Some(attempt) = connection.next_auth().wait()? {
            match attempt.proof() {
                Proof::Password(_) => attempt.accept_with(restrictions.clone())?,
                _ => attempt.reject()?,
            }
        }
        let open = |kind: &str| connection.transport().open_channel(kind, b"").wait().map(drop);
        let refused_here = |kind| matches!(open(kind), Err(Error::Misuse(_)));
        assert!(refused_here("auth-agent@openssh.com") && refused_here("forwarded-tcpip"));
        // The client has not asked for it and refuses it.
        assert!(matches!(open("x11"), Err(Error::Open(_))));
        Ok::<_, Error>(())
    });
    let client = Client::connect_over(near, "robey@pipe").password("foo").host_key(trusted).wait().unwrap();
    server.join().unwrap().unwrap();
    client.close().wait();
}
