//! Rooms in which what one says reaches all the others, with axum: each room is a hub, and no script is needed.
//!
//! `cargo run --release -p chat`, then open the address that it prints. `--help` lists the rest.

#![expect(clippy::print_stdout, reason = "it speaks to the person who started it")]

#[path = "../status/answer.rs"]
mod answer;
mod args;
#[path = "../status/foreign.rs"]
mod foreign;
#[path = "../status/page.rs"]
mod page;
#[path = "../status/posted.rs"]
mod posted;
#[path = "../status/refusal.rs"]
mod refusal;
mod room;
mod rooms;
#[path = "../status/serve.rs"]
mod serve;
#[path = "../relay/server.rs"]
mod server;
#[path = "../status/session.rs"]
mod session;
mod view;
mod words;

use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;

use crate::answer::{field, fields, is_browser};
use crate::args::Args;
use crate::refusal::Refusal;
use crate::rooms::Rooms;
use crate::session::Sessions;

#[derive(Clone)]
struct Chat {
    rooms: Arc<Rooms>,
    sessions: Arc<Sessions<Arc<str>>>,
}

/// Who asks, put there by [`only_signed_in`].
#[derive(Clone)]
struct Who(Arc<str>);

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::from_command_line()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("chat: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), String> {
    let listener = server::listen(&args.listen)?;
    let address = listener.local_addr().map_or(args.listen.clone(), |address| address.to_string());
    greet(&address);

    let chat = Chat { rooms: Arc::new(Rooms::new(&args)), sessions: Arc::new(Sessions::new("chat_session")) };
    // Who may read and write is settled here, for pages, streams and stills alike.
    let app = Router::new()
        .route("/", get(lobby))
        .route("/enter", get(enter))
        .route("/r/{room}", get(room))
        .route("/r/{room}/said", get(said))
        .route("/r/{room}/say", get(form).post(say))
        .layer(from_fn_with_state(chat.clone(), only_signed_in))
        .route("/login", post(sign_in))
        .with_state(chat.clone());
    serve::serve(listener, app, move || chat.rooms.all().iter().for_each(|room| room.close())).await
}

fn greet(address: &str) {
    println!(
        "\
The rooms are at http://{address}/

  sign in  curl -c cookies -d name=Ann http://{address}/login
  say      curl -b cookies -d \"text=Hello, all\" http://{address}/r/lobby/say
  read     curl -b cookies -N http://{address}/r/lobby/said
  once     curl -b cookies \"http://{address}/r/lobby/said?snapshot\"

Ctrl-C ends it; readers keep what they see."
    );
}

async fn only_signed_in(State(chat): State<Chat>, mut request: Request, next: Next) -> Response {
    if let Some(who) = chat.sessions.find(fields(request.headers(), COOKIE)) {
        request.extensions_mut().insert(Who(who));
        return next.run(request).await;
    }
    let refusal =
        Refusal::new(401, "sign in first: post a name to /login, and send the cookie that it sets with each request");
    let room = request.uri().path().strip_prefix("/r/").and_then(|rest| rest.split('/').next());
    answer::refused(&refusal, request.headers(), |_| view::sign_in(room, None))
}

async fn sign_in(State(chat): State<Chat>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut room = None;
    let signed_in = async {
        posted::must_be_from_here(field(&head.headers, ORIGIN), field(&head.headers, HOST))?;
        let body = posted::read(body.into_data_stream(), BODY).await?;
        let SignIn { name, room: to } = posted::decode(field(&head.headers, CONTENT_TYPE), &body)?;
        room = to.filter(|room| words::room(room).is_ok());
        let name = words::person(&name)?;
        let taken = |other: &Arc<str>| {
            let taken = other.to_lowercase() == name.to_lowercase();
            taken.then(|| Refusal::new(409, format!("somebody is called {other} already; take another name")))
        };
        chat.sessions.open(name.as_str().into(), taken)
    };
    match signed_in.await {
        Ok(cookie) => {
            let to = room.map_or_else(|| "/".to_owned(), |room| format!("/r/{room}"));
            (StatusCode::SEE_OTHER, [(LOCATION, to), (SET_COOKIE, cookie)]).into_response()
        }
        Err(refusal) => {
            answer::refused(&refusal, &head.headers, |refusal| view::sign_in(room.as_deref(), Some(refusal)))
        }
    }
}

async fn lobby(State(chat): State<Chat>, Extension(Who(who)): Extension<Who>) -> Response {
    answer::page(view::rooms(&chat.rooms.all(), &who))
}

async fn enter(State(chat): State<Chat>, headers: HeaderMap, Query(Enter { room }): Query<Enter>) -> Response {
    match chat.rooms.enter(&room) {
        Ok(room) => (StatusCode::SEE_OTHER, [(LOCATION, format!("/r/{}", room.name))]).into_response(),
        Err(refusal) => answer::refused(&refusal, &headers, view::refused),
    }
}

async fn room(
    State(chat): State<Chat>,
    Extension(Who(who)): Extension<Who>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Response {
    match chat.rooms.enter(&room) {
        Ok(room) => answer::page(view::room(&room.name, &who)),
        Err(refusal) => answer::refused(&refusal, &headers, view::refused),
    }
}

/// The page, the stream and the still of what is said, on one address.
async fn said(State(chat): State<Chat>, Path(room): Path<String>, request: Request) -> Response {
    match chat.rooms.enter(&room) {
        Ok(room) => room.page().respond(request).await.into_response(),
        Err(refusal) => answer::refused(&refusal, request.headers(), view::refused),
    }
}

async fn form(Path(room): Path<String>, headers: HeaderMap) -> Response {
    match words::room(&room) {
        Ok(room) => answer::page(view::say(room, None)),
        Err(refusal) => answer::refused(&refusal, &headers, view::refused),
    }
}

async fn say(
    State(chat): State<Chat>,
    Extension(Who(who)): Extension<Who>,
    Path(room): Path<String>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let headers = &head.headers;
    let mut kept = String::new();
    let said = async {
        posted::must_be_from_here(field(headers, ORIGIN), field(headers, HOST))?;
        let body = posted::read(body.into_data_stream(), BODY).await?;
        Said { text: kept } = posted::decode(field(headers, CONTENT_TYPE), &body)?;
        let room = chat.rooms.enter(&room)?;
        room.say(who, &words::text(&kept)?)?;
        Ok(room.readers())
    };
    match said.await {
        Ok(_) if is_browser(headers) => (StatusCode::SEE_OTHER, [(LOCATION, format!("/r/{room}/say"))]).into_response(),
        Ok(readers) => format!("said; readers: {readers}\n").into_response(),
        Err(refusal) => answer::refused(&refusal, headers, |refusal| match words::room(&room) {
            Ok(room) => view::say(room, Some((refusal, &kept))),
            Err(_) => view::refused(refusal),
        }),
    }
}

/// What is posted to sign in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    name: String,
    /// Where to go then.
    room: Option<String>,
}

#[derive(Deserialize)]
struct Enter {
    room: String,
}

/// What is posted to say something.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    text: String,
}

/// Bytes of what is posted: a message with each byte in percent-encoding, three to six for a letter.
const BODY: usize = 32 * 1024;
