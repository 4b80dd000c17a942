//! Drawing with one primitive: the stroke, a line with round ends. A dot is a stroke without length, a letter several strokes.

use std::f32::consts::PI;

/// A picture of RGB bytes.
#[derive(Clone, Debug)]
pub struct Canvas {
    /// The width in pixels.
    pub width: u16,
    /// The height in pixels.
    pub height: u16,
    /// Three bytes a pixel, row by row.
    pub pixels: Vec<u8>,
}

/// A place in pixels from the left and from the top.
pub type Point = (f32, f32);
/// Red, green and blue, from 0 to 255.
pub type Color = [f32; 3];

impl Canvas {
    /// Creates a picture from the colour of each point.
    #[must_use]
    pub fn new((width, height): (u16, u16), color: impl Fn(Point) -> Color) -> Self {
        let points = (0..height).flat_map(|y| (0..width).map(move |x| (f32::from(x), f32::from(y))));
        let pixels = points.flat_map(|point| color(point).map(byte)).collect();
        Self { width, height, pixels }
    }

    /// Draws a line from `a` to `b` with round ends, `weight` wide.
    pub fn stroke(&mut self, a: Point, b: Point, weight: f32, color: Color) {
        let reach = weight / 2.0 + 1.0;
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length2 = (dx * dx + dy * dy).max(1e-6);
        let color = color.map(|c| c.clamp(0.0, 255.0));
        let columns = pixels(a.0.min(b.0) - reach, a.0.max(b.0) + reach, self.width);
        for y in pixels(a.1.min(b.1) - reach, a.1.max(b.1) + reach, self.height) {
            let begin = y * usize::from(self.width);
            let Some(row) = self.pixels.get_mut(3 * (begin + columns.start)..3 * (begin + columns.end)) else { return };
            for (x, pixel) in columns.clone().zip(row.chunks_exact_mut(3)) {
                let (px, py) = (x as f32 - a.0, y as f32 - a.1);
                let along = ((px * dx + py * dy) / length2).clamp(0.0, 1.0);
                let distance = (px - along * dx).hypot(py - along * dy);
                let cover = (weight / 2.0 + 0.5 - distance).clamp(0.0, 1.0);
                if cover > 0.0 {
                    for (channel, color) in pixel.iter_mut().zip(color) {
                        *channel = byte(f32::from(*channel) * (1.0 - cover) + color * cover);
                    }
                }
            }
        }
    }

    /// Draws a dot.
    pub fn dot(&mut self, center: Point, diameter: f32, color: Color) {
        self.stroke(center, center, diameter, color);
    }

    /// Draws a line of text around `center`, its capitals `size` high. All digits have the same width.
    pub fn text(&mut self, text: &str, center: Point, size: f32, weight: f32, color: Color) {
        let width = text.chars().map(|c| advance(c) * size).sum::<f32>() - GAP * size;
        let mut x = center.0 - width / 2.0;
        let top = center.1 - size / 2.0;
        for c in text.chars() {
            for line in lines(c) {
                let at = |point: &Point| (x + point.0 * size, top + point.1 * size);
                for (a, b) in line.iter().zip(line.iter().skip(1)) {
                    self.stroke(at(a), at(b), weight, color);
                }
            }
            x += advance(c) * size;
        }
    }
}

/// Mixes two colours; `share` is that of the second.
#[must_use]
pub fn mix(a: Color, b: Color, share: f32) -> Color {
    let mut mixed = a;
    for (mixed, b) in mixed.iter_mut().zip(b) {
        *mixed += (b - *mixed) * share.clamp(0.0, 1.0);
    }
    mixed
}

#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn byte(value: f32) -> u8 {
    (value + 0.5) as u8
}

#[expect(clippy::cast_possible_truncation, reason = "whole numbers within the picture")]
fn pixels(from: f32, to: f32, end: u16) -> std::ops::Range<usize> {
    let to = (to.ceil() + 1.0).clamp(0.0, f32::from(end)) as usize;
    (from.floor().max(0.0) as usize).min(to)..to
}

/// Returns the distance to the next letter, in heights of a capital.
fn advance(c: char) -> f32 {
    GAP + match c {
        ':' | '.' | 'I' => 0.0,
        ' ' => 0.2,
        'M' => 0.7,
        _ => 0.6,
    }
}

