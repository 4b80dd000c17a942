use mixed_replace::{Live, hub};
use tokio::signal::{ctrl_c, unix::{SignalKind, signal}};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (publisher, hub) = hub::channel();
    std::thread::spawn(move || {
        while let Ok(frame) = publisher.publish_jpeg(capture()) {
            frame.unwrap_or_else(|error| eprintln!("frame skipped: {error}"));
        }
    });
    let app = axum::Router::new().route_service("/live", Live::new(hub.clone()));
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = async move {
        tokio::select! { _ = ctrl_c() => {} _ = terminate.recv() => {} }
        hub.close(); // ends the streams, which axum waits for
    };
    let listener = tokio::net::TcpListener::bind(super::address()).await?;
    axum::serve(listener, app).with_graceful_shutdown(shutdown).await
}

fn capture() -> Vec<u8> {
    std::thread::sleep(std::time::Duration::from_millis(100));
    std::fs::read("picture.jpg").unwrap_or_default()
}
