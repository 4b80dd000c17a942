//! Participants in real browsers: each sees the others move, and the tiles of those who leave are removed.

use std::io::Cursor;
use std::time::{Duration, Instant};

use crate::room::Room;
use futures_util::future::join_all;
use interop_tests::browsers::{Browser, Engine};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

/// Starts a browser with a fake camera where the engine supports one.
async fn browser(engine: Engine) -> Browser {
    Browser::start_with(engine, |capabilities| with_camera(engine, capabilities)).await
}

fn with_camera(engine: Engine, capabilities: &mut Map<String, Value>) {
    capabilities.insert("acceptInsecureCerts".to_owned(), json!(true));
    match engine {
        Engine::Chromium => {
            let args = capabilities["goog:chromeOptions"]["args"].as_array_mut().unwrap();
            args.extend(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"].map(Value::from));
        }
        Engine::Firefox => {
            capabilities["moz:firefoxOptions"]["prefs"] =
                json!({ "media.navigator.streams.fake": true, "media.navigator.permission.disabled": true });
        }
        Engine::WebKit => {}
    }
}

/// One participant and its browser.
struct Guest {
    name: &'static str,
    browser: Browser,
}

impl Guest {
    async fn open(room: &Room, engine: Engine, name: &'static str, (width, height): (u32, u32)) -> Self {
        let guest = Self { name, browser: browser(engine).await };
        guest.browser.resize(width, height).await;
        guest.browser.open(&room.url).await;
        guest.until("return !!document.getElementById('how')?.textContent").await;
        guest
    }

    /// Presses one of the two buttons, `camera` or `painted`.
    async fn join(&self, how: &str) {
        let press = format!(
            "document.getElementById('name').value = '{}'; document.getElementById('{how}').click()",
            self.name
        );
        self.browser.run(&press).await;
        self.until("return !document.getElementById('joined').hidden").await;
    }

    /// Waits until a script returns `true`.
    async fn until(&self, script: &str) {
        let start = Instant::now();
        while self.browser.run(script).await != true {
            if start.elapsed() > AT_MOST {
                let page = self.browser.run("return document.body.innerText").await;
                panic!("not true for {} after {AT_MOST:?}: {script}\n{page}", self.name);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the page has tiles of exactly these names.
    async fn sees(&self, names: &[&str]) {
        let names_on_screen = "[...document.querySelectorAll('figure .name')].map(name => name.textContent).sort()";
        let mut names = names.to_vec();
        names.sort_unstable();
        self.until(&format!("return '{}' === {names_on_screen}.join()", names.join(","))).await;
    }

    /// Takes screenshots until the tile of each name has changed three times.
    async fn sees_moving(&self, names: &[&str]) {
        let start = Instant::now();
        let mut last = self.look(names).await;
        let mut changes = vec![0; names.len()];
        while changes.iter().any(|changes| *changes < 3) {
            let next = self.look(names).await;
            for (changes, (last, next)) in changes.iter_mut().zip(last.iter().zip(&next)) {
                *changes += usize::from(is_picture(next) && differ(last, next));
            }
            last = next;
            assert!(start.elapsed() < AT_MOST, "{}: {changes:?} changes of {names:?}", self.browser.engine());
        }
        println!("{} sees {names:?} move: {changes:?} changes in {:.1?}", self.browser.engine(), start.elapsed());
    }

    /// Asserts that the page uses the transport that it describes.
    async fn uses_the_described_transport(&self, room: &Room) {
        let text = self.browser.run("return document.getElementById('how').textContent").await;
        let sources =
            self.browser.run("return [...document.querySelectorAll('figure img')].map(image => image.src)").await;
        let posts =
            "return performance.getEntriesByType('resource').filter(one => /people.\\d+$/.test(one.name)).length";
        let (text, posts) = (text.as_str().unwrap(), self.browser.run(posts).await.as_u64().unwrap());
        let http2 = room.url.starts_with("https:");
        assert!(sources.as_array().unwrap().iter().all(|of| of.as_str().unwrap().starts_with("blob:")), "{sources}");
        assert!(text.starts_with("All pictures share one endless response "), "{text}");
        assert_eq!(text.contains("one endless request"), http2, "{text}");
        assert!(if http2 { posts < 3 } else { posts > 5 }, "{posts} requests have sent pictures");
    }

    /// Asserts that all tiles take their pictures from one response, over HTTP/2 or HTTP/1.1.
    async fn shares_a_response(&self, http2: bool) {
        // A response that runs has no entry yet; one that a larger one has replaced has.
        let script = "const pictures = [...document.querySelectorAll('mixed-replace')];
            const entries = performance.getEntriesByType('resource').filter(one => /client=wall/.test(one.name));
            return [pictures.every(one => one.getAttribute('state') === 'live'), new Set(pictures.map(one => one.src.split('#')[0])).size,
                entries.map(one => one.nextHopProtocol)]";
        let protocol = if http2 { "h2" } else { "http/1.1" };
        let engine = self.browser.engine();
        assert_eq!(self.browser.run(script).await, json!([true, 1, [protocol]]), "{engine}");
    }

    /// Returns the pixels of the tiles of these names, without captions, from one screenshot.
    async fn look(&self, names: &[&str]) -> Vec<Vec<[u8; 3]>> {
        let places = format!(
            "return {}.map(name => {{
               const figure = [...document.querySelectorAll('figure')].find(f => f.querySelector('.name').textContent === name);
               const {{ x, y, width, height }} = figure.getBoundingClientRect();
               return [x, y, width, height * 0.75].map(length => Math.floor(length * devicePixelRatio));
             }})",
            json!(names)
        );
        let places = self.browser.run(&places).await;
        let mut reader = png::Decoder::new(Cursor::new(self.browser.png().await)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let each = info.color_type.samples();
        let tile = |place: &Value| {
            let [x, y, width, height] = [0, 1, 2, 3].map(|at| usize::try_from(place[at].as_u64().unwrap()).unwrap());
            let rows = pixels.chunks(info.line_size).skip(y).take(height);
            rows.flat_map(|row| row.chunks(each).skip(x).take(width)).map(|p| [p[0], p[1], p[2]]).collect()
        };
        places.as_array().unwrap().iter().map(tile).collect()
    }
}

/// Returns `true` unless the tile is mostly dark, as without a picture.
fn is_picture(pixels: &[[u8; 3]]) -> bool {
    let dark = pixels.iter().filter(|[r, g, b]| u16::from(*r) + u16::from(*g) + u16::from(*b) < 64).count();
    pixels.len() > 1000 && dark < pixels.len() / 2
}

/// Returns `true` if more than one pixel in a thousand differs. The colour of Firefox's fake camera changes slowly.
fn differ(before: &[[u8; 3]], after: &[[u8; 3]]) -> bool {
    let far = |(a, b): (&[u8; 3], &[u8; 3])| a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 4);
    before.iter().zip(after).filter(|pair| far(*pair)).count() > before.len() / 1000
}

async fn three_see_each_other(room: &Room) {
    let guests = join_all(NAMES.map(|name| Guest::open(room, Engine::Chromium, name, (1100, 900)))).await;
    for guest in &guests {
        guest.join("camera").await;
    }
    for guest in &guests {
        guest.sees(&NAMES).await;
        guest.sees_moving(&NAMES.into_iter().filter(|name| *name != guest.name).collect::<Vec<_>>()).await;
    }
    let [ada, alan, grace] = <[Guest; 3]>::try_from(guests).ok().unwrap();
    ada.uses_the_described_transport(room).await;
    // A participant leaves.
    let leaving = Instant::now();
    alan.browser.run("document.getElementById('leave').click()").await;
    ada.sees(&["Ada", "Grace"]).await;
    grace.sees(&["Ada", "Grace"]).await;
    println!("removed the tile after leaving in {:.1?}", leaving.elapsed());
    ada.sees_moving(&["Grace"]).await;
    // A participant vanishes.
    drop(alan);
    drop(grace);
    let vanished = Instant::now();
    ada.sees(&["Ada"]).await;
    println!("removed the tile after vanishing in {:.1?}", vanished.elapsed());
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
#[ignore = "needs Chromium with its WebDriver"]
fn three_participants_see_each_other() {
    run(async {
        let room = Room::start(&["--demo", "0"]);
        three_see_each_other(&room).await;
    });
}

#[test]
#[ignore = "needs Chromium with its WebDriver"]
fn three_participants_see_each_other_over_http2() {
    run(async {
        let room = Room::start(&["--demo", "0", "--tls"]);
        three_see_each_other(&room).await;
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn six_participants_in_three_engines_see_the_others() {
    run(async { in_each_engine(&[], &["Ada", "Alan", "Grace", "Barbara", "Edsger", "Radia"]).await });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn each_engine_sees_the_others_over_http2() {
    run(async { in_each_engine(&["--tls"], &NAMES).await });
}

/// Opens a browser for each of up to six names, with the engines in turn.
async fn in_each_engine(arguments: &[&str], names: &[&'static str]) {
    let room = Room::start(arguments);
    // Firefox hides a page that another window covers, so no window covers the other of its engine. Each has room for all tiles.
    let places = [(1500, 800), (1100, 1050)].into_iter().flat_map(|size| Engine::ALL.map(|engine| (engine, size)));
    let guests = places.zip(names).map(|((engine, size), name)| Guest::open(&room, engine, name, size));
    let guests = join_all(guests).await;
    for guest in &guests {
        // WebKitGTK's MiniBrowser has no camera.
        guest.join(if guest.browser.engine() == Engine::WebKit { "painted" } else { "camera" }).await;
    }
    for guest in &guests {
        guest.sees(&[names, &["Demo 1"]].concat()).await;
        let others = names.iter().copied().filter(|name| *name != guest.name).chain(["Demo 1"]);
        guest.sees_moving(&others.collect::<Vec<_>>()).await;
        guest.shares_a_response(arguments.contains(&"--tls")).await;
    }
    guests[0].browser.run("document.getElementById('leave').click()").await;
    for guest in &guests {
        guest.sees(&[&names[1..], &["Demo 1"]].concat()).await;
    }
}

/// Long enough for a small, loaded machine.
const AT_MOST: Duration = Duration::from_secs(60);
const NAMES: [&str; 3] = ["Ada", "Alan", "Grace"];
