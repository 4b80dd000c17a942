//! The three engines, and a runner of tests in each of them.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::browsers::browser::Browser;

/// A browser engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Engine {
    /// Blink, in Chromium. Also in Chrome, Edge, Opera and the browsers of Android.
    Chromium,
    /// Gecko, in Firefox.
    Firefox,
    /// WebKitGTK, in its MiniBrowser. Safari has the same engine but another loader.
    WebKit,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];
}

/// The setup of a browser.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Setup {
    /// The default.
    AsItComes,
    /// With a preference for reduced motion.
    LessMotion,
    /// With service workers that end soon after their last event, where that can be set: in Firefox.
    ShortWorkers,
    /// With scripts disabled. The driver cannot run any either.
    NoScripts,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Runs a test in a browser of each engine, all three at once: a fresh one, or that of the last test in a new tab. Fails if one of them fails.
///
/// Tests run one after another, because concurrent tests would disturb each other's times.
///
/// # Panics
///
/// If the test fails in an engine. The message contains the name and the failure of each.
pub fn each_engine(test: impl AsyncFn(&Browser) + Sync) {
    in_engines_as(Setup::AsItComes, &Engine::ALL, test);
}

/// Runs a test like [`each_engine`], with another setup of the browsers.
///
/// # Panics
///
/// Like [`each_engine`].
pub fn each_engine_as(setup: Setup, test: impl AsyncFn(&Browser) + Sync) {
    in_engines_as(setup, &Engine::ALL, test);
}

/// Runs a test like [`each_engine`] in some engines only.
///
/// # Panics
///
/// Like [`each_engine`].
pub fn in_engines(engines: &[Engine], test: impl AsyncFn(&Browser) + Sync) {
    in_engines_as(Setup::AsItComes, engines, test);
}

fn in_engines_as(setup: Setup, engines: &[Engine], test: impl AsyncFn(&Browser) + Sync) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (test, starting) = (&test, &AtomicUsize::new(engines.len()));
    let failures: Vec<String> = thread::scope(|scope| {
        let start = |engine: Engine| {
            let run = move || run(engine, setup, starting, test);
            // The message of a panic contains the name of the thread.
            (engine, thread::Builder::new().name(engine.to_string()).spawn_scoped(scope, run).expect("a thread"))
        };
        let runs: Vec<_> = engines.iter().copied().map(start).collect();
        let failed = runs.into_iter().filter_map(|(engine, run)| Some((engine, run.join().err()?)));
        failed.map(|(engine, why)| format!("{engine}: {}", message(&*why))).collect()
    });
    assert!(failures.is_empty(), "failed in {} of {} engines\n{}", failures.len(), engines.len(), failures.join("\n"));
}

fn run(engine: Engine, setup: Setup, starting: &AtomicUsize, test: &impl AsyncFn(&Browser)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // A starting browser slows the others down, so all wait until the last one has started or failed.
        let started = CountDown(starting);
        let browser = Browser::kept_or_start(engine, setup).await;
        drop(started);
        while starting.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        test(&browser).await;
        browser.keep().await;
    });
}

struct CountDown<'a>(&'a AtomicUsize);

impl Drop for CountDown<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a message")
}
