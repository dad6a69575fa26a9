//! Feramiko's server, with the account and the canned commands that the foreign servers have.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use feramiko::{
    Attempt, Channel, Driver, Error, ExitStatus, MaxStartups, Pending, PrivateKey, Program, Prompt, Proof,
    Request, Secret, Server, ServerConfig, ServerConnection, Session, Start, WindowSize,
};

use crate::accounts::{PASSWORD, USER};
use crate::data::{Digest, test_blocks};
use crate::job::Negotiated;
use crate::keys::{KeyType, host_key, host_keys, user_key, user_keys};
use crate::our_client::{algorithms, names, public_key, rekey_every};
use crate::peer::ServerSpec;

/// At this account the password, [`PASSWORD`], has expired.
const EXPIRED: &str = "old";
/// Blocks of test data that are written at once.
const BLOCKS: u64 = 64;

/// A server of ours that listens on a free loopback port. Dropping it stops it.
#[derive(Debug)]
pub struct OurServer {
    server: Server,
    address: SocketAddr,
    house: Arc<House>,
}

/// What the server has seen of one connection, from the moment of the login on.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Who logged in; `None` when nobody did.
    pub user: Option<String>,
    /// The signature algorithm of the key that was accepted last.
    pub key_algorithm: Option<String>,
    /// What was negotiated.
    pub negotiated: Negotiated,
    /// The key exchanges when its last command ended.
    pub exchanges: u64,
    /// How the connection ended, where it failed.
    pub failure: Option<String>,
}

#[derive(Debug)]
struct House {
    spec: ServerSpec,
    driver: Driver,
    seen: Mutex<Vec<Seen>>,
}

impl House {
    fn note(&self, guest: usize, note: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = seen.get_mut(guest) {
            note(seen);
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        match self.driver {
            Driver::Thread => drop(std::thread::spawn(move || Pending::new(work).wait())),
            _ => drop(tokio::spawn(work)),
        }
    }
}

impl OurServer {
    /// Starts one, each connection driven by a thread.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(spec: &ServerSpec) -> Self {
        Pending::new(Self::start_with(spec.clone(), Driver::Thread)).wait()
    }

    /// Starts one with whichever driver.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn start_with(spec: ServerSpec, driver: Driver) -> Self {
        let mut config = ServerConfig::default();
        config.common.algorithms = algorithms(&spec.offer);
        // The peers compete for few processors with one another.
        config.common.timing.login = Some(Duration::from_secs(60));
        if let Some(bytes) = spec.rekey_bytes {
            config.common.rekey = rekey_every(bytes);
        }
        if spec.multi_step {
            config.methods = vec!["publickey".to_owned()];
        }
        let mut builder = Server::builder().config(config).max_startups(MaxStartups::at_most(200));
        for key in host_keys().into_iter().chain([host_key(KeyType::Dsa)]) {
            builder = builder.host_key(PrivateKey::load_file(&key.path, None).expect("a host key"));
        }
        let server = builder.bind("127.0.0.1:0").driver(driver).await.expect("our server listens");
        let address = server.local_addr().expect("its address");
        let house = Arc::new(House { spec, driver, seen: Mutex::default() });
        house.spawn(receive(Arc::clone(&house), server.clone()));
        Self { server, address, house }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen, one for each connection in the order of their coming.
    pub fn seen(&self) -> Vec<Seen> {
        self.house.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it has seen of the connection that came last.
    ///
    /// # Panics
    /// If none came.
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("a connection")
    }
}

impl Drop for OurServer {
    fn drop(&mut self) {
        self.server.stop();
        if std::thread::panicking() {
            eprintln!("---- our server saw ----\n{:#?}\n----", self.seen());
        }
    }
}

async fn receive(house: Arc<House>, server: Server) {
    // It fails when it is stopped.
    while let Ok(connection) = server.accept().await {
        let guest = {
            let mut seen = house.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(Seen::default());
            seen.len() - 1
        };
        let at_home = Arc::clone(&house);
        house.spawn(async move {
            if let Err(error) = look_after(&at_home, guest, connection).await {
                at_home.note(guest, |seen| seen.failure = Some(error.to_string()));
            }
        });
    }
}

async fn look_after(house: &Arc<House>, guest: usize, connection: ServerConnection) -> Result<(), Error> {
    let mut had_key = false;
    while let Some(attempt) = connection.next_auth().await? {
        judge(house, guest, attempt, &mut had_key)?;
    }
    house.note(guest, |seen| {
        seen.user = connection.user();
        seen.negotiated = connection.transport().negotiated().as_ref().map(names).unwrap_or_default();
    });
    while let Some(session) = connection.next_session().await? {
        let at_home = Arc::clone(house);
        let transport = connection.transport().clone();
        house.spawn(async move {
            let outcome = Box::pin(run(&at_home, guest, session)).await;
            let exchanges = transport.negotiated().map_or(0, |negotiated| negotiated.exchanges);
            at_home.note(guest, |seen| {
                seen.exchanges = seen.exchanges.max(exchanges);
                seen.failure = outcome.err().map(|error| error.to_string());
            });
        });
    }
    Ok(())
}

