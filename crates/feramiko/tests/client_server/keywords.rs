//! What keywords of ssh_config(5) say about host keys, with `Client::connect`.

use std::path::PathBuf;

use feramiko::certificate::{CertificateBuilder, CertificateError};
use feramiko::config::SshConfig;
use feramiko::{CertifiedKey, Connect, PrivateKey, PublicKey, SshfpRecord, SshfpVerdict};

use super::*;

/// A folder with a known_hosts file, and the options that lead there.
struct Files(tempfile::TempDir);

impl Files {
    fn new(house: &House, marker: &str, key: &PublicKey) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        let line = format!("{marker}[127.0.0.1]:{} {}\n", house.address.port(), key.to_line(""));
        std::fs::write(files.path("known_hosts"), line).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn connect(&self, house: &House, options: &[&str]) -> Connect {
        let known = self.path("known_hosts");
        let mut config = SshConfig::empty()
            .option(format!("UserKnownHostsFile={}", known.display()))
            .option("GlobalKnownHostsFile=none")
            .option("IdentityAgent=none")
            .option("IdentityFile=none");
        for option in options {
            config = config.option(*option);
        }
        house.bare().ssh_config(config).password("foo")
    }
}

scenario!(what_revoked_host_keys_lists_is_refused, |driver| {
    let house = House::open(driver, guests).await;
    let files = Files::new(&house, "", house.key.public_key());
    let list = files.path("revoked");
    let option = format!("RevokedHostKeys={}", list.display());
    std::fs::write(&list, key().public_key().to_line("somebody else's")).unwrap();
    assert!(files.connect(&house, &[&option]).await.is_ok());
    std::fs::write(&list, house.key.public_key().to_line("stolen")).unwrap();
    let refused = refusal(files.connect(&house, &[&option]).await);
    assert!(matches!(refused, HostKeyRefusal::OnList { .. }), "{refused}");
    // A pinned key is refused too, and without the list nobody is trusted.
    let pinned = files.connect(&house, &[&option]).host_key(house.key.public_key().clone());
    assert!(matches!(refusal(pinned.await), HostKeyRefusal::OnList { .. }));
    for damage in [Some("neither a key\n"), None] {
        match damage {
            Some(text) => std::fs::write(&list, text).unwrap(),
            None => std::fs::remove_file(&list).unwrap(),
        }
        let refused = files.connect(&house, &[&option]).await;
        assert!(matches!(&refused, Err(Error::Key { path: Some(path), .. }) if *path == list), "{refused:?}");
    }
    assert!(files.connect(&house, &["RevokedHostKeys=none"]).await.is_ok());
});

scenario!(authorities_sign_with_what_casignaturealgorithms_names, |driver| {
    let authority = key();
    let house = House::open(driver, guests).await;
    let host = house.key.clone();
    let builder = CertificateBuilder::host(host.public_key()).principal("127.0.0.1");
    let certificate = builder.valid_for(Duration::from_secs(3600)).issue(&authority).unwrap();
    let house = house
        .restart(driver, |_| Server::builder().host_key(CertifiedKey::new(host, certificate).unwrap()))
        .await;
    let files = Files::new(&house, "@cert-authority ", authority.public_key());
    for taken in ["CASignatureAlgorithms=ssh-ed25519", "CASignatureAlgorithms=-rsa*", "Port=22"] {
        let client = files.connect(&house, &[taken]).await;
        assert!(client.is_ok(), "{taken}: {client:?}");
    }
    for refused in ["CASignatureAlgorithms=rsa-sha2-512", "CASignatureAlgorithms=-ssh-ed25519"] {
        match refusal(files.connect(&house, &[refused]).await) {
            HostKeyRefusal::Certificate { problem, .. } => {
                assert_eq!(problem, CertificateError::AuthorityAlgorithm { algorithm: "ssh-ed25519" });
            }
            other => panic!("{refused}: {other}"),
        }
    }
});

scenario!(required_rsa_size_is_the_floor, |driver| {
    let house = House::open(driver, guests).await;
    let house = house
        .restart(driver, |_| {
            let rsa = PrivateKey::load(include_bytes!("../../../keys/tests/data/rsa"), None).unwrap();
            Server::builder().host_key(rsa)
        })
        .await;
    let rsa = PrivateKey::load(include_bytes!("../../../keys/tests/data/rsa"), None).unwrap();
    let files = Files::new(&house, "", rsa.public_key());
    let bits = rsa.public_key().bits();
    assert!(files.connect(&house, &[]).await.is_ok());
    assert!(files.connect(&house, &[&format!("RequiredRSASize={bits}")]).await.is_ok());
    let more = format!("RequiredRSASize={}", bits + 1);
    assert!(matches!(files.connect(&house, &[&more]).await, Err(Error::Connection(_))));
    // What is said in code counts before it.
    assert!(files.connect(&house, &[&more]).min_rsa_bits(1024).await.is_ok());
});

scenario!(whoever_answers_on_this_machine_is_trusted_where_that_is_said, |driver| {
    let house = House::open(driver, guests).await;
    let files = Files::new(&house, "", key().public_key());
    const OPTION: &str = "NoHostAuthenticationForLocalhost=yes";
    assert!(matches!(refusal(files.connect(&house, &[]).await), HostKeyRefusal::Changed { .. }));
    let before = std::fs::read(files.path("known_hosts")).unwrap();
    assert!(files.connect(&house, &[OPTION, "UpdateHostKeys=yes"]).await.is_ok());
    assert_eq!(std::fs::read(files.path("known_hosts")).unwrap(), before, "nothing is learned by that");
    let named = files.connect(&house, &[OPTION, "HostKeyAlias=here"]).await;
    assert!(matches!(refusal(named), HostKeyRefusal::Unknown { .. }));
});

scenario!(the_dns_is_asked_where_the_configuration_says_so, |driver| {
    let house = House::open(driver, guests).await;
    let files = Files::new(&house, "", key().public_key());
    std::fs::write(files.path("known_hosts"), "").unwrap();
    let at = std::net::SocketAddr::from(([127, 0, 0, 1], house.address.port()));
    let connect = |option: &str, secure: bool| {
        let record = SshfpRecord { secure, ..SshfpRecord::of(house.key.public_key(), 2).unwrap() };
        let connect = files.connect(&house, &[option, "HostName=localhost", "AddressFamily=inet"]);
        connect.port(at.port()).sshfp_records(move |name| {
            assert_eq!(name, "localhost");
            Ok(vec![record.clone()])
        })
    };
    assert!(connect("VerifyHostKeyDNS=yes", true).await.is_ok());
    for (option, secure) in
        [("VerifyHostKeyDNS=yes", false), ("VerifyHostKeyDNS=ask", true), ("VerifyHostKeyDNS=no", true)]
    {
        match refusal(connect(option, secure).await) {
            HostKeyRefusal::Unknown { dns, .. } => match option {
                "VerifyHostKeyDNS=no" => assert_eq!(dns, SshfpVerdict::NoRecords),
                _ => assert_eq!(dns, SshfpVerdict::Matching { secure }),
            },
            other => panic!("{other}"),
        }
    }
});
