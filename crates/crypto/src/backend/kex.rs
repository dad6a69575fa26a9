//! The key exchange methods in order of preference: post-quantum hybrids, curves, finite fields.

use crate::HashAlgorithm::{Sha1, Sha256, Sha384, Sha512};
use crate::kex::Kex;
use crate::signing::Curve;

use super::agreement::{Ecdh, Group};
use super::dh::Dh;
use super::hybrid::Hybrid;
use super::kem::Kem;

pub(crate) static ALL: [&dyn Kex; 17] = [
    &Hybrid { name: "mlkem768x25519-sha256", kem: Kem::MlKem768, group: Group::X25519, hash: Sha256 },
    &Hybrid { name: "sntrup761x25519-sha512", kem: Kem::Sntrup761, group: Group::X25519, hash: Sha512 },
    &Hybrid {
        name: "sntrup761x25519-sha512@openssh.com",
        kem: Kem::Sntrup761,
        group: Group::X25519,
        hash: Sha512,
    },
    &Ecdh { name: "curve25519-sha256", group: Group::X25519, hash: Sha256 },
    &Ecdh { name: "curve25519-sha256@libssh.org", group: Group::X25519, hash: Sha256 },
    &Ecdh { name: "ecdh-sha2-nistp256", group: Group::Nist(Curve::P256), hash: Sha256 },
    &Ecdh { name: "ecdh-sha2-nistp384", group: Group::Nist(Curve::P384), hash: Sha384 },
    &Ecdh { name: "ecdh-sha2-nistp521", group: Group::Nist(Curve::P521), hash: Sha512 },
    &Dh { name: "diffie-hellman-group-exchange-sha256", hash: Sha256, bits: None },
    &Dh { name: "diffie-hellman-group16-sha512", hash: Sha512, bits: Some(4096) },
    &Dh { name: "diffie-hellman-group18-sha512", hash: Sha512, bits: Some(8192) },
    &Dh { name: "diffie-hellman-group14-sha256", hash: Sha256, bits: Some(2048) },
    &Hybrid {
        name: "mlkem768nistp256-sha256",
        kem: Kem::MlKem768,
        group: Group::Nist(Curve::P256),
        hash: Sha256,
    },
    &Hybrid {
        name: "mlkem1024nistp384-sha384",
        kem: Kem::MlKem1024,
        group: Group::Nist(Curve::P384),
        hash: Sha384,
    },
    &Dh { name: "diffie-hellman-group14-sha1", hash: Sha1, bits: Some(2048) },
    &Dh { name: "diffie-hellman-group-exchange-sha1", hash: Sha1, bits: None },
    &Dh { name: "diffie-hellman-group1-sha1", hash: Sha1, bits: Some(1024) },
];
