//! A line to an agent: a message there, a message back.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use feramiko_keys::agent::{MAX_FRAME, frame_length};
use zeroize::Zeroizing;

use super::error::AgentError;
use crate::driver::link::{Link, Wanted};
use crate::pollable::Signal;

/// Bytes of a message as they are received: wiped when dropped, because keys and passphrases pass this way.
pub(crate) type Message = Zeroizing<Vec<u8>>;

/// How to ask an agent.
pub(crate) trait Line: Send {
    /// Hands a request over and waits for the reply, both without their lengths. After an error but a refusal the
    /// line is dead.
    fn exchange(
        &mut self,
        request: &[u8],
        what: &'static str,
        limit: Duration,
    ) -> Result<Message, AgentError>;
}

/// Messages with their lengths over a byte stream (RFC 9987 section 4).
pub(crate) struct Framed {
    link: Arc<dyn Link>,
    alarm: Arc<Signal>,
}

impl Framed {
    pub(crate) fn new(link: Arc<dyn Link>) -> io::Result<Self> {
        Ok(Self { link, alarm: Arc::new(Signal::new()?) })
    }

    /// Sends a message.
    pub(crate) fn send(&self, message: &[u8], deadline: Option<Instant>) -> io::Result<()> {
        let framed = framed(message)?;
        let mut rest = framed.as_slice();
        while !rest.is_empty() {
            match self.link.try_write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) => self.wait(error, Wanted { read: false, write: true }, deadline)?,
            }
        }
        Ok(())
    }

    /// Waits for a message; `None` when the other side has closed the line between two of them.
    pub(crate) fn receive(&self, deadline: Option<Instant>) -> io::Result<Option<Message>> {
        let mut header = [0; 4];
        if self.fill(&mut header, deadline)? == 0 {
            return Ok(None);
        }
        let length = frame_length(header).map_err(|error| invalid(&error.to_string()))?;
        // At most 256 KiB, whatever is claimed.
        let mut message = Zeroizing::new(vec![0; length]);
        match self.fill(&mut message, deadline)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(Some(message)),
        }
    }

    /// Fills all of `buffer`; 0 when the stream ends before its first byte.
    fn fill(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.link.try_read(buffer.get_mut(filled..).unwrap_or_default()) {
                Ok(0) if filled == 0 => return Ok(0),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) => self.wait(error, Wanted { read: true, write: false }, deadline)?,
            }
        }
        Ok(filled)
    }

    fn wait(&self, error: io::Error, wanted: Wanted, deadline: Option<Instant>) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::Interrupted => return Ok(()),
            io::ErrorKind::WouldBlock => {}
            _ => return Err(error),
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.link.wait(wanted, &self.alarm, deadline).map(drop)
    }
}

impl Line for Framed {
    fn exchange(
        &mut self,
        request: &[u8],
        what: &'static str,
        limit: Duration,
    ) -> Result<Message, AgentError> {
        let deadline = Instant::now().checked_add(limit);
        let failed = |error: io::Error| no_answer(&error, what, limit);
        self.send(request, deadline).map_err(failed)?;
        let reply = self.receive(deadline).map_err(failed)?;
        reply.ok_or_else(|| AgentError::Lost("it was closed in place of an answer".to_owned()))
    }
}

impl Drop for Framed {
    fn drop(&mut self) {
        self.link.shutdown(Instant::now());
    }
}

/// A message with its length in front.
pub(crate) fn framed(message: &[u8]) -> io::Result<Message> {
    let length = u32::try_from(message.len()).ok().filter(|length| *length as usize <= MAX_FRAME);
    let length = length.ok_or_else(|| invalid("a message of more than 256 KiB"))?;
    let mut framed = Zeroizing::new(Vec::with_capacity(message.len() + 4));
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    Ok(framed)
}

/// Why there is no answer.
pub(crate) fn no_answer(error: &io::Error, what: &'static str, limit: Duration) -> AgentError {
    match error.kind() {
        io::ErrorKind::TimedOut => AgentError::TimedOut { request: what, limit },
        io::ErrorKind::InvalidData => AgentError::Nonsense { request: what, problem: error.to_string() },
        _ => AgentError::Lost(error.to_string()),
    }
}

pub(crate) fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.to_owned())
}
