//! Logins that need more than one thing, or something rare: several steps, many keys, agents, hosts that vouch.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};

use feramiko::certificate::CertificateBuilder;
use feramiko::{
    AuthError, CertifiedKey, Client, Connect, Error, KeySource, KeyType, KnownHosts, Outcome, PrivateKey,
    Prompt, Proof, Secret, Server, ServerBuilder, ServerConnection, TrustedHosts,
};
use feramiko_interop::{
    Job, PASSWORD, Running, Ssh, SshAgent, Sshd, USER, connect, host_key, host_keys, public_key,
    python_command, run, ssh_add, user_key,
};

const STEPS: &str = "publickey,password,keyboard-interactive";

/// To `sshd`, with nothing to show yet.
fn to(sshd: &Sshd) -> Connect {
    let job = Job { user: sshd.user().to_owned(), password: None, ..Job::new(sshd.address()) };
    connect(&job)
}

fn ours() -> PathBuf {
    user_key(feramiko_interop::KeyType::Ed25519).path
}

fn stranger() -> PrivateKey {
    PrivateKey::generate(KeyType::Ed25519).unwrap()
}

fn strangers(connect: Connect, count: usize) -> Connect {
    (0..count).fold(connect, |connect, _| connect.key(stranger()))
}

fn steps(tried: &[feramiko::Tried]) -> Vec<(&str, Outcome)> {
    tried.iter().map(|tried| (tried.method.as_str(), tried.outcome)).collect()
}

fn auth_error(result: Result<Client, Error>) -> AuthError {
    match result {
        Err(Error::Auth(error)) => *error,
        other => panic!("not refused: {other:?}"),
    }
}

fn answer(prompts: &feramiko::Prompts) -> Option<Vec<Secret>> {
    Some(prompts.prompts().iter().map(|_| Secret::from(PASSWORD)).collect())
}

#[test]
fn our_client_takes_three_steps_at_sshd() {
    let sshd = Sshd::builder().accounts().set("AuthenticationMethods", STEPS).start();
    let three = [
        ("publickey", Outcome::Partial),
        ("password", Outcome::Partial),
        ("keyboard-interactive", Outcome::Success),
    ];
    let client = to(&sshd).key_file(ours()).password(PASSWORD).keyboard_interactive(answer).wait().unwrap();
    assert_eq!(steps(client.login_steps()), three);
    assert_eq!(client.command("id -un").output().wait().unwrap().stdout, b"robey\n");
    // The order is the server's, whatever was declared first here.
    let client = to(&sshd).keyboard_interactive(answer).password(PASSWORD).key_file(ours()).wait().unwrap();
    assert_eq!(steps(client.login_steps()), three);
    let half = auth_error(to(&sshd).key_file(ours()).password(PASSWORD).wait());
    assert_eq!(
        (steps(&half.tried), &half.remaining[..]),
        (three[..2].to_vec(), &["keyboard-interactive".to_owned()][..])
    );
}

/// Somebody who lets in whoever has the key, the password and the answers, each where it is asked for.
fn serve(builder: ServerBuilder, trusted: Option<Arc<TrustedHosts>>) -> Server {
    let builder = host_keys()
        .iter()
        .fold(builder, |builder, key| builder.host_key(PrivateKey::load_file(&key.path, None).unwrap()));
    let server = builder.bind("127.0.0.1:0").wait().unwrap();
    let serving = server.clone();
    let known = public_key(&user_key(feramiko_interop::KeyType::Ed25519).public);
    std::thread::spawn(move || {
        serving.serve(move |connection| look_after(&connection, &known, trusted.as_deref()))
    });
    server
}

