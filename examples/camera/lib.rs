//! The camera of both servers, for any framework.

#![expect(clippy::print_stdout, reason = "the terminal is its user interface")]

mod args;
mod camera;
mod greeting;

pub use crate::args::{Args, Source};
pub use crate::camera::Camera;
pub use crate::greeting::{PAGE, greet};
