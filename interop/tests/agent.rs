//! Agents: ours asked by OpenSSH's programs, OpenSSH's asked by us, and both lent to servers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use feramiko::agent::{
    Agent, AgentError, AgentPrivateKey, AgentServer, AgentSocket, Constraints, Destination, Hop, HopKey,
};
use feramiko::certificate::CertificateBuilder;
use feramiko::{Error, PrivateKey, Proof, Provider, PublicKey, Server, Signer};
use feramiko_interop::{
    Job, KeyFile, KeyType, PASSPHRASE, Ssh, SshAgent, Sshd, connect, host_key, public_key, sealed_user_key,
    ssh_add, user_key,
};

fn private(file: &KeyFile) -> PrivateKey {
    PrivateKey::load_file(&file.path, None).unwrap()
}

fn path_of(file: &KeyFile) -> String {
    file.path.display().to_string()
}

fn refused(result: Result<(), Error>) -> bool {
    matches!(result, Err(Error::Agent(AgentError::Refused { .. })))
}

/// Fingerprints, as `ssh-add -l` lists them.
fn listed(socket: &Path) -> Vec<String> {
    let text = ssh_add(socket, &["-l"], "").text();
    text.split_whitespace().filter(|word| word.starts_with("SHA256:")).map(str::to_owned).collect()
}

/// A server with a host key of its own.
fn sshd_with(key: &PrivateKey) -> (Sshd, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("host_key");
    key.write_file(&path, "", None).unwrap();
    let sshd = Sshd::builder().set("HostKey", &path.display().to_string());
    (sshd.set("HostKeyAlgorithms", "ssh-ed25519").start(), directory)
}

/// A login to that server without a key or password of its own.
fn job(sshd: &Sshd, host_key: &PublicKey) -> Job {
    let job = Job::new(sshd.address());
    Job { user: sshd.user().to_owned(), host_key: host_key.to_line(""), password: None, ..job }
}

/// What leads on from a server to another by OpenSSH's client and whatever agent is lent.
fn hop_to(sshd: &Sshd) -> String {
    format!(
        "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
         -o IdentityFile=none -p {} {}@{} echo arrived",
        sshd.address().port(),
        sshd.user(),
        sshd.address().ip()
    )
}

fn hop(host: &PrivateKey, name: &str, user: &str) -> Hop {
    let keys = vec![HopKey { key: host.public_key().blob().to_vec(), is_ca: false }];
    Hop { user: user.to_owned(), host: name.to_owned(), keys }
}

#[test]
fn our_client_asks_ssh_agent() -> Result<(), Error> {
    let theirs = SshAgent::start();
    let agent = Agent::connect_to(theirs.path()).wait()?;
    assert_eq!(agent.identities().wait()?.len(), 0);
    for kind in KeyType::ALL {
        agent.add(private(&user_key(kind)), &format!("{kind:?}"), Constraints::default()).wait()?;
    }
    let keys = agent.identities().wait()?;
    let fingerprints: Vec<String> =
        keys.iter().map(|key| key.public_key().fingerprint().to_string()).collect();
    assert_eq!(fingerprints, listed(&theirs.path()), "both see the same keys");
    for key in &keys {
        for algorithm in key.public_key().signature_algorithms() {
            let signature = key.sign(algorithm, b"message")?;
            let provider = Provider::default();
            let scheme = provider.signature(algorithm).unwrap();
            assert_eq!(key.public_key().verify(scheme, b"message", &signature), Ok(()), "{algorithm}");
        }
    }

    agent.lock("open sesame").wait()?;
    assert_eq!(agent.list().wait()?.len(), 0);
    assert!(refused(agent.unlock("open says me").wait()));
    agent.unlock("open sesame").wait()?;

    agent.remove(keys[0].public_key().blob()).wait()?;
    assert!(refused(agent.remove(keys[0].public_key().blob()).wait()), "it is gone");
    assert!(keys[0].sign(keys[0].public_key().algorithm(), b"message").is_err());
    assert_eq!(listed(&theirs.path()).len(), KeyType::ALL.len() - 1);
    agent.remove_all().wait()?;
    assert_eq!(agent.list().wait()?.len(), 0);
    // Not every ssh-agent knows the question.
    let extensions = agent.extensions().wait()?;
    assert!(extensions.is_empty() || extensions.iter().any(|name| name == "session-bind@openssh.com"));
    Ok(())
}

