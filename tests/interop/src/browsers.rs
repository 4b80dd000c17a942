//! Tests of the pixels that real browsers show for a real server, and of their delays.
//!
//! [`each_engine`] runs a test in Chromium, Firefox and WebKitGTK at once. The test gets a [`Browser`], starts a
//! [`Site`] with one of the two stacks, opens a page of it, and controls the stream of that page with a [`Viewer`]:
//!
//! ```no_run
//! use std::time::Duration;
//! use interop_tests::browsers::{Site, Stack, each_engine, picture};
//!
//! each_engine(async |browser| {
//!     let mut site = Site::start(Stack::Axum);
//!     browser.open(&site.url("/image/stream")).await;
//!     let viewer = site.viewer().await;
//!     let red = picture::PALETTE[0];
//!     viewer.show(red.jpeg()).await;
//!     let seen = browser.watch().sees(red, Duration::from_secs(1)).await;
//!     assert!(seen.is_some());
//! });
//! ```
//!
//! A browser or driver that is not installed fails the test.

#![expect(clippy::exhaustive_enums, reason = "a test covers all engines and stacks there are")]
#![expect(clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a panic is how a test fails")]

pub mod board;
pub mod browser;
pub mod clock;
pub mod driver;
pub mod engine;
pub mod gif;
pub mod ladder;
pub mod picture;
pub mod raw;
pub mod screen;
pub mod site;
pub mod tiles;
pub mod wall;
pub mod watch;
pub mod wires;

pub use crate::browsers::{
    board::Board,
    browser::Browser,
    clock::Clock,
    engine::{Engine, Setup, each_engine, each_engine_as, in_engines},
    ladder::Ladder,
    picture::Colour,
    raw::Raw,
    site::{Site, Stack, Viewer},
    tiles::Tiles,
    wall::Wall,
};
