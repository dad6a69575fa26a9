//! The house that all callers share: its books, who is on line, and the mail between them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::random::Random;
use super::store::Store;
use super::text::{clusters, one_line, width};

/// Where the house gets the time from.
pub(crate) type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// Called, outside the house's locks, when there is something to poll for.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a caller is doing, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Menu,
    Boards,
    Writing,
    Chat,
    Game,
}

impl Place {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Menu => "at the menu",
            Self::Boards => "reading the boards",
            Self::Writing => "writing a post",
            Self::Chat => "in the chat",
            Self::Game => "out on the iron run",
        }
    }
}

/// Something that another caller did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    Arrived(Arc<str>),
    Left(Arc<str>),
    EnteredChat(Arc<str>),
    LeftChat(Arc<str>),
    Said(Arc<str>, Arc<str>),
    /// `/me`
    Did(Arc<str>, Arc<str>),
    Posted {
        who: Arc<str>,
        board: &'static str,
        title: Arc<str>,
    },
    /// So many notes were dropped, because this caller did not take them in time.
    Missed(u64),
    Closing,
}

/// One line of the list of callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) name: Arc<str>,
    pub(crate) since: u64,
    pub(crate) place: Place,
}

pub(crate) struct House {
    store: Store,
    clock: Clock,
    seeds: AtomicU64,
    hall: Mutex<Hall>,
}

#[derive(Default)]
struct Hall {
    next: u64,
    seats: BTreeMap<u64, Seat>,
    /// The last things said, for those who come in.
    recent: VecDeque<Note>,
    closing: bool,
}

struct Seat {
    name: Arc<str>,
    since: u64,
    place: Place,
    mail: VecDeque<Note>,
    missed: u64,
    /// Woken already and not yet polled: once is enough.
    woken: bool,
    wake: Wake,
}

/// Callers at a time.
const MAX_SEATS: usize = 200;
/// Notes that wait for a caller; older ones are dropped and counted.
pub(crate) const MAX_MAIL: usize = 64;
const MAX_RECENT: usize = 15;
/// A caller's name as it is shown, in cells.
const MAX_NAME_CELLS: usize = 20;

/// A caller's place in the house, given up when it is dropped.
pub(crate) struct Ticket {
    house: Arc<House>,
    id: u64,
    name: Arc<str>,
}

