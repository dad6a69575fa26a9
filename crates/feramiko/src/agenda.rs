//! Which method of authentication is next. Pure: knows no keys and no secrets, only of which kind they are.
//!
//! What the user declared is tried in the order of the declaration, as far as the server takes it, and again after each
//! partial success (RFC 4252 section 5.1), because a server may want the steps in another order than the user named
//! them. What the server has judged by its merits comes again only behind what it has not seen.
//!
//! Nothing secret is shown before the server has said what it takes: the first question is `none`, unless a key is
//! first. And keys do not use up the patience of a server: when some have been refused, the other methods get their
//! turn before the rest of the keys.
//!
//! It ends: each success uses a credential up, each credential is refused at most `tries` times between two successes,
//! and all attempts together are bounded.

/// The most attempts of one login, whatever the server says.
const MAX_ATTEMPTS: usize = 64;

/// A method, as its name on the wire (RFC 4252 sections 5.2 and 7 to 9, RFC 4256).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    None,
    PublicKey,
    Password,
    Interactive,
    HostBased,
}

impl Method {
    /// Those that prove something, in the order of ssh_config(5)'s names.
    const PROVING: [Self; 4] = [Self::PublicKey, Self::Password, Self::Interactive, Self::HostBased];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PublicKey => "publickey",
            Self::Password => "password",
            Self::Interactive => "keyboard-interactive",
            Self::HostBased => "hostbased",
        }
    }

    /// The method of that name that proves something.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::PROVING.into_iter().find(|method| method.name() == name)
    }
}

/// What an entry of the agenda can be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) method: Method,
    /// Tried when the server does not take `method`.
    pub(crate) instead: Option<Method>,
    /// How often it may be refused between two successes.
    pub(crate) tries: u32,
}

impl Entry {
    pub(crate) fn once(method: Method) -> Self {
        Self { method, instead: None, tries: 1 }
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Try the entry of this number with this method.
    Try(usize, Method),
    /// Ask what the server takes.
    AskWhat,
    /// Nothing is left that the server takes.
    GiveUp,
}

#[derive(Debug)]
pub(crate) struct Agenda {
    entries: Vec<(Entry, State)>,
    /// What the server takes now; `None` while it has not said.
    allowed: Option<Vec<String>>,
    attempts: usize,
    /// Keys that may be refused before other methods get their turn.
    patience: usize,
    refused_keys: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    /// Refusals since the last success.
    refusals: u32,
    /// It has been tried at all.
    tried: bool,
    /// The server took the method when it refused this.
    judged: bool,
    /// Judged before the last success.
    stale: bool,
    used: bool,
}

impl Agenda {
    /// `patience`: how many keys may be refused before other methods get their turn.
    pub(crate) fn new(entries: impl IntoIterator<Item = Entry>, patience: usize) -> Self {
        let entries = entries.into_iter().map(|entry| (entry, State::default())).collect();
        Self { entries, allowed: None, attempts: 0, patience, refused_keys: 0 }
    }

    /// The next step. Tell its outcome by `refused`, `partial` or `drop_out` before asking again.
    pub(crate) fn next(&mut self) -> Next {
        if self.attempts >= MAX_ATTEMPTS {
            return Next::GiveUp;
        }
        self.attempts += 1;
        let next = match self.candidate() {
            Some((_, method)) if self.allowed.is_none() && method != Method::PublicKey => Next::AskWhat,
            Some((number, method)) => Next::Try(number, method),
            None if self.attempts == 1 => Next::AskWhat,
            None => Next::GiveUp,
        };
        if let Next::Try(number, _) = next
            && let Some((_, state)) = self.entries.get_mut(number)
        {
            state.tried = true;
        }
        next
    }

    fn candidate(&self) -> Option<(usize, Method)> {
        let open = |(entry, state): &(Entry, State)| !state.used && state.refusals < entry.tries;
        let candidates = self.entries.iter().enumerate().filter(|(_, one)| open(one));
        let usable = candidates.filter_map(|(number, (entry, state))| {
            let method = self.method_for(entry)?;
            let waits = method == Method::PublicKey && self.refused_keys >= self.patience;
            Some(((waits, state.stale, number), method))
        });
        usable.min_by_key(|(rank, _)| *rank).map(|((_, _, number), method)| (number, method))
    }

    /// The server said no, and what it would take.
    pub(crate) fn refused(&mut self, number: Option<usize>, remaining: Vec<String>) {
        if let Some((entry, state)) = number.and_then(|number| self.entries.get_mut(number)) {
            let takes = |method: Method| remaining.iter().any(|name| name == method.name());
            self.refused_keys += usize::from(entry.method == Method::PublicKey);
            match entry.instead.filter(|instead| takes(*instead) && !takes(entry.method)) {
                // It was the method that was refused, and not what was shown.
                Some(instead) => (entry.method, entry.instead) = (instead, None),
                None => {
                    state.refusals += 1;
                    state.judged = takes(entry.method);
                }
            }
        }
        self.allowed = Some(remaining);
    }

