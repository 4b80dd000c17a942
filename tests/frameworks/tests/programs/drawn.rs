use std::thread;
use std::time::Duration;

use image::{Rgb, RgbImage, codecs::jpeg::JpegEncoder};
use mixed_replace::{Live, Part, hub};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (publisher, hub) = hub::channel();
    thread::spawn(move || {
        for number in (0..=u8::MAX).cycle() {
            // Not called while nobody watches. Only a closed hub ends the loop.
            let Ok(frame) = publisher.publish_with(|| Part::jpeg(draw(number))) else { break };
            frame.map_or_else(|error| eprintln!("frame skipped: {error}"), drop);
            thread::sleep(Duration::from_millis(100));
        }
    });
    let app = axum::Router::new().route_service("/live", Live::new(hub));
    let listener = tokio::net::TcpListener::bind(super::address()).await?;
    axum::serve(listener, app).await
}

fn draw(number: u8) -> Vec<u8> {
    let picture = RgbImage::from_fn(320, 240, |x, y| Rgb([x as u8, y as u8, number]));
    let mut jpeg = Vec::new();
    let encoded = JpegEncoder::new_with_quality(&mut jpeg, 80).encode_image(&picture);
    encoded.unwrap_or_else(|error| eprintln!("not encoded: {error}"));
    jpeg
}
