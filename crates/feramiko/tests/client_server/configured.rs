//! `Client::connect` with a configuration: names that stand for others, jumps, proxies, and what is read when.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use feramiko::config::SshConfig;
use feramiko::{Client, Connect, Error, HostKeyRefusal, Proof, ServerConnection};
use tempfile::TempDir;

use crate::house::*;

/// Lets robey in with that key.
async fn key_only(connection: &ServerConnection, guest: &feramiko::PublicKey) -> Result<(), Error> {
    while let Some(attempt) = connection.next_auth().await? {
        let known = match attempt.proof() {
            Proof::Key(key) => key.key() == guest,
            Proof::KeyOffer(key) => key == guest,
            _ => false,
        };
        if known && attempt.user() == "robey" { attempt.accept()? } else { attempt.reject()? }
    }
    Ok(())
}

/// Two hosts, the second behind the first, a user with a key for both, and a folder for their files.
struct World {
    bastion: House,
    inner: House,
    folder: TempDir,
}

impl World {
    async fn new(driver: Driver) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let guest = key();
        guest.write_file(folder.path().join("id"), "", None).unwrap();
        let guest = guest.public_key().clone();
        let (first, second) = (guest.clone(), guest);
        let bastion = House::open(driver, move |connection| {
            let guest = first.clone();
            async move {
                key_only(&connection, &guest).await?;
                forward(&connection).await
            }
        });
        let inner = House::open(driver, move |connection| {
            let guest = second.clone();
            async move {
                key_only(&connection, &guest).await?;
                run_programs(&connection).await
            }
        });
        Self { bastion: bastion.await, inner: inner.await, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Both by names that only the configuration knows; `more` comes first.
    fn config(&self, more: &str) -> PathBuf {
        let known =
            |house: &House, name: &str| format!("{name} {}\n", house.key.public_key().to_line("").trim());
        let lines = known(&self.bastion, "bastion-key") + &known(&self.inner, "inner-key");
        fs::write(self.path("known_hosts"), lines).unwrap();
        let text = format!(
            "{more}\n\
             Host bastion\n HostName 127.0.0.1\n Port {}\n HostKeyAlias bastion-key\n\
             Host inner\n HostName localhost\n Port {}\n HostKeyAlias inner-key\n\
             Host *\n User robey\n IdentityFile {}\n IdentityAgent none\n\
             UserKnownHostsFile {}\n GlobalKnownHostsFile none\n",
            self.bastion.address.port(),
            self.inner.address.port(),
            self.path("id"),
            self.path("known_hosts"),
        );
        let path = self.folder.path().join("config");
        fs::write(&path, text).unwrap();
        path
    }

    fn connect(&self, alias: &str, more: &str, driver: Driver) -> Connect {
        Client::connect(alias).config_file(self.config(more)).driver(driver)
    }
}

async fn greets(client: &Client) -> bool {
    client.command("echo hello").output().await.unwrap().stdout == b"echo hello"
}

scenario!(a_name_is_all_that_has_to_be_said, |driver| {
    let world = World::new(driver).await;
    let client = world.connect("inner", "", driver).await.unwrap();
    assert_eq!(client.user(), "robey");
    assert!(greets(&client).await);
    // What is said in code counts before the file.
    let stranger = world.connect("inner", "", driver).user("ada").await;
    assert!(matches!(&stranger, Err(Error::Auth(error)) if error.user == "ada"), "{stranger:?}");
    let elsewhere = world.connect("inner:1", "", driver).await;
    assert!(matches!(elsewhere, Err(Error::Connect(_))), "{elsewhere:?}");
    let pinned = world.connect("inner", "", driver).host_key(key().public_key().clone()).await;
    assert!(matches!(pinned, Err(Error::HostKey(_))), "{pinned:?}");
});

scenario!(hops_have_names_and_configurations_of_their_own, |driver| {
    let world = World::new(driver).await;
    let hops = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&hops);
    let connect = world.connect("inner", "Host inner\n ProxyJump bastion\n", driver);
    let client = connect
        .each_hop(move |connect, host| {
            seen.lock().unwrap().push((host.alias().to_owned(), host.port()));
            connect
        })
        .await
        .unwrap();
    assert!(greets(&client).await);
    assert_eq!(*hops.lock().unwrap(), [("bastion".to_owned(), world.bastion.address.port())]);
    // The bastion by way of itself, twice: each hop goes through those before it.
    let again = world.connect("inner", "Host inner\n ProxyJump bastion,robey@bastion\n", driver).await;
    match again {
        Err(Error::Jump { error, .. }) => assert!(matches!(*error, Error::SshConfig(_)), "{error:?}"),
        again => panic!("{again:?}"),
    }
    // A hop that has another key than the one known for its name.
    let lines = fs::read_to_string(world.path("known_hosts")).unwrap();
    let config = world.config("Host inner\n ProxyJump bastion\n");
    fs::write(
        world.path("known_hosts"),
        lines.replace("bastion-key", "other").replace("inner-key", "bastion-key"),
    )
    .unwrap();
    match Client::connect("inner").config_file(config).driver(driver).await {
        Err(Error::Jump { host, error }) => {
            assert_eq!((host.host.as_str(), host.port), ("127.0.0.1", world.bastion.address.port()));
            let Error::HostKey(refusal) = *error else { panic!("{error:?}") };
            // By the name that known_hosts has.
            let HostKeyRefusal::Changed { host, .. } = *refusal else { panic!("{refusal}") };
            assert_eq!(host.to_string(), "bastion-key");
        }
        other => panic!("{other:?}"),
    }
});

