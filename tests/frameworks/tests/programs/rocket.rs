use bytes::Bytes;
use futures::{Stream, StreamExt};
use mixed_replace::{Hub, Wire, hub};
use rocket::fairing::AdHoc;
use rocket::http::{Accept, ContentType, Status};
use rocket::response::stream::ByteStream;
use rocket::{State, get, launch, routes};

type Response<S> = Result<(ContentType, ByteStream<S>), Status>;

#[get("/live")]
fn live(hub: &State<Hub>, accept: Option<&Accept>) -> Response<impl Stream<Item = Bytes> + use<>> {
    let wire = Wire::for_accept(accept.map(Accept::to_string));
    let viewer = hub.subscribe(wire).map_err(|_| Status::ServiceUnavailable)?;
    let headers = viewer.headers();
    let content_type = headers["content-type"].to_str().ok().and_then(ContentType::parse_flexible);
    let chunks = viewer.into_stream().filter_map(async |chunk| chunk.ok());
    Ok((content_type.ok_or(Status::InternalServerError)?, ByteStream(chunks)))
}

#[launch]
fn rocket() -> _ {
    let (publisher, hub) = hub::channel();
    std::thread::spawn(move || while publisher.publish_jpeg(capture()).is_ok() {});
    let streams = hub.clone();
    let close = AdHoc::on_shutdown("close the streams", move |_| Box::pin(async move { streams.close() }));
    rocket::build().manage(hub).attach(close).mount("/", routes![live])
}

fn capture() -> Vec<u8> {
    std::thread::sleep(std::time::Duration::from_millis(100));
    std::fs::read("picture.jpg").unwrap_or_default()
}
