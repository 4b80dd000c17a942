//! Endpoints as tower services, which axum mounts with `route_service`.

use std::convert::Infallible;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{Ingest, ResponseBody, ResponseFuture, endpoints};

macro_rules! service {
    ($($endpoint:ident),*) => {$(
        impl<B> Service<Request<B>> for super::$endpoint {
            type Response = Response<ResponseBody>;
            type Error = Infallible;
            type Future = ResponseFuture;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: Request<B>) -> ResponseFuture {
                ResponseFuture::new(self, &request.into_parts().0)
            }
        }
    )*};
}
endpoints!(service);

impl<B> Service<Request<B>> for Ingest
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        ResponseFuture::receive(self, request)
    }
}
