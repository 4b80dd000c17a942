//! Sends any path, query and headers to the endpoints. Asserts that the response is the one of the name in the path, or an error
//! in one line of text.
#![no_main]

use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use libfuzzer_sys::fuzz_target;
use mixed_replace::serve::{ResponseBody, ResponseFuture};
use mixed_replace::{Hub, Hubs, Live, Page, Part, Publisher, Snapshot, Wall, hub};
use percent_encoding::percent_decode_str;
use tower_service::Service;

/// Hubs with their names as pictures, and what keeps them open.
static CAMERAS: LazyLock<(Hubs, Hub, Vec<Publisher>)> = LazyLock::new(|| {
    let hubs = Hubs::new();
    let channel = |name: &str| {
        let (publisher, hub) = hub::channel();
        publisher.publish(Part::text(name.to_owned()).unwrap()).unwrap();
        (publisher, hub)
    };
    let publishers = NAMES.map(|name| {
        let (publisher, hub) = channel(name);
        hubs.insert(name, hub).unwrap();
        publisher
    });
    let (publisher, hub) = channel(ONE);
    (hubs, hub, publishers.into_iter().chain([publisher]).collect())
});

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some((method, target)) = lines.next().and_then(<[u8]>::split_first) else { return };
    let method = [Method::HEAD, Method::POST, Method::GET][usize::from(*method) % 3].clone();
    let mut request = Request::builder().method(&method).uri(target);
    for line in lines {
        let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        request = request.header(&line[..at], line.get(at + 1..).unwrap_or_default());
    }
    let Ok(request) = request.body(()) else { return };
    let path = request.uri().path().to_owned();
    let segment = percent_decode_str(path.trim_start_matches('/')).collect::<Vec<u8>>();
    let get = method == Method::GET;

    let (hubs, hub, _publishers) = &*CAMERAS;
    let (status, body) = respond(Live::by_name(hubs.clone()), &request);
    if get && status == StatusCode::OK && segment != b"" {
        let name = NAMES.iter().find(|name| name.as_bytes() == segment).expect("a known name");
        assert!(contains(&body, name), "{name} is not in {body:?}");
        let others = NAMES.iter().filter(|other| *other != name);
        others.for_each(|other| assert!(!contains(&body, other), "{other} is in the response of {name}"));
    }
    respond(Wall::new(hubs.clone()), &request);
    respond(Wall::by_name(hubs.clone()), &request);
    for body in [
        respond(Live::new(hub.clone()), &request),
        respond(Snapshot::new(hub.clone()), &request),
        respond(Snapshot::new(hub.clone()).strict(true), &request),
    ] {
        assert!(!get || body.0 != StatusCode::OK || contains(&body.1, ONE));
    }
    respond(Page::new(hub.clone()), &request);
});

/// Returns the status and the first bytes.
fn respond<S>(mut endpoint: S, request: &Request<()>) -> (StatusCode, Vec<u8>)
where
    S: Service<Request<()>, Response = Response<ResponseBody>, Future = ResponseFuture>,
{
    let mut context = Context::from_waker(Waker::noop());
    // The next picture, which some requests wait for, does not come.
    let mut response = pin!(endpoint.call(request.clone()));
    let Poll::Ready(Ok(response)) = response.as_mut().poll(&mut context) else {
        return (StatusCode::ACCEPTED, Vec::new());
    };
    let (head, body) = response.into_parts();
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    // A stream wakes its task before the first part.
    for _ in 0..4 {
        if let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut context) {
            bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
    }
    if head.status.is_client_error() || head.status.is_server_error() {
        assert!(bytes.len() < 1000 && !bytes.contains(&b'\r'), "{}", String::from_utf8_lossy(&bytes));
        assert!(head.headers.get(CONTENT_TYPE).is_none_or(|value| value == "text/plain; charset=utf-8"), "{head:?}");
    }
    (head.status, bytes)
}

fn contains(bytes: &[u8], name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    bytes.windows(name.len()).any(|window| window == name)
}

const NAMES: [&str; 4] = ["yard-picture", "door-picture", "caf\u{e9}-picture", "a b;picture?"];
const ONE: &str = "the picture of one hub";
