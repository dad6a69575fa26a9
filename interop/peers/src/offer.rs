//! Lists of algorithm names, from JSON to russh and back.

use std::borrow::Cow;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Names, Preferred, cipher, compression, kex, mac};
use serde_json::{Value, json};

use crate::Failure;

const KEX: &[&kex::Name] = &[
    &kex::MLKEM768X25519_SHA256,
    &kex::CURVE25519,
    &kex::CURVE25519_PRE_RFC_8731,
    &kex::ECDH_SHA2_NISTP256,
    &kex::ECDH_SHA2_NISTP384,
    &kex::ECDH_SHA2_NISTP521,
    &kex::DH_GEX_SHA256,
    &kex::DH_G14_SHA256,
    &kex::DH_G16_SHA512,
    &kex::DH_G18_SHA512,
];

/// What russh adds to every offer: extension negotiation and strict key exchange.
const MARKERS: &[kex::Name] = &[
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

const CIPHERS: &[&cipher::Name] = &[
    &cipher::CHACHA20_POLY1305,
    &cipher::AES_128_GCM,
    &cipher::AES_256_GCM,
    &cipher::AES_128_CTR,
    &cipher::AES_192_CTR,
    &cipher::AES_256_CTR,
];

const MACS: &[&mac::Name] =
    &[&mac::HMAC_SHA256, &mac::HMAC_SHA512, &mac::HMAC_SHA256_ETM, &mac::HMAC_SHA512_ETM];

const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

const COMPRESSION: &[&compression::Name] =
    &[&compression::NONE, &compression::ZLIB_LEGACY, &compression::ZLIB];

/// The answer to `russh-peer algorithms`.
pub fn supported() -> Value {
    let keys: Vec<_> = KEYS.iter().map(key_name).collect();
    json!({
        "name": "russh",
        "version": "0.65.1",
        "kex": KEX.iter().map(|name| name.as_ref()).collect::<Vec<&str>>(),
        "host_key": keys,
        "user_key": keys,
        "cipher": CIPHERS.iter().map(|name| name.as_ref()).collect::<Vec<&str>>(),
        "mac": MACS.iter().map(|name| name.as_ref()).collect::<Vec<&str>>(),
        "compression": COMPRESSION.iter().map(|name| name.as_ref()).collect::<Vec<&str>>(),
    })
}

/// The lists that `spec["offer"]` names; everything supported where it names none.
pub fn preferred(spec: &Value) -> Result<Preferred, Failure> {
    let offer = &spec["offer"];
    let mut kex = choose(&offer["kex"], KEX.iter().map(|name| **name), |name| name.as_ref().to_owned())?;
    kex.extend_from_slice(MARKERS);
    Ok(Preferred {
        kex: Cow::Owned(kex),
        key: Cow::Owned(choose(&offer["host_key"], KEYS.iter().cloned(), key_name)?),
        cipher: Cow::Owned(choose(&offer["cipher"], CIPHERS.iter().map(|name| **name), |name| {
            name.as_ref().to_owned()
        })?),
        mac: Cow::Owned(choose(&offer["mac"], MACS.iter().map(|name| **name), |name| {
            name.as_ref().to_owned()
        })?),
        compression: Cow::Owned(choose(
            &offer["compression"],
            COMPRESSION.iter().map(|name| **name),
            |name| name.as_ref().to_owned(),
        )?),
        ..Preferred::default()
    })
}

/// The hash that an RSA key is to sign with, if `offer["user_key"]` names one.
pub fn rsa_hash(spec: &Value) -> Option<HashAlg> {
    match spec["offer"]["user_key"][0].as_str() {
        Some("rsa-sha2-512") => Some(HashAlg::Sha512),
        _ => Some(HashAlg::Sha256),
    }
}

/// What was negotiated, in the words of the protocol.
pub fn negotiated(names: &Names, compressions: &Preferred) -> Value {
    // russh keeps no name of the negotiated compression; a one-entry list leaves no doubt.
    let compression = match &*compressions.compression {
        [only] => only.as_ref(),
        _ => "unknown",
    };
    json!({
        "kex": names.kex.as_ref(),
        "host_key": key_name(&names.key),
        "cipher": names.cipher.as_ref(),
        "mac": names.client_mac.as_ref(),
        "compression": compression,
    })
}

fn key_name(algorithm: &Algorithm) -> String {
    algorithm.to_string()
}

fn choose<T>(
    wanted: &Value,
    known: impl Iterator<Item = T> + Clone,
    name: impl Fn(&T) -> String,
) -> Result<Vec<T>, Failure> {
    let Some(wanted) = wanted.as_array() else { return Ok(known.collect()) };
    wanted
        .iter()
        .map(|wanted| {
            let wanted = wanted.as_str().unwrap_or_default();
            known
                .clone()
                .find(|candidate| name(candidate) == wanted)
                .ok_or_else(|| format!("russh-peer knows no {wanted:?}").into())
        })
        .collect()
}
