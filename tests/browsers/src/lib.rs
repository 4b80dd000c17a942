//! Real browsers in front of a real server: what is on the screen, and when.
//!
//! [`each_engine`] runs a test in Chromium, Firefox and WebKitGTK at once. The test gets a [`Browser`], starts a [`Site`]
//! with one of the two stacks, opens a page of it, and then has in its [`Viewer`] the other end of the stream which that
//! page shows:
//!
//! ```no_run
//! use std::time::Duration;
//! use browser_tests::{Site, Stack, each_engine, picture};
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

pub mod browser;
pub mod driver;
pub mod engine;
pub mod gif;
pub mod picture;
pub mod screen;
pub mod site;
pub mod watch;
pub mod wires;

pub use crate::{
    browser::Browser,
    engine::{Engine, each_engine, in_engines},
    picture::Colour,
    site::{Site, Stack, Viewer},
};
