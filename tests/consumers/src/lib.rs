//! Real consumers in front of the running `camera` examples: does each decode every picture?
//!
//! A consumer gives back a digest of each picture that it has decoded, in order, and fails on anything that it complains
//! about. The test picture shows a clock and a number, so no two digests are alike unless a picture came twice.

#![expect(clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a panic is how a test fails")]

pub mod camera;
pub mod curl;
pub mod ffmpeg;
pub mod go;
pub mod gstreamer;
pub mod python;
pub mod run;
pub mod wire;

pub use crate::camera::{Camera, Example};
