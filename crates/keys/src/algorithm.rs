use feramiko_crypto::signing::Curve;

/// The fewest bits of RSA modulus that are accepted unless another floor is named.
pub const MIN_RSA_BITS: usize = 2048;
/// The lowest floor that can be named, as for OpenSSH.
pub const LEAST_RSA_BITS: usize = 1024;
/// The most bits of RSA modulus.
pub(crate) const MAX_RSA_BITS: usize = 8192;

/// RFC 8709.
pub(crate) const SSH_ED25519: &str = "ssh-ed25519";
/// RFC 4253 section 6.6; the name of a key, and of its signatures with SHA-1.
pub(crate) const SSH_RSA: &str = "ssh-rsa";
/// RFC 4253 section 6.6; with machines that know nothing better only.
pub(crate) const SSH_DSS: &str = "ssh-dss";
/// draft-miller-sshm-mldsa44-ed25519-composite-sigs.
pub(crate) const SSH_MLDSA44_ED25519: &str = "ssh-mldsa44-ed25519@openssh.com";
/// PROTOCOL.u2f of OpenSSH's sources.
pub(crate) const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
/// PROTOCOL.u2f of OpenSSH's sources.
pub(crate) const SK_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";
const WEBAUTHN_SK_ECDSA: &str = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";

/// What [`PrivateKey::generate`](crate::PrivateKey::generate) can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// `ssh-ed25519` (RFC 8709): the right choice.
    Ed25519,
    /// `ecdsa-sha2-nistp256` (RFC 5656).
    EcdsaP256,
    /// `ecdsa-sha2-nistp384` (RFC 5656).
    EcdsaP384,
    /// `ecdsa-sha2-nistp521` (RFC 5656).
    EcdsaP521,
    /// `ssh-rsa` (RFC 4253, signing as RFC 8332 says).
    Rsa {
        /// Bits of the modulus: 2048, 3072, 4096 or 8192.
        bits: usize,
    },
    /// `ssh-mldsa44-ed25519@openssh.com`: ML-DSA-44 and Ed25519 together, so that neither a quantum computer nor a flaw
    /// in the new one forges signatures. OpenSSH 10.5 and later know it where it is enabled.
    MlDsa44Ed25519,
}

/// The name of ECDSA keys on a curve (RFC 5656 section 3.1).
pub(crate) fn ecdsa_name(curve: Curve) -> &'static str {
    match curve {
        Curve::P256 => "ecdsa-sha2-nistp256",
        Curve::P384 => "ecdsa-sha2-nistp384",
        Curve::P521 => "ecdsa-sha2-nistp521",
    }
}

/// The curve of a key type's name.
pub(crate) fn ecdsa_curve(name: &[u8]) -> Option<Curve> {
    [Curve::P256, Curve::P384, Curve::P521].into_iter().find(|curve| ecdsa_name(*curve).as_bytes() == name)
}

/// The signature algorithms of a key type, best first (RFC 8332, RFC 5656, RFC 8709, PROTOCOL.u2f).
pub(crate) fn signature_algorithms(key_type: &str) -> &'static [&'static str] {
    match key_type {
        SSH_ED25519 => &[SSH_ED25519],
        // The last is SHA-1: what is negotiated decides whether it is ever used.
        SSH_RSA => &["rsa-sha2-512", "rsa-sha2-256", SSH_RSA],
        "ecdsa-sha2-nistp256" => &["ecdsa-sha2-nistp256"],
        "ecdsa-sha2-nistp384" => &["ecdsa-sha2-nistp384"],
        "ecdsa-sha2-nistp521" => &["ecdsa-sha2-nistp521"],
        SK_ED25519 => &[SK_ED25519],
        SK_ECDSA => &[SK_ECDSA, WEBAUTHN_SK_ECDSA],
        SSH_MLDSA44_ED25519 => &[SSH_MLDSA44_ED25519],
        SSH_DSS => &[SSH_DSS],
        _ => &[],
    }
}
