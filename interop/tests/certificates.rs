//! Certificates beside OpenSSH: ours at `sshd`, `ssh` at ours, and what `ssh-keygen` and `sshd` say of bad ones.

#[path = "../../crates/keys/tests/forge/mod.rs"]
#[allow(dead_code, reason = "this one only makes certificates")]
mod forge;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use base64ct::{Base64, Encoding};
use feramiko::certificate::{CertificateBuilder, UserCheck};
use feramiko::{
    Algorithms, Certificate, CertificatePolicy, CertifiedKey, Client, Connect, Error, KeyType as NewKey,
    PrivateKey, Program, PublicKey, Server,
};
use feramiko_interop::{KeyFile, KeyType, Ssh, Sshd, host_key, public_key, user_key};
use forge::{CHANGES, Fields, option, strings};

/// An authority of this test run, and a place for files.
struct House {
    authority: PrivateKey,
    directory: tempfile::TempDir,
}

fn house() -> &'static House {
    static HOUSE: OnceLock<House> = OnceLock::new();
    HOUSE.get_or_init(|| {
        let authority = PrivateKey::generate(NewKey::Ed25519).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority");
        authority.write_file(&path, "authority", None).unwrap();
        fs::write(path.with_extension("pub"), authority.public_key().to_line("authority") + "\n").unwrap();
        House { authority, directory }
    })
}

fn authority_file() -> PathBuf {
    house().directory.path().join("authority.pub")
}

/// `sshd` that trusts the authority, and no key by itself.
fn sshd() -> feramiko_interop::SshdBuilder {
    let trusted = authority_file().display().to_string();
    Sshd::builder().set("TrustedUserCAKeys", &trusted).authorized_keys("")
}

fn private(key: &KeyFile) -> PrivateKey {
    PrivateKey::load_file(&key.path, None).unwrap()
}

fn user_certificate(sshd: &Sshd, key: &PublicKey) -> CertificateBuilder {
    CertificateBuilder::user(key).principal(sshd.user()).key_id("interop").serial(7)
}

fn to(sshd: &Sshd) -> Connect {
    let host = public_key(&host_key(KeyType::Ed25519).public);
    Client::connect(sshd.address().to_string())
        .no_config()
        .user(sshd.user())
        .host_key(host)
        .deadline(Duration::from_secs(60))
}

fn with(sshd: &Sshd, key: &PrivateKey, certificate: Certificate) -> Result<Client, Error> {
    to(sshd).key(CertifiedKey::new(key.clone(), certificate).unwrap()).wait()
}

/// `ssh-keygen -L`: whether it can read it, and what it says.
fn keygen_lists(blob: &[u8]) -> (bool, String) {
    let name = String::from_utf8_lossy(&blob[4..4 + usize::from(blob[3])]).into_owned();
    let file = tempfile::NamedTempFile::new_in(house().directory.path()).unwrap();
    fs::write(file.path(), format!("{name} {}\n", Base64::encode_string(blob))).unwrap();
    let listed = Command::new("ssh-keygen").arg("-L").arg("-f").arg(file.path()).output().unwrap();
    (listed.status.success(), String::from_utf8_lossy(&listed.stdout).into_owned())
}

#[test]
fn sshd_lets_in_whom_our_certificates_name_with_each_type_of_key() {
    let sshd = sshd().start();
    for kind in KeyType::ALL {
        let key = private(&user_key(kind));
        let certificate = user_certificate(&sshd, key.public_key()).issue(&house().authority).unwrap();
        let name = certificate.signature_algorithms()[0];
        let client = with(&sshd, &key, certificate).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(client.command("echo in").output().wait().unwrap().stdout, b"in\n");
    }
    sshd.wait_for_log("ID interop (serial 7) CA ED25519");
    let bare = to(&sshd).key_file(user_key(KeyType::Ed25519).path).wait();
    assert!(matches!(bare, Err(Error::Auth(_))), "the key alone lets nobody in: {bare:?}");
}

#[test]
fn a_certificate_that_ssh_keygen_made_logs_in_with_the_hash_that_is_configured() {
    let sshd = sshd().set("PubkeyAcceptedAlgorithms", "rsa-sha2-256-cert-v01@openssh.com").start();
    let key = user_key(KeyType::Rsa);
    let public = house().directory.path().join("made.pub");
    fs::write(&public, &key.public).unwrap();
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-I", "made", "-n", sshd.user(), "-s"]).arg(house().directory.path().join("authority"));
    assert!(sign.arg(&public).status().unwrap().success());
    let certificate = house().directory.path().join("made-cert.pub");
    let (certificate, _) = Certificate::load_file(certificate).unwrap();
    assert_eq!(certificate.key_id(), "made");
    // This sshd announces signatures that it does not take here, so that it is for us to choose.
    let user_key = vec!["rsa-sha2-256-cert-v01@openssh.com".to_owned()];
    let client = to(&sshd)
        .algorithms(Algorithms { user_key, ..Algorithms::default() })
        .key(CertifiedKey::new(private(&key), certificate).unwrap())
        .wait()
        .unwrap();
    assert_eq!(client.command("echo in").output().wait().unwrap().stdout, b"in\n");
}

