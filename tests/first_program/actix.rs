use actix_web::{App, HttpServer, web};
use mixed_replace::{Live, hub};
use tokio::signal::{ctrl_c, unix::{SignalKind, signal}};
use tokio::time::{Duration, sleep};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let (publisher, hub) = hub::channel();
    std::thread::spawn(move || {
        while let Ok(frame) = publisher.publish_jpeg(capture()) {
            frame.unwrap_or_else(|error| eprintln!("frame skipped: {error}"));
        }
    });
    let streams = hub.clone();
    let app = move || App::new().route("/live", web::to(Live::new(streams.clone())));
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = async move {
        tokio::select! { _ = ctrl_c() => {} _ = terminate.recv() => {} }
        hub.close(); // ends the streams; actix looks once a second whether they have ended
        sleep(Duration::from_millis(200)).await;
    };
    HttpServer::new(app).bind(super::address())?.shutdown_signal(shutdown).run().await
}

fn capture() -> Vec<u8> {
    std::thread::sleep(Duration::from_millis(100));
    std::fs::read("picture.jpg").unwrap_or_default()
}
