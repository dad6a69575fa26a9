//! The fixtures themselves, shown to work by foreign clients at foreign servers: what a test of feramiko asks of them
//! is then known to be possible.

use std::collections::BTreeMap;

use feramiko_interop::{
    Category, Direction, EXPIRED_USER, Foreign, Job, KeyType, Matrix, NO_CLIENT, NO_SERVER, Offer,
    PASSPHRASE, PASSWORD, ServerSpec, Ssh, Sshd, Tmux, names, sealed_user_key, test_data, test_data_sha256,
    user_key,
};

/// Each of them once as client and once as server, forced to use of every category the last that the two share: the
/// one that they would not have chosen.
#[test]
fn any_shared_algorithm_can_be_forced() {
    let pairs = [
        (Foreign::OpenSsh, Foreign::OpenSsh),
        (Foreign::Russh, Foreign::Asyncssh),
        (Foreign::Asyncssh, Foreign::Paramiko),
        (Foreign::Paramiko, Foreign::Russh),
    ];
    for (client, server) in pairs {
        let running = server.serve(&ServerSpec::default());
        let wanted = Matrix::wanted(server, Direction::OurClient).into_iter();
        let shared: BTreeMap<Category, &str> = wanted
            .filter(|(category, name)| client.supports(Direction::OurServer, *category, name))
            .collect();
        let jobs: Vec<Job> =
            shared.iter().map(|(category, name)| Job::forcing(running.address(), *category, name)).collect();
        for ((category, name), outcome) in shared.into_iter().zip(client.client(&jobs)) {
            let result = outcome.check(category, name, "hello\n");
            assert_eq!(result, Ok(()), "{} at {}, {name}", client.version(), server.version());
        }
    }
}

#[test]
fn every_algorithm_has_a_foreign_peer_in_both_roles() {
    for direction in Direction::BOTH {
        for category in Category::ALL {
            let excused = if direction == Direction::OurClient { NO_SERVER } else { NO_CLIENT };
            for name in names(category).iter().filter(|name| excused.iter().all(|(other, _)| other != *name))
            {
                assert!(
                    Foreign::ALL.into_iter().any(|peer| peer.supports(direction, category, name)),
                    "nobody has {name} ({direction:?})"
                );
            }
        }
    }
}

#[test]
fn canned_commands_do_the_same_on_every_foreign_server() {
    const MANY: u64 = 3_000_000;
    for server in Foreign::ALL {
        let spec = ServerSpec { data_bytes: 4_000_000, ..ServerSpec::default() };
        let running = server.serve(&spec);
        let job = |command: &str| Job::new(running.address()).exec(command);
        let jobs = [
            job("exit 7"),
            job(&format!("bytes {MANY}")),
            job(&format!("errors {MANY}")),
            Job { stdin_bytes: MANY, ..job("sink") },
            Job { stdin_bytes: MANY, rekey_bytes: Some(1 << 20), ..job("cat") },
        ];
        let outcomes = Foreign::Russh.client(&jobs);
        let [exit, bytes, errors, sink, cat] = &outcomes[..] else { panic!("five jobs, five outcomes") };
        let digest = test_data_sha256(MANY);
        assert_eq!(exit.exit_status, Some(7), "{server:?}");
        assert_eq!((bytes.stdout.count, &bytes.stdout.sha256), (MANY, &digest), "{server:?}");
        assert_eq!((errors.stderr.count, &errors.stderr.sha256), (MANY, &digest), "{server:?}");
        assert_eq!(sink.stdout.text, format!("{MANY} {digest}\n"), "{server:?}");
        assert_eq!((cat.stdout.count, &cat.stdout.sha256), (MANY, &digest), "{server:?}");
        assert!(cat.key_exchanges > Some(1), "{server:?}: {:?} key exchanges", cat.key_exchanges);
        assert!(outcomes.iter().all(|outcome| outcome.ok), "{server:?}: {outcomes:?}");
    }
}

#[test]
fn foreign_servers_ask_and_judge() {
    let answers = || vec![PASSWORD.to_owned(), "blue".to_owned()];
    for server in [Foreign::Asyncssh, Foreign::Paramiko, Foreign::Russh] {
        let running = server.serve(&ServerSpec { answers: answers(), ..ServerSpec::default() });
        let base = Job { password: None, ..Job::new(running.address()) };
        let jobs = [
            Job { answers: answers(), ..base.clone() },
            Job { answers: vec![PASSWORD.to_owned(), "red".to_owned()], ..base.clone() },
            Job { password: Some("bar".to_owned()), ..base.clone() },
            Job { passphrase: Some(PASSPHRASE.to_owned()), ..base.clone().key(&sealed_user_key()) },
        ];
        for client in [Foreign::Asyncssh, Foreign::OpenSsh] {
            let outcomes: Vec<bool> = client.client(&jobs).into_iter().map(|outcome| outcome.ok).collect();
            assert_eq!(outcomes, [true, false, false, true], "{client:?} at {server:?}");
        }
    }
    for server in [Foreign::OpenSsh, Foreign::Paramiko, Foreign::Russh] {
        let running = server.serve(&ServerSpec { multi_step: true, ..ServerSpec::default() });
        let both = Job {
            password: Some(PASSWORD.to_owned()),
            ..Job::new(running.address()).key(&user_key(KeyType::Ed25519))
        };
        let jobs = [both.clone(), Job { key: None, ..both.clone() }, Job { password: None, ..both }];
        let outcomes: Vec<bool> =
            Foreign::Asyncssh.client(&jobs).into_iter().map(|outcome| outcome.ok).collect();
        assert_eq!(outcomes, [true, false, false], "{server:?}");
    }
}