#[test]
fn a_certificate_in_a_file_of_its_own_is_shown_for_the_key() {
    let sshd = sshd().start();
    let key = user_key(KeyType::Ecdsa384);
    let certificate = user_certificate(&sshd, &public_key(&key.public)).issue(&house().authority).unwrap();
    let file = house().directory.path().join("of-its-own");
    fs::write(&file, certificate.to_line("") + "\n").unwrap();
    let client = to(&sshd).key_file(&key.path).certificate_file(&file).wait().unwrap();
    assert_eq!(client.command("echo in").output().wait().unwrap().stdout, b"in\n");
}

#[test]
fn sshd_enforces_what_our_certificates_say() {
    let principals = house().directory.path().join("principals");
    fs::write(&principals, "ops\n").unwrap();
    let listed = sshd().set("AuthorizedPrincipalsFile", &principals.display().to_string()).start();
    let key = private(&user_key(KeyType::Ed25519));
    let issue = |builder: CertificateBuilder| builder.issue(&house().authority).unwrap();
    let ops = || CertificateBuilder::user(key.public_key()).principal("ops");
    let client = with(&listed, &key, issue(ops().force_command("echo forced"))).unwrap();
    assert_eq!(client.command("echo other").output().wait().unwrap().stdout, b"forced\n");
    assert!(with(&listed, &key, issue(user_certificate(&listed, key.public_key()))).is_err());
    assert!(with(&listed, &key, issue(ops().source_addresses("127.0.0.0/8"))).is_ok());
    assert!(with(&listed, &key, issue(ops().source_addresses("192.0.2.0/24"))).is_err());
    assert!(with(&listed, &key, issue(ops().valid_for(Duration::ZERO))).is_err());
    let ours = CertificateBuilder::user(key.public_key()).principal("ops").issue(&key).unwrap();
    assert!(with(&listed, &key, ours).is_err(), "an authority that sshd does not trust");
}

