//! The way into the door game and its table of high scores.

use super::date::stamp;
use super::door::{DAYS, GOODS, Game, HOLD, Outcome, PORTS, RANSOM, good_named};
use super::house::Place;
use super::room::{Desk, Room, Step, column, command};
use super::screen::Entry;
use super::text::{Style, Text};

/// One voyage, played.
pub(crate) struct Arcade {
    /// `None` before the first voyage and after each.
    game: Option<Game>,
}

impl Arcade {
    pub(crate) fn new() -> Self {
        Self { game: None }
    }

    fn play(&mut self, desk: &mut Desk<'_>, line: &str) -> Step {
        let Some(game) = &mut self.game else { return Step::Back };
        let (word, rest) = command(line);
        match word.as_str() {
            "b" | "buy" | "s" | "sell" => match trade(game, word.starts_with('b'), rest) {
                Ok(deal) => desk.print(Text::new().plain(deal)),
                Err(why) => desk.warn(&why),
            },
            "g" | "go" => {
                let port = rest.parse().ok().and_then(|number: usize| number.checked_sub(1));
                match port.filter(|port| *port < PORTS.len() && *port != game.port) {
                    Some(port) => {
                        let event = game.travel(port);
                        if let Some(event) = event {
                            desk.print(Text::new().styled(Style::Notice, event.to_string()));
                        }
                        if game.outcome() == Outcome::Playing {
                            show(desk, game);
                        }
                    }
                    None => desk.warn("Go to which port? The numbers are in the list."),
                }
            }
            "q" | "quit" => {
                desk.print(Text::new().plain("You put back into port. The voyage is not counted."));
                return Step::Back;
            }
            _ => show(desk, game),
        }
        let outcome = game.outcome();
        if outcome != Outcome::Playing {
            self.game = None;
            finish(desk, outcome);
        }
        Step::Stay
    }
}

impl Room for Arcade {
    fn place(&self) -> Place {
        Place::Game
    }

    fn enter(&mut self, desk: &mut Desk<'_>) {
        desk.title("The Iron Run");
        desk.print(Text::new().plain(format!(
            "Your iron friend stands in the scrapyard of Port 22, and the yard wants {RANSOM} credits. You have a \
             ship that holds {HOLD} tons, and {DAYS} days."
        )));
        show_scores(desk, 5);
        desk.hint(&[("Enter", "sets sail"), ("Q", "back")]);
    }

    fn prompt(&self) -> Text {
        match &self.game {
            Some(game) => Text::new().plain(format!("Day {}> ", game.day)),
            None => Text::new().plain("Iron Run> "),
        }
    }

    fn answer(&mut self, desk: &mut Desk<'_>, line: &str) -> Step {
        if self.game.is_some() {
            return self.play(desk, line);
        }
        let (word, _) = command(line);
        if matches!(word.as_str(), "q" | "quit") {
            return Step::Back;
        }
        let game = Game::new(desk.house().random());
        show(desk, &game);
        desk.hint(&[
            ("b tea 3", "buys three tons"),
            ("s tea", "sells all"),
            ("g 2", "goes to port 2"),
            ("Q", "gives up"),
        ]);
        self.game = Some(game);
        Step::Stay
    }
}

fn trade(game: &mut Game, buying: bool, rest: &str) -> Result<String, String> {
    let (good, tons) = rest.split_once(' ').unwrap_or((rest, ""));
    let good = good_named(good).ok_or("Trade in salt, iron, tea or primes: b iron 5")?;
    let tons = match tons.trim() {
        "" | "all" | "max" => None,
        tons => Some(tons.parse().map_err(|_| "How many tons?")?),
    };
    let deal = if buying { game.buy(good, tons) } else { game.sell(good, tons) };
    let tons = deal.map_err(|why| why.to_string())?;
    let verb = if buying { "buy" } else { "sell" };
    let name = GOODS.get(good).map_or("", |good| good.name);
    Ok(format!("You {verb} {tons} tons of {name}. {} credits, {} tons free.", game.credits, game.free_hold()))
}

fn show(desk: &mut Desk<'_>, game: &Game) {
    let port = PORTS.get(game.port).copied().unwrap_or_default();
    desk.screen.blank();
    desk.print(
        Text::new()
            .styled(Style::Title, port)
            .plain(format!(", day {} of {DAYS}", game.day))
            .styled(Style::Dim, format!("  {} credits  {} tons free", game.credits, game.free_hold())),
    );
    for ((good, price), aboard) in GOODS.iter().zip(&game.prices).zip(&game.cargo) {
        let text = Text::new().plain(column(good.name, 8)).styled(Style::Bold, format!("{price:>4}"));
        let text = if *aboard > 0 { text.plain(format!("  {aboard} aboard")) } else { text };
        desk.screen.print(Entry::Fixed(text));
    }
    let ports: Vec<String> =
        PORTS.iter().enumerate().map(|(index, port)| format!("{} {port}", index + 1)).collect();
    desk.screen.print(Entry::Line(Text::new().styled(Style::Dim, ports.join("  ")), 2));
}

fn finish(desk: &mut Desk<'_>, outcome: Outcome) {
    desk.screen.blank();
    let points = match outcome {
        Outcome::Won(points) => {
            desk.print(Text::new().styled(Style::Title, "You pay the ransom. Your iron friend is free!"));
            points
        }
        Outcome::Lost(points) => {
            desk.print(Text::new().styled(Style::Warning, "The days have run out. The press comes down."));
            points
        }
        Outcome::Playing => return,
    };
    let answer = desk.house().store().score(desk.ticket.name(), points, desk.house().now());
    let Some(place) = desk.books(answer) else { return };
    let text = match place {
        Some(place) => format!("{points} points: place {place} in the table."),
        None => format!("{points} points."),
    };
    desk.print(Text::new().plain(text));
    show_scores(desk, 10);
    desk.hint(&[("Enter", "sets sail again"), ("Q", "back")]);
}

/// The high-score table.
pub(crate) fn show_scores(desk: &mut Desk<'_>, limit: usize) {
    let answer = desk.house().store().best(limit);
    let Some(best) = desk.books(answer) else { return };
    if best.is_empty() {
        desk.print(Text::new().styled(Style::Dim, "No voyage is in the table yet."));
        return;
    }
    for (index, score) in best.iter().enumerate() {
        let text = Text::new()
            .styled(Style::Dim, format!("{:>3}. ", index + 1))
            .styled(Style::Bold, format!("{:>5} ", score.points))
            .styled(Style::Name, column(&score.who, 20))
            .styled(Style::Dim, format!(" {}", stamp(score.when)));
        desk.screen.print(Entry::Fixed(text));
    }
}
