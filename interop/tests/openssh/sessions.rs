//! Our client at `sshd`: what runs there, its streams, its terminal, its end.

use feramiko::{Channel, Client, Driver, Terminal, WindowSize};
use feramiko_interop::{Category, Job, KeyType, Offer, Sshd, connect, test_data, test_data_sha256, user_key};

use crate::with_both_drivers;

const MANY: u64 = 4 << 20;

async fn log_in(driver: Driver, sshd: &Sshd) -> Client {
    let job =
        Job { user: sshd.user().to_owned(), ..Job::new(sshd.address()).key(&user_key(KeyType::Ed25519)) };
    connect(&job).driver(driver).await.unwrap()
}

/// Reads until `text` has come.
async fn read_until(channel: &Channel, text: &str) {
    let mut seen = String::new();
    while !seen.contains(text) {
        let piece = channel.read_some(4096).await.unwrap();
        assert!(!piece.is_empty(), "the end came before {text:?}: {seen:?}");
        seen += &String::from_utf8_lossy(&piece);
    }
}

async fn commands_have_statuses_and_two_streams(driver: Driver) {
    let sshd = Sshd::start();
    let client = log_in(driver, &sshd).await;
    for code in [0, 7, 255] {
        let status = client.command(format!("exit {code}")).status().await.unwrap();
        assert_eq!((status.code(), status.signal()), (Some(code), None));
    }
    let output = client.command("echo iron; echo friend >&2; exit 3").output().await.unwrap();
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"iron\n"[..], &b"friend\n"[..]));
    assert_eq!(output.status.code(), Some(3));
    // Words arrive as they are, whatever a shell would make of them.
    let word = "it's $HOME; `id` \\ \"x\"\n*";
    let output = client.command("printf %s").arg(word).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), word);
    let output = client.command("echo $FERAMIKO_NAME").env("FERAMIKO_NAME", "robey").output().await.unwrap();
    assert_eq!(output.stdout, b"robey\n");
    let missing = client.command("no-such-program").output().await.unwrap();
    assert_eq!(missing.status.code(), Some(127));
    client.close().await;
}

async fn signals_end_commands(driver: Driver) {
    let sshd = Sshd::start();
    let client = log_in(driver, &sshd).await;
    let status = client.command("signal TERM").status().await.unwrap();
    assert_eq!((status.signal(), status.code()), (Some("TERM"), None));
    let process = client.command("echo ready; exec sleep 1000").spawn().await.unwrap();
    read_until(process.channel(), "ready").await;
    process.signal("KILL").unwrap();
    assert_eq!(process.wait().await.unwrap().signal(), Some("KILL"));
    client.close().await;
}

async fn the_end_of_input_is_passed_on(driver: Driver) {
    let sshd = Sshd::start();
    let client = log_in(driver, &sshd).await;
    let process = client.command("cat; echo ended").spawn().await.unwrap();
    process.channel().send("iron ").await.unwrap();
    read_until(process.channel(), "iron ").await;
    process.close_stdin().unwrap();
    let output = process.wait_with_output().await.unwrap();
    assert_eq!((output.stdout.as_slice(), output.status.code()), (&b"ended\n"[..], Some(0)));
    // Input, even none at all, ends by itself where it is given as a whole.
    let data = test_data(100_001);
    let output = client.command("cat").stdin(data.clone()).output().await.unwrap();
    assert!(output.stdout == data, "{} bytes of {} came back", output.stdout.len(), data.len());
    let output = client.command("sink").output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("0 {}\n", test_data_sha256(0)));
    client.close().await;
}

/// A command that does not want its input ends all the same, and its status is told.
async fn unwanted_input_holds_nothing_up(driver: Driver) {
    let sshd = Sshd::start();
    let client = log_in(driver, &sshd).await;
    let output = client.command("exit 5").stdin(test_data(8 << 20)).output().await.unwrap();
    assert_eq!(output.status.code(), Some(5));
    client.close().await;
}

/// Whoever reads one stream to its end before the other waits for ever.
async fn megabytes_on_stderr_first_do_not_hang(driver: Driver) {
    let sshd = Sshd::builder().data(4 << 20).start();
    let client = log_in(driver, &sshd).await;
    let output = client.command(format!("errors {MANY}; echo done")).output().await.unwrap();
    assert_eq!(output.stdout, b"done\n");
    assert!(output.stderr == test_data(4 << 20), "{} bytes of {MANY}", output.stderr.len());
    let status = client.command(format!("errors {MANY}; exit 9")).status().await.unwrap();
    assert_eq!(status.code(), Some(9));
    client.close().await;
}

async fn terminals_have_a_size_and_get_new_ones(driver: Driver) {
    let sshd = Sshd::start();
    let client = log_in(driver, &sshd).await;
    // Every signal interrupts a `read`.
    let script =
        "trap 'stty size' WINCH; echo $TERM; stty size; until read line; do :; done; echo got $line; tty -s";
    let process = client.command(script).pty(Terminal::new("vt220").size(90, 20)).spawn().await.unwrap();
    read_until(process.channel(), "vt220\r\n20 90\r\n").await;
    process.resize(WindowSize { columns: 70, rows: 15, width: 0, height: 0 }).unwrap();
    read_until(process.channel(), "15 70\r\n").await;
    process.channel().send("friend\n").await.unwrap();
    read_until(process.channel(), "got friend\r\n").await;
    assert_eq!(process.wait().await.unwrap().code(), Some(0));
    client.close().await;
}

async fn shells_and_subsystems(driver: Driver) {
    let sshd = Sshd::start();
    let client = log_in(driver, &sshd).await;
    let output = client.shell().stdin("echo iron; exit 4\n").output().await.unwrap();
    assert_eq!((output.stdout.as_slice(), output.status.code()), (&b"iron\n"[..], Some(4)));
    // SSH_FXP_INIT of version 3, answered by SSH_FXP_VERSION.
    let sftp = client.subsystem("sftp").spawn().await.unwrap();
    sftp.channel().send(vec![0, 0, 0, 5, 1, 0, 0, 0, 3]).await.unwrap();
    let answer = sftp.channel().read_some(4096).await.unwrap();
    assert_eq!(answer.get(4..9), Some(&[2, 0, 0, 0, 3][..]));
    assert!(client.subsystem("no-such").spawn().await.is_err());
    client.close().await;
}

/// What goes over the wire is smaller than what was said.
async fn compression_compresses(driver: Driver) {
    let sshd = Sshd::builder().set("Compression", "yes").start();
    let job = Job {
        user: sshd.user().to_owned(),
        offer: Offer::only(Category::Compression, "zlib@openssh.com"),
        ..Job::new(sshd.address()).key(&user_key(KeyType::Ed25519))
    };
    let client = connect(&job).driver(driver).await.unwrap();
    let data = test_data(4 << 20);
    let output = client.command("cat").stdin(data.clone()).output().await.unwrap();
    assert!(output.stdout == data, "{} bytes of {} came back", output.stdout.len(), data.len());
    let traffic = client.transport().traffic();
    assert!(traffic.sent < MANY / 4 && traffic.received < MANY / 4, "{traffic:?}");
    client.close().await;
}

with_both_drivers!(
    commands_have_statuses_and_two_streams,
    signals_end_commands,
    the_end_of_input_is_passed_on,
    unwanted_input_holds_nothing_up,
    megabytes_on_stderr_first_do_not_hang,
    terminals_have_a_size_and_get_new_ones,
    shells_and_subsystems,
    compression_compresses,
);
