//! The post-quantum hybrids: a KEM and an elliptic curve at once (draft-ietf-sshm-mlkem-hybrid-kex,
//! draft-ietf-sshm-ntruprime-ssh). Broken only if both are.

use crate::kex::{DhGroup, Kex, KexKind, Response, Started};
use crate::{CryptoError, HashAlgorithm, Secret};

use super::agreement::{Ephemeral, Group};
use super::kem::{Decapsulator, Kem};

/// A KEM with a curve behind it.
#[derive(Debug)]
pub(crate) struct Hybrid {
    pub(crate) name: &'static str,
    pub(crate) kem: Kem,
    pub(crate) group: Group,
    pub(crate) hash: HashAlgorithm,
}

impl Kex for Hybrid {
    fn name(&self) -> &'static str {
        self.name
    }

    fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    fn kind(&self) -> KexKind {
        KexKind::Hybrid
    }

    fn start(&self, group: Option<&DhGroup>) -> Result<Box<dyn Started>, CryptoError> {
        if group.is_some() {
            return Err(CryptoError::Unsupported);
        }
        let (mut share, decapsulator) = self.kem.generate()?;
        let ephemeral = Ephemeral::generate(self.group)?;
        share.extend_from_slice(ephemeral.share());
        Ok(Box::new(HybridStarted { share, decapsulator, ephemeral, hash: self.hash }))
    }

    fn respond(&self, group: Option<&DhGroup>, client_share: &[u8]) -> Result<Response, CryptoError> {
        if group.is_some() {
            return Err(CryptoError::Unsupported);
        }
        let (key, point) = split(client_share, self.group)?;
        let (mut share, kem_secret) = self.kem.encapsulate(key)?;
        let ephemeral = Ephemeral::generate(self.group)?;
        share.extend_from_slice(ephemeral.share());
        let secret = combine(self.hash, &kem_secret, &ephemeral.agree(point)?);
        Ok(Response { share, secret })
    }
}

struct HybridStarted {
    share: Vec<u8>,
    decapsulator: Decapsulator,
    ephemeral: Ephemeral,
    hash: HashAlgorithm,
}

impl Started for HybridStarted {
    fn share(&self) -> &[u8] {
        &self.share
    }

    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<Secret, CryptoError> {
        let (ciphertext, point) = split(server_share, self.ephemeral.group())?;
        let kem_secret = self.decapsulator.decapsulate(ciphertext)?;
        Ok(combine(self.hash, &kem_secret, &self.ephemeral.agree(point)?))
    }
}

/// The KEM's part, whose length the KEM judges, and the point behind it.
fn split(share: &[u8], group: Group) -> Result<(&[u8], &[u8]), CryptoError> {
    let kem = share.len().checked_sub(group.share_len()).ok_or(CryptoError::BadShare)?;
    share.split_at_checked(kem).ok_or(CryptoError::BadShare)
}

/// The KEM's secret first (draft-ietf-sshm-mlkem-hybrid-kex section 2.4). Both have fixed widths: nothing is a number here, and no leading zero is lost.
fn combine(hash: HashAlgorithm, kem: &Secret, point: &Secret) -> Secret {
    Secret::new(hash.digest(&[kem.as_bytes(), point.as_bytes()]))
}
