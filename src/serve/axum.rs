//! axum: `MixedReplace` and `Part` as responses, `Wire` as an argument of a handler.

use std::convert::Infallible;

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use futures_core::Stream;
use http::request::Parts;

use super::rejection::Rejection;
use crate::body::stream::MixedReplace;
use crate::hub::{Refused, Subscriber};
use crate::ladder;
use crate::part::Part;
use crate::response;
use crate::wire::Wire;

/// With a keep-alive every 10 seconds unless another one was set.
impl<S, E> IntoResponse for MixedReplace<S>
where
    S: Stream<Item = Result<Part, E>> + Send + 'static,
    E: Into<BoxError> + Send + 'static,
{
    fn into_response(self) -> Response {
        self.or_standard_keep_alive().into_http_response().map(Body::new)
    }
}

impl IntoResponse for Subscriber {
    fn into_response(self) -> Response {
        self.into_http_response().map(Body::new)
    }
}

impl IntoResponse for ladder::Subscriber {
    fn into_response(self) -> Response {
        self.into_http_response().map(Body::new)
    }
}

/// `503 Service Unavailable` with `Retry-After`.
impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        Rejection::from(self).response().map(Body::from)
    }
}

/// One part is an ordinary response, as from [`PartResponse`](crate::PartResponse).
impl IntoResponse for Part {
    fn into_response(self) -> Response {
        (response::part_head(&self), Body::from(self.into_body())).into_response()
    }
}

/// The wire that the client understands best: [`Wire::for_request`].
impl<S: Sync> FromRequestParts<S> for Wire {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::for_request(&parts.headers))
    }
}