fn look_after(
    connection: &ServerConnection,
    known: &feramiko::PublicKey,
    trusted: Option<&TrustedHosts>,
) -> Result<(), Error> {
    let mut round = 0;
    while let Some(attempt) = connection.next_auth().wait()? {
        let ask = |text: &str| vec![Prompt { text: text.to_owned(), echo: false }];
        match attempt.proof() {
            Proof::KeyOffer(key) if key == known => attempt.accept()?,
            Proof::Key(key) if key.key() == known => attempt.accept()?,
            Proof::Password(word) if word.matches(PASSWORD) => attempt.accept()?,
            Proof::HostBased(host) if trusted.is_some_and(|trusted| trusted.vouch(host, attempt.user())) => {
                attempt.accept()?;
            }
            // Three rounds: a question, words without one, and another question.
            Proof::Interactive { .. } => attempt.ask("Round one", "", ask("One? "))?,
            Proof::Answers(answers) => {
                round += 1;
                match (round, answers.as_slice()) {
                    (1, [one]) if one.matches("1") => {
                        attempt.ask("Round two", "Nothing to say", Vec::new())?
                    }
                    (2, []) => attempt.ask("Round three", "", ask("Two? "))?,
                    (3, [two]) if two.matches("2") => attempt.accept()?,
                    _ => attempt.reject()?,
                }
            }
            _ => attempt.reject()?,
        }
    }
    while let Some(session) = connection.next_session().wait()? {
        let Some(start) = session.program().wait()? else { continue };
        start.accept().finish(connection.user().unwrap_or_default(), "", 0).wait()?;
    }
    Ok(())
}

#[test]
fn ssh_takes_three_steps_at_our_server() {
    let server = serve(Server::builder().steps(STEPS.parse().unwrap()), None);
    let address = server.local_addr().unwrap();
    let with_key = || Ssh::to(address).key(&user_key(feramiko_interop::KeyType::Ed25519));
    let ssh = with_key().answers(&[PASSWORD, "1", "2"]);
    assert_eq!(ssh.run("who", b"").text(), USER, "{}", ssh.log());
    let log = ssh.log();
    for said in
        ["Authenticated using \"publickey\" with partial success", "\"password\" with partial success"]
    {
        assert!(log.contains(said), "{log}");
    }
    let prompts = ssh.prompts();
    assert!(prompts[1].contains("One?") && prompts[2].contains("Two?"), "{prompts:?}");
    let wrong = with_key().answers(&[PASSWORD, "1", "3"]);
    assert_eq!(wrong.run("who", b"").code(), Some(255));
    assert!(wrong.log().contains("Permission denied (keyboard-interactive)"), "{}", wrong.log());
    let without_key = Ssh::to(address).answers(&[PASSWORD, "1", "2"]);
    assert_eq!(without_key.run("who", b"").code(), Some(255));
    assert!(without_key.prompts().is_empty(), "the key comes first");
    server.stop();
}

/// `sshd` counts each key that it is asked about in vain; at the sixth failure it hangs up.
#[test]
fn defect_045_many_keys_fit_into_what_sshd_bears() {
    let sshd = Sshd::builder().accounts().set("MaxAuthTries", "6").start();
    // The right one is the last that is heard.
    let client = strangers(to(&sshd), 5).key_file(ours()).wait().unwrap();
    assert_eq!(client.login_steps().len(), 6);
    // What is behind the keys gets its turn before it is too late.
    let client = strangers(to(&sshd), 9).password(PASSWORD).wait().unwrap();
    assert_eq!(steps(client.login_steps()).last(), Some(&("password", Outcome::Success)));
    // Keys that do not fit are named.
    let last = stranger();
    let error = auth_error(strangers(to(&sshd), 8).key(last.clone()).wait());
    assert_eq!(error.tried.len(), 6, "{error}");
    assert_eq!(error.tried[5].outcome, Outcome::Unanswered);
    let told = error.to_string();
    assert!(error.ended.is_some() && told.contains("Too many authentication failures"), "{told}");
    assert!(told.contains(&format!("{} (not tried any more)", last.public_key().fingerprint())), "{told}");
}

