//! Which server is trusted, and how it is reached.

use super::*;

scenario!(another_host_key_than_the_expected_is_refused, |driver| {
    let house = House::open(driver, guests).await;
    let other = key().public_key().clone();
    let wrong = house.bare().password("foo").host_key(other.clone()).await;
    match refusal(wrong) {
        HostKeyRefusal::NotTheOne { expected, key } => {
            assert_eq!(expected, [other.fingerprint()]);
            assert_eq!(&key, house.key.public_key());
        }
        refusal => panic!("{refusal}"),
    }
    let wrong = house.bare().password("foo").fingerprint(&other.fingerprint().to_string()).await;
    assert!(matches!(refusal(wrong), HostKeyRefusal::NotTheOne { .. }));
    let right = house.key.public_key().fingerprint().to_string();
    assert!(house.bare().password("foo").fingerprint(&right).await.is_ok());
    // Whatever is said of files, and in whatever order.
    let dir = tempfile::tempdir().unwrap();
    let files = |connect: feramiko::Connect| connect.known_hosts(dir.path().join("known_hosts")).accept_new();
    let wrong = files(house.bare().password("foo").host_key(other.clone())).await;
    assert!(matches!(refusal(wrong), HostKeyRefusal::NotTheOne { .. }));
    let wrong = files(house.bare().password("foo").fingerprint(&other.fingerprint().to_string())).await;
    assert!(matches!(refusal(wrong), HostKeyRefusal::NotTheOne { .. }));
    let nonsense = house.bare().password("foo").fingerprint("MD5:00").await;
    assert!(matches!(nonsense, Err(Error::Key { .. })));
});

scenario!(known_hosts_files_know_learn_and_refuse, |driver| {
    let house = House::open(driver, guests).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("known_hosts");
    let connect = || house.bare().password("foo").known_hosts(&file);
    match refusal(connect().await) {
        HostKeyRefusal::Unknown { host, key, files, .. } => {
            assert_eq!((host.host.as_str(), host.port), ("127.0.0.1", house.address.port()));
            assert_eq!((&key, files), (house.key.public_key(), vec![file.clone()]));
        }
        refusal => panic!("{refusal}"),
    }
    assert!(!file.exists(), "a refusal writes nothing");
    assert!(connect().accept_new().await.is_ok());
    let line = format!("[127.0.0.1]:{} {}\n", house.address.port(), house.key.public_key().to_line(""));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), line);
    assert!(connect().await.is_ok());

    let other = line.replace(&house.key.public_key().to_line(""), &key().public_key().to_line(""));
    std::fs::write(&file, &other).unwrap();
    let changed = refusal(connect().accept_new().await);
    assert!(matches!(&changed, HostKeyRefusal::Changed { known, .. } if known[0].key.line == 1), "{changed}");
    std::fs::write(&file, format!("{line}@revoked * {}\n", house.key.public_key().to_line(""))).unwrap();
    assert!(matches!(refusal(connect().accept_new().await), HostKeyRefusal::Revoked { line: 2, .. }));

    let (asked, answers) = mpsc::channel();
    std::fs::write(&file, "").unwrap();
    let ask = move |question: &HostKeyRefusal| asked.send(question.to_string()).is_err();
    assert!(matches!(refusal(connect().ask_unknown(ask).await), HostKeyRefusal::Declined { .. }));
    assert!(answers.recv().unwrap().contains(&house.key.public_key().fingerprint().to_string()));
});

// What is announced after login is proved, learned and forgotten; and a server that is told not to announces nothing.
scenario!(the_keys_of_a_host_are_learned_and_forgotten_after_login, |driver| {
    let (second, gone) = (feramiko::PrivateKey::generate(feramiko::KeyType::EcdsaP256).unwrap(), key());
    let house = House::open(driver, guests).await;
    let added = second.clone();
    let house = house.restart(driver, |server| server.host_key(added)).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("known_hosts");
    let line =
        |key: &feramiko::PublicKey| format!("[127.0.0.1]:{} {}\n", house.address.port(), key.to_line(""));
    let first = house.key.public_key();
    let before = format!("# mine\n{}{}", line(first), line(gone.public_key()));
    std::fs::write(&file, &before).unwrap();
    let connect = || house.bare().password("foo").known_hosts(&file);

    // With a file of one's own naming, not unless it is said.
    let client = connect().await.unwrap();
    client.command("hello").output().await.unwrap();
    assert_eq!(client.host_key_update().await.unwrap(), None);
    // Whoever is asked sees what would change, and is heard.
    let (asked, questions) = mpsc::channel();
    let no = move |changes: &feramiko::HostKeyChanges| asked.send(changes.clone()).is_err();
    let client = connect().ask_host_key_update(no).await.unwrap();
    client.command("hello").output().await.unwrap();
    assert_eq!(client.host_key_update().await.unwrap(), None);
    let question = questions.recv().unwrap();
    assert_eq!(question.new_keys(), [second.public_key().clone()]);
    assert_eq!(question.obsolete_keys(), [gone.public_key().clone()]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);

    let client = connect().update_host_keys(true).await.unwrap();
    client.command("hello").output().await.unwrap();
    assert_eq!(client.host_key_update().await.unwrap(), Some(question));
    let after = format!("# mine\n{}{}", line(first), line(second.public_key()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), after);
    // Now all is known; and a host that is new is not followed at once.
    let client = connect().update_host_keys(true).await.unwrap();
    client.command("hello").output().await.unwrap();
    assert_eq!(client.host_key_update().await.unwrap(), None);
    std::fs::write(&file, "").unwrap();
    let client = connect().accept_new().update_host_keys(true).await.unwrap();
    client.command("hello").output().await.unwrap();
    assert_eq!(client.host_key_update().await.unwrap(), None);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), line(first));

    let house = house.restart(driver, |server| server.announce_host_keys(false)).await;
    let client = house.bare().password("foo").known_hosts(&file).accept_new().update_host_keys(true);
    let client = client.await.unwrap();
    client.command("hello").output().await.unwrap();
    assert_eq!(client.host_key_update().await.unwrap(), None);
});

