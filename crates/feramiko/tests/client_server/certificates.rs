//! Users and hosts with certificates: a client of ours at a server of ours.

use std::time::Duration;

use feramiko::certificate::CertificateBuilder;
use feramiko::{AuthorizedKeysPolicy, CertificatePolicy, CertifiedKey, PrivateKey, Program};

use super::house::*;

async fn serve(connection: feramiko::ServerConnection) -> Result<(), feramiko::Error> {
    while let Some(attempt) = connection.next_auth().await? {
        attempt.reject()?;
    }
    while let Some(session) = connection.next_session().await? {
        let Some(start) = session.program().await? else { continue };
        let Program::Exec(line) = start.program().clone() else { continue };
        start.accept().finish(line, "", 0).await?;
    }
    Ok(())
}

fn certified(
    key: &PrivateKey,
    authority: &PrivateKey,
    change: impl FnOnce(CertificateBuilder) -> CertificateBuilder,
) -> CertifiedKey {
    let builder = CertificateBuilder::user(key.public_key()).principal("robey").serial(7).key_id("laptop");
    CertifiedKey::new(key.clone(), change(builder).issue(authority).unwrap()).unwrap()
}

scenario!(a_certified_user_is_let_in_and_may_what_the_certificate_says, |driver| {
    let (authority, key) = (key(), key());
    let policy = CertificatePolicy::new([authority.public_key().clone()]);
    let house = House::open(driver, serve).await.restart(driver, |server| server.certificates(policy)).await;
    let plain = house.connect().user("robey").key(key.clone()).await;
    assert!(plain.is_err(), "the key alone is nobody's");
    let client = house.connect().user("robey").key(certified(&key, &authority, |it| it)).await.unwrap();
    assert_eq!(client.command("uptime").output().await.unwrap().stdout, b"uptime");

    let forced = certified(&key, &authority, |it| it.force_command("date").source_addresses("127.0.0.0/8"));
    let client = house.connect().user("robey").key(forced).await.unwrap();
    assert_eq!(client.command("uptime").output().await.unwrap().stdout, b"date");
});

scenario!(defect_026_what_a_certificate_lacks_keeps_its_holder_out, |driver| {
    let (authority, key) = (key(), key());
    let dir = tempfile::tempdir().unwrap();
    let revoked = dir.path().join("revoked");
    std::fs::write(&revoked, "").unwrap();
    let policy = CertificatePolicy::new([authority.public_key().clone()]).revoked_keys(&revoked);
    let house = House::open(driver, serve).await.restart(driver, |server| server.certificates(policy)).await;
    let log_in = |user: &'static str, signer: CertifiedKey| house.connect().user(user).key(signer);
    let refused: [(&str, &str, CertifiedKey); 5] = [
        ("another user", "root", certified(&key, &authority, |it| it)),
        ("expired", "robey", certified(&key, &authority, |it| it.valid_for(Duration::ZERO))),
        ("from elsewhere", "robey", certified(&key, &authority, |it| it.source_addresses("192.0.2.0/24"))),
        (
            "an unknown condition",
            "robey",
            certified(&key, &authority, |it| it.critical_option("x", Vec::new())),
        ),
        ("another authority", "robey", certified(&key, &key, |it| it)),
    ];
    for (what, user, signer) in refused {
        assert!(log_in(user, signer).await.is_err(), "{what}");
    }
    assert!(log_in("robey", certified(&key, &authority, |it| it)).await.is_ok());
    for line in [authority.public_key().to_line(""), key.public_key().to_line("")] {
        std::fs::write(&revoked, line).unwrap();
        assert!(log_in("robey", certified(&key, &authority, |it| it)).await.is_err());
    }
    // What cannot be read may revoke anything.
    std::fs::remove_file(&revoked).unwrap();
    assert!(log_in("robey", certified(&key, &authority, |it| it)).await.is_err());
});

