//! Private keys and signature schemes.

mod support;

use std::sync::LazyLock;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use feramiko_crypto::signing::{Curve, PublicParts, SignatureScheme};
use feramiko_crypto::{CryptoError, EcdsaKey, Ed25519Key, HashAlgorithm, Provider, RsaKey, RsaParts, Secret};
use support::{hex, scheme};

const CURVES: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

fn ecdsa_scheme(curve: Curve) -> &'static dyn SignatureScheme {
    scheme(&format!("ecdsa-sha2-{}", curve.name()))
}

/// A key made by OpenSSL.
static RSA: LazyLock<RsaKey> = LazyLock::new(|| RsaKey::from_parts(&rsa_parts()).unwrap());

fn rsa_parts() -> RsaParts {
    support::rsa_parts([N, D, P, Q, IQMP])
}

#[test]
fn the_schemes_are_known_in_order_with_their_key_types() {
    let schemes = Provider::default().signatures;
    let names: Vec<_> = schemes.iter().map(|scheme| (scheme.name(), scheme.key_type())).collect();
    assert_eq!(
        names,
        [
            ("ssh-ed25519", "ssh-ed25519"),
            ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
            ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
            ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
            ("rsa-sha2-512", "ssh-rsa"),
            ("rsa-sha2-256", "ssh-rsa"),
            ("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com"),
            ("sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"),
            ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"),
            ("ssh-mldsa44-ed25519@openssh.com", "ssh-mldsa44-ed25519@openssh.com"),
            ("ssh-rsa", "ssh-rsa"),
            ("ssh-dss", "ssh-dss"),
        ]
    );
}

#[test]
fn keys_can_be_shared_between_threads_and_do_not_print_themselves() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let (ed25519, ecdsa) = (Ed25519Key::generate().unwrap(), EcdsaKey::generate(Curve::P256).unwrap());
    shared(&ed25519);
    shared(&ecdsa);
    shared(&*RSA);
    assert_eq!(format!("{ed25519:?}"), "Ed25519Key(..)");
    assert_eq!(format!("{ecdsa:?}"), "EcdsaKey(nistp256, ..)");
    assert_eq!(format!("{:?}", *RSA), "RsaKey(2048 bits, ..)");
    let parts = format!("{:?}", RSA.parts());
    assert!(parts.contains("d: Secret(..), p: Secret(..), q: Secret(..), iqmp: Secret(..)"));
}

/// RFC 8032 section 7.1, tests 1 to 3.
#[test]
fn rfc_8032_vectors() {
    let vectors = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (seed, public, message, signature) in vectors {
        let key = Ed25519Key::from_seed(&hex(seed).try_into().unwrap()).unwrap();
        assert_eq!(key.seed().as_bytes(), hex(seed));
        assert_eq!(key.public().to_vec(), hex(public));
        assert_eq!(key.sign(&hex(message)).unwrap(), hex(signature));
        let verified =
            scheme("ssh-ed25519").verify(PublicParts::Ed25519(&key.public()), &hex(message), &hex(signature));
        assert_eq!(verified, Ok(()));
    }
}

/// RFC 6979 appendix A.2, the message `sample` with the curve's own hash.
#[test]
fn rfc_6979_signatures_verify() {
    for (curve, scalar, point, signature) in ECDSA {
        let key = EcdsaKey::from_scalar(curve, &hex(scalar)).unwrap();
        assert_eq!(key.point(), hex(point));
        let parts = PublicParts::Ecdsa { curve, point: &hex(point) };
        assert_eq!(ecdsa_scheme(curve).verify(parts, b"sample", &hex(signature)), Ok(()));
        let other = ecdsa_scheme(curve).verify(parts, b"simple", &hex(signature));
        assert_eq!(other, Err(CryptoError::BadSignature));
    }
}

