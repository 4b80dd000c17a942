//! actix-web: `MixedReplace` and `Part` as responses.

use std::error::Error;
use std::time::Duration;

use actix_web::body::{self, BodyStream, BoxBody};
use actix_web::http::header::ACCEPT;
use actix_web::http::{ConnectionType, Method, Version};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use futures_core::Stream;
use http::HeaderMap;

use crate::keep_alive::KeepAlive;
use crate::part::Part;
use crate::response;
use crate::stream::MixedReplace;
use crate::wire::Wire;

/// On the wire that the client understands best unless one was chosen, and with a keep-alive every 10 seconds unless
/// another one was set.
impl<S, E> Responder for MixedReplace<S>
where
    S: Stream<Item = Result<Part, E>> + 'static,
    E: Into<Box<dyn Error>> + 'static,
{
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let accept = request.headers().get_all(ACCEPT).map(|value| value.as_bytes());
        let wire = self.chosen_wire().unwrap_or_else(|| Wire::for_accept(accept));
        let body = self.or_standard_keep_alive().linger(KeepAlive::every(LINGER)).wire(wire);
        let (head, body) = body.into_http_response().into_parts();
        let mut builder = HttpResponse::Ok();
        copy(&head.headers, &mut builder);
        if request.method() == Method::HEAD {
            // Neither a length, which nobody knows, nor the body, which actix would poll.
            return builder.body(body::None::new());
        }
        let mut response = builder.body(BodyStream::new(body));
        if request.version() < Version::HTTP_11 {
            // actix would write chunks, which HTTP/1.0 does not know: there the end of the connection ends the body.
            response.head_mut().no_chunking(true);
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        response.map_into_boxed_body()
    }
}

/// One part alone is an ordinary response: the still picture.
impl Responder for Part {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut builder = HttpResponse::Ok();
        copy(&response::part_head(&self), &mut builder);
        builder.body(self.into_body())
    }
}

/// actix has the header types of `http` 0.2.
fn copy(head: &HeaderMap, builder: &mut HttpResponseBuilder) {
    for (name, value) in head {
        builder.append_header((name.as_str(), value.as_bytes()));
    }
}

/// actix copies a chunk when it takes it, and keeps up to 32 KiB of it until the client can take them. This long they
/// are safe from a failure that would throw them away.
const LINGER: Duration = Duration::from_secs(1);
