//! Runs `relay` between viewers and cameras, both real and scripted.

#![expect(clippy::missing_panics_doc, reason = "tests fail by a panic")]

mod camera;
mod fake;

use mixed_replace::Part;
use test_support::{Program, Server};

pub use crate::relay::camera::{Motion, Ustreamer, camera};
pub use crate::relay::fake::{Connection, Fake};

/// Starts a relay for these cameras.
#[must_use]
pub fn relay(cameras: &[String]) -> Server {
    let mut arguments = Vec::new();
    for camera in cameras {
        arguments.extend(["--camera", camera]);
    }
    Server::start(RELAY, &arguments)
}

/// Decodes a picture completely and returns its width and height.
#[must_use]
pub fn decoded(part: &Part) -> (u16, u16) {
    assert_eq!(part.content_type(), &"image/jpeg");
    let mut decoder = jpeg_decoder::Decoder::new(&part.body()[..]);
    decoder.decode().expect("a picture");
    decoder.info().map(|info| (info.width, info.height)).expect("a decoded picture")
}

/// The program under test.
pub const RELAY: Program = Program::Package("relay");