    /// The server said yes, and what must follow. Whatever was refused before may fit now.
    pub(crate) fn partial(&mut self, number: Option<usize>, remaining: Vec<String>) {
        if let Some((_, state)) = number.and_then(|number| self.entries.get_mut(number)) {
            state.used = true;
        }
        for (_, state) in &mut self.entries {
            state.stale |= state.judged && state.refusals > 0;
            state.refusals = 0;
        }
        self.allowed = Some(remaining);
    }

    /// The entry cannot be used at all: a file that cannot be read, a person who does not answer.
    pub(crate) fn drop_out(&mut self, number: usize) {
        if let Some((_, state)) = self.entries.get_mut(number) {
            state.used = true;
        }
    }

    /// The methods that the server takes, as far as it has said.
    pub(crate) fn allowed(&self) -> &[String] {
        self.allowed.as_deref().unwrap_or_default()
    }

    /// The entries that have not been tried, and whether the server would take them.
    pub(crate) fn untried(&self) -> impl Iterator<Item = (usize, bool)> {
        let untried = self.entries.iter().enumerate().filter(|(_, (_, state))| !state.tried && !state.used);
        untried.map(|(number, (entry, _))| (number, self.method_for(entry).is_some()))
    }

    fn method_for(&self, entry: &Entry) -> Option<Method> {
        let Some(allowed) = &self.allowed else { return Some(entry.method) };
        let takes = |method: &Method| allowed.iter().any(|name| name == method.name());
        Some(entry.method).filter(takes).or(entry.instead.filter(takes))
    }
}

#[cfg(test)]
mod tests {
    use super::Method::{HostBased, Interactive, Password, PublicKey};
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn agenda(methods: &[Method]) -> Agenda {
        Agenda::new(methods.iter().map(|method| Entry::once(*method)), 5)
    }

    fn untried(agenda: &Agenda) -> Vec<(usize, bool)> {
        agenda.untried().collect()
    }

    #[test]
    fn the_declared_order_is_followed_as_far_as_the_server_takes_it() {
        let mut agenda = agenda(&[PublicKey, PublicKey, Interactive, Password]);
        assert_eq!(agenda.next(), Next::Try(0, PublicKey));
        agenda.refused(Some(0), names(&["password", "publickey"]));
        assert_eq!(agenda.next(), Next::Try(1, PublicKey));
        agenda.refused(Some(1), names(&["password", "publickey"]));
        assert_eq!(agenda.next(), Next::Try(3, Password));
        agenda.refused(Some(3), names(&["password", "publickey"]));
        assert_eq!(agenda.next(), Next::GiveUp);
        assert_eq!(untried(&agenda), [(2, false)]);
    }

    #[test]
    fn nothing_but_a_key_is_shown_before_the_server_has_said_what_it_takes() {
        for method in [Password, Interactive, HostBased] {
            let mut agenda = agenda(&[method, PublicKey]);
            assert_eq!(agenda.next(), Next::AskWhat);
            agenda.refused(None, names(&["publickey"]));
            assert_eq!(agenda.next(), Next::Try(1, PublicKey));
        }
    }

    #[test]
    fn after_a_partial_success_what_was_refused_too_early_is_tried_in_its_order() {
        let mut agenda = agenda(&[PublicKey, Password, Interactive]);
        assert_eq!(agenda.next(), Next::Try(0, PublicKey));
        agenda.refused(Some(0), names(&["password"]));
        assert_eq!(agenda.next(), Next::Try(1, Password));
        agenda.partial(Some(1), names(&["publickey", "keyboard-interactive"]));
        assert_eq!(agenda.next(), Next::Try(0, PublicKey));
        agenda.partial(Some(0), names(&["keyboard-interactive"]));
        assert_eq!(agenda.next(), Next::Try(2, Interactive));
    }

    #[test]
    fn after_a_partial_success_what_the_server_has_judged_comes_last() {
        let mut agenda = agenda(&[PublicKey, PublicKey, PublicKey]);
        assert_eq!(agenda.next(), Next::Try(0, PublicKey));
        agenda.refused(Some(0), names(&["publickey"]));
        assert_eq!(agenda.next(), Next::Try(1, PublicKey));
        agenda.partial(Some(1), names(&["publickey"]));
        assert_eq!(agenda.next(), Next::Try(2, PublicKey));
        agenda.refused(Some(2), names(&["publickey"]));
        assert_eq!(agenda.next(), Next::Try(0, PublicKey), "it may be the key of the second step");
        agenda.refused(Some(0), names(&["publickey"]));
        assert_eq!(agenda.next(), Next::GiveUp);
    }