/// PKCS#1 v1.5 leaves nothing to chance: the same signatures as OpenSSL's.
#[test]
fn rsa_signs_as_openssl_does() {
    for (hash, name, expected) in [
        (HashAlgorithm::Sha256, "rsa-sha2-256", SIGNED_SHA256),
        (HashAlgorithm::Sha512, "rsa-sha2-512", SIGNED_SHA512),
    ] {
        let signature = RSA.sign(hash, b"sample").unwrap();
        assert_eq!(signature, hex(expected));
        let parts = PublicParts::Rsa { n: RSA.n(), e: RSA.e() };
        assert_eq!(scheme(name).verify(parts, b"sample", &signature), Ok(()));
    }
    assert_eq!(RSA.sign(HashAlgorithm::Sha384, b"sample"), Err(CryptoError::Unsupported));
}

/// Every scheme with its public key, a message and a good signature.
fn signed() -> Vec<(&'static dyn SignatureScheme, Public, Vec<u8>)> {
    let ed25519 = Ed25519Key::generate().unwrap();
    let mut signed =
        vec![(scheme("ssh-ed25519"), Public::Ed25519(ed25519.public()), ed25519.sign(MESSAGE).unwrap())];
    for curve in CURVES {
        let key = EcdsaKey::generate(curve).unwrap();
        let public = Public::Ecdsa(curve, key.point());
        signed.push((ecdsa_scheme(curve), public, key.sign(MESSAGE).unwrap()));
    }
    for (name, hash) in [("rsa-sha2-256", HashAlgorithm::Sha256), ("rsa-sha2-512", HashAlgorithm::Sha512)] {
        signed.push((scheme(name), Public::Rsa, RSA.sign(hash, MESSAGE).unwrap()));
    }
    signed
}

const MESSAGE: &[u8] = b"to the iron friend";

enum Public {
    Ed25519([u8; 32]),
    Ecdsa(Curve, Vec<u8>),
    Rsa,
}

impl Public {
    fn parts(&self) -> PublicParts<'_> {
        match self {
            Self::Ed25519(public) => PublicParts::Ed25519(public),
            Self::Ecdsa(curve, point) => PublicParts::Ecdsa { curve: *curve, point },
            Self::Rsa => PublicParts::Rsa { n: RSA.n(), e: RSA.e() },
        }
    }
}

#[test]
fn every_scheme_takes_its_own_signature_and_no_other() {
    for (scheme, public, signature) in signed() {
        let verify = |message: &[u8], signature: &[u8]| scheme.verify(public.parts(), message, signature);
        assert_eq!(verify(MESSAGE, &signature), Ok(()), "{}", scheme.name());
        assert_eq!(verify(b"another", &signature), Err(CryptoError::BadSignature));
        assert_eq!(verify(b"", &signature), Err(CryptoError::BadSignature));
        for bit in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let refused = verify(MESSAGE, &flipped);
            assert_eq!(refused, Err(CryptoError::BadSignature), "{} {bit}", scheme.name());
        }
        for bad in [
            vec![],
            vec![0],
            vec![0; signature.len()],
            vec![0xff; signature.len()],
            signature[..signature.len() - 1].to_vec(),
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
        ] {
            let refused = verify(MESSAGE, &bad);
            assert_eq!(refused, Err(CryptoError::BadSignature), "{} {bad:02x?}", scheme.name());
        }
    }
}

/// Type, curve and scheme agree, or there is no verdict at all.
#[test]
fn defect_030_a_scheme_refuses_the_keys_of_another() {
    let signed = signed();
    for (scheme, _, signature) in &signed {
        for (other, public, _) in &signed {
            if scheme.key_type() != other.key_type() {
                let refused = scheme.verify(public.parts(), MESSAGE, signature);
                assert_eq!(refused, Err(CryptoError::BadKey), "{}", scheme.name());
            }
        }
    }
}

