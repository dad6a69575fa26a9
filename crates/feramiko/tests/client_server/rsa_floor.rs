//! How long RSA keys must be: hosts', users', authorities', on either side.

use feramiko::certificate::CertificateBuilder;
use feramiko::{
    Certificate, CertificatePolicy, CertifiedKey, PrivateKey, PublicKey, ServerBuilder, ServerConfig,
};

use super::*;

/// A key of 1024 bits.
fn short() -> PrivateKey {
    PrivateKey::load_with_rsa_floor(include_bytes!("../../../keys/tests/data/rsa1024"), None, 1024).unwrap()
}

fn text(error: &Error) -> String {
    error.to_string()
}

/// Lets robey in with that key, or with the password.
async fn know(connection: feramiko::ServerConnection, known: PublicKey) -> Result<(), Error> {
    answer_attempts(&connection, |user, proof| {
        user == "robey"
            && match proof {
                Proof::Key(key) => *key.key() == known,
                Proof::KeyOffer(key) => *key == known,
                Proof::Password(word) => word.matches("foo"),
                _ => false,
            }
    })
    .await?;
    run_programs(&connection).await
}

/// A server that takes keys of 1024 bits, or not.
fn taking(short_ones: bool) -> impl FnOnce(ServerBuilder) -> ServerBuilder {
    move |server| {
        let mut config = ServerConfig::default();
        if short_ones {
            config.common.min_rsa_bits = 1024;
        }
        server.config(config).host_key(key())
    }
}

async fn house(driver: Driver, short_ones: bool) -> House {
    let known = short().public_key().clone();
    let house = House::open(driver, move |connection| know(connection, known.clone())).await;
    house.restart(driver, taking(short_ones)).await
}

scenario!(a_short_key_of_a_user_is_used_only_where_both_sides_have_said_so, |driver| {
    let (careful, old) = (house(driver, false).await, house(driver, true).await);
    let trust = |house: &House| house.bare().verifier(feramiko::AcceptAnyHostKeyInsecurely).key(short());
    for (house, bits, taken) in [(&old, 1024, true), (&old, 2048, false), (&careful, 1024, false)] {
        let client = trust(house).min_rsa_bits(bits).await;
        assert_eq!(client.is_ok(), taken, "{bits}: {client:?}");
        if let Err(Error::Auth(error)) = client
            && bits == 2048
        {
            assert!(error.tried.is_empty() && error.to_string().contains("fewer than 2048 bits"), "{error}");
        }
    }
    // A file that is too short says so.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("id_rsa");
    std::fs::write(&path, include_bytes!("../../../keys/tests/data/rsa1024")).unwrap();
    let with_file =
        |bits| old.bare().verifier(feramiko::AcceptAnyHostKeyInsecurely).min_rsa_bits(bits).key_file(&path);
    assert!(with_file(1024).await.is_ok());
    let refused = with_file(2048).await.unwrap_err();
    assert!(text(&refused).contains("1024") && text(&refused).contains("2048"), "{refused}");
});

scenario!(a_short_key_of_a_host_is_taken_only_where_the_client_has_said_so, |driver| {
    let old = House::open(driver, guests).await;
    let old = old
        .restart(driver, |_| {
            let mut config = ServerConfig::default();
            config.common.min_rsa_bits = 1024;
            Server::builder().config(config).host_key(short())
        })
        .await;
    let connect = || old.bare().password("foo").host_key(short().public_key().clone());
    let refused = connect().await.unwrap_err();
    assert!(matches!(&refused, Error::Connection(_)), "{refused}");
    assert!(connect().min_rsa_bits(1024).await.is_ok());

    // A known key that is too short is not asked for where the host has another.
    let ours = key();
    let both = ours.clone();
    let old = old
        .restart(driver, |_| {
            let mut config = ServerConfig::default();
            config.common.min_rsa_bits = 1024;
            Server::builder().config(config).host_key(short()).host_key(both)
        })
        .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    let line = |key: &PublicKey| format!("[127.0.0.1]:{} {}\n", old.address.port(), key.to_line(""));
    std::fs::write(&file, line(short().public_key()) + &line(ours.public_key())).unwrap();
    let connect = || old.bare().password("foo").known_hosts(&file);
    assert_eq!(connect().await.unwrap().host_key().algorithm(), "ssh-ed25519");
    // And is, where it may be that short and is the only one that is known.
    std::fs::write(&file, line(short().public_key())).unwrap();
    assert_eq!(connect().min_rsa_bits(1024).await.unwrap().host_key().algorithm(), "ssh-rsa");
});

scenario!(short_authorities_and_certified_keys_count_as_short_keys, |driver| {
    let (authority, user) = (short(), key());
    let certificate =
        CertificateBuilder::user(user.public_key()).principal("robey").issue(&authority).unwrap();
    assert!(Certificate::from_blob(certificate.blob()).is_err(), "not where nobody has said so");
    let policy = || CertificatePolicy::new([short().public_key().clone()]);
    let certified = || CertifiedKey::new(user.clone(), certificate.clone()).unwrap();
    for (short_ones, taken) in [(true, true), (false, false)] {
        let house =
            House::open(driver, |connection| async move { answer_attempts(&connection, |_, _| false).await });
        let rules = |server| taking(short_ones)(server).certificates(policy());
        let house = house.await.restart(driver, rules).await;
        let client = house.bare().verifier(feramiko::AcceptAnyHostKeyInsecurely).key(certified()).await;
        assert_eq!(client.is_ok(), taken, "{client:?}");
    }
});

scenario!(sha_1_signs_only_where_it_is_named, |driver| {
    let rsa = PrivateKey::load(include_bytes!("../../../keys/tests/data/rsa"), None).unwrap();
    let known = rsa.public_key().clone();
    let house = House::open(driver, move |connection| know(connection, known.clone())).await;
    // A server that knows nothing better than SHA-1.
    let old = house
        .restart(driver, |_| {
            let user_key = vec!["ssh-rsa".to_owned()];
            let algorithms = feramiko::Algorithms { user_key, ..Default::default() };
            Server::builder().host_key(key()).algorithms(algorithms)
        })
        .await;
    let connect = || old.bare().verifier(feramiko::AcceptAnyHostKeyInsecurely).key(rsa.clone());
    let refused = auth_error(connect().await);
    assert!(!refused.tried.iter().any(|one| one.outcome == Outcome::Success), "{refused}");
    let mut named = feramiko::Algorithms::default();
    named.user_key.push("ssh-rsa".to_owned());
    assert!(connect().algorithms(named).await.is_ok());
});