    #[test]
    fn a_server_that_wants_two_keys_gets_two_different_ones() {
        let mut agenda = agenda(&[PublicKey, PublicKey]);
        assert_eq!(agenda.next(), Next::Try(0, PublicKey));
        agenda.partial(Some(0), names(&["publickey"]));
        assert_eq!(agenda.next(), Next::Try(1, PublicKey));
        agenda.refused(Some(1), names(&["publickey"]));
        assert_eq!(agenda.next(), Next::GiveUp);
    }

    #[test]
    fn many_keys_leave_patience_for_what_comes_behind_them() {
        let entries = [PublicKey; 4].into_iter().chain([Interactive, Password]).map(Entry::once);
        let mut agenda = Agenda::new(entries, 2);
        let all = || names(&["publickey", "password", "keyboard-interactive"]);
        let mut order = Vec::new();
        while let Next::Try(number, _) = agenda.next() {
            order.push(number);
            agenda.refused(Some(number), all());
            if order.len() == 3 {
                assert_eq!(untried(&agenda), [(2, true), (3, true), (5, true)]);
            }
        }
        assert_eq!(order, [0, 1, 4, 5, 2, 3]);
    }

    #[test]
    fn with_nothing_to_show_the_server_is_asked_once() {
        let mut agenda = agenda(&[]);
        assert_eq!(agenda.next(), Next::AskWhat);
        agenda.refused(None, names(&["publickey"]));
        assert_eq!(agenda.next(), Next::GiveUp);
        assert_eq!(agenda.allowed(), ["publickey"]);
    }

    #[test]
    fn another_method_steps_in_only_where_the_first_is_not_taken() {
        let entry = Entry { method: Password, instead: Some(Interactive), tries: 1 };
        let mut agenda = Agenda::new([Entry::once(PublicKey), entry], 5);
        assert_eq!(agenda.next(), Next::Try(0, PublicKey));
        agenda.refused(Some(0), names(&["keyboard-interactive"]));
        assert_eq!(agenda.next(), Next::Try(1, Interactive));

        // The server takes it no more.
        let mut agenda = Agenda::new([entry], 5);
        assert_eq!(agenda.next(), Next::AskWhat);
        agenda.refused(None, names(&["keyboard-interactive", "password"]));
        assert_eq!(agenda.next(), Next::Try(0, Password));
        agenda.refused(Some(0), names(&["keyboard-interactive"]));
        assert_eq!(agenda.next(), Next::Try(0, Interactive));
        agenda.refused(Some(0), names(&["keyboard-interactive"]));
        assert_eq!(agenda.next(), Next::GiveUp);
    }

    #[test]
    fn a_person_may_be_asked_again_and_what_dropped_out_stays_out() {
        let asked = Entry { method: Password, instead: None, tries: 3 };
        let mut agenda = Agenda::new([Entry::once(PublicKey), asked], 5);
        assert_eq!(agenda.next(), Next::Try(0, PublicKey));
        agenda.drop_out(0);
        assert_eq!(agenda.next(), Next::AskWhat);
        agenda.refused(None, names(&["password", "publickey"]));
        for _ in 0..3 {
            assert_eq!(agenda.next(), Next::Try(1, Password));
            agenda.refused(Some(1), names(&["password", "publickey"]));
        }
        assert_eq!(agenda.next(), Next::GiveUp);
        agenda.partial(None, names(&["publickey"]));
        assert_eq!(agenda.next(), Next::GiveUp);
    }

    #[test]
    fn defect_099_no_server_makes_it_go_on_for_ever() {
        // One that refuses all, one that calls every step partial, one that mixes them.
        for answer in 0..3 {
            let mut agenda = agenda(&[PublicKey, Password, Interactive, PublicKey, HostBased]);
            let all = || names(&["publickey", "password", "keyboard-interactive", "hostbased"]);
            let mut steps = 0;
            while let Next::Try(number, _) = agenda.next() {
                steps += 1;
                assert!(steps <= 15, "at most 5 + 4 + 3 + 2 + 1 attempts");
                match (answer, steps % 2) {
                    (0, _) | (2, 0) => agenda.refused(Some(number), all()),
                    _ => agenda.partial(Some(number), all()),
                }
            }
        }
        // One that grants partial successes of a step that nobody took.
        let mut agenda = agenda(&[Password]);
        let mut steps = 0;
        while agenda.next() != Next::GiveUp {
            steps += 1;
            agenda.partial(None, names(&["password"]));
        }
        assert!(steps <= MAX_ATTEMPTS);
    }
}
