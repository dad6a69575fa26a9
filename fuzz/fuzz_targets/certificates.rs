//! Certificates: as they come, and with fields of which an authority has signed whatever is in them.
#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use feramiko_fuzz::{Choices, allocates_at_most};
use feramiko_keys::certificate::{CertificateKind, HostCheck, UserCheck};
use feramiko_keys::{Certificate, PrivateKey, PublicKey};
use feramiko_wire::Writer;
use libfuzzer_sys::fuzz_target;

static AUTHORITY: LazyLock<PrivateKey> = LazyLock::new(|| {
    let text = include_bytes!("../../crates/keys/tests/data/certificates/ca-ed25519");
    PrivateKey::load(text, None).expect("a key")
});

/// A certificate of an Ed25519 key; its authority has signed all the fields that the input chose.
fn signed(choices: &mut Choices<'_>) -> Vec<u8> {
    let flags = choices.byte();
    let mut blob = Vec::new();
    let mut writer = Writer::new(&mut blob);
    writer.string(b"ssh-ed25519-cert-v01@openssh.com");
    writer.string(b"nonce");
    writer.string(&[7; 32]);
    writer.u64(u64::from(choices.byte()));
    writer.u32(u32::from(flags & 3));
    writer.string(choices.bytes());
    if flags & 4 != 0 {
        writer.nested(|list| list.string(b"robey"));
    } else {
        writer.string(choices.bytes());
    }
    writer.u64(if flags & 8 != 0 { 0 } else { u64::from(choices.byte()) });
    writer.u64(if flags & 16 != 0 { u64::MAX } else { u64::from(choices.byte()) });
    writer.string(choices.bytes());
    writer.string(choices.bytes());
    writer.string(b"");
    if flags & 32 != 0 {
        writer.string(choices.bytes());
    } else {
        writer.string(AUTHORITY.public_key().blob());
    }
    let signature = AUTHORITY.sign("ssh-ed25519", &blob).expect("a signature");
    Writer::new(&mut blob).string(&signature);
    blob
}

fn check(certificate: &Certificate) {
    assert_eq!(Certificate::from_blob(certificate.blob()).expect("its own blob").blob(), certificate.blob());
    let (again, comment) = Certificate::from_line(&certificate.to_line("a comment")).expect("its own line");
    assert_eq!((again.blob(), comment.as_str()), (certificate.blob(), "a comment"));
    assert!(PublicKey::from_blob(certificate.blob()).is_err(), "a certificate is no key");
    assert!(!format!("{certificate:?}").contains(char::is_control));

    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
    let trusted = [AUTHORITY.public_key().clone()];
    let here = Some([127, 0, 0, 1].into());
    let question = UserCheck { source: here, ..UserCheck::new(&["robey"], &trusted, now) };
    let named = |name: &str| certificate.principals().iter().any(|principal| principal == name);
    match certificate.check_user(&question) {
        Ok(restrictions) => {
            assert_eq!(certificate.kind(), CertificateKind::User);
            assert!(named("robey") && certificate.validity().contains(now));
            assert_eq!(certificate.authority(), &trusted[0]);
            let forced = certificate.critical_options().iter().any(|option| option.name == "force-command");
            assert_eq!(restrictions.command.is_some(), forced);
            let nobody = UserCheck { principals: &[], ..question };
            assert!(certificate.check_user(&nobody).is_err());
            let elsewhere = UserCheck { source: None, ..question };
            assert_eq!(certificate.check_user(&elsewhere).is_ok(), restrictions.sources.is_empty());
        }
        Err(why) => assert!(!why.to_string().contains(char::is_control)),
    }
    if certificate.check_host(&HostCheck::new("robey", &trusted, now)).is_ok() {
        assert_eq!(certificate.kind(), CertificateKind::Host);
        assert!(certificate.critical_options().is_empty() && !certificate.principals().is_empty());
    }
    assert!(certificate.check_user(&UserCheck::new(&["robey"], &[], now)).is_err());
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::new(data);
    let read = match choices.byte() % 3 {
        0 => Certificate::from_blob(choices.rest()),
        1 => Certificate::from_line(&String::from_utf8_lossy(choices.rest())).map(|(read, _)| read),
        _ => {
            let blob = signed(&mut choices);
            let mut read = None;
            allocates_at_most((1 << 20) + 64 * blob.len(), || read = Some(Certificate::from_blob(&blob)));
            read.expect("it was read")
        }
    };
    match read {
        Ok(certificate) => check(&certificate),
        Err(error) => assert!(!error.to_string().contains('\x1b')),
    }
});
