//! A node of a cluster: a part published on one node reaches the viewers of every node, over MQTT or Redis.

mod backplane;
mod broker;
mod envelope;
mod mqtt;
mod node;
mod pauses;
mod redis;
mod sources;

pub use crate::broker::{Broker, Kind};
pub use crate::node::{Node, Status};
