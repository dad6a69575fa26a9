//! The door game: the iron run. A small star trader, pure and seeded.
//!
//! Your iron friend stands in the scrapyard of Port 22. Trade between six ports until you can pay
//! the ransom, before the days run out.

use std::fmt;

use super::random::Random;

pub(crate) const PORTS: [&str; 6] = ["Port 22", "Handshake", "Cipher Bay", "Nonce", "Kex", "Salt Flats"];
pub(crate) const GOODS: [Good; 4] = [
    Good { name: "salt", low: 3, high: 11 },
    Good { name: "iron", low: 10, high: 32 },
    Good { name: "tea", low: 38, high: 95 },
    Good { name: "primes", low: 180, high: 420 },
];
pub(crate) const DAYS: u64 = 16;
pub(crate) const HOLD: u64 = 20;
pub(crate) const RANSOM: u64 = 1500;
const START_CREDITS: u64 = 120;
/// What a day that was left over adds to a winner's score.
const DAY_BONUS: u64 = 100;

pub(crate) struct Good {
    pub(crate) name: &'static str,
    low: u64,
    high: u64,
}

/// One voyage.
#[derive(Clone, Debug)]
pub(crate) struct Game {
    random: Random,
    pub(crate) day: u64,
    pub(crate) port: usize,
    pub(crate) credits: u64,
    pub(crate) cargo: [u64; GOODS.len()],
    pub(crate) prices: [u64; GOODS.len()],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Playing,
    /// The friend is free; the score.
    Won(u64),
    /// The days ran out; the score.
    Lost(u64),
}

/// What happened on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Pirates { lost: u64 },
    Customs { paid: u64 },
    Salvage { found: u64 },
    Storm,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pirates { lost: 0 } => f.write_str("Pirates! They find nothing worth taking."),
            Self::Pirates { lost } => write!(f, "Pirates! They take {lost} tons of your cargo."),
            Self::Customs { paid } => write!(f, "The man in the middle wants a toll: {paid} credits."),
            Self::Salvage { found } => write!(f, "A wreck drifts by: you salvage {found} tons of iron."),
            Self::Storm => f.write_str("An ion storm: the passage takes a day longer."),
        }
    }
}

/// Why a trade cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoCredits,
    NoRoom,
    NoCargo,
    Nothing,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCredits => "You cannot pay for that.",
            Self::NoRoom => "Your hold is too small for that.",
            Self::NoCargo => "You have not got that many aboard.",
            Self::Nothing => "Nothing to trade.",
        })
    }
}

impl Game {
    pub(crate) fn new(random: Random) -> Self {
        let mut game = Self {
            random,
            day: 1,
            port: 0,
            credits: START_CREDITS,
            cargo: [0; GOODS.len()],
            prices: [0; GOODS.len()],
        };
        game.set_prices();
        game
    }

    pub(crate) fn outcome(&self) -> Outcome {
        if self.credits >= RANSOM {
            Outcome::Won(self.credits + DAY_BONUS * DAYS.saturating_sub(self.day))
        } else if self.day > DAYS {
            Outcome::Lost(self.credits)
        } else {
            Outcome::Playing
        }
    }

    pub(crate) fn free_hold(&self) -> u64 {
        HOLD.saturating_sub(self.cargo.iter().sum())
    }

    /// Buys `tons`, or as many as go.
    pub(crate) fn buy(&mut self, good: usize, tons: Option<u64>) -> Result<u64, Refusal> {
        let free = self.free_hold();
        let (Some(price), Some(aboard)) = (self.prices.get(good), self.cargo.get_mut(good)) else {
            return Err(Refusal::Nothing);
        };
        let affordable = self.credits / price;
        let tons = tons.unwrap_or(free.min(affordable));
        if tons > free {
            return Err(Refusal::NoRoom);
        }
        if tons > affordable {
            return Err(Refusal::NoCredits);
        }
        if tons == 0 {
            return Err(Refusal::Nothing);
        }
        self.credits -= price * tons;
        *aboard += tons;
        Ok(tons)
    }

    /// Sells `tons`, or all.
    pub(crate) fn sell(&mut self, good: usize, tons: Option<u64>) -> Result<u64, Refusal> {
        let (Some(price), Some(aboard)) = (self.prices.get(good), self.cargo.get_mut(good)) else {
            return Err(Refusal::Nothing);
        };
        let tons = tons.unwrap_or(*aboard);
        if tons > *aboard {
            return Err(Refusal::NoCargo);
        }
        if tons == 0 {
            return Err(Refusal::Nothing);
        }
        *aboard -= tons;
        self.credits += price * tons;
        Ok(tons)
    }

