//! Which algorithm met which foreign implementation.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::algorithms::{Category, NO_CLIENT, NO_SERVER, names};
use crate::peer::{Direction, Foreign};

type Cell = (Category, &'static str, Foreign, Direction);

/// The results, gathered from as many threads as one likes.
#[derive(Debug, Default)]
pub struct Matrix {
    cells: Mutex<BTreeMap<Cell, Result<(), String>>>,
}

impl Matrix {
    /// Every (category, algorithm) that `peer` has in the role that `direction` gives it: what there is to test.
    pub fn wanted(peer: Foreign, direction: Direction) -> Vec<(Category, &'static str)> {
        let all = Category::ALL
            .into_iter()
            .flat_map(|category| names(category).iter().map(move |name| (category, *name)));
        all.filter(|(category, name)| peer.supports(direction, *category, name)).collect()
    }

    /// Enters a result.
    pub fn record(
        &self,
        peer: Foreign,
        direction: Direction,
        category: Category,
        name: &'static str,
        result: Result<(), String>,
    ) {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.insert((category, name, peer, direction), result);
    }

    /// The table, and what is wrong with it: failures, cells left empty, algorithms that nobody else has.
    ///
    /// `>` is our client at their server, `<` their client at our server; `ok` worked, `-` the peer does not have it.
    pub fn table(&self) -> (String, Vec<String>) {
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = String::new();
        let mut wrong = Vec::new();
        let width = 38;
        for category in Category::ALL {
            let _ = write!(table, "\n{:width$}", category.title());
            for peer in Foreign::ALL {
                let _ = write!(table, "{:18}", peer.version());
            }
            let _ = write!(table, "\n{:width$}", "");
            for _ in Foreign::ALL {
                let _ = write!(table, "{:5}{:13}", ">", "<");
            }
            table.push('\n');
            for name in names(category) {
                let _ = write!(table, "{name:width$}");
                for peer in Foreign::ALL {
                    for (direction, width) in Direction::BOTH.into_iter().zip([5, 13]) {
                        let mark = match cells.get(&(category, *name, peer, direction)) {
                            Some(Ok(())) => "ok",
                            Some(Err(_)) => "FAIL",
                            None if peer.supports(direction, category, name) => "",
                            None => "-",
                        };
                        let _ = write!(table, "{mark:width$}");
                    }
                }
                table.truncate(table.trim_end().len());
                table.push('\n');
                wrong.extend(Self::faults(&cells, category, name));
            }
        }
        (table, wrong)
    }

    fn faults(
        cells: &BTreeMap<Cell, Result<(), String>>,
        category: Category,
        name: &'static str,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        for direction in Direction::BOTH {
            let role = if direction == Direction::OurClient { "our client at" } else { "our server for" };
            let title = category.title();
            let mut met = 0;
            for peer in Foreign::ALL {
                let version = peer.version();
                match cells.get(&(category, name, peer, direction)) {
                    Some(Ok(())) => met += 1,
                    Some(Err(why)) => faults.push(format!("{title} {name}, {role} {version}: {why}")),
                    None if peer.supports(direction, category, name) => {
                        faults.push(format!("{title} {name}, {role} {version}: not tried"));
                    }
                    None => {}
                }
            }
            let excused = match direction {
                Direction::OurClient => NO_SERVER,
                Direction::OurServer => NO_CLIENT,
            };
            if let Some((_, reason)) = excused.iter().find(|(excused, _)| *excused == name) {
                println!("{title} {name}: {role} nobody: {reason}");
            } else if met == 0 {
                faults.push(format!("{title} {name}: {role} nobody"));
            }
        }
        faults
    }

    /// Prints the table.
    ///
    /// # Panics
    /// If anything in it is wrong: see [`table`](Self::table).
    pub fn finish(&self) {
        let (table, wrong) = self.table();
        println!("{table}");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
