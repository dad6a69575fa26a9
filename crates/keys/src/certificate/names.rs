//! What certificates and the algorithms of their keys are called (OpenSSH PROTOCOL.certkeys).

/// How the names of certificates end. None of them is a name of a key.
const SUFFIX: &[u8] = b"-cert-v01@openssh.com";

/// A type of certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CertificateType {
    /// In front of the blob.
    pub(super) name: &'static str,
    /// The type of the key that is certified.
    pub(super) key_type: &'static str,
    /// How many fields that key has behind its name. Each is a `string` or has its form.
    pub(super) fields: usize,
    /// The algorithms that a certificate of this type can be used with, best first.
    pub(super) algorithms: &'static [&'static str],
}

macro_rules! types {
    ($($name:literal, $key_type:literal, $fields:literal;)*) => {
        [$(CertificateType { name: $name, key_type: $key_type, fields: $fields, algorithms: &[$name] },)*
        CertificateType {
            name: "ssh-rsa-cert-v01@openssh.com",
            key_type: "ssh-rsa",
            fields: 2,
            algorithms: &["rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"],
        }]
    };
}

static TYPES: [CertificateType; 8] = types! {
    "ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", 1;
    "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256", 2;
    "ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384", 2;
    "ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521", 2;
    "sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", 2;
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", 3;
    "ssh-mldsa44-ed25519-cert-v01@openssh.com", "ssh-mldsa44-ed25519@openssh.com", 1;
};

/// What an authority may sign with: CASignatureAlgorithms of sshd_config(5), as it is set there by itself. No SHA-1.
pub(super) static AUTHORITY_ALGORITHMS: [&str; 9] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ssh-mldsa44-ed25519@openssh.com",
];

/// What authorities may sign certificates with, so that they are read at all: `CASignatureAlgorithms` of ssh_config(5),
/// where nothing is said of them.
pub fn authority_algorithms() -> &'static [&'static str] {
    &AUTHORITY_ALGORITHMS
}

/// Whether a blob that begins with this name is a certificate, of whatever type.
pub(crate) fn is_certificate(name: &[u8]) -> bool {
    name.ends_with(SUFFIX)
}

/// The type with this name in front.
pub(super) fn type_named(name: &[u8]) -> Option<CertificateType> {
    TYPES.iter().copied().find(|kind| kind.name.as_bytes() == name)
}

/// The type that certifies keys of this type.
pub(super) fn type_for(key_type: &str) -> Option<CertificateType> {
    TYPES.iter().copied().find(|kind| kind.key_type == key_type)
}

/// The signature algorithm behind an algorithm of certificates: `rsa-sha2-512` of
/// `rsa-sha2-512-cert-v01@openssh.com`. `None` for any other name, plain algorithms included.
///
/// Certificates are negotiated, offered and allowed under names of their own; what is signed and verified with
/// their keys is named without the ending.
pub fn plain_algorithm(name: &str) -> Option<&'static str> {
    match name {
        "rsa-sha2-512-cert-v01@openssh.com" => Some("rsa-sha2-512"),
        "rsa-sha2-256-cert-v01@openssh.com" => Some("rsa-sha2-256"),
        _ => TYPES.iter().find(|kind| kind.algorithms.contains(&name)).map(|kind| kind.key_type),
    }
}

/// The algorithm under which a certified key is used with this signature algorithm: the reverse of
/// [`plain_algorithm`].
pub fn certificate_algorithm(plain: &str) -> Option<&'static str> {
    let mut all = TYPES.iter().flat_map(|kind| kind.algorithms);
    all.find(|name| plain_algorithm(name) == Some(plain)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_of_certificates_lead_to_plain_ones_and_back() {
        for (certified, plain) in [
            ("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"),
            ("ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521"),
            ("rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-512"),
            ("rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-256"),
            ("sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com"),
        ] {
            assert_eq!(plain_algorithm(certified), Some(plain));
            assert_eq!(certificate_algorithm(plain), Some(certified));
            assert_eq!(plain_algorithm(plain), None);
        }
        // The name of the certificate's type, which as an algorithm would mean SHA-1.
        assert_eq!(plain_algorithm("ssh-rsa-cert-v01@openssh.com"), None);
        assert_eq!(certificate_algorithm("ssh-rsa"), None);
    }
}
