use actix_web::{App, HttpServer, web};
use mixed_replace::{ClientScript, Hubs, Wall, source};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cameras = Hubs::new();
    for (name, url) in [("yard", "http://10.0.0.7/video.cgi"), ("door", "http://10.0.0.8/video.cgi")] {
        cameras.insert(name, source::http(url)?.spawn())?;
    }
    let wall = Wall::by_name(cameras);
    let app = move || {
        let app = App::new().route("/client.js", web::to(ClientScript));
        app.service(web::scope("/wall").default_service(web::to(wall.clone())))
    };
    Ok(HttpServer::new(app).bind(super::address())?.run().await?)
}