#[test]
fn ssh_keygen_reads_what_we_issue() {
    let key = user_key(KeyType::Ecdsa256);
    let certificate = CertificateBuilder::user(&public_key(&key.public))
        .principal("robey")
        .key_id("a laptop")
        .serial(u64::MAX)
        .force_command("uptime")
        .source_addresses("127.0.0.1/32")
        .verify_required()
        .issue(&house().authority)
        .unwrap();
    let (readable, text) = keygen_lists(certificate.blob());
    assert!(readable);
    for part in [
        "ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate",
        "Key ID: \"a laptop\"",
        "Serial: 18446744073709551615",
        "Valid: forever",
        "force-command uptime",
        "source-address 127.0.0.1/32",
        "verify-required",
        "permit-pty",
        &certificate.authority().fingerprint().to_string(),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn each_field_that_is_changed_is_refused_by_us_and_by_ssh_keygen() {
    let key = user_key(KeyType::Rsa);
    let mut fields = Fields::user(&public_key(&key.public), house().authority.public_key());
    let whole = fields.signed(&house().authority).unwrap();
    assert!(Certificate::from_blob(&whole).is_ok() && keygen_lists(&whole).0);
    for (field, change) in CHANGES {
        let mut changed = fields.clone();
        change(&mut changed);
        let (ours, theirs) =
            (Certificate::from_blob(&changed.blob()).is_ok(), keygen_lists(&changed.blob()).0);
        assert_eq!((ours, theirs), (false, false), "{field}");
    }
}

/// A client that shows whatever blob it is given: ours would not make such certificates.
fn ssh_with(sshd: &Sshd, blob: &[u8]) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let key = user_key(KeyType::Ed25519);
    let file = directory.path().join("certificate-cert.pub");
    let line = format!("ssh-ed25519-cert-v01@openssh.com {}\n", Base64::encode_string(blob));
    fs::write(&file, line).unwrap();
    let ssh = Ssh::to(sshd.address())
        .user(sshd.user())
        .key(&key)
        .option("CertificateFile", &file.display().to_string());
    ssh.run("echo in", b"").stdout == b"in\n"
}

#[test]
fn sshd_and_we_agree_about_certificates_that_say_something_wrong() {
    let sshd = sshd().start();
    let user = sshd.user().to_owned();
    let key = public_key(&user_key(KeyType::Ed25519).public);
    let trusted = [house().authority.public_key().clone()];
    type Bend = fn(&mut Fields);
    let cases: [(&str, bool, Bend); 14] = [
        ("as it should be", true, |_| ()),
        ("an unknown extension", true, |it| it.extensions.extend(option("x@example.com", b""))),
        ("something reserved", true, |it| it.reserved = b"x".to_vec()),
        ("source here", true, |it| it.critical = option("source-address", &strings(&["127.0.0.0/8"]))),
        ("for hosts", false, |it| it.kind = 2),
        ("expired", false, |it| it.until = 1000),
        ("not yet valid", false, |it| it.from = u64::MAX - 1),
        ("another user", false, |it| it.principals = strings(&["somebody-else"])),
        ("two names in one", false, |it| it.principals = strings(&["robey,root"])),
        ("an unknown condition", false, |it| it.critical = option("x@example.com", b"")),
        ("an empty source", false, |it| it.critical = option("source-address", &strings(&[""]))),
        ("a source elsewhere", false, |it| it.critical = option("source-address", &strings(&["192.0.2.1"]))),
        ("a command with more", false, |it| {
            it.critical = option("force-command", &strings(&["true", "false"]));
        }),
        ("a flag with data", false, |it| it.extensions = option("permit-pty", b"x")),
    ];
    for (what, allowed, bend) in cases {
        let mut fields = Fields::user(&key, house().authority.public_key());
        fields.principals = strings(&[user.as_str()]);
        bend(&mut fields);
        let blob = fields.signed(&house().authority).unwrap();
        let ours = Certificate::from_blob(&blob).is_ok_and(|certificate| {
            let source = Some([127, 0, 0, 1].into());
            let names = [user.as_str()];
            let check = UserCheck { source, ..UserCheck::new(&names, &trusted, SystemTime::now()) };
            certificate.check_user(&check).is_ok()
        });
        assert_eq!((ours, ssh_with(&sshd, &blob)), (allowed, allowed), "{what}");
    }
}

/// A server of ours that trusts the authority and shows a certificate.
fn our_server(policy: CertificatePolicy) -> Server {
    let key = private(&host_key(KeyType::Ed25519));
    let certificate = CertificateBuilder::host(key.public_key()).principal("127.0.0.1");
    let certificate = certificate.issue(&house().authority).unwrap();
    let host = CertifiedKey::new(key, certificate).unwrap();
    let server = Server::builder().host_key(host).certificates(policy).bind("127.0.0.1:0").wait().unwrap();
    let serving = server.clone();
    std::thread::spawn(move || {
        serving.serve(|connection| {
            while let Some(attempt) = connection.next_auth().wait()? {
                attempt.reject()?;
            }
            while let Some(session) = connection.next_session().wait()? {
                let Some(start) = session.program().wait()? else { continue };
                let Program::Exec(line) = start.program().clone() else { continue };
                start.accept().finish(line, "", 0).wait()?;
            }
            Ok(())
        })
    });
    server
}

/// The user's key beside a certificate, as `ssh` looks for it.
fn certified_file(directory: &Path, kind: KeyType, builder: CertificateBuilder) -> KeyFile {
    let key = user_key(kind);
    let path = directory.join("key");
    fs::copy(&key.path, &path).unwrap();
    fs::write(directory.join("key.pub"), format!("{}\n", key.public)).unwrap();
    let certificate = builder.issue(&house().authority).unwrap();
    fs::write(directory.join("key-cert.pub"), certificate.to_line("") + "\n").unwrap();
    KeyFile { path, public: key.public }
}

#[test]
fn ssh_logs_in_to_our_server_with_a_certificate_of_each_type_and_knows_our_host_by_its_own() {
    let server = our_server(CertificatePolicy::new([house().authority.public_key().clone()]));
    let address = server.local_addr().unwrap();
    let authority = house().authority.public_key().to_line("");
    for kind in KeyType::ALL {
        let directory = tempfile::tempdir().unwrap();
        let builder = CertificateBuilder::user(&public_key(&user_key(kind).public)).principal("robey");
        let key = certified_file(directory.path(), kind, builder);
        let known_hosts = directory.path().join("known_hosts");
        fs::write(&known_hosts, format!("@cert-authority * {authority}\n")).unwrap();
        let ssh = Ssh::to(address)
            .user("robey")
            .key(&key)
            .option("UserKnownHostsFile", &known_hosts.display().to_string());
        let finished = ssh.run("uptime", b"");
        assert_eq!(finished.stdout, b"uptime", "{kind:?}: {}", ssh.log());
        assert_eq!(ssh.negotiated().host_key, "ssh-ed25519-cert-v01@openssh.com");
    }
}

#[test]
fn our_server_enforces_what_certificates_say_on_ssh() {
    let server = our_server(CertificatePolicy::new([house().authority.public_key().clone()]));
    let address = server.local_addr().unwrap();
    let run = |builder: CertificateBuilder, flags: &[&str]| {
        let directory = tempfile::tempdir().unwrap();
        let key = certified_file(directory.path(), KeyType::Ed25519, builder);
        let ssh = flags.iter().fold(Ssh::to(address).user("robey").key(&key), |ssh, flag| ssh.flag(flag));
        (ssh.run("uptime", b"").stdout, ssh.log())
    };
    let key = public_key(&user_key(KeyType::Ed25519).public);
    let robey = || CertificateBuilder::user(&key).principal("robey");
    assert_eq!(run(robey().force_command("date"), &[]).0, b"date");
    for refused in [
        robey().source_addresses("192.0.2.0/24"),
        robey().valid_for(Duration::ZERO),
        robey().critical_option("x@example.com", Vec::new()),
        CertificateBuilder::user(&key).principal("root"),
    ] {
        assert_eq!(run(refused, &[]).0, b"");
    }
    let (_, log) = run(robey().no_extensions(), &["-tt"]);
    assert!(log.contains("PTY allocation request failed"), "{log}");
}

/// A host certificate for `name`, as a file for sshd.
fn host_certificate(name: &str, authority: &PrivateKey) -> (PathBuf, Certificate) {
    let key = public_key(&host_key(KeyType::Ed25519).public);
    let certificate = CertificateBuilder::host(&key).principal(name).issue(authority).unwrap();
    let path = house().directory.path().join(format!("host-{name}-cert.pub"));
    fs::write(&path, certificate.to_line("") + "\n").unwrap();
    (path, certificate)
}

#[test]
fn the_host_certificate_of_sshd_is_accepted_for_the_authority_that_is_known() {
    let (file, certificate) = host_certificate("127.0.0.1", &house().authority);
    let sshd = Sshd::builder().set("HostCertificate", &file.display().to_string()).start();
    let directory = tempfile::tempdir().unwrap();
    let known_hosts = directory.path().join("known_hosts");
    let authority = house().authority.public_key().to_line("");
    let connect = |lines: String| {
        fs::write(&known_hosts, lines).unwrap();
        let connect = Client::connect(sshd.address().to_string())
            .no_config()
            .user(sshd.user())
            .known_hosts(&known_hosts);
        connect.key_file(user_key(KeyType::Ed25519).path).deadline(Duration::from_secs(60)).wait()
    };
    let client = connect(format!("@cert-authority 127.0.0.*,[127.0.0.1]:* {authority}\n")).unwrap();
    assert_eq!(client.transport().host_certificate(), Some(certificate.clone()));
    assert_eq!(client.host_key(), certificate.public_key());

    let stranger = PrivateKey::generate(NewKey::Ed25519).unwrap().public_key().to_line("");
    for lines in [
        String::new(),
        format!("@cert-authority [127.0.0.1]:* {stranger}\n"),
        format!("[127.0.0.1]:{} {authority}\n", sshd.address().port()),
        format!("@cert-authority [127.0.0.1]:* {authority}\n@revoked * {authority}\n"),
        format!(
            "@cert-authority [127.0.0.1]:* {authority}\n@revoked * {}\n",
            host_key(KeyType::Ed25519).public
        ),
    ] {
        let refused = connect(lines.clone());
        assert!(matches!(refused, Err(Error::HostKey(_))), "{lines}: {refused:?}");
    }
    // Who knows the key knows the host all the same.
    let known = format!("[127.0.0.1]:{} {}\n", sshd.address().port(), host_key(KeyType::Ed25519).public);
    assert!(connect(known).is_ok());
}

#[test]
fn a_host_certificate_for_another_name_is_none() {
    let (file, _) = host_certificate("elsewhere.example", &house().authority);
    let sshd = Sshd::builder().set("HostCertificate", &file.display().to_string()).start();
    let directory = tempfile::tempdir().unwrap();
    let known_hosts = directory.path().join("known_hosts");
    let authority = house().authority.public_key().to_line("");
    fs::write(&known_hosts, format!("@cert-authority [127.0.0.1]:* {authority}\n")).unwrap();
    let connect =
        Client::connect(sshd.address().to_string()).no_config().user(sshd.user()).known_hosts(&known_hosts);
    let refused = connect.key_file(user_key(KeyType::Ed25519).path).wait();
    assert!(matches!(refused, Err(Error::HostKey(_))), "{refused:?}");
}
