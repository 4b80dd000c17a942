use futures::StreamExt;
use mixed_replace::{Hub, Subscriber, Wire, hub};
use rocket::fairing::AdHoc;
use rocket::http::{Accept, Status};
use rocket::response::{self, Responder, stream::ByteStream};
use rocket::{Request, State, get, launch, routes};

struct Viewer(Subscriber);

impl<'r> Responder<'r, 'r> for Viewer {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        let headers = self.0.headers();
        let chunks = self.0.into_stream().filter_map(async |chunk| chunk.ok());
        let mut response = ByteStream(chunks).respond_to(request)?;
        for (name, value) in &headers {
            response.set_raw_header(name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned());
        }
        Ok(response)
    }
}

#[get("/live")]
fn live(hub: &State<Hub>, accept: Option<&Accept>) -> Result<Viewer, Status> {
    let wire = Wire::for_accept(accept.map(Accept::to_string));
    hub.subscribe(wire).map(Viewer).map_err(|_| Status::ServiceUnavailable)
}

#[launch]
async fn rocket() -> _ {
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
