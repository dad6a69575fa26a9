//! Agents that do not answer, or not as agents do; and what a server may open.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use feramiko_keys::agent::{AgentReply, Identity};
use feramiko_keys::{KeyType, PrivateKey};
use feramiko_proto::{OpenFailure, Request};

use super::*;
use crate::{Client, Driver, Error, Outcome, Program, Proof, Server, ServerConnection, Signer, Socket};

fn key() -> PrivateKey {
    PrivateKey::generate(KeyType::Ed25519).unwrap()
}

/// An agent that takes one request and sends these bytes.
fn saying(bytes: &'static [u8]) -> Agent {
    let (near, mut far) = UnixStream::pair().unwrap();
    std::thread::spawn(move || {
        let mut header = [0; 4];
        far.read_exact(&mut header).unwrap();
        let mut request = vec![0; u32::from_be_bytes(header) as usize];
        far.read_exact(&mut request).unwrap();
        // It may have hung up.
        let _ = far.write_all(bytes);
        let _ = far.read(&mut header);
    });
    Agent::over(near).unwrap()
}

fn agent_error<T: std::fmt::Debug>(result: Result<T, Error>) -> AgentError {
    match result {
        Err(Error::Agent(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn defect_051_an_answer_of_more_than_256_kib_is_not_received() {
    for header in [b"\0\x04\0\x01", b"\xff\xff\xff\xff", b"\0\0\0\0"] {
        let error = agent_error(saying(header).list().wait());
        assert!(matches!(error, AgentError::Nonsense { .. }), "{error:?}");
    }
}

#[test]
fn defect_051_a_request_of_more_than_256_kib_ends_the_connection() {
    let socket = AgentSocket::serve_somewhere(&AgentServer::new()).unwrap();
    let mut stream = UnixStream::connect(socket.path()).unwrap();
    stream.write_all(b"\0\x04\0\x01\x0b").unwrap();
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap_or(0), 0, "no answer");
    let agent = Agent::connect_to(socket.path()).wait().unwrap();
    assert!(agent.list().wait().unwrap().is_empty(), "others are answered all the same");
}

#[test]
fn answers_that_make_no_sense_end_the_line() {
    for bytes in [&b"\0\0\0\x01\x63"[..], b"\0\0\0\x01\x06", b"\0\0\0\x05\x0c\0\0\0\x01", b"\0\0\0\x02\x0e\0"]
    {
        let agent = saying(bytes);
        assert!(matches!(agent_error(agent.list().wait()), AgentError::Nonsense { .. }), "{bytes:?}");
        assert!(matches!(agent_error(agent.list().wait()), AgentError::Lost(_)), "{bytes:?}");
    }
}

#[test]
fn keys_of_unknown_types_are_listed_and_left_out() {
    let identity = Identity { key: b"\0\0\0\x08tomorrowKEY", comment: b"\x1b[31mred" };
    let reply = AgentReply::Identities(vec![identity]).encode();
    let length = u32::try_from(reply.len()).unwrap().to_be_bytes();
    let reply: &'static [u8] = [&length, &reply[..]].concat().leak();
    let listed = saying(reply).list().wait().unwrap();
    assert_eq!(listed.len(), 1);
    assert!(!listed[0].comment.contains('\x1b'), "{:?}", listed[0].comment);
    assert!(saying(reply).identities().wait().unwrap().is_empty());
}

#[test]
fn a_signature_by_another_algorithm_is_none() {
    let server = AgentServer::new();
    let key = key();
    server.add(key.clone(), "", Constraints::default()).unwrap();
    let found = server.agent().identities().wait().unwrap().remove(0);
    assert!(found.sign("ssh-ed25519", b"message").is_ok());
    // As an agent does that knows nothing of SHA-2.
    assert!(found.sign("rsa-sha2-512", b"message").is_err());
}

/// A server that takes the password "foo", and then does that.
fn server_that(
    then: impl FnOnce(&ServerConnection) -> Result<(), Error> + Send + 'static,
) -> (Socket, PrivateKey, std::thread::JoinHandle<Result<(), Error>>) {
    let host_key = key();
    let (near, far) = Socket::pipe();
    let connection = Server::builder().host_key(host_key.clone()).accept_over(far).unwrap();
    let work = move || {
        while let Some(attempt) = connection.next_auth().wait()? {
            match attempt.proof() {
                Proof::Password(word) if word.matches("foo") => attempt.accept()?,
                _ => attempt.reject()?,
            }
        }
        then(&connection)
    };
    (near, host_key, std::thread::spawn(work))
}

#[test]
fn an_agent_that_hangs_does_not_hang_a_login() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    // Connections are made, and nobody takes them.
    let _listener = UnixListener::bind(&path).unwrap();
    let hanging = AgentSource::by(move || {
        let limit = Duration::from_millis(50);
        Ok(Agent::connect_to(&path).wait()?.with_patience(limit, limit))
    });
    let error = agent_error(hanging.connect().wait().unwrap().list().wait());
    assert!(matches!(error, AgentError::TimedOut { .. }), "{error:?}");

    let (near, host_key, server) = server_that(|connection| {
        // It stays until the client goes.
        while connection.next_session().wait()?.is_some() {}
        Ok(())
    });
    let connect = Client::connect_over(near, "robey@pipe").host_key(host_key.public_key().clone());
    let client = connect.agent_at(hanging).password("foo").wait().unwrap();
    assert_eq!(client.login_steps().last().unwrap().outcome, Outcome::Success);
    client.close().wait();
    // The client may have gone before the server has looked at its login: that is an error there.
    drop(server.join().unwrap());
}

fn refused(result: Result<crate::Channel, Error>) -> bool {
    matches!(result, Err(Error::Open(failure)) if failure.reason == OpenFailure::PROHIBITED)
}

#[test]
fn defect_091_a_server_opens_no_agent_and_no_x11_that_it_was_not_asked_for() {
    let (pulling, pulled) = std::sync::mpsc::channel();
    let (near, host_key, server) = server_that(move |connection| {
        let transport = connection.transport();
        for kind in ["auth-agent@openssh.com", "agent-connect", "x11"] {
            assert!(refused(transport.open_channel(kind, b"").wait()), "{kind}");
        }
        // Others are for whoever pulls channels.
        pulled.recv().unwrap();
        transport.open_channel("whatever", b"").wait()?;
        let session = connection.next_session().wait()?.unwrap();
        let start = session.program().wait()?.unwrap();
        // Now it was asked for the one, and still not for the other.
        let keys = start.agent().unwrap().connect().wait()?.identities().wait()?;
        assert_eq!(keys.len(), 1);
        assert!(refused(transport.open_channel("x11", b"").wait()));
        start.accept().finish("", "", 0).wait()
    });
    let connect = Client::connect_over(near, "robey@pipe").host_key(host_key.public_key().clone());
    let client = connect.password("foo").driver(Driver::Thread).wait().unwrap();
    let mut opens = client.transport().next_open();
    // From here on channels are pulled.
    assert!(opens.wait_timeout(Duration::ZERO).is_none());
    pulling.send(()).unwrap();
    let channel = opens.wait().unwrap();
    assert_eq!(channel.kind(), "whatever", "what was not asked for does not come this far");
    let _channel = channel.accept().unwrap();
    let agent = AgentServer::new();
    agent.add(key(), "", Constraints::default()).unwrap();
    assert!(client.command("anything").lend_agent(agent).status().wait().unwrap().success());
    client.close().wait();
    server.join().unwrap().unwrap();
}

#[test]
fn whoever_asks_by_hand_gets_the_channels_by_hand() {
    let (near, host_key, server) = server_that(|connection| {
        let session = connection.next_session().wait()?.unwrap();
        let start = session.program().wait()?.unwrap();
        assert_eq!(start.program(), &Program::Shell);
        let source = start.agent().unwrap();
        let channel = start.accept();
        assert!(source.connect().wait().is_err(), "it was refused by hand");
        channel.finish("", "", 0).wait()
    });
    let connect = Client::connect_over(near, "robey@pipe").host_key(host_key.public_key().clone());
    let client = connect.password("foo").wait().unwrap();
    let session = client.transport().open_session().wait().unwrap();
    let mut opens = client.transport().next_open();
    // From here on channels are pulled.
    assert!(opens.wait_timeout(Duration::ZERO).is_none());
    let request = Request::Other { name: "agent-req".to_owned(), data: Vec::new() };
    session.request(request).wait().unwrap();
    session.shell().wait().unwrap();
    let open = opens.wait().unwrap();
    assert_eq!(open.kind(), "agent-connect", "each request has its kind of channel");
    open.reject(OpenFailure::PROHIBITED, "no");
    assert!(session.exit_status().wait().unwrap().is_some());
    server.join().unwrap().unwrap();
}

#[test]
fn a_socket_is_its_owners_alone_and_goes_with_the_agent() {
    let server = AgentServer::new();
    let socket = AgentSocket::serve_somewhere(&server).unwrap();
    let path = socket.path().to_owned();
    let directory = path.parent().unwrap().to_owned();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&directory), mode(&path)), (0o700, 0o600));
    assert!(AgentSocket::serve(&path, &server).is_err(), "what is there stays");
    let agent = Agent::connect_to(&path).wait().unwrap();
    assert!(agent.list().wait().unwrap().is_empty(), "and works on");
    drop(socket);
    assert!(!directory.exists());
    assert!(matches!(agent_error(Agent::connect_to(&path).wait()), AgentError::Unreachable { .. }));
}

#[test]
fn a_confirmation_that_panics_is_a_no() {
    let server = AgentServer::confirming(|_| panic!("as planned"));
    server.add(key(), "", Constraints { confirm: true, ..Constraints::default() }).unwrap();
    let found = server.agent().identities().wait().unwrap().remove(0);
    assert!(found.sign("ssh-ed25519", b"message").is_err());
    assert_eq!(server.agent().list().wait().unwrap().len(), 1, "and the agent goes on");
}
