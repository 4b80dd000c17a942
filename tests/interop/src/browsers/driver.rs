//! The WebDriver of each engine: its command and the capabilities of a session.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};
use test_support::must_be_installed;

use crate::browsers::engine::{Engine, Setup};

/// Returns the command of an engine's driver, which listens on `port`. It and its browser write their files to `home`.
///
/// # Panics
///
/// If the driver is not installed.
#[must_use]
pub fn command(engine: Engine, port: u16, home: &Path, display: &str) -> Command {
    let (program, browser) = match engine {
        Engine::Chromium => ("chromedriver", Some("chromium")),
        Engine::Firefox => ("geckodriver", Some("firefox")),
        Engine::WebKit => ("WebKitWebDriver", None),
    };
    must_be_installed(program);
    browser.map(must_be_installed);
    let mut command = Command::new(program);
    command.arg(format!("--port={port}"));
    match engine {
        Engine::Chromium => command.arg("--log-level=WARNING"),
        Engine::Firefox => command.args(["--websocket-port=0", "--log=warn"]),
        Engine::WebKit => command.arg("--host=127.0.0.1"),
    };
    for (name, directory) in [
        ("HOME", ""),
        ("TMPDIR", "tmp"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
    ] {
        let directory = home.join(directory);
        fs::create_dir_all(&directory).expect("a writable temporary directory");
        command.env(name, directory);
    }
    command.env("DISPLAY", display).env_remove("WAYLAND_DISPLAY");
    // Local pages must not be requested through a proxy.
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command
}

/// Returns the capabilities of a new session.
///
/// # Panics
///
/// If WebKitGTK's MiniBrowser is not installed.
#[must_use]
pub fn capabilities(engine: Engine, setup: Setup, home: &Path) -> Map<String, Value> {
    let (name, options) = match engine {
        Engine::Chromium => {
            let profile = format!("--user-data-dir={}", home.join("profile").display());
            let more = match setup {
                Setup::AsItComes | Setup::ShortWorkers => None,
                Setup::LessMotion => Some("--force-prefers-reduced-motion"),
                Setup::NoScripts => Some("--blink-settings=scriptEnabled=false"),
            };
            let args: Vec<_> = CHROMIUM.into_iter().chain([&*profile]).chain(more).collect();
            ("goog:chromeOptions", json!({ "args": args }))
        }
        Engine::Firefox => {
            let prefs = match setup {
                Setup::AsItComes => json!({}),
                Setup::LessMotion => json!({ "ui.prefersReducedMotion": 1 }),
                // 30 seconds each by default.
                Setup::ShortWorkers => json!({
                    "dom.serviceWorkers.idle_timeout": 10_000,
                    "dom.serviceWorkers.idle_extended_timeout": 1_000,
                }),
                Setup::NoScripts => json!({ "javascript.enabled": false }),
            };
            ("moz:firefoxOptions", json!({ "prefs": prefs }))
        }
        Engine::WebKit => {
            let mut args = vec!["--automation"];
            match setup {
                Setup::AsItComes | Setup::ShortWorkers => {}
                Setup::LessMotion => without_animations(home),
                Setup::NoScripts => args.push("--enable-javascript=false"),
            }
            ("webkitgtk:browserOptions", json!({ "binary": mini_browser(), "args": args }))
        }
    };
    // A page with a stream never finishes loading.
    let mut capabilities = Map::from_iter([("pageLoadStrategy".to_owned(), json!("none"))]);
    capabilities.insert(name.to_owned(), options);
    capabilities
}

/// Writes the GTK setting for reduced motion.
fn without_animations(home: &Path) {
    for version in ["gtk-3.0", "gtk-4.0"] {
        let directory = home.join("config").join(version);
        fs::create_dir_all(&directory).expect("a writable temporary directory");
        let settings = "[Settings]\ngtk-enable-animations=false\n";
        fs::write(directory.join("settings.ini"), settings).expect("a writable temporary directory");
    }
}

/// Returns the path of WebKitGTK's MiniBrowser, which is installed beside its library and not in the `PATH`.
fn mini_browser() -> PathBuf {
    let roots = ["/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/local/lib", "/usr/local/libexec"];
    // /usr/lib/webkit2gtk-4.1/MiniBrowser, or below the directory of the architecture.
    let directories = roots.iter().flat_map(|root| [vec![PathBuf::from(root)], entries(Path::new(root))].concat());
    let of_webkit = directories.flat_map(|directory| entries(&directory)).filter(|directory| {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("webkit2gtk-") || name.starts_with("webkitgtk-")
    });
    let browsers = of_webkit.map(|directory| directory.join("MiniBrowser")).filter(|browser| browser.is_file());
    browsers.max().expect("WebKitGTK's MiniBrowser is not installed (not found in any usual webkit2gtk-* directory)")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

const CHROMIUM: [&str; 7] = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
