async fn live(hub: Hub, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let accept = request.headers().get_all("accept").iter().map(|value| value.as_bytes());
    let Ok(viewer) = hub.subscribe(Wire::for_accept(accept)) else {
        let full = Response::builder().status(503).header("retry-after", "5");
        return Ok(full.body(Body::empty()).expect("a valid response"));
    };
    let mut response = Response::builder();
    for (name, value) in &viewer.headers() {
        response = response.header(name.as_str(), value.as_bytes());
    }
    Ok(response.body(Body::wrap_stream(viewer.into_stream())).expect("a valid response"))
}
