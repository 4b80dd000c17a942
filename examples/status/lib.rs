//! The status board of both servers, for any framework.

#![expect(clippy::print_stdout, reason = "a program prints its address")]

mod args;
mod board;
mod drift;
mod greet;
mod plant;
pub mod view;

pub use crate::args::Args;
pub use crate::greet::{HOW_TO_SIGN_IN, greet};
pub use crate::plant::Plant;
