//! RSA for old machines: SHA-1, and keys of 1024 bits.

mod support;

use feramiko_crypto::signing::PublicParts;
use feramiko_crypto::{CryptoError, HashAlgorithm, RsaKey, RsaParts, Secret};
use support::{hex, scheme};

const MESSAGE: &[u8] = b"message";

/// A key of 1024 bits made by OpenSSL.
fn parts() -> RsaParts {
    support::rsa_parts([N, D, P, Q, IQMP])
}

#[test]
fn defect_058_small_keys_are_taken_only_by_name_and_never_below_1024_bits() {
    assert_eq!(RsaKey::from_parts(&parts()).err(), Some(CryptoError::BadKey));
    assert_eq!(RsaKey::from_parts_with_floor(&parts(), 1025).err(), Some(CryptoError::BadKey));
    assert!(RsaKey::from_parts_with_floor(&parts(), 1024).is_ok());
    let mut n = parts().n;
    n[0] = 0x7f;
    let smaller = RsaParts { n, ..parts() };
    assert_eq!(RsaKey::from_parts_with_floor(&smaller, 0).err(), Some(CryptoError::BadKey));
}

/// PKCS#1 v1.5 has one signature for each message: OpenSSL's.
#[test]
fn sha1_signatures_are_those_of_openssl() {
    let key = RsaKey::from_parts_with_floor(&parts(), 1024).unwrap();
    let public = PublicParts::Rsa { n: key.n(), e: key.e() };
    for _ in 0..2 {
        let signature = key.sign(HashAlgorithm::Sha1, MESSAGE).unwrap();
        assert_eq!(signature, hex(SIGNATURE));
        assert_eq!(scheme("ssh-rsa").verify(public, MESSAGE, &signature), Ok(()));
        let refused = scheme("ssh-rsa").verify(public, b"massage", &signature);
        assert_eq!(refused, Err(CryptoError::BadSignature));
        for other in ["rsa-sha2-256", "rsa-sha2-512"] {
            assert_eq!(scheme(other).verify(public, MESSAGE, &signature), Err(CryptoError::BadSignature));
        }
    }
    for (hash, name) in [(HashAlgorithm::Sha256, "rsa-sha2-256"), (HashAlgorithm::Sha512, "rsa-sha2-512")] {
        let signature = key.sign(hash, MESSAGE).unwrap();
        assert_eq!(scheme(name).verify(public, MESSAGE, &signature), Ok(()));
    }
    assert_eq!(key.sign(HashAlgorithm::Sha384, MESSAGE), Err(CryptoError::Unsupported));
}

#[test]
fn small_keys_whose_numbers_do_not_belong_together_are_refused() {
    let bump = |number: &Secret| {
        let mut number = number.as_bytes().to_vec();
        number[20] ^= 2;
        Secret::new(number)
    };
    let (good, empty) = (parts(), Secret::default);
    for bad in [
        RsaParts { e: vec![3], ..good.clone() },
        RsaParts { d: bump(&good.d), ..good.clone() },
        RsaParts { d: empty(), ..good.clone() },
        RsaParts { d: Secret::new(vec![0xff; 5000]), ..good.clone() },
        RsaParts { p: bump(&good.p), ..good.clone() },
        RsaParts { p: empty(), ..good.clone() },
        RsaParts { p: Secret::new(vec![1]), q: Secret::new(good.n.clone()), ..good.clone() },
        RsaParts { q: bump(&good.q), ..good.clone() },
        RsaParts { iqmp: bump(&good.iqmp), ..good.clone() },
        RsaParts { iqmp: empty(), ..good.clone() },
        RsaParts { p: good.q.clone(), q: good.p.clone(), ..good.clone() },
    ] {
        assert_eq!(RsaKey::from_parts_with_floor(&bad, 1024).err(), Some(CryptoError::BadKey), "{bad:02x?}");
    }
}

const N: &str = "c37b5d14973d4144a43ba3c6fd418bef8462d2f3fb86809a0ba1fdfed90ecd6b158de7c1f8cdf70e \
    c281815edf76ee3acc467b324206f37fb3f0dd7f154546fc51cc90ae438318a1146c1b490277fdd5 \
    561abdbaf9cbe1fd1cad1d58ae66bc5a36cf8d72a9ce5da1c2451edfd346efc9e7a1ec4e249487f9 \
    f47817973ef436fb";
const D: &str = "2df870e74ab9c9038f6bc71420b2ad69e2442b3fdd42c03379d0da9e78051721bbabe778a23e2d7f \
    7716658a1e1b25e305eefd41d06d3a0e2a0ed6c7f0049eb085d679a1d44415a15ddef83861f993ab \
    9cde8e16a7a32fd731281148f8910540220153b9c0f0a99e014282e02aab57c416f960e4c5e20705 \
    91e748ca7ed27ee1";
const P: &str = "faa2e9d020c418bc0c2e123bed6ee241a45bcce7e56fdaaa7a93eca007ac67e60f4e98f288e35039 \
    f4ee8fb6b89cf4a23d75738c92fe270db808bced6dbbe40f";
const Q: &str = "c7aa4ab53e169ad00b7e0cea5cf59ceb526eb248630ff6242c8242b5b274782e231825d0c71d816f \
    5423cba4fe0926d10baf903da2bfd2be824044c642c0a255";
const IQMP: &str = "ad3f472c5ce0f1b3bc880f901d8d1f974af10b96e85a1d8b56744beebbbf1e9f49f72c308f07114e \
    5bcea71da5f836d3354dda2a5144bdf76a33df1763b8df13";
const SIGNATURE: &str = "3fe03e2ae8a07f2f07cd275ec77f0c880802c5c9e2d6240a30d13b6c74edf20d816f2b975bc521ff \
    3baea1d32e4c5a9dc90e36ecb044956b593049880da1743fe784654b6c43987bb55633d8b6aebe5c \
    fd308570b20636989f32d8c10610cf9288560c4449667268ea61f7b5862f90e8c47cacb5a0f2c170 \
    4dc93f6602cd41cd";
