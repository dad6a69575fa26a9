//! How long the dearest keys that a stranger may send keep us busy: a signature of each kind is verified, in vain.
//!
//! `cargo run --release -p feramiko-crypto --example dear_keys`; no line may say more than 50 ms.

use std::time::{Duration, Instant};

use feramiko_crypto::signing::{Curve, PublicParts};
use feramiko_crypto::{CryptoError, EcdsaKey, Ed25519Key, MlDsa44Ed25519Key, Provider};

const ROUNDS: u32 = 20;

fn main() -> Result<(), CryptoError> {
    let (ed25519, composite) = (Ed25519Key::generate()?, MlDsa44Ed25519Key::generate()?);
    let (p521, p256) = (EcdsaKey::generate(Curve::P521)?, EcdsaKey::generate(Curve::P256)?);
    let (n, e) = ([0xff; 1024], [0xff; 3]);
    // The order of a group times a power of two, and one more: all that is asked of a prime before it is worked with.
    let q = [0xb1; 20];
    let mut p = [&q[..], &[0; 364]].concat();
    *p.last_mut().ok_or(CryptoError::BadKey)? = 1;
    let y = p.iter().map(|byte| byte / 3 + 7).collect::<Vec<_>>();
    let (point, key) = (p256.point(), ed25519.public());
    let signature = |name: &str| match name {
        "ssh-dss" => vec![0x55; 40],
        "ssh-mldsa44-ed25519@openssh.com" => composite.sign(b"another message").unwrap_or_default(),
        name if name.starts_with("rsa") => vec![0x55; 1024],
        "ecdsa-sha2-nistp521" => p521.sign(b"another message").unwrap_or_default(),
        name if name.starts_with("sk-") => vec![0x55; 69],
        _ => vec![0x55; 64],
    };
    let application = &b"ssh:"[..];
    for (name, parts) in [
        ("ssh-ed25519", PublicParts::Ed25519(&key)),
        ("ecdsa-sha2-nistp521", PublicParts::Ecdsa { curve: Curve::P521, point: &p521.point() }),
        ("rsa-sha2-512", PublicParts::Rsa { n: &n, e: &e }),
        ("sk-ecdsa-sha2-nistp256@openssh.com", PublicParts::SkEcdsa { point: &point, application }),
        ("ssh-mldsa44-ed25519@openssh.com", PublicParts::MlDsa44Ed25519(composite.public())),
        ("ssh-dss", PublicParts::Dsa { p: &p, q: &q, g: &y, y: &y }),
    ] {
        let scheme = Provider::default().signature(name).ok_or(CryptoError::Unsupported)?;
        let (signature, begun) = (signature(name), Instant::now());
        for _ in 0..ROUNDS {
            let answer = scheme.verify(parts, b"a message", &signature);
            assert_eq!(answer, Err(CryptoError::BadSignature), "{name}");
        }
        let each = begun.elapsed() / ROUNDS;
        println!(
            "{name:40} {each:10.1?}{}",
            if each > Duration::from_millis(50) { "  too dear" } else { "" }
        );
    }
    Ok(())
}
