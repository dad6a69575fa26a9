//! What the lock protects: the connection, and what came out of it and waits to be fetched.
//!
//! Nothing here is unbounded: the core bounds the questions of the peer that nobody has answered, and what it does not
//! bound (requests without reply, banners) is bounded here.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Instant;

use feramiko_keys::Signer;
use feramiko_proto::{
    AuthAttempt, AuthOutcome, ChannelId, ClientConfig, Connection, ConnectionError, DisconnectReason,
    GlobalId, GlobalRequest, HostKeyQuestion, OpenRequest, Prompts,
};

use crate::driver::FLUSH_LINGER;
use crate::driver::buffer::Unsent;
use crate::driver::job::Job;
use crate::driver::link::Link;
use crate::driver::reading::Reading;
use crate::error::Error;
use crate::lending::Lending;
use crate::permissions::Permissions;
use crate::pollable::Signal;
use crate::rotation::HostKeys;
use crate::slot::Slot;
use crate::verify::HostKeyVerifier;
use crate::waiters::{Side, Topic, Waiters, Woken};

/// Everything under the lock.
pub(crate) struct State {
    pub(crate) connection: Connection,
    pub(crate) slots: HashMap<ChannelId, Slot>,
    waiters: [Waiters; Topic::CONNECTION.len()],
    next_key: u64,
    pub(crate) woken: Woken,
    /// The first key exchange is done, and on a client authentication may begin.
    pub(crate) ready: bool,
    /// Why the connection has ended: the same for every handle.
    pub(crate) cause: Option<Error>,
    /// What the verifier found wrong: says more than the core's "refused".
    pub(crate) refusal: Option<Error>,
    pub(crate) host_key: Option<HostKeyQuestion>,
    pub(crate) verifier: Option<Box<dyn HostKeyVerifier>>,
    /// Of a server's host keys.
    pub(crate) host_signers: Vec<Arc<dyn Signer>>,
    pub(crate) host_keys: HostKeys,
    /// A client's.
    pub(crate) client_config: Option<Arc<ClientConfig>>,
    pub(crate) auth: Auth,
    pub(crate) banner: Banner,
    pub(crate) attempts: VecDeque<AuthAttempt>,
    pub(crate) opens: VecDeque<OpenRequest>,
    pub(crate) globals: VecDeque<GlobalRequest>,
    /// The global requests that somebody here wants to hear of.
    heard: Vec<&'static str>,
    /// What a client may do.
    pub(crate) permissions: Permissions,
    /// Somebody pulls channels; a client that nobody has asked for channels refuses them at once.
    pub(crate) takes_opens: bool,
    pub(crate) lending: Lending,
    pub(crate) replies: HashMap<GlobalId, Option<Option<Vec<u8>>>>,
    /// No channel of ours has been opened yet: acknowledgements must not be delayed.
    pub(crate) setting_up: bool,
    /// Those who wait for something that may come at any moment.
    interest: usize,
    /// Channels with a descriptor.
    signals: usize,
    pub(crate) flow: Flow,
}

/// What a driver and those who flush for it have in common.
#[derive(Default)]
pub(crate) struct Flow {
    /// Where those who have output may send it themselves.
    pub(crate) link: Option<Arc<dyn Link>>,
    /// Wakes the driver.
    pub(crate) alarm: Option<Waker>,
    pub(crate) unsent: Unsent,
    /// Somebody is sending and has taken `unsent` along: two at once would reorder packets.
    pub(crate) flushing: bool,
    /// The link takes no more until it says so.
    pub(crate) blocked: bool,
    /// The right to read the link; `None` while somebody reads. Only the worker thread shares it.
    pub(crate) reading: Option<Box<Reading>>,
    /// How often it was taken or given back by others than the worker.
    pub(crate) takes: u64,
    /// Interrupts a thread that reads in the worker's place.
    pub(crate) reader_alarm: Option<Arc<Signal>>,
    /// What the driver sleeps until; `None` while it is awake.
    pub(crate) asleep: Option<Plan>,
    pub(crate) jobs: Vec<Job>,
    /// The end was asked for, and comes then even if the core waits for a key exchange.
    pub(crate) leave_by: Option<Instant>,
    /// Sending failed. What the peer said before it went is still to be read.
    pub(crate) broken: Option<ConnectionError>,
    /// The driver has gone, and with it the link.
    pub(crate) done: bool,
    pub(crate) traffic: Traffic,
}

/// What a connection has moved over its link, in bytes: packets as they are on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes that were handed to the link.
    pub sent: u64,
    /// Bytes that came from it.
    pub received: u64,
}

/// What a driver waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) deadline: Option<Instant>,
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// It knows that the connection has ended.
    pub(crate) ending: bool,
    /// It does not read for a moment although it could.
    pub(crate) lingers: bool,
    /// Buffers have grown, and may be given back when nothing happens.
    pub(crate) bulky: bool,
}

