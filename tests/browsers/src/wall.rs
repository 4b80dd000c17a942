//! A server of tracks in one response, on the script wire.
//!
//! | path | content |
//! |---|---|
//! | `/wall?of=a,b` | the tracks: the states as JSON, then each new part with its name as `Content-Location`, latest wins |
//! | `/` | the page of the test |
//! | `/client.js` | `ClientScript` |

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::{Stream, stream};
use mixed_replace::{ClientScript, Encoder, Part, Wire};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// A server that runs as long as the runtime.
#[derive(Debug)]
pub struct Wall {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Wall {
    /// Starts a server with this page and these tracks, none of which has a part.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start(page: String, tracks: impl IntoIterator<Item = String>) -> Self {
        let tracks = tracks.into_iter().map(|name| (name, Track::default())).collect();
        let state = Mutex::new(Inner { tracks, open: 0, most: 0, asked: Vec::new() });
        let shared = Arc::new(Shared { encoder: Encoder::random(Wire::Script), state, version: watch::Sender::new(1) });
        let app = Router::new()
            .route("/", get(async || Html(page)))
            .route("/wall", get(answer))
            .route_service("/client.js", ClientScript)
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async { axum::serve(listener, app).await });
        Self { address, shared }
    }

    /// Returns the address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Publishes a part of a track, which may be new.
    ///
    /// # Panics
    ///
    /// If the part cannot be sent.
    pub fn show(&self, name: &str, mut part: Part) {
        let location = name.parse().expect("a name");
        part.insert_header(header::CONTENT_LOCATION, location).expect("room for a header");
        let bytes = self.shared.encode(&part);
        let version = *self.shared.version.borrow() + 1;
        let mut state = self.shared.lock();
        let track = state.tracks.entry(name.to_owned()).or_default();
        track.part = Some((version, bytes));
        drop(state);
        self.shared.version.send_replace(version);
    }

    /// Ends a track.
    pub fn end(&self, name: &str) {
        self.shared.lock().tracks.remove(name);
        self.shared.version.send_modify(|version| *version += 1);
    }

    /// Waits until the viewers that are connected ask for these tracks only, over one connection.
    ///
    /// # Panics
    ///
    /// If they do not in time.
    pub async fn is_asked(&self, names: &[&str], within: Duration) {
        let expected = names.iter().map(|name| (*name).to_owned()).collect();
        let deadline = Instant::now() + within;
        while self.open() != usize::from(!names.is_empty())
            || !names.is_empty() && self.asked().last() != Some(&expected)
        {
            let asked = self.asked();
            assert!(Instant::now() < deadline, "{} responses, the last of {:?}", self.open(), asked.last());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns the number of open responses.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.lock().open
    }

    /// Returns the largest number of responses that were open at a time, and starts to count again.
    #[must_use]
    pub fn most(&self) -> usize {
        let mut state = self.shared.lock();
        let most = state.most;
        state.most = state.open;
        most
    }

    /// Returns the tracks of each request in order.
    #[must_use]
    pub fn asked(&self) -> Vec<BTreeSet<String>> {
        self.shared.lock().asked.clone()
    }

    /// Returns the number of bytes that were sent of a track.
    #[must_use]
    pub fn sent(&self, name: &str) -> usize {
        self.shared.lock().tracks.get(name).map_or(0, |track| track.sent)
    }
}

#[derive(Debug)]
struct Shared {
    encoder: Encoder,
    state: Mutex<Inner>,
    /// The number of parts and ends so far.
    version: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    tracks: BTreeMap<String, Track>,
    open: usize,
    most: usize,
    asked: Vec<BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Track {
    part: Option<(u64, Bytes)>,
    sent: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn encode(&self, part: &Part) -> Bytes {
        self.encoder.encode(part).expect("a part without the boundary").to_bytes()
    }
}

/// A response to one viewer.
struct Viewer {
    shared: Arc<Shared>,
    changed: watch::Receiver<u64>,
    /// The name of each track, and the version that was sent.
    tracks: Vec<(String, u64)>,
    at: usize,
    states: Option<String>,
}

async fn answer(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let of = query.split('&').find_map(|pair| pair.strip_prefix("of=")).unwrap_or_default();
    let names: BTreeSet<String> = of.split(',').map(str::to_owned).collect();
    let mut state = shared.lock();
    state.asked.push(names.clone());
    let unknown: Vec<_> = names.iter().filter(|name| !state.tracks.contains_key(*name)).cloned().collect();
    if !unknown.is_empty() {
        return (StatusCode::NOT_FOUND, [("x-unknown-tracks", unknown.join(","))]).into_response();
    }
    state.open += 1;
    state.most = state.most.max(state.open);
    drop(state);
    let content_type = shared.encoder.content_type();
    let body = Body::from_stream(parts(Arc::clone(&shared), names));
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

fn parts(shared: Arc<Shared>, names: BTreeSet<String>) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + use<> {
    let changed = shared.version.subscribe();
    let tracks = names.into_iter().map(|name| (name, 0)).collect();
    let viewer = Viewer { shared, changed, tracks, at: 0, states: None };
    stream::unfold(viewer, async |mut viewer| {
        loop {
            viewer.changed.mark_unchanged();
            if let Some(bytes) = viewer.next() {
                return Some((Ok(bytes), viewer));
            }
            viewer.changed.changed().await.ok()?;
        }
    })
}

impl Viewer {
    /// Returns the states if they have changed, or the newest part of the next track that has one.
    fn next(&mut self) -> Option<Bytes> {
        let mut state = self.shared.lock();
        let mut states = "{\"tracks\":{".to_owned();
        for (at, (name, _)) in self.tracks.iter().enumerate() {
            let word = match state.tracks.get(name) {
                Some(Track { part: Some(_), .. }) => "live",
                Some(_) => "waiting",
                None => "ended",
            };
            let comma = if at == 0 { "" } else { "," };
            write!(states, "{comma}\"{name}\":\"{word}\"").expect("writing to a string succeeds");
        }
        states.push_str("}}");
        if self.states.as_ref() != Some(&states) {
            let part = Part::json(states.clone()).expect("a body");
            let encoded = self.shared.encoder.encode(&part).expect("a part without the boundary");
            let is_first = self.states.replace(states).is_none();
            let opening = if is_first { self.shared.encoder.opening(&encoded) } else { Bytes::new() };
            return Some(Bytes::from([&opening[..], &encoded.to_bytes()].concat()));
        }
        for _ in 0..self.tracks.len() {
            self.at = (self.at + 1) % self.tracks.len();
            let (name, sent) = &mut self.tracks[self.at];
            let Some(track) = state.tracks.get_mut(name) else { continue };
            if let Some((version, bytes)) = &track.part
                && version > sent
            {
                *sent = *version;
                track.sent += bytes.len();
                return Some(bytes.clone());
            }
        }
        None
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.shared.lock().open -= 1;
    }
}