#[test]
fn ecdsa_points_in_another_form_are_refused() {
    for curve in CURVES {
        let key = EcdsaKey::generate(curve).unwrap();
        let signature = key.sign(MESSAGE).unwrap();
        let width = curve.field_len();
        assert_eq!(signature.len(), 2 * width);
        let point = key.point();
        let odd = point[2 * width] & 1;
        let mut off_curve = point.clone();
        off_curve[2 * width] ^= 1;
        for point in [
            vec![],
            vec![0],
            [&[2 + odd], &point[1..=width]].concat(),
            [&[6 + odd], &point[1..]].concat(),
            point[..2 * width].to_vec(),
            [&point[..], &[0]].concat(),
            off_curve,
        ] {
            let refused =
                ecdsa_scheme(curve).verify(PublicParts::Ecdsa { curve, point: &point }, MESSAGE, &signature);
            assert!(refused.is_err());
            assert!(EcdsaKey::from_parts(curve, key.scalar().as_bytes(), &point).is_err());
        }
    }
}

#[test]
fn ecdsa_keys_survive_being_taken_apart() {
    for curve in CURVES {
        let key = EcdsaKey::generate(curve).unwrap();
        let (scalar, point) = (key.scalar(), key.point());
        assert_eq!(scalar.as_bytes().len(), curve.field_len());
        let again = EcdsaKey::from_parts(curve, scalar.as_bytes(), &point).unwrap();
        assert_eq!((again.curve(), again.point()), (curve, point.clone()));
        let alone = EcdsaKey::from_scalar(curve, scalar.as_bytes()).unwrap();
        assert_eq!(alone.point(), point);
        // As the mpint of a key file.
        let number = [&[0], scalar.as_bytes()].concat();
        assert_eq!(EcdsaKey::from_scalar(curve, &number).unwrap().point(), point);
        let other = EcdsaKey::generate(curve).unwrap();
        let mixed = EcdsaKey::from_parts(curve, scalar.as_bytes(), &other.point());
        assert_eq!(mixed.err(), Some(CryptoError::BadKey));
    }
    let short = EcdsaKey::from_scalar(Curve::P256, &[7]).unwrap();
    assert_eq!(short.scalar().as_bytes()[..31], [0; 31]);
    assert_eq!(short.scalar().as_bytes()[31], 7);
}

#[test]
fn ecdsa_scalars_out_of_range_are_refused() {
    for (curve, order) in CURVES.into_iter().zip(ORDERS) {
        let order = hex(order);
        let width = curve.field_len();
        let mut last = order.clone();
        *last.last_mut().unwrap() -= 1;
        assert!(EcdsaKey::from_scalar(curve, &last).is_ok());
        for scalar in [vec![], vec![0; width], order, vec![0xff; width], vec![1; width + 1]] {
            let refused = EcdsaKey::from_scalar(curve, &scalar).err();
            assert_eq!(refused, Some(CryptoError::BadKey), "{curve:?} {scalar:02x?}");
        }
    }
}

/// CVE-2024-31497: nonces of 512 bits for a curve of 521. With the key in hand every nonce can be had back
/// from its signature, and all of its upper bits must come in both values.
#[test]
fn defect_067_nonces_use_their_whole_range() {
    let key = EcdsaKey::generate(Curve::P521).unwrap();
    let order = BoxedUint::from_be_slice_vartime(&hex(ORDERS[2]));
    let params = BoxedMontyParams::new_vartime(Odd::new(order.clone()).unwrap());
    let number = |bytes: &[u8]| {
        let number = BoxedUint::from_be_slice(bytes, order.bits_precision()).unwrap();
        BoxedMontyForm::new(number, &params)
    };
    // By Fermat, as the order is prime.
    let inverse = order.wrapping_sub(BoxedUint::from(2_u8));
    let (mut ones, mut zeros) = (0_u16, 0_u16);
    for i in 0..64_u8 {
        let signature = key.sign(&[i]).unwrap();
        let (r, s) = signature.split_at(66);
        let hash = HashAlgorithm::Sha512.digest(&[&[i]]);
        let nonce = number(s).pow(&inverse) * (number(&hash) + number(r) * number(key.scalar().as_bytes()));
        let nonce = nonce.retrieve().to_be_bytes();
        let nonce = &nonce[nonce.len() - 66..];
        assert_eq!(EcdsaKey::from_scalar(Curve::P521, nonce).unwrap().point()[1..67], *r);
        let upper = u16::from_be_bytes([nonce[0], nonce[1]]);
        ones |= upper;
        zeros |= !upper;
    }
    assert_eq!((ones & 0x1ff, zeros & 0x1ff), (0x1ff, 0x1ff));
}

