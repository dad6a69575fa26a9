//! What limits the use of a key in an agent: RFC 9987 section 5.2, PROTOCOL.agent section 2.

use std::time::Duration;

use feramiko_wire::{Reader, Writer};

use crate::KeyError;

const PLACE: &str = "constraint of an agent key";
const RESTRICT_DESTINATION: &str = "restrict-destination-v00@openssh.com";

const LIFETIME: u8 = 1;
const CONFIRM: u8 = 2;
const EXTENSION: u8 = 255;

/// Destinations of one key, as OpenSSH bounds them.
const MAX_DESTINATIONS: usize = 1024;
/// Bytes of a pattern of user names, as OpenSSH bounds them.
const MAX_USER: usize = 256;

/// What limits the use of a key in an agent. By default nothing does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraints {
    /// The agent forgets the key after so long; whole seconds on the wire, rounded up.
    pub lifetime: Option<Duration>,
    /// The agent asks its user before each signature.
    pub confirm: bool,
    /// Where the key may be used (`restrict-destination-v00@openssh.com`); anywhere when empty.
    pub destinations: Vec<Destination>,
}

/// A step that a key may be used for: from one host to another (PROTOCOL.agent section 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Where the step begins: [`Hop::origin`] is the machine of the agent.
    pub from: Hop,
    /// Where it leads.
    pub to: Hop,
}

/// One end of a [`Destination`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hop {
    /// Users that may be logged in as: a pattern with `*` and `?`; anybody when empty. Always empty in
    /// [`Destination::from`].
    pub user: String,
    /// The host's name: for people, and for host certificates.
    pub host: String,
    /// The host's keys, and those who certify them.
    pub keys: Vec<HopKey>,
}

/// A key that tells a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopKey {
    /// The public key's blob.
    pub key: Vec<u8>,
    /// Whether it certifies host keys rather than being one.
    pub is_ca: bool,
}

impl Constraints {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn encode(&self, writer: &mut Writer<'_>) {
        if let Some(lifetime) = self.lifetime {
            let seconds = lifetime.as_secs() + u64::from(lifetime.subsec_nanos() > 0);
            writer.u8(LIFETIME);
            writer.u32(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        if self.confirm {
            writer.u8(CONFIRM);
        }
        if !self.destinations.is_empty() {
            writer.u8(EXTENSION);
            writer.string(RESTRICT_DESTINATION.as_bytes());
            writer.nested(|list| self.destinations.iter().for_each(|item| item.encode(list)));
        }
    }

    /// Reads all that is left. A constraint that is not known, comes twice or contradicts itself refuses the whole:
    /// what somebody meant to limit must not be held without limit.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        let damaged = KeyError::damaged_by(PLACE);
        let refused = |problem| Err(KeyError::damaged(PLACE, problem));
        let mut constraints = Self::default();
        while !reader.is_empty() {
            match reader.u8().map_err(&damaged)? {
                LIFETIME if constraints.lifetime.is_none() => {
                    let seconds = reader.u32().map_err(&damaged)?;
                    constraints.lifetime = Some(Duration::from_secs(seconds.into()));
                }
                CONFIRM if !constraints.confirm => constraints.confirm = true,
                EXTENSION => {
                    if reader.string().map_err(&damaged)? != RESTRICT_DESTINATION.as_bytes() {
                        return refused("an extension that is not known here");
                    }
                    if !constraints.destinations.is_empty() {
                        return refused("it comes twice");
                    }
                    let list = reader.string().map_err(&damaged)?;
                    constraints.destinations = destinations(list)?;
                }
                LIFETIME | CONFIRM => return refused("it comes twice"),
                _ => return refused("its kind is not known here"),
            }
        }
        Ok(constraints)
    }
}

fn destinations(list: &[u8]) -> Result<Vec<Destination>, KeyError> {
    let mut reader = Reader::new(list);
    let mut destinations = Vec::new();
    while !reader.is_empty() {
        if destinations.len() == MAX_DESTINATIONS {
            return Err(KeyError::damaged(PLACE, "too many destinations"));
        }
        destinations.push(Destination::decode(reader.string().map_err(KeyError::damaged_by(PLACE))?)?);
    }
    match destinations.is_empty() {
        // Taken for "no constraint", it would let the key be used anywhere.
        true => Err(KeyError::damaged(PLACE, "no destination in a list of destinations")),
        false => Ok(destinations),
    }
}

impl Destination {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.nested(|fields| {
            fields.nested(|hop| self.from.encode(hop));
            fields.nested(|hop| self.to.encode(hop));
            fields.string(b"");
        });
    }

