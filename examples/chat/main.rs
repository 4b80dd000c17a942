//! Chat rooms with axum: each room is a hub, and its pages need no script.
//!
//! Run `cargo run --release -p chat` and open the address that it prints. `--help` lists the options.

#![expect(clippy::print_stdout, reason = "a program prints its address")]

mod args;
mod room;
mod rooms;
mod view;
mod words;

use std::net::SocketAddr;
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
use shared::answer::{self, field, fields, is_browser};
use shared::refusal::Refusal;
use shared::session::Sessions;
use shared::{posted, server};

use crate::args::Args;
use crate::rooms::Rooms;

#[derive(Clone)]
struct Chat {
    rooms: Arc<Rooms>,
    sessions: Arc<Sessions<Arc<str>>>,
}

/// The name of the signed-in user, inserted by [`only_signed_in`].
#[derive(Clone)]
struct User(Arc<str>);

#[tokio::main]
async fn main() -> ExitCode {
    server::exit_code(run(Args::from_command_line()).await)
}

async fn run(args: Args) -> Result<(), String> {
    let (listener, address) = server::listen(&args.listen)?;
    greet(address);

    let chat = Chat { rooms: Arc::new(Rooms::new(&args)), sessions: Arc::new(Sessions::new("chat_session")) };
    // One check covers pages, streams and snapshots.
    let app = Router::new()
        .route("/", get(lobby))
        .route("/enter", get(enter))
        .route("/r/{room}", get(room))
        .route("/r/{room}/said", get(messages))
        .route("/r/{room}/say", get(form).post(say))
        .layer(from_fn_with_state(chat.clone(), only_signed_in))
        .route("/login", post(sign_in))
        .with_state(chat.clone());
    let close = || chat.rooms.all().iter().for_each(|room| room.close());
    server::serve(listener, app, server::stop_signal(), close).await
}

fn greet(address: SocketAddr) {
    println!(
        "\
The rooms are at http://{address}/

  sign in  curl -c cookies -d name=Ann http://{address}/login
  say      curl -b cookies -d \"text=Hello, all\" http://{address}/r/lobby/say
  read     curl -b cookies -N http://{address}/r/lobby/said
  once     curl -b cookies \"http://{address}/r/lobby/said?snapshot\"

Ctrl-C stops the server; readers keep the last page."
    );
}

async fn only_signed_in(State(chat): State<Chat>, mut request: Request, next: Next) -> Response {
    if let Some(user) = chat.sessions.find(fields(request.headers(), COOKIE)) {
        request.extensions_mut().insert(User(user));
        return next.run(request).await;
    }
    let refusal =
        Refusal::new(401, "sign in first: post a name to /login and send the cookie that it sets with each request");
    let room = request.uri().path().strip_prefix("/r/").and_then(|rest| rest.split('/').next());
    answer::refused(&refusal, request.headers(), |_| view::sign_in(room, None))
}

async fn sign_in(State(chat): State<Chat>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut room = None;
    let signed_in = async {
        posted::must_be_same_origin(field(&head.headers, ORIGIN), field(&head.headers, HOST))?;
        let body = posted::read(body.into_data_stream(), BODY).await?;
        let SignIn { name, room: target } = posted::decode(field(&head.headers, CONTENT_TYPE), &body)?;
        room = target.filter(|room| words::room(room).is_ok());
        let name = words::person(&name)?;
        let taken = |other: &Arc<str>| {
            let taken = other.to_lowercase() == name.to_lowercase();
            taken.then(|| Refusal::new(409, format!("the name {other} is in use; choose another")))
        };
        chat.sessions.open(name.as_str().into(), taken)
    };
    match signed_in.await {
        Ok(cookie) => {
            let location = room.map_or_else(|| "/".to_owned(), |room| format!("/r/{room}"));
            (StatusCode::SEE_OTHER, [(LOCATION, location), (SET_COOKIE, cookie)]).into_response()
        }
        Err(refusal) => {
            answer::refused(&refusal, &head.headers, |refusal| view::sign_in(room.as_deref(), Some(refusal)))
        }
    }
}

async fn lobby(State(chat): State<Chat>, Extension(User(user)): Extension<User>) -> Response {
    answer::page(view::rooms(&chat.rooms.all(), &user))
}

async fn enter(State(chat): State<Chat>, headers: HeaderMap, Query(Enter { room }): Query<Enter>) -> Response {
    match chat.rooms.enter(&room) {
        Ok(room) => (StatusCode::SEE_OTHER, [(LOCATION, format!("/r/{}", room.name))]).into_response(),
        Err(refusal) => answer::refused(&refusal, &headers, view::refused),
    }
}

async fn room(
    State(chat): State<Chat>,
    Extension(User(user)): Extension<User>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Response {
    match chat.rooms.enter(&room) {
        Ok(room) => answer::page(view::room(&room.name, &user)),
        Err(refusal) => answer::refused(&refusal, &headers, view::refused),
    }
}

/// Serves a room's messages as a page, a stream or a snapshot on one address.
async fn messages(State(chat): State<Chat>, Path(room): Path<String>, request: Request) -> Response {
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
    Extension(User(user)): Extension<User>,
    Path(room): Path<String>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let headers = &head.headers;
    let mut typed = String::new();
    let sent = async {
        posted::must_be_same_origin(field(headers, ORIGIN), field(headers, HOST))?;
        let body = posted::read(body.into_data_stream(), BODY).await?;
        Message { text: typed } = posted::decode(field(headers, CONTENT_TYPE), &body)?;
        let room = chat.rooms.enter(&room)?;
        room.say(user, &words::text(&typed)?)?;
        Ok(room.readers())
    };
    match sent.await {
        Ok(_) if is_browser(headers) => (StatusCode::SEE_OTHER, [(LOCATION, format!("/r/{room}/say"))]).into_response(),
        Ok(readers) => format!("sent; readers: {readers}\n").into_response(),
        Err(refusal) => answer::refused(&refusal, headers, |refusal| match words::room(&room) {
            Ok(room) => view::say(room, Some((refusal, &typed))),
            Err(_) => view::refused(refusal),
        }),
    }
}

/// A posted sign-in form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    name: String,
    /// The room to enter after that.
    room: Option<String>,
}

#[derive(Deserialize)]
struct Enter {
    room: String,
}

/// A posted message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    text: String,
}

/// The largest body, in bytes. Percent-encoding takes three to six bytes for a letter.
const BODY: usize = 32 * 1024;
