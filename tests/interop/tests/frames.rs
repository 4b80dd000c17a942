//! Damaged frames through a hub: an `<img>` shows every good picture at once, with any damaged frames between them.

use std::array::IntoIter;
use std::iter::{Cycle, Take};
use std::time::Duration;

use interop_tests::browsers::picture::{PALETTE, files};
use interop_tests::browsers::{Board, Browser, Colour, Engine, Stack, each_engine};
use mixed_replace::Part;
use tokio::time::sleep;

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn shows_good_pictures_between_frames_with_damaged_headers() {
    each_engine(async |browser| {
        let (board, mut good) = image(browser).await;
        for (kind, name, file) in files("refuse-") {
            let delivered = board.delivered();
            assert!(Part::new(kind.clone(), file.clone()).is_err(), "{name} is not rejected");
            if kind == mime::IMAGE_JPEG {
                let skipped = board.skipped();
                assert!(!board.show_jpeg(file), "{name} is not skipped");
                assert_eq!(board.skipped(), skipped + 1, "{name} is not counted");
            }
            sleep(TENTH).await;
            assert_eq!(board.delivered(), delivered, "{name} has reached the browser");
            is_displayed(browser, &board, good.next(), &name).await;
        }
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn shows_good_pictures_between_pictures_with_damaged_data() {
    each_engine(async |browser| {
        let (board, mut good) = image(browser).await;
        for (kind, name, file) in files("take-").into_iter().chain(files("good-")) {
            board.show(Part::new(kind, file).expect("a sound header"));
            sleep(2 * TENTH).await;
            is_displayed(browser, &board, good.next(), &name).await;
        }
        assert_eq!(board.viewers(), 1, "the first stream is still open");
    });
}

/// With other bytes and positions in each engine.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn shows_good_pictures_between_mutated_frames() {
    each_engine(async |browser| {
        let (board, mut good) = image(browser).await;
        let complete = PALETTE[9].jpeg().body().to_vec();
        let header = complete.windows(2).position(|marker| marker == [0xff, 0xda]).expect("an SOS") + 14;
        let mut random = Random(match browser.engine() {
            Engine::Chromium => 0x0c0f_fee1,
            Engine::Firefox => 0x0c0f_fee2,
            Engine::WebKit => 0x0c0f_fee3,
        });
        for number in 0..FRAMES {
            let (mut frame, at) = (complete.clone(), random.below(header));
            let damage = if number % 3 == 0 {
                frame.truncate(at);
                format!("{number}: cut at {at} of {header}")
            } else {
                let changed = loop {
                    let byte = random.below(256).to_le_bytes()[0];
                    if byte != frame[at] {
                        break byte;
                    }
                };
                let before = std::mem::replace(&mut frame[at], changed);
                format!("{number}: byte {at} is {changed:02x} in place of {before:02x}")
            };
            let _: bool = board.show_jpeg(frame);
            sleep(TENTH).await;
            is_displayed(browser, &board, good.next(), &damage).await;
        }
        println!("{}: of {FRAMES} damaged frames {} were skipped", browser.engine(), board.skipped());
    });
}

/// Opens a page with an image of a hub that shows a first picture. Returns the pictures to send.
async fn image(browser: &Browser) -> (Board, Good) {
    let board = Board::start(Stack::Axum);
    let mut good = Good(PALETTE.into_iter().take(9).cycle());
    board.show(good.next().jpeg());
    browser.open(&board.own("<img src=/page alt=Camera width=300 height=300>")).await;
    board.has_viewers(1, AT_MOST).await;
    is_displayed(browser, &board, good.next(), "the first").await;
    (board, good)
}

async fn is_displayed(browser: &Browser, board: &Board, colour: Colour, after: &str) {
    board.show(colour.jpeg());
    let seen = browser.watch().sees(colour, AT_MOST).await;
    assert!(seen.is_some(), "{}: {colour} is not shown after {after}", browser.engine());
}

/// All colours except the last, repeated.
struct Good(Cycle<Take<IntoIter<Colour, 10>>>);

impl Good {
    fn next(&mut self) -> Colour {
        self.0.next().expect("an endless iterator")
    }
}

/// Pseudorandom numbers with a fixed seed (Knuth, MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit
    }
}

const FRAMES: usize = 60;
const TENTH: Duration = Duration::from_millis(100);
/// The limit on a busy machine. A picture after the end of a stream never appears.
const AT_MOST: Duration = Duration::from_secs(10);