/// Returns a letter as lines through points, x to the right and y down. Other characters are blank.
fn lines(c: char) -> Vec<Vec<Point>> {
    let path = |pieces: &[&[Point]]| pieces.concat();
    match c {
        '0' => vec![path(&[&arc(0.3, 0.3, 0.3, 0.3, 180, 360), &arc(0.3, 0.7, 0.3, 0.3, 0, 180), &[(0.0, 0.3)]])],
        '1' => vec![vec![(0.1, 0.2), (0.36, 0.0), (0.36, 1.0)]],
        '2' => vec![path(&[&arc(0.3, 0.3, 0.28, 0.3, 190, 396), &[(0.02, 1.0), (0.59, 1.0)]])],
        '3' => vec![path(&[&arc(0.29, 0.25, 0.26, 0.25, 200, 450), &arc(0.29, 0.74, 0.3, 0.26, 275, 520)])],
        '4' => vec![vec![(0.44, 1.0), (0.44, 0.0), (0.01, 0.7), (0.61, 0.7)]],
        '5' => vec![path(&[&[(0.54, 0.0), (0.1, 0.0)], &arc(0.29, 0.68, 0.3, 0.32, 225, 520)])],
        '6' => vec![path(&[&[(0.42, 0.0)], &arc(0.3, 0.68, 0.3, 0.32, 205, 570)])],
        '7' => vec![vec![(0.01, 0.0), (0.59, 0.0), (0.2, 1.0)]],
        '8' => vec![arc(0.3, 0.25, 0.26, 0.25, 0, 360), arc(0.3, 0.74, 0.3, 0.26, 0, 360)],
        '9' => vec![path(&[&arc(0.3, 0.32, 0.3, 0.32, 390, 25), &[(0.18, 1.0)]])],
        ':' => vec![vec![(0.0, 0.3); 2], vec![(0.0, 0.75); 2]],
        '.' => vec![vec![(0.0, 1.0); 2]],
        '-' => vec![vec![(0.1, 0.5), (0.5, 0.5)]],
        'x' => vec![vec![(0.12, 0.38), (0.48, 0.78)], vec![(0.48, 0.38), (0.12, 0.78)]],
        'A' => vec![vec![(0.0, 1.0), (0.3, 0.0), (0.6, 1.0)], vec![(0.11, 0.66), (0.49, 0.66)]],
        'C' => vec![path(&[&arc(0.3, 0.3, 0.3, 0.3, 330, 180), &arc(0.3, 0.7, 0.3, 0.3, 180, 30)])],
        'E' => vec![vec![(0.54, 0.0), (0.06, 0.0), (0.06, 1.0), (0.54, 1.0)], vec![(0.06, 0.48), (0.48, 0.48)]],
        'F' => vec![vec![(0.54, 0.0), (0.06, 0.0), (0.06, 1.0)], vec![(0.06, 0.5), (0.48, 0.5)]],
        'G' => vec![path(&[
            &arc(0.3, 0.3, 0.3, 0.3, 330, 180),
            &arc(0.3, 0.7, 0.3, 0.3, 180, 0),
            &[(0.6, 0.54), (0.36, 0.54)],
        ])],
        'I' => vec![vec![(0.0, 0.0), (0.0, 1.0)]],
        'L' => vec![vec![(0.06, 0.0), (0.06, 1.0), (0.54, 1.0)]],
        'M' => vec![vec![(0.02, 1.0), (0.02, 0.0), (0.35, 0.6), (0.68, 0.0), (0.68, 1.0)]],
        'N' => vec![vec![(0.04, 1.0), (0.04, 0.0), (0.56, 1.0), (0.56, 0.0)]],
        'O' => vec![path(&[&arc(0.3, 0.3, 0.3, 0.3, 180, 360), &arc(0.3, 0.7, 0.3, 0.3, 0, 180), &[(0.0, 0.3)]])],
        'P' => vec![bow()],
        'R' => vec![bow(), vec![(0.32, 0.54), (0.58, 1.0)]],
        'S' => vec![path(&[&arc(0.3, 0.25, 0.27, 0.25, 335, 100), &arc(0.3, 0.745, 0.29, 0.255, 280, 515)])],
        'T' => vec![vec![(0.0, 0.0), (0.6, 0.0)], vec![(0.3, 0.0), (0.3, 1.0)]],
        'U' => vec![path(&[&[(0.03, 0.0)], &arc(0.3, 0.7, 0.27, 0.3, 180, 0), &[(0.57, 0.0)]])],
        _ => Vec::new(),
    }
}

/// Returns a P, which is most of an R too.
fn bow() -> Vec<Point> {
    [&[(0.06, 1.0), (0.06, 0.0)][..], &arc(0.32, 0.27, 0.26, 0.27, 270, 450), &[(0.06, 0.54)]].concat()
}

/// Returns a section of an ellipse between two angles in degrees; 0 is right, 90 is down.
fn arc(x: f32, y: f32, rx: f32, ry: f32, from: i16, to: i16) -> Vec<Point> {
    let steps = (to - from).abs() / 15;
    let angle = |step| (f32::from(from) + f32::from(to - from) * f32::from(step) / f32::from(steps)) * PI / 180.0;
    (0..=steps).map(|step| (x + rx * angle(step).cos(), y + ry * angle(step).sin())).collect()
}

/// The distance between two letters.
const GAP: f32 = 0.3;
