use mixed_replace::{Live, source};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let ffmpeg = ["-v", "error", "-f", "v4l2", "-i", "/dev/video0", "-f", "mjpeg", "-q:v", "5", "-"];
    let webcam = source::command("ffmpeg", ffmpeg).spawn();
    let app = axum::Router::new().route_service("/live", Live::new(webcam));
    let listener = tokio::net::TcpListener::bind(super::address()).await?;
    axum::serve(listener, app).await
}