#[test]
fn rsa_keys_survive_being_taken_apart() {
    for bits in [2048, 3072] {
        let key = RsaKey::generate(bits).unwrap();
        assert_eq!(key.n().len() * 8, bits);
        assert_eq!(key.e(), [1, 0, 1]);
        let again = RsaKey::from_parts(key.parts()).unwrap();
        let signature = key.sign(HashAlgorithm::Sha512, MESSAGE).unwrap();
        assert_eq!(signature.len() * 8, bits);
        assert_eq!(again.sign(HashAlgorithm::Sha512, MESSAGE).unwrap(), signature);
    }
    // As the mpints of a key file.
    let zeros = |number: &[u8]| [&[0, 0], number].concat();
    let parts = rsa_parts();
    let padded = RsaParts {
        n: zeros(&parts.n),
        e: zeros(&parts.e),
        d: zeros(parts.d.as_bytes()).into(),
        p: zeros(parts.p.as_bytes()).into(),
        q: zeros(parts.q.as_bytes()).into(),
        iqmp: zeros(parts.iqmp.as_bytes()).into(),
    };
    let key = RsaKey::from_parts(&padded).unwrap();
    assert_eq!((key.n(), key.parts().d.as_bytes()), (RSA.n(), RSA.parts().d.as_bytes()));
    for bits in [0, 1024, 2047, 2049, 16384] {
        assert_eq!(RsaKey::generate(bits).err(), Some(CryptoError::BadKey));
    }
}

#[test]
fn rsa_numbers_that_do_not_belong_together_are_refused() {
    let other = RsaKey::generate(2048).unwrap();
    let other = other.parts();
    let bump = |number: &Secret| {
        let mut number = number.as_bytes().to_vec();
        *number.last_mut().unwrap() ^= 2;
        Secret::new(number)
    };
    let good = rsa_parts();
    let empty = Secret::default;
    let bad = [
        RsaParts::default(),
        RsaParts { n: other.n.clone(), ..good.clone() },
        RsaParts { e: vec![3], ..good.clone() },
        RsaParts { d: bump(&good.d), ..good.clone() },
        RsaParts { d: empty(), ..good.clone() },
        RsaParts { d: Secret::new(vec![0xff; 5000]), ..good.clone() },
        RsaParts { p: other.p.clone(), ..good.clone() },
        RsaParts { p: bump(&good.p), ..good.clone() },
        RsaParts { p: empty(), ..good.clone() },
        RsaParts { p: Secret::new(vec![1]), q: Secret::new(good.n.clone()), ..good.clone() },
        RsaParts { p: Secret::new(vec![2]), ..good.clone() },
        RsaParts { q: other.q.clone(), ..good.clone() },
        RsaParts { q: Secret::new(vec![0xff; 5000]), ..good.clone() },
        RsaParts { iqmp: other.iqmp.clone(), ..good.clone() },
        RsaParts { iqmp: empty(), ..good.clone() },
        // The inverse is of q modulo p, not the other way round.
        RsaParts { p: good.q.clone(), q: good.p.clone(), ..good.clone() },
    ];
    for parts in bad {
        assert_eq!(RsaKey::from_parts(&parts).err(), Some(CryptoError::BadKey), "{parts:02x?}");
    }
}