#[test]
fn password_change_is_asked_for_by_asyncssh() {
    let running = Foreign::Asyncssh.serve(&ServerSpec::default());
    let job = Job { user: "old".to_owned(), ..Job::new(running.address()) };
    let changed = Job { new_password: Some("Fresh-Start-77".to_owned()), ..job.clone() };
    for client in [Foreign::Asyncssh, Foreign::OpenSsh] {
        let outcomes = client.client(&[job.clone(), changed.clone()]);
        assert_eq!([outcomes[0].ok, outcomes[1].ok], [false, true], "{client:?}: {outcomes:?}");
    }
}

#[test]
fn sshd_keeps_accounts_of_its_own() {
    let passwd = std::fs::read("/etc/passwd").unwrap();
    let shadow = std::fs::read("/etc/shadow").unwrap();
    let sshd = Sshd::builder().accounts().start();

    let right = Ssh::to(sshd.address()).option("PreferredAuthentications", "password").answers(&[PASSWORD]);
    assert_eq!(right.run("id -un; echo $HOME", b"").text(), "robey\n/home/robey\n", "{}", right.log());
    let wrong = Ssh::to(sshd.address()).option("PreferredAuthentications", "password").answers(&["bar"]);
    assert_eq!(wrong.run("true", b"").code(), Some(255));
    assert!(wrong.log().contains("Permission denied"), "{}", wrong.log());
    sshd.wait_for_log("Failed password for robey");

    let pam = Ssh::to(sshd.address())
        .option("PreferredAuthentications", "keyboard-interactive")
        .answers(&[PASSWORD]);
    pam.run("true", b"").expect_success("keyboard-interactive through PAM");
    assert!(pam.prompts()[0].contains("Password"), "{:?}", pam.prompts());

    // PAM wants the old password again, then the new one twice.
    let expired = Ssh::to(sshd.address())
        .user(EXPIRED_USER)
        .option("PreferredAuthentications", "keyboard-interactive")
        .answers(&[PASSWORD, PASSWORD, "Fresh-Start-77", "Fresh-Start-77"]);
    expired.run("true", b"").expect_success("login with an expired password");
    assert_eq!(expired.prompts().len(), 4, "{:?}", expired.prompts());
    let renewed = Ssh::to(sshd.address()).user(EXPIRED_USER).answers(&["Fresh-Start-77"]);
    renewed
        .option("PreferredAuthentications", "password")
        .run("true", b"")
        .expect_success("the new password");

    drop(sshd);
    assert_eq!(std::fs::read("/etc/passwd").unwrap(), passwd);
    assert_eq!(std::fs::read("/etc/shadow").unwrap(), shadow);
}

#[test]
fn ssh_takes_sealed_keys_and_several_steps() {
    let sshd = Sshd::builder().accounts().set("AuthenticationMethods", "publickey,password").start();
    let both = Ssh::to(sshd.address()).key(&sealed_user_key()).answers(&[PASSPHRASE, PASSWORD]);
    both.run("true", b"").expect_success("key, then password");
    assert_eq!(both.prompts().len(), 2, "{:?}", both.prompts());
    let half = Ssh::to(sshd.address()).key(&user_key(KeyType::Rsa));
    assert_eq!(half.run("true", b"").code(), Some(255));
    assert!(half.log().contains("partial success"), "{}", half.log());
}

#[test]
fn sessions_at_sshd_have_statuses_signals_and_terminals() {
    let sshd = Sshd::start();
    let ssh = || Ssh::to(sshd.address()).user(sshd.user()).key(&user_key(KeyType::Ed25519));
    assert_eq!(ssh().run("exit 7", b"").code(), Some(7));
    let killed = ssh();
    assert_eq!(killed.run("signal TERM", b"").code(), Some(255));
    assert!(killed.log().contains("rtype exit-signal"), "{}", killed.log());
    let terminal = ssh().flag("-tt").run("stty size; tty", b"").text();
    assert!(terminal.contains("/dev/pts/"), "{terminal}");
    assert_eq!(ssh().run("cat", &test_data(100_000)).stdout, test_data(100_000));
}

#[test]
fn tmux_shows_terminals_and_their_new_sizes() {
    let sshd = Sshd::start();
    let ssh = Ssh::to(sshd.address()).user(sshd.user()).key(&user_key(KeyType::Ed25519)).flag("-tt");
    let tmux = Tmux::start(90, 20);
    // Every signal interrupts a `read`.
    let pane = tmux.open(
        &ssh.shell_line("stty size; trap 'stty size' WINCH; until read line; do :; done; echo got $line"),
    );
    pane.wait_for("20 90");
    pane.resize(70, 15);
    pane.wait_for("15 70");
    pane.enter("iron");
    pane.wait_for("got iron");
    pane.wait_for("[ended with 0]");
}

/// A session that would run for ever ends with the fixture, and so does what it started in the background.
#[test]
fn dropped_sshd_leaves_nothing_running() {
    let sshd = Sshd::start();
    let session = Ssh::to(sshd.address()).user(sshd.user()).key(&user_key(KeyType::Ed25519));
    let running = session.start("sleep 86413 & echo started; exec sleep 86413");
    running.wait_for_text("started");
    drop(sshd);
    let left = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.starts_with(b"sleep\086413\0")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn offers_that_do_not_meet_fail() {
    let running = Foreign::OpenSsh.serve(&ServerSpec {
        offer: Offer::only(Category::Kex, "curve25519-sha256"),
        ..ServerSpec::default()
    });
    let job = Job::forcing(running.address(), Category::Kex, "ecdh-sha2-nistp256");
    for client in Foreign::ALL {
        let outcome = &client.client(std::slice::from_ref(&job))[0];
        assert!(!outcome.ok, "{}: {outcome:?}", client.version());
    }
}
