use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use mixed_replace::{Hub, Live};

use super::access::Access;

/// Serves a page that requires the login, with a picture whose address is valid for an hour.
pub(crate) fn app(hub: Hub, access: Arc<Access>) -> Router {
    let (users, times) = (Arc::clone(&access), Arc::clone(&access));
    let live = Live::new(hub)
        .key(move |request| Some(users.check(request.uri.path_and_query()?.as_str())?.0))
        // A stream without access, which has just been revoked, ends at once.
        .expires_in(move |request| {
            let access = request.uri.path_and_query().and_then(|address| times.check(address.as_str()));
            Some(access.map_or(Duration::ZERO, |(_, valid)| valid))
        });
    let live = Router::new().route_service("/live", live);
    let page = Router::new().route("/", get(page));
    live.route_layer(from_fn_with_state(Arc::clone(&access), signed))
        .merge(page.route_layer(from_fn_with_state(Arc::clone(&access), login)))
        .with_state(access)
}

async fn page(State(access): State<Arc<Access>>) -> Result<Html<String>, StatusCode> {
    let address = access.sign("/live", "ada", Duration::from_secs(3600)).ok_or(StatusCode::FORBIDDEN)?;
    let address = address.replace('&', "&amp;");
    Ok(Html(format!("<!doctype html><title>Yard</title><img alt=\"The yard\" src=\"{address}\">")))
}

async fn login(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let value = request.headers().get(header::AUTHORIZATION);
    if access.is_login(value.and_then(|value| value.to_str().ok())) {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"cameras\"")]).into_response()
}

async fn signed(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    match request.uri().path_and_query().and_then(|address| access.check(address.as_str())) {
        Some(_) => next.run(request).await,
        None => StatusCode::FORBIDDEN.into_response(),
    }
}
