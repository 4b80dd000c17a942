//! Ports for programs that cannot choose one themselves and tell.

pub use test_support::free_port;
