//! What the tests with other people's programs have in common: free ports, processes that go when the test goes, servers
//! of this repository, and a viewer of what they stream.

#![expect(clippy::missing_panics_doc, reason = "a panic is how a test fails")]

mod children;
pub mod net;
mod server;
mod viewer;

pub use crate::children::{Children, must_be_installed};
pub use crate::server::{Program, Server, eventually};
pub use crate::viewer::{Viewer, get};