scenario!(defect_143_a_key_is_not_proved_twice_nor_without_end, |driver| {
    use feramiko_proto::hostkeys::{PROVE, decode, encode, signed_text};
    let house = House::open(driver, guests).await;
    let client = house.connect().password("foo").await.unwrap();
    let transport = client.transport();
    let key = house.key.public_key();
    let ask = |blobs: &[&[u8]]| transport.global_request(PROVE, &encode(blobs.iter().copied()), true);
    for refused in [&[key.blob(), key.blob()][..], &[b"no key"], &[key.blob(), b"another"]] {
        assert!(matches!(ask(refused).await, Err(Error::RequestRefused(_))));
    }
    let proof = ask(&[key.blob()]).await.unwrap().unwrap();
    let signature = decode(&proof, 1).unwrap()[0];
    let scheme = feramiko::Provider::default().signature("ssh-ed25519").unwrap();
    let text = signed_text(&transport.session_id().unwrap(), key.blob());
    assert!(key.verify(scheme, &text, signature).is_ok());
    let mut granted = 0;
    while ask(&[key.blob()]).await.is_ok() {
        granted += 1;
        assert!(granted < 100, "each costs a signature");
    }
    // The connection goes on.
    assert_eq!(client.command("hello").output().await.unwrap().stdout, b"hello");
});

scenario!(defect_007_a_verifier_that_fails_or_panics_trusts_nobody, |driver| {
    struct Broken(bool);
    impl feramiko::HostKeyVerifier for Broken {
        fn verify(&mut self, _: &feramiko::PublicKey) -> Result<(), Error> {
            assert!(!self.0, "as planned");
            Err(std::io::Error::other("the database is down").into())
        }
    }
    let house = House::open(driver, guests).await;
    let failed = house.bare().password("foo").verifier(Broken(false)).await;
    assert!(matches!(&failed, Err(Error::Io { message, .. }) if message.contains("database")), "{failed:?}");
    let panicked = house.bare().password("foo").verifier(Broken(true)).await;
    assert!(matches!(refusal(panicked), HostKeyRefusal::Declined { .. }));
});

scenario!(another_server_is_reached_through_the_first, |driver| {
    let inner = House::open(driver, async |connection| {
        password_only(&connection).await?;
        run_programs(&connection).await
    })
    .await;
    let target = inner.address;
    let outer = House::open(driver, move |connection| async move {
        password_only(&connection).await?;
        forward(&connection).await
    })
    .await;
    let first = outer.connect().password("foo").await.unwrap();
    let jump = first.jump(target.to_string()).no_config().user("robey").password("foo");
    let second = jump.driver(driver).host_key(inner.key.public_key().clone()).await.unwrap();
    // The first is kept open by the second.
    drop(first);
    assert_eq!(second.command("over two hops").output().await.unwrap().stdout, b"over two hops");
    let refused = house_is_closed(&outer).await;
    assert!(refused, "the deadline and the host key hold behind a jump too");
});

/// Behind a jump to where nobody is, the reason is the server's.
async fn house_is_closed(outer: &House) -> bool {
    let client = outer.connect().password("foo").await.unwrap();
    client.close().await;
    let jump = client.jump("127.0.0.1:1").no_config().user("robey").password("foo").accept_new().await;
    matches!(jump, Err(Error::Connection(_)))
}

#[test]
fn a_name_without_an_address_is_said_to_be_one() {
    let result = Client::connect("robey@does-not-exist.invalid").no_config().password("foo").wait();
    assert!(
        matches!(&result, Err(Error::Lookup { host, .. }) if host == "does-not-exist.invalid"),
        "{result:?}"
    );
}

scenario!(a_host_of_several_keys_is_asked_for_the_one_that_is_known, |driver| {
    let known = feramiko::PrivateKey::generate(feramiko::KeyType::EcdsaP256).unwrap();
    let house = House::open(driver, guests).await;
    let second = known.clone();
    let house = house.restart(driver, |server| server.host_key(second)).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("known_hosts");
    let line = format!("[127.0.0.1]:{} {}\n", house.address.port(), known.public_key().to_line(""));
    std::fs::write(&file, line).unwrap();
    let client = house.bare().password("foo").known_hosts(&file).await.unwrap();
    assert_eq!(client.host_key(), known.public_key());
    // Where nothing is known the first in the order of preference comes.
    let client = house.connect().password("foo").await.unwrap();
    assert_eq!(client.host_key(), house.key.public_key());
});
