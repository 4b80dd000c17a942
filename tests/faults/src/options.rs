//! The options of a server.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The options of a server, passed as one argument. An unset option uses the default of the crate.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
#[expect(clippy::exhaustive_structs, reason = "the tests set what they need")]
pub struct Options {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Pictures per second. With 0 the source publishes one picture and stays idle.
    pub fps: f64,
    /// The size of a picture in bytes.
    pub size: usize,
    /// The number of tracks of the wall, each with this rate and size.
    pub tracks: u16,
    /// The sizes of the smaller pictures of the ladder, in bytes.
    pub rungs: Vec<usize>,
    /// The number of pictures after which the source fails.
    pub fails_after: Option<u64>,
    /// Whether it fails by a panic.
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
            tracks: 0,
            rungs: Vec::new(),
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
    /// Reads the argument of this process, written by [`to_arg`](Self::to_arg).
    ///
    /// # Panics
    ///
    /// If the argument is missing or invalid.
    #[must_use]
    pub fn from_command_line() -> Self {
        let argument = std::env::args().nth(1).expect("the options as JSON, {} for none");
        serde_json::from_str(&argument).expect("the options as JSON")
    }

    /// Returns the options as one argument.
    ///
    /// # Panics
    ///
    /// Never.
    #[must_use]
    pub fn to_arg(&self) -> String {
        serde_json::to_string(self).expect("plain values")
    }
}
