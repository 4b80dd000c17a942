use axum::{Router, response::Html, routing::get};
use mixed_replace::{ClientScript, Hubs, Wall, source};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cameras = Hubs::new();
    let mut page = String::from("<!doctype html><title>Cameras</title><script type=module src=/client.js></script>");
    for number in 1..=9 {
        let name = format!("camera-{number}");
        cameras.insert(&name, source::http(&super::camera())?.spawn())?;
        page += &format!("<mixed-replace src=\"/wall#{name}\"><img alt=\"{name}\" width=320></mixed-replace>");
    }
    let app = Router::new()
        .route("/", get(Html(page)))
        .route_service("/client.js", ClientScript)
        .nest_service("/wall", Wall::by_name(cameras));
    let listener = tokio::net::TcpListener::bind(super::address()).await?;
    Ok(axum::serve(listener, app).await?)
}
