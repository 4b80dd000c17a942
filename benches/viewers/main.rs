//! Servers on real sockets: the processor time for each delivered picture, with this crate and with code written by hand,
//! relative to a floor and in one run.
//!
//! ```text
//! cargo bench -p benches --bench viewers -- [--viewers 1000] [--size 50000] [--fps 30] [--seconds 5] [--rounds 5]
//!     [--only floor,hyper,axum]
//! cargo bench -p benches --bench viewers -- --slow 250000 --viewers 3 --seconds 10 --rounds 1
//! cargo bench -p benches --bench viewers -- --only axum-live,axum-wall --viewers 500 --fps 60
//! ```
//!
//! With `--slow`, each viewer reads at most this many bytes a second, which shows the age of pictures when all buffers are
//! full. The servers with this crate then set the options of `mixed_replace::socket`.
//!
//! Ratios are to the first server of a run. A wall has 60 tracks, which together have the pictures of one hub of the others.
//!
//! Each server is a process pinned to one processor; the viewers run on another. Each round measures all servers, every other
//! round in reverse order, and ratios are taken within a round, so that a drifting machine speed affects all servers alike.
//! Linux only, because it needs `taskset` and `/proc`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints its results")]

mod floor;
mod load;
mod pictures;
mod servers;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use load::{Delivered, cpu_of};

/// The parameters of a measurement.
#[derive(Clone, Copy, Debug)]
struct Load {
    viewers: usize,
    size: usize,
    fps: f64,
    seconds: f64,
    rounds: usize,
    /// The largest number of bytes a second that each viewer reads.
    slow: Option<f64>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: f64| {
        let value = args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
        value.map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} needs a number, not {value:?}")))
    };
    let load = Load {
        viewers: number("--viewers", 1000.0) as usize,
        size: number("--size", 50_000.0) as usize,
        fps: number("--fps", 30.0),
        seconds: number("--seconds", 5.0),
        rounds: number("--rounds", 5.0) as usize,
        slow: Some(number("--slow", 0.0)).filter(|rate| *rate > 0.0),
    };
    if let Some(at) = args.iter().position(|arg| arg == "--serve") {
        return servers::serve(&args[at + 1], args[at + 2].parse().unwrap(), load);
    }
    let only = args.iter().position(|arg| arg == "--only").and_then(|at| args.get(at + 1));
    let selected = |name: &str| only.is_none_or(|only| only.split(',').any(|selected| selected == name));
    pin_this_process();
    let mut rows: BTreeMap<usize, Vec<Row>> = BTreeMap::new();
    for round in 0..load.rounds {
        let mut order: Vec<usize> = (0..servers::NAMES.len()).filter(|n| selected(servers::NAMES[*n].0)).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for server in order {
            let row = measure(servers::NAMES[server].0, load);
            eprintln!("round {} {:18} {:.2} us a picture", round + 1, servers::NAMES[server].0, row.cpu_micros());
            rows.entry(server).or_default().push(row);
        }
    }
    print_table(&rows, load);
}

/// One measurement of a server.
#[derive(Clone, Debug)]
struct Row {
    cpu: Duration,
    published: f64,
    delivered: Delivered,
}

impl Row {
    fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.delivered.pictures as f64
    }
}

fn measure(name: &str, load: Load) -> Row {
    let (mut server, address) = start(name, load);
    let mut viewers = load::Viewers::connect(address, load.viewers, load.slow);
    // A viewer of a wall first gets the last picture of each track.
    let (mut first, all) = (0, if name == "axum-wall" { servers::TRACKS * load.viewers } else { 0 });
    while first < all as u64 {
        first += viewers.read_for(Duration::from_millis(200)).pictures;
    }
    // Warms up, or fills all buffers.
    viewers.read_for(Duration::from_secs_f64(if load.slow.is_some() { 22.0 } else { 2.0 }));
    let before = cpu_of(server.id());
    let delivered = viewers.read_for(Duration::from_secs_f64(load.seconds));
    let cpu = cpu_of(server.id()) - before;
    server.kill().unwrap();
    server.wait().unwrap();
    Row { cpu, published: load.fps * load.seconds * load.viewers as f64, delivered }
}

fn start(name: &str, load: Load) -> (Child, SocketAddr) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let slow = load.slow.unwrap_or_default();
    let numbers = [("--size", load.size.to_string()), ("--fps", load.fps.to_string()), ("--slow", slow.to_string())];
    let mut server = Command::new("taskset")
        .args(["-c", "0"])
        .arg(std::env::current_exe().unwrap())
        .args(["--serve", name, &port.to_string()])
        .args(numbers.iter().flat_map(|(name, number)| [*name, number]))
        .stdin(Stdio::null())
        .spawn()
        .expect("cannot start taskset");
    let listens = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        TcpStream::connect(address).is_ok()
    });
    if !listens {
        server.kill().unwrap();
        server.wait().unwrap();
        panic!("the server {name} did not start to listen within 4 s");
    }
    (server, address)
}

fn pin_this_process() {
    let pid = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-cp", "1", &pid]).stdout(Stdio::null()).status();
    assert!(pinned.is_ok_and(|status| status.success()), "needs taskset, and a second processor for the viewers");
}

fn print_table(rows: &BTreeMap<usize, Vec<Row>>, load: Load) {
    let Load { viewers, size, fps, seconds, rounds, slow } = load;
    let slow = slow.map_or(String::new(), |rate| format!(", of which each viewer reads {rate} bytes"));
    println!("\n{viewers} viewers, {size} bytes, {fps} pictures a second{slow}; {seconds} s, medians of {rounds}\n");
    let Some((first, floor)) = rows.iter().next() else { return };
    println!("| server | CPU a picture | x {} | delivered | age |\n|---|---|---|---|---|", servers::NAMES[*first].0);
    for (server, rows) in rows {
        let ratio = rows.iter().zip(floor).map(|(row, floor)| row.cpu_micros() / floor.cpu_micros());
        println!(
            "| {} | {:.1} us | {:.2} | {:.3} | {:.1} ms |",
            servers::NAMES[*server].1,
            median(rows.iter().map(Row::cpu_micros)),
            median(ratio),
            median(rows.iter().map(|row| row.delivered.pictures as f64 / row.published)),
            median(rows.iter().map(|row| row.delivered.age.as_secs_f64() * 1e3)),
        );
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
