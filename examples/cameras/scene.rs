//! The picture of a test camera: hills in colours of its own, a sun that circles, a train, the name and the time.

use std::f32::consts::TAU;
use std::time::{SystemTime, UNIX_EPOCH};

use jpeg_encoder::{ColorType, Encoder};
use shared::canvas::{Canvas, Color, Point, mix};

pub(crate) struct Scene {
    background: Canvas,
    caption: String,
    /// Where the sun and the train are, as a share of their way.
    phase: f32,
    train: Color,
}

impl Scene {
    /// Draws everything that does not move. Each number has its own colours and hills.
    pub(crate) fn new(name: &str, number: usize) -> Self {
        // By the golden angle, any few are far apart.
        let phase = (number as f32 * 0.618).fract();
        let (night, day) = (hue(phase, 0.72, 0.3), hue(phase + 0.09, 0.42, 0.98));
        let background = Canvas::new(SIZE, |(x, y)| {
            let sky = mix(night, day, y / 170.0);
            (0_u8..3).fold(sky, |below, hill| {
                let depth = f32::from(hill);
                let wave = |length: f32, height: f32| height * (x / length + phase * 40.0 + depth * 2.1).sin();
                let ridge = 128.0 + 26.0 * depth + wave(47.0 + 9.0 * depth, 13.0) + wave(19.0, 4.0);
                let color = mix(hue(phase + 0.5, 0.25, 0.72), hue(phase + 0.56, 0.6, 0.2), depth / 2.0);
                mix(below, color, y - ridge)
            })
        });
        let mut scene = Self {
            background,
            caption: name.replace('-', " ").to_uppercase(),
            phase,
            train: hue(phase + 0.5, 0.8, 0.95),
        };
        scene.background.stroke((0.0, 212.0), (320.0, 212.0), 3.0, [28.0, 30.0, 38.0]);
        scene
    }

    /// Encodes the picture of this time as JPEG.
    pub(crate) fn jpeg(&self, now: SystemTime) -> Vec<u8> {
        let canvas = self.draw(now);
        let mut jpeg = Vec::with_capacity(16 * 1024);
        // It fails only for a picture without pixels, and an invalid JPEG would be skipped.
        let _ = Encoder::new(&mut jpeg, 80).encode(&canvas.pixels, canvas.width, canvas.height, ColorType::Rgb);
        jpeg
    }

    fn draw(&self, now: SystemTime) -> Canvas {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, millis) = (now.as_secs(), now.subsec_millis());
        // Only the time within the minute moves anything.
        let second = (seconds % 60) as f32 + millis as f32 / 1000.0;
        let mut canvas = self.background.clone();

        let turn = (second / 12.0 + self.phase) * TAU;
        let sun: Point = (160.0 + 118.0 * turn.cos(), 92.0 + 20.0 * turn.sin());
        canvas.dot(sun, 34.0, mix(SUN, WHITE, 0.25));
        canvas.dot(sun, 24.0, SUN);

        let front = (second / 6.0 + self.phase).fract() * 440.0 - 60.0;
        for wagon in 0_u8..3 {
            let x = front - 30.0 * f32::from(wagon);
            canvas.stroke((x - 8.0, 203.0), (x + 8.0, 203.0), 12.0, self.train);
            canvas.dot((x, 202.0), 6.0, WHITE);
        }

        canvas.text(&self.caption, (160.0, 27.0), 19.0, 3.8, WHITE);
        let clock = format!("{:02}:{:02}:{:02}.{}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, millis / 100);
        canvas.text(&clock, (160.0, 52.0), 10.0, 2.0, WHITE);
        canvas
    }
}

/// Returns a colour of this hue, from 0 to 1, with a saturation and a value.
fn hue(hue: f32, saturation: f32, value: f32) -> Color {
    [5.0, 3.0, 1.0].map(|channel: f32| {
        let k = (channel + hue * 6.0).rem_euclid(6.0);
        255.0 * value * (1.0 - saturation * k.min(4.0 - k).clamp(0.0, 1.0))
    })
}

const SIZE: (u16, u16) = (320, 240);
const SUN: Color = [255.0, 226.0, 120.0];
const WHITE: Color = [250.0, 251.0, 255.0];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_camera_has_its_own_moving_picture() {
        let now = UNIX_EPOCH + Duration::from_secs(1);
        let [gate, roof] = [Scene::new("gate", 0), Scene::new("roof", 1)];
        assert_ne!(gate.jpeg(now), roof.jpeg(now));
        assert_ne!(gate.jpeg(now), gate.jpeg(now + Duration::from_millis(100)));
        assert!(gate.jpeg(now).len() < 20_000, "{} bytes", gate.jpeg(now).len());
    }
}
