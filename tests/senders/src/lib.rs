//! The decoder behind other people's servers: does it get out every part that they send?
//!
//! Where a sender can be given pictures, they are of our own making, no two alike, and come out as they went in, byte by
//! byte. Everything goes over TCP, through hyper's client where it is HTTP, into [`Parts`](mixed_replace::Parts).

mod camera;
mod pictures;
mod receive;
mod server;

pub use crate::camera::{Camera, replay};
pub use crate::pictures::Pictures;
pub use crate::receive::{End, Received, accept, get, get_raw, get_while};
pub use crate::server::Server;
