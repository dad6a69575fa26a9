//! Revocation lists at real servers: our client and `ssh`, at `sshd` (`RevokedKeys`) and at our server.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use feramiko::{
    AuthorizedKeysPolicy, Certificate, CertificatePolicy, CertifiedKey, Client, Error, PrivateKey, Server,
    ServerConnection,
};
use feramiko_interop::{KeyFile, KeyType, Ssh, Sshd, host_key, public_key, run, user_key};

/// A list, whether it lets the key in by itself, and whether by its certificate.
struct Case {
    list: &'static str,
    key: bool,
    certificate: bool,
}

const CASES: [Case; 7] = [
    Case { list: "nothing.krl", key: true, certificate: true },
    Case { list: "key.krl", key: false, certificate: false },
    Case { list: "key.pub", key: false, certificate: false },
    Case { list: "serial.krl", key: true, certificate: false },
    Case { list: "other-serial.krl", key: true, certificate: true },
    Case { list: "authority.pub", key: true, certificate: false },
    // What cannot be read revokes everything.
    Case { list: "damaged.krl", key: false, certificate: false },
];

struct Folder(tempfile::TempDir);

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn keygen(&self, arguments: &[&str]) {
        let mut keygen = Command::new("ssh-keygen");
        keygen.current_dir(self.0.path()).args(arguments);
        run(keygen, b"").expect_success("ssh-keygen");
    }

    /// An authority, a certificate of the key with the serial number 7, and the lists.
    fn fill(&self, key: &KeyFile, user: &str) {
        self.keygen(&["-q", "-t", "ed25519", "-N", "", "-f", "authority"]);
        self.write("key.pub", &format!("{}\n", key.public));
        self.keygen(&["-q", "-s", "authority", "-I", "id", "-n", user, "-z", "7", "key.pub"]);
        for (name, list) in [("nothing", ""), ("serial", "serial: 7\n"), ("other-serial", "serial: 8\n")] {
            self.write(name, list);
            self.keygen(&["-q", "-k", "-f", &format!("{name}.krl"), "-s", "authority.pub", name]);
        }
        self.keygen(&["-q", "-k", "-f", "key.krl", "key.pub"]);
        let list = fs::read(self.path("key.krl")).unwrap();
        fs::write(self.path("damaged.krl"), &list[..list.len() - 1]).unwrap();
    }
}

/// Says each command line back.
fn look_after(connection: ServerConnection) -> Result<(), Error> {
    while let Some(attempt) = connection.next_auth().wait()? {
        attempt.reject()?;
    }
    while let Some(session) = connection.next_session().wait()? {
        let Some(start) = session.program().wait()? else { continue };
        start.accept().finish("iron\n", "", 0).wait()?;
    }
    Ok(())
}

fn our_server(folder: &Folder, list: &str) -> Server {
    let (authority, _) = feramiko::PublicKey::load_file(folder.path("authority.pub")).unwrap();
    let keys = AuthorizedKeysPolicy::pattern(folder.path("key.pub").display().to_string());
    let server = Server::builder()
        .host_key(PrivateKey::load_file(host_key(KeyType::Ed25519).path, None).unwrap())
        .authorized_keys(keys.any_owner())
        .certificates(CertificatePolicy::new([authority]).revoked_keys(folder.path(list)))
        .bind("127.0.0.1:0")
        .wait()
        .unwrap();
    let listening = server.clone();
    std::thread::spawn(move || listening.serve(look_after));
    server
}

/// Whether the key alone, and whether the certificate alone, lets each client in; asserts that they are told.
fn ask(folder: &Folder, case: &Case, address: SocketAddr, user: &str, key: &KeyFile) {
    let at = format!("{} at {address}", case.list);
    let certificate = folder.path("key-cert.pub");

    let ssh = Ssh::to(address).user(user).key(key).option("PubkeyAcceptedAlgorithms", "ssh-ed25519");
    assert_eq!(ssh.run("echo iron", b"").text() == "iron\n", case.key, "ssh with the key: {at}");
    // The certificate is shown first, and the key after it where that is refused.
    let ssh = Ssh::to(address).user(user).key(key);
    let ssh = ssh.option("CertificateFile", &certificate.display().to_string());
    assert_eq!(ssh.run("echo iron", b"").text() == "iron\n", case.key, "ssh with both: {at}");
    let accepts = |line: &str| line.contains("Server accepts key") && line.contains("ED25519-CERT");
    let log = ssh.log();
    assert_eq!(log.lines().any(accepts), case.certificate, "ssh with the certificate: {at}: {log}");

    let private = PrivateKey::load_file(&key.path, None).unwrap();
    let (certificate, _) = Certificate::load_file(&certificate).unwrap();
    let connect = || {
        Client::connect(address.to_string())
            .no_config()
            .user(user)
            .host_key(public_key(&host_key(KeyType::Ed25519).public))
            .deadline(Duration::from_secs(60))
    };
    let by_key = connect().key(private.clone()).wait();
    assert_eq!(by_key.is_ok(), case.key, "our client with the key: {at}: {by_key:?}");
    let by_certificate = connect().key(CertifiedKey::new(private, certificate).unwrap()).wait();
    assert_eq!(
        by_certificate.is_ok(),
        case.certificate,
        "our client with the certificate: {at}: {by_certificate:?}"
    );
}

#[test]
fn defect_034_what_a_list_revokes_is_refused_at_sshd_and_at_our_server() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let key = user_key(KeyType::Ed25519);
    let list = folder.path("list");
    let builder = Sshd::builder()
        .set("TrustedUserCAKeys", &folder.path("authority.pub").display().to_string())
        .set("RevokedKeys", &list.display().to_string())
        .authorized_keys(&format!("{}\n", key.public));
    // sshd looks at the lists for each login, and wants one to be there.
    folder.write("list", "");
    let sshd = builder.start();
    folder.fill(&key, sshd.user());
    for case in CASES {
        fs::copy(folder.path(case.list), &list).unwrap();
        ask(&folder, &case, sshd.address(), sshd.user(), &key);
        let server = our_server(&folder, case.list);
        ask(&folder, &case, server.local_addr().unwrap(), sshd.user(), &key);
        server.stop();
    }
}