scenario!(defect_026_what_is_revoked_for_one_policy_is_revoked_for_the_other, |driver| {
    let (authority, key) = (key(), key());
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (keys, nothing, revoked) = (path("keys"), path("nothing"), path("revoked"));
    let line = |key: &PrivateKey| key.public_key().to_line("") + "\n";
    std::fs::write(&keys, format!("{}cert-authority {}", line(&key), line(&authority))).unwrap();
    std::fs::write(&nothing, "").unwrap();
    for of_certificates in [true, false] {
        std::fs::write(&revoked, "").unwrap();
        let lists = if of_certificates { [&nothing, &revoked] } else { [&revoked, &nothing] };
        let file = keys.clone();
        let files = AuthorizedKeysPolicy::new(move |_| Some(file.clone())).any_owner().revoked_keys(lists[0]);
        let trusted = CertificatePolicy::new([authority.public_key().clone()]).revoked_keys(lists[1]);
        let house = House::open(driver, serve).await;
        let house = house.restart(driver, |server| server.authorized_keys(files).certificates(trusted)).await;
        let bare = || house.connect().user("robey").key(key.clone());
        let with_certificate = || house.connect().user("robey").key(certified(&key, &authority, |it| it));
        assert!(bare().await.is_ok() && with_certificate().await.is_ok());
        std::fs::write(&revoked, line(&key)).unwrap();
        assert!(bare().await.is_err() && with_certificate().await.is_err(), "{of_certificates}");
        std::fs::write(&revoked, line(&authority)).unwrap();
        assert!(bare().await.is_ok() && with_certificate().await.is_err(), "{of_certificates}");
    }
});

scenario!(principals_are_those_that_the_server_lists, |driver| {
    let (authority, key) = (key(), key());
    let of_user = |user: &str| if user == "deploy" { vec!["robey".to_owned()] } else { Vec::new() };
    let policy = CertificatePolicy::new([authority.public_key().clone()]).principals(of_user);
    let house = House::open(driver, serve).await.restart(driver, |server| server.certificates(policy)).await;
    let signer = certified(&key, &authority, |it| it);
    assert!(house.connect().user("deploy").key(signer.clone()).await.is_ok());
    assert!(house.connect().user("robey").key(signer).await.is_err());
});

scenario!(defect_025_a_line_of_an_authority_and_its_certificate_both_count, |driver| {
    let (authority, key) = (key(), key());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys");
    let line = |options: &str| format!("{options} {}\n", authority.public_key().to_line(""));
    let path = file.clone();
    let policy = AuthorizedKeysPolicy::new(move |_| Some(path.clone())).any_owner();
    let house =
        House::open(driver, serve).await.restart(driver, |server| server.authorized_keys(policy)).await;
    let log_in = |change: fn(CertificateBuilder) -> CertificateBuilder| {
        house.connect().user("robey").key(certified(&key, &authority, change))
    };
    for (options, allowed) in [
        ("cert-authority", true),
        ("cert-authority,principals=\"ops,robey\"", true),
        ("cert-authority,principals=\"ops\"", false),
        ("cert-authority,from=\"192.0.2.*\"", false),
        ("", false),
    ] {
        std::fs::write(&file, line(options)).unwrap();
        assert_eq!(log_in(|it| it).await.is_ok(), allowed, "{options}");
    }
    std::fs::write(&file, line("cert-authority,command=\"date\"")).unwrap();
    let client = log_in(|it| it).await.unwrap();
    assert_eq!(client.command("uptime").output().await.unwrap().stdout, b"date");
    assert!(log_in(|it| it.force_command("date")).await.is_ok());
    assert!(log_in(|it| it.force_command("uptime")).await.is_err(), "two commands that differ");
});

scenario!(a_host_shows_its_certificate_and_who_pins_the_key_knows_it_all_the_same, |driver| {
    let (authority, host) = (key(), key());
    let certificate =
        CertificateBuilder::host(host.public_key()).principal("127.0.0.1").issue(&authority).unwrap();
    let signer = CertifiedKey::new(host.clone(), certificate.clone()).unwrap();
    let house = House::open(driver, serve).await;
    let house = house.restart(driver, |server| server.host_key(signer)).await;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
    struct See(std::sync::Arc<std::sync::Mutex<Option<feramiko::Certificate>>>);
    impl feramiko::HostKeyVerifier for See {
        fn verify(&mut self, key: &feramiko::PublicKey) -> Result<(), feramiko::Error> {
            panic!("a certificate is there: {key:?}")
        }
        fn verify_certificate(&mut self, certificate: &feramiko::Certificate) -> Result<(), feramiko::Error> {
            *self.0.lock().unwrap() = Some(certificate.clone());
            Ok(())
        }
    }
    assert!(
        house.connect().user("robey").verifier(See(seen.clone())).await.is_err(),
        "nobody is let in here"
    );
    assert_eq!(*seen.lock().unwrap(), Some(certificate));
    let pinned = house.connect().user("robey").host_key(host.public_key().clone()).await;
    assert!(matches!(pinned, Err(feramiko::Error::Auth(_))), "{pinned:?}");
});
