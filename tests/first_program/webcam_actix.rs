use actix_web::{App, HttpServer, web};
use mixed_replace::{Live, source};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let ffmpeg = ["-v", "error", "-f", "v4l2", "-i", "/dev/video0", "-f", "mjpeg", "-q:v", "5", "-"];
    let webcam = source::command("ffmpeg", ffmpeg).spawn();
    let app = move || App::new().route("/live", web::to(Live::new(webcam.clone())));
    // At SIGTERM, viewers have a second: a stream does not end by itself.
    HttpServer::new(app).bind(super::address())?.shutdown_timeout(1).run().await
}
