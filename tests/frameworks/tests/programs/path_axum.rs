use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Router, routing::get};
use mixed_replace::{Hub, Live, hub};

type Cameras = Arc<HashMap<&'static str, Hub>>;

async fn live(
    State(cameras): State<Cameras>,
    Path(name): Path<String>,
    request: Request,
) -> Result<impl IntoResponse, StatusCode> {
    let hub = cameras.get(name.as_str()).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Live::new(hub.clone()).respond(request).await)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut cameras = HashMap::new();
    for name in ["yard", "door"] {
        let (publisher, hub) = hub::channel();
        std::thread::spawn(move || while publisher.publish_jpeg(capture(name)).is_ok() {});
        cameras.insert(name, hub);
    }
    let app = Router::new().route("/cameras/{name}", get(live)).with_state(Arc::new(cameras));
    let listener = tokio::net::TcpListener::bind(super::address()).await?;
    axum::serve(listener, app).await
}

fn capture(name: &str) -> Vec<u8> {
    std::thread::sleep(std::time::Duration::from_millis(100));
    std::fs::read(format!("{name}.jpg")).unwrap_or_default()
}
