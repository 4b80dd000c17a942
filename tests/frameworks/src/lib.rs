//! The crate in frameworks that it has no adapter for, and adapters in what is too heavy for the crate's own tests. Each
//! line of the table in the crate's documentation stands here once, compiled and asked over TCP.
