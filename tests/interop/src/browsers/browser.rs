//! A browser window controlled by WebDriver.

use std::fs::File;
use std::future::Future;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::error::CmdError;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value};
use tempfile::TempDir;
use test_support::{Children, net};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep, timeout};

use crate::browsers::driver;
use crate::browsers::engine::{Engine, Setup};
use crate::browsers::screen::Screen;
use crate::browsers::watch::Watch;

/// A running browser with a separate window and a profile of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Browser {
    engine: Engine,
    client: Client,
    setup: Setup,
    size: (u64, u64),
    watch: Watch,
    // Dropped in this order: the processes end before their files are deleted.
    driver: Children,
    home: TempDir,
    sweeper: Option<ChildStdin>,
}

impl Browser {
    /// Starts the driver of an engine, and through it the browser.
    ///
    /// # Panics
    ///
    /// If the driver or the browser is not installed or does not start in time.
    pub async fn start(engine: Engine) -> Self {
        Self::launch(engine, Setup::AsItComes, |_| {}).await
    }

    /// Starts a browser with another setup.
    ///
    /// # Panics
    ///
    /// Like [`start`](Self::start).
    pub async fn start_as(engine: Engine, setup: Setup) -> Self {
        Self::launch(engine, setup, |_| {}).await
    }

    /// Starts a browser with additional [capabilities](driver::capabilities), such as a camera.
    ///
    /// # Panics
    ///
    /// Like [`start`](Self::start).
    pub async fn start_with(engine: Engine, more: impl FnOnce(&mut Map<String, Value>)) -> Self {
        Self::launch(engine, Setup::AsItComes, more).await
    }

    /// Returns the browser that the last test has [kept](Self::keep), or starts one.
    pub(crate) async fn kept_or_start(engine: Engine, setup: Setup) -> Self {
        match kept(engine).filter(|browser| browser.setup == setup) {
            Some(browser) => Self { watch: Watch::start(Screen::of(engine)), ..browser },
            None => Self::start_as(engine, setup).await,
        }
    }

    /// Keeps it for the next test, in a new tab without history and cookies. A start takes longer than most tests.
    pub(crate) async fn keep(mut self) {
        if timeout(ANSWER, self.renew()).await.is_ok_and(|renewed| renewed.is_ok()) {
            // Nothing kept is dropped when the tests end. This sees the end of its input then.
            self.sweeper = self.sweeper.or_else(|| {
                let mut sweep = Command::new("sh");
                sweep.args(["-c", "cat; sleep 5; rm -rf -- \"$0\""]).arg(self.home.path());
                sweep.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?.stdin
            });
            KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(self);
        }
    }

