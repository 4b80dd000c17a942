//! What a server is told when it is started.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The settings of one server, as the one argument of its command line. What is not set is as the crate has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
#[expect(clippy::exhaustive_structs, reason = "the tests set what they need")]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Pictures a second; with 0 there is one, and then the source is idle.
    pub fps: f64,
    /// The bytes of a picture.
    pub size: usize,
    /// After so many pictures the source fails.
    pub fails_after: Option<u64>,
    /// It panics then.
    pub panics: bool,
    /// `hub::Builder::part_timeout`.
    pub part_timeout: Option<Duration>,
    /// `hub::Builder::keep_alive`.
    pub keep_alive: Option<Duration>,
    /// `hub::Builder::max_lifetime`.
    pub max_lifetime: Option<Duration>,
    /// `hub::Builder::max_subscribers`.
    pub max_subscribers: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            fps: 10.0,
            size: 10_000,
            fails_after: None,
            panics: false,
            part_timeout: None,
            keep_alive: None,
            max_lifetime: None,
            max_subscribers: None,
        }
    }
}

impl Options {
    /// As [`to_arg`](Self::to_arg) gave them to this process.
    ///
    /// # Panics
    ///
    /// If the argument is missing or wrong.
    #[must_use]
    pub fn from_command_line() -> Self {
        let argument = std::env::args().nth(1).expect("the options as JSON, {} for none");
        serde_json::from_str(&argument).expect("the options as JSON")
    }

    /// One argument.
    ///
    /// # Panics
    ///
    /// Never.
    #[must_use]
    pub fn to_arg(&self) -> String {
        serde_json::to_string(self).expect("plain values")
    }
}
