//! `ssh` at our server.

use feramiko::Driver;
use feramiko_interop::{
    Category, Foreign, Job, KeyType, Offer, OurServer, PASSPHRASE, PASSWORD, ServerSpec, Ssh, Tmux, host_key,
    sealed_user_key, test_data, test_data_sha256, user_key,
};

use crate::with_both_drivers;

const MANY: u64 = 4 << 20;

async fn serve(driver: Driver) -> OurServer {
    OurServer::start_with(ServerSpec::default(), driver).await
}

fn with_key(server: &OurServer) -> Ssh {
    Ssh::to(server.address()).key(&user_key(KeyType::Ed25519))
}

async fn commands_have_statuses_and_signals(driver: Driver) {
    let server = serve(driver).await;
    assert_eq!(with_key(&server).run("echo iron friend", b"").text(), "iron friend\n");
    for code in [0, 7, 254] {
        assert_eq!(with_key(&server).run(&format!("exit {code}"), b"").code(), Some(code));
    }
    let killed = with_key(&server);
    assert_eq!(killed.run("signal TERM", b"").code(), Some(255));
    assert!(killed.log().contains("rtype exit-signal"), "{}", killed.log());
    let unknown = with_key(&server).run("no-such", b"");
    assert_eq!((unknown.code(), unknown.errors().contains("unknown command")), (Some(127), true));
    assert_eq!(server.last().user.as_deref(), Some("robey"));
}

async fn streams_and_their_ends(driver: Driver) {
    let server = serve(driver).await;
    let data = test_data(1 << 20);
    let output = with_key(&server).run("cat", &data);
    assert!(output.stdout == data, "{} bytes of {} came back", output.stdout.len(), data.len());
    let sink = with_key(&server).run("sink", &data).text();
    assert_eq!(sink, format!("{} {}\n", 1 << 20, test_data_sha256(1 << 20)));
    assert_eq!(with_key(&server).run("sink", b"").text(), format!("0 {}\n", test_data_sha256(0)));
    let errors = with_key(&server).run(&format!("errors {MANY}"), b"");
    assert_eq!((errors.code(), errors.stdout.len()), (Some(0), 0));
    assert!(errors.stderr == test_data(4 << 20), "{} bytes of {MANY}", errors.stderr.len());
}

async fn terminals_have_a_size_and_get_new_ones(driver: Driver) {
    let server = serve(driver).await;
    let tmux = Tmux::start(90, 20);
    let ssh = with_key(&server).flag("-tt");
    let pane = tmux.open(&ssh.shell_line("terminal"));
    pane.wait_for(" 90 20");
    pane.resize(70, 15);
    pane.wait_for("resized 70 15");
    pane.wait_for("[ended with 0]");
}

/// `ssh` leaves when it does not trust us, and the next one is served.
async fn a_host_key_that_ssh_does_not_trust(driver: Driver) {
    let server = serve(driver).await;
    let wrong = user_key(KeyType::Ed25519).public;
    let changed = with_key(&server).host_keys(&[&wrong]).option("HostKeyAlgorithms", "ssh-ed25519");
    assert_eq!(changed.run("echo iron", b"").code(), Some(255));
    assert!(changed.log().contains("Host key verification failed"), "{}", changed.log());
    let unknown = with_key(&server).host_keys(&[]);
    assert_eq!(unknown.run("echo iron", b"").code(), Some(255));
    assert!(unknown.log().contains("host key is known"), "{}", unknown.log());
    assert!(server.seen().iter().all(|seen| seen.user.is_none()), "nobody has logged in");
    for kind in KeyType::ALL {
        let right = with_key(&server).host_keys(&[&host_key(kind).public]);
        assert_eq!(right.run("echo iron", b"").text(), "iron\n", "{}", right.log());
    }
}

async fn passwords_and_sealed_keys(driver: Driver) {
    let server = serve(driver).await;
    let by = |method: &str| Ssh::to(server.address()).option("PreferredAuthentications", method);
    assert_eq!(by("password").answers(&[PASSWORD]).run("echo iron", b"").text(), "iron\n");
    let wrong = by("password").answers(&["bar"]);
    assert_eq!(wrong.run("echo iron", b"").code(), Some(255));
    let told = "Permission denied (publickey,password,keyboard-interactive)";
    assert!(wrong.log().contains(told), "{}", wrong.log());
    let sealed = by("publickey").key(&sealed_user_key()).answers(&[PASSPHRASE]);
    assert_eq!(sealed.run("echo iron", b"").text(), "iron\n", "{}", sealed.log());
    assert_eq!(server.last().key_algorithm.as_deref(), Some("ssh-ed25519"));
}

