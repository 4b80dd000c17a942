//! Tests that real consumers decode every picture of the running `camera` examples.
//!
//! A consumer returns a digest of each decoded picture in order, and fails if it prints an error. The test picture
//! shows a clock and a number, so two digests are equal only if a picture was sent twice.

#![expect(clippy::indexing_slicing, reason = "a panic is how a test fails")]

pub mod camera;
pub mod curl;
pub mod ffmpeg;
pub mod go;
pub mod gstreamer;
pub mod python;
pub mod run;
pub mod vlc;
pub mod wire;

pub use crate::consumers::camera::{Camera, Example};