    async fn renew(&self) -> Result<(), CmdError> {
        self.client.delete_all_cookies().await?;
        let old = self.client.windows().await?;
        // WebKitGTK's driver opens only windows.
        let new = self.client.new_window(self.engine != Engine::WebKit).await?.handle;
        for window in old {
            self.client.switch_to_window(window).await?;
            self.client.close_window().await?;
        }
        self.client.switch_to_window(new).await?;
        if self.client.get_window_size().await? != self.size {
            let [width, height] = [self.size.0, self.size.1].map(|pixels| u32::try_from(pixels).unwrap_or_default());
            self.client.set_window_size(width, height).await?;
        }
        while Screen::of(self.engine).has_page() || Screen::of(self.engine).shows().is_some() {
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn launch(engine: Engine, setup: Setup, more: impl FnOnce(&mut Map<String, Value>)) -> Self {
        // Two windows on one screen would hide each other.
        drop(kept(engine));
        let home = tempfile::tempdir().expect("a temporary directory");
        let screen = Screen::of(engine);
        let mut capabilities = driver::capabilities(engine, setup, home.path());
        more(&mut capabilities);
        // WebKit's driver now and then drops its first connection, before anything is tested.
        let mut attempts = 1;
        let (driver, client) = loop {
            match Self::connect(engine, home.path(), screen.display(), capabilities.clone()).await {
                Ok(started) => break started,
                Err(error) if attempts < ATTEMPTS => eprintln!("{error}; starting {engine} again"),
                Err(error) => panic!("{error}"),
            }
            attempts += 1;
        };
        let size = client.get_window_size().await.unwrap_or_default();
        Self { engine, client, setup, size, watch: Watch::start(screen), driver, home, sweeper: None }
    }

    /// Starts a driver, and a session of it. The error contains the log of the driver.
    async fn connect(
        engine: Engine,
        home: &Path,
        display: &str,
        capabilities: Map<String, Value>,
    ) -> Result<(Children, Client), String> {
        let log = home.join("driver.log");
        let port = net::free_port();
        let command = driver::command(engine, port, home, display);
        let out = File::create(&log).expect("a writable temporary directory");
        let stdout = out.try_clone().expect("another handle of the log").into();
        let driver = Children::start(&command, stdout, Stdio::from(out));

        let listening = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(START, listening).await.is_err() {
            return Err(format!("{engine}'s driver does not listen after {START:?}; its log: {}", read(&log)));
        }
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let address = format!("http://127.0.0.1:{port}");
        let session = sessions().spawn(async move { builder.connect(&address).await });
        match timeout(START, session).await.map(|session| session.expect("no panic")) {
            Ok(Ok(client)) => Ok((driver, client)),
            Ok(Err(error)) => Err(format!("{engine} does not start: {error}; log of its driver: {}", read(&log))),
            Err(_) => Err(format!("{engine} has not started after {START:?}; log of its driver: {}", read(&log))),
        }
    }

    /// Returns its engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Opens an address without waiting for the end of loading, because a stream loads forever.
    ///
    /// # Panics
    ///
    /// Like each of the following, if the browser fails, has exited, or does not respond in time.
    pub async fn open(&self, url: &str) {
        self.answer("open a page", self.client.goto(url)).await;
    }

    /// Opens a test page, and waits until it is on the screen, so that a slow start of the browser does not count as
    /// latency of a picture.
    pub async fn open_page(&self, url: &str) {
        self.open(url).await;
        let deadline = Instant::now() + ANSWER;
        while !Screen::of(self.engine).has_page() {
            assert!(Instant::now() < deadline, "{} has not drawn the page after {ANSWER:?}", self.engine);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs a script in the page and returns its value.
    pub async fn run(&self, script: &str) -> Value {
        let execute = async {
            loop {
                match self.client.execute(script, vec![]).await {
                    // WebKit's driver may run it in the page that is about to be replaced.
                    Err(error) if error.to_string().contains("before the unload event") => sleep(AGAIN).await,
                    result => return result,
                }
            }
        };
        self.answer("run a script", execute).await
    }

    /// Returns `true` if the page responds: its tab has not crashed and does not hang.
    pub async fn answers(&self) -> bool {
        let sum = timeout(ANSWER, self.client.execute("return 6 * 7", vec![])).await;
        sum.is_ok_and(|sum| sum.is_ok_and(|sum| sum == 42))
    }

    /// Returns a PNG screenshot of the page from the driver.
    pub async fn png(&self) -> Vec<u8> {
        self.answer("take a picture of the page", self.client.screenshot()).await
    }

    /// Returns its screen.
    #[must_use]
    pub fn screen(&self) -> &'static Screen {
        Screen::of(self.engine)
    }

    /// Returns the record of its screen since its start.
    #[must_use]
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Sets the inner size of the window.
    pub async fn resize(&self, width: u32, height: u32) {
        self.answer("change its window's size", self.client.set_window_size(width, height)).await;
        let frame =
            self.run("return [window.outerWidth - window.innerWidth, window.outerHeight - window.innerHeight]").await;
        let frame = |index: usize| frame[index].as_u64().and_then(|pixels| u32::try_from(pixels).ok()).unwrap_or(0);
        let (width, height) = (width + frame(0), height + frame(1));
        self.answer("change its window's size", self.client.set_window_size(width, height)).await;
    }

    /// Types into the focused element, as a user does.
    pub async fn type_keys(&self, keys: &str) {
        let presses = keys.chars().flat_map(|value| [KeyAction::Down { value }, KeyAction::Up { value }]);
        let keyboard = presses.fold(KeyActions::new("keyboard".to_owned()), KeyActions::then);
        self.answer("type", self.client.perform_actions(keyboard)).await;
    }

    /// Clicks at a point of the page, as a user does.
    pub async fn click(&self, x: f64, y: f64) {
        let button = MOUSE_BUTTON_LEFT;
        let mouse = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveTo { duration: None, x, y })
            .then(PointerAction::Down { button })
            .then(PointerAction::Up { button });
        self.answer("click", self.client.perform_actions(mouse)).await;
    }

    /// Hides the page behind another tab. In WebKitGTK, whose driver opens only windows, minimizes the window.
    pub async fn cover(&self) -> Cover {
        let page = self.answer("tell its window", self.client.window()).await;
        if self.engine == Engine::WebKit {
            self.answer("minimize its window", self.client.minimize_window()).await;
        } else {
            let tab = self.answer("open a tab", self.client.new_window(true)).await.handle;
            self.answer("turn to the tab", self.client.switch_to_window(tab)).await;
        }
        Cover { page }
    }

    /// Makes the page visible again.
    pub async fn uncover(&self, cover: Cover) {
        if self.engine == Engine::WebKit {
            self.answer("restore its window", self.client.set_window_rect(0, 0, 1024, 768)).await;
        } else {
            self.answer("close the tab", self.client.close_window()).await;
            self.answer("turn to the page", self.client.switch_to_window(cover.page)).await;
        }
    }

    /// Returns the address of the page, as shown by the window.
    pub async fn url(&self) -> String {
        self.answer("tell where it is", self.client.current_url()).await.into()
    }

    /// Returns the processor time of its running processes.
    #[must_use]
    pub fn cpu(&self) -> std::time::Duration {
        self.driver.cpu()
    }

    /// Returns the memory of its processes in megabytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.driver.memory_of_all() / 1_000_000
    }

    async fn answer<T>(&self, what: &str, command: impl Future<Output = Result<T, CmdError>>) -> T {
        match timeout(ANSWER, command).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => panic!("{} did not {what}: {error}", self.engine),
            Err(_) => panic!("{} did not {what} within {ANSWER:?}", self.engine),
        }
    }
}

/// The tab or window state that hides the page.
#[derive(Debug)]
pub struct Cover {
    page: WindowHandle,
}

/// Takes the kept browser of an engine.
fn kept(engine: Engine) -> Option<Browser> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let place = kept.iter().position(|browser| browser.engine == engine)?;
    Some(kept.swap_remove(place))
}

/// Returns the runtime of all sessions, which outlive the runtimes of the tests.
fn sessions() -> &'static Runtime {
    static SESSIONS: OnceLock<Runtime> = OnceLock::new();
    let start = || Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    SESSIONS.get_or_init(start)
}

/// At most one of each engine.
static KEPT: Mutex<Vec<Browser>> = Mutex::new(Vec::new());

fn read(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// The limit of a cold start on a busy machine.
const START: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 3;
const ANSWER: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(50);
