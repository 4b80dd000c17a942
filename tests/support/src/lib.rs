//! What the tests with other people's programs have in common: processes that go when the test goes.

mod children;

pub use crate::children::{Children, must_be_installed};
