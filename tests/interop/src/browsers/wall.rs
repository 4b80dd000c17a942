//! A server of a wall, which counts its requests.
//!
//! | path | content |
//! |---|---|
//! | `/wall?of=a,b` | `Wall` |
//! | `/` | the page of the test |
//! | `/client.js` | `ClientScript` |

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{Html, Response};
use axum::routing::get;
use futures::StreamExt as _;
use mixed_replace::{ClientScript, Hub, Hubs, Ladder, Part, Publisher, hub};
use tokio::time::{Instant, sleep};

/// A server that runs as long as the runtime.
#[derive(Debug)]
pub struct Wall {
    address: SocketAddr,
    hubs: Hubs,
    tracks: Mutex<BTreeMap<String, (Publisher, Hub)>>,
    requests: Arc<Mutex<Requests>>,
}

#[derive(Debug, Default)]
struct Requests {
    open: usize,
    most: usize,
    asked: Vec<BTreeSet<String>>,
}

impl Wall {
    /// Starts a server with this page and these tracks, none of which has a part.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start(page: String, tracks: impl IntoIterator<Item = String>) -> Self {
        let (hubs, requests) = (Hubs::new(), Arc::<Mutex<Requests>>::default());
        let (endpoint, counted) = (mixed_replace::Wall::new(hubs.clone()), Arc::clone(&requests));
        let answer = async move |request: Request| answer(&endpoint, &counted, request).await;
        let app = Router::new()
            .route("/", get(async || Html(page)))
            .route("/wall", get(answer))
            .route_service("/client.js", ClientScript);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async { axum::serve(listener, app).await });
        let wall = Self { address, hubs, tracks: Mutex::default(), requests };
        tracks.into_iter().for_each(|name| wall.insert(&name));
        wall
    }

    fn insert(&self, name: &str) {
        let (publisher, hub) = hub::channel();
        self.hubs.insert(name, hub.clone()).expect("a valid name");
        lock(&self.tracks).insert(name.to_owned(), (publisher, hub));
    }

    /// Adds a track in two sizes: `yard` is its large picture, `yard/1` its small one.
    ///
    /// # Panics
    ///
    /// If it cannot have this name.
    pub fn insert_ladder(&self, name: &str) {
        let rungs = [name.to_owned(), format!("{name}/1")].map(|rung| (rung, hub::channel()));
        let ladder = Ladder::new(rungs.iter().map(|(_, (_, hub))| hub.clone()));
        self.hubs.insert_ladder(name, ladder).expect("a valid name");
        lock(&self.tracks).extend(rungs);
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
    pub fn show(&self, name: &str, part: Part) {
        if !lock(&self.tracks).contains_key(name) {
            self.insert(name);
        }
        let tracks = lock(&self.tracks);
        tracks.get(name).expect("it was inserted").0.publish(part).expect("a part that can be sent");
    }

    /// Ends a track.
    pub fn end(&self, name: &str) {
        self.hubs.remove(name);
        lock(&self.tracks).remove(name);
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
        lock(&self.requests).open
    }

    /// Returns the largest number of responses that were open at a time, and starts to count again.
    #[must_use]
    pub fn most(&self) -> usize {
        let mut requests = lock(&self.requests);
        let open = requests.open;
        std::mem::replace(&mut requests.most, open)
    }

    /// Returns the tracks of each request in order.
    #[must_use]
    pub fn asked(&self) -> Vec<BTreeSet<String>> {
        lock(&self.requests).asked.clone()
    }

    /// Returns the number of bytes that were sent of a track.
    #[must_use]
    pub fn sent(&self, name: &str) -> u64 {
        self.delivered(name).1
    }

    /// Returns the numbers of parts and of bytes that were sent of a track.
    #[must_use]
    pub fn delivered(&self, name: &str) -> (u64, u64) {
        let stats = lock(&self.tracks).get(name).map(|(_, hub)| hub.stats());
        stats.map_or((0, 0), |stats| (stats.parts_delivered, stats.bytes_delivered))
    }
}

async fn answer(wall: &mixed_replace::Wall, requests: &Arc<Mutex<Requests>>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let of = query.split('&').find_map(|pair| pair.strip_prefix("of=")).unwrap_or_default();
    lock(requests).asked.push(of.split(',').map(str::to_owned).collect());
    let response = wall.respond(request).await;
    if !response.status().is_success() {
        return response.map(Body::new);
    }
    let open = Open::new(Arc::clone(requests));
    response.map(|body| {
        Body::from_stream(Body::new(body).into_data_stream().inspect(move |_| {
            let _counted = &open;
        }))
    })
}

/// Counts as an open response until it is dropped.
struct Open(Arc<Mutex<Requests>>);

impl Open {
    fn new(requests: Arc<Mutex<Requests>>) -> Self {
        let mut counted = lock(&requests);
        counted.open += 1;
        counted.most = counted.most.max(counted.open);
        drop(counted);
        Self(requests)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        lock(&self.0).open -= 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
