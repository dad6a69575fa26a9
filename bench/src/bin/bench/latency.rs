//! Small things on an open connection: a command, a keystroke and its echo.

use feramiko_bench::Failure;
use feramiko_bench::job::Work;

use crate::client::Client;
use crate::options::Options;
use crate::pair::{GCM, Meeting, Pair, alternating};
use crate::server::Server;
use crate::statistics::{head, median, row};
use crate::world::World;

const COMMANDS: usize = 200;
const KEYSTROKES: usize = 5000;

/// A figure for each run.
#[derive(Clone, Default)]
struct Figures {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

pub(crate) fn report(world: &World, options: &Options) -> Result<String, Failure> {
    let mut pairs: Vec<Pair> = Pair::against_sshd();
    pairs.extend(Pair::alike());
    pairs.extend([
        Pair { client: Client::Ssh, server: Server::Thread },
        Pair { client: Client::Ssh, server: Server::Russh },
        Pair { client: Client::Ssh2, server: Server::Thread },
        Pair { client: Client::Ssh2, server: Server::Russh },
    ]);
    pairs.retain(|pair| pair.is_wanted(options));
    let kinds = [Work::Exec(options.rounds(COMMANDS)), Work::Echo(options.rounds(KEYSTROKES))];
    let mut figures = vec![vec![Figures::default(); kinds.len()]; pairs.len()];
    for run in 0..options.runs {
        eprintln!("latency: run {} of {}", run + 1, options.runs);
        let order: Vec<usize> = (0..pairs.len()).collect();
        for index in alternating(&order, run) {
            for (&work, figures) in kinds.iter().zip(&mut figures[index]) {
                measure(world, pairs[index], work, figures)?;
            }
        }
    }
    let mut text = "## Latency on an open connection, microseconds p50 / p99\n\n\
        A command is opened, run and closed; a keystroke is one byte there and back (through the pipes of `ssh` where \
        that is the client).\n\n"
        .to_owned();
    text.push_str(&head(["pair", "command", "keystroke echo"]));
    for (pair, kinds) in pairs.iter().zip(&figures) {
        text.push_str(&row(std::iter::once(pair.name()).chain(kinds.iter().map(cell))));
    }
    Ok(text)
}

fn measure(world: &World, pair: Pair, work: Work, figures: &mut Figures) -> Result<(), Failure> {
    if !pair.client.can(work) {
        return Ok(());
    }
    let Meeting { client, .. } = pair.meet(world, GCM, 1, work)?;
    figures.p50.push(client.figure("p50_us").ok_or("a client told no median")?);
    figures.p99.push(client.figure("p99_us").ok_or("a client told no percentile")?);
    Ok(())
}

fn cell(figures: &Figures) -> String {
    if figures.p50.is_empty() {
        return "-".to_owned();
    }
    format!("{:.0} / {:.0}", median(figures.p50.clone()), median(figures.p99.clone()))
}
