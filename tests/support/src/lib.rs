//! Helpers of the tests with other programs: free ports, child processes that end with the test, servers of this
//! repository, and a viewer of their streams.

#![expect(clippy::missing_panics_doc, reason = "a panic is how a test fails")]

mod children;
#[cfg(feature = "client")]
pub mod client;
pub mod net;
#[cfg(feature = "served")]
pub mod served;
mod server;
mod viewer;
mod wakes;
mod wire;

pub use crate::children::{Children, must_be_installed};
pub use crate::server::{Program, Server, eventually};
pub use crate::viewer::{Viewer, get};
pub use crate::wakes::Wakes;
pub use crate::wire::{WIRES, boundary};