scenario!(a_way_that_leads_in_a_circle_is_refused, |driver| {
    let world = World::new(driver).await;
    let config = "Host a\n ProxyJump b\nHost b\n ProxyJump a\nHost a b\n HostName 127.0.0.1\nHost a\n Port 1\nHost b\n Port 2\n";
    let round = world.connect("a", config, driver).await;
    match round {
        Err(Error::Jump { error, .. }) => assert!(matches!(*error, Error::SshConfig(_)), "{error:?}"),
        round => panic!("{round:?}"),
    }
    let itself = world.connect("inner", "ProxyJump inner\n", driver).await;
    assert!(matches!(&itself, Err(Error::SshConfig(_))), "{itself:?}");
});

// The relay is in Python, which is not everywhere. On Windows see `platform` and `the_pipes_of_a_child`.
#[cfg(unix)]
scenario!(a_proxy_command_is_a_line_too, |driver| {
    let world = World::new(driver).await;
    // A relay of some lines, since nc is not everywhere.
    let relay = world.path("relay.py");
    fs::write(
        &relay,
        "import socket, sys, threading, os\n\
         s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n\
         print(*sys.argv[1:], file=open(os.path.join(os.path.dirname(sys.argv[0]), 'said'), 'w'), flush=True)\n\
         def up():\n    while d := os.read(0, 65536): s.sendall(d)\n    s.shutdown(1)\n\
         threading.Thread(target=up, daemon=True).start()\n\
         while d := s.recv(65536): os.write(1, d)\n",
    )
    .unwrap();
    let proxy = format!("ProxyCommand python3 {relay} %h %p %n %r\n");
    let client = world.connect("inner", &proxy, driver).await.unwrap();
    assert!(greets(&client).await);
    let said = fs::read_to_string(world.path("said")).unwrap();
    assert_eq!(said, format!("localhost {} inner robey\n", world.inner.address.port()));
    client.close().await;
    let none = world.connect("inner", &format!("ProxyCommand none\n{proxy}"), driver).await.unwrap();
    assert!(greets(&none).await);
    let gone = world.connect("inner", "ProxyCommand exit 1\n", driver).await;
    assert!(matches!(&gone, Err(Error::Connection(_) | Error::Io { .. })), "{gone:?}");
});

#[test]
fn what_could_not_be_safe_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    for (text, expected) in [
        ("ProxyUseFdpass yes\n", "proxyusefdpass"),
        ("RequiredRSASize 8193\n", "requiredrsasize: RSA keys have at most 8192 bits here"),
        ("CASignatureAlgorithms ssh-rsa\n", "casignaturealgorithms: none of its algorithms is built in"),
        ("BindInterface lo\n", "bindinterface"),
        ("Ciphers rijndael-cbc@lysator.liu.se\n", "ciphers: none of its algorithms is built in"),
        ("Nonsense yes\n", "line 1: there is no keyword"),
    ] {
        fs::write(&path, text).unwrap();
        let refused = Client::connect("robey@127.0.0.1:1").config_file(&path).wait();
        assert!(
            matches!(&refused, Err(Error::SshConfig(error)) if error.to_string().contains(expected)),
            "{refused:?}"
        );
    }
    let missing = Client::connect("robey@127.0.0.1:1").config_file(folder.path().join("none")).wait();
    assert!(matches!(missing, Err(Error::SshConfig(_))), "{missing:?}");
}

#[test]
fn defect_130_no_command_is_run_for_a_name_that_no_host_has() {
    let folder = tempfile::tempdir().unwrap();
    let (path, proof) = (folder.path().join("config"), folder.path().join("proof"));
    let proof = proof.display();
    fs::write(&path, format!("Match exec \"touch {proof} %h %r\"\nProxyCommand touch {proof} %h %r\n"))
        .unwrap();
    for name in
        ["$(touch x)", "a;touch x", "`id`", "-oProxyCommand=x", "ro$(id)bey@host", "-x@host", "a|b@host"]
    {
        assert!(Client::connect(name).config_file(&path).wait().is_err(), "{name}");
        let config = SshConfig::file(&path).option(format!("HostName=\"{name}\"")).resolve("host");
        assert!(config.is_err(), "HostName {name}");
        let user = Client::connect("host").user(name).config_file(&path).wait();
        assert!(name.contains('@') || user.is_err(), "user {name}");
    }
    // A word of the configuration is its author's; a name that comes from elsewhere is not.
    let jump = SshConfig::empty().option("ProxyJump=a;b").resolve("host");
    assert!(jump.is_err(), "{jump:?}");
    assert!(!folder.path().join("proof").exists(), "something was run");
}

#[test]
fn with_a_key_to_expect_and_something_to_log_in_with_no_file_is_needed() {
    let driver = Driver::Thread;
    let house = feramiko::Pending::new(House::open(driver, async |connection| {
        password_only(&connection).await?;
        run_programs(&connection).await
    }))
    .wait();
    // Whatever the files of whoever runs this test say: the port and the user are those of the address.
    let pinned = Client::connect(format!("robey@{}", house.address)).host_key(house.key.public_key().clone());
    let client = pinned.password("foo").wait().unwrap();
    assert_eq!(client.user(), "robey");
}
