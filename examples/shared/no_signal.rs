//! The picture that viewers see when a camera is lost.

use std::f32::consts::TAU;

use jpeg_encoder::{ColorType, Encoder};
use mixed_replace::Part;

use crate::canvas::{Canvas, Color, Point, mix};

/// Draws a JPEG, the type that most cameras send. A change of type costs browsers a repeated picture.
///
/// # Errors
///
/// Fails if the picture cannot be encoded.
pub fn draw() -> Result<Part, String> {
    let mut canvas = Canvas::new((640, 480), |(x, y)| mix(NIGHT, DUSK, 1.0 - (x - 320.0).hypot(y - 220.0) / 420.0));
    let lens = (320.0, 196.0);
    for step in 0_u8..60 {
        let turn = |step: u8| f32::from(step) / 60.0 * TAU;
        let at = |angle: f32| (lens.0 + 58.0 * angle.cos(), lens.1 + 58.0 * angle.sin());
        canvas.stroke(at(turn(step)), at(turn(step + 1)), 7.0, PALE);
    }
    canvas.dot(lens, 44.0, PALE);
    let (from, to): (Point, Point) = ((256.0, 262.0), (384.0, 130.0));
    canvas.stroke(from, to, 25.0, mix(NIGHT, DUSK, 0.85));
    canvas.stroke(from, to, 7.0, AMBER);
    canvas.text("NO SIGNAL", (320.0, 330.0), 32.0, 4.6, PALE);
    let mut jpeg = Vec::new();
    let encoded = Encoder::new(&mut jpeg, 85).encode(&canvas.pixels, canvas.width, canvas.height, ColorType::Rgb);
    encoded.map_err(|error| error.to_string())?;
    Part::jpeg(jpeg).map_err(|error| error.to_string())
}

const AMBER: Color = [255.0, 176.0, 56.0];
const DUSK: Color = [30.0, 36.0, 52.0];
const NIGHT: Color = [13.0, 16.0, 24.0];
const PALE: Color = [134.0, 146.0, 172.0];
