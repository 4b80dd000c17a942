use std::collections::HashMap;

use actix_web::error::ErrorNotFound;
use actix_web::{App, Handler, HttpRequest, HttpResponse, HttpServer, Result, web};
use mixed_replace::{Hub, Live, hub};

type Cameras = web::Data<HashMap<&'static str, Hub>>;

async fn live(cameras: Cameras, name: web::Path<String>, request: HttpRequest) -> Result<HttpResponse> {
    let hub = cameras.get(name.as_str()).ok_or_else(|| ErrorNotFound("no such camera"))?;
    Ok(Live::new(hub.clone()).call(request).await)
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let mut cameras = HashMap::new();
    for name in ["yard", "door"] {
        let (publisher, hub) = hub::channel();
        std::thread::spawn(move || while publisher.publish_jpeg(capture(name)).is_ok() {});
        cameras.insert(name, hub);
    }
    let cameras = Cameras::new(cameras);
    let app = move || App::new().app_data(cameras.clone()).route("/cameras/{name}", web::get().to(live));
    HttpServer::new(app).bind(super::address())?.shutdown_timeout(1).run().await
}

fn capture(name: &str) -> Vec<u8> {
    std::thread::sleep(std::time::Duration::from_millis(100));
    std::fs::read(format!("{name}.jpg")).unwrap_or_default()
}
