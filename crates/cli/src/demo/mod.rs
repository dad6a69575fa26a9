//! `feramiko demo`: server and client in one process, a call, and what it took. Nothing is left behind.

mod report;
mod tour;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use feramiko::{Client, Error, KeyType, PrivateKey, Server};

use crate::args::DemoArgs;
use crate::bbs::Store;
use crate::bbs_command::open_house;
use crate::ssh::{Ending, Program, Wish, run_session};
use crate::switchboard::{Guests, PASSWORD, Switchboard, USER};
use report::{Costs, Report};

/// Everything here is on one machine: what takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs it.
///
/// # Errors
/// Whatever did not work.
pub(crate) fn run(arguments: &DemoArgs) -> io::Result<()> {
    let by_hand = !arguments.tour && io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut out = io::stdout();
    let mut costs = Costs::begin();
    let town = Town::open()?;
    let key = town.host_key.public_key();
    writeln!(out, "A BBS has been opened on {}, for you alone.", town.address()?)?;
    writeln!(out, "Its host key was made just now: {} {}", key.algorithm(), key.fingerprint())?;

    let started = Instant::now();
    let client = town.call_as_robey()?;
    let handshake = started.elapsed();
    costs.connected();
    // The verifier has done this before anything was sent; here it is for everybody to see.
    if client.host_key().blob() != key.blob() {
        return Err(io::Error::other("the host key is not the one that was made"));
    }
    writeln!(out, "Called it: it shows that key, byte for byte. Logged in as {USER}, password {PASSWORD}.")?;
    if by_hand {
        writeln!(
            out,
            "The session is yours. L logs off, and ~. at the beginning of a line leaves at once.\n"
        )?;
        out.flush()?;
        let wish = Wish {
            program: Program::Shell,
            terminal: true,
            escape: Some(b'~'),
            env: Vec::new(),
            no_input: false,
            agent: None,
        };
        if let Ending::Lost(error) = run_session(&client, &wish)? {
            return Err(error.into());
        }
    } else {
        writeln!(out, "A scripted tour follows; what it types stands behind the prompts.\n")?;
        tour::run(&town, &client, &mut out).map_err(|error| {
            // The transcript ends here; say why below it.
            io::Error::new(error.kind(), format!("the tour has failed: {error}"))
        })?;
    }
    let report = Report::of(&client, handshake, &costs)?;
    client.close().wait();
    drop(client);
    town.close()?;
    write!(out, "\n{report}")?;
    costs.conclude(&mut out)
}

/// A house with its door on a free port, in memory only.
struct Town {
    server: Server,
    board: Arc<Switchboard>,
    door: JoinHandle<Result<(), Error>>,
    host_key: PrivateKey,
    /// Of Ada, who calls by key.
    guest_key: PrivateKey,
}

impl Town {
    fn open() -> io::Result<Self> {
        let host_key = PrivateKey::generate(KeyType::Ed25519)?;
        let guest_key = PrivateKey::generate(KeyType::Ed25519)?;
        let store = Store::in_memory().map_err(io::Error::other)?;
        let guests = Guests::with_keys(vec![guest_key.public_key().clone()]);
        let board = Switchboard::new(open_house(store), guests);
        let server = board.server().host_key(host_key.clone()).bind("127.0.0.1:0").wait()?;
        let door = {
            let (server, board) = (server.clone(), Arc::clone(&board));
            let serve = move || server.serve(move |connection| board.serve(&connection));
            thread::Builder::new().name("bbs door".to_owned()).spawn(serve)?
        };
        Ok(Self { server, board, door, host_key, guest_key })
    }

    fn address(&self) -> Result<String, Error> {
        Ok(self.server.local_addr()?.to_string())
    }

    fn call_as_robey(&self) -> Result<Client, Error> {
        let expected = self.host_key.public_key().clone();
        let call = Client::connect(self.address()?).user(USER).password(PASSWORD);
        call.host_key(expected).deadline(DEADLINE).wait()
    }

    fn call_as_ada(&self) -> Result<Client, Error> {
        let expected = self.host_key.public_key().clone();
        let call = Client::connect(self.address()?).user("ada").key(self.guest_key.clone());
        call.host_key(expected).deadline(DEADLINE).wait()
    }

    /// Waits until the last caller has gone and all threads with him.
    fn close(self) -> io::Result<()> {
        self.server.stop();
        self.board.house().close();
        if !self.board.wait_until_quiet(DEADLINE) {
            return Err(io::Error::other("a connection does not end"));
        }
        match self.door.join() {
            Ok(served) => Ok(served?),
            Err(_) => Err(io::Error::other("the server has broken")),
        }
    }
}
