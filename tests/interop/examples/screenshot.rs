//! Takes screenshots of a page in browsers.
//!
//! ```text
//! cargo run -p interop-tests --example screenshot -- http://127.0.0.1:3000/ page.png chromium:1200x800
//! cargo run -p interop-tests --example screenshot -- http://127.0.0.1:3000/ pages/ chromium:400x700 firefox:400x700
//! cargo run -p interop-tests --example screenshot -- --frames 20 http://127.0.0.1:3000/ film/ chromium:400x700
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use interop_tests::browsers::{Browser, Engine};
use tokio::time::{interval, sleep};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("screenshot: {error}\n\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut arguments: Vec<String>) -> Result<(), Box<dyn Error>> {
    let script = option(&mut arguments, "--run")?;
    let wait = option(&mut arguments, "--wait")?.map_or(Ok(2.0), |seconds| seconds.parse())?;
    let wait = Duration::try_from_secs_f64(wait)?;
    let frames = option(&mut arguments, "--frames")?.map(|frames| frames.parse::<u32>()).transpose()?;
    let every = option(&mut arguments, "--every")?.map_or(Ok(0.2), |seconds| seconds.parse())?;
    let every = Duration::try_from_secs_f64(every)?;
    let [url, file, views @ ..] = arguments.as_slice() else { return Err("there is a URL or a file missing".into()) };
    let views = views.iter().map(|view| View::parse(view)).collect::<Result<Vec<_>, _>>()?;

    // All at once: in a chat each browser is another user.
    let mut browsers = Vec::new();
    for view in &views {
        let browser = Browser::start(view.engine).await;
        browser.resize(view.width, view.height).await;
        browser.open(url).await;
        browsers.push(browser);
    }
    sleep(wait).await;
    if let Some(script) = script {
        for browser in &browsers {
            browser.run(&script.replace("ENGINE", &browser.engine().to_string())).await;
        }
        sleep(wait).await;
    }
    if let Some(frames) = frames {
        let [browser] = browsers.as_slice() else { return Err("--frames wants one view".into()) };
        let mut ticks = interval(every);
        for frame in 0..frames {
            ticks.tick().await;
            fs::write(Path::new(file).join(format!("{frame:03}.png")), browser.png().await)?;
        }
        return Ok(());
    }
    for browser in &browsers {
        let engine = browser.engine().to_string();
        let file = if browsers.len() == 1 { file.into() } else { Path::new(file).join(engine + ".png") };
        fs::write(file, browser.png().await)?;
    }
    Ok(())
}

/// Removes an option and its value from the arguments.
fn option(arguments: &mut Vec<String>, name: &str) -> Result<Option<String>, String> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else { return Ok(None) };
    arguments.remove(at);
    if at < arguments.len() { Ok(Some(arguments.remove(at))) } else { Err(format!("{name} wants a value")) }
}

struct View {
    engine: Engine,
    width: u32,
    height: u32,
}

impl View {
    fn parse(view: &str) -> Result<Self, Box<dyn Error>> {
        let (engine, size) = view.split_once(':').ok_or_else(|| format!("{view}: a view is like firefox:1200x800"))?;
        let known = |known: &Engine| known.to_string().eq_ignore_ascii_case(engine);
        let known = Engine::ALL.into_iter().find(known);
        let engine = known.ok_or_else(|| format!("{engine}: the engines are chromium, firefox, webkit"))?;
        let (width, height) = size.split_once('x').ok_or_else(|| format!("{size}: a size is like 1200x800"))?;
        Ok(Self { engine, width: width.parse()?, height: height.parse()? })
    }
}

const USAGE: &str = "\
usage: screenshot [--run SCRIPT] [--wait SECONDS] URL FILE.png ENGINE:WIDTHxHEIGHT
       screenshot [--run SCRIPT] [--wait SECONDS] URL DIRECTORY ENGINE:WIDTHxHEIGHT...
       screenshot [--run SCRIPT] [--wait SECONDS] --frames COUNT [--every SECONDS] URL DIRECTORY ENGINE:WIDTHxHEIGHT

  --run SCRIPT    what to do in the page before its picture is taken, say to sign in; ENGINE in it is the engine's name
  --frames COUNT  takes as many screenshots, 000.png and so on
  --every SECONDS from one of them to the next [0.2]
  --wait SECONDS  how long to wait for the page, and again behind the script [2]";
