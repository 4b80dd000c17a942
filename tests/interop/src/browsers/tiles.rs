//! Many pictures in one page, and their pixels on the screen.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::browsers::browser::Browser;
use crate::browsers::picture::{Colour, PAGE, letters};
use crate::browsers::screen::Screen;

/// The number of tiles in a row.
const COLUMNS: usize = 10;
/// The width of a tile.
pub const WIDTH: usize = 120;
/// The height of a tile.
pub const HEIGHT: usize = 90;
/// A point this far from two opposite corners of a tile has the colour of its picture.
const INSET: usize = 6;
/// The colour of the square in the page's corner, which shows where the page is on the screen.
const MARK: [u8; 3] = [1, 99, 98];
/// The side of that square.
pub(crate) const MARGIN: usize = 10;

/// Returns a page of so many tiles with the tracks `t0`, `t1` and so on, and more elements. It keeps the number of `errors`.
#[must_use]
pub fn page(count: usize, more: &str) -> String {
    let tile = |number: usize| {
        let place = place(number);
        format!(
            "<mixed-replace src='/wall#t{number}' timeout=3 style='{place}'>
             <img alt='Camera {number}' width={WIDTH}></mixed-replace>"
        )
    };
    marked(&format!(
        "<script>errors = 0; addEventListener('error', () => errors++, true);
         state = name => document.querySelector(`[src$='#${{name}}']`).getAttribute('state')</script>
         <style>img {{ display: block; width: {WIDTH}px; height: {HEIGHT}px }}</style>{}{more}",
        (0..count).map(tile).collect::<String>(),
    ))
}

/// Returns a page with the client, this body, elements that are placed by their `style`, and a mark in its corner.
#[must_use]
pub fn marked(body: &str) -> String {
    let [r, g, b] = PAGE;
    let mark = MARK.map(|value| value.to_string()).join(",");
    format!(
        "<!doctype html><title>Cameras</title><script type=module src=/client.js></script>
         <style>body {{ margin: 0; background: rgb({r},{g},{b}); overflow: hidden }}
         mixed-replace {{ position: absolute }}</style>
         <div style='width: {MARGIN}px; height: {MARGIN}px; background: rgb({mark})'></div>{body}
         <p style='margin-top: 700px'>{}",
        letters()
    )
}

/// Returns the position of the corner of a [`marked`] page on the screen, once it is there.
///
/// # Panics
///
/// If the page does not appear.
pub(crate) async fn origin(browser: &Browser) -> (usize, usize) {
    let (screen, deadline, mut before) = (browser.screen(), Instant::now() + Duration::from_secs(15), None);
    loop {
        // Bars of the window may still move the page.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mark = screen.find(MARK);
        if let (Some((x, y)), true) = (mark, mark == before) {
            return (x, y + 1 - MARGIN);
        }
        before = mark;
        assert!(Instant::now() < deadline, "{} does not show the page", browser.engine());
    }
}

/// Returns the style of an element at the place of a tile.
#[must_use]
pub fn place(number: usize) -> String {
    let (x, y) = corner(number);
    format!("left:{x}px; top:{y}px")
}

fn corner(number: usize) -> (usize, usize) {
    (MARGIN + number % COLUMNS * (WIDTH + 2), MARGIN + number / COLUMNS * (HEIGHT + 2))
}

/// The recorder of all tiles. Dropping it ends it.
#[derive(Debug)]
pub struct Tiles {
    records: Arc<Mutex<Vec<Record>>>,
    _end: Sender<()>,
}

/// What a tile has shown.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The picture on the screen.
    pub now: Option<Colour>,
    /// The time of each change to another picture.
    pub changes: Vec<(Instant, Colour)>,
    /// The number of changes to no picture after the first one.
    pub blanks: usize,
    /// The number of pictures of which two parts were visible at once for longer than a frame takes to draw.
    pub torn: usize,
    /// Halves that differ: since when, in how many looks, and what they show.
    halves: Option<(Instant, usize, [Option<Colour>; 2])>,
}

impl Tiles {
    /// Starts recording so many tiles of a [`page`].
    ///
    /// # Panics
    ///
    /// If the page does not appear.
    pub async fn watch(browser: &Browser, count: usize) -> Self {
        let (screen, (x, y)) = (browser.screen(), origin(browser).await);
        let records = Arc::new(Mutex::new(vec![Record::default(); count]));
        let (end, ended) = channel();
        let log = Arc::clone(&records);
        thread::spawn(move || {
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let seen: Vec<_> = (0..count).map(|number| look(screen, x, y, number)).collect();
                let mut records = log.lock().unwrap_or_else(PoisonError::into_inner);
                records.iter_mut().zip(seen).for_each(|(record, halves)| record.add(halves));
            }
        });
        Self { records, _end: end }
    }

    /// Returns the record of each tile.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until each of these tiles shows this picture. Returns the time of the last.
    ///
    /// # Panics
    ///
    /// If one does not in time.
    pub async fn show(&self, tiles: impl IntoIterator<Item = usize>, colour: Colour, within: Duration) -> Instant {
        let (tiles, deadline): (Vec<_>, _) = (tiles.into_iter().collect(), Instant::now() + within);
        loop {
            let records = self.records();
            let missing: Vec<_> = tiles.iter().filter(|tile| records[**tile].now != Some(colour)).collect();
            if missing.is_empty() {
                let last = tiles.iter().filter_map(|tile| records[*tile].changes.last());
                return last.map(|(time, _)| *time).max().unwrap_or_else(Instant::now);
            }
            assert!(Instant::now() < deadline, "after {within:?} {missing:?} do not show {colour}");
            tokio::time::sleep(EVERY).await;
        }
    }
}

impl Record {
    fn add(&mut self, halves: [Option<Colour>; 2]) {
        let time = Instant::now();
        let [top, bottom] = halves;
        if top == bottom {
            self.halves = None;
        } else {
            // The screen is read while it is being drawn. On a busy machine that takes longer, and so may one look after another.
            let same = self.halves.filter(|(.., before)| *before == halves);
            let (since, looks, _) = same.unwrap_or((time, 0, halves));
            let torn = looks + 1 >= LOOKS && time.duration_since(since) > DRAWING;
            self.torn += usize::from(torn);
            self.halves = (!torn).then_some((since, looks + 1, halves));
            return;
        }
        if top != self.now {
            self.blanks += usize::from(top.is_none());
            self.changes.extend(top.map(|colour| (time, colour)));
            self.now = top;
        }
    }
}

/// Returns the picture in the upper left and in the lower right of a tile.
fn look(screen: &Screen, left: usize, top: usize, number: usize) -> [Option<Colour>; 2] {
    let (x, y) = corner(number);
    [(INSET, INSET), (WIDTH - INSET, HEIGHT - INSET)].map(|(dx, dy)| screen.at(left + x + dx, top + y + dy))
}

const EVERY: Duration = Duration::from_millis(4);
/// Less than the tenth of a second for which a picture is on the screen.
const DRAWING: Duration = Duration::from_millis(70);
const LOOKS: usize = 10;
