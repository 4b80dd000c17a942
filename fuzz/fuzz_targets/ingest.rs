//! Sends any body with any `Content-Type` to an `Ingest`. Asserts the same response for any chunks, and that what is published is
//! complete.
#![no_main]

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::StreamBody;
use libfuzzer_sys::fuzz_target;
use mixed_replace::decode::Limits;
use mixed_replace::{Ingest, Part, hub};
use tower_service::Service;

fuzz_target!(|data: &[u8]| {
    let line = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (content_type, body) = data.split_at(line);
    let body = body.get(1..).unwrap_or_default();
    let Some((flags, content_type)) = content_type.split_first() else { return };
    let trusted = flags & 1 == 1;
    let expected = send(content_type, body, body.len().max(1), trusted);
    for chunk in [1, 3, 1 + data.len() % 64] {
        assert_eq!(send(content_type, body, chunk, trusted), expected, "in chunks of {chunk}");
    }
});

/// Returns the status, the text and the last published part.
fn send(content_type: &[u8], body: &[u8], chunk: usize, trusted: bool) -> Option<(StatusCode, Vec<u8>, Option<Part>)> {
    let (publisher, hub) = hub::channel();
    let limits = Limits::new().max_part_bytes(300).max_junk_bytes(200);
    let mut ingest = Ingest::new(publisher).trusted(trusted).limits(limits);
    let chunks = body.chunks(chunk).map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(chunk))));
    let chunks = StreamBody::new(stream::iter(chunks.collect::<Vec<_>>()));
    let request = Request::post("/").header(CONTENT_TYPE, content_type).body(chunks).ok()?;
    let mut context = Context::from_waker(Waker::noop());
    let mut response = pin!(ingest.call(request));
    for _ in 0..body.len() + 100 {
        let Poll::Ready(response) = response.as_mut().poll(&mut context) else { continue };
        let (head, body) = response.unwrap().into_parts();
        let (mut text, mut body) = (Vec::new(), pin!(body));
        while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut context) {
            text.extend_from_slice(frame.data_ref().expect("no trailers"));
        }
        let latest = hub.latest();
        if let Some(part) = &latest {
            assert!(part.check_picture().is_ok() && part.body().len() <= 600, "{part:?}");
            assert!(trusted || part.content_type().type_() == mime::IMAGE, "{part:?}");
        }
        return Some((head.status, text, latest.map(|part| part_without_time(&part))));
    }
    panic!("no response to a body that has ended");
}

/// Returns the part without the time at which it came.
fn part_without_time(part: &Part) -> Part {
    Part::new(part.content_type().clone(), part.body().clone()).expect("a valid part")
}
