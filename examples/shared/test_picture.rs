//! A moving picture for machines without a camera, on which late, torn, skipped and repeated pictures show.

use std::f32::consts::TAU;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use jpeg_encoder::{ColorType, Encoder};

use crate::canvas::{Canvas, Color, Point, mix};

/// A moving picture.
///
/// Draws the background once, and on a copy of it the clock, its hand, the ball and the number of each picture.
#[derive(Debug)]
pub struct TestPicture {
    background: Canvas,
    /// The centre of the dial.
    center: Point,
    /// The size of a pixel of a 640x480 picture.
    unit: f32,
}

impl TestPicture {
    /// Draws the background of this size, with the rate as a caption.
    #[must_use]
    pub fn new(size: (u16, u16), fps: f64) -> Self {
        let (width, height) = (f32::from(size.0), f32::from(size.1));
        let unit = (width / 640.0).min(height / 480.0);
        let center = (width / 2.0, height / 2.0 - 40.0 * unit);
        let background = Canvas::new(size, |(x, y)| {
            let glow = 1.0 - ((x - center.0) / width).hypot((y - center.1) / height) * 1.25;
            mix(NIGHT, DUSK, glow)
        });
        let mut picture = Self { background, center, unit };
        let caption = format!("{}x{}", size.0, size.1);
        picture.background.text(&caption, picture.at(-250.0, -176.0), 14.0 * unit, 2.0 * unit, PALE);
        let caption = format!("{} FPS", (fps * 10.0).round() / 10.0);
        picture.background.text(&caption, picture.at(256.0, -176.0), 14.0 * unit, 2.0 * unit, PALE);
        picture.background.text("UTC", picture.at(0.0, 52.0), 13.0 * unit, 2.0 * unit, PALE);
        for (place, color) in (0_u8..).zip(BARS) {
            let x = (f32::from(place) - 3.5) * 72.0;
            picture.background.stroke(picture.at(x - 20.0, 250.0), picture.at(x + 20.0, 250.0), 22.0 * unit, color);
        }
        picture.background.stroke(picture.at(-288.0, 208.0), picture.at(288.0, 208.0), 2.0 * unit, TRACK);
        picture
    }

    /// Encodes picture `number` as JPEG.
    ///
    /// # Errors
    ///
    /// Fails if the picture cannot be encoded.
    pub fn jpeg(&self, number: u64) -> Result<Bytes, String> {
        let mut jpeg = Vec::with_capacity(64 * 1024);
        let canvas = self.draw(number, SystemTime::now());
        Encoder::new(&mut jpeg, 85)
            .encode(&canvas.pixels, canvas.width, canvas.height, ColorType::Rgb)
            .map_err(|error| format!("the test picture cannot be encoded: {error}"))?;
        Ok(jpeg.into())
    }

    fn draw(&self, number: u64, now: SystemTime) -> Canvas {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, millis) = (now.as_secs(), now.subsec_millis());
        // Rotation depends only on the time within the minute.
        let second = (seconds % 60) as f32 + now.subsec_millis() as f32 / 1000.0;
        let unit = self.unit;
        let mut canvas = self.background.clone();

        for tick in 0_u8..60 {
            let age = (second - f32::from(tick)).rem_euclid(60.0) / 60.0;
            let color = mix(ICE, TRACK, age.sqrt() * 1.15);
            let inner = if tick % 5 == 0 { 136.0 } else { 144.0 };
            let turn = f32::from(tick) / 60.0;
            canvas.stroke(self.around(turn, inner), self.around(turn, 156.0), 4.0 * unit, color);
        }
        canvas.dot(self.around(second / 60.0, 172.0), 14.0 * unit, AMBER);

        let clock = format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        canvas.text(&clock, self.at(0.0, -34.0), 40.0 * unit, 5.2 * unit, WHITE);
        canvas.text(&format!(".{millis:03}"), self.at(0.0, 16.0), 24.0 * unit, 3.2 * unit, ICE);
        canvas.text(&format!("FRAME {number:06}"), self.at(0.0, 86.0), 16.0 * unit, 2.4 * unit, WHITE);

        // One oscillation takes four seconds.
        let ball = self.at(288.0 * (second / 4.0 * TAU).sin(), 208.0);
        canvas.dot(ball, 22.0 * unit, AMBER);
        canvas
    }

    /// Returns a point of a 640x480 picture, relative to the centre of the dial.
    fn at(&self, x: f32, y: f32) -> Point {
        (self.center.0 + x * self.unit, self.center.1 + y * self.unit)
    }

    /// Returns a point around the dial; `turn` 0 is at the top, 0.25 at the right.
    fn around(&self, turn: f32, radius: f32) -> Point {
        self.at(radius * (turn * TAU).sin(), -radius * (turn * TAU).cos())
    }
}

const AMBER: Color = [255.0, 176.0, 56.0];
const DUSK: Color = [33.0, 48.0, 88.0];
const ICE: Color = [122.0, 214.0, 255.0];
const NIGHT: Color = [11.0, 15.0, 28.0];
const PALE: Color = [148.0, 163.0, 196.0];
const TRACK: Color = [52.0, 66.0, 104.0];
const WHITE: Color = [244.0, 247.0, 255.0];

/// The colours of the classic colour bars, on which swapped channels show.
const BARS: [Color; 8] = [
    [235.0, 235.0, 235.0],
    [235.0, 225.0, 60.0],
    [60.0, 215.0, 225.0],
    [70.0, 205.0, 85.0],
    [215.0, 75.0, 205.0],
    [225.0, 65.0, 60.0],
    [65.0, 90.0, 225.0],
    [16.0, 16.0, 18.0],
];
