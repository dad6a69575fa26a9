//! Elliptic curve Diffie-Hellman (RFC 5656 section 4, RFC 8731), by aws-lc-rs: one implementation for the
//! methods that are nothing else and for the hybrids.

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use subtle::ConstantTimeEq;

use crate::kex::{DhGroup, Kex, KexKind, Response, Started};
use crate::signing::Curve;
use crate::{CryptoError, HashAlgorithm, Secret};

use super::ecdsa;

/// Where points are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    X25519,
    Nist(Curve),
}

impl Group {
    /// Bytes of an X25519 share.
    const X25519_LEN: usize = 32;

    /// Bytes of a share.
    pub(crate) fn share_len(self) -> usize {
        match self {
            Self::X25519 => Self::X25519_LEN,
            Self::Nist(curve) => 1 + 2 * curve.field_len(),
        }
    }

    fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Self::X25519 => &X25519,
            Self::Nist(curve) => ecdsa::agreeing(curve),
        }
    }

    /// Whether a share has the only form that we take: the backend would know others, longer and shorter.
    fn accepts(self, share: &[u8]) -> bool {
        match self {
            Self::X25519 => share.len() == Self::X25519_LEN,
            Self::Nist(curve) => ecdsa::is_uncompressed(curve, share),
        }
    }
}

/// An ephemeral key, used once.
pub(crate) struct Ephemeral {
    group: Group,
    private: PrivateKey,
    share: Vec<u8>,
}

impl Ephemeral {
    pub(crate) fn generate(group: Group) -> Result<Self, CryptoError> {
        let private = PrivateKey::generate(group.algorithm()).map_err(|_| CryptoError::Backend)?;
        Self::from_private(group, private)
    }

    fn from_private(group: Group, private: PrivateKey) -> Result<Self, CryptoError> {
        let share = private.compute_public_key().map_err(|_| CryptoError::Backend)?;
        let share = share.as_ref().to_vec();
        Ok(Self { group, private, share })
    }

    pub(crate) fn share(&self) -> &[u8] {
        &self.share
    }

    pub(crate) fn group(&self) -> Group {
        self.group
    }

    /// The shared secret, of the fixed width of a coordinate. Points off the curve are the backend's to
    /// refuse; the points of small order of X25519 all give zero (RFC 7748 section 6.1).
    pub(crate) fn agree(self, peer: &[u8]) -> Result<Secret, CryptoError> {
        if !self.group.accepts(peer) {
            return Err(CryptoError::BadShare);
        }
        let peer = UnparsedPublicKey::new(self.group.algorithm(), peer);
        agreement::agree(&self.private, peer, CryptoError::BadShare, |secret| {
            let zero = vec![0; secret.len()];
            if secret.ct_eq(&zero).into() {
                return Err(CryptoError::BadShare);
            }
            Ok(Secret::new(secret.to_vec()))
        })
    }
}

impl Started for Ephemeral {
    fn share(&self) -> &[u8] {
        Ephemeral::share(self)
    }

    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<Secret, CryptoError> {
        self.agree(server_share)
    }
}

/// A method that is this and nothing else.
#[derive(Debug)]
pub(crate) struct Ecdh {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) hash: HashAlgorithm,
}

impl Kex for Ecdh {
    fn name(&self) -> &'static str {
        self.name
    }

    fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    fn kind(&self) -> KexKind {
        KexKind::Ecdh
    }

    fn start(&self, group: Option<&DhGroup>) -> Result<Box<dyn Started>, CryptoError> {
        match group {
            None => Ok(Box::new(Ephemeral::generate(self.group)?)),
            Some(_) => Err(CryptoError::Unsupported),
        }
    }

    fn respond(&self, group: Option<&DhGroup>, client_share: &[u8]) -> Result<Response, CryptoError> {
        if group.is_some() {
            return Err(CryptoError::Unsupported);
        }
        let ephemeral = Ephemeral::generate(self.group)?;
        let share = ephemeral.share().to_vec();
        Ok(Response { share, secret: ephemeral.agree(client_share)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::hex;

    fn ephemeral(group: Group, private: &str) -> Ephemeral {
        let private = PrivateKey::from_private_key(group.algorithm(), &hex(private)).unwrap();
        Ephemeral::from_private(group, private).unwrap()
    }

    #[test]
    fn rfc_7748_section_6_1() {
        let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
        let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
        let shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
        let alice = ephemeral(Group::X25519, alice);
        let bob = ephemeral(Group::X25519, bob);
        let alice_share = alice.share().to_vec();
        assert_eq!(alice_share, hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
        assert_eq!(alice.agree(bob.share()).unwrap().as_bytes(), shared);
        assert_eq!(bob.agree(&alice_share).unwrap().as_bytes(), shared);
    }

    #[test]
    fn rfc_5903_section_8() {
        for (curve, private, point, shared) in RFC_5903 {
            let secret = ephemeral(Group::Nist(curve), private).agree(&hex(point)).unwrap();
            assert_eq!(secret.as_bytes(), hex(shared), "{curve:?}");
        }
    }

    /// Curve, the initiator's scalar, the responder's point, the shared x coordinate.
    const RFC_5903: [(Curve, &str, &str, &str); 3] = [
        (
            Curve::P256,
            "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
            "04 d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63
             56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
            "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
        ),
        (
            Curve::P384,
            "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655
             e35b538041e649ee3faef896783ab194",
            "04 e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d
             0d1ac43a0336def96fda41d0774a3571
             dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1ff
             f83fa40142209dff5eaad96db9e6386c",
            "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4
             d603135569b9e9d09cf5d4a270f59746",
        ),
        (
            Curve::P521,
            "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a0
             95aa85a30fe1c2952c6771d937ba9777f5957b2639bab072462f68c27a57382d4a52",
            "04 00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a21
             9b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0433ced2b6171640012d9460f
             015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d9852077b87
             220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a",
            "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04
             d1427e73ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3ddea",
        ),
    ];
}
