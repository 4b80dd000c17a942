//! The part of a server that does not depend on its framework: a source of pictures, and statistics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mixed_replace::{Hub, Hubs, Ingest, Ladder, Publisher, hub};
use serde_json::{Value, json};

use crate::options::Options;
use crate::picture::Picture;
use crate::server::Watched;

/// A hub whose camera runs on demand.
#[derive(Clone, Debug)]
pub struct Camera {
    /// The hub to mount.
    pub hub: Hub,
    /// The hubs of the wall to mount, whose cameras always run.
    pub tracks: Hubs,
    /// The ladder to mount: the hub, and smaller pictures, which are always published.
    pub ladder: Ladder,
    /// The hub of the pictures that are sent in.
    pub fed: Hub,
    /// The endpoint to mount to which they are sent.
    pub ingest: Ingest,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// The number of the last published picture.
    last: AtomicU64,
    /// The longest time of a `publish` in microseconds.
    slowest: AtomicU64,
    wanted: AtomicU64,
}

impl Camera {
    /// Starts the camera's thread.
    #[must_use]
    pub fn start(options: &Options) -> Self {
        let mut builder = hub::builder().linger(Duration::ZERO);
        if let Some(part_timeout) = options.part_timeout {
            builder = builder.part_timeout(part_timeout);
        }
        if let Some(keep_alive) = options.keep_alive {
            builder = builder.keep_alive_interval(keep_alive);
        }
        if let Some(max_lifetime) = options.max_lifetime {
            builder = builder.max_lifetime(max_lifetime);
        }
        if let Some(max) = options.max_subscribers {
            builder = builder.max_subscribers(max);
        }
        let (publisher, hub) = builder.build();
        let rungs = options.rungs.iter().map(|size| rung(options.fps, *size));
        let ladder = Ladder::new(std::iter::once(hub.clone()).chain(rungs));
        let mut builder = hub::builder();
        if let Some(keep_alive) = options.keep_alive {
            builder = builder.keep_alive_interval(keep_alive);
        }
        let (sent, fed) = builder.build();
        // Pictures of these tests are not images.
        let ingest = Ingest::new(sent).takeover(true).trusted(true);
        let camera = Self { hub, tracks: tracks(options), ladder, fed, ingest, progress: Arc::default() };
        let (progress, options) = (Arc::clone(&camera.progress), options.clone());
        std::thread::spawn(move || run(&publisher, &progress, &options));
        camera
    }

    /// Returns the statistics of the hub and the process as JSON. The number of viewers is that of all hubs.
    #[must_use]
    pub fn state(&self) -> String {
        let (stats, ended) = (self.hub.stats(), self.hub.stats().ended);
        let progress = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let viewers: Vec<_> = self.hub.viewers().iter().map(viewer).collect();
        let tracks = self.tracks.list().iter().map(|track| track.viewers).sum::<usize>();
        let figures = Watched {
            viewers: stats.viewers + self.fed.stats().viewers + tracks,
            parts_published: stats.parts_published,
            parts_delivered: stats.parts_delivered,
            parts_skipped: stats.parts_skipped,
            closed: ended.closed,
            expired: ended.expired,
            disconnected: ended.disconnected,
            refused: ended.refused,
            wanted: progress(&self.progress.wanted) == 1,
            last: progress(&self.progress.last),
            slowest_publish_us: progress(&self.progress.slowest),
            descriptors: std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            memory_kb: resident().unwrap_or_default(),
            each: viewers,
        };
        serde_json::to_string(&figures).unwrap_or_default()
    }

    /// Returns the number of the last published picture.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.progress.last.load(Ordering::SeqCst)
    }
}

fn viewer(viewer: &hub::Viewer) -> Value {
    let ms = |time: Option<Duration>| time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    json!({
        "parts_delivered": viewer.parts_delivered,
        "bytes_delivered": viewer.bytes_delivered,
        "parts_skipped": viewer.parts_skipped,
        "in_flight_ms": ms(viewer.in_flight),
    })
}

/// Returns the resident memory in kilobytes.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn run(publisher: &Publisher, progress: &Progress, options: &Options) {
    let demand = publisher.demand();
    while demand.blocking_wanted() {
        progress.wanted.store(1, Ordering::Relaxed);
        while demand.is_wanted() {
            let number = progress.last.load(Ordering::Relaxed) + 1;
            if options.fps > 0.0 || number == 1 {
                let part = Picture::part(number, options.size);
                let started = Instant::now();
                if publisher.publish(part).is_err() {
                    return;
                }
                let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                progress.slowest.fetch_max(took, Ordering::Relaxed);
                progress.last.store(number, Ordering::SeqCst);
            }
            if options.fails_after == Some(number) {
                assert!(!options.panics, "the source panics");
                return;
            }
            pause(if options.fps > 0.0 { options.fps } else { 100.0 });
        }
        progress.wanted.store(0, Ordering::Relaxed);
    }
}

/// Returns hubs with the numbers of their tracks as names. A [`Picture::number`] has its track in the upper half.
fn tracks(options: &Options) -> Hubs {
    let hubs = Hubs::new();
    let publishers = (0..options.tracks).map(|track| {
        let (publisher, hub) = hub::channel();
        hubs.insert(&track.to_string(), hub).expect("a new name");
        publisher
    });
    let publishers: Vec<_> = publishers.collect();
    let (fps, size) = (options.fps * f64::from(options.tracks), options.size);
    std::thread::spawn(move || {
        for nth in 0_u32.. {
            // In turn, so that the cameras are evenly spread over the time.
            let Some(track) = nth.checked_rem(u32::try_from(publishers.len()).unwrap_or(0)) else { return };
            let number = u64::from(track) << 32 | u64::from(nth);
            let publisher = publishers.get(track as usize).expect("a track");
            if publisher.publish(Picture::part(number, size)).is_err() {
                return;
            }
            pause(fps);
        }
    });
    hubs
}

/// Returns a hub with pictures of this size.
fn rung(fps: f64, size: usize) -> Hub {
    let (publisher, hub) = hub::channel();
    std::thread::spawn(move || {
        for number in 1_u32.. {
            if publisher.publish(Picture::part(u64::from(number), size)).is_err() {
                return;
            }
            pause(fps);
        }
    });
    hub
}

/// Waits for a whole period of a camera, also when the last picture was late: of two pictures close together, a viewer may get
/// only the second.
fn pause(fps: f64) {
    std::thread::sleep(Duration::from_secs_f64(fps.recip()));
}

/// Waits for SIGTERM or SIGINT.
pub async fn stop_signal() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// The time that viewers have to read the end of their streams. A stalled viewer never reads it.
pub const GRACE: Duration = Duration::from_secs(4);