    fn decode(fields: &[u8]) -> Result<Self, KeyError> {
        let damaged = KeyError::damaged_by(PLACE);
        let mut reader = Reader::new(fields);
        let from = Hop::decode(reader.string().map_err(&damaged)?)?;
        let to = Hop::decode(reader.string().map_err(&damaged)?)?;
        reserved(&mut reader)?;
        reader.finish().map_err(damaged)?;
        if !from.user.is_empty() || from.host.is_empty() != from.keys.is_empty() {
            return Err(KeyError::damaged(
                PLACE,
                "the beginning of a step is a host with its keys, or nothing",
            ));
        }
        if to.host.is_empty() || to.keys.is_empty() {
            return Err(KeyError::damaged(PLACE, "the end of a step has a host and its keys"));
        }
        Ok(Self { from, to })
    }
}

impl Hop {
    /// The machine that the agent is on.
    pub fn origin() -> Self {
        Self::default()
    }

    pub(crate) fn is_origin(&self) -> bool {
        self.host.is_empty() && self.keys.is_empty()
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(self.user.as_bytes());
        writer.string(self.host.as_bytes());
        writer.string(b"");
        for key in &self.keys {
            writer.string(&key.key);
            writer.boolean(key.is_ca);
        }
    }

    fn decode(fields: &[u8]) -> Result<Self, KeyError> {
        let damaged = KeyError::damaged_by(PLACE);
        let mut reader = Reader::new(fields);
        let user = text(&mut reader)?;
        let host = text(&mut reader)?;
        reserved(&mut reader)?;
        if user.len() > MAX_USER {
            return Err(KeyError::damaged(PLACE, "the pattern of user names is too long"));
        }
        let mut keys = Vec::new();
        while !reader.is_empty() {
            let key = reader.string().map_err(&damaged)?.to_vec();
            if key.is_empty() {
                return Err(KeyError::damaged(PLACE, "a host key is empty"));
            }
            keys.push(HopKey { key, is_ca: reader.boolean().map_err(&damaged)? });
        }
        Ok(Self { user, host, keys })
    }
}

fn text(reader: &mut Reader<'_>) -> Result<String, KeyError> {
    let text = reader.utf8().map_err(KeyError::damaged_by(PLACE))?;
    if text.contains('\0') {
        return Err(KeyError::damaged(PLACE, "a name with NUL in it"));
    }
    Ok(text.to_owned())
}

