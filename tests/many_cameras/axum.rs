use mixed_replace::{ClientScript, Hubs, Wall, source};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cameras = Hubs::new();
    for (name, url) in [("yard", "http://10.0.0.7/video.cgi"), ("door", "http://10.0.0.8/video.cgi")] {
        cameras.insert(name, source::http(url)?.spawn())?;
    }
    let app = axum::Router::new().route_service("/client.js", ClientScript).nest_service("/wall", Wall::by_name(cameras));
    let listener = tokio::net::TcpListener::bind(super::address()).await?;
    Ok(axum::serve(listener, app).await?)
}
