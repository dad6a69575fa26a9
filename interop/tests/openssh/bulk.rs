//! 256 MiB each way at once, while keys are exchanged after every mebibyte.

use std::fs;
use std::io::{Read, Write};
use std::process::Command;

use feramiko::{Driver, Pending};
use feramiko_interop::{
    Digest, Job, KeyType, OurServer, ServerSpec, Ssh, Sshd, connect, run, test_data, test_data_sha256,
    user_key,
};

use crate::runtime;

const SIZE: usize = 256 << 20;
const MEBIBYTE: u64 = 1 << 20;
/// A transfer of 256 MiB each way has at least 256 reasons to exchange keys. While an exchange goes on, data that was
/// on its way already arrives too: not every mebibyte finds the side that counts idle.
const EXCHANGES: u64 = 100;

/// Our client sends and receives at the same time, each from a thread.
async fn through_sshd(driver: Driver, sshd: &Sshd, rekey_bytes: Option<u64>) -> u64 {
    let job = Job {
        user: sshd.user().to_owned(),
        rekey_bytes,
        ..Job::new(sshd.address()).key(&user_key(KeyType::Ed25519))
    };
    let client = connect(&job).driver(driver).await.unwrap();
    let process = client.command("cat").spawn().await.unwrap();
    let data = test_data(SIZE);
    let received = std::thread::scope(|scope| {
        scope.spawn(|| {
            process.channel().write_all(&data).unwrap();
            process.close_stdin().unwrap();
        });
        let mut digest = Digest::default();
        let mut buffer = vec![0; 256 << 10];
        while let count @ 1.. = process.channel().read(&mut buffer).unwrap() {
            digest.update(&buffer[..count]);
        }
        digest.finish()
    });
    assert_eq!(received, (SIZE as u64, test_data_sha256(SIZE as u64)));
    assert_eq!(process.wait().await.unwrap().code(), Some(0));
    let negotiated = client.transport().negotiated().unwrap();
    client.close().await;
    negotiated.exchanges
}

#[test]
fn our_client_while_sshd_rekeys() {
    let sshd = Sshd::builder().set("RekeyLimit", "1M").start();
    let exchanges = runtime().block_on(through_sshd(Driver::Tokio, &sshd, None));
    println!("{exchanges} key exchanges");
    assert!(exchanges > EXCHANGES, "{exchanges} key exchanges");
}

#[test]
fn our_client_rekeys_at_sshd() {
    let sshd = Sshd::start();
    let exchanges =
        Pending::new(async move { through_sshd(Driver::Thread, &sshd, Some(MEBIBYTE)).await }).wait();
    println!("{exchanges} key exchanges");
    assert!(exchanges > EXCHANGES, "{exchanges} key exchanges");
}

/// `ssh` with quick algorithms: by default it spends a tenth of a second of its own on the key pair for each exchange,
/// and debug builds of ours are slow with its favourite cipher.
fn ssh_to(server: &OurServer) -> Ssh {
    let ssh = Ssh::to(server.address()).key(&user_key(KeyType::Ed25519));
    ssh.option("Ciphers", "aes128-gcm@openssh.com").option("KexAlgorithms", "curve25519-sha256")
}

/// `ssh` between a file and a digest.
fn through_ssh(server: &OurServer, ssh: &Ssh) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("data");
    fs::write(&file, test_data(SIZE)).unwrap();
    let line = format!("{} < {} | sha256sum", ssh.shell_line("cat"), file.display());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &line]);
    let digest = run(shell, b"").expect_success("ssh and sha256sum").text();
    assert_eq!(digest.split(' ').next(), Some(test_data_sha256(SIZE as u64).as_str()), "{}", ssh.log());
    let (ours, theirs) = (server.last().exchanges, ssh.key_exchanges());
    println!("{ours} key exchanges by our count, {theirs} by that of ssh");
    assert!(ours > EXCHANGES && theirs > EXCHANGES, "{ours} and {theirs}: {:?}", server.last());
}

#[test]
fn our_server_while_ssh_rekeys() {
    let runtime = runtime();
    let server = runtime.block_on(OurServer::start_with(ServerSpec::default(), Driver::Tokio));
    through_ssh(&server, &ssh_to(&server).option("RekeyLimit", "1M"));
}

#[test]
fn our_server_rekeys_at_ssh() {
    let server = OurServer::start(&ServerSpec { rekey_bytes: Some(MEBIBYTE), ..ServerSpec::default() });
    through_ssh(&server, &ssh_to(&server));
}
