//! Faults of real deployments, with real servers over TCP.
//!
//! Each server is a separate process, so that its memory and its descriptors can be measured. The two programs in
//! `bin/` are written as a user of the crate would write them. The tests are the viewers, one blocking thread each.

mod camera;
mod namespaces;
mod options;
mod picture;
mod server;
mod sockets;
mod statistics;
mod table;
mod viewer;

pub use crate::camera::{Camera, GRACE, stop_signal};
pub use crate::namespaces::{Namespaces, Place};
pub use crate::options::Options;
pub use crate::picture::Picture;
pub use crate::server::{Server, Stack, Watched};
pub use crate::sockets::{connect, raise_limits, reset, send_queue, tcp_memory};
pub use crate::statistics::{Ages, until};
pub use crate::table::{both, row};
pub use crate::viewer::{End, Next, Pace, REQUEST, Viewer, ask, ask_with};
