//! Connections, and their state in the system.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;

/// Connects, with a timeout for every read.
///
/// # Panics
///
/// If the server does not listen.
#[must_use]
pub fn connect(server: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(server).expect("a server and a descriptor");
    connection.set_read_timeout(Some(Duration::from_secs(60))).expect("a duration above zero");
    connection
}

/// Closes a connection with a RST, as the system does when a process with unread data is killed.
///
/// # Panics
///
/// If the system rejects the option.
pub fn reset(connection: TcpStream) {
    SockRef::from(&connection).set_linger(Some(Duration::ZERO)).expect("an open socket");
    drop(connection);
}

/// Returns the unacknowledged bytes of the server's side of a connection. `None` if the connection does not exist.
///
/// # Panics
///
/// If `/proc` is not readable.
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

/// Returns the memory of all TCP buffers of the machine in bytes.
///
/// # Panics
///
/// If `/proc` is not readable.
#[must_use]
pub fn tcp_memory() -> u64 {
    let table = std::fs::read_to_string("/proc/net/sockstat").expect("Linux");
    let line = table.lines().find(|line| line.starts_with("TCP:")).expect("a line for TCP");
    let pages = line.rsplit(' ').next().and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("mem as the last number") * 4096
}

/// Raises the limit of descriptors of this process and its servers to the hard limit.
///
/// # Panics
///
/// If the hard limit is too low for the tests.
pub fn raise_limits() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(1 << 20);
    assert!(most >= 12_000, "the tests need 12,000 descriptors, but the hard limit is {most}");
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }).expect("up to the hard limit");
}
