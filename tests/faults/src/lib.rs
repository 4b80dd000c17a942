//! What goes wrong in real deployments, on real servers over TCP.
//!
//! A server is a process of its own, so that its memory and its descriptors are its own: the two programs in `bin/` are
//! what a user of the crate would write. The tests are its viewers, one blocking thread each.

mod camera;
mod namespaces;
mod options;
mod picture;
mod server;
mod sockets;
mod statistics;
mod table;
mod viewer;

pub use crate::camera::{Camera, GRACE, asked_to_stop};
pub use crate::namespaces::{Namespaces, Place};
pub use crate::options::Options;
pub use crate::picture::Picture;
pub use crate::server::{Server, Stack, Watched};
pub use crate::sockets::{connect, raise_limits, reset, send_queue, tcp_memory};
pub use crate::statistics::{Ages, until};
pub use crate::table::{both, row};
pub use crate::viewer::{End, Next, Pace, REQUEST, Viewer, ask};