/// [`USER`] may come in by password, key or answers; [`EXPIRED`] must change the password first.
fn judge(house: &House, guest: usize, attempt: Attempt, had_key: &mut bool) -> Result<(), Error> {
    let spec = &house.spec;
    let known = attempt.user() == USER;
    let welcome = |right: bool, attempt: Attempt| if right { attempt.accept() } else { attempt.reject() };
    let is_ours = |key: &feramiko::PublicKey| {
        user_keys().iter().chain([&user_key(KeyType::Dsa)]).any(|ours| public_key(&ours.public) == *key)
    };
    match attempt.proof() {
        Proof::Password(word) if attempt.user() == EXPIRED && word.matches(PASSWORD) => {
            attempt.change_password("Your password has expired.")
        }
        Proof::PasswordChange { old, new } => {
            let right = attempt.user() == EXPIRED && old.matches(PASSWORD) && new.as_bytes().len() >= 4;
            welcome(right, attempt)
        }
        Proof::Password(word) => {
            let right = known && word.matches(PASSWORD) && (*had_key || !spec.multi_step);
            welcome(right, attempt)
        }
        Proof::KeyOffer(key) => {
            let right = known && is_ours(key);
            welcome(right, attempt)
        }
        Proof::Key(key) if known && is_ours(key.key()) => {
            let algorithm = key.algorithm().to_owned();
            house.note(guest, |seen| seen.key_algorithm = Some(algorithm));
            *had_key = true;
            if spec.multi_step { attempt.partial(["password"]) } else { attempt.accept() }
        }
        Proof::Interactive { .. } if known => {
            let prompt = |text: &str, echo| Prompt { text: text.to_owned(), echo };
            attempt.ask(
                "robey's door",
                "answer all",
                vec![prompt("Password: ", false), prompt("Colour: ", true)],
            )
        }
        Proof::Answers(answers) => {
            let right = !spec.answers.is_empty()
                && answers.len() == spec.answers.len()
                && answers.iter().zip(&spec.answers).all(|(given, right)| Secret::matches(given, right));
            welcome(known && right, attempt)
        }
        _ => attempt.reject(),
    }
}

async fn run(house: &Arc<House>, guest: usize, session: Session) -> Result<(), Error> {
    let Some(start) = session.program().await? else { return Ok(()) };
    let Program::Exec(line) = start.program().clone() else { return Ok(()) };
    let line = String::from_utf8_lossy(&line).into_owned();
    let (name, rest) = line.split_once(' ').unwrap_or((&line, ""));
    let number = rest.parse().unwrap_or(0);
    let pty = start.pty().cloned();
    let channel = Start::accept(start);
    house.note(guest, |seen| seen.exchanges = 1);
    let mut status = ExitStatus::Code(0);
    match name {
        "echo" => channel.send(format!("{rest}\n")).await?,
        "cat" => {
            while let data = channel.read_some(1 << 20).await?
                && !data.is_empty()
            {
                channel.send(data).await?;
            }
        }
        "exit" => status = ExitStatus::Code(u32::try_from(number).unwrap_or(u32::MAX)),
        "bytes" | "errors" => write_test_data(&channel, name == "errors", number).await?,
        "sink" => {
            let mut digest = Digest::default();
            while let data = channel.read_some(1 << 20).await?
                && !data.is_empty()
            {
                digest.update(&data);
            }
            let (count, sha256) = digest.finish();
            channel.send(format!("{count} {sha256}\n")).await?;
        }
        "signal" => {
            let message = "asked to".to_owned();
            status = ExitStatus::Signal { name: rest.to_owned(), core_dumped: false, message };
        }
        "terminal" => {
            let (term, size) = pty.map_or_else(Default::default, |pty| (pty.term, pty.size));
            let shown = |size: WindowSize| format!("{} {}", size.columns, size.rows);
            channel.send(format!("{term} {}\r\n", shown(size))).await?;
            while let Some(request) = channel.next_request().await? {
                if let Request::WindowChange(size) = request.request() {
                    channel.send(format!("resized {}\r\n", shown(*size))).await?;
                    break;
                }
            }
        }
        _ => {
            channel.stderr().send(format!("unknown command {line:?}\n")).await?;
            status = ExitStatus::Code(127);
        }
    }
    channel.shutdown_write()?;
    channel.send_exit(status)?;
    channel.close();
    Ok(())
}

async fn write_test_data(channel: &Channel, to_stderr: bool, count: u64) -> Result<(), Error> {
    let (mut left, mut block) = (count, 0);
    while left > 0 {
        let mut piece = test_blocks(block, BLOCKS);
        block += BLOCKS;
        piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= piece.len() as u64;
        if to_stderr {
            channel.stderr().send(piece).await?;
        } else {
            channel.send(piece).await?;
        }
    }
    Ok(())
}
