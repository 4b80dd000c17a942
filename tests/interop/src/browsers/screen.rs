//! A virtual X server with a screen for each engine, and the pixels of such a screen.
//!
//! The browsers run with a window, as for a user, and the tests read the pixels of the screen, which Xvfb keeps in a
//! file. Pages and drivers are less reliable sources: Firefox paints a stale picture of a stream into a canvas, and
//! WebKitGTK takes black screenshots of an element.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use test_support::{Children, must_be_installed};

use crate::browsers::engine::Engine;
use crate::browsers::picture::{Colour, PAGE, PALETTE};

/// A screen with the window of one browser on black.
#[derive(Debug)]
pub struct Screen {
    display: String,
    pixels: File,
    offset: usize,
    stride: usize,
}

impl Screen {
    /// Returns the screen of an engine. The first call starts the X server on a free display.
    ///
    /// # Panics
    ///
    /// If Xvfb is not installed or does not start.
    #[must_use]
    pub fn of(engine: Engine) -> &'static Self {
        static SCREENS: OnceLock<(Children, [Screen; 3])> = OnceLock::new();
        let (_, screens) = SCREENS.get_or_init(start);
        match engine {
            Engine::Chromium => &screens[0],
            Engine::Firefox => &screens[1],
            Engine::WebKit => &screens[2],
        }
    }

    /// Returns the value of `DISPLAY` for its browser.
    #[must_use]
    pub fn display(&self) -> &str {
        &self.display
    }

    /// Returns the colour of the palette that fills at least the area of 100 x 100 pixels. If there are several, the
    /// largest.
    #[must_use]
    pub fn shows(&self) -> Option<Colour> {
        let mut found = [0; PALETTE.len()];
        self.look(|pixel| {
            let colour = PALETTE.iter().position(|colour| colour.is(pixel));
            colour.into_iter().for_each(|colour| found[colour] += 1);
        });
        let largest = PALETTE.into_iter().zip(found).max_by_key(|(_, count)| *count);
        largest.filter(|(_, count)| *count >= SQUARE).map(|(colour, _)| colour)
    }

    /// Returns `true` if a test page is visible.
    #[must_use]
    pub fn has_page(&self) -> bool {
        let mut found = 0;
        self.look(|pixel| found += usize::from(pixel == PAGE));
        found >= SQUARE
    }

    /// Returns the position of the first pixel with a colour in the lowest row that has one. Chromium draws a shadow on
    /// the upper rows of a page.
    #[must_use]
    pub fn find(&self, colour: [u8; 3]) -> Option<(usize, usize)> {
        (0..HEIGHT).rev().find_map(|y| {
            let row = self.row(0, y, WIDTH);
            let x = row.chunks_exact(4).position(|pixel| [pixel[2], pixel[1], pixel[0]] == colour)?;
            Some((x, y))
        })
    }

    /// Returns the colour of the palette at a point.
    #[must_use]
    pub fn at(&self, x: usize, y: usize) -> Option<Colour> {
        let pixel = self.row(x, y, 1);
        PALETTE.into_iter().find(|colour| colour.is([pixel[2], pixel[1], pixel[0]]))
    }

    /// Returns a row of pixels, four bytes each: blue, green, red and one that is unused.
    pub(crate) fn row(&self, x: usize, y: usize, pixels: usize) -> Vec<u8> {
        let mut row = vec![0; pixels * 4];
        let start = u64::try_from(self.offset + y * self.stride + x * 4).unwrap_or_default();
        self.pixels.read_exact_at(&mut row, start).expect("a framebuffer of this size");
        row
    }

    /// Calls a function with a sample of the pixels, red first.
    fn look(&self, mut at: impl FnMut([u8; 3])) {
        for y in (0..HEIGHT).step_by(GRID) {
            self.row(0, y, WIDTH).chunks_exact(4).step_by(GRID).for_each(|pixel| at([pixel[2], pixel[1], pixel[0]]));
        }
    }
}

fn start() -> (Children, [Screen; 3]) {
    must_be_installed("Xvfb");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut xvfb = Command::new("Xvfb");
    xvfb.args(["-displayfd", "1", "-nolisten", "tcp", "-fbdir"]).arg(directory.path());
    for screen in ["0", "1", "2"] {
        xvfb.args(["-screen", screen, &format!("{WIDTH}x{HEIGHT}x24")]);
    }
    let mut children = Children::start(&xvfb, Stdio::piped(), Stdio::null());
    let mut number = String::new();
    let stdout = children.stdout().expect("a piped output");
    BufReader::new(stdout).read_line(&mut number).expect("Xvfb prints its display");
    let number = number.trim();
    let screens = [0, 1, 2].map(|screen| {
        let pixels = File::open(directory.path().join(format!("Xvfb_screen{screen}"))).expect("Xvfb's framebuffer");
        let mut header = [0; 100];
        pixels.read_exact_at(&mut header, 0).expect("Xvfb's framebuffer has a header");
        // The X window dump format: 25 big-endian numbers, then a table of colours, then the pixels.
        let field = |index: usize| {
            let bytes = header[index * 4..].first_chunk().copied().unwrap_or_default();
            usize::try_from(u32::from_be_bytes(bytes)).unwrap_or_default()
        };
        let (little_endian, bits, red) = (field(7) == 0, field(11), field(14));
        assert!(little_endian && bits == 32 && red == 0xff_0000, "the pixels are blue, green, red and a byte unused");
        let display = format!(":{number}.{screen}");
        Screen { display, pixels, offset: field(0) + field(19) * 12, stride: field(12) }
    });
    // The directory is deleted here. The server and this process have the files open.
    (children, screens)
}

/// The width of each screen.
pub const WIDTH: usize = 1600;
/// The height of each screen.
pub const HEIGHT: usize = 1200;
/// The distance of sampled pixels in both directions.
const GRID: usize = 20;
/// The number of sampled pixels in a square of 100 x 100.
const SQUARE: usize = (100 / GRID) * (100 / GRID);
