use std::convert::Infallible;

use hyper::{Body, Request, Response};
use mixed_replace::{Hub, Wire};

async fn live(hub: Hub, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let accept = request.headers().get_all("accept").iter().map(|value| value.as_bytes());
    let viewer = match hub.subscribe(Wire::for_accept(accept)) {
        Ok(viewer) => viewer,
        Err(refused) => {
            let mut response = Response::builder().status(503);
            if let Some(pause) = refused.retry_after() {
                response = response.header("retry-after", pause.as_secs().max(1));
            }
            return Ok(response.body(Body::from(refused.to_string())).expect("a valid response"));
        }
    };
    let mut response = Response::builder();
    for (name, value) in &viewer.headers() {
        response = response.header(name.as_str(), value.as_bytes());
    }
    Ok(response.body(Body::wrap_stream(viewer.into_stream())).expect("a valid response"))
}