async fn a_key_and_then_the_password(driver: Driver) {
    let spec = ServerSpec { multi_step: true, ..ServerSpec::default() };
    let server = OurServer::start_with(spec, driver).await;
    let both = with_key(&server).answers(&[PASSWORD]);
    assert_eq!(both.run("echo iron", b"").text(), "iron\n", "{}", both.log());
    assert_eq!(both.prompts().len(), 1, "{:?}", both.prompts());
    let half = with_key(&server);
    assert_eq!(half.run("echo iron", b"").code(), Some(255));
    assert!(half.log().contains("with partial success"), "{}", half.log());
    assert!(half.log().contains("Permission denied (password)"), "{}", half.log());
    // The password alone is not even listened to.
    let other_half = Ssh::to(server.address()).answers(&[PASSWORD]);
    assert_eq!(other_half.run("echo iron", b"").code(), Some(255));
    assert!(other_half.log().contains("Permission denied (publickey)"), "{}", other_half.log());
    assert!(other_half.prompts().is_empty(), "{:?}", other_half.prompts());
}

async fn questions_and_answers(driver: Driver) {
    let spec = ServerSpec { answers: vec![PASSWORD.to_owned(), "blue".to_owned()], ..ServerSpec::default() };
    let server = OurServer::start_with(spec, driver).await;
    let asked = |answers: &[&str]| {
        Ssh::to(server.address()).option("PreferredAuthentications", "keyboard-interactive").answers(answers)
    };
    let right = asked(&[PASSWORD, "blue"]);
    assert_eq!(right.run("echo iron", b"").text(), "iron\n", "{}", right.log());
    let prompts = right.prompts();
    assert!(
        matches!(&prompts[..], [one, two] if one.contains("Password") && two.contains("Colour")),
        "{prompts:?}"
    );
    let wrong = asked(&[PASSWORD, "red"]);
    assert_eq!(wrong.run("echo iron", b"").code(), Some(255));
    assert!(wrong.log().contains("Permission denied"), "{}", wrong.log());
}

/// RFC 4252 section 8, and those clients that know it.
async fn an_expired_password_is_changed(driver: Driver) {
    let server = serve(driver).await;
    let job = Job { user: "old".to_owned(), ..Job::new(server.address()) };
    let changed = Job { new_password: Some("Fresh-Start-77".to_owned()), ..job.clone() };
    for client in [Foreign::OpenSsh, Foreign::Asyncssh] {
        let outcomes = client.client(&[job.clone(), changed.clone()]);
        assert_eq!([outcomes[0].ok, outcomes[1].ok], [false, true], "{client:?}: {outcomes:?}");
    }
}

/// Other clients ask in other manners: the same rules hold for them.
async fn other_clients_log_in_too(driver: Driver) {
    let answers = || vec![PASSWORD.to_owned(), "blue".to_owned()];
    let server =
        OurServer::start_with(ServerSpec { answers: answers(), ..ServerSpec::default() }, driver).await;
    let base = Job { password: None, ..Job::new(server.address()) };
    let jobs = [
        Job { answers: answers(), ..base.clone() },
        Job { answers: vec![PASSWORD.to_owned(), "red".to_owned()], ..base.clone() },
        Job { password: Some("bar".to_owned()), ..base.clone() },
        Job { passphrase: Some(PASSPHRASE.to_owned()), ..base.clone().key(&sealed_user_key()) },
        base.clone().key(&user_key(KeyType::Rsa)).exec("exit 7"),
        Job {
            stdin_bytes: MANY,
            rekey_bytes: Some(1 << 20),
            password: Some(PASSWORD.to_owned()),
            ..base.exec("sink")
        },
    ];
    for client in [Foreign::Asyncssh, Foreign::Paramiko, Foreign::Russh] {
        let outcomes = client.client(&jobs);
        let well: Vec<bool> = outcomes.iter().map(|outcome| outcome.ok).collect();
        assert_eq!(well, [true, false, false, true, true, true], "{client:?}: {outcomes:?}");
        assert_eq!(outcomes[4].exit_status, Some(7), "{client:?}");
        assert_eq!(outcomes[5].stdout.text, format!("{MANY} {}\n", test_data_sha256(MANY)), "{client:?}");
    }
}

/// Compression that both sides really use: `ssh` tells how much went over the wire.
async fn compression_compresses(driver: Driver) {
    let spec =
        ServerSpec { offer: Offer::only(Category::Compression, "zlib@openssh.com"), ..ServerSpec::default() };
    let server = OurServer::start_with(spec, driver).await;
    let ssh = with_key(&server).option("Compression", "yes");
    let data = test_data(4 << 20);
    let output = ssh.run("cat", &data);
    assert!(output.stdout == data, "{} bytes of {} came back", output.stdout.len(), data.len());
    let line = ssh.log().lines().find(|line| line.starts_with("Transferred: sent ")).map(str::to_owned);
    let line = line.unwrap_or_else(|| panic!("{}", ssh.log()));
    let moved: Vec<u64> = line.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    assert!(matches!(moved[..], [sent, received, ..] if sent < MANY / 4 && received < MANY / 4), "{line}");
}

with_both_drivers!(
    commands_have_statuses_and_signals,
    streams_and_their_ends,
    terminals_have_a_size_and_get_new_ones,
    a_host_key_that_ssh_does_not_trust,
    passwords_and_sealed_keys,
    a_key_and_then_the_password,
    questions_and_answers,
    an_expired_password_is_changed,
    other_clients_log_in_too,
    compression_compresses,
);
