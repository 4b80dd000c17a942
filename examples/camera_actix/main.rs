//! A camera in a page, with actix-web. One source of pictures serves any number of viewers.
//!
//! Run `cargo run --release -p camera_actix` and open the address that it prints. `--help` lists the options.

use std::pin::pin;
use std::process::ExitCode;

use actix_web::guard::{Any, Get, Head};
use actix_web::http::header::ContentType;
use actix_web::web::{Data, route, to};
use actix_web::{App, HttpResponse, HttpServer, Responder, Route};
use camera::{Args, Camera, PAGE, greet};
use mixed_replace::{Live, Snapshot, socket};
use shared::server;

fn main() -> ExitCode {
    server::exit_code(actix_web::rt::System::new().block_on(run(Args::from_command_line())))
}

async fn run(args: Args) -> Result<(), String> {
    let (listener, address) = server::listen(&args.listen)?;
    // One wait for both phases: between two of them, a signal would be lost.
    let mut stop = pin!(server::stop_signal());
    let Some(camera) = Camera::start(&args, stop.as_mut()).await? else { return Ok(()) };
    greet(&args, address);

    let data = Data::new(camera.clone());
    let app = move || {
        App::new()
            .app_data(data.clone())
            .route("/", read().to(page))
            .route("/live", to(Live::ladder(data.ladder.clone())))
            .route("/snapshot.jpg", to(Snapshot::new(data.hub.clone())))
            .route("/metrics", to(data.metrics()))
            .route("/state", read().to(state))
    };
    let serving = HttpServer::new(app)
        .on_connect(socket::on_connect)
        .h1_allow_half_closed(false)
        .listen(listener)
        .map_err(|error| error.to_string())?
        .shutdown_timeout(server::GRACE.as_secs())
        .disable_signals()
        .run();
    let handle = serving.handle();
    actix_web::rt::spawn(serving);

    stop.await;
    // actix's graceful stop waits for every connection. Closing the ladder ends the streams; stalled viewers are cut off.
    camera.ladder.close();
    handle.stop(true).await;
    Ok(())
}

/// Returns a route for `GET` and `HEAD`.
fn read() -> Route {
    route().guard(Any(Get()).or(Head()))
}

async fn page() -> impl Responder {
    HttpResponse::Ok().content_type(ContentType::html()).body(PAGE)
}

async fn state(camera: Data<Camera>) -> impl Responder {
    HttpResponse::Ok().content_type(ContentType::json()).body(camera.state())
}
