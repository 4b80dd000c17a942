use mixed_replace::{Live, hub};
use poem::{Route, Server, endpoint::TowerCompatExt, listener::TcpListener};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (publisher, hub) = hub::channel();
    std::thread::spawn(move || while publisher.publish_jpeg(capture()).is_ok() {});
    let app = Route::new().at("/live", Live::new(hub).compat());
    Server::new(TcpListener::bind(super::address())).run(app).await
}

fn capture() -> Vec<u8> {
    std::thread::sleep(std::time::Duration::from_millis(100));
    std::fs::read("picture.jpg").unwrap_or_default()
}
