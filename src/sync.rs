//! The locks of the crate: those of `std`, or loom's, which tries every order in which threads can take them.

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex};
#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex};