impl House {
    /// A house with these books; `seed` decides what happens in its games.
    pub(crate) fn new(store: Store, clock: Clock, seed: u64) -> Arc<Self> {
        Arc::new(Self { store, clock, seeds: AtomicU64::new(seed), hall: Mutex::default() })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Seconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        (self.clock)().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// A new game's own chance.
    pub(crate) fn random(&self) -> Random {
        Random::new(self.seeds.fetch_add(1, Ordering::Relaxed))
    }

    /// Says good-bye to every caller; no new ones come in.
    pub(crate) fn close(&self) {
        let wakes = {
            let mut hall = self.hall();
            hall.closing = true;
            hall.tell(Note::Closing, |_, _| true)
        };
        ring(wakes);
    }

    /// Lets a caller in, unless the house is full or closing.
    pub(crate) fn enter(self: &Arc<Self>, user: &str, wake: Wake) -> Option<Ticket> {
        let since = self.now();
        let (ticket, wakes) = {
            let mut hall = self.hall();
            if hall.closing || hall.seats.len() >= MAX_SEATS {
                return None;
            }
            let name = hall.free_name(user);
            let wakes = hall.tell(Note::Arrived(name.clone()), |_, _| true);
            let id = hall.next;
            hall.next += 1;
            let seat = Seat {
                name: name.clone(),
                since,
                place: Place::Menu,
                mail: VecDeque::new(),
                missed: 0,
                woken: false,
                wake,
            };
            hall.seats.insert(id, seat);
            (Ticket { house: Arc::clone(self), id, name }, wakes)
        };
        ring(wakes);
        Some(ticket)
    }

    pub(crate) fn who(&self) -> Vec<Presence> {
        let hall = self.hall();
        let seats = hall.seats.values();
        seats.map(|seat| Presence { name: seat.name.clone(), since: seat.since, place: seat.place }).collect()
    }

    fn hall(&self) -> MutexGuard<'_, Hall> {
        // Nothing in here panics half-way through a change.
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hall {
    /// Puts a note into the mail of every seat that `wants` it, and answers whom to wake.
    fn tell(&mut self, note: Note, wants: impl Fn(u64, &Seat) -> bool) -> Vec<Wake> {
        let mut wakes = Vec::new();
        for (id, seat) in &mut self.seats {
            if !wants(*id, seat) {
                continue;
            }
            if seat.mail.len() >= MAX_MAIL {
                seat.mail.pop_front();
                seat.missed += 1;
            }
            seat.mail.push_back(note.clone());
            if !std::mem::replace(&mut seat.woken, true) {
                wakes.push(Arc::clone(&seat.wake));
            }
        }
        wakes
    }

    /// The user's name as a short single line that nobody else on line has.
    fn free_name(&self, user: &str) -> Arc<str> {
        let mut base = String::new();
        let mut cells = 0;
        for cluster in clusters(one_line(user).trim()) {
            cells += width(cluster);
            if cells > MAX_NAME_CELLS || base.len() > 4 * MAX_NAME_CELLS {
                break;
            }
            base.push_str(cluster);
        }
        if base.is_empty() {
            base.push_str("guest");
        }
        let taken = |name: &str| self.seats.values().any(|seat| *seat.name == *name);
        let mut name = base.clone();
        let mut number = 1;
        while taken(&name) {
            number += 1;
            name = format!("{base}#{number}");
        }
        name.into()
    }
}

impl Ticket {
    pub(crate) fn house(&self) -> &House {
        &self.house
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Takes the next note of this caller's mail.
    pub(crate) fn next_note(&self) -> Option<Note> {
        let mut hall = self.house.hall();
        let seat = hall.seats.get_mut(&self.id)?;
        if seat.missed > 0 {
            return Some(Note::Missed(std::mem::take(&mut seat.missed)));
        }
        let note = seat.mail.pop_front();
        seat.woken = note.is_some();
        note
    }

    /// Tells others where this caller is; going in and out of the chat is announced.
    pub(crate) fn move_to(&self, place: Place) {
        let wakes = {
            let mut hall = self.house.hall();
            let Some(seat) = hall.seats.get_mut(&self.id) else { return };
            let before = std::mem::replace(&mut seat.place, place);
            if before != Place::Chat && place == Place::Chat {
                hall.tell(Note::EnteredChat(self.name.clone()), |id, _| id != self.id)
            } else if before == Place::Chat && place != Place::Chat {
                hall.tell(Note::LeftChat(self.name.clone()), |_, seat| seat.place == Place::Chat)
            } else {
                return;
            }
        };
        ring(wakes);
    }

    /// Says (or, with `/me`, does) something in the chat. The speaker gets the note too, so that
    /// everyone sees the same order.
    pub(crate) fn say(&self, note: Note) {
        let wakes = {
            let mut hall = self.house.hall();
            if hall.recent.len() >= MAX_RECENT {
                hall.recent.pop_front();
            }
            hall.recent.push_back(note.clone());
            hall.tell(note, |_, seat| seat.place == Place::Chat)
        };
        ring(wakes);
    }

    /// The last things said in the chat.
    pub(crate) fn recent(&self) -> Vec<Note> {
        self.house.hall().recent.iter().cloned().collect()
    }

    pub(crate) fn announce_post(&self, board: &'static str, title: &str) {
        let note = Note::Posted { who: self.name.clone(), board, title: title.into() };
        let wakes = self.house.hall().tell(note, |id, _| id != self.id);
        ring(wakes);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let wakes = {
            let mut hall = self.house.hall();
            hall.seats.remove(&self.id);
            hall.tell(Note::Left(self.name.clone()), |_, _| true)
        };
        ring(wakes);
    }
}

/// Outside of every lock of the house: what is woken may come back at once.
fn ring(wakes: Vec<Wake>) {
    for wake in wakes {
        wake();
    }
}
