//! Certificates: those that ssh-keygen made, ours, and bad ones.

mod forge;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use feramiko_crypto::signing::PublicParts;
use feramiko_keys::certificate::{
    CertificateBuilder, CertificateError, CertificateKind, HostCheck, NothingRevoked, Revoked, RevokedPart,
    UserCheck, Validity,
};
use feramiko_keys::{
    Certificate, CertifiedKey, KeyError, KeyType, Permits, PrivateKey, PublicKey, Restrictions, Signer,
    SourceList,
};
use feramiko_testkit::Device;
use forge::{CHANGES, Change, Fields, option, strings};

/// 2030, when what ssh-keygen made is valid.
const NOW: u64 = 1_893_456_000;

fn now() -> SystemTime {
    at(NOW)
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn load(name: &str) -> Result<Certificate, KeyError> {
    Certificate::load_file(data(&format!("certificates/{name}"))).map(|(certificate, _)| certificate)
}

fn public(name: &str) -> PublicKey {
    PublicKey::load_file(data(&format!("{name}.pub"))).unwrap().0
}

/// The key that a device would have with the same numbers.
fn in_a_device(key: &PublicKey) -> PublicKey {
    let application = b"ssh:";
    PublicKey::from_parts(match key.parts() {
        PublicParts::Ed25519(key) => PublicParts::SkEd25519 { key, application },
        PublicParts::Ecdsa { point, .. } => PublicParts::SkEcdsa { point, application },
        other => panic!("{other:?}"),
    })
    .unwrap()
}

fn private(name: &str) -> PrivateKey {
    PrivateKey::load_file(data(name), None).unwrap()
}

fn authority() -> PrivateKey {
    private("certificates/ca-ed25519")
}

fn new_key() -> PrivateKey {
    PrivateKey::generate(KeyType::Ed25519).unwrap()
}

/// Whether `robey` may log in with it, from 127.0.0.1.
fn check(certificate: &Certificate) -> Result<(), CertificateError> {
    let trusted = [authority().public_key().clone()];
    let source = Some(IpAddr::from([127, 0, 0, 1]));
    let question = UserCheck { source, ..UserCheck::new(&["robey"], &trusted, now()) };
    certificate.check_user(&question).map(drop)
}

/// The same of fields that the authority signs.
fn check_signed(change: impl FnOnce(&mut Fields)) -> Result<(), Refusal> {
    let authority = authority();
    let mut fields = Fields::user(&public("ed25519"), authority.public_key());
    change(&mut fields);
    let certificate = Certificate::from_blob(&fields.signed(&authority).unwrap()).map_err(Refusal::Read)?;
    check(&certificate).map_err(Refusal::Check)
}

#[derive(Debug)]
enum Refusal {
    Read(KeyError),
    Check(CertificateError),
}

#[test]
fn certificates_of_ssh_keygen_are_read_for_each_type_of_key() {
    for (name, certificate_type) in [
        ("ed25519", "ssh-ed25519-cert-v01@openssh.com"),
        ("ecdsa256", "ecdsa-sha2-nistp256-cert-v01@openssh.com"),
        ("ecdsa384", "ecdsa-sha2-nistp384-cert-v01@openssh.com"),
        ("ecdsa521", "ecdsa-sha2-nistp521-cert-v01@openssh.com"),
        ("rsa", "ssh-rsa-cert-v01@openssh.com"),
        ("mldsa44", "ssh-mldsa44-ed25519-cert-v01@openssh.com"),
        ("sk-ed25519", "sk-ssh-ed25519-cert-v01@openssh.com"),
        ("sk-ecdsa256", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"),
    ] {
        let public = match name.strip_prefix("sk-") {
            Some(name) => in_a_device(&public(name)),
            None => public(name),
        };
        let certificate = load(&format!("user-{name}")).unwrap();
        assert_eq!(certificate.algorithm(), certificate_type);
        assert_eq!(certificate.public_key(), &public);
        assert_eq!(certificate.fingerprint(), public.fingerprint());
        assert_eq!(certificate.kind(), CertificateKind::User);
        assert_eq!(certificate.serial(), 7);
        assert_eq!(certificate.key_id(), format!("robey's {name}"));
        assert_eq!(certificate.principals(), ["robey", "ops"]);
        assert_eq!(certificate.validity(), Validity { from: 1_577_836_800, until: 2_208_988_800 });
        assert_eq!(certificate.authority(), authority().public_key());
        assert_eq!(certificate.authority_algorithm(), "ssh-ed25519");
        // That one with verify-required and no-touch-required.
        let device = name == "sk-ed25519";
        let more = usize::from(device);
        assert_eq!(certificate.critical_options().len(), more);
        assert_eq!(certificate.extensions().len(), 5 + more);
        let trusted = [authority().public_key().clone()];
        let granted = certificate.check_user(&UserCheck::new(&["robey"], &trusted, now())).unwrap();
        assert_eq!((granted.verify_required, granted.touch_required), (device, !device));
        check(&certificate).unwrap();

        let text = std::fs::read_to_string(data(&format!("certificates/user-{name}"))).unwrap();
        let (again, comment) = Certificate::from_line(&text).unwrap();
        assert_eq!(again.to_line(&comment), text.trim_end());
        assert_eq!(comment, if public.is_security_key() { "sk" } else { "test key" });

        if public.is_security_key() {
            continue;
        }
        let host = load(&format!("host-{name}")).unwrap();
        assert_eq!((host.kind(), host.serial()), (CertificateKind::Host, 8));
        let trusted = [authority().public_key().clone()];
        host.check_host(&HostCheck::new("host.example.com", &trusted, now())).unwrap();
    }
}

#[test]
fn authorities_of_each_type_are_verified_and_sha_1_is_no_signature() {
    for name in ["ecdsa256", "ecdsa384", "ecdsa521", "rsa", "mldsa44"] {
        let certificate = load(&format!("by-{name}")).unwrap();
        assert_eq!(certificate.authority(), &public(name));
    }
    assert_eq!(load("by-mldsa44").unwrap().authority_algorithm(), "ssh-mldsa44-ed25519@openssh.com");
    assert_eq!(load("by-rsa").unwrap().authority_algorithm(), "rsa-sha2-512");
    assert_eq!(load("by-rsa-sha2-256").unwrap().authority_algorithm(), "rsa-sha2-256");
    let refused = load("by-ssh-rsa").unwrap_err();
    let expected = KeyError::WrongAlgorithm { algorithm: "ssh-rsa".into(), key_type: "ssh-rsa".into() };
    assert_eq!(refused, expected);
}

#[test]
fn options_and_extensions_mean_what_ssh_keygen_says() {
    let trusted = [authority().public_key().clone()];
    let question = UserCheck::new(&["robey"], &trusted, now());
    let all = load("user-ed25519").unwrap().check_user(&question).unwrap();
    let last = at(2_208_988_800) - Duration::from_nanos(1);
    assert_eq!(all, Restrictions { expires: Some(last), ..Restrictions::none() });

    let from_there = UserCheck { source: Some([10, 1, 2, 3].into()), ..question };
    let some = load("options").unwrap().check_user(&from_there).unwrap();
    let expected = Restrictions {
        permits: Permits { pty: true, ..Permits::NOTHING },
        command: Some(b"echo forced".to_vec()),
        sources: vec![SourceList::networks("10.0.0.0/8,::1").unwrap()],
        verify_required: true,
        ..Restrictions::all()
    };
    assert_eq!(some, expected);
}

#[test]
fn defect_027_a_source_address_matches_its_list_and_nothing_without_one() {
    let trusted = [authority().public_key().clone()];
    let certificate = load("options").unwrap();
    for (source, allowed) in [
        (Some("10.0.0.1"), true),
        (Some("::ffff:10.0.0.1"), true),
        (Some("::1"), true),
        (Some("11.0.0.1"), false),
        (Some("::2"), false),
        (None, false),
    ] {
        let source = source.map(|source| source.parse().unwrap());
        let question = UserCheck { source, ..UserCheck::new(&["robey"], &trusted, now()) };
        let refused = CertificateError::SourceAddress { found: source };
        let answer = certificate.check_user(&question).map(drop);
        assert_eq!(answer, if allowed { Ok(()) } else { Err(refused) }, "{source:?}");
    }
    // Present and empty.
    let refused = check(&load("bad-source").unwrap()).unwrap_err();
    assert!(matches!(refused, CertificateError::BadOption { .. }), "{refused}");
    for bad in ["", ",", "*", "0.0.0.0/0,", "10.0.0.1/8"] {
        let answer = check_signed(|fields| fields.critical = option("source-address", &strings(&[bad])));
        assert!(matches!(answer, Err(Refusal::Check(CertificateError::BadOption { .. }))), "{bad:?}");
    }
}

#[test]
fn defect_028_a_certificate_without_principals_is_for_nobody() {
    assert_eq!(check(&load("no-principals").unwrap()), Err(CertificateError::NoPrincipals));
    let trusted = [authority().public_key().clone()];
    let certificate = load("user-ed25519").unwrap();
    let nobody = certificate.check_user(&UserCheck::new(&[], &trusted, now()));
    assert!(matches!(nobody, Err(CertificateError::WrongPrincipal { .. })));
    let host = CertificateBuilder::host(&public("ed25519")).issue(&authority());
    assert!(host.is_err(), "none is made either");
    let answer = check_signed(|fields| fields.principals = strings(&[""]));
    assert!(matches!(answer, Err(Refusal::Check(CertificateError::WrongPrincipal { .. }))));
}

#[test]
fn defect_029_principals_are_compared_exactly() {
    for wrong in ["robey,root", "root,robey", "Robey", "robe", "robeyx", "robey ", "*", "r?bey", "!root"] {
        let answer = check_signed(|fields| fields.principals = strings(&[wrong]));
        assert!(matches!(answer, Err(Refusal::Check(CertificateError::WrongPrincipal { .. }))), "{wrong:?}");
    }
    let answer = check_signed(|fields| fields.principals = strings(&["robey\0x"]));
    assert!(matches!(answer, Err(Refusal::Read(KeyError::Damaged { .. }))));
    check_signed(|fields| fields.principals = strings(&["root", "robey"])).unwrap();
}

#[test]
fn defect_034_a_revoked_key_authority_or_certificate_is_refused_before_trust() {
    struct Serial(u64);
    impl Revoked for Serial {
        fn is_key_revoked(&self, _key: &PublicKey) -> bool {
            false
        }
        fn is_certificate_revoked(&self, certificate: &Certificate) -> bool {
            certificate.serial() == self.0
        }
    }
    let trusted = [authority().public_key().clone()];
    let (key, by) = (vec![public("ed25519")], vec![authority().public_key().clone()]);
    let (user, host) = (load("user-ed25519").unwrap(), load("host-ed25519").unwrap());
    let cases: [(&dyn Revoked, &dyn Revoked, Option<RevokedPart>); 4] = [
        (&key, &key, Some(RevokedPart::Key)),
        (&by, &by, Some(RevokedPart::Authority)),
        (&Serial(7), &Serial(8), Some(RevokedPart::Certificate)),
        (&Serial(8), &NothingRevoked, None),
    ];
    for (for_users, for_hosts, part) in cases {
        let expected = part.map_or(Ok(()), |part| Err(CertificateError::Revoked { part }));
        for authorities in [&trusted[..], &[]] {
            let question = UserCheck { revoked: for_users, ..UserCheck::new(&["robey"], authorities, now()) };
            let answer = user.check_user(&question).map(drop);
            let question =
                HostCheck { revoked: for_hosts, ..HostCheck::new("host.example.com", authorities, now()) };
            let host_answer = host.check_host(&question);
            if part.is_some() || !authorities.is_empty() {
                assert_eq!((&answer, &host_answer), (&expected, &expected));
            }
        }
    }
}

#[test]
fn each_field_that_is_changed_breaks_the_signature() {
    for name in [
        "user-ed25519",
        "user-ecdsa256",
        "user-rsa",
        "host-ed25519",
        "user-mldsa44",
        "by-mldsa44",
        "user-sk-ed25519",
        "user-sk-ecdsa256",
    ] {
        let whole = load(name).unwrap();
        let fields = Fields::read(whole.blob());
        assert_eq!(fields.blob(), whole.blob());
        for (field, change) in CHANGES {
            let mut changed = fields.clone();
            change(&mut changed);
            assert_ne!(changed.blob(), whole.blob());
            assert!(Certificate::from_blob(&changed.blob()).is_err(), "{name}: {field}");
        }
    }
    let whole = load("user-ed25519").unwrap();
    for place in 0..whole.blob().len() {
        let mut bent = whole.blob().to_vec();
        bent[place] ^= 1;
        assert!(Certificate::from_blob(&bent).is_err(), "byte {place}");
        assert!(Certificate::from_blob(&whole.blob()[..place]).is_err(), "cut at {place}");
    }
    assert!(Certificate::from_blob(&[whole.blob(), &[0]].concat()).is_err());
}

#[test]
fn what_a_certificate_says_wrongly_is_refused_although_it_is_signed() {
    check_signed(|_| ()).unwrap();
    check_signed(|fields| fields.reserved = b"whatever".to_vec()).unwrap();
    check_signed(|fields| fields.extensions.extend(option("x@example.com", b"1"))).unwrap();
    let refused: [Change; 16] = [
        ("for hosts", |fields| fields.kind = 2),
        ("for nothing known", |fields| fields.kind = 3),
        ("expired", |fields| fields.until = NOW),
        ("not yet valid", |fields| fields.from = NOW + 1),
        ("never valid", |fields| (fields.from, fields.until) = (u64::MAX, 0)),
        ("unknown critical option", |fields| fields.critical = option("x@example.com", b"")),
        ("an extension among the critical", |fields| fields.critical = option("permit-pty", b"")),
        ("force-command without a text", |fields| fields.critical = option("force-command", b"true")),
        ("force-command with more", |fields| {
            fields.critical = option("force-command", &strings(&["true", "false"]));
        }),
        ("force-command twice", |fields| {
            fields.critical = option("force-command", &strings(&["true"]));
            fields.critical.extend(fields.critical.clone());
        }),
        ("verify-required with data", |fields| fields.critical = option("verify-required", b"x")),
        ("permit-pty with data", |fields| fields.extensions = option("permit-pty", b"x")),
        ("extensions out of order", |fields| {
            fields.extensions = [option("permit-pty", b""), option("permit-X11-forwarding", b"")].concat();
        }),
        ("an option without data", |fields| fields.critical = strings(&["verify-required"])),
        ("an option cut off", |fields| fields.critical = b"\0\0\0\x09verify".to_vec()),
        ("principals cut off", |fields| fields.principals = b"\0\0\0\x09robey".to_vec()),
    ];
    for (what, change) in refused {
        assert!(check_signed(change).is_err(), "{what}");
    }
}

#[test]
fn validity_begins_with_its_first_second_and_ends_before_its_last() {
    let certificate = CertificateBuilder::user(&public("ed25519"))
        .principal("robey")
        .validity(Validity { from: 1000, until: 2000 })
        .issue(&authority())
        .unwrap();
    let trusted = [authority().public_key().clone()];
    let check = |now| certificate.check_user(&UserCheck::new(&["robey"], &trusted, now)).map(drop);
    assert_eq!(check(at(999)), Err(CertificateError::NotYetValid { from: 1000 }));
    assert_eq!(check(at(1000)), Ok(()));
    assert_eq!(check(at(1999)), Ok(()));
    assert_eq!(check(at(2000)), Err(CertificateError::Expired { until: 2000 }));
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(check(before_1970), Err(CertificateError::NotYetValid { from: 1000 }));
    assert!(matches!(check_at_expiry("expired"), Err(CertificateError::Expired { .. })));
    assert!(matches!(check_at_expiry("later"), Err(CertificateError::NotYetValid { .. })));
}

fn check_at_expiry(name: &str) -> Result<(), CertificateError> {
    check(&load(name).unwrap())
}

#[test]
fn a_host_is_the_one_it_was_called_and_wildcards_are_as_ssh_keygen_says() {
    let trusted = [authority().public_key().clone()];
    let host = load("host-ed25519").unwrap();
    for (name, same) in [
        ("host.example.com", true),
        ("HOST.example.com", true),
        ("www.example.org", true),
        ("example.org", false),
        ("host.example.com.evil.test", false),
        ("other.example.com", false),
        ("", false),
    ] {
        let answer = host.check_host(&HostCheck::new(name, &trusted, now()));
        assert_eq!(answer.is_ok(), same, "{name}: {answer:?}");
    }
    let unknown = host.check_host(&HostCheck::new("host.example.com", &[public("rsa")], now()));
    assert!(matches!(unknown, Err(CertificateError::UnknownAuthority { .. })));
    // No critical option is defined for hosts, not even one that users have.
    let forced = CertificateBuilder::host(&public("ed25519")).principal("host").force_command("true");
    let answer = forced.issue(&authority()).unwrap().check_host(&HostCheck::new("host", &trusted, now()));
    assert!(matches!(answer, Err(CertificateError::CriticalOption { .. })));
    // A user's certificate is no host's, nor the other way round.
    let user = load("user-ed25519").unwrap();
    let (wanted, found) = (CertificateKind::Host, CertificateKind::User);
    let wrong = user.check_host(&HostCheck::new("robey", &trusted, now()));
    assert_eq!(wrong, Err(CertificateError::WrongKind { wanted, found }));
    assert_eq!(check(&host), Err(CertificateError::WrongKind { wanted: found, found: wanted }));
}

#[test]
fn unknown_critical_options_refuse_and_unknown_extensions_do_nothing() {
    let refused = check(&load("unknown-critical").unwrap());
    assert_eq!(refused, Err(CertificateError::CriticalOption { name: "other@example.com".into() }));
}

#[test]
fn defect_059_the_name_is_looked_at_before_anything_else() {
    for name in ["ssh-dss-cert-v01@openssh.com", "ssh-ed25519", "x509v3-sign-rsa", ""] {
        let mut blob = strings(&[name]);
        blob.extend([0xff; 64]);
        assert_eq!(Certificate::from_blob(&blob), Err(KeyError::UnsupportedType { name: name.into() }));
    }
    // A certificate is no key, and a key no certificate.
    let certificate = load("user-ed25519").unwrap();
    assert!(matches!(PublicKey::from_blob(certificate.blob()), Err(KeyError::UnsupportedType { .. })));
    assert!(matches!(PublicKey::from_line(&certificate.to_line("")), Err(KeyError::UnsupportedType { .. })));
    assert!(Certificate::from_blob(public("ed25519").blob()).is_err());
}

#[test]
fn defect_060_a_certificate_as_authority_is_refused_by_its_name() {
    // As deep as a packet is long; nothing of it is read.
    let mut nested = load("user-ed25519").unwrap().blob().to_vec();
    for _ in 0..100 {
        let mut fields = Fields::user(&public("ed25519"), &public("ed25519"));
        fields.authority = nested;
        nested = fields.signed(&authority()).unwrap();
        let name = "ssh-ed25519-cert-v01@openssh.com".to_owned();
        assert_eq!(Certificate::from_blob(&nested), Err(KeyError::NotAnAuthority { name }));
    }
    // Of a type that nobody knows too.
    let mut fields = Fields::user(&public("ed25519"), &public("ed25519"));
    fields.authority = strings(&["new-cert-v01@openssh.com"]);
    let refused = Certificate::from_blob(&fields.signed(&authority()).unwrap());
    assert!(matches!(refused, Err(KeyError::NotAnAuthority { .. })));
}

#[test]
fn defect_060_counts_of_a_certificate_are_bounded() {
    let names: Vec<String> = (0..256).map(|number| format!("user{number:03}")).collect();
    let with_robey = |count: usize| {
        let mut names = names[..count].to_vec();
        names.push("robey".to_owned());
        check_signed(move |fields| fields.principals = strings(&names))
    };
    with_robey(255).unwrap();
    assert!(matches!(with_robey(256), Err(Refusal::Read(_))));
    let options: Vec<u8> = (0..257).flat_map(|number| option(&format!("x{number:03}"), b"")).collect();
    assert!(matches!(check_signed(|fields| fields.extensions = options), Err(Refusal::Read(_))));
}

#[test]
fn what_we_issue_says_what_was_asked_for() {
    let (authority, key) = (authority(), new_key());
    let certificate = CertificateBuilder::user(key.public_key())
        .principal("robey")
        .principal("ops")
        .key_id("laptop")
        .serial(u64::MAX)
        .no_extensions()
        .extension("permit-pty", Vec::new())
        .force_command("uptime")
        .source_addresses("127.0.0.0/8")
        .valid_for(Duration::from_secs(3600))
        .issue(&authority)
        .unwrap();
    assert_eq!((certificate.key_id(), certificate.serial()), ("laptop", u64::MAX));
    assert_eq!(certificate.principals(), ["robey", "ops"]);
    let trusted = [authority.public_key().clone()];
    let question = UserCheck::new(&["ops"], &trusted, SystemTime::now());
    let granted = certificate.check_user(&UserCheck { source: Some([127, 0, 0, 1].into()), ..question });
    let granted = granted.unwrap();
    assert_eq!(granted.command.as_deref(), Some(&b"uptime"[..]));
    assert_eq!(granted.sources, [SourceList::networks("127.0.0.0/8").unwrap()]);
    assert_eq!(granted.permits, Permits { pty: true, ..Permits::NOTHING });

    let unclear = CertificateBuilder::user(key.public_key()).principal("robey").source_addresses("");
    assert!(matches!(unclear.issue(&authority), Err(KeyError::Damaged { .. })));
    let again = CertificateBuilder::user(key.public_key()).principal("robey");
    let (one, other) = (again.issue(&authority).unwrap(), again.issue(&authority).unwrap());
    assert_ne!(one, other, "each has a nonce of its own");
}

#[test]
fn each_type_of_key_certifies_each() {
    for by in ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"] {
        for key in ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"] {
            let issued =
                CertificateBuilder::host(&public(key)).principal("host").issue(&private(by)).unwrap();
            assert_eq!((issued.public_key(), issued.authority()), (&public(key), &public(by)));
        }
    }
}

