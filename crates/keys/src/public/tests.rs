use feramiko_wire::Writer;

use super::*;

const ED25519: &str = include_str!("../../tests/data/ed25519.pub");
const RSA: &str = include_str!("../../tests/data/rsa.pub");
const ECDSA: [&str; 3] = [
    include_str!("../../tests/data/ecdsa256.pub"),
    include_str!("../../tests/data/ecdsa384.pub"),
    include_str!("../../tests/data/ecdsa521.pub"),
];

fn lines() -> impl Iterator<Item = &'static str> {
    [ED25519, RSA].into_iter().chain(ECDSA)
}

fn blob(name: &str, rest: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut blob = Vec::new();
    let mut writer = Writer::new(&mut blob);
    writer.string(name.as_bytes());
    rest(&mut writer);
    blob
}

fn rsa_blob(e: &[u8], n: &[u8]) -> Vec<u8> {
    blob("ssh-rsa", |writer| {
        writer.mpint(e);
        writer.mpint(n);
    })
}

#[test]
fn lines_are_read_and_written_back_as_they_were() {
    for line in lines() {
        let (key, comment) = PublicKey::from_line(line).unwrap();
        assert_eq!(comment, "test key");
        assert_eq!(key.to_line(&comment), line.trim_end());
        assert_eq!(PublicKey::from_blob(key.blob()).unwrap(), key);
        assert_eq!(PublicKey::from_parts(key.parts()).unwrap(), key);
        assert_eq!(line.parse::<PublicKey>().unwrap(), key);
        assert!(line.starts_with(key.algorithm()));
    }
}

#[test]
fn a_line_without_a_comment_ends_after_the_key() {
    let (key, _) = PublicKey::from_line(ED25519).unwrap();
    assert_eq!(key.to_line("").split(' ').count(), 2);
    assert_eq!(PublicKey::from_line(&key.to_line("")).unwrap().1, "");
}

#[test]
fn lines_that_contradict_themselves_are_refused() {
    let (key, _) = PublicKey::from_line(ED25519).unwrap();
    let base64 = Base64::encode_string(key.blob());
    for bad in [
        format!("ssh-rsa {base64}"),
        format!("ssh-ed25519 {}", &base64[..base64.len() - 4]),
        format!("ssh-ed25519 {base64}AAAA"),
        "ssh-ed25519".to_owned(),
        base64.clone(),
        format!("ssh-ed25519 {base64}\nssh-ed25519 {base64}"),
        String::new(),
    ] {
        assert!(matches!(PublicKey::from_line(&bad), Err(KeyError::Damaged { .. })), "{bad}");
    }
}

#[test]
fn defect_129_a_comment_cannot_add_a_line() {
    let (key, _) = PublicKey::from_line(ED25519).unwrap();
    let line = key.to_line("me\nssh-ed25519 AAAA evil\r\u{85}\u{7f}");
    assert_eq!(line.lines().count(), 1);
    assert!(!line.contains(char::is_control));
}

#[test]
fn defect_058_rsa_numbers_are_bounded_before_they_cost_anything() {
    let modulus = |bits: usize| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] >>= (8 - bits % 8) % 8;
        n
    };
    let size = |bits: usize| PublicKey::from_blob(&rsa_blob(&[1, 0, 1], &modulus(bits)));
    for bits in [2048, 2049, 3072, 8192] {
        assert_eq!(size(bits).unwrap().bits(), bits);
    }
    for bits in [1, 768, 1024, 2047, 8193, 65536] {
        assert_eq!(size(bits), Err(KeyError::RsaSize { bits, min: 2048, max: 8192 }));
    }
    for exponent in [&[][..], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 1], &[0xff; 256]] {
        let key = PublicKey::from_blob(&rsa_blob(exponent, &modulus(2048)));
        assert!(matches!(key, Err(KeyError::Damaged { place: "RSA exponent", .. })), "{exponent:?}");
    }
    for exponent in [&[3][..], &[0xff, 0xff, 0xff]] {
        assert!(PublicKey::from_blob(&rsa_blob(exponent, &modulus(2048))).is_ok());
    }
    let mut even = modulus(2048);
    even[255] = 0xfe;
    assert!(PublicKey::from_blob(&rsa_blob(&[3], &even)).is_err());
}

#[test]
fn short_rsa_keys_are_read_by_name_only() {
    let short = rsa_blob(&[3], &[0xff; 128]);
    assert!(PublicKey::from_blob(&short).is_err());
    assert_eq!(PublicKey::from_blob_with_rsa_floor(&short, 1024).unwrap().bits(), 1024);
    let shorter = rsa_blob(&[3], &[0xff; 96]);
    assert!(PublicKey::from_blob_with_rsa_floor(&shorter, 0).is_err());
}

#[test]
fn defect_059_the_name_is_looked_at_before_the_key() {
    for name in ["ssh-unknown", "ssh-ed25519-cert-v01@openssh.com", "x\x1b[31m"] {
        let claims_much = blob(name, |writer| writer.u32(u32::MAX));
        match PublicKey::from_blob(&claims_much) {
            Err(KeyError::UnsupportedType { name }) => assert!(!name.contains('\x1b')),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn defect_031_curve_and_type_agree() {
    let point = [&[4][..], &[7; 64]].concat();
    let with = |curve: &str, point: &[u8]| {
        PublicKey::from_blob(&blob("ecdsa-sha2-nistp256", |writer| {
            writer.string(curve.as_bytes());
            writer.string(point);
        }))
    };
    assert!(with("nistp256", &point).is_ok());
    assert!(with("nistp384", &point).is_err());
    assert!(with("nistp256", &point[..64]).is_err());
    assert!(with("nistp256", &[&[2][..], &[7; 32]].concat()).is_err());
    assert!(with("nistp256", &[0]).is_err());
    assert!(with("nistp256", &[]).is_err());
}

#[test]
fn one_key_has_one_blob() {
    for line in lines() {
        let (key, _) = PublicKey::from_line(line).unwrap();
        assert!(PublicKey::from_blob(&[key.blob(), &[0]].concat()).is_err());
        for end in 0..key.blob().len() {
            assert!(PublicKey::from_blob(&key.blob()[..end]).is_err(), "{end}");
        }
    }
    let padded = blob("ssh-rsa", |writer| {
        writer.string(&[0, 3]);
        writer.mpint(&[0xff; 256]);
    });
    assert!(PublicKey::from_blob(&padded).is_err());
}

#[test]
fn signature_algorithms_end_with_sha1() {
    let (rsa, _) = PublicKey::from_line(RSA).unwrap();
    assert_eq!(rsa.signature_algorithms(), ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]);
    let (ed25519, _) = PublicKey::from_line(ED25519).unwrap();
    assert_eq!(ed25519.signature_algorithms(), ["ssh-ed25519"]);
}
