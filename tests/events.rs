//! Complete bytes of event streams: a custom content type, heartbeats, and no repeated event.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{Stream, StreamExt as _, executor::block_on_stream, stream};
use mixed_replace::write::Head;
use mixed_replace::{Boundary, Encoder, KeepAlive, MixedReplace, Part, Wire, Writer};

const GRAPHQL: &str = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0";

fn graphql() -> Encoder {
    Encoder::for_content_type(GRAPHQL).unwrap().heartbeat(&Part::json("{}").unwrap()).unwrap()
}

fn event(number: u32) -> Part {
    Part::json(format!("{{\"payload\":{number}}}")).unwrap()
}

/// Returns the bytes until the body is pending or ends.
fn more<S: Stream<Item = Result<Bytes, Infallible>> + Unpin>(body: &mut S) -> (String, bool) {
    let mut bytes = Vec::new();
    loop {
        match body.poll_next_unpin(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
            Poll::Ready(None) => return (String::from_utf8(bytes).unwrap(), true),
            Poll::Pending => return (String::from_utf8(bytes).unwrap(), false),
        }
    }
}

#[test]
fn complete_subscription_bytes() {
    let (events, subscription) = mpsc::unbounded();
    let (ticks, pulse) = mpsc::unbounded();
    let response = MixedReplace::with_encoder(subscription.map(Ok::<_, Infallible>), graphql());
    assert_eq!(response.headers()["content-type"], GRAPHQL);
    let mut body = pin!(response.keep_alive(KeepAlive::new(pulse)).into_stream());
    let tick = || ticks.unbounded_send(()).unwrap();

    // Also before the first event. The first pulse has no effect because the stream has just started.
    tick();
    assert_eq!(more(&mut body), (String::new(), false));
    tick();
    let opened = "\r\n--graphql\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}\r\n--graphql";
    assert_eq!(more(&mut body), (opened.into(), false));
    let heartbeat = "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}\r\n--graphql";
    tick();
    assert_eq!(more(&mut body), (heartbeat.into(), false));
    let event_1 = "\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"payload\":1}\r\n--graphql";
    events.unbounded_send(event(1)).unwrap();
    assert_eq!(more(&mut body), (event_1.into(), false));
    tick();
    assert_eq!(more(&mut body), (String::new(), false));
    tick();
    assert_eq!(more(&mut body), (heartbeat.into(), false));
    let event_2 = "\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"payload\":2}\r\n--graphql";
    events.unbounded_send(event(2)).unwrap();
    assert_eq!(more(&mut body), (event_2.into(), false));
    drop(events);
    assert_eq!(more(&mut body), ("--\r\n".into(), true));
}

#[test]
fn empty_subscription_bytes() {
    for (ticks, complete) in [
        (1, "\r\n--graphql--\r\n"),
        (2, "\r\n--graphql\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}\r\n--graphql--\r\n"),
    ] {
        let mut waited = false;
        let events = stream::poll_fn(move |cx| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(None);
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        let pulse = stream::iter(vec![(); ticks]).chain(stream::pending());
        let body = MixedReplace::with_encoder(events.map(Ok::<_, Infallible>), graphql());
        let stream = body.keep_alive(KeepAlive::new(pulse)).into_stream();
        let bytes: Vec<u8> = block_on_stream(stream).flat_map(Result::unwrap).collect();
        assert_eq!(String::from_utf8(bytes).unwrap(), complete);
    }
}

#[test]
fn hikvision_event_stream_by_blocking_writer() {
    let encoder = Encoder::for_content_type("multipart/mixed; boundary=boundary").unwrap();
    let alert =
        Part::new("application/xml; charset=\"UTF-8\"".parse().unwrap(), "<EventNotificationAlert/>\r\n").unwrap();
    let encoder = encoder.heartbeat(&Part::new(mime::TEXT_XML, "<Heartbeat/>").unwrap()).unwrap();
    let mut writer = Writer::with_encoder(Vec::new(), encoder);
    writer.write_head(Head::Http11, &http::HeaderMap::new()).unwrap();
    writer.repeat().unwrap();
    writer.write(&alert).unwrap();
    writer.repeat().unwrap();
    let response = String::from_utf8(writer.finish().unwrap()).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("\r\nContent-Type: multipart/mixed; boundary=boundary\r\n"), "{head}");
    assert_eq!(
        body,
        "\r\n--boundary\r\nContent-Type: text/xml\r\nContent-Length: 12\r\n\r\n<Heartbeat/>\r\n\
         --boundary\r\nContent-Type: application/xml; charset=\"utf-8\"\r\nContent-Length: 27\r\n\r\n\
         <EventNotificationAlert/>\r\n\r\n\
         --boundary\r\nContent-Type: text/xml\r\nContent-Length: 12\r\n\r\n<Heartbeat/>\r\n\
         --boundary--\r\n"
    );
}

/// Apollo iOS expects a header block of one line with the type, and no bytes after the last dashes.
#[test]
fn omits_lengths_and_last_line_end() {
    let encoder = || Encoder::for_content_type(GRAPHQL).unwrap().content_length(false);
    let heartbeat = Part::json("{}").unwrap();
    let either_order = [
        encoder().heartbeat(&heartbeat).unwrap(),
        Encoder::for_content_type(GRAPHQL).unwrap().heartbeat(&heartbeat).unwrap().content_length(false),
    ];
    for with in either_order {
        let mut writer = Writer::with_encoder(Vec::new(), with);
        writer.repeat().unwrap();
        writer.write(&event(1)).unwrap();
        assert_eq!(
            String::from_utf8(writer.finish().unwrap()).unwrap(),
            "\r\n--graphql\r\nContent-Type: application/json\r\n\r\n{}\
             \r\n--graphql\r\nContent-Type: application/json\r\n\r\n{\"payload\":1}\
             \r\n--graphql--"
        );
    }
    assert_eq!(Writer::with_encoder(Vec::new(), encoder()).finish().unwrap(), b"\r\n--graphql--");
}