#[test]
fn defect_058_rsa_keys_that_are_weak_or_burn_time_are_refused() {
    let signature = RSA.sign(HashAlgorithm::Sha256, MESSAGE).unwrap();
    let n = |len| vec![0xff; len];
    let mut short = n(128);
    short[0] = 0x7f;
    let mut long = n(1025);
    long[0] = 1;
    let mut even = RSA.n().to_vec();
    even[255] &= !1;
    let e = [1, 0, 1];
    let bad: [(&[u8], &[u8]); 16] = [
        (&[], &e),
        (&[0], &e),
        (&[1], &e),
        (&n(127), &e),
        (&short, &e),
        (&long, &e),
        (&n(2048), &e),
        (&n(30_000), &e),
        (&even, &e),
        (&[&[0], RSA.n()].concat(), &e),
        (RSA.n(), &[]),
        (RSA.n(), &[0]),
        (RSA.n(), &[1]),
        (RSA.n(), &[1, 0, 0]),
        (RSA.n(), &[1, 0, 0, 1]),
        (RSA.n(), &[0, 1, 0, 1]),
    ];
    for (n, e) in bad {
        for name in ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"] {
            let refused = scheme(name).verify(PublicParts::Rsa { n, e }, MESSAGE, &signature);
            assert_eq!(refused, Err(CryptoError::BadKey), "{n:02x?} {e:02x?}");
        }
    }
}

/// Some old peers write the signature as a number, without its leading zeros.
#[test]
fn an_rsa_signature_without_its_leading_zeros_verifies() {
    let parts = PublicParts::Rsa { n: RSA.n(), e: RSA.e() };
    let (message, signature) = (0..20_000_u32)
        .map(|i| i.to_be_bytes())
        .map(|message| (message, RSA.sign(HashAlgorithm::Sha256, &message).unwrap()))
        .find(|(_, signature)| signature[0] == 0)
        .unwrap();
    let verify = |signature: &[u8]| scheme("rsa-sha2-256").verify(parts, &message, signature);
    assert_eq!(verify(&signature), Ok(()));
    assert_eq!(verify(&signature[1..]), Ok(()));
    assert_eq!(verify(&signature[2..]), Err(CryptoError::BadSignature));
}

/// The orders of the curves (FIPS 186-4 appendix D.1.2).
const ORDERS: [&str; 3] = [
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf
     581a0db248b0a77aecec196accc52973",
    "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa
     51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
];