/// A client's attempt to log in.
#[derive(Default)]
pub(crate) struct Auth {
    /// Who waits for its outcome.
    pub(crate) owner: Option<u64>,
    pub(crate) under_way: bool,
    /// The server wants a new password; the attempt is neither over nor going on.
    pub(crate) expired: bool,
    pub(crate) event: Option<AuthEvent>,
    pub(crate) signer: Option<Arc<dyn Signer>>,
}

/// Is shown what a server says before the login.
pub(crate) type ShowBanner = Arc<Mutex<dyn FnMut(&str) + Send>>;

/// The server's words before authentication.
#[derive(Default)]
pub(crate) struct Banner {
    pub(crate) text: String,
    /// Bytes of it that were shown.
    shown: usize,
    show: Option<ShowBanner>,
}

impl Banner {
    /// Who is shown what has come and what is still to come; answers who was before.
    pub(crate) fn show_to(&mut self, show: ShowBanner) -> Option<ShowBanner> {
        self.show.replace(show)
    }

    /// What is to be shown now.
    pub(crate) fn show(&mut self) -> Option<AuthEvent> {
        let show = self.show.as_ref()?;
        let text = self.text.get(self.shown..).filter(|text| !text.is_empty())?.to_owned();
        self.shown = self.text.len();
        Some(AuthEvent::Banner(text, Arc::clone(show)))
    }
}

/// How an attempt goes on.
pub(crate) enum AuthEvent {
    /// Words of the server, and who wants to see them.
    Banner(String, ShowBanner),
    Outcome(AuthOutcome),
    Prompts(Prompts),
    Expired(String),
}

impl State {
    pub(crate) fn new(connection: Connection, host_signers: Vec<Arc<dyn Signer>>) -> Self {
        let takes_opens = !connection.is_client();
        let host_keys = match connection.is_client() {
            true => HostKeys::Ignored,
            false => HostKeys::Ours { announced: true, asked: 0, busy: false },
        };
        Self {
            connection,
            slots: HashMap::new(),
            waiters: Default::default(),
            next_key: 0,
            woken: Woken::default(),
            ready: false,
            cause: None,
            refusal: None,
            host_key: None,
            verifier: None,
            host_signers,
            host_keys,
            client_config: None,
            auth: Auth::default(),
            banner: Banner::default(),
            attempts: VecDeque::new(),
            opens: VecDeque::new(),
            globals: VecDeque::new(),
            heard: Vec::new(),
            permissions: Permissions::default(),
            takes_opens,
            lending: Lending::default(),
            replies: HashMap::new(),
            setting_up: true,
            interest: 0,
            signals: 0,
            flow: Flow::default(),
        }
    }

    /// The connection's cause of death as a result.
    pub(crate) fn alive(&self) -> Result<(), Error> {
        self.cause.clone().map_or(Ok(()), Err)
    }

    /// These global requests are to be heard of too.
    pub(crate) fn hear(&mut self, names: &[&'static str]) {
        let new = |name: &&&str| !self.heard.contains(*name);
        let new: Vec<&'static str> = names.iter().filter(new).copied().collect();
        self.heard.extend(new);
        self.connection.handle_global(&self.heard);
    }

    pub(crate) fn new_key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }

    fn waiters(&mut self, topic: Topic) -> Option<&mut Waiters> {
        match topic {
            Topic::Channel(id, side) => self.slots.get_mut(&id).map(|slot| slot.waiters(side)),
            topic => {
                let place = Topic::CONNECTION.iter().position(|known| *known == topic)?;
                self.waiters.get_mut(place)
            }
        }
    }

    /// Wakes `waker` when something of `topic` happens. A topic that is gone wakes at once.
    pub(crate) fn register(&mut self, topic: Topic, key: &mut Option<u64>, waker: &Waker) {
        let key = match *key {
            Some(key) => key,
            None => *key.insert(self.new_key()),
        };
        match self.waiters(topic) {
            Some(waiters) => {
                let before = waiters.len();
                let displaced = waiters.register(key, waker);
                let added = waiters.len() - before;
                self.woken.retire(displaced);
                self.interest += if topic.is_urgent() { added } else { 0 };
            }
            None => waker.wake_by_ref(),
        }
    }

    /// Whether somebody waits who would wait longer if nobody read the link for a moment. That a channel comes, or the end,
    /// is not urgent.
    pub(crate) fn has_interest(&self) -> bool {
        self.interest > 0 || self.signals > 0
    }

    pub(crate) fn deregister(&mut self, topic: Topic, key: u64) {
        let removed = self.waiters(topic).and_then(|waiters| waiters.remove(key));
        if removed.is_some() && topic.is_urgent() {
            self.interest = self.interest.saturating_sub(1);
        }
        self.woken.retire(removed);
    }

