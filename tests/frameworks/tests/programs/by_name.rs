use actix_web::error::{ErrorBadRequest, ErrorNotFound};
use actix_web::{App, HttpResponse, HttpServer, Result, web};
use mixed_replace::{Hubs, Live, source};
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Duration, sleep};

async fn add(cameras: web::Data<Hubs>, name: web::Path<String>, url: String) -> Result<HttpResponse> {
    let camera = source::http(&url).map_err(ErrorBadRequest)?;
    if let Some(replaced) = cameras.insert(&name, camera.spawn()).map_err(ErrorBadRequest)? {
        replaced.close(); // ends its viewers, and the connection to the camera
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn remove(cameras: web::Data<Hubs>, name: web::Path<String>) -> Result<HttpResponse> {
    cameras.remove(&name).ok_or_else(|| ErrorNotFound("no such camera"))?.close();
    Ok(HttpResponse::NoContent().finish())
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let cameras = Hubs::new();
    let (served, closed) = (cameras.clone(), cameras);
    let app = move || {
        let camera = web::resource("/admin/{name}").route(web::put().to(add)).route(web::delete().to(remove));
        App::new()
            .app_data(web::Data::new(served.clone()))
            .service(camera)
            .service(web::scope("/cameras").default_service(web::to(Live::by_name(served.clone()))))
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = async move {
        tokio::select! { _ = ctrl_c() => {} _ = terminate.recv() => {} }
        closed.close();
        sleep(Duration::from_millis(200)).await;
    };
    HttpServer::new(app).bind(super::address())?.shutdown_signal(shutdown).run().await
}
