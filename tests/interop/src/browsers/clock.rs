//! Pictures that carry the time at which they were drawn, so that their age can be read off the screen.
//!
//! A [`Clock`] is a camera of such pictures with its server, and shows streams of other servers in pages of its own:
//!
//! | path | content |
//! |---|---|
//! | `/cameras` | a `Wall` of the camera `clock`; its stream is at `/cameras/clock` |
//! | `/pages/`*n* | a page of [`Clock::page`] |
//! | `/client.js` | `ClientScript` |
//! | `/via/`*host:port*`/`*path* | the response of another server, unchanged |

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{ACCEPT, CONNECTION, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jpeg_encoder::{ColorType, Encoder};
use mixed_replace::{ClientScript, Hubs, Part, Publisher, hub};
use tokio::runtime::{Builder, Runtime};

use crate::browsers::browser::Browser;
use crate::browsers::screen::Screen;
use crate::browsers::tiles;

/// A camera and its server. Both run until it is dropped.
pub struct Clock {
    address: String,
    pages: Pages,
    running: Arc<()>,
    _runtime: Runtime,
}

type Pages = Arc<Mutex<Vec<String>>>;

impl Clock {
    /// Starts a camera that draws a picture each 400 ms, and none for some seconds after every eight. Each is also passed to
    /// `copy`, with its number.
    ///
    /// # Panics
    ///
    /// If no port is free.
    #[must_use]
    pub fn start(copy: impl FnMut(u64, &Part) + Send + 'static) -> Self {
        let (publisher, hub) = hub::channel();
        let hubs = Hubs::new();
        hubs.insert("clock", hub).expect("a valid name");
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let pages = Pages::default();
        let app = Router::new()
            .route("/pages/{number}", get(page))
            .route("/via/{server}/{*path}", get(via))
            .route_service("/client.js", ClientScript)
            .nest_service("/cameras", mixed_replace::Wall::by_name(hubs))
            .with_state(Arc::clone(&pages));
        runtime.spawn(async move { axum::serve(listener, app).await });
        let running = Arc::new(());
        let runs = Arc::downgrade(&running);
        spawn(move || draw(&publisher, copy, || runs.strong_count() > 0));
        Self { address, pages, running, _runtime: runtime }
    }

    /// Returns the address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Adds a page with an element for each of these addresses, and returns its address. A stream is stale after `timeout`
    /// seconds.
    pub fn page<'a>(&self, streams: impl IntoIterator<Item = &'a str>, timeout: u32) -> String {
        let own = self.url("/");
        let elements = streams.into_iter().enumerate().map(|(number, url)| {
            let src = match url.strip_prefix(&own) {
                Some(path) => format!("/{path}"),
                None => url.replacen("http://", "/via/", 1),
            };
            let (x, y) = corner(number);
            format!(
                "<mixed-replace src='{src}' timeout={timeout} show-age style='left:{x}px; top:{y}px'>
                 <img alt=Clock></mixed-replace>"
            )
        });
        let page = tiles::marked(&format!(
            "<style>img {{ display: block; width: {WIDTH}px; height: {HEIGHT}px }}</style>
             <script>elements = document.getElementsByTagName('mixed-replace'); states = [];
             addEventListener('state', ({{ target, detail: {{ state, age }} }}) => {{
                 states.push([[...elements].indexOf(target), state, age, Date.now()]);
             }}, true)</script>{}",
            elements.collect::<String>()
        ));
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.push(page);
        self.url(&format!("/pages/{}", pages.len() - 1))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, running, .. } = self;
        f.debug_struct("Clock").field("address", address).field("running", running).finish_non_exhaustive()
    }
}

fn draw(publisher: &Publisher, mut copy: impl FnMut(u64, &Part), runs: impl Fn() -> bool) {
    for number in 1.. {
        if !runs() {
            return;
        }
        let picture = picture(SystemTime::now());
        publisher.publish(picture.clone()).expect("a part that can be sent");
        copy(number, &picture);
        sleep(if number % RUN == 0 { PAUSE } else { PERIOD });
    }
}

async fn page(State(pages): State<Pages>, Path(number): Path<usize>) -> Response {
    let page = pages.lock().unwrap_or_else(PoisonError::into_inner).get(number).cloned();
    page.map(Html).ok_or(StatusCode::NOT_FOUND).into_response()
}

