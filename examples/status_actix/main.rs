//! A status board that replaces itself, with actix-web: one page for any number of signed-in viewers.
//!
//! Run `cargo run --release -p status_actix` and open the address that it prints. `--help` lists the options.

use std::process::ExitCode;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, HeaderName, HeaderValue, LOCATION, ORIGIN, SET_COOKIE,
    WWW_AUTHENTICATE,
};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, Payload, get, post, resource, to};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, Responder as _};
use futures_util::stream;
use mixed_replace::{MixedReplace, Part, Wire, socket};
use shared::refusal::Refusal;
use shared::{page, posted, server};
use status::{Args, HOW_TO_SIGN_IN, Plant, greet, view};

fn main() -> ExitCode {
    server::exit_code(actix_web::rt::System::new().block_on(run(Args::from_command_line())))
}

async fn run(args: Args) -> Result<(), String> {
    let (listener, address) = server::listen(&args.listen)?;
    let plant = Plant::start(&args, address)?;
    greet(&args, address);

    let data = Data::new(plant.clone());
    let app = move || {
        // One check covers the page, the stream and the snapshot.
        let board = resource("/").route(to(data.page())).wrap(from_fn(only_signed_in));
        App::new()
            .app_data(data.clone())
            .service(board)
            .service(resource("/report").route(get().to(report)).wrap(from_fn(only_signed_in)))
            .route("/login", post().to(sign_in))
            .route("/update", post().to(update))
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

    server::stop_signal().await;
    // actix waits for its connections. Streams never end by themselves, so they are ended first; stalled connections are
    // cut off after the grace period.
    plant.close();
    handle.stop(true).await;
    Ok(())
}

async fn only_signed_in(
    plant: Data<Plant>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if plant.is_signed_in(fields(request.request(), COOKIE)) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let refusal = Refusal::new(401, HOW_TO_SIGN_IN);
    let answer = answer(&refusal, request.request(), |_| view::sign_in(None));
    Ok(request.into_response(answer))
}

async fn sign_in(plant: Data<Plant>, request: HttpRequest, body: Payload) -> HttpResponse {
    let signed_in = async {
        posted::must_be_same_origin(field(&request, ORIGIN), field(&request, HOST))?;
        let body = posted::read(body, BODY).await?;
        plant.sign_in(field(&request, CONTENT_TYPE), &body).await
    };
    match signed_in.await {
        Ok(cookie) => {
            HttpResponse::SeeOther().insert_header((LOCATION, "/")).insert_header((SET_COOKIE, cookie)).finish()
        }
        Err(refusal) => answer(&refusal, &request, |refusal| view::sign_in(Some(refusal))),
    }
}

async fn report(plant: Data<Plant>) -> HttpResponse {
    html(plant.report())
}

async fn update(plant: Data<Plant>, request: HttpRequest, body: Payload) -> HttpResponse {
    let updated = async {
        posted::must_be_same_origin(field(&request, ORIGIN), field(&request, HOST))?;
        let body = posted::read(body, BODY).await?;
        plant.update(field(&request, CONTENT_TYPE), &body)
    };
    match updated.await {
        Ok(_) if is_browser(&request) => HttpResponse::SeeOther().insert_header((LOCATION, "/")).finish(),
        Ok(message) => HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(message),
        Err(refusal) => answer(&refusal, &request, view::refused),
    }
}

/// Creates a response: a line of text for programs, a page for browsers, a part for the script of a page.
fn answer(refusal: &Refusal, request: &HttpRequest, page: impl Fn(&Refusal) -> String) -> HttpResponse {
    let mut response = if accepts(request, "multipart/mixed") {
        // The session has ended, for example by a restart of the server: the sign-in page replaces the last part.
        let part = Part::html(page(refusal));
        MixedReplace::new(stream::iter([part]), Wire::Script).respond_to(request).map_into_boxed_body()
    } else if is_browser(request) {
        html(page(refusal))
    } else {
        HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(format!("{}\n", refusal.message))
    };
    *response.status_mut() = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(page::CHALLENGE));
    }
    response
}

/// Creates the response for a page, with a policy against foreign content.
fn html(page: String) -> HttpResponse {
    let policy = (CONTENT_SECURITY_POLICY, page::POLICY);
    HttpResponse::Ok().insert_header(policy).content_type("text/html; charset=utf-8").body(page)
}

fn is_browser(request: &HttpRequest) -> bool {
    accepts(request, "text/html")
}

fn accepts(request: &HttpRequest, media_type: &str) -> bool {
    fields(request, ACCEPT).any(|accept| accept.contains(media_type))
}

fn field(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

fn fields(request: &HttpRequest, name: HeaderName) -> impl Iterator<Item = &str> {
    request.headers().get_all(name).filter_map(|value| value.to_str().ok())
}

/// The largest body, in bytes.
const BODY: usize = 4096;
