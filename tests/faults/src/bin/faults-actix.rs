//! A server with a hub on actix-web.

#![expect(clippy::print_stdout, reason = "the test waits for where it listens")]

use std::io::{self, Write as _};

use actix_web::http::header::ContentType;
use actix_web::web::{Data, get, to};
use actix_web::{App, HttpResponse, HttpServer, Responder};
use fault_tests::{Camera, GRACE, Options, stop_signal};
use mixed_replace::{Live, Wall, socket};

#[actix_web::main]
async fn main() -> io::Result<()> {
    let options = Options::from_command_line();
    let camera = Camera::start(&options);
    let data = Data::new(camera.clone());
    let wall = Wall::new(camera.tracks.clone());
    let app = move || {
        App::new()
            .app_data(data.clone())
            .route("/live", to(Live::new(data.hub.clone())))
            .route("/fed", to(Live::new(data.fed.clone())))
            .route("/in", to(data.ingest.clone()))
            .route("/ladder", to(Live::ladder(data.ladder.clone())))
            .route("/wall", to(wall.clone()))
            .route("/state", get().to(state))
    };
    let server = HttpServer::new(app)
        .on_connect(socket::on_connect)
        .h1_allow_half_closed(false)
        .workers(2)
        .backlog(BACKLOG)
        .bind_auto_h2c(options.listen)?
        .shutdown_timeout(GRACE.as_secs())
        .disable_signals();
    for address in server.addrs() {
        println!("{address} {}", std::process::id());
    }
    let serving = server.run();
    let handle = serving.handle();
    actix_web::rt::spawn(serving);

    stop_signal().await;
    camera.ladder.close();
    camera.fed.close();
    handle.stop(true).await;
    // The test may have closed the pipe.
    drop(writeln!(io::stdout(), "ended after {}", camera.last()));
    Ok(())
}

async fn state(camera: Data<Camera>) -> impl Responder {
    HttpResponse::Ok().content_type(ContentType::json()).body(camera.state())
}

/// The longest backlog that the system allows, because thousands of viewers may reconnect at once.
const BACKLOG: u32 = 4096;