#[test]
fn keys_behind_those_that_were_refused_come_after_the_other_methods() {
    let sshd = Sshd::builder().accounts().set("MaxAuthTries", "20").start();
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let ask = move |_| {
        *count.lock().unwrap() += 1;
        None
    };
    // Somebody is asked before the server may have lost its patience, and need not answer.
    let client = strangers(to(&sshd), 8).key_file(ours()).ask_password(ask).wait().unwrap();
    let tried = steps(client.login_steps());
    assert_eq!((tried.len(), *asked.lock().unwrap()), (10, 1), "{tried:?}");
    assert_eq!((tried[5], tried[9]), (("password", Outcome::NoAnswer), ("publickey", Outcome::Success)));
    // Where the server is known to bear more, the order is the one that is declared.
    let client = strangers(to(&sshd), 8).key_file(ours()).password(PASSWORD).key_tries(15).wait().unwrap();
    assert_eq!(steps(client.login_steps())[8], ("publickey", Outcome::Success));
}

/// Lets an agent hold the keys of these files.
fn hold(agent: &SshAgent, files: &[&Path]) {
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    ssh_add(&agent.path(), &files, "").expect_success("ssh-add");
}

#[test]
fn the_agents_keys_come_first_and_those_of_named_files_before_the_others() {
    let sshd = Sshd::builder().set("MaxAuthTries", "6").start();
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other");
    let key = stranger();
    key.write_file(&other, "other", None).unwrap();
    let agent = SshAgent::start();
    hold(&agent, &[&other, &ours()]);
    let sources = |client: &Client| -> Vec<(Option<KeySource>, Outcome)> {
        client.login_steps().iter().map(|step| (step.source.clone(), step.outcome)).collect()
    };
    let from_agent = |comment: &str| Some(KeySource::Agent { comment: comment.to_owned() });

    let client = to(&sshd).agent_at(agent.path()).wait().unwrap();
    let all = [(from_agent("other"), Outcome::Refused), (from_agent("user_ed25519"), Outcome::Success)];
    assert_eq!(sources(&client), all);
    let named = to(&sshd).agent_at(agent.path()).key_file(ours()).wait().unwrap();
    assert_eq!(sources(&named), all[1..]);
    let only = to(&sshd).agent_at(agent.path()).key_file(&other).identities_only(true);
    let error = auth_error(only.wait());
    assert_eq!(steps(&error.tried), [("publickey", Outcome::Refused)]);
    assert_eq!(error.tried[0].fingerprint, Some(key.public_key().fingerprint()));
    let left_out = public_key(&user_key(feramiko_interop::KeyType::Ed25519).public).fingerprint().to_string();
    assert!(error.to_string().contains(&left_out), "{error}");
    // One that is not there keeps nobody out.
    let gone = directory.path().join("gone");
    to(&sshd).agent_at(gone.clone()).key_file(ours()).wait().unwrap();
    let error = auth_error(to(&sshd).agent_at(gone.clone()).wait());
    assert!(error.to_string().contains(&gone.display().to_string()), "{error}");
}

#[test]
fn the_banner_of_sshd_is_shown_before_the_password_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("banner");
    std::fs::write(&file, "Iron friends only\n").unwrap();
    let sshd = Sshd::builder().accounts().set("Banner", &file.display().to_string()).start();
    let (sender, heard) = mpsc::channel();
    let asked = sender.clone();
    let connect = to(&sshd).banner(move |text| sender.send(text.to_owned()).unwrap());
    let ask = move |_| {
        asked.send("password?".to_owned()).unwrap();
        Some(Secret::from(PASSWORD))
    };
    connect.ask_password(ask).wait().unwrap();
    assert_eq!(heard.iter().collect::<Vec<_>>(), ["Iron friends only\n", "password?"]);
}

