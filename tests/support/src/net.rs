//! Free ports for programs that cannot choose and report one.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Returns a free port of the loopback interface.
///
/// It is below the range of ephemeral ports and never returned twice, so that it stays free until it is used.
///
/// # Panics
///
/// If no port is free.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id();
    for _ in 0..RANGE {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + u16::try_from((start.wrapping_mul(97) + step) % u32::from(RANGE)).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + RANGE);
}

const FIRST: u16 = 12_000;
const RANGE: u16 = 18_000;