/// Curve, scalar, point, signature.
const ECDSA: [(Curve, &str, &str, &str); 3] = [
    (
        Curve::P256,
        "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc \
            99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41 \
            d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    ),
    (
        Curve::P384,
        "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825 \
            f872c9ea60d2edf5",
        "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea905586 \
            6064a254515480bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9d \
            b1288b231c3ae0d4fe7344fd2533264720",
        "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf9 \
            6e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94f \
            a329c145786e679e7b82c71a38628ac8",
    ),
    (
        Curve::P521,
        "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c \
            70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
        "0401894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db \
            6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a2f5023a400493101c962cd4d2fddf78228 \
            5e64584139c2f91b47f87ff82354d6630f746a28a0db25741b5b34a828008b22acc23f924faafbd4 \
            d33f81ea66956dfeaa2bfdfcf5",
        "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5 \
            d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa00617cce7cf5064806c467f678d3 \
            b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1 \
            dccc43997f1ee0e44da4a67a",
    ),
];

const N: &str = "c747fed19fbe1358f355401eb841b67ba8cc7cff80177f1629c06df9d04b0ea503c10145621a54c5 \
    f3c1d4d6105276bd43873e898022c9a4bd4ba25be59a8679fd574a112e00035f3afd9b968ae44d92 \
    b3493381381d58535589c73701e29b17e63d3840831565e86d632213715780654c3c1306ab0f3f74 \
    354bfcd2355e751df79e71fd0603e4b0cb8d202f6dec133dbf9520c0625b0a37b3667a9dd4873aaf \
    8cb0a10be4252312b2b8500fcb0b77e08193511acf272eee09a7bef866c41b5235d1c66697817298 \
    244d7116f68308d66ee055c75f5d80e94b4f1d78ef6486b3a922bb5130050ab29a216018cdf5f9bb \
    0df90e50bfc0a0dfa3cc5088d33449ff";
const D: &str = "57d3045bb8e5495c89bcd7e9d1f56fe9369e8c3603eb17009afce9dacf2fccefef64175dcf1ae0a2 \
    6ec74d37dbf0a3d0cc5a65b6ae68666a7a5c435cf1a6f4bdfd670346e7f96c830319f280598cbd1d \
    3a7337c62a87503e45b3d73e884fa85f53824670b3f471b989bfc72c3f66bb38a96cce4bc1869245 \
    f2191f7e3ab3fab3a7b011f1a5ee678bd477600649814f1cbc7c671eaa042392fda7bfcfeecbe0a4 \
    3bfea1206f0790af9feb87ac678b88b338f6fa368bd696a8cc0fe381e3295bce49fa8bdecd5f686d \
    2c12a3cec71ba5c0eb6df6fc628ff644ac506c0be23a42d0c6dad1df3ebef55cde630960c9eeb901 \
    6b786aa1c8262cd89b6e2326f2aa2ab5";
const P: &str = "e1f213e64f0f801433e06e4c8a5bdd33641112a932f8aca17f591bb1f01fc229884d4405ea417afb \
    3616e5e5774dc0e000da816b64cd8b1e0dc70031acb837aabf1d681e347f4820f4f205a1d2dc5966 \
    75bd84324f5fd9207d17135f3dcbb1c069093ae29ca7af4e96cbb8b4ed17295eb7a7f2ed39ac1969 \
    d4c2d33d1f63d0f3";
const Q: &str = "e1c9f07e7b128896284fd079082a0ee85fbbcf5863623a361b908f49b73f100a229f6bde804b9e7d \
    ab32aea410b9865121f27ae470dbf49bd1fba1cc8eb3a625045dec8689134877c1b67e4688035f44 \
    36648648a415626e45e5bf5e977abb23acb2e30f585ced1846d2755c97007a5fe7aa96686e7fcdda \
    02158f90086145c5";
const IQMP: &str = "7b5c28c26896eda63615fd33155c9bf3270189accb85b89e1e08094af76d11b6f80e9ef9fd49a7c3 \
    3c201f3334d48d1186eb229d392e6552c73844a29065d9ab89bad6fd2a1f89bfa024b8a9467e46c8 \
    536a94a13114b068eb2158e377b3d20c15c36b0ceeb0ecebca1deee54d0056a849a9ded6e9041e97 \
    79f95326a87291cd";
const SIGNED_SHA256: &str = "09c2dee0116d6c7cc8b46e26c7a464c4e92edf88108d834e8014595812df684ab75d4f71e7d4d1f8 \
    449cc977acc194f2b985b1da0a6fd28894844b31e8e0a6356e2395269f62bce71977dafd0f036280 \
    284f4d933521be2fc730b313f75d6a7eef92c15346f70df7f370ec20d0f959b793015f41b2a6a6de \
    c69c0c7465f04f8cbc170d8f6dafa552d4b82e54c27c1e40f027818e08dca142698e0f8b0548d705 \
    cc776cb08cd7b2f6d39467f76a69faad4880e300d0caecca7a552471bdfe99fa8709909d50beaea5 \
    8e3b373386b80ef70b1d0da0cdcd734cf7b5c6644c1c4b0cdd8a0124df9d443e89e355f0859314d2 \
    016771332a57732c749785d134e4b8d7";
const SIGNED_SHA512: &str = "aecf88950e34a2f0a39bf1ab696ede10cd9e37f74a65dddba7f2bed29d7f76395534586b298bbb5a \
    f18885e718de80269c0d5c2797a8d9f9eb888bda28b3e234d6743464e2fe8a49652aff266bf0d056 \
    4ebe4bfd97714d701518c5035ab1d84c81a668cf5941a2b8b957046e4d75fcc78465e482e579cb60 \
    7920ec04646db9c4a4707809d5baffc72b82ff13b7bc0dcebea96b0d70f24a3f3b21eebad5b21388 \
    86d6c714b1e328e812655e6dbbb031343d3f0661e0c012104469f68a7aa7b2d5896f6573e764fb4f \
    10cced520d367d6b95e5e42c98b2b8309f5c43d9cd42909766271b8512f85999922f8b0485c61ef6 \
    56df5f5c15cdb7b4fe0f3d9b13cc75ea";
