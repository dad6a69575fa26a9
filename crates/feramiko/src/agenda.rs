//! Which method of authentication is next. Pure: knows no keys and no secrets, only of which kind they are.
//!
//! What the user declared is tried in the order of the declaration, as far as the server takes it, and again
//! after each partial success (RFC 4252 section 5.1), because a server may want the steps in another order than
//! the user named them. It ends: each success uses a credential up, each credential is refused at most `tries`
//! times between two successes, and all attempts together are bounded.

/// The most attempts of one login, whatever the server says.
const MAX_ATTEMPTS: usize = 64;

/// A method, as its name on the wire (RFC 4252 sections 5.2, 7 and 8, RFC 4256).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    None,
    PublicKey,
    Password,
    Interactive,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PublicKey => "publickey",
            Self::Password => "password",
            Self::Interactive => "keyboard-interactive",
        }
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
    /// Ask what the server takes: there is nothing to show.
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many refusals since the last success.
    Open(u32),
    Used,
}

impl Agenda {
    pub(crate) fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let entries = entries.into_iter().map(|entry| (entry, State::Open(0))).collect();
        Self { entries, allowed: None, attempts: 0 }
    }

    /// The next step. Tell its outcome by `refused`, `partial` or `drop_out` before asking again.
    pub(crate) fn next(&mut self) -> Next {
        if self.attempts >= MAX_ATTEMPTS {
            return Next::GiveUp;
        }
        let next = self.entries.iter().enumerate().find_map(|(number, (entry, state))| match state {
            State::Open(refusals) if *refusals < entry.tries => {
                self.method_for(entry).map(|method| Next::Try(number, method))
            }
            _ => None,
        });
        let next = match next {
            Some(next) => next,
            None if self.attempts == 0 => Next::AskWhat,
            None => Next::GiveUp,
        };
        self.attempts += 1;
        next
    }

    /// The server said no, and what it would take.
    pub(crate) fn refused(&mut self, number: Option<usize>, remaining: Vec<String>) {
        if let Some((entry, State::Open(refusals))) = number.and_then(|number| self.entries.get_mut(number)) {
            let takes = |method: Method| remaining.iter().any(|name| name == method.name());
            match entry.instead.filter(|instead| takes(*instead) && !takes(entry.method)) {
                // It was the method that was refused, and not what was shown.
                Some(instead) => (entry.method, entry.instead) = (instead, None),
                None => *refusals += 1,
            }
        }
        self.allowed = Some(remaining);
    }

    /// The server said yes, and what must follow. Whatever was refused before may fit now.
    pub(crate) fn partial(&mut self, number: Option<usize>, remaining: Vec<String>) {
        if let Some((_, state)) = number.and_then(|number| self.entries.get_mut(number)) {
            *state = State::Used;
        }
        for (_, state) in &mut self.entries {
            if let State::Open(refusals) = state {
                *refusals = 0;
            }
        }
        self.allowed = Some(remaining);
    }

    /// The entry cannot be used at all: a file that cannot be read, a person who does not answer.
    pub(crate) fn drop_out(&mut self, number: usize) {
        if let Some((_, state)) = self.entries.get_mut(number) {
            *state = State::Used;
        }
    }

    /// The methods that the server takes, as far as it has said.
    pub(crate) fn allowed(&self) -> &[String] {
        self.allowed.as_deref().unwrap_or_default()
    }

    /// The entries that were never refused and never used, because the server takes no such method.
    pub(crate) fn untried(&self) -> impl Iterator<Item = usize> {
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, (_, state))| *state == State::Open(0))
            .map(|(number, _)| number)
    }

    fn method_for(&self, entry: &Entry) -> Option<Method> {
        let Some(allowed) = &self.allowed else { return Some(entry.method) };
        let takes = |method: &Method| allowed.iter().any(|name| name == method.name());
        Some(entry.method).filter(takes).or(entry.instead.filter(takes))
    }
}

#[cfg(test)]
mod tests {
    use super::Method::{Interactive, Password, PublicKey};
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn agenda(methods: &[Method]) -> Agenda {
        Agenda::new(methods.iter().map(|method| Entry::once(*method)))
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
        assert_eq!(agenda.untried().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn after_a_partial_success_what_was_refused_too_early_is_tried_again() {
        let mut agenda = agenda(&[Password, PublicKey]);
        assert_eq!(agenda.next(), Next::Try(0, Password));
        agenda.refused(Some(0), names(&["publickey"]));
        assert_eq!(agenda.next(), Next::Try(1, PublicKey));
        agenda.partial(Some(1), names(&["password"]));
        assert_eq!(agenda.next(), Next::Try(0, Password));
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
        let mut agenda = Agenda::new([Entry::once(PublicKey), entry]);
        assert_eq!(agenda.next(), Next::Try(0, PublicKey));
        agenda.refused(Some(0), names(&["keyboard-interactive"]));
        assert_eq!(agenda.next(), Next::Try(1, Interactive));

        // Tried before the server has said what it takes.
        let mut agenda = Agenda::new([entry]);
        assert_eq!(agenda.next(), Next::Try(0, Password));
        agenda.refused(Some(0), names(&["keyboard-interactive"]));
        assert_eq!(agenda.next(), Next::Try(0, Interactive));
        agenda.refused(Some(0), names(&["keyboard-interactive"]));
        assert_eq!(agenda.next(), Next::GiveUp);

        let mut agenda = Agenda::new([entry]);
        agenda.refused(None, names(&["keyboard-interactive", "password"]));
        assert_eq!(agenda.next(), Next::Try(0, Password));
    }

    #[test]
    fn a_person_may_be_asked_again_and_what_dropped_out_stays_out() {
        let asked = Entry { method: Password, instead: None, tries: 3 };
        let mut agenda = Agenda::new([Entry::once(PublicKey), asked]);
        assert_eq!(agenda.next(), Next::Try(0, PublicKey));
        agenda.drop_out(0);
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
            let mut agenda = agenda(&[PublicKey, Password, Interactive, PublicKey]);
            let all = || names(&["publickey", "password", "keyboard-interactive"]);
            let mut steps = 0;
            while let Next::Try(number, _) = agenda.next() {
                steps += 1;
                assert!(steps <= 10, "at most 4 + 3 + 2 + 1 attempts");
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