#[test]
fn keep_alive_does_not_repeat_events() {
    let encoder = Encoder::for_content_type(GRAPHQL).unwrap();
    let events = stream::iter([Ok::<_, Infallible>(event(1))]).chain(stream::pending());
    let pulse = stream::iter([(); 3]).chain(stream::pending());
    let mut body = MixedReplace::with_encoder(events, encoder.clone()).keep_alive(KeepAlive::new(pulse)).into_stream();
    let once =
        "\r\n--graphql\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"payload\":1}\r\n--graphql";
    assert_eq!(more(&mut body), (once.into(), false));
    let mut writer = Writer::with_encoder(Vec::new(), encoder);
    writer.write(&event(1)).unwrap();
    writer.repeat().unwrap();
    assert_eq!(String::from_utf8(writer.finish().unwrap()).unwrap(), format!("{once}--\r\n"));
}

#[test]
fn streams_of_parts_start_with_dashes() {
    let replaces = Encoder::for_content_type("multipart/x-mixed-replace;boundary=graphql").unwrap();
    let script = Encoder::new(Boundary::from_static("graphql"), Wire::Script);
    let machine = Encoder::new(Boundary::from_static("graphql"), Wire::Machine).content_length(false);
    for encoder in [replaces, script, machine] {
        let mut writer = Writer::with_encoder(Vec::new(), encoder);
        writer.write(&event(1)).unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert!(text.starts_with("--graphql\r\nContent-Type: application/json\r\nContent-Length: 13\r\n"), "{text}");
        assert!(text.ends_with("\r\n--graphql--\r\n"), "{text}");
    }
}

/// On those wires each part replaces the previous one, so a heartbeat would replace the last picture.
#[test]
fn other_wires_have_no_heartbeats() {
    for wire in [Wire::Browser, Wire::Machine] {
        let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), wire);
        let mut plain = Writer::with_encoder(Vec::new(), encoder.clone());
        let mut with = Writer::with_encoder(Vec::new(), encoder.heartbeat(&Part::json("{}").unwrap()).unwrap());
        for writer in [&mut plain, &mut with] {
            writer.repeat().unwrap();
            writer.write(&event(1)).unwrap();
            writer.repeat().unwrap();
        }
        assert_eq!(plain.finish().unwrap(), with.finish().unwrap(), "{wire:?}");
    }
}

#[test]
fn encoder_sets_wire_and_boundary() {
    let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Script);
    let response = MixedReplace::with_encoder(stream::iter([Ok::<_, Infallible>(event(1))]), encoder);
    assert_eq!(response.headers()["content-type"], "multipart/mixed; boundary=ThisRandomString");
    let bytes: Vec<u8> = block_on_stream(response.into_stream()).flat_map(Result::unwrap).collect();
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "--ThisRandomString\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"payload\":1}\r\n\
         --ThisRandomString--\r\n"
    );
}

/// Earlier parts are sent as usual. The error type is uninhabited, so the stream ends without an error; on the machine
/// and script wires the close-delimiter is missing.
#[test]
fn part_with_the_boundary_ends_the_stream() {
    let forged = Part::text("one\r\n--ThisRandomString\r\n\r\nforged").unwrap();
    for (wire, behind) in [
        (
            Wire::Browser,
            "\r\n--ThisRandomString\r\nContent-Type: application/json\r\n\r\n{\"payload\":1}\r\n--ThisRandomString--\r\n",
        ),
        (Wire::Machine, "\r\n--ThisRandomString\r\n"),
        (Wire::Script, "\r\n--ThisRandomString"),
    ] {
        let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), wire);
        let source = stream::iter([event(1), forged.clone(), event(2)].map(Ok::<_, Infallible>));
        let stream = MixedReplace::with_encoder(source, encoder).into_stream();
        let bytes: Vec<u8> = block_on_stream(stream).flat_map(Result::unwrap).collect();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.split_once("{\"payload\":1}").unwrap().1, behind, "{wire:?}");
    }
}

#[test]
fn searches_boundary_where_readers_do() {
    let inside = Part::text("a line with --graphql in it, and graphql").unwrap();
    let at_start = Part::text("\n--graphql").unwrap();
    let mixed = Encoder::for_content_type(GRAPHQL).unwrap();
    assert!(mixed.encode(&inside).is_ok());
    assert!(mixed.encode(&at_start).is_err());
    assert!(mixed.clone().heartbeat(&at_start).is_err());
    let replaces = Encoder::for_content_type("multipart/x-mixed-replace;boundary=graphql").unwrap();
    assert!(replaces.encode(&inside).is_err());
    // GraphQL's incremental delivery: JSON contains dashes, but never two at the start of a line.
    let dash = Encoder::for_content_type("multipart/mixed; boundary=\"-\"").unwrap();
    assert!(dash.encode(&Part::json("[\n-1, \"---\",\n-1]").unwrap()).is_ok());
    assert!(dash.encode(&Part::text("---\n").unwrap()).is_err());
}