#[test]
fn our_client_is_vouched_for_at_sshd() {
    let host = host_key(feramiko_interop::KeyType::Ecdsa256);
    let sshd = Sshd::builder()
        .accounts()
        .set("HostbasedAuthentication", "yes")
        .set("HostbasedUsesNameFromPacketOnly", "yes")
        .set("IgnoreRhosts", "no")
        .set("AuthenticationMethods", "hostbased")
        .home_file(".shosts", "build.lag.net rob\n")
        .home_file(".ssh/known_hosts", &format!("build.lag.net {}\n", host.public))
        .start();
    let key = PrivateKey::load_file(&host.path, None).unwrap();
    let vouched =
        |key: &PrivateKey, name: &str, user: &str| to(&sshd).host_based(key.clone(), name, user).wait();
    let client = vouched(&key, "build.lag.net.", "rob").unwrap();
    assert_eq!(steps(client.login_steps()), [("hostbased", Outcome::Success)]);
    sshd.wait_for_log("Accepted hostbased for robey");
    for (key, name, user) in [
        (&stranger(), "build.lag.net.", "rob"),
        (&key, "other.lag.net.", "rob"),
        (&key, "build.lag.net.", "bob"),
    ] {
        let error = auth_error(vouched(key, name, user));
        assert_eq!(steps(&error.tried), [("hostbased", Outcome::Refused)], "{name} {user}");
    }
}

/// A host's key with a certificate for that name, and the line of known_hosts that trusts its authority for it.
fn certified_host(key: &PrivateKey, name: &str) -> (CertifiedKey, String) {
    let authority = stranger();
    let certificate = CertificateBuilder::host(key.public_key()).principal(name).issue(&authority).unwrap();
    let line = format!("@cert-authority {name} {}\n", authority.public_key().to_line(""));
    (CertifiedKey::new(key.clone(), certificate).unwrap(), line)
}

#[test]
fn our_clients_host_shows_sshd_a_certificate() {
    let (host, known) = certified_host(&stranger(), "build.lag.net");
    let sshd = Sshd::builder()
        .accounts()
        .set("HostbasedAuthentication", "yes")
        .set("HostbasedUsesNameFromPacketOnly", "yes")
        .set("IgnoreRhosts", "no")
        .set("AuthenticationMethods", "hostbased")
        .home_file(".shosts", "build.lag.net rob\nother.lag.net rob\n")
        .home_file(".ssh/known_hosts", &known.replace("build.lag.net", "*.lag.net"))
        .start();
    let client = to(&sshd).host_based(host.clone(), "build.lag.net.", "rob").wait().unwrap();
    assert_eq!(steps(client.login_steps()), [("hostbased", Outcome::Success)]);
    sshd.wait_for_log("ED25519-CERT");
    let (stranger, _) = certified_host(&stranger(), "build.lag.net");
    for (host, name) in [(host, "other.lag.net."), (stranger, "build.lag.net.")] {
        let error = auth_error(to(&sshd).host_based(host, name, "rob").wait());
        assert_eq!(steps(&error.tried), [("hostbased", Outcome::Refused)], "{name}");
    }
}

/// asyncssh on one side of `hostbased`.
fn asyncssh_hostbased(arguments: &[&str]) -> Command {
    let mut command = python_command("asyncssh_hostbased.py");
    command.args(arguments);
    command
}

#[test]
fn our_client_is_vouched_for_at_asyncssh() {
    let directory = tempfile::tempdir().unwrap();
    let known = directory.path().join("known_hosts");
    let key = stranger();
    let (certified, authority) = certified_host(&stranger(), "build.lag.net");
    let plain = format!("build.lag.net {}\n", key.public_key().to_line(""));
    std::fs::write(&known, [plain, authority].concat()).unwrap();
    let server_key = host_key(feramiko_interop::KeyType::Ed25519);
    let arguments = ["serve", server_key.path.to_str().unwrap(), known.to_str().unwrap()];
    let server = Running::start("asyncssh", asyncssh_hostbased(&arguments));
    let port = server
        .wait_for(|line| line.strip_prefix("port ")?.strip_suffix('.')?.parse::<u16>().ok())
        .unwrap_or_else(|error| panic!("{error}"));
    let to = || connect(&Job { password: None, ..Job::new(([127, 0, 0, 1], port).into()) });
    for login in [
        to().host_based(key.clone(), "build.lag.net.", "rob").wait(),
        to().host_based(certified.clone(), "build.lag.net.", "rob").wait(),
    ] {
        assert_eq!(login.unwrap().command("who").output().wait().unwrap().stdout, b"who");
    }
    for (what, login) in [
        ("another key", to().host_based(stranger(), "build.lag.net.", "rob").wait()),
        ("another name", to().host_based(certified, "other.lag.net.", "rob").wait()),
        ("another user", to().host_based(key, "build.lag.net.", "bob").wait()),
    ] {
        assert!(matches!(login, Err(Error::Auth(_))), "{what}: {login:?}");
    }
}