#[test]
fn a_key_shows_its_own_certificate_only() {
    let certificate = load("user-ed25519").unwrap();
    assert_eq!(CertifiedKey::new(new_key(), certificate.clone()).unwrap_err(), KeyError::Mismatch);
    let key = CertifiedKey::new(private("ed25519"), certificate.clone()).unwrap();
    assert_eq!(key.certificate(), Some(&certificate));
    assert_eq!(key.public_key(), &public("ed25519"));
    assert!(key.sign("ssh-ed25519", b"message").is_ok());
    assert!(private("ed25519").certificate().is_none());
}

#[test]
fn texts_of_a_certificate_do_not_reach_a_terminal_as_they_are() {
    let certificate = CertificateBuilder::user(&public("ed25519"))
        .principal("\x1b[31mroot")
        .key_id("\x1b]0;title\x07")
        .issue(&authority())
        .unwrap();
    let refused = check(&certificate).unwrap_err().to_string();
    assert!(!refused.contains('\x1b') && !format!("{certificate:?}").contains('\x1b'), "{refused}");
}

#[test]
fn small_rsa_keys_are_certified_and_certify_only_where_that_was_asked_for() {
    let small =
        PrivateKey::load_with_rsa_floor(&std::fs::read(data("rsa1024")).unwrap(), None, 1024).unwrap();
    let usual = authority();
    for (key, by) in [(&small, &usual), (&usual, &small)] {
        let certificate = CertificateBuilder::user(key.public_key()).principal("robey").issue(by).unwrap();
        let read = |floor| Certificate::from_blob_with_rsa_floor(certificate.blob(), floor);
        assert_eq!(read(1024).unwrap(), certificate);
        for refused in [read(1025), read(2048), Certificate::from_blob(certificate.blob())] {
            assert!(matches!(refused, Err(KeyError::RsaSize { bits: 1024, .. })), "{refused:?}");
        }
    }
}

#[test]
fn devices_and_composites_certify_and_are_certified() {
    let touched = Device::TOUCHED;
    let signers: [Box<dyn Signer>; 3] = [
        Box::new(Device::ed25519(touched).unwrap()),
        Box::new(Device::ecdsa(touched).unwrap()),
        Box::new(private("mldsa44")),
    ];
    for key in &signers {
        for by in &signers {
            let made =
                CertificateBuilder::user(key.public_key()).principal("robey").issue(by.as_ref()).unwrap();
            let again = Certificate::from_blob(made.blob()).unwrap();
            assert_eq!((again.public_key(), again.authority()), (key.public_key(), by.public_key()));
            let trusted = [by.public_key().clone()];
            again.check_user(&UserCheck::new(&["robey"], &trusted, SystemTime::now())).unwrap();
            let mut bent = made.blob().to_vec();
            *bent.last_mut().unwrap() ^= 1;
            assert!(Certificate::from_blob(&bent).is_err());
        }
    }
    // An authority's device is touched for each certificate.
    let untouched = Device::ed25519(0).unwrap();
    let made = CertificateBuilder::user(&public("ed25519")).principal("robey").issue(&untouched);
    assert_eq!(made.unwrap_err(), KeyError::NotTouched);
}
