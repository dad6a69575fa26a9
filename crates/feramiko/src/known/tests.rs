//! What is trusted by known_hosts files.

use feramiko_keys::{KeyType, PrivateKey};

use super::*;

fn key() -> PublicKey {
    PrivateKey::generate(KeyType::Ed25519).unwrap().public_key().clone()
}

struct Files(tempfile::TempDir);

impl Files {
    fn new(lines: &[(&str, &PublicKey)]) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        let lines: Vec<String> =
            lines.iter().map(|(start, key)| format!("{start} {}\n", key.to_line(""))).collect();
        std::fs::write(files.path(), lines.concat()).unwrap();
        files
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("known_hosts")
    }

    fn verifier(&self, unknown: UnknownHost) -> KnownHostsFiles {
        KnownHostsFiles::load("host", 2222, [self.path()], unknown).unwrap()
    }
}

fn refusal(result: Result<(), Error>) -> HostKeyRefusal {
    match result {
        Err(Error::HostKey(refusal)) => *refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_changed_and_revoked_are_three_things() {
    let (known, other, revoked) = (key(), key(), key());
    let files = Files::new(&[("[host]:2222", &known), ("@revoked *", &revoked)]);
    let mut verifier = files.verifier(UnknownHost::Refuse);
    assert!(verifier.verify(&known).is_ok());
    match refusal(verifier.verify(&other)) {
        HostKeyRefusal::Changed { known: at, .. } => {
            assert_eq!(at.len(), 1);
            assert_eq!((at[0].key.line, &at[0].file), (1, &files.path()));
            assert_eq!(at[0].key.blob, known.blob());
        }
        other => panic!("{other}"),
    }
    assert!(matches!(refusal(verifier.verify(&revoked)), HostKeyRefusal::Revoked { line: 2, .. }));

    let mut stranger = KnownHostsFiles::load("elsewhere", 22, [files.path()], UnknownHost::Refuse).unwrap();
    let text = refusal(stranger.verify(&known)).to_string();
    for part in ["elsewhere", &known.fingerprint().to_string(), &files.path().display().to_string()] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn accept_new_writes_the_key_down_and_accepts_no_other_after_that() {
    let (first, second) = (key(), key());
    let files = Files::new(&[]);
    assert!(files.verifier(UnknownHost::Accept).verify(&first).is_ok());
    let written = std::fs::read_to_string(files.path()).unwrap();
    assert_eq!(written, format!("[host]:2222 {}\n", first.to_line("")));
    assert!(files.verifier(UnknownHost::Accept).verify(&first).is_ok());
    let refused = refusal(files.verifier(UnknownHost::Accept).verify(&second));
    assert!(matches!(refused, HostKeyRefusal::Changed { .. }));
    assert_eq!(std::fs::read_to_string(files.path()).unwrap(), written);
}

#[test]
fn accept_new_never_takes_a_revoked_key_nor_a_plain_one_of_a_certified_host() {
    let (revoked, authority) = (key(), key());
    let files = Files::new(&[("@revoked *", &revoked), ("@cert-authority [host]:2222", &authority)]);
    let refused = refusal(files.verifier(UnknownHost::Accept).verify(&revoked));
    assert!(matches!(refused, HostKeyRefusal::Revoked { .. }));
    let refused = refusal(files.verifier(UnknownHost::Accept).verify(&key()));
    assert!(matches!(refused, HostKeyRefusal::Unknown { .. }));
}

#[test]
fn who_is_asked_sees_the_fingerprint_and_decides() {
    let key = key();
    let files = Files::new(&[]);
    let ask = |answer: bool| {
        let fingerprint = key.fingerprint();
        UnknownHost::Ask(Box::new(move |question| {
            assert_eq!(question.key().fingerprint(), fingerprint);
            answer
        }))
    };
    let refused = refusal(files.verifier(ask(false)).verify(&key));
    assert!(matches!(refused, HostKeyRefusal::Declined { .. }));
    assert_eq!(std::fs::read(files.path()).unwrap(), b"");
    assert!(files.verifier(ask(true)).verify(&key).is_ok());
    assert!(files.verifier(UnknownHost::Refuse).verify(&key).is_ok());
}

#[test]
fn defect_009_a_key_that_cannot_be_written_down_is_not_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("known_hosts");
    let mut verifier = KnownHostsFiles::load("host", 22, [&file], UnknownHost::Accept).unwrap();
    // Between reading and writing a directory takes the file's place.
    std::fs::create_dir(&file).unwrap();
    assert!(matches!(verifier.verify(&key()), Err(Error::Key { .. })));
    // And one that is there but cannot be read is not taken for empty.
    let loaded = KnownHostsFiles::load("host", 22, [&file], UnknownHost::Accept);
    assert!(matches!(loaded, Err(Error::Key { .. })));
}

#[test]
fn a_revocation_in_one_file_outweighs_trust_in_another() {
    let key = key();
    let (first, second) = (Files::new(&[("host", &key)]), Files::new(&[("@revoked host", &key)]));
    let paths = [first.path(), second.path()];
    let mut verifier = KnownHostsFiles::load("host", 22, paths, UnknownHost::Refuse).unwrap();
    assert!(matches!(refusal(verifier.verify(&key)), HostKeyRefusal::Revoked { .. }));
    // Trust in one file outweighs another key in the other.
    let other = Files::new(&[("host", &self::key())]);
    let paths = [other.path(), first.path()];
    let mut verifier = KnownHostsFiles::load("host", 22, paths, UnknownHost::Refuse).unwrap();
    assert!(verifier.verify(&key).is_ok());
}

#[test]
fn the_host_at_port_22_counts_only_where_no_file_has_a_key_of_the_port() {
    let (here, there) = (key(), key());
    let (of_port, of_host) = (Files::new(&[("[host]:2222", &here)]), Files::new(&[("host", &there)]));
    let load = |paths: [PathBuf; 2]| KnownHostsFiles::load("host", 2222, paths, UnknownHost::Refuse).unwrap();
    for paths in [[of_port.path(), of_host.path()], [of_host.path(), of_port.path()]] {
        let mut verifier = load(paths);
        assert!(verifier.verify(&here).is_ok());
        assert!(matches!(refusal(verifier.verify(&there)), HostKeyRefusal::Changed { .. }));
    }
    let nothing = Files::new(&[("other", &here)]);
    let mut verifier = load([nothing.path(), of_host.path()]);
    assert!(verifier.verify(&there).is_ok());
    assert!(matches!(refusal(verifier.verify(&here)), HostKeyRefusal::Unknown { .. }));
}

#[test]
fn a_certified_host_is_trusted_for_its_certificate_and_revocations_outweigh_it() {
    use feramiko_keys::certificate::{CertificateBuilder, CertificateError};
    let (authority, host) =
        (PrivateKey::generate(KeyType::Ed25519).unwrap(), PrivateKey::generate(KeyType::Ed25519).unwrap());
    let certified = |name: &str| {
        let builder = CertificateBuilder::host(host.public_key()).principal(name);
        builder.valid_for(std::time::Duration::from_secs(3600)).issue(&authority).unwrap()
    };
    let line = ("@cert-authority [h*]:2222", authority.public_key());
    let files = Files::new(&[line]);
    let mut verifier = files.verifier(UnknownHost::Accept).update(UpdateHostKeys::Yes);
    assert!(verifier.verify_certificate(&certified("host")).is_ok());
    assert!(verifier.keeper().is_none(), "a certified host is not followed");
    match refusal(verifier.verify_certificate(&certified("other"))) {
        HostKeyRefusal::Certificate { problem, .. } => {
            assert!(matches!(problem, CertificateError::WrongPrincipal { .. }));
        }
        other => panic!("{other}"),
    }
    for revoked in [authority.public_key(), host.public_key()] {
        let files = Files::new(&[line, ("@revoked host", revoked)]);
        let refused = files.verifier(UnknownHost::Accept).verify_certificate(&certified("host"));
        assert!(matches!(refusal(refused), HostKeyRefusal::Revoked { line: 2, .. }));
    }
    // Of an authority that nobody knows it is a key like any other.
    let files = Files::new(&[("[host]:2222", host.public_key())]);
    assert!(files.verifier(UnknownHost::Refuse).verify_certificate(&certified("other")).is_ok());
}

#[test]
fn the_types_of_known_keys_are_asked_for_first() {
    let rsa = include_str!("../../../keys/tests/data/rsa.pub").parse::<PublicKey>().unwrap();
    let files = Files::new(&[("[host]:2222", &rsa)]);
    let first = files.verifier(UnknownHost::Refuse).algorithms();
    assert_eq!(first, ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]);
    // Where an authority is known, its certificates come before.
    let files = Files::new(&[("[host]:2222", &rsa), ("@cert-authority *.net,[host]:*", &key())]);
    let first = files.verifier(UnknownHost::Refuse).algorithms();
    assert_eq!(first[0], "ssh-ed25519-cert-v01@openssh.com");
    assert_eq!(first[first.len() - 3..], ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]);
}

