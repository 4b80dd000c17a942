//! What the tests with other people's programs have in common: free ports, and processes that go when the test goes.

mod children;
pub mod net;

pub use crate::children::{Children, must_be_installed};