#[test]
fn ssh_agent_keeps_the_constraints_that_we_give() -> Result<(), Error> {
    let theirs = SshAgent::start();
    let agent = Agent::connect_to(theirs.path()).wait()?;
    let key = private(&user_key(KeyType::Ed25519));
    let host = private(&host_key(KeyType::Ed25519));
    let step = Destination { from: Hop::origin(), to: hop(&host, "host", "robey") };
    let constraints = Constraints {
        lifetime: Some(Duration::from_secs(600)),
        destinations: vec![step],
        ..Constraints::default()
    };
    agent.add(key.clone(), "limited", constraints).wait()?;
    let found = &agent.identities().wait()?[0];
    assert!(found.sign("ssh-ed25519", b"message").is_err(), "this is no login to that host");
    // Nobody is there to say yes.
    agent.add(key, "asked for", Constraints { confirm: true, ..Constraints::default() }).wait()?;
    assert!(found.sign("ssh-ed25519", b"message").is_err());
    Ok(())
}

#[test]
fn ssh_add_asks_our_agent() -> Result<(), Error> {
    let server = AgentServer::new();
    let socket = AgentSocket::serve_somewhere(&server)?;
    let add = |words: &[&str], answer: &str| ssh_add(socket.path(), words, answer);
    assert!(add(&["-l"], "").text().contains("no identities"));
    for kind in KeyType::ALL {
        add(&[&path_of(&user_key(kind))], "").expect_success("ssh-add");
    }
    add(&["-t", "3600", &path_of(&sealed_user_key())], PASSPHRASE).expect_success("ssh-add -t");
    assert_eq!(listed(socket.path()).len(), KeyType::ALL.len() + 1);
    let shown = add(&["-L"], "").text();
    for kind in KeyType::ALL {
        let key = user_key(kind);
        assert!(shown.contains(&key.public), "{kind:?}");
        // Old ones ask RSA keys for SHA-1 here, which ours do not make.
        if kind != KeyType::Rsa {
            add(&["-T", &format!("{}.pub", path_of(&key))], "").expect_success("ssh-add -T");
        }
    }

    add(&["-x"], "open sesame").expect_success("ssh-add -x");
    assert_eq!(listed(socket.path()).len(), 0);
    assert!(!add(&["-X"], "wrong").status.success());
    add(&["-X"], "open sesame").expect_success("ssh-add -X");

    add(&["-d", &path_of(&user_key(KeyType::Rsa))], "").expect_success("ssh-add -d");
    assert_eq!(listed(socket.path()).len(), KeyType::ALL.len());
    add(&["-D"], "").expect_success("ssh-add -D");
    assert_eq!(listed(socket.path()).len(), 0);
    Ok(())
}

#[test]
fn defect_124_ssh_add_cannot_make_our_agent_load_a_library() -> Result<(), Error> {
    let socket = AgentSocket::serve_somewhere(&AgentServer::new())?;
    for words in [["-s", "/usr/lib/libc.so.6"], ["-e", "/usr/lib/libc.so.6"]] {
        let done = ssh_add(socket.path(), &words, "1234");
        assert!(!done.status.success(), "{words:?}: {}", done.text());
    }
    Ok(())
}

