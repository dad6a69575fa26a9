//! Much data through one channel.

use std::process::Command;

use feramiko_bench::Failure;
use feramiko_bench::job::Work;
use feramiko_bench::process;

use crate::options::Options;
use crate::pair::{Algorithms, CURVE, ETM, GCM, Meeting, Pair, alternating};
use crate::statistics::{head, median, ratio, row};
use crate::world::World;

/// Bytes that times of CPU are given for.
const GIB: f64 = (1_u64 << 30) as f64;
/// Meetings that move nothing, whose median is what connecting and ending take.
const EMPTY: usize = 3;

/// A cipher, its short name, and what seals it in the program that shows the limit: the fastest library.
const CIPHERS: [(&str, Algorithms, &[&str]); 3] = [
    ("gcm", GCM, &["aes256-gcm/ring", "aes256-gcm/aws-lc"]),
    (
        "chacha",
        Algorithms { kex: CURVE, cipher: "chacha20-poly1305@openssh.com", mac: ETM },
        &["chacha20/aws-lc", "chacha20/ring"],
    ),
    ("ctr", Algorithms { kex: CURVE, cipher: "aes128-ctr", mac: ETM }, &["aes128-ctr+hmac/aws-lc"]),
];
const DIRECTIONS: [&str; 2] = ["down", "up"];

/// One column: a cipher in a direction.
struct Column {
    title: String,
    rows: Vec<(Pair, Figures)>,
    /// MB/s of sealed TCP with many packets to a write, and the CPU time of both sides.
    limit: Figures,
}

/// One figure for each run.
#[derive(Clone, Debug, Default)]
struct Figures {
    speed: Vec<f64>,
    client_cpu: Vec<f64>,
    server_cpu: Vec<f64>,
    client_rss: Vec<f64>,
    server_rss: Vec<f64>,
}

impl Figures {
    fn add(&mut self, meeting: &Meeting, empty: &Empty, bytes: u64) {
        let wall = (meeting.client.wall.as_secs_f64() - empty.wall).max(1e-6);
        let share = GIB / bytes as f64;
        self.speed.push(bytes as f64 / 1e6 / wall);
        self.client_cpu.push((meeting.client.cpu.as_secs_f64() - empty.client_cpu) * share);
        self.server_cpu.push((meeting.server.cpu.as_secs_f64() - empty.server_cpu) * share);
        self.client_rss.push(meeting.client.rss_bytes as f64 / 1e6);
        self.server_rss.push(meeting.server.rss_bytes as f64 / 1e6);
    }

    fn both_cpu(&self) -> Vec<f64> {
        self.client_cpu.iter().zip(&self.server_cpu).map(|(client, server)| client + server).collect()
    }
}

/// What a meeting takes that moves nothing.
struct Empty {
    wall: f64,
    client_cpu: f64,
    server_cpu: f64,
}

impl Empty {
    fn of(meetings: &[Meeting]) -> Self {
        let middle = |figure: fn(&Meeting) -> f64| median(meetings.iter().map(figure));
        Self {
            wall: middle(|meeting| meeting.client.wall.as_secs_f64()),
            client_cpu: middle(|meeting| meeting.client.cpu.as_secs_f64()),
            server_cpu: middle(|meeting| meeting.server.cpu.as_secs_f64()),
        }
    }
}

pub(crate) fn report(world: &World, options: &Options) -> Result<String, Failure> {
    let names = CIPHERS.map(|(name, ..)| name);
    let mut columns = Vec::new();
    for (name, algorithms, seals) in CIPHERS {
        for direction in DIRECTIONS {
            if options.wants_of(name, &names) && options.wants_of(direction, &DIRECTIONS) {
                eprintln!("bulk: {name} {direction}");
                columns.push(measure(world, options, name, direction, algorithms, seals)?);
            }
        }
    }
    Ok(write(&columns, options.bytes))
}

