//! Two sides, two links, one clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use feramiko_keys::{KeyType, PrivateKey};
use feramiko_proto::{AuthOutcome, ChannelId, ClientConfig, Connection, Event, Method, ServerConfig};

use crate::fake::{fake_algorithms, fake_host_key, fake_provider, seed_random};
use crate::link::{Link, LinkModel};
use crate::side::Side;

/// Turns at one moment of virtual time after which it is clear that two sides keep each other busy for nothing.
const MAX_TURNS: u32 = 1_000_000;

/// A client and a server.
pub struct Pair {
    /// The client.
    pub client: Side,
    /// The server.
    pub server: Side,
    /// From the client to the server.
    pub to_server: Link,
    /// From the server to the client.
    pub to_client: Link,
    start: Instant,
    now: Instant,
    turns: u32,
}

impl Pair {
    /// Joins them by an ideal link. Nothing has happened yet. Refusals of logins are not kept back, because time stands
    /// still unless a test moves it.
    pub fn new(client: ClientConfig, mut server: ServerConfig) -> Self {
        server.failure_delay = Duration::ZERO;
        let now = Instant::now();
        Self {
            client: Side::new(Connection::client(Arc::new(client), now)),
            server: Side::new(Connection::server(Arc::new(server), now)),
            to_server: Link::new(LinkModel::default()),
            to_client: Link::new(LinkModel::default()),
            start: now,
            now,
            turns: 0,
        }
    }

    /// Default configurations, an Ed25519 host key.
    pub fn with_defaults() -> Self {
        let key = host_key();
        let server = ServerConfig { host_keys: vec![key.public_key().clone()], ..ServerConfig::default() };
        let mut pair = Self::new(ClientConfig::default(), server);
        pair.server.auto.keys.push(key);
        pair
    }

    /// The fake provider on both sides; `change` edits the configurations.
    pub fn fake(change: impl FnOnce(&mut ClientConfig, &mut ServerConfig)) -> Self {
        seed_random(0);
        let (mut client, mut server) = (ClientConfig::default(), ServerConfig::default());
        for common in [&mut client.common, &mut server.common] {
            common.provider = fake_provider();
            common.algorithms = fake_algorithms();
        }
        server.host_keys = vec![fake_host_key(1)];
        change(&mut client, &mut server);
        let mut pair = Self::new(client, server);
        pair.client.auto.fake_signatures = true;
        pair.server.auto.fake_signatures = true;
        pair
    }

    /// Both directions become like this.
    pub fn set_link(&mut self, model: LinkModel) {
        self.to_server.set_model(model);
        self.to_client.set_model(model);
    }

    /// Both sides get at most so many bytes at once.
    pub fn set_chunk(&mut self, bytes: usize) {
        self.client.chunk = bytes;
        self.server.chunk = bytes;
    }

    /// The virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The virtual time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// What both drivers do at this moment. Answers whether anything happened.
    ///
    /// # Panics
    /// When the sides keep each other busy without end.
    pub fn turn(&mut self) -> bool {
        let client = self.client.turn(&mut self.to_client, &mut self.to_server, self.now);
        let server = self.server.turn(&mut self.to_server, &mut self.to_client, self.now);
        self.turns += 1;
        assert!(self.turns < MAX_TURNS, "no end of business at {:?}", self.elapsed());
        client || server
    }

    /// What happens next on the links or in the applications, and with `timers` in the connections.
    fn next_wake(&mut self, timers: bool) -> Option<Instant> {
        let [client, server] = [&self.client, &self.server].map(|side| {
            let timer = side.connection.poll_timeout().filter(|_| timers);
            timer.into_iter().chain(side.auto.next_wake()).min()
        });
        [client, server, self.to_server.next_wake(self.now), self.to_client.next_wake(self.now)]
            .into_iter()
            .flatten()
            .filter(|at| *at > self.now)
            .min()
    }

    /// One turn; when nothing happens in it, the clock jumps to what happens next, up to `limit`. False when
    /// nothing happens until then: the clock stands at `limit`.
    pub fn step(&mut self, limit: Instant) -> bool {
        if self.turn() {
            return true;
        }
        self.jump(limit, true)
    }

    fn jump(&mut self, limit: Instant, timers: bool) -> bool {
        self.turns = 0;
        match self.next_wake(timers) {
            Some(at) if at <= limit => {
                self.now = at;
                true
            }
            _ => false,
        }
    }

    /// Goes on until nothing is under way: no byte on the links, no answer due. Does not wait for timers.
    pub fn settle(&mut self) {
        let limit = self.now + Duration::from_secs(24 * 3600);
        while self.turn() || self.jump(limit, false) {}
    }

    /// Lets so much virtual time pass.
    pub fn run_for(&mut self, time: Duration) {
        let limit = self.now + time;
        while self.step(limit) {}
        self.now = limit;
    }

    /// Goes on until `done`, or for so much virtual time; answers whether it is done.
    pub fn run_until(&mut self, time: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let limit = self.now + time;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(limit) {
                self.now = limit;
                return done(self);
            }
        }
    }

    /// The link breaks: both sides see its end, and what was on it is lost.
    pub fn cut(&mut self) {
        for link in [&mut self.to_server, &mut self.to_client] {
            *link = Link::new(LinkModel::default());
        }
        for side in [&mut self.client, &mut self.server] {
            side.connection.receive_eof(self.now);
            side.fetch_events(self.now);
        }
    }
}

/// A new Ed25519 key.
pub fn host_key() -> PrivateKey {
    PrivateKey::generate(KeyType::Ed25519).expect("a key can be made")
}

/// Logs in, and throws the events away that led there.
///
/// # Panics
/// If that fails.
pub fn password_login(pair: &mut Pair, user: &str, password: &str) {
    pair.settle();
    let now = pair.now();
    let authenticated = pair.client.connection.authenticate(user, Method::Password(password.into()), now);
    assert_eq!(
        authenticated,
        Ok(()),
        "{:?}",
        (pair.client.connection.ended(), pair.server.connection.ended())
    );
    pair.settle();
    let success = |event: &Event| matches!(event, Event::Authentication(AuthOutcome::Success));
    let events = pair.client.events();
    assert!(events.iter().any(success) || !pair.client.keep_events, "{events:?}");
    assert!(pair.client.connection.is_authenticated() && pair.server.connection.is_authenticated());
    pair.server.events();
}

/// Opens a session channel from the client; answers its ids on client and server.
///
/// # Panics
/// If that fails.
pub fn open_channel(pair: &mut Pair) -> (ChannelId, ChannelId) {
    let now = pair.now();
    let ours = pair.client.connection.open("session", b"", now).expect("the client may open a channel");
    pair.settle();
    assert_eq!(pair.client.channels.last(), Some(&ours), "the server accepts it");
    (ours, *pair.server.channels.last().expect("the server has it"))
}