fn reserved(reader: &mut Reader<'_>) -> Result<(), KeyError> {
    match reader.string().map_err(KeyError::damaged_by(PLACE))? {
        [] => Ok(()),
        _ => Err(KeyError::damaged(PLACE, "a field that is reserved is in use")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(user: &str, host: &str, key: &[u8]) -> Hop {
        let keys = vec![HopKey { key: key.to_vec(), is_ca: false }];
        Hop { user: user.to_owned(), host: host.to_owned(), keys }
    }

    fn encoded(constraints: &Constraints) -> Vec<u8> {
        let mut bytes = Vec::new();
        constraints.encode(&mut Writer::new(&mut bytes));
        bytes
    }

    fn decoded(bytes: &[u8]) -> Result<Constraints, KeyError> {
        Constraints::decode(&mut Reader::new(bytes))
    }

    fn full() -> Constraints {
        Constraints {
            lifetime: Some(Duration::from_secs(90)),
            confirm: true,
            destinations: vec![
                Destination { from: Hop::origin(), to: hop("ro?ey", "one", b"ONE") },
                Destination { from: hop("", "one", b"ONE"), to: hop("", "two", b"TWO") },
            ],
        }
    }

    #[test]
    fn constraints_read_what_they_wrote() {
        assert_eq!(decoded(&encoded(&full())).unwrap(), full());
        assert!(decoded(b"").unwrap().is_empty());
        let part = Constraints { lifetime: Some(Duration::from_millis(1500)), ..Constraints::default() };
        assert_eq!(
            encoded(&part),
            [1, 0, 0, 0, 2],
            "a lifetime is never longer on paper than meant, nor zero"
        );
    }

    #[test]
    fn defect_120_an_unknown_constraint_refuses_the_whole() {
        let other = |name: &str| {
            let mut bytes = vec![EXTENSION];
            Writer::new(&mut bytes).string(name.as_bytes());
            Writer::new(&mut bytes).string(b"");
            bytes
        };
        let unknown: [Vec<u8>; 6] = [
            vec![0],
            vec![3, 0, 0, 0, 1],
            vec![254],
            other("sk-provider@openssh.com"),
            other("associated-certs-v00@openssh.com"),
            other("restrict-destination-v01@openssh.com"),
        ];
        for bytes in &unknown {
            assert!(decoded(bytes).is_err(), "{bytes:?}");
            // Neither before nor behind one that is known.
            assert!(decoded(&[&[CONFIRM], &bytes[..]].concat()).is_err(), "{bytes:?}");
            assert!(decoded(&[&bytes[..], &[CONFIRM]].concat()).is_err(), "{bytes:?}");
        }
        assert!(decoded(&other(RESTRICT_DESTINATION)).is_err(), "no destination is not any destination");
    }

    #[test]
    fn a_constraint_that_comes_twice_or_is_cut_is_refused() {
        let one = encoded(&full());
        for end in 1..one.len() {
            // Cut between two constraints it is whole again, and shorter.
            if let Ok(shorter) = decoded(&one[..end]) {
                assert_ne!(shorter, full());
            }
        }
        assert!(decoded(&[2, 2]).is_err());
        assert!(decoded(&[1, 0, 0, 0, 1, 1, 0, 0, 0, 1]).is_err());
        assert!(decoded(&[&one[..], &one[6..]].concat()).is_err());
    }

    #[test]
    fn steps_without_an_end_or_with_half_a_beginning_are_refused() {
        let whole = hop("", "host", b"KEY");
        let nameless = Hop { host: String::new(), ..whole.clone() };
        let keyless = Hop { keys: Vec::new(), ..whole.clone() };
        let with_user = hop("robey", "host", b"KEY");
        for (from, to) in [
            (Hop::origin(), Hop::origin()),
            (Hop::origin(), nameless.clone()),
            (Hop::origin(), keyless.clone()),
            (nameless, whole.clone()),
            (keyless, whole.clone()),
            (with_user, whole.clone()),
            (Hop::origin(), hop(&"x".repeat(257), "host", b"KEY")),
            (Hop::origin(), hop("", "ho\0st", b"KEY")),
            (Hop::origin(), hop("", "host", b"")),
        ] {
            let constraints = Constraints {
                destinations: vec![Destination { from: from.clone(), to: to.clone() }],
                ..Constraints::default()
            };
            assert!(decoded(&encoded(&constraints)).is_err(), "{from:?} {to:?}");
        }
        let step = Destination { from: Hop::origin(), to: whole };
        let many = |count| Constraints { destinations: vec![step.clone(); count], ..Constraints::default() };
        assert!(decoded(&encoded(&many(1024))).is_ok());
        assert!(decoded(&encoded(&many(1025))).is_err());
    }
}
