use std::time::{Duration, SystemTime};

use feramiko_wire::Writer;

use super::*;
use crate::certificate::{CertificateBuilder, CertificateError, UserCheck};
use crate::{KeyType, PrivateKey};

const ED25519: &str = include_str!("../../tests/data/ed25519.pub");
const RSA: &str = include_str!("../../tests/data/rsa.pub");

fn key(line: &str) -> PublicKey {
    line.parse().unwrap()
}

/// A list with these sections.
fn krl(sections: &[Vec<u8>]) -> Vec<u8> {
    let mut content = binary::MAGIC.to_vec();
    let mut writer = Writer::new(&mut content);
    writer.u32(1);
    [7, 1_700_000_000, 0].into_iter().for_each(|number| writer.u64(number));
    writer.string(b"");
    writer.string(b"a comment");
    content.extend(sections.concat());
    content
}

fn section(kind: u8, body: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let (mut content, mut bytes) = (Vec::new(), Vec::new());
    body(&mut Writer::new(&mut content));
    let mut writer = Writer::new(&mut bytes);
    writer.u8(kind);
    writer.string(&content);
    bytes
}

fn certificates(authority: &[u8], parts: &[Vec<u8>]) -> Vec<u8> {
    section(1, |writer| {
        writer.string(authority);
        writer.string(b"");
        writer.raw(&parts.concat());
    })
}

fn list(serials: &[u64]) -> Vec<u8> {
    section(0x20, |writer| serials.iter().for_each(|serial| writer.u64(*serial)))
}

fn range(first: u64, last: u64) -> Vec<u8> {
    section(0x21, |writer| [first, last].into_iter().for_each(|serial| writer.u64(serial)))
}

fn bitmap(offset: u64, bits: &[u8]) -> Vec<u8> {
    section(0x22, |writer| {
        writer.u64(offset);
        writer.mpint(bits);
    })
}

fn certificate(subject: &PublicKey, authority: &PrivateKey, serial: u64, id: &str) -> Certificate {
    CertificateBuilder::user(subject)
        .principal("robey")
        .serial(serial)
        .key_id(id)
        .valid_for(Duration::from_secs(60))
        .issue(authority)
        .unwrap()
}

fn new_authority() -> PrivateKey {
    PrivateKey::generate(KeyType::Ed25519).unwrap()
}

fn revoked_serials(parts: &[Vec<u8>]) -> Result<impl Fn(u64) -> bool + use<>, KeyError> {
    let authority = new_authority();
    let revoked = RevokedKeys::parse(&krl(&[certificates(authority.public_key().blob(), parts)]))?;
    let subject = key(ED25519);
    Ok(move |serial| revoked.is_certificate_revoked(&certificate(&subject, &authority, serial, "robey")))
}

#[test]
fn keys_are_revoked_by_themselves_and_by_their_fingerprints() {
    let (stolen, other) = (key(ED25519), key(RSA));
    for section in [
        section(2, |writer| writer.string(stolen.blob())),
        section(3, |writer| writer.string(&sha1(stolen.blob()))),
        section(5, |writer| writer.string(&digest(stolen.blob()))),
    ] {
        let revoked = RevokedKeys::parse(&krl(&[section])).unwrap();
        assert_eq!(revoked.version(), 7);
        assert!(revoked.is_revoked(&stolen) && !revoked.is_revoked(&other));
    }
    let list = format!("# lost\n\n{ED25519}");
    let revoked = RevokedKeys::parse(list.as_bytes()).unwrap();
    assert!(revoked.is_revoked(&stolen) && !revoked.is_revoked(&other));
    let both = revoked.or(RevokedKeys::parse(RSA.as_bytes()).unwrap());
    assert!(both.is_revoked(&stolen) && both.is_revoked(&other));
}

#[test]
fn defect_034_a_certificate_is_revoked_with_its_key_and_with_its_authority() {
    let (subject, authority) = (key(ED25519), new_authority());
    let signer = authority.public_key();
    let certificate = certificate(&subject, &authority, 5, "robey");
    let lines = [subject.to_line(""), signer.to_line(""), certificate.to_line("")];
    for revoked in &lines {
        let revoked = RevokedKeys::parse(revoked.as_bytes()).unwrap();
        assert!(revoked.is_certificate_revoked(&certificate));
        let check = UserCheck { revoked: &revoked, ..trusting(std::slice::from_ref(signer)) };
        let refused = certificate.check_user(&check);
        assert!(matches!(refused, Err(CertificateError::Revoked { .. })), "{refused:?}");
    }
    assert!(!RevokedKeys::default().is_certificate_revoked(&certificate));
    assert!(certificate.check_user(&trusting(std::slice::from_ref(signer))).is_ok());
    // By its identifier: of this authority, of all, of another.
    let id = |authority: &[u8], id: &str| {
        let part = section(0x23, |writer| writer.string(id.as_bytes()));
        RevokedKeys::parse(&krl(&[certificates(authority, &[part])])).unwrap()
    };
    assert!(id(signer.blob(), "robey").is_certificate_revoked(&certificate));
    assert!(id(b"", "robey").is_certificate_revoked(&certificate));
    assert!(!id(subject.blob(), "robey").is_certificate_revoked(&certificate));
    assert!(!id(signer.blob(), "robey2").is_certificate_revoked(&certificate));
    let by_id = id(b"", "robey");
    let check = UserCheck { revoked: &by_id, ..trusting(std::slice::from_ref(signer)) };
    assert!(certificate.check_user(&check).is_err());
}

