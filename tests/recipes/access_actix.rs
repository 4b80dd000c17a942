use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{ErrorForbidden, InternalError};
use actix_web::http::header;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, Html, ServiceConfig};
use actix_web::{HttpResponse, web};
use mixed_replace::{Hub, Live};

use super::access::Access;

/// Serves a page that requires the login, with a picture whose address is valid for an hour.
pub(crate) fn configure(app: &mut ServiceConfig, hub: Hub, access: Arc<Access>) {
    let (users, times) = (Arc::clone(&access), Arc::clone(&access));
    let live = Live::new(hub)
        .key(move |request| Some(users.check(request.uri.path_and_query()?.as_str())?.0))
        // A stream without access, which has just been revoked, ends at once.
        .expires_in(move |request| {
            let access = request.uri.path_and_query().and_then(|address| times.check(address.as_str()));
            Some(access.map_or(Duration::ZERO, |(_, valid)| valid))
        });
    app.app_data(Data::from(access))
        .service(web::resource("/live").wrap(from_fn(signed)).route(web::to(live)))
        .service(web::resource("/").wrap(from_fn(login)).route(web::get().to(page)));
}

async fn page(access: Data<Access>) -> actix_web::Result<Html> {
    let address = access.sign("/live", "ada", Duration::from_secs(3600));
    let address = address.ok_or_else(|| ErrorForbidden("this name cannot be written into an address"))?;
    let address = address.replace('&', "&amp;");
    Ok(Html::new(format!("<!doctype html><title>Yard</title><img alt=\"The yard\" src=\"{address}\">")))
}

async fn login(
    access: Data<Access>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
    let value = request.headers().get(header::AUTHORIZATION);
    if access.is_login(value.and_then(|value| value.to_str().ok())) {
        return next.call(request).await;
    }
    let field = (header::WWW_AUTHENTICATE, "Basic realm=\"cameras\"");
    Err(InternalError::from_response("no login", HttpResponse::Unauthorized().insert_header(field).finish()).into())
}

async fn signed(
    access: Data<Access>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
    match request.uri().path_and_query().and_then(|address| access.check(address.as_str())) {
        Some(_) => next.call(request).await,
        None => Err(ErrorForbidden("this address is not valid")),
    }
}
