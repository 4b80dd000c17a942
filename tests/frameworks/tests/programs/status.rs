use axum::extract::{Form, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Router, routing::post};
use mixed_replace::{Page, Part, Publisher, hub};
use std::{collections::HashMap, sync::Arc};

fn board(note: &str) -> String {
    let note = note.replace('&', "&amp;").replace('<', "&lt;");
    let form = "<form method=post action=/note><input id=note name=note><button>Report</button></form>";
    format!("<!doctype html><title>Line 1</title><h1>{note}</h1>{form}")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (publisher, hub) = hub::channel();
    publisher.publish(Part::html(board("All is well"))?)?;
    let app = Router::new()
        .route_service("/", Page::new(hub).trusted(true)) // sends forms; `board` escapes the note
        .route("/note", post(note).with_state(Arc::new(publisher)))
        .layer(from_fn(login));
    let listener = tokio::net::TcpListener::bind(super::address()).await?;
    Ok(axum::serve(listener, app).await?)
}

async fn note(State(publisher): State<Arc<Publisher>>, Form(form): Form<HashMap<String, String>>) -> Response {
    let note = form.get("note").map_or("", String::as_str);
    match Part::html(board(note)).is_ok_and(|part| publisher.publish(part).is_ok()) {
        true => Redirect::to("/").into_response(),
        false => (StatusCode::BAD_REQUEST, "this note cannot be shown\n").into_response(),
    }
}

async fn login(request: Request, next: Next) -> Response {
    match request.headers().get(header::AUTHORIZATION) {
        Some(value) if value == "Basic YWRhOnNlY3JldA==" => next.run(request).await, // printf ada:secret | base64
        _ => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"line\"")]).into_response(),
    }
}