#[test]
fn keys_to_be_confirmed_sign_when_the_user_says_yes() -> Result<(), Error> {
    let (answer, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let server = {
        let (answer, asked) = (Arc::clone(&answer), Arc::clone(&asked));
        AgentServer::confirming(move |question| {
            asked.store(question.comment == "user_ed25519", Ordering::SeqCst);
            answer.load(Ordering::SeqCst)
        })
    };
    let socket = AgentSocket::serve_somewhere(&server)?;
    let key = user_key(KeyType::Ed25519);
    ssh_add(socket.path(), &["-c", &path_of(&key)], "").expect_success("ssh-add -c");
    let public = format!("{}.pub", path_of(&key));
    assert!(!ssh_add(socket.path(), &["-T", &public], "").status.success());
    assert!(asked.load(Ordering::SeqCst));
    answer.store(true, Ordering::SeqCst);
    ssh_add(socket.path(), &["-T", &public], "").expect_success("ssh-add -T");
    Ok(())
}

#[test]
fn ssh_logs_in_by_our_agent() -> Result<(), Error> {
    let (sshd, server) = (Sshd::start(), AgentServer::new());
    let socket = AgentSocket::serve_somewhere(&server)?;
    for kind in [KeyType::Rsa, KeyType::Ecdsa384, KeyType::Ed25519] {
        server.clear();
        server.add(private(&user_key(kind)), "", Constraints::default())?;
        let path = socket.path().display().to_string();
        let ssh = Ssh::to(sshd.address()).user(sshd.user());
        let ssh = ssh.option("IdentityAgent", &path).option("IdentitiesOnly", "no");
        let done = ssh.run("echo hello", b"");
        assert_eq!(done.text(), "hello\n", "{kind:?}: {}", ssh.log());
    }
    Ok(())
}

#[test]
fn our_client_logs_in_by_ssh_agent_and_by_ours() -> Result<(), Error> {
    let (sshd, theirs, ours) = (Sshd::start(), SshAgent::start(), AgentServer::new());
    let job = job(&sshd, &public_key(&host_key(KeyType::Ed25519).public));
    for kind in [KeyType::Rsa, KeyType::Ecdsa256, KeyType::Ed25519] {
        let key = private(&user_key(kind));
        ssh_add(&theirs.path(), &["-D"], "").expect_success("ssh-add -D");
        ssh_add(&theirs.path(), &[&path_of(&user_key(kind))], "").expect_success("ssh-add");
        ours.clear();
        ours.add(key, "ours", Constraints::default())?;
        for connect in [connect(&job).agent_at(theirs.path()), connect(&job).agent_at(ours.clone())] {
            let client = connect.wait()?;
            assert_eq!(client.command("echo hello").output().wait()?.stdout, b"hello\n");
        }
    }
    Ok(())
}

#[test]
fn certificates_in_agents_log_in() -> Result<(), Error> {
    let authority = PrivateKey::generate(feramiko::KeyType::Ed25519)?;
    let directory = tempfile::tempdir().unwrap();
    let trusted = directory.path().join("authority.pub");
    std::fs::write(&trusted, authority.public_key().to_line("") + "\n").unwrap();
    let sshd = Sshd::builder().set("TrustedUserCAKeys", &trusted.display().to_string());
    let sshd = sshd.authorized_keys("").start();
    let job = job(&sshd, &public_key(&host_key(KeyType::Ed25519).public));
    for kind in [KeyType::Rsa, KeyType::Ecdsa256, KeyType::Ed25519] {
        let key = private(&user_key(kind));
        let certificate = CertificateBuilder::user(key.public_key())
            .principal(sshd.user())
            .valid_for(Duration::from_secs(600))
            .issue(&authority)?;
        let line = certificate.to_line("");
        // From us to OpenSSH's agent.
        let theirs = SshAgent::start();
        let agent = Agent::connect_to(theirs.path()).wait()?;
        let certified = AgentPrivateKey::certified(key.clone(), certificate)?;
        agent.add(certified, "certified", Constraints::default()).wait()?;
        let shown = ssh_add(&theirs.path(), &["-L"], "").text();
        assert!(shown.contains(line.trim()), "{kind:?}: {shown}");
        // From ssh-add to ours: it finds the certificate beside the key.
        let file = directory.path().join(format!("{kind:?}"));
        key.write_file(&file, "", None)?;
        std::fs::write(directory.path().join(format!("{kind:?}-cert.pub")), line + "\n").unwrap();
        let socket = AgentSocket::serve_somewhere(&AgentServer::new())?;
        ssh_add(socket.path(), &[&file.display().to_string()], "").expect_success("ssh-add");
        assert_eq!(listed(socket.path()).len(), 2, "the key, and the certificate");

        for path in [theirs.path(), socket.path().to_owned()] {
            let client = connect(&job).agent_at(path.clone()).wait()?;
            assert!(client.command("true").status().wait()?.success());
            let ssh = Ssh::to(sshd.address()).user(sshd.user()).option("IdentitiesOnly", "no");
            let ssh = ssh.option("IdentityAgent", &path.display().to_string());
            assert_eq!(ssh.run("echo hello", b"").text(), "hello\n", "{kind:?}: {}", ssh.log());
        }
    }
    Ok(())
}

#[test]
fn a_key_for_another_host_is_not_even_offered() -> Result<(), Error> {
    let (sshd, theirs) = (Sshd::start(), SshAgent::start());
    let (here, elsewhere) = (host_key(KeyType::Ed25519), host_key(KeyType::Ecdsa256));
    let limited = |host: &KeyFile| {
        let step = Destination { from: Hop::origin(), to: hop(&private(host), "host", sshd.user()) };
        Constraints { destinations: vec![step], ..Constraints::default() }
    };
    let key = private(&user_key(KeyType::Ed25519));
    let job = job(&sshd, &public_key(&here.public));
    let agent = Agent::connect_to(theirs.path()).wait()?;
    let ours = AgentServer::new();

    agent.add(key.clone(), "limited", limited(&elsewhere)).wait()?;
    ours.add(key.clone(), "limited", limited(&elsewhere))?;
    for connect in [connect(&job).agent_at(theirs.path()), connect(&job).agent_at(ours.clone())] {
        let Err(Error::Auth(error)) = connect.wait() else { panic!("it let us in") };
        assert!(error.tried.iter().all(|tried| tried.method != "publickey"), "{error}");
        assert!(error.skipped.iter().any(|why| why.contains("limited")), "{error}");
    }
    agent.add(key.clone(), "limited", limited(&here)).wait()?;
    ours.add(key, "limited", limited(&here))?;
    for connect in [connect(&job).agent_at(theirs.path()), connect(&job).agent_at(ours.clone())] {
        assert!(connect.wait()?.command("true").status().wait()?.success());
    }
    Ok(())
}

#[test]
fn a_constrained_key_goes_the_way_that_it_is_for_and_no_other() -> Result<(), Error> {
    let keys: Vec<PrivateKey> =
        (0..3).map(|_| PrivateKey::generate(feramiko::KeyType::Ed25519)).collect::<Result<_, _>>().unwrap();
    let servers: Vec<_> = keys.iter().map(sshd_with).collect();
    let [first, second, third] = [&servers[0].0, &servers[1].0, &servers[2].0];

    // As ssh-add -h makes the constraints of host names and known_hosts.
    let directory = tempfile::tempdir().unwrap();
    let known = directory.path().join("known_hosts");
    let names = ["first", "second", "third"];
    let lines =
        names.iter().zip(&keys).map(|(name, key)| format!("{name} {}\n", key.public_key().to_line("")));
    std::fs::write(&known, lines.collect::<String>()).unwrap();
    let way = format!("first>{}@second", second.user());
    let key = path_of(&user_key(KeyType::Ed25519));
    let known = known.display().to_string();
    let words = ["-H", &known, "-h", "first", "-h", &way, &key];

    let server = AgentServer::new();
    let socket = AgentSocket::serve_somewhere(&server)?;
    ssh_add(socket.path(), &words, "").expect_success("ssh-add -h");
    let path = socket.path().display().to_string();

    let to = |sshd: &Sshd, key: &PrivateKey| {
        let ssh = Ssh::to(sshd.address()).user(sshd.user()).host_keys(&[&key.public_key().to_line("")]);
        ssh.option("IdentityAgent", &path).option("IdentitiesOnly", "no").flag("-A")
    };
    let ssh = to(first, &keys[0]);
    assert_eq!(ssh.run(&hop_to(second), b"").text(), "arrived\n", "{}", ssh.log());
    assert_eq!(ssh.run(&hop_to(third), b"").text(), "", "the wrong second hop");
    assert_eq!(to(second, &keys[1]).run("echo arrived", b"").text(), "", "the second hop as the first");

    // The same with our client, and with both agents.
    let theirs = SshAgent::start();
    ssh_add(&theirs.path(), &words, "").expect_success("ssh-add -h");
    for path in [socket.path().to_owned(), theirs.path()] {
        let client = connect(&job(first, keys[0].public_key())).agent_at(path.clone()).wait()?;
        let there = |line: &str| {
            let mut command = client.command(line);
            command.lend_agent(path.clone()).output().wait().map(|output| output.stdout)
        };
        assert_eq!(there(&hop_to(second))?, b"arrived\n");
        assert_eq!(there(&hop_to(third))?, b"");
        assert!(connect(&job(second, keys[1].public_key())).agent_at(path).wait().is_err());
    }
    Ok(())
}

#[test]
fn the_far_side_sees_the_agent_that_is_lent_and_only_then() -> Result<(), Error> {
    let (sshd, server) = (Sshd::start(), AgentServer::new());
    let key = private(&user_key(KeyType::Ed25519));
    server.add(key.clone(), "lent", Constraints::default())?;
    let job = job(&sshd, &public_key(&host_key(KeyType::Ed25519).public));
    let client = connect(&job).agent_at(server.clone()).wait()?;
    let alone = client.command("ssh-add -l").output().wait()?;
    assert!(!alone.status.success(), "{alone:?}");
    let mut command = client.command("ssh-add -l && ssh-add -l");
    let lent = command.lend_agent(server).output().wait()?;
    let text = String::from_utf8_lossy(&lent.stdout).into_owned();
    assert_eq!(text.matches(&key.public_key().fingerprint().to_string()).count(), 2, "{lent:?}");
    Ok(())
}

#[test]
fn our_server_uses_the_agent_that_ssh_lends() -> Result<(), Error> {
    let theirs = SshAgent::start();
    ssh_add(&theirs.path(), &[&path_of(&user_key(KeyType::Ed25519))], "").expect_success("ssh-add");
    let server =
        Server::builder().host_key(private(&host_key(KeyType::Ed25519))).bind("127.0.0.1:0").wait()?;
    let address = server.local_addr()?;
    let serving = std::thread::spawn(move || {
        for lends in [true, false] {
            let connection = server.accept().wait()?;
            while let Some(attempt) = connection.next_auth().wait()? {
                match attempt.proof() {
                    Proof::Key(_) | Proof::KeyOffer(_) => attempt.accept()?,
                    _ => attempt.reject()?,
                }
            }
            let session = connection.next_session().wait()?.unwrap();
            let start = session.program().wait()?.unwrap();
            let agent = start.agent();
            assert_eq!(agent.is_some(), lends);
            let mut text = String::new();
            if let Some(source) = agent {
                for key in source.connect().wait()?.identities().wait()? {
                    assert!(key.sign("ssh-ed25519", b"message").is_ok());
                    text += &key.public_key().fingerprint().to_string();
                }
                // And a program of this machine, by a socket of its own.
                let socket = AgentSocket::lend_somewhere(source)?;
                text += &listed(socket.path()).concat();
            }
            start.accept().finish(text, "", 0).wait()?;
            while connection.next_session().wait()?.is_some() {}
        }
        Ok::<_, Error>(())
    });
    let path = theirs.path().display().to_string();
    let ssh = || {
        let ssh = Ssh::to(address).option("IdentityAgent", &path).option("IdentitiesOnly", "no");
        ssh.host_keys(&[&host_key(KeyType::Ed25519).public])
    };
    let fingerprint = public_key(&user_key(KeyType::Ed25519).public).fingerprint().to_string();
    assert_eq!(ssh().flag("-A").run("whatever", b"").text(), fingerprint.repeat(2));
    assert_eq!(ssh().flag("-a").run("whatever", b"").text(), "");
    serving.join().unwrap()?;
    Ok(())
}