#[test]
fn asyncssh_is_vouched_for_at_our_server() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, key: &PrivateKey| {
        let path = directory.path().join(name);
        key.write_file(&path, "", None).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (key, other) = (stranger(), stranger());
    let (certified, authority) = certified_host(&other, "build.lag.net");
    let certificate = directory.path().join("certificate");
    let line = feramiko::Signer::certificate(&certified).unwrap().to_line("");
    std::fs::write(&certificate, line + "\n").unwrap();
    let known = format!("{authority}build.lag.net {}\n", key.public_key().to_line(""));
    let trusted = TrustedHosts::new(KnownHosts::parse(known.as_bytes()), ["build.lag.net"]);
    let trusted = trusted.users(|_, there, here| there == "rob" && here == USER);
    let server = serve(Server::builder().methods(["hostbased"]), Some(Arc::new(trusted)));
    let port = server.local_addr().unwrap().port().to_string();
    let (plain, other) = (write("plain", &key), write("other", &other));
    let certificate = certificate.to_str().unwrap();
    for (what, arguments, allowed) in [
        ("a key", vec!["build.lag.net", &plain], true),
        ("a certificate", vec!["build.lag.net", &other, certificate], true),
        ("a key without its certificate", vec!["build.lag.net", &other], false),
        ("another name", vec!["other.lag.net", &plain], false),
    ] {
        let arguments = [&["login", &port][..], &arguments].concat();
        let login = run(asyncssh_hostbased(&arguments), b"");
        let (let_in, said) = (login.code() == Some(0), login.errors());
        assert_eq!((let_in, said.starts_with("denied")), (allowed, !allowed), "{what}: {said}");
        assert_eq!(login.text(), if allowed { USER } else { "" }, "{what}");
    }
    server.stop();
}

#[test]
fn sshs_host_shows_our_server_a_certificate() {
    let host = host_key(feramiko_interop::KeyType::Ed25519);
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let key = PrivateKey::load_file(&host.path, None).unwrap();
    // What the machine calls itself is not for a test to say: it is one of these.
    let names = ["localhost", &machine];
    let authority = stranger();
    let certificate = names
        .iter()
        .fold(CertificateBuilder::host(key.public_key()), |builder, name| builder.principal(*name))
        .issue(&authority)
        .unwrap();
    let trusting = |key: &PrivateKey| {
        let known = format!("@cert-authority * {}\n", key.public_key().to_line(""));
        let trusted = TrustedHosts::new(KnownHosts::parse(known.as_bytes()), names);
        let trusted = trusted.users(|_, there, here| there == "root" && here == USER);
        serve(Server::builder().methods(["hostbased"]), Some(Arc::new(trusted)))
    };
    for (server, allowed) in [(trusting(&authority), true), (trusting(&stranger()), false)] {
        let ssh = Ssh::to(server.local_addr().unwrap()).vouched_by(&host);
        let ssh = ssh.host_certificate(&certificate.to_line(""));
        assert_eq!(ssh.run("who", b"").code() == Some(0), allowed, "{}", ssh.log());
        server.stop();
    }
}

