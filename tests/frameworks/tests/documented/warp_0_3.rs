fn live(hub: Hub) -> impl Filter<Extract = impl Reply, Error = warp::Rejection> + Clone {
    warp::path("live").and(warp::header::optional("accept")).map(move |accept: Option<String>| {
        let Ok(viewer) = hub.subscribe(Wire::for_accept(accept)) else {
            let full = warp::http::Response::builder().status(503).header("retry-after", "5");
            return full.body(warp::hyper::Body::empty()).expect("a valid response");
        };
        let mut response = warp::http::Response::builder();
        for (name, value) in &viewer.headers() {
            response = response.header(name.as_str(), value.as_bytes());
        }
        response.body(warp::hyper::Body::wrap_stream(viewer.into_stream())).expect("a valid response")
    })
}