    /// A day's passage to another port.
    pub(crate) fn travel(&mut self, port: usize) -> Option<Event> {
        self.port = port.min(PORTS.len() - 1);
        self.day += 1;
        let event = self.event();
        self.set_prices();
        event
    }

    fn event(&mut self) -> Option<Event> {
        if !self.random.one_in(4) {
            return None;
        }
        Some(match self.random.between(1, 4) {
            1 => {
                let mut lost = 0;
                for aboard in &mut self.cargo {
                    let taken = aboard.div_ceil(4);
                    *aboard -= taken;
                    lost += taken;
                }
                Event::Pirates { lost }
            }
            2 => {
                let paid = self.credits / 10;
                self.credits -= paid;
                Event::Customs { paid }
            }
            3 => {
                let found = self.random.between(1, 6).min(self.free_hold());
                self.cargo[IRON] += found;
                Event::Salvage { found }
            }
            _ => {
                self.day += 1;
                Event::Storm
            }
        })
    }

    fn set_prices(&mut self) {
        for (price, good) in self.prices.iter_mut().zip(&GOODS) {
            *price = self.random.between(good.low, good.high);
        }
    }
}

const IRON: usize = 1;

/// The index of the only good whose name starts like that.
pub(crate) fn good_named(start: &str) -> Option<usize> {
    let start = start.to_lowercase();
    let mut named = GOODS.iter().enumerate().filter(|(_, good)| good.name.starts_with(&start));
    match (named.next(), named.next()) {
        (Some((index, _)), None) if !start.is_empty() => Some(index),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Plays sensibly: sells what stands above its usual price, fills the hold with what stands
    /// furthest below, goes on to the next port. The moves, as a player would type them.
    pub(crate) fn play_well(mut game: Game) -> (Vec<String>, Outcome) {
        let mut moves = Vec::new();
        while game.outcome() == Outcome::Playing {
            for (index, good) in GOODS.iter().enumerate() {
                if game.cargo[index] > 0 && game.prices[index] * 2 > good.low + good.high {
                    game.sell(index, None).unwrap();
                    moves.push(format!("s {}", good.name));
                }
            }
            if game.outcome() != Outcome::Playing {
                break;
            }
            let cheapness = |index: &usize| {
                let good = &GOODS[*index];
                let gain = (good.low + good.high).saturating_sub(game.prices[*index] * 2);
                gain * game.free_hold().min(game.credits / game.prices[*index])
            };
            if let Some(best) = (0..GOODS.len()).max_by_key(cheapness).filter(|index| cheapness(index) > 0) {
                game.buy(best, None).unwrap();
                moves.push(format!("b {}", GOODS[best].name));
            }
            let next = (game.port + 1) % PORTS.len();
            game.travel(next);
            moves.push(format!("g {}", next + 1));
        }
        (moves, game.outcome())
    }

    #[test]
    fn can_be_won_by_skill_but_not_always() {
        let won =
            (0..200).filter(|seed| matches!(play_well(Game::new(Random::new(*seed))).1, Outcome::Won(_)));
        let won = won.count();
        assert!((40..190).contains(&won), "{won} of 200 voyages won");
    }

    #[test]
    fn is_lost_by_doing_nothing() {
        let mut game = Game::new(Random::new(1));
        while game.outcome() == Outcome::Playing {
            game.travel(game.port + 1);
        }
        assert!(matches!(game.outcome(), Outcome::Lost(score) if score <= START_CREDITS));
    }

    #[test]
    fn nobody_trades_what_he_has_not() {
        let mut game = Game::new(Random::new(3));
        assert_eq!(game.sell(0, Some(1)), Err(Refusal::NoCargo));
        assert_eq!(game.sell(0, None), Err(Refusal::Nothing));
        assert_eq!(game.buy(0, Some(HOLD + 1)), Err(Refusal::NoRoom));
        assert_eq!(game.buy(3, Some(1)), Err(Refusal::NoCredits));
        assert_eq!(game.buy(99, None), Err(Refusal::Nothing));
        assert_eq!(game.buy(0, Some(u64::MAX)), Err(Refusal::NoRoom));
        assert_eq!((game.credits, game.free_hold()), (START_CREDITS, HOLD));
    }

    #[test]
    fn the_same_seed_is_the_same_voyage() {
        assert_eq!(play_well(Game::new(Random::new(5))), play_well(Game::new(Random::new(5))));
    }

    #[test]
    fn goods_go_by_their_first_letters() {
        assert_eq!(good_named("i"), Some(1));
        assert_eq!(good_named("Pri"), Some(3));
        assert_eq!(good_named(""), None);
        assert_eq!(good_named("x"), None);
    }
}