/// `ssh` signs by `ssh-keysign`, with the host key that it finds in /etc/ssh.
#[test]
fn ssh_is_vouched_for_at_our_server() {
    let host = host_key(feramiko_interop::KeyType::Ed25519);
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let names = ["localhost", &machine];
    let known = format!("{} {}\n", names.join(","), host.public);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&heard);
    let trusted =
        TrustedHosts::new(KnownHosts::parse(known.as_bytes()), names).users(move |host, there, here| {
            notes.lock().unwrap().push((host.to_owned(), there.to_owned(), here.to_owned()));
            there == "root" && here == USER
        });
    let server = serve(Server::builder().methods(["hostbased"]), Some(Arc::new(trusted)));
    let address = server.local_addr().unwrap();
    let ssh = Ssh::to(address).vouched_by(&host);
    assert_eq!(ssh.run("who", b"").text(), USER, "{}", ssh.log());
    assert!(ssh.log().contains("Authenticated to") && ssh.log().contains("hostbased"), "{}", ssh.log());
    assert_eq!(heard.lock().unwrap().len(), 1);
    let unknown = Ssh::to(address).vouched_by(&user_key(feramiko_interop::KeyType::Ed25519));
    assert_eq!(unknown.run("who", b"").code(), Some(255));
    assert_eq!(heard.lock().unwrap().len(), 1, "whose key is not known is not heard");
    let other = Ssh::to(address).user("root").vouched_by(&host);
    assert_eq!(other.run("who", b"").code(), Some(255));
    server.stop();
}

/// A key file with the certificate that `ssh-keygen` made beside it, and the authority's public key file.
fn certified(directory: &Path, principal: &str) -> (PathBuf, PathBuf) {
    let (authority, key) = (directory.join("authority"), directory.join("id"));
    stranger().write_file(&authority, "", None).unwrap();
    let user = stranger();
    user.write_file(&key, "", None).unwrap();
    let public = key.with_extension("pub");
    std::fs::write(&public, user.public_key().to_line("") + "\n").unwrap();
    let mut sign = Command::new("ssh-keygen");
    sign.arg("-q")
        .arg("-s")
        .arg(&authority)
        .args(["-I", "robey's", "-n", principal, "-V", "-1h:+1h"])
        .arg(&public);
    run(sign, b"").expect_success("ssh-keygen");
    let mut show = Command::new("ssh-keygen");
    show.arg("-y").arg("-f").arg(&authority);
    let line = run(show, b"").expect_success("ssh-keygen").text();
    std::fs::write(authority.with_extension("pub"), line).unwrap();
    (key, authority.with_extension("pub"))
}

#[test]
fn the_certificate_beside_a_key_file_comes_before_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let start = |authority: &Path| {
        Sshd::builder().set("TrustedUserCAKeys", &authority.display().to_string()).authorized_keys("").start()
    };
    let user = Sshd::start().user().to_owned();
    let (key, authority) = certified(directory.path(), &user);
    let sshd = start(&authority);
    let client = to(&sshd).key_file(&key).wait().unwrap();
    assert_eq!(steps(client.login_steps()), [("publickey", Outcome::Success)]);
    assert!(client.login_steps()[0].detail.contains("ssh-ed25519-cert-v01@openssh.com"));
    sshd.wait_for_log("ED25519-CERT");
    // The agent has the key alone: it signs for the certificate all the same.
    let agent = SshAgent::start();
    std::fs::rename(directory.path().join("id-cert.pub"), directory.path().join("elsewhere")).unwrap();
    hold(&agent, &[&key]);
    std::fs::rename(directory.path().join("elsewhere"), directory.path().join("id-cert.pub")).unwrap();
    let client = to(&sshd).agent_at(agent.path()).key_file(&key).wait().unwrap();
    assert!(matches!(client.login_steps()[0].source, Some(KeySource::Agent { .. })));

    // One for somebody else is refused, and so is the bare key.
    std::fs::remove_file(directory.path().join("id-cert.pub")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let (key, authority) = certified(other.path(), "nobody");
    let error = auth_error(to(&start(&authority)).key_file(&key).wait());
    assert_eq!(steps(&error.tried), [("publickey", Outcome::Refused), ("publickey", Outcome::Refused)]);
    let told = error.to_string();
    assert!(
        told.contains("ssh-ed25519-cert-v01@openssh.com") && told.contains("(ssh-ed25519 SHA256:"),
        "{told}"
    );
}