#[test]
fn the_address_of_a_host_agrees_with_its_name_where_that_is_asked_for() {
    let (host, other) = (key(), key());
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    let verifier = |files: &Files, unknown| {
        let mut verifier = files.verifier(unknown).check_address(true);
        verifier.connected_to(address);
        verifier
    };
    // It is written down beside a name that is known, and beside one that is met.
    let files = Files::new(&[("[host]:2222", &host)]);
    assert!(verifier(&files, UnknownHost::Refuse).verify(&host).is_ok());
    let line = format!("[192.0.2.7]:2222 {}\n", host.to_line(""));
    assert!(std::fs::read_to_string(files.path()).unwrap().ends_with(&line));
    let files = Files::new(&[]);
    assert!(verifier(&files, UnknownHost::Accept).verify(&host).is_ok());
    let written = std::fs::read_to_string(files.path()).unwrap();
    assert_eq!(written, format!("[host]:2222,[192.0.2.7]:2222 {}\n", host.to_line("")));
    // An address that is known by another key is somebody else's.
    let differs = [("[host]:2222", &host), ("[192.0.2.7]:2222", &other)];
    let files = Files::new(&differs);
    match refusal(verifier(&files, UnknownHost::Accept).verify(&host)) {
        HostKeyRefusal::AddressDiffers { address, known, .. } => {
            assert_eq!((address.host.as_str(), address.port), ("192.0.2.7", 2222));
            assert_eq!(known[0].key.line, 2);
        }
        other => panic!("{other}"),
    }
    let asked = verifier(&files, UnknownHost::Ask(Box::new(|_| true)));
    assert!({ asked }.verify(&host).is_ok());
    // Without the option, and on this machine, addresses are not looked at.
    let mut unasked = files.verifier(UnknownHost::Refuse);
    unasked.connected_to(address);
    assert!(unasked.verify(&host).is_ok());
    let here = Files::new(&[("[host]:2222", &host), ("[127.0.0.1]:2222", &other)]);
    let mut local = here.verifier(UnknownHost::Refuse).check_address(true);
    local.connected_to("127.0.0.1".parse().unwrap());
    assert!(local.verify(&host).is_ok());
    // What is revoked under the address is revoked.
    let files = Files::new(&[("[host]:2222", &host), ("@revoked 192.0.2.7", &host)]);
    let refused = refusal(verifier(&files, UnknownHost::Refuse).verify(&host));
    assert!(matches!(refused, HostKeyRefusal::Revoked { line: 2, .. }), "{refused}");
}
