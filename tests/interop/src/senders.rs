//! Tests that the decoder extracts every part that other servers send.
//!
//! Where a sender accepts pictures, the tests generate them, no two equal, and compare every byte. Everything goes over
//! TCP, through hyper's client where it is HTTP, into [`Parts`](mixed_replace::Parts).

mod camera;
mod pictures;
mod receive;
mod server;

pub use crate::senders::camera::{Camera, replay};
pub use crate::senders::pictures::Pictures;
pub use crate::senders::receive::{End, Received, accept, get, get_raw, get_while};
pub use crate::senders::server::Server;
