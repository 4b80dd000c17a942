//! The crate in frameworks without an adapter, and adapters with dependencies that are too heavy for the crate's tests.
//! Each line of the table in the crate's documentation is compiled here and tested over TCP.
