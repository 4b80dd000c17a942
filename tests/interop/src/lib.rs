//! Tests of the crate with other programs: what browsers show, what readers of streams decode, what senders send.

pub mod browsers;
pub mod consumers;
pub mod senders;
