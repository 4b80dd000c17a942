//! Endpoints as tower services, which axum mounts with `route_service`.

use std::convert::Infallible;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{ResponseBody, ResponseFuture, endpoints};

macro_rules! service {
    ($($endpoint:ident),*) => {$(
        service! { $endpoint, new where }
    )*};
    ($endpoint:ident, $respond:ident where $($bounds:tt)*) => {
        impl<B> Service<Request<B>> for super::$endpoint
        where
            $($bounds)*
        {
            type Response = Response<ResponseBody>;
            type Error = Infallible;
            type Future = ResponseFuture;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: Request<B>) -> ResponseFuture {
                ResponseFuture::$respond(self, request)
            }
        }
    };
}
endpoints!(service);
service! { Ingest, receive where B: Body + Send + 'static, B::Data: Send }
