//! Many viewers in one thread, which read everything or at a limited rate, and find the mark of each picture.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use memchr::memmem;
use polling::{Event, Events, PollMode, Poller};

use super::pictures::{MARK, TIME, now};

/// The pictures delivered to all viewers in a period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    pub(crate) pictures: u64,
    /// The median age of a picture when its start is read.
    pub(crate) age: Duration,
}

pub(crate) struct Viewers {
    poller: Poller,
    viewers: Vec<Viewer>,
    buffer: Vec<u8>,
    /// The largest number of bytes a second that each viewer reads.
    slow: Option<f64>,
}

struct Viewer {
    connection: TcpStream,
    /// The end of the last read, which may contain the start of a mark.
    rest: Vec<u8>,
}

impl Viewers {
    pub(crate) fn connect(address: SocketAddr, count: usize, slow: Option<f64>) -> Self {
        let poller = Poller::new().unwrap();
        let viewers = (0..count).map(|key| {
            let mut connection =
                TcpStream::connect(address).expect("cannot connect; raise `ulimit -n` above the number of viewers");
            connection.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            connection.set_nonblocking(true).unwrap();
            add(&poller, &connection, key);
            Viewer { connection, rest: Vec::new() }
        });
        let viewers = viewers.collect();
        Self { poller, viewers, buffer: vec![0; 256 * 1024], slow }
    }

    pub(crate) fn read_for(&mut self, time: Duration) -> Delivered {
        let end = Instant::now() + time;
        let mut ages = Vec::new();
        match self.slow {
            Some(rate) => self.read_slowly(rate, end, &mut ages),
            None => self.read_all(end, &mut ages),
        }
        ages.sort_unstable();
        let age = Duration::from_nanos(ages.get(ages.len() / 2).copied().unwrap_or_default());
        Delivered { pictures: ages.len() as u64, age }
    }

    fn read_all(&mut self, end: Instant, ages: &mut Vec<u64>) {
        let mut events = Events::new();
        while Instant::now() < end {
            events.clear();
            self.poller.wait(&mut events, Some(end.saturating_duration_since(Instant::now()))).unwrap();
            for event in events.iter() {
                while self.viewers[event.key].read(&mut self.buffer, usize::MAX, ages) {}
            }
        }
    }

    fn read_slowly(&mut self, rate: f64, end: Instant, ages: &mut Vec<u64>) {
        const INTERVAL: Duration = Duration::from_millis(20);
        while Instant::now() < end {
            for viewer in &mut self.viewers {
                viewer.read(&mut self.buffer, (rate * INTERVAL.as_secs_f64()) as usize, ages);
            }
            std::thread::sleep(INTERVAL);
        }
    }
}

impl Viewer {
    /// Reads once. Returns `true` if there may be more to read.
    fn read(&mut self, buffer: &mut [u8], limit: usize, ages: &mut Vec<u64>) -> bool {
        let kept = self.rest.len();
        buffer[..kept].copy_from_slice(&self.rest);
        let limit = limit.min(buffer.len() - kept);
        match self.connection.read(&mut buffer[kept..kept + limit]) {
            Ok(0) => panic!("the server ended a stream"),
            Ok(count) => {
                let read = &buffer[..kept + count];
                let mut start = 0;
                while let Some(at) = memmem::find(&read[start..], MARK).map(|at| start + at) {
                    let Some(time) = read.get(at + MARK.len()..at + MARK.len() + TIME) else { break };
                    ages.push(now().saturating_sub(u64::from_le_bytes(time.try_into().unwrap())));
                    start = at + MARK.len() + TIME;
                }
                let tail = read.len().saturating_sub(MARK.len() + TIME - 1).max(start);
                self.rest.clear();
                self.rest.extend_from_slice(&read[tail..]);
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("cannot read a stream: {error}"),
        }
    }
}

/// Returns the processor time used by all threads of a process.
pub(crate) fn cpu_of(process: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("the server is running");
    let nanos = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

#[expect(unsafe_code, reason = "polling requires that sockets outlive their registration or are closed")]
fn add(poller: &Poller, socket: &impl std::os::fd::AsRawFd, key: usize) {
    // SAFETY: closing a socket removes it from epoll.
    unsafe { poller.add_with_mode(socket.as_raw_fd(), Event::readable(key), PollMode::Edge) }.unwrap();
}
