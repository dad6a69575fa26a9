//! Revocation lists: what is read takes no more memory than the file's size allows, and asking it ends.
#![no_main]

use std::sync::LazyLock;

use feramiko_fuzz::{Choices, allocates_at_most};
use feramiko_keys::certificate::CertificateBuilder;
use feramiko_keys::{Certificate, PrivateKey, PublicKey, RevokedKeys};
use feramiko_testkit::fake_host_key;
use libfuzzer_sys::fuzz_target;

/// Of authorities that the seeds name or do not, with serial numbers that they revoke or do not.
static CERTIFICATES: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
    let authority = include_bytes!("../../crates/keys/tests/data/ecdsa256");
    let authority = PrivateKey::load(authority, None).expect("a key");
    let subject = fake_host_key(1);
    let issue = |serial: u64| {
        let builder = CertificateBuilder::user(&subject).principal("robey").key_id("robey").serial(serial);
        builder.issue(&authority).expect("a certificate")
    };
    [0, 1, 3, 105, 1_500_000, u64::MAX].into_iter().map(issue).collect()
});

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::new(data);
    let key: PublicKey = fake_host_key(choices.byte());
    let certificate = &CERTIFICATES[choices.below(CERTIFICATES.len())];
    let content = choices.rest();
    allocates_at_most((1 << 20) + 32 * data.len(), || {
        let Ok(revoked) = RevokedKeys::parse(content) else { return };
        let by_certificate = revoked.is_certificate_revoked(certificate);
        let parts = [certificate.public_key(), certificate.authority()];
        assert!(by_certificate || !parts.into_iter().any(|part| revoked.is_revoked(part)));
        // What is revoked stays so when another list is added, and nothing else is.
        let list = RevokedKeys::parse(key.to_line("").as_bytes()).expect("a key");
        let both = revoked.clone().or(list);
        assert!(both.is_revoked(&key));
        assert!(both.is_certificate_revoked(certificate) || !by_certificate);
        let twice = revoked.clone().or(revoked);
        assert_eq!(twice.is_certificate_revoked(certificate), by_certificate);
    });
});
