use mixed_replace::{Hub, Wire};
use warp::http::Response;
use warp::hyper::Body;
use warp::{Filter, Rejection, Reply};

fn live(hub: Hub) -> impl Filter<Extract = impl Reply, Error = Rejection> + Clone {
    warp::path("live").and(warp::header::optional("accept")).map(move |accept: Option<String>| {
        let viewer = match hub.subscribe(Wire::for_accept(accept)) {
            Ok(viewer) => viewer,
            Err(refused) => {
                let mut response = Response::builder().status(503);
                if let Some(pause) = refused.retry_after() {
                    response = response.header("retry-after", pause.as_secs().max(1));
                }
                return response.body(Body::from(refused.to_string())).expect("a valid response");
            }
        };
        let mut response = Response::builder();
        for (name, value) in &viewer.headers() {
            response = response.header(name.as_str(), value.as_bytes());
        }
        response.body(Body::wrap_stream(viewer.into_stream())).expect("a valid response")
    })
}
