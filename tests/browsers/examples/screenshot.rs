//! Takes a picture of a page as a browser shows it.
//!
//! ```text
//! cargo run -p browser-tests --example screenshot -- http://127.0.0.1:3000/ chromium 1200x800 3 page.png
//! ```

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use browser_tests::{Browser, Engine};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, engine, size, seconds, file] = arguments.as_slice() else {
        eprintln!("usage: screenshot URL chromium|firefox|webkit WIDTHxHEIGHT SECONDS FILE.png");
        return ExitCode::FAILURE;
    };
    match screenshot(url, engine, size, seconds, file).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("screenshot: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn screenshot(url: &str, engine: &str, size: &str, seconds: &str, file: &str) -> Result<(), Box<dyn Error>> {
    let known = |known: &Engine| known.to_string().eq_ignore_ascii_case(engine);
    let engine = Engine::ALL.into_iter().find(known).ok_or("the engine is chromium, firefox or webkit")?;
    let (width, height) = size.split_once('x').ok_or("the size is like 1200x800")?;
    let wait = Duration::try_from_secs_f64(seconds.parse()?)?;
    let browser = Browser::start(engine).await;
    browser.resize(width.parse()?, height.parse()?).await;
    browser.open(url).await;
    tokio::time::sleep(wait).await;
    std::fs::write(file, browser.png().await)?;
    Ok(())
}
