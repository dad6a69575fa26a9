//! Connections a second: connect, authenticate with a key, leave.

use feramiko_bench::Failure;
use feramiko_bench::job::Work;

use crate::client::Client;
use crate::options::Options;
use crate::pair::{Algorithms, GCM, HYBRID, Meeting, Pair, alternating};
use crate::server::Server;
use crate::statistics::{head, median, row};
use crate::world::World;

/// Connections of one run: those to sshd are slow, and so are processes.
const MANY: usize = 800;
const FEW: usize = 80;
const PARALLEL: usize = 8;
/// Threads of runtimes when several connections are under way.
const THREADS: usize = 2;

/// The columns: one at a time and eight at a time, without a command and with one.
const KINDS: [(usize, bool); 4] = [(1, false), (PARALLEL, false), (1, true), (PARALLEL, true)];

#[derive(Clone, Copy)]
struct Contest {
    pair: Pair,
    algorithms: Algorithms,
    note: &'static str,
}

/// What one kind of one contest came to, a figure for each run.
#[derive(Clone, Default)]
struct Figures {
    per_second: Vec<f64>,
    client_ms: Vec<f64>,
    server_ms: Vec<f64>,
}

fn contests(options: &Options) -> Vec<Contest> {
    let hybrid = Algorithms { kex: HYBRID, ..GCM };
    let contest = |client, server| Contest { pair: Pair { client, server }, algorithms: GCM, note: "" };
    let mut all: Vec<Contest> = Pair::against_sshd()
        .into_iter()
        .chain([
            Pair { client: Client::Ssh, server: Server::Thread },
            Pair { client: Client::Ssh, server: Server::Russh },
        ])
        .chain(Pair::alike())
        .map(|pair| contest(pair.client, pair.server))
        .collect();
    for (client, server) in [(Client::Thread, Server::Thread), (Client::Russh, Server::Russh)] {
        all.push(Contest { algorithms: hybrid, note: ", mlkem768x25519", ..contest(client, server) });
    }
    all.push(contest(Client::Ssh2, Server::Russh));
    all.push(contest(Client::Ssh2, Server::Thread));
    all.retain(|contest| contest.pair.is_wanted(options));
    all
}

pub(crate) fn report(world: &World, options: &Options) -> Result<String, Failure> {
    let contests = contests(options);
    let mut figures = vec![vec![Figures::default(); KINDS.len()]; contests.len()];
    for run in 0..options.runs {
        eprintln!("connections: run {} of {}", run + 1, options.runs);
        let order: Vec<usize> = (0..contests.len()).collect();
        for index in alternating(&order, run) {
            for (kind, figures) in KINDS.into_iter().zip(&mut figures[index]) {
                measure(world, options, contests[index], kind, figures)?;
            }
        }
    }
    Ok(write(&contests, &figures))
}

fn measure(
    world: &World,
    options: &Options,
    contest: Contest,
    (parallel, exec): (usize, bool),
    figures: &mut Figures,
) -> Result<(), Failure> {
    let Contest { pair, algorithms, .. } = contest;
    let slow = pair.server == Server::Sshd || pair.client == Client::Ssh;
    let count = options.rounds(if slow { FEW } else { MANY }).next_multiple_of(PARALLEL);
    let count = if slow && parallel == 1 { count / 2 } else { count };
    let work = Work::Connect { count, parallel, exec };
    if !pair.client.can(work) {
        return Ok(());
    }
    let Meeting { client, server } = pair.meet(world, algorithms, THREADS, work)?;
    let seconds = client.figure("seconds").ok_or("a client told no time")?;
    figures.per_second.push(count as f64 / seconds);
    figures.client_ms.push(client.cpu.as_secs_f64() * 1e3 / count as f64);
    figures.server_ms.push(server.cpu.as_secs_f64() * 1e3 / count as f64);
    Ok(())
}

fn write(contests: &[Contest], figures: &[Vec<Figures>]) -> String {
    let mut text = "## Connections a second (curve25519, ed25519)\n\n\
        One at a time / eight at a time; CPU ms of each connection at eight (without a command where there is one \
        such figure). `ssh` is a process for each connection.\n\n"
        .to_owned();
    text.push_str(&head(["pair", "connect", "with one command", "client CPU ms", "server CPU ms"]));
    for (contest, kinds) in contests.iter().zip(figures) {
        let [one, eight, one_exec, eight_exec] = kinds.as_slice() else { continue };
        let busiest = if eight.per_second.is_empty() { eight_exec } else { eight };
        text.push_str(&row([
            format!("{}{}", contest.pair.name(), contest.note),
            format!("{} / {}", figure(&one.per_second, 0), figure(&eight.per_second, 0)),
            format!("{} / {}", figure(&one_exec.per_second, 0), figure(&eight_exec.per_second, 0)),
            figure(&busiest.client_ms, 2),
            figure(&busiest.server_ms, 2),
        ]));
    }
    text
}

fn figure(runs: &[f64], digits: usize) -> String {
    if runs.is_empty() { "-".to_owned() } else { format!("{:.digits$}", median(runs.to_vec())) }
}
