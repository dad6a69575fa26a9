//! Keys in FIDO devices: who must have touched them, and who must be known to them.

use std::sync::Arc;

use feramiko::certificate::CertificateBuilder;
use feramiko::{AuthorizedKeysPolicy, CertificatePolicy, CertifiedKey, Proof, ServerConnection};
use feramiko_testkit::Device;

use super::house::*;

/// What is said in a certificate beside its principal.
type Change = fn(CertificateBuilder) -> CertificateBuilder;

const TOUCHED: u8 = Device::TOUCHED;
const VERIFIED: u8 = Device::VERIFIED;

async fn refuse_the_rest(connection: ServerConnection) -> Result<(), feramiko::Error> {
    answer_attempts(&connection, |_, _| false).await
}

/// A server that reads this file for whoever comes.
async fn with_file(driver: Driver, path: &std::path::Path) -> House {
    let path = path.to_owned();
    let policy = AuthorizedKeysPolicy::new(move |_| Some(path.clone())).any_owner();
    House::open(driver, refuse_the_rest).await.restart(driver, |server| server.authorized_keys(policy)).await
}

scenario!(defect_033_a_line_says_whether_a_device_is_touched_and_knows_its_user, |driver| {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("keys");
    let house = with_file(driver, &file).await;
    for device in [Device::ed25519(0).unwrap(), Device::ecdsa(0).unwrap()] {
        let device = Arc::new(device);
        for (options, flags, allowed) in [
            ("", TOUCHED, true),
            ("", 0, false),
            ("", VERIFIED, false),
            ("no-touch-required", 0, true),
            ("no-touch-required", TOUCHED, true),
            ("no-touch-required,touch-required", 0, false),
            ("verify-required", TOUCHED, false),
            ("verify-required", VERIFIED, false),
            ("verify-required", TOUCHED | VERIFIED, true),
            ("verify-required,no-touch-required", VERIFIED, true),
            ("verify-required,no-touch-required", 0, false),
        ] {
            std::fs::write(&file, format!("{options} {}\n", device.public_key().to_line(""))).unwrap();
            device.set_flags(flags);
            let login = house.connect().key(Arc::clone(&device)).await;
            assert_eq!(login.is_ok(), allowed, "{options:?} and flags {flags}: {login:?}");
        }
    }
});

fn certified(device: &Arc<Device>, authority: &feramiko::PrivateKey, change: Change) -> CertifiedKey {
    let builder = change(CertificateBuilder::user(device.public_key()).principal("robey"));
    CertifiedKey::new(Arc::clone(device), builder.issue(authority).unwrap()).unwrap()
}

fn untouched(builder: CertificateBuilder) -> CertificateBuilder {
    builder.extension("no-touch-required", Vec::new())
}

scenario!(defect_033_a_certificate_says_whether_a_device_is_touched_and_knows_its_user, |driver| {
    let (authority, device) = (key(), Arc::new(Device::ed25519(0).unwrap()));
    let policy = CertificatePolicy::new([authority.public_key().clone()]);
    let house = House::open(driver, refuse_the_rest).await;
    let house = house.restart(driver, |server| server.certificates(policy)).await;
    let verified = CertificateBuilder::verify_required;
    let cases: [(Change, u8, bool); 7] = [
        (|it| it, TOUCHED, true),
        (|it| it, 0, false),
        (untouched, 0, true),
        (verified, TOUCHED, false),
        (verified, TOUCHED | VERIFIED, true),
        (|it| untouched(it).verify_required(), 0, false),
        (|it| untouched(it).verify_required(), VERIFIED, true),
    ];
    for (number, (change, flags, allowed)) in cases.into_iter().enumerate() {
        device.set_flags(flags);
        let login = house.connect().key(certified(&device, &authority, change)).await;
        assert_eq!(login.is_ok(), allowed, "case {number}: {login:?}");
    }
});

scenario!(defect_033_a_touch_is_waived_by_line_and_certificate_together, |driver| {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("keys");
    let house = with_file(driver, &file).await;
    let (authority, device) = (key(), Arc::new(Device::ed25519(0).unwrap()));
    for (options, certificate, allowed) in [
        ("cert-authority,no-touch-required", certified(&device, &authority, untouched), true),
        ("cert-authority", certified(&device, &authority, untouched), false),
        ("cert-authority,no-touch-required", certified(&device, &authority, |it| it), false),
        (
            "cert-authority,no-touch-required,verify-required",
            certified(&device, &authority, untouched),
            false,
        ),
    ] {
        std::fs::write(&file, format!("{options} {}\n", authority.public_key().to_line(""))).unwrap();
        let login = house.connect().key(certificate).await;
        assert_eq!(login.is_ok(), allowed, "{options:?}: {login:?}");
    }
});

scenario!(defect_033_an_application_that_just_accepts_asks_for_a_touch, |driver| {
    let device = Arc::new(Device::ed25519(0).unwrap());
    let house = House::open(driver, |connection| async move {
        answer_attempts(&connection, |_, proof| matches!(proof, Proof::KeyOffer(_) | Proof::Key(_))).await
    })
    .await;
    assert!(house.connect().key(Arc::clone(&device)).await.is_err());
    device.set_flags(TOUCHED);
    assert!(house.connect().key(device).await.is_ok());
});

scenario!(the_key_of_a_host_may_be_in_a_device_that_nobody_touches, |driver| {
    let device = Arc::new(Device::ed25519(0).unwrap());
    let server = feramiko::Server::builder().host_key(Arc::clone(&device));
    let server = server.bind("127.0.0.1:0").driver(driver).await.unwrap();
    let address = server.local_addr().unwrap();
    spawn(driver, async move {
        if let Ok(connection) = server.accept().await {
            // Its client looks at what comes of it.
            let _ = password_only(&connection).await;
        }
    });
    let connect = feramiko::Client::connect(address.to_string()).no_config().user("robey").driver(driver);
    let login = connect.host_key(device.public_key().clone()).password("foo").await;
    assert!(login.is_ok(), "{login:?}");
});
