//! The line for rocket in the table of the module `body`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use mixed_replace::{KeepAlive, MixedReplace, Wire};
use rocket::fairing::AdHoc;
use rocket::http::{Accept, ContentType};
use rocket::response::stream::ByteStream;
use test_support::served;

#[rocket::get("/<path..>")]
fn live(path: PathBuf, accept: Option<&Accept>) -> (ContentType, ByteStream<impl Stream<Item = Bytes>>) {
    let parts = served::source(&format!("/{}", path.display()));
    let wire = Wire::for_accept(accept.map(Accept::to_string));
    let live = MixedReplace::new(parts, wire).keep_alive(KeepAlive::every(Duration::from_secs(10)));
    let headers = live.headers();
    let content_type = headers["content-type"].to_str().ok().and_then(ContentType::parse_flexible).unwrap();
    (content_type, ByteStream(live.into_stream().filter_map(async |chunk| chunk.ok())))
}

static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    let (sender, port) = mpsc::channel();
    let tell = AdHoc::on_liftoff("port", move |rocket| {
        sender.send(rocket.config().port).unwrap();
        Box::pin(async {})
    });
    let config = rocket::Config { port: 0, log_level: rocket::log::LogLevel::Off, ..Default::default() };
    let rocket = rocket::custom(config).mount("/", rocket::routes![live]).attach(tell);
    std::thread::spawn(|| rocket::execute(rocket.launch()).unwrap());
    SocketAddr::from(([127, 0, 0, 1], port.recv().unwrap()))
});

#[test]
fn serves_a_stream() {
    served::http_1_0_response_is_not_chunked(*SERVER);
    served::head_request_does_not_poll_the_source(*SERVER);
    let answer = served::get(*SERVER, "GET /finite HTTP/1.1\r\nHost: x\r\nAccept: image/webp,*/*;q=0.8\r\n\r\n");
    assert!(answer.field("content-type").unwrap().starts_with("multipart/x-mixed-replace; boundary="));
    assert!(answer.text().starts_with("--B\r\nContent-Type: text/css\r\nX-Padding: "), "{}", answer.text());
    assert!(answer.text().ends_with("three\r\n--B--\r\n"), "{}", answer.text());
}

/// `ByteStream` has no errors, so only the missing close-delimiter tells.
#[test]
fn failed_source_ends_the_response_cleanly() {
    let answer = served::get(*SERVER, "GET /fails/small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.ended, served::Ended::Cleanly);
    assert!(!answer.text().ends_with("--\r\n"), "{}", answer.text());
}