async fn via(Path((server, path)): Path<(String, String)>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut request = Request::get(format!("http://{server}/{path}{query}"));
    if let Some(accept) = headers.get(ACCEPT) {
        request = request.header(ACCEPT, accept);
    }
    let request = request.body(Body::empty()).expect("an address");
    match Client::builder(TokioExecutor::new()).build_http().request(request).await {
        Ok(mut response) => {
            for name in [CONNECTION, TRANSFER_ENCODING] {
                response.headers_mut().remove(name);
            }
            response.map(Body::new)
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// Draws a picture of a time: a row of bits, white or black, and below them the same bits inverted.
///
/// # Panics
///
/// Never: the body is a picture.
pub fn picture(time: SystemTime) -> Part {
    let bits = millis(time);
    let white = |x: usize, y: usize| (bits >> (x / BIT) & 1 == 1) == (y < HEIGHT / 2);
    let pixels = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| if white(x, y) { 255 } else { 0 }));
    let (width, height) = (u16::try_from(WIDTH).expect("a width"), u16::try_from(HEIGHT).expect("a height"));
    let mut file = Vec::new();
    let encoded = Encoder::new(&mut file, 95).encode(&pixels.collect::<Vec<u8>>(), width, height, ColorType::Luma);
    encoded.expect("a picture of this size");
    Part::jpeg(file).expect("a JPEG file")
}

/// Reads the time off the pixels of the picture at a place. `None` if there is none, or one that is being drawn.
fn read(screen: &Screen, x: usize, y: usize) -> Option<SystemTime> {
    let [upper, lower] = [HEIGHT / 4, HEIGHT * 3 / 4].map(|row| screen.row(x, y + row, WIDTH));
    let light = |row: &[u8], bit: usize| {
        let pixel = &row[(bit * BIT + BIT / 2) * 4..][..3];
        let white = pixel.iter().all(|value| *value > 192);
        (white || pixel.iter().all(|value| *value < 64)).then_some(white)
    };
    let mut bits = 0;
    for bit in 0..BITS {
        let (white, inverted) = (light(&upper, bit)?, light(&lower, bit)?);
        if white == inverted {
            return None;
        }
        bits |= u64::from(white) << bit;
    }
    // The picture is not older than the bits can count.
    let now = SystemTime::now();
    let age = millis(now).wrapping_sub(bits) % (1 << BITS);
    now.checked_sub(Duration::from_millis(age))
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(since).unwrap_or_default()
}

/// Pictures of one stream on the screen, by their age in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Ages {
    /// The age that the page shows, minus the age by the pixels, while pictures come.
    pub moving: Vec<i64>,
    /// The same of the last picture while none come.
    pub resting: Vec<i64>,
    pictures: Vec<u64>,
}

impl Ages {
    fn is_complete(&self) -> bool {
        self.moving.len() >= SAMPLES && self.resting.len() >= SAMPLES
    }
}

/// Compares the ages that a page of so many streams shows with those on the screen.
///
/// The time of the picture in a page, which is its clock minus the age, does not depend on when the page is asked. So it is
/// compared with the pixels if these are the same before and after.
///
/// # Panics
///
/// If the page does not show each stream in time.
pub async fn ages(browser: &Browser, count: usize) -> Vec<Ages> {
    let (screen, (left, top)) = (browser.screen(), tiles::origin(browser).await);
    let times = |()| -> Vec<_> {
        let places = (0..count).map(corner);
        places.map(|(x, y)| read(screen, left + x, top + y).map(millis)).collect()
    };
    let mut ages = vec![Ages::default(); count];
    let deadline = Instant::now() + AT_MOST;
    while !ages.iter().all(Ages::is_complete) {
        assert!(Instant::now() < deadline, "{}: {ages:?}", browser.engine());
        tokio::time::sleep(EVERY).await;
        let before = times(());
        let answer = browser.run("return [...elements].map(({ age }) => [age * 1000, Date.now() - age * 1000])").await;
        let after = times(());
        for (number, ages) in ages.iter_mut().enumerate() {
            let shown = |index: usize| answer[number][index].as_f64();
            let (Some(drawn), Some(age), Some(captured)) = (before[number], shown(0), shown(1)) else { continue };
            if after[number] != Some(drawn) {
                continue;
            }
            if ages.pictures.last() != Some(&drawn) {
                ages.pictures.push(drawn);
            }
            // Between clocks that differ, the first pictures tell by how much.
            if ages.pictures.len() > 2 {
                #[expect(clippy::cast_possible_truncation, reason = "milliseconds of this century")]
                let error = i64::try_from(drawn).unwrap_or_default() - captured.round() as i64;
                let rests = age > PAUSE.as_secs_f64() * 500.0;
                if rests { &mut ages.resting } else { &mut ages.moving }.push(error);
            }
        }
    }
    ages
}

fn corner(number: usize) -> (usize, usize) {
    (tiles::MARGIN, tiles::MARGIN + number * (HEIGHT + 8))
}

const BITS: usize = 24;
/// A block of a JPEG file, so that it has no other colours.
const BIT: usize = 8;
const WIDTH: usize = BITS * BIT;
const HEIGHT: usize = 4 * BIT;
const RUN: u64 = 8;
const PERIOD: Duration = Duration::from_millis(400);
const PAUSE: Duration = Duration::from_millis(2_500);
const SAMPLES: usize = 9;
const EVERY: Duration = Duration::from_millis(100);
const AT_MOST: Duration = Duration::from_secs(60);