    pub(crate) fn wake(&mut self, topic: Topic) {
        let mut woken = std::mem::take(&mut self.woken);
        let count = self.waiters(topic).map_or(0, |waiters| waiters.wake(&mut woken));
        if topic.is_urgent() {
            self.interest = self.interest.saturating_sub(count);
        }
        self.woken = woken;
    }

    /// Brings a channel's descriptor up to date.
    pub(crate) fn show_readable(&mut self, id: ChannelId, now: Instant) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.show_readable(self.connection.channel(id, now), self.cause.is_some());
        }
    }

    /// Who decides about the host key from now on; decides at once if the question has come.
    pub(crate) fn set_verifier(&mut self, verifier: Box<dyn HostKeyVerifier>) {
        match self.host_key.take() {
            Some(question) => self.flow.jobs.push(Job::Verify(question, verifier)),
            None => {
                let old = self.verifier.replace(verifier);
                self.woken.discard(old);
            }
        }
    }

    pub(crate) fn answer_host_key(
        &mut self,
        question: HostKeyQuestion,
        verdict: Result<(), Error>,
        now: Instant,
    ) {
        let trust = verdict.is_ok();
        if let Err(error) = verdict {
            self.refusal = Some(error);
        }
        self.connection.answer_host_key(question, trust, now);
    }

    /// Nobody has a handle of this channel any more.
    pub(crate) fn forget(&mut self, id: ChannelId, now: Instant) {
        if let Some(mut slot) = self.slots.remove(&id) {
            if slot.is_opening() && self.cause.is_none() {
                // The confirmation is still to come; then it is closed.
                slot.abandon();
                self.slots.insert(id, slot);
                return;
            }
            self.signals -= usize::from(slot.gone());
            Side::ALL.into_iter().for_each(|side| {
                let count = slot.waiters(side).wake(&mut self.woken);
                if Topic::Channel(id, side).is_urgent() {
                    self.interest = self.interest.saturating_sub(count);
                }
            });
            for request in slot.take_requests() {
                self.connection.answer_request(request, false, now);
            }
        }
        if let Some(mut channel) = self.connection.channel(id, now) {
            channel.forget();
        }
    }

    /// Ends the connection, behind everything that was written, but within a bounded time.
    pub(crate) fn disconnect(&mut self, reason: DisconnectReason, description: &str, now: Instant) {
        if self.cause.is_none() && self.flow.leave_by.is_none() {
            self.connection.disconnect(reason, description, now);
            self.flow.leave_by = Some(now + FLUSH_LINGER);
        }
    }

    /// When the driver has to wake up by itself.
    pub(crate) fn due(&self) -> Option<Instant> {
        let leave_by = self.flow.leave_by.filter(|_| self.cause.is_none());
        [self.connection.poll_timeout(), leave_by].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        self.connection.handle_timeout(now);
        self.sort_events(now);
        if self.cause.is_none() && self.flow.leave_by.is_some_and(|leave_by| leave_by <= now) {
            self.connection.fail(ConnectionError::Closed, now);
            self.sort_events(now);
        }
    }

    /// Whether reading is the driver's business now.
    fn driver_reads(&self, asleep: Plan) -> bool {
        match (&self.flow.link, &self.flow.reading) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(_)) => !asleep.lingers || self.has_interest(),
        }
    }

    /// The descriptor of a channel; `None` when it is gone.
    pub(crate) fn signal(&mut self, id: ChannelId) -> Option<std::io::Result<Arc<Signal>>> {
        let slot = self.slots.get_mut(&id)?;
        let known = slot.has_signal();
        let signal = slot.signal();
        self.signals += usize::from(!known && signal.is_ok());
        Some(signal)
    }

    /// The driver's alarm, if what it sleeps until is not all that it must know of any more.
    pub(crate) fn alarm(&mut self) -> Option<Waker> {
        let asleep = self.flow.asleep?;
        let earlier = match (self.due(), asleep.deadline) {
            (Some(new), Some(old)) => new < old,
            (new, old) => new.is_some() && old.is_none(),
        };
        let needed = earlier
            || !self.flow.jobs.is_empty()
            || (self.cause.is_some() && !asleep.ending)
            || (asleep.ending && !self.has_unsent())
            || (self.flow.broken.is_some() && !asleep.ending)
            || (self.connection.wants_input() && !asleep.read && self.driver_reads(asleep))
            || (asleep.read && self.flow.link.is_some() && self.flow.reading.is_none())
            || (self.flow.blocked && !asleep.write)
            || (self.flow.link.is_none() && self.connection.has_output() && !asleep.write);
        if !needed {
            return None;
        }
        self.flow.asleep = None;
        self.flow.alarm.clone()
    }
}