fn measure(
    world: &World,
    options: &Options,
    name: &str,
    direction: &str,
    algorithms: Algorithms,
    seals: &[&str],
) -> Result<Column, Failure> {
    let work = |bytes| if direction == "down" { Work::Download(bytes) } else { Work::Upload(bytes) };
    let mut pairs: Vec<Pair> = Vec::new();
    for pair in [Pair::against_sshd(), Pair::from_ssh(), Pair::alike()].concat() {
        if pair.is_wanted(options) && !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    let mut rows = Vec::new();
    for &pair in &pairs {
        let meetings: Result<Vec<_>, _> =
            (0..EMPTY).map(|_| pair.meet(world, algorithms, 1, work(0))).collect();
        rows.push((pair, Empty::of(&meetings?), Figures::default()));
    }
    let mut limit = Figures::default();
    for run in 0..options.runs {
        let order: Vec<usize> = (0..rows.len()).collect();
        for index in alternating(&order, run) {
            let (pair, empty, figures) = &mut rows[index];
            let meeting = pair.meet(world, algorithms, 1, work(options.bytes))?;
            figures.add(&meeting, empty, options.bytes);
        }
        add_limit(world, &mut limit, seals, options.bytes)?;
    }
    let rows = rows.into_iter().map(|(pair, _, figures)| (pair, figures)).collect();
    Ok(Column { title: format!("{name} {direction}"), rows, limit })
}

/// Measures sealed TCP with each library, and keeps the faster.
fn add_limit(world: &World, limit: &mut Figures, seals: &[&str], bytes: u64) -> Result<(), Failure> {
    let (mut speed, mut cpu) = (0.0, 0.0);
    for seal in seals {
        let mut command = Command::new(world.program("sealed_tcp"));
        command.args([seal, "8", &bytes.to_string()]);
        let usage = process::run(command, true)?;
        let told = usage.figure("mb_per_s").ok_or("sealed_tcp told no speed")?;
        if told > speed {
            (speed, cpu) = (told, usage.figure("cpu_s").ok_or("sealed_tcp told no time")?);
        }
    }
    limit.speed.push(speed);
    limit.client_cpu.push(cpu * GIB / bytes as f64);
    limit.server_cpu.push(0.0);
    Ok(())
}

fn write(columns: &[Column], bytes: u64) -> String {
    let mut text = format!("## Bulk: {} MiB through one channel\n\n", bytes >> 20);
    let titles = |first: &str, last: &[&str]| {
        let titles = columns.iter().map(|column| column.title.as_str());
        head(std::iter::once(first).chain(titles).chain(last.iter().copied()))
    };
    let group = |pairs: Vec<Pair>| -> Vec<Pair> {
        let measured = |pair: &Pair| columns.iter().all(|column| figures(column, *pair).is_some());
        pairs.into_iter().filter(measured).collect()
    };

    text.push_str("Client against sshd: MB/s; client CPU s for 1 GiB.\n\n");
    text.push_str(&titles("client", &["RSS MB"]));
    for pair in group(Pair::against_sshd()) {
        let cells = columns.iter().map(|column| beside_openssh(column, pair, |figures| &figures.client_cpu));
        let rss = memory(columns, pair, |figures| &figures.client_rss);
        text.push_str(&row(std::iter::once(pair.client.name().to_owned()).chain(cells).chain([rss])));
    }

    text.push_str(
        "\n`ssh` against a server: MB/s; server CPU s for 1 GiB (sshd's with the command it runs).\n\n",
    );
    text.push_str(&titles("server", &["RSS MB"]));
    for pair in group(Pair::from_ssh()) {
        let cells = columns.iter().map(|column| beside_openssh(column, pair, |figures| &figures.server_cpu));
        let rss = memory(columns, pair, |figures| &figures.server_rss);
        text.push_str(&row(std::iter::once(pair.server.name().to_owned()).chain(cells).chain([rss])));
    }

    text.push_str("\nBoth ends the same: MB/s (share of the limit); CPU s of both for 1 GiB.\n\n");
    text.push_str(&titles("library", &[]));
    let limits = columns.iter().map(|column| {
        format!("{:.0}; {:.2}", median(column.limit.speed.clone()), median(column.limit.client_cpu.clone()))
    });
    text.push_str(&row(std::iter::once("sealed TCP (the limit)".to_owned()).chain(limits)));
    for pair in group(Pair::alike()) {
        let cells = columns.iter().map(|column| beside_limit(column, pair));
        text.push_str(&row(std::iter::once(pair.client.name().to_owned()).chain(cells)));
    }
    text
}

fn figures(column: &Column, pair: Pair) -> Option<&Figures> {
    column.rows.iter().find(|(other, _)| *other == pair).map(|(_, figures)| figures)
}

fn beside_openssh(column: &Column, pair: Pair, cpu: fn(&Figures) -> &Vec<f64>) -> String {
    let (Some(own), Some(openssh)) = (figures(column, pair), figures(column, Pair::OPENSSH)) else {
        return "-".to_owned();
    };
    let (speed, used) = (median(own.speed.clone()), median(cpu(own).clone()));
    if pair == Pair::OPENSSH {
        return format!("{speed:.0}; {used:.2}");
    }
    let faster = ratio(&own.speed, &openssh.speed);
    let dearer = ratio(cpu(own), cpu(openssh));
    format!("{speed:.0} ({faster:.2}×); {used:.2} ({dearer:.2}×)")
}

fn beside_limit(column: &Column, pair: Pair) -> String {
    let Some(own) = figures(column, pair) else { return "-".to_owned() };
    let share = 100.0 * ratio(&own.speed, &column.limit.speed);
    format!("{:.0} ({share:.0} %); {:.2}", median(own.speed.clone()), median(own.both_cpu()))
}

/// The most that any run of the pair held.
fn memory(columns: &[Column], pair: Pair, rss: fn(&Figures) -> &Vec<f64>) -> String {
    let runs = columns.iter().filter_map(|column| figures(column, pair)).flat_map(rss);
    format!("{:.0}", runs.copied().fold(0.0, f64::max))
}
