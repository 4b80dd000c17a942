//! A picture in two sizes, between which viewers are moved.

use std::time::{Duration, Instant};

use interop_tests::browsers::picture::PALETTE;
use interop_tests::browsers::tiles::{HEIGHT, WIDTH, marked, place};
use interop_tests::browsers::{Browser, Colour, Ladder, Tiles, each_engine};
use mixed_replace::Part;
use serde_json::json;
use tokio::time::sleep;

use crate::SECOND;

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn newest_picture_stays_on_the_screen_across_moves_between_sizes() {
    each_engine(async |browser| {
        let mut camera = Camera::start(browser).await;
        camera.publish_until_on(0).await;
        camera.is_displayed().await;
        let layout = browser.run(LAYOUT).await;
        browser.run(OBSERVE).await;
        for (change, rung) in [(Change::Slow, 1), (Change::Fast, 0), (Change::Slow, 1), (Change::Close, 0)] {
            let changed = Instant::now();
            camera.change(change);
            camera.publish_until_on(rung).await;
            println!("{}: {change:?}: moved after {:.1?}", browser.engine(), changed.elapsed());
            for _ in 0..3 {
                camera.is_displayed().await;
                sleep(PERIOD).await;
                camera.publish();
            }
            camera.is_displayed().await;
            assert_eq!(browser.run(LAYOUT).await, layout, "after {change:?}");
        }
        for record in camera.tiles.records() {
            assert_eq!(record.blanks, 0, "{:?}", record.changes);
            let mut sizes: Vec<_> = record.changes.iter().map(|(_, colour)| LARGE.contains(colour)).collect();
            sizes.dedup();
            assert!(sizes.len() > 4, "four moves are on the screen: {:?}", record.changes);
        }
        let sizes = browser.run("return sizes.map(sizes => [...sizes])").await;
        let fixed = json!([format!("{WIDTH}x{HEIGHT}")]);
        assert_eq!([&sizes[0], &sizes[1]], [&fixed, &fixed]);
        // The control: the size of an `<img>` without one follows the pictures.
        let has = |size: &str| sizes[2].as_array().is_some_and(|sizes| sizes.iter().any(|found| found == size));
        assert!(has("320x240") && has("640x480"), "{sizes}");
    });
}

/// What moves the viewers.
#[derive(Clone, Copy, Debug)]
enum Change {
    Slow,
    Fast,
    Close,
}

/// A camera, and the page that shows it: in an `<img>`, in a `<mixed-replace>`, and in an `<img>` without a size.
struct Camera {
    ladder: Ladder,
    tiles: Tiles,
    scenes: Vec<[Part; 2]>,
    number: usize,
}

impl Camera {
    async fn start(browser: &Browser) -> Self {
        let scenes = LARGE.iter().zip(SMALL).map(|(large, small)| [large.scene_of(640, 480), small.scene_of(320, 240)]);
        let scenes: Vec<_> = scenes.collect();
        let ladder = Ladder::start(page(), 2).await;
        scenes.iter().take(1).for_each(|scene| ladder.show(scene.clone()));
        browser.resize(1250, 800).await;
        browser.open(&ladder.url()).await;
        let tiles = Tiles::watch(browser, 2).await;
        Self { ladder, tiles, scenes, number: 0 }
    }

    fn change(&self, change: Change) {
        // A large picture takes longer than three periods, a small one less than one.
        self.ladder.set_line(if matches!(change, Change::Slow) { Some(50_000) } else { None });
        if matches!(change, Change::Close) {
            self.ladder.close(1);
        }
    }

    fn publish(&mut self) {
        self.number += 1;
        let scene = self.scenes.iter().cycle().nth(self.number % self.scenes.len());
        self.ladder.show(scene.expect("a scene").clone());
    }

    /// Publishes until each viewer is on this rung, and each tile shows a picture of it. A busy machine may cause more moves.
    async fn publish_until_on(&mut self, rung: usize) {
        let deadline = Instant::now() + AT_MOST;
        loop {
            self.publish();
            sleep(PERIOD).await;
            let viewers = self.ladder.viewers();
            let shown: Vec<_> = self.tiles.records().iter().filter_map(|record| record.now).collect();
            let size = if rung == 0 { LARGE } else { SMALL };
            let is_shown = shown.len() == 2 && shown.iter().all(|shown| size.contains(shown));
            if is_shown && viewers.len() == 3 && viewers.iter().all(|viewer| viewer.rung == rung) {
                return;
            }
            assert!(Instant::now() < deadline, "not on {rung} but {shown:?}: {viewers:?}");
        }
    }

    /// Waits until each tile shows the newest picture, of either size. Nothing is published meanwhile.
    async fn is_displayed(&self) {
        let newest = [LARGE, SMALL].map(|size| size.iter().cycle().nth(self.number % size.len()).copied());
        let deadline = Instant::now() + AT_MOST;
        loop {
            let shown: Vec<_> = self.tiles.records().iter().map(|record| record.now).collect();
            if shown.iter().all(|shown| newest.contains(shown)) {
                return;
            }
            assert!(Instant::now() < deadline, "on the screen: {shown:?} in place of one of {newest:?}");
            sleep(SECOND / 100).await;
        }
    }
}

fn page() -> String {
    let [image, element] = [0, 1].map(place);
    let size = format!("width={WIDTH} height={HEIGHT}");
    marked(&format!(
        "<div style='position: absolute; {image}'><img src=/live/image {size}></div>
         <mixed-replace src=/live/element style='{element}'><img alt=Camera {size}></mixed-replace>
         <div style='position: absolute; left: 10px; top: 150px'><img src=/live/unsized></div>"
    ))
}

/// The colours of the large pictures, and of the small ones, in order. So a picture has a number and a size.
const LARGE: &[Colour] = PALETTE.split_at(5).0;
const SMALL: &[Colour] = PALETTE.split_at(5).1;
const LAYOUT: &str = "return [...document.images].slice(0, 2).map(image => {
    const { x, y, width, height } = image.getBoundingClientRect();
    return [x, y, width, height];
})";
/// Records the sizes that each image has from now on.
const OBSERVE: &str = "const images = [...document.images];
    window.sizes = images.map(() => new Set);
    const observer = new ResizeObserver(entries => {
        for (const { target, contentRect: { width, height } } of entries) {
            sizes[images.indexOf(target)].add(`${width}x${height}`);
        }
    });
    images.forEach(image => observer.observe(image))";
const PERIOD: Duration = Duration::from_millis(250);
/// The limit on a busy machine, which may put off a move to the larger size.
const AT_MOST: Duration = Duration::from_secs(120);
