//! Ports for programs that cannot choose one themselves and tell.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// A port of the loopback interface on which nobody listens.
///
/// From below the range out of which the system gives ports to whoever asks for any, and never the same one twice, so that
/// nobody takes it before it is used.
///
/// # Panics
///
/// If there is none.
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
