//! The floor: one thread without a framework, one `writev` for each viewer and picture, latest wins.

use std::io::{ErrorKind, IoSlice, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use polling::{Event, Events, PollMode, Poller};

use super::pictures::Pictures;

struct Viewer {
    connection: TcpStream,
    greeted: bool,
    part: Option<Arc<[Vec<u8>; 2]>>,
    written: usize,
}

pub(crate) fn serve(listener: TcpListener, size: usize, fps: f64) {
    listener.set_nonblocking(true).unwrap();
    let poller = Poller::new().unwrap();
    add(&poller, &listener, usize::MAX - 1);
    let pictures = Pictures::new(size);
    let (start, mut frame) = (Instant::now(), 0_u32);
    let mut viewers: Vec<Option<Viewer>> = Vec::new();
    let mut events = Events::new();
    loop {
        let due = start + Duration::from_secs_f64(f64::from(frame) / fps);
        events.clear();
        poller.wait(&mut events, Some(due.saturating_duration_since(Instant::now()))).unwrap();
        for event in events.iter() {
            if event.key == usize::MAX - 1 {
                while let Ok((connection, _)) = listener.accept() {
                    connection.set_nonblocking(true).unwrap();
                    add(&poller, &connection, viewers.len());
                    viewers.push(Some(Viewer { connection, greeted: false, part: None, written: 0 }));
                }
            } else {
                let connected = |viewer: &mut Viewer| viewer.greet(event.readable) && viewer.write();
                viewers[event.key].take_if(|viewer| !connected(viewer));
            }
        }
        if Instant::now() < due {
            continue;
        }
        frame += 1;
        let picture = pictures.next();
        let head = format!("Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len()).into_bytes();
        let mut body = picture;
        body.extend_from_slice(b"\r\n--0123456789abcdef\r\n");
        let part = Arc::new([head, body]);
        for place in &mut viewers {
            let Some(viewer) = place.as_mut().filter(|viewer| viewer.greeted && viewer.part.is_none()) else {
                continue;
            };
            viewer.part = Some(Arc::clone(&part));
            viewer.written = 0;
            if !viewer.write() {
                *place = None;
            }
        }
    }
}

impl Viewer {
    /// Reads the request and writes the response head. Returns `false` if the viewer has disconnected.
    fn greet(&mut self, readable: bool) -> bool {
        if !readable {
            return true;
        }
        match self.connection.read(&mut [0; 4096]) {
            Ok(0) => false,
            Ok(_) if !self.greeted => {
                self.greeted = true;
                self.connection.write_all(HEAD.as_bytes()).is_ok()
            }
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    /// Writes as much of the part as possible. Returns `false` if the viewer has disconnected.
    fn write(&mut self) -> bool {
        let Some(part) = &self.part else { return true };
        let [head, body] = &**part;
        let (in_head, in_body) = (self.written.min(head.len()), self.written.saturating_sub(head.len()));
        match self.connection.write_vectored(&[IoSlice::new(&head[in_head..]), IoSlice::new(&body[in_body..])]) {
            Ok(written) => {
                self.written += written;
                if self.written == head.len() + body.len() {
                    self.part = None;
                }
                true
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}

#[expect(unsafe_code, reason = "polling requires that sockets outlive their registration or are closed")]
fn add(poller: &Poller, socket: &impl std::os::fd::AsRawFd, key: usize) {
    // SAFETY: closing a socket removes it from epoll, and the listener lives as long as the process.
    unsafe { poller.add_with_mode(socket.as_raw_fd(), Event::all(key), PollMode::Edge) }.unwrap();
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=0123456789abcdef\r\n\
                    Cache-Control: no-store\r\nConnection: close\r\n\r\n--0123456789abcdef\r\n";
