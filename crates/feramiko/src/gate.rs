//! Who is let in, and counted until the login is done.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::error::Error;
use crate::limits::{Admission, TurnedAway};

/// Who is let in.
pub(crate) struct Gate {
    admission: Mutex<Admission>,
    random: fn(&mut [u8]) -> Result<(), feramiko_crypto::CryptoError>,
}

impl Gate {
    pub(crate) fn new(
        admission: Admission,
        random: fn(&mut [u8]) -> Result<(), feramiko_crypto::CryptoError>,
    ) -> Arc<Self> {
        Arc::new(Self { admission: Mutex::new(admission), random })
    }

    /// Lets one in, or says why not.
    pub(crate) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Result<Permit, TurnedAway> {
        let mut byte = [0];
        // Without randomness they are dropped as if the dice had fallen worst.
        let dice = match (self.random)(&mut byte) {
            Ok(()) => u32::from(byte[0]) * 100 / 256,
            Err(_) => 0,
        };
        let mut admission = self.admission.lock().unwrap_or_else(PoisonError::into_inner);
        let source = Some(peer.ip());
        admission.admit(source, dice, Instant::now())?;
        Ok(Permit { gate: Arc::clone(self), source })
    }
}

/// One that is let in and not logged in yet.
pub(crate) struct Permit {
    gate: Arc<Gate>,
    source: Option<IpAddr>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.admission.lock().unwrap_or_else(PoisonError::into_inner).logged_in(self.source);
    }
}

pub(crate) fn has_stopped() -> Error {
    Error::Io { kind: io::ErrorKind::NotConnected, message: "the server has stopped".to_owned() }
}

impl TurnedAway {
    /// Instead of a version line: a client shows it to its user.
    pub(crate) fn words(self) -> &'static [u8] {
        match self {
            Self::Startups => b"Too many connections are logging in; try again in a moment.\r\n",
            Self::Source => b"Too many connections from your network; try again in a moment.\r\n",
        }
    }

    /// As much as goes out at once.
    pub(crate) fn tell(self, mut stream: std::net::TcpStream) {
        // The socket's buffer is empty: it does not block, and if it fails nobody is there.
        let _ = stream.set_nonblocking(true).and_then(|()| stream.write_all(self.words()));
    }
}
