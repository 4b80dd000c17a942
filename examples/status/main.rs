//! A status board that replaces itself, with axum: one page for any number of signed-in viewers.
//!
//! Run `cargo run --release -p status` and open the address that it prints. `--help` lists the options.

use std::process::ExitCode;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use shared::answer::{self, field, fields, is_browser};
use shared::refusal::Refusal;
use shared::{posted, server};
use status::{Args, HOW_TO_SIGN_IN, Plant, greet, view};

#[tokio::main]
async fn main() -> ExitCode {
    server::exit_code(run(Args::from_command_line()).await)
}

async fn run(args: Args) -> Result<(), String> {
    let (listener, address) = server::listen(&args.listen)?;
    let plant = Plant::start(&args, address)?;
    greet(&args, address);

    // One check covers the page, the stream and the snapshot.
    let board = Router::new()
        .route_service("/", plant.page())
        .route("/report", get(report))
        .layer(from_fn_with_state(plant.clone(), only_signed_in));
    let app = board.route("/login", post(sign_in)).route("/update", post(update)).with_state(plant.clone());
    server::serve(listener, app, server::stop_signal(), || plant.close()).await
}

async fn only_signed_in(State(plant): State<Plant>, request: Request, next: Next) -> Response {
    if plant.is_signed_in(fields(request.headers(), COOKIE)) {
        return next.run(request).await;
    }
    let refusal = Refusal::new(401, HOW_TO_SIGN_IN);
    answer::refused(&refusal, request.headers(), |_| view::sign_in(None))
}

async fn sign_in(State(plant): State<Plant>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let signed_in = async {
        posted::must_be_same_origin(field(&head.headers, ORIGIN), field(&head.headers, HOST))?;
        let body = posted::read(body.into_data_stream(), BODY).await?;
        plant.sign_in(field(&head.headers, CONTENT_TYPE), &body).await
    };
    match signed_in.await {
        Ok(cookie) => (StatusCode::SEE_OTHER, [(LOCATION, "/".to_owned()), (SET_COOKIE, cookie)]).into_response(),
        Err(refusal) => answer::refused(&refusal, &head.headers, |refusal| view::sign_in(Some(refusal))),
    }
}

async fn report(State(plant): State<Plant>) -> Response {
    answer::page(plant.report())
}

async fn update(State(plant): State<Plant>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let headers = &head.headers;
    let updated = async {
        posted::must_be_same_origin(field(headers, ORIGIN), field(headers, HOST))?;
        let body = posted::read(body.into_data_stream(), BODY).await?;
        plant.update(field(headers, CONTENT_TYPE), &body)
    };
    match updated.await {
        Ok(_) if is_browser(headers) => (StatusCode::SEE_OTHER, [(LOCATION, "/")]).into_response(),
        Ok(message) => message.into_response(),
        Err(refusal) => answer::refused(&refusal, headers, view::refused),
    }
}

/// The largest body, in bytes.
const BODY: usize = 4096;
