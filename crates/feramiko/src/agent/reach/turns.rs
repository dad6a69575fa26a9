//! A line to an agent over something that can be read or written, not both at once, and on which nobody can wait with a
//! deadline: a named pipe of Windows.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use feramiko_keys::agent::frame_length;
use zeroize::Zeroizing;

use crate::agent::error::AgentError;
use crate::agent::line::{Line, Message, framed, invalid, no_answer};

/// A thread reads and writes. Where an agent does not answer in time the thread is left behind: it ends when the agent
/// answers or goes.
pub(in crate::agent) struct Turns {
    requests: SyncSender<Message>,
    replies: Receiver<io::Result<Message>>,
}

impl Turns {
    pub(in crate::agent) fn new(mut stream: impl Read + Write + Send + 'static) -> io::Result<Self> {
        let (requests, asked) = sync_channel::<Message>(1);
        let (answer, replies) = sync_channel(1);
        let work = move || {
            for request in asked {
                let reply = ask(&mut stream, &request);
                let over = reply.is_err();
                if answer.send(reply).is_err() || over {
                    return;
                }
            }
        };
        thread::Builder::new().name("feramiko-pipe".to_owned()).spawn(work)?;
        Ok(Self { requests, replies })
    }
}

/// A message there, a message back.
fn ask(stream: &mut (impl Read + Write), request: &[u8]) -> io::Result<Message> {
    stream.write_all(&framed(request)?)?;
    stream.flush()?;
    let mut header = [0; 4];
    stream.read_exact(&mut header)?;
    let length = frame_length(header).map_err(|error| invalid(&error.to_string()))?;
    // At most 256 KiB, whatever is claimed.
    let mut message = Zeroizing::new(vec![0; length]);
    stream.read_exact(&mut message)?;
    Ok(message)
}

impl Line for Turns {
    fn exchange(
        &mut self,
        request: &[u8],
        what: &'static str,
        limit: Duration,
    ) -> Result<Message, AgentError> {
        let gone = || AgentError::Lost("it was closed".to_owned());
        self.requests.send(Zeroizing::new(request.to_vec())).map_err(|_| gone())?;
        match self.replies.recv_timeout(limit) {
            Ok(reply) => reply.map_err(|error| no_answer(&error, what, limit)),
            Err(RecvTimeoutError::Timeout) => Err(AgentError::TimedOut { request: what, limit }),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Agent;
    use crate::error::Error;
    use std::net::{TcpListener, TcpStream};

    /// An agent over turns, and its other end.
    fn agent() -> (Agent, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        (Agent::on(Box::new(Turns::new(near).unwrap())), far)
    }

    #[test]
    fn requests_and_replies_take_turns() {
        let (agent, mut far) = agent();
        let answering = thread::spawn(move || {
            for _ in 0..2 {
                let mut request = [0; 5];
                far.read_exact(&mut request).unwrap();
                assert_eq!(request, [0, 0, 0, 1, 11], "what keys are there?");
                // None, and in two pieces.
                far.write_all(b"\0\0\0\x05\x0c").unwrap();
                far.write_all(b"\0\0\0\0").unwrap();
            }
        });
        assert!(agent.list().wait().unwrap().is_empty());
        assert!(agent.list().wait().unwrap().is_empty());
        answering.join().unwrap();
        let lost = agent.list().wait().unwrap_err();
        assert!(matches!(lost, Error::Agent(AgentError::Lost(_))), "{lost:?}");
    }

    #[test]
    fn an_agent_that_does_not_answer_is_given_up() {
        let (agent, _far) = agent();
        let agent = agent.with_patience(Duration::from_millis(10), Duration::from_millis(10));
        let late = agent.list().wait().unwrap_err();
        assert!(matches!(late, Error::Agent(AgentError::TimedOut { .. })), "{late:?}");
    }

    #[test]
    fn defect_051_an_answer_of_more_than_256_kib_is_not_received_from_a_pipe_either() {
        let (agent, mut far) = agent();
        far.write_all(b"\0\x04\0\x01").unwrap();
        let error = agent.list().wait().unwrap_err();
        assert!(matches!(error, Error::Agent(AgentError::Nonsense { .. })), "{error:?}");
    }
}
