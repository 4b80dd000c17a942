use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::{Router, routing::get};
use mixed_replace::{Live, source};
use tower_http::{compression::CompressionLayer, cors::CorsLayer, trace::TraceLayer};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt::init();
    let ffmpeg = ["-v", "error", "-f", "v4l2", "-i", "/dev/video0", "-f", "mjpeg", "-q:v", "5", "-"];
    let webcam = source::command("ffmpeg", ffmpeg).name("yard").spawn();
    let page = Html("<!doctype html><title>Yard</title><img src=\"/live\" alt=\"The yard\">");
    let app = Router::new()
        .route("/", get(page))
        .route_service("/live", Live::new(webcam))
        .layer(from_fn(login))
        .layer(CompressionLayer::new())
        .layer(CorsLayer::new())
        .layer(TraceLayer::new_for_http());
    let listener = tokio::net::TcpListener::bind(super::address()).await?;
    axum::serve(listener, app).await
}

async fn login(request: Request, next: Next) -> Response {
    match request.headers().get(header::AUTHORIZATION) {
        Some(value) if value == "Basic YWRhOnNlY3JldA==" => next.run(request).await, // printf ada:secret | base64
        _ => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"yard\"")]).into_response(),
    }
}