fn trusting(authorities: &[PublicKey]) -> UserCheck<'_> {
    UserCheck::new(&["robey"], authorities, SystemTime::now())
}

#[test]
fn serial_numbers_by_list_range_and_bitmap() {
    // 0b1_0000_0101: 100, 102 and 108.
    let parts =
        [list(&[1, 2, 3, 9]), range(20, 30), range(25, 40), bitmap(100, &[1, 0b101]), list(&[u64::MAX])];
    let revoked = revoked_serials(&parts).unwrap();
    let all: Vec<u64> = (0..200).filter(|serial| revoked(*serial)).collect();
    let expected: Vec<u64> = [1, 2, 3, 9].into_iter().chain(20..=40).chain([100, 102, 108]).collect();
    assert_eq!(all, expected);
    assert!(revoked(u64::MAX) && !revoked(u64::MAX - 1));
}

#[test]
fn serial_number_0_is_nobodys_and_cannot_be_revoked() {
    for part in [list(&[0]), range(0, 9), range(9, 8), bitmap(0, &[1])] {
        assert!(revoked_serials(&[part]).is_err());
    }
    let revoked = revoked_serials(&[bitmap(0, &[0b10]), range(1, u64::MAX)]).unwrap();
    assert!(!revoked(0) && revoked(1) && revoked(u64::MAX));
}

#[test]
fn bitmaps_are_bounded_and_do_not_go_round() {
    assert!(revoked_serials(&[bitmap(u64::MAX, &[1])]).unwrap()(u64::MAX));
    assert!(revoked_serials(&[bitmap(u64::MAX, &[0b10])]).is_err());
    assert!(revoked_serials(&[bitmap(u64::MAX - 7, &[1, 0])]).is_err());
    assert!(revoked_serials(&[bitmap(1, &[0xff; 1 << 21])]).is_ok());
    assert!(revoked_serials(&[bitmap(1, &[0xff; (1 << 21) + 1])]).is_err());
}

#[test]
fn defect_034_a_list_that_is_not_understood_is_an_error() {
    let extension = |kind: u8, critical: bool| {
        section(kind, |writer| {
            writer.string(b"x@example.com");
            writer.boolean(critical);
            writer.string(b"");
        })
    };
    assert!(
        RevokedKeys::parse(&krl(&[extension(255, false), certificates(b"", &[extension(0x39, false)])]))
            .is_ok()
    );
    let signature = [section(4, |writer| writer.raw(b"key")), section(0, |_| {})].concat();
    for bad in [
        krl(&[extension(255, true)]),
        krl(&[certificates(b"", &[extension(0x39, true)])]),
        krl(&[certificates(b"", &[section(0x24, |_| {})])]),
        krl(&[certificates(b"no key", &[])]),
        krl(&[section(6, |_| {})]),
        krl(&[signature]),
        krl(&[section(2, |writer| writer.string(b""))]),
        krl(&[section(3, |writer| writer.string(&[0; 32]))]),
        krl(&[section(5, |writer| writer.string(&[0; 20]))]),
        krl(&[section(5, |writer| writer.raw(&[0; 3]))]),
        b"SSHKRL\n\0".to_vec(),
        b"ssh-ed25519\n".to_vec(),
        b"ssh-ed25519 AAAA\n".to_vec(),
        format!("{ED25519}what is this?\n").into_bytes(),
        ED25519.replace("ssh-ed25519", "ssh-rsa").into_bytes(),
        vec![0],
    ] {
        assert!(RevokedKeys::parse(&bad).is_err(), "{}", String::from_utf8_lossy(&bad));
    }
    let whole = krl(&[certificates(b"", &[list(&[1, 2]), range(5, 6)])]);
    let header = krl(&[]).len();
    for end in (0..whole.len()).filter(|end| *end != header && *end != 0) {
        assert!(RevokedKeys::parse(&whole[..end]).is_err(), "{end}");
    }
    assert!(RevokedKeys::load("/nowhere/at/all").is_err(), "nobody can tell what is revoked");
}
