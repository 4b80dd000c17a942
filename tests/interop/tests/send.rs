//! A page that sends its camera, its screen or a canvas, and a page in another browser that shows it.

use std::time::{Duration, Instant};

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use interop_tests::browsers::{Browser, Engine};
use mixed_replace::{Hub, Ingest, Live, SendScript, hub};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

struct Site {
    url: String,
    hub: Hub,
}

async fn site() -> Site {
    let (publisher, hub) = hub::channel();
    const SENDER: &str = r#"<script type="module">
        import { camera, screen, send } from '/send.js';
        Object.assign(window, { camera, capture: screen, send, states: [], ready: true });
    </script>"#;
    const VIEWER: &str = r#"<img id="live" src="/yard">"#;
    let app = Router::new()
        .route("/sender", get(async || Html(SENDER)))
        .route("/viewer", get(async || Html(VIEWER)))
        .route_service("/send.js", SendScript)
        .route_service("/in/yard", Ingest::new(publisher).takeover(true))
        .route_service("/yard", Live::new(hub.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Site { url, hub }
}

async fn until(browser: &Browser, script: &str) {
    for _ in 0..400 {
        if browser.run(script).await == Value::Bool(true) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("not true within 20 seconds: {script}");
}

/// Returns a hash of the picture that a page shows.
async fn shown(browser: &Browser) -> Value {
    let hash = "const image = document.getElementById('live');
        const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0, 64, 48);
        return context.getImageData(0, 0, 64, 48).data.reduce((hash, byte) => (hash * 31 + byte) | 0, 7);";
    browser.run(hash).await
}

#[test]
#[ignore = "needs Chromium and Firefox with their WebDrivers"]
fn camera_of_one_browser_moves_in_another() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let site = site().await;
        let sender = Browser::start_with(Engine::Chromium, |capabilities| {
            let args = capabilities["goog:chromeOptions"]["args"].as_array_mut().expect("arguments");
            args.extend(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"].map(|arg| json!(arg)));
        });
        let (sender, viewer) = (sender.await, Browser::start(Engine::Firefox).await);
        sender.open(&format!("{}/sender", site.url)).await;
        until(&sender, "return window.ready === true").await;
        let start = "window.camera({ size: 320 }).then(source => {
            window.sending = send('/in/yard', source, { fps: 10, onstate: state => states.push(state) });
        })";
        sender.run(start).await;
        viewer.open(&format!("{}/viewer", site.url)).await;
        until(&viewer, "return document.getElementById('live')?.naturalWidth === 320").await;
        let mut seen = Vec::new();
        while seen.len() < 5 {
            let picture = shown(&viewer).await;
            if !seen.contains(&picture) {
                seen.push(picture);
            }
            sleep(Duration::from_millis(20)).await;
        }
        let (before, began) = (site.hub.stats().parts_published, Instant::now());
        sleep(Duration::from_secs(2)).await;
        let rate = u128::from(site.hub.stats().parts_published - before) * 1000 / began.elapsed().as_millis();
        println!("the camera's page sends {rate} pictures a second of 10");
        assert!((1..=11).contains(&rate), "{rate}");

        sender.run("window.sending.stop()").await;
        until(&sender, "return states.at(-1) === 'stopped'").await;
        sleep(Duration::from_millis(500)).await;
        let published = site.hub.stats().parts_published;
        sleep(Duration::from_millis(500)).await;
        assert_eq!(site.hub.stats().parts_published, published);
        assert_eq!(site.hub.stats().parts_invalid, 0);
    });
}

#[test]
#[ignore = "needs Chromium with its WebDriver"]
fn screen_of_one_browser_is_sent() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let site = site().await;
        // Chooses the screen whose name begins so. `--use-fake-ui-for-media-stream` would choose one that cannot be captured.
        let sender = Browser::start_with(Engine::Chromium, |capabilities| {
            let args = capabilities["goog:chromeOptions"]["args"].as_array_mut().expect("arguments");
            args.push(json!("--auto-select-desktop-capture-source=Entire"));
        });
        let sender = sender.await;
        sender.open(&format!("{}/sender", site.url)).await;
        until(&sender, "return window.ready === true").await;
        // The page counts, so that the screen changes.
        let start = "const count = document.body.appendChild(document.createElement('h1'));
            setInterval(() => count.textContent++, 50);
            capture({ size: 320 }).then(source => {
                window.sending = send('/in/yard', source, { fps: 10, onstate: state => states.push(state) });
            })";
        sender.run(start).await;
        until(&sender, "return states.at(-1) === 'sending'").await;
        let mut seen = Vec::new();
        for _ in 0..400 {
            if let Some(part) = site.hub.latest().filter(|part| !seen.contains(part.body())) {
                seen.push(part.into_body());
            }
            if seen.len() == 5 {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(seen.len(), 5, "different pictures of the screen");
        sender.run("window.sending.stop()").await;
        until(&sender, "return states.at(-1) === 'stopped'").await;
        assert_eq!(site.hub.stats().parts_invalid, 0);
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn canvas_is_sent_from_each_engine_and_waits_for_an_absent_server() {
    interop_tests::browsers::each_engine(async |browser| {
        let site = site().await;
        browser.open(&format!("{}/sender", site.url)).await;
        until(browser, "return window.ready === true").await;
        let start = "const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });
            const context = canvas.getContext('2d');
            let to = '/missing';
            window.mend = () => to = '/in/yard';
            const draw = () => context.fillText(Date.now(), 5, 20);
            window.errors = [];
            window.sending = send(() => to, { canvas, draw, stop() {} }, {
                fps: 20,
                onstate: (state, error) => { states.push(state); if (error) errors.push(error.status); },
            });";
        browser.run(start).await;
        until(browser, "return errors[0] === 404").await;
        browser.run("window.mend()").await;
        until(browser, "return states.at(-1) === 'sending'").await;
        let before = site.hub.stats().parts_published;
        sleep(Duration::from_secs(1)).await;
        assert!(site.hub.stats().parts_published > before);
        browser.run("window.sending.stop()").await;
    });
}
