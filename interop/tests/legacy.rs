//! Old machines: dropbear in both roles, PuTTY for what only it still has, and keys of 1024 bits.

use std::process::Command;

use feramiko::{Driver, Pending};
use feramiko_interop::{
    Category, Dropbear, Job, KeyType, Offer, OurServer, PASSWORD, ServerSpec, USER, dbclient, host_key,
    names, our_client, program, public_key, run, test_data,
};

/// What dropbear 2022.83 of Debian 12 has of what we have. The rest of our names it does not have; they are printed.
const DROPBEAR: [(Category, &[&str]); 6] = [
    (
        Category::Kex,
        &[
            "curve25519-sha256",
            "curve25519-sha256@libssh.org",
            "ecdh-sha2-nistp521",
            "ecdh-sha2-nistp384",
            "ecdh-sha2-nistp256",
            "diffie-hellman-group14-sha256",
            "diffie-hellman-group14-sha1",
        ],
    ),
    (Category::HostKey, &["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256", "ssh-rsa"]),
    (Category::UserKey, &["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256", "ssh-rsa"]),
    (Category::Cipher, &["chacha20-poly1305@openssh.com", "aes128-ctr", "aes256-ctr"]),
    (Category::Mac, &["hmac-sha1", "hmac-sha2-256"]),
    (Category::Compression, &["none", "zlib@openssh.com"]),
];

fn cells() -> impl Iterator<Item = (Category, &'static str)> {
    DROPBEAR.into_iter().flat_map(|(category, names)| names.iter().map(move |name| (category, *name)))
}

#[test]
fn our_client_at_dropbear() {
    let dropbear = Dropbear::start();
    for (category, known) in DROPBEAR {
        let missing: Vec<_> = names(category).iter().filter(|name| !known.contains(name)).collect();
        println!("dropbear 2022.83 has no {}: {missing:?}", category.title());
    }
    for (category, name) in cells() {
        let job = Job::forcing(dropbear.address(), category, name);
        let outcome = Pending::new(async move { our_client(Driver::Thread, &job).await }).wait();
        assert_eq!(outcome.check(category, name, "hello\n"), Ok(()), "{name}");
    }
}

#[test]
fn dropbear_at_our_server() {
    for (category, name) in cells() {
        let server =
            OurServer::start(&ServerSpec { offer: Offer::only(category, name), ..ServerSpec::default() });
        let kind =
            if category == Category::UserKey { KeyType::for_algorithm(name) } else { KeyType::Ed25519 };
        let data = test_data(40_000);
        let finished = dbclient(server.address(), kind, &[], "cat", &data).expect_success(name);
        assert!(finished.stdout == data, "{name}: other bytes came back");
        let seen = server.last();
        let used = match category {
            Category::UserKey => seen.key_algorithm.as_deref().unwrap_or_default(),
            _ => seen.negotiated.get(category),
        };
        assert_eq!(used, name);
    }
}

/// Of all clients only PuTTY has blowfish-ctr, and puts it below the line of what it uses without a warning.
#[test]
fn plink_at_our_server_with_blowfish() {
    let home = tempfile::tempdir().unwrap();
    let sessions = home.path().join(".putty/sessions");
    std::fs::create_dir_all(&sessions).unwrap();
    std::fs::write(
        sessions.join("old"),
        "AuthKI=0\nCipher=blowfish,3des,aes,chacha20,aesgcm,WARN,des,arcfour\n",
    )
    .unwrap();
    let fingerprint = public_key(&host_key(KeyType::Ed25519).public).fingerprint().to_string();
    for cipher in ["blowfish-ctr", "blowfish-cbc", "3des-cbc"] {
        let offer = Offer::only(Category::Cipher, cipher).with(Category::HostKey, &["ssh-ed25519"]);
        let server = OurServer::start(&ServerSpec { offer, ..ServerSpec::default() });
        let mut plink = Command::new(program("plink"));
        plink.args([
            "-load",
            "old",
            "-batch",
            "-ssh",
            "-noagent",
            "-P",
            &server.address().port().to_string(),
        ]);
        plink.args(["-l", USER, "-pw", PASSWORD, "-hostkey", &fingerprint, "127.0.0.1", "cat"]);
        plink.env("HOME", home.path()).env_remove("SSH_AUTH_SOCK");
        let data = test_data(40_000);
        let finished = run(plink, &data).expect_success("plink");
        assert!(finished.stdout == data, "{cipher}: other bytes came back");
        assert_eq!(server.last().negotiated.cipher, cipher);
    }
}
