use mixed_replace::{Live, source};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let camera = source::http(&super::camera())?;
    let app = axum::Router::new().route_service("/live", Live::new(camera.spawn()));
    let listener = tokio::net::TcpListener::bind(super::address()).await?;
    Ok(axum::serve(listener, app).await?)
}
