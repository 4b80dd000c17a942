//! Connections, and what the system knows of them.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;

/// Connects, with a limit to the patience of every later read.
///
/// # Panics
///
/// If the server does not listen.
#[must_use]
pub fn connect(server: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(server).expect("a server and a descriptor");
    connection.set_read_timeout(Some(Duration::from_secs(60))).expect("it is not zero");
    connection
}

/// Ends a connection with a RST, as the system does for a process that was killed with something unread.
///
/// # Panics
///
/// If the system refuses that.
pub fn reset(connection: TcpStream) {
    SockRef::from(&connection).set_linger(Some(Duration::ZERO)).expect("an open socket");
    drop(connection);
}

/// The bytes that the server's side of a viewer's connection has not been acknowledged, `None` if it is gone.
///
/// # Panics
///
/// If the system does not tell.
#[must_use]
pub fn send_queue(viewer: SocketAddr, server: SocketAddr) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    let ends = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let ports = [fields.next()?, fields.next()?].map(|address| address.rsplit(':').next().map(str::to_owned));
        let queues = fields.nth(1)?.split(':').next()?;
        Some((ports, u64::from_str_radix(queues, 16).ok()?))
    };
    let wanted = [server, viewer].map(|address| Some(format!("{:04X}", address.port())));
    table.lines().filter_map(ends).find_map(|(ports, queue)| (ports == wanted).then_some(queue))
}

/// The memory of all TCP buffers of the machine, in bytes.
///
/// # Panics
///
/// If the system does not tell.
#[must_use]
pub fn tcp_memory() -> u64 {
    let table = std::fs::read_to_string("/proc/net/sockstat").expect("Linux");
    let line = table.lines().find(|line| line.starts_with("TCP:")).expect("a line for TCP");
    let pages = line.rsplit(' ').next().and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("mem is the last figure") * 4096
}

/// As many descriptors as the system lets this process and its servers have.
///
/// # Panics
///
/// If those are fewer than the tests take.
pub fn raise_limits() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(1 << 20);
    assert!(most >= 12_000, "the tests take 12,000 descriptors, and the hard limit is {most}");
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }).expect("up to the hard limit");
}
