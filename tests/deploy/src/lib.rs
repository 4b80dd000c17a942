//! Tests of servers between others: programs under Apache, streams through proxies, the relay at its cameras, and a
//! cluster with its broker.

pub mod apache;
pub mod cluster;
pub mod proxies;
pub mod relay;
