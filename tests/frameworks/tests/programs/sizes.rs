use axum::{Router, response::Html, routing::get};
use mixed_replace::{Ladder, Live, ladder::Rendition, source};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let ffmpeg = ["-v", "error", "-f", "v4l2", "-i", "/dev/video0", "-f", "mjpeg", "-q:v", "5", "-"];
    let webcam = source::command("ffmpeg", ffmpeg).spawn();
    let ladder = Ladder::from_hub(webcam, [Rendition::width(640).quality(60), Rendition::width(320).quality(50)]);
    let page = Html("<!doctype html><title>Yard</title><img src=/live width=1280 height=720 alt=\"The yard\">");
    let app = Router::new().route("/", get(page)).route_service("/live", Live::ladder(ladder));
    let listener = tokio::net::TcpListener::bind(super::address()).await?;
    axum::serve(listener, app).await
}
