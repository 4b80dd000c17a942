//! Streams as senders write them, each decoded in one piece, byte by byte, and cut in two at every offset.

use std::iter;

use bytes::BytesMut;
use mixed_replace::decode::{DecodeError, Limits};
use mixed_replace::{Decoder, Part};

/// The result of decoding a stream.
#[derive(Debug, Eq, PartialEq)]
struct Decoded {
    parts: Vec<Part>,
    skipped: u64,
    end: Result<(), DecodeError>,
}

fn decode<'a>(mut decoder: Decoder, chunks: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoded = Decoded { parts: Vec::new(), skipped: 0, end: Ok(()) };
    let mut buffer = BytesMut::new();
    let mut chunks = chunks.into_iter();
    loop {
        let chunk = chunks.next();
        buffer.extend_from_slice(chunk.unwrap_or_default());
        loop {
            let part = match chunk {
                Some(_) => decoder.decode(&mut buffer),
                None => decoder.decode_eof(&mut buffer),
            };
            match part {
                Ok(Some(part)) => decoded.parts.push(part),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.decode(&mut buffer), Err(error.clone()), "an error is final");
                    decoded.end = Err(error);
                    break;
                }
            }
        }
        if chunk.is_none() || decoded.end.is_err() {
            decoded.skipped = decoder.skipped();
            return decoded;
        }
    }
}

/// Decodes a stream cut in every way, each with the same result.
#[track_caller]
fn decode_every_way(decoder: &Decoder, bytes: &[u8]) -> Decoded {
    let complete = decode(decoder.clone(), [bytes]);
    let bytewise = decode(decoder.clone(), bytes.chunks(1));
    assert_eq!(bytewise, complete, "byte by byte");
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(decode(decoder.clone(), [head, tail]), complete, "cut at {at}");
    }
    complete
}

struct Sender {
    content_type: &'static str,
    bytes: &'static [u8],
    parts: &'static [(&'static str, &'static [u8])],
    skipped: u64,
    closed: bool,
}

const JPEG: &str = "image/jpeg";
const ONE: &[u8] = b"\xff\xd8\xff\xe0one\xff\xd9";
const TWO: &[u8] = b"\xff\xd8\xff\xe0two\xff\xd9";
const ONE_TWO: &[(&str, &[u8])] = &[(JPEG, ONE), (JPEG, TWO)];

impl Sender {
    #[track_caller]
    fn check(&self) -> Decoded {
        let decoded = decode_every_way(&Decoder::for_content_type(self.content_type), self.bytes);
        let parts: Vec<_> = decoded.parts.iter().map(|part| (part.content_type().as_ref(), &part.body()[..])).collect();
        assert_eq!(parts, self.parts, "{}", self.content_type);
        assert_eq!(decoded.skipped, self.skipped, "skipped");
        match self.closed {
            true => assert_eq!(decoded.end, Ok(())),
            false => assert_truncated(&decoded.end, self.bytes.len()),
        }
        decoded
    }
}

#[track_caller]
fn assert_truncated(end: &Result<(), DecodeError>, len: usize) {
    match end {
        Err(DecodeError::Truncated { offset, .. }) => assert_eq!(*offset, len as u64),
        other => panic!("not truncated: {other:?}"),
    }
}

#[test]
fn panasonic_announces_the_boundary_with_dashes() {
    Sender {
        content_type: "multipart/x-mixed-replace; boundary=--myboundary",
        bytes: b"--myboundary\r\nContent-length: 9\r\nContent-type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
            --myboundary\r\nContent-length: 9\r\nContent-type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n",
        parts: ONE_TWO,
        skipped: 0,
        closed: false,
    }
    .check();
}

#[test]
fn sony_adds_two_dashes_to_an_announced_boundary_with_dashes() {
    Sender {
        content_type: "multipart/x-mixed-replace;boundary=--myboundary",
        bytes:
            b"----myboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
            ----myboundary\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n----myboundary--\r\n",
        parts: ONE_TWO,
        skipped: 0,
        closed: true,
    }
    .check();
}

#[test]
fn home_assistant_announces_the_boundary_with_dashes() {
    Sender {
        content_type: "multipart/x-mixed-replace;boundary=--frameboundary",
        bytes: b"--frameboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\
            \xff\xd8\xff\xe0one\xff\xd9\r\n\
            --frameboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\
            \xff\xd8\xff\xe0two\xff\xd9\r\n",
        parts: ONE_TWO,
        skipped: 0,
        closed: false,
    }
    .check();
}

#[test]
fn tasmota_sends_no_first_delimiter() {
    Sender {
        content_type: "multipart/x-mixed-replace;boundary=e8b8c539-047d-4777-a985-fbba6edff11e",
        bytes: b"Content-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
            --e8b8c539-047d-4777-a985-fbba6edff11e\r\n\
            Content-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n\
            --e8b8c539-047d-4777-a985-fbba6edff11e\r\n",
        parts: ONE_TWO,
        skipped: 0,
        closed: false,
    }
    .check();
}

#[test]
fn esp32cam_sends_no_first_delimiter_or_a_blank_line_before_it() {
    for bytes in [
        &b"Content-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\
            \r\n--123456789000000000000987654321\r\n\
            Content-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9"[..],
        b"\r\n--123456789000000000000987654321\r\n\
            Content-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\
            \r\n--123456789000000000000987654321\r\n\
            Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9",
    ] {
        Sender {
            content_type: "multipart/x-mixed-replace;boundary=123456789000000000000987654321",
            bytes,
            parts: ONE_TWO,
            skipped: 0,
            closed: false,
        }
        .check();
    }
}

#[test]
fn foscam_doubles_its_delimiter_lines() {
    Sender {
        content_type: "multipart/x-mixed-replace; boundary=ipcamera",
        bytes: b"--ipcamera\r\n--ipcamera\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\
            \xff\xd8\xff\xe0one\xff\xd9\r\n--ipcamera\r\n\r\n--ipcamera\r\nContent-Type: image/jpeg\r\n\
            Content-Length: 9\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n--ipcamera\r\n",
        parts: ONE_TWO,
        // The two delimiters with a blank line enclose a part without headers and without a body.
        skipped: 1,
        closed: false,
    }
    .check();
}

#[test]
fn hikvision_mixes_events_with_pictures_and_junk() {
    let decoded = Sender {
        content_type: "multipart/mixed; boundary=boundary",
        bytes: b"--boundary\r\nContent-Type: application/xml; charset=\"UTF-8\"\r\nContent-Length: 22\r\n\r\n\
            <EventNotification/>\r\n\r\n--boundary\r\n\
            --boundary\r\nContent-Disposition: form-data; name=\"a.jpg\"\r\nContent-Type: image/jpeg\r\n\
            Content-ID: a\r\n\x00\x81\xfe no colon\r\n\x07: \x08\r\nContent-Length: 9\r\n\r\n\
            \xff\xd8\xff\xe0one\xff\xd9\r\n\
            \x00\x01\x02\x03\r\n\
            --boundary\r\nContent-Type: application/xml; charset=\"UTF-8\"\r\n\r\n<Heartbeat/>\r\n\
            --boundary--\r\n",
        parts: &[
            ("application/xml; charset=\"utf-8\"", b"<EventNotification/>\r\n"),
            (JPEG, ONE),
            ("application/xml; charset=\"utf-8\"", b"<Heartbeat/>"),
        ],
        skipped: 0,
        closed: true,
    }
    .check();
    assert_eq!(decoded.parts[1].headers().len(), 2);
    assert_eq!(decoded.parts[1].headers()["content-id"], "a");
    assert_eq!(decoded.parts[1].name().as_deref(), Some("a.jpg"));
}

#[test]
fn d_link_announces_more_than_it_sends() {
    Sender {
        content_type: "multipart/x-mixed-replace;boundary=video boundary--",
        bytes: b"--video boundary--\r\nContent-length: 12\r\nContent-type: image/jpeg\r\n\r\n\
            \xff\xd8\xff\xe0one\xff\xd9\r\n\
            --video boundary--\r\nContent-length: 300\r\nContent-type: image/jpeg\r\n\r\n\
            \xff\xd8\xff\xe0two\xff\xd9\r\n\
            --video boundary--\r\nContent-length: 9\r\nContent-type: image/jpeg\r\n\r\n\
            \xff\xd8\xff\xe0one\xff\xd9\r\n\
            --video boundary--\r\n",
        parts: &[(JPEG, ONE), (JPEG, TWO), (JPEG, ONE)],
        skipped: 0,
        closed: false,
    }
    .check();
}

#[test]
fn d_link_announces_less_than_it_sends() {
    Sender {
        content_type: "multipart/x-mixed-replace;boundary=video",
        bytes: b"--video\r\nContent-type: image/jpeg\r\nContent-length: 7\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
            --video\r\nContent-type: image/jpeg\r\nContent-length: 0\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n\
            --video--\r\n",
        parts: ONE_TWO,
        skipped: 0,
        closed: true,
    }
    .check();
}

#[test]
fn dahua_mixes_line_ends() {
    Sender {
        content_type: "multipart/x-mixed-replace; boundary=myboundary",
        bytes: b"--myboundary\r\nContent-Type: text/plain\r\nContent-Length:40\r\n\r\n\
            Code=VideoMotion;action=Start;data={\n\n}\n\r\n\r\n\
            --myboundary\r\nContent-Type: text/plain\r\nContent-Length:9\r\n\r\n\
            Heartbeat\r\n\r\n\r\n\
            \r\n--myboundary\nContent-Type: text/plain\nContent-Length:9\r\n\n\
            Heartbeat\r\n\
            --myboundary\r\nContent-Type: text/plain\r\nContent-Length:28\r\n\r\n\
            Code=VideoMotion;action=Stop\r\n\
            --myboundary\r\nContent-Type: image/jpeg\r\nContent-Length:9\r\n\r\n\
            \xff\xd8\xff\xe0one\xff\xd9\r\n\r\n",
        parts: &[
            ("text/plain", b"Code=VideoMotion;action=Start;data={\n\n}\n"),
            ("text/plain", b"Heartbeat"),
            ("text/plain", b"Heartbeat"),
            ("text/plain", b"Code=VideoMotion;action=Stop"),
            (JPEG, ONE),
        ],
        skipped: 0,
        closed: false,
    }
    .check();
}

#[test]
fn mobotix_sends_no_lengths() {
    Sender {
        content_type: "multipart/x-mixed-replace; boundary=\"MOBOTIX_Fast_Serverpush\"",
        bytes: b"--MOBOTIX_Fast_Serverpush\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
            --MOBOTIX_Fast_Serverpush\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n\
            --MOBOTIX_Fast_Serverpush--\r\n",
        parts: ONE_TWO,
        skipped: 0,
        closed: true,
    }
    .check();
}

#[test]
fn motion_pads_its_lengths() {
    Sender {
        content_type: "multipart/x-mixed-replace; boundary=BoundaryString",
        bytes: b"--BoundaryString\r\nContent-type: image/jpeg\r\nContent-Length:         9\r\n\r\n\
            \xff\xd8\xff\xe0one\xff\xd9\r\n\
            --BoundaryString\r\nContent-type: image/jpeg\r\nContent-Length: 9        \r\n\r\n\
            \xff\xd8\xff\xe0two\xff\xd9\r\n",
        parts: ONE_TWO,
        skipped: 0,
        closed: false,
    }
    .check();
}

#[test]
fn ustreamer_sends_timestamps() {
    let decoded = Sender {
        content_type: "multipart/x-mixed-replace;boundary=boundarydonotcross",
        bytes: b"--boundarydonotcross\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\nX-Timestamp: 1.500000\r\n\
            \r\n\xff\xd8\xff\xe0one\xff\xd9\r\n--boundarydonotcross\r\n\
            Content-Type: image/jpeg\r\nContent-Length: 9\r\nX-Timestamp: 1.533333\r\nX-UStreamer-Online: true\r\n\
            X-UStreamer-Width: 640\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n--boundarydonotcross\r\n",
        parts: ONE_TWO,
        skipped: 0,
        closed: false,
    }
    .check();
    assert_eq!(decoded.parts[0].headers()["x-timestamp"], "1.500000");
    assert_eq!(decoded.parts[1].headers().len(), 3);
}

#[test]
fn ustreamer_advances_headers() {
    Sender {
        content_type: "multipart/x-mixed-replace;boundary=boundarydonotcross",
        bytes: b"--boundarydonotcross\r\nContent-Type: image/jpeg\r\nX-Timestamp: 1.5\r\n\r\n\
            \xff\xd8\xff\xe0one\xff\xd9\r\n--boundarydonotcross\r\nContent-Type: image/jpeg\r\nX-Timestamp: 1.6\r\n\r\n\
            \xff\xd8\xff\xe0two\xff\xd9\r\n--boundarydonotcross\r\nContent-Type: image/jpeg\r\nX-Timestamp: 1.7\r\n\r\n",
        parts: ONE_TWO,
        skipped: 0,
        closed: false,
    }
    .check();
}

#[test]
fn mjpg_streamer_pads_its_delimiters() {
    Sender {
        content_type: "multipart/x-mixed-replace;boundary=boundarydonotcross",
        bytes: b"\r\n--boundarydonotcross\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\
            X-Timestamp: 1.500000\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n--boundarydonotcross \r\n\
            Content-Type: image/jpeg\r\nContent-Length: 9\r\nX-Timestamp: 1.533333\r\n\r\n\
            \xff\xd8\xff\xe0two\xff\xd9\r\n--boundarydonotcross \r\n",
        parts: ONE_TWO,
        skipped: 0,
        closed: false,
    }
    .check();
}

#[test]
fn go2rtc_axis_and_ffmpeg_follow_the_rfc() {
    for (content_type, bytes) in [
        (
            "multipart/x-mixed-replace; boundary=frame",
            &b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
                --frame\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n"[..],
        ),
        (
            "multipart/x-mixed-replace; boundary=myboundary",
            b"--myboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
                --myboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9",
        ),
        (
            "multipart/x-mixed-replace;boundary=ffmpeg",
            b"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: 9\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n--ffmpeg\r\n\
                Content-type: image/jpeg\r\nContent-length: 9\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n--ffmpeg\r\n",
        ),
    ] {
        Sender { content_type, bytes, parts: ONE_TWO, skipped: 0, closed: false }.check();
    }
}

#[test]
fn apollo_sends_heartbeats() {
    Sender {
        content_type: "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0",
        bytes: b"\r\n--graphql\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql\r\n\
            content-type: application/json\r\n\r\n{\"payload\":{\"data\":null}}\r\n--graphql\r\n\
            content-type: application/json\r\n\r\n{}\r\n--graphql--\r\n",
        parts: &[
            ("application/json", b"{}"),
            ("application/json", b"{\"payload\":{\"data\":null}}"),
            ("application/json", b"{}"),
        ],
        skipped: 0,
        closed: true,
    }
    .check();
}

#[test]
fn graphql_increments_have_a_boundary_of_one_dash() {
    Sender {
        content_type: "multipart/mixed; boundary=\"-\"",
        bytes: b"---\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{\"hasNext\":true}\r\n---\r\n\
            Content-Type: application/json; charset=utf-8\r\nContent-Length: 17\r\n\r\n{\"hasNext\":false}\r\n-----\r\n",
        parts: &[
            ("application/json; charset=utf-8", b"{\"hasNext\":true}"),
            ("application/json; charset=utf-8", b"{\"hasNext\":false}"),
        ],
        skipped: 0,
        closed: true,
    }
    .check();
}

/// "An Exploration of Dynamic Documents" (1995).
#[test]
fn netscapes_dynamic_documents_are_read() {
    let check = |bytes, parts| {
        let content_type = "multipart/x-mixed-replace;boundary=ThisRandomString";
        Sender { content_type, bytes, parts, skipped: 0, closed: true }.check();
    };
    check(
        b"\n--ThisRandomString\nContent-type: text/plain\n\nData for the first object.\n\n\
            --ThisRandomString\nContent-type: text/plain\n\nData for the second and last object.\n\n\
            --ThisRandomString--\n",
        &[("text/plain", b"Data for the first object.\n"), ("text/plain", b"Data for the second and last object.\n")],
    );
    check(
        b"\r\n--ThisRandomString\r\nContent-type: text/plain\r\n\r\nData for the first object.\r\n\r\n\
            --ThisRandomString\r\nContent-type: text/plain\r\n\r\nData for the second and last object.\r\n\r\n\
            --ThisRandomString--\r\n",
        &[
            ("text/plain", b"Data for the first object.\r\n"),
            ("text/plain", b"Data for the second and last object.\r\n"),
        ],
    );
    check(
        b"\r--ThisRandomString\rContent-type: text/plain\r\rData for the first object.\r\r\
            --ThisRandomString\rContent-type: text/plain\r\rData for the second and last object.\r\r\
            --ThisRandomString--\r",
        &[("text/plain", b"Data for the first object.\r"), ("text/plain", b"Data for the second and last object.\r")],
    );
}

/// RFC 2046 §5.1.1: preamble, epilogue, transport padding, a part without headers.
#[test]
fn example_of_rfc_2046_is_read() {
    Sender {
        content_type: "multipart/mixed; boundary=\"simple boundary\"",
        bytes: b"This is the preamble.  It is to be ignored.\r\nNote: it has a colon.\r\n\
            --simple boundary \t \r\n\r\nThis is implicitly typed.\r\nIt does NOT end with a linebreak.\r\n\
            --simple boundary\r\nContent-type: text/plain; charset=us-ascii\r\n\r\n\
            This is explicitly typed.\r\nIt DOES end with a linebreak.\r\n\r\n\
            --simple boundary--\r\n\r\nThis is the epilogue.\r\n--simple boundary\r\n\r\nIgnored too.",
        parts: &[
            ("text/plain", b"This is implicitly typed.\r\nIt does NOT end with a linebreak."),
            ("text/plain; charset=us-ascii", b"This is explicitly typed.\r\nIt DOES end with a linebreak.\r\n"),
        ],
        skipped: 0,
        closed: true,
    }
    .check();
}

/// One stream, announced in every way.
#[test]
fn wrong_announced_boundary_does_not_matter() {
    const BYTES: &[u8] =
        b"--x--\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
        --x--\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n--x----\r\n";
    for content_type in [
        "multipart/x-mixed-replace; boundary=x--",
        "multipart/x-mixed-replace; boundary=\"x--\"",
        "multipart/x-mixed-replace;;boundary=x--",
        "multipart/x-mixed-replace; boundary = x--",
        "multipart/x-mixed-replace; boundary=x--\r",
        "multipart/x-mixed-replace; boundary=--x--",
        "multipart/x-mixed-replace; boundary=another",
        "multipart/x-mixed-replace; boundary=",
        "multipart/x-mixed-replace",
        "image/jpeg",
        "",
    ] {
        Sender { content_type, bytes: BYTES, parts: ONE_TWO, skipped: 0, closed: true }.check();
    }
}

#[test]
fn boundary_is_learned_without_a_first_delimiter() {
    for bytes in [
        &b"Content-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
            --x\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n--x--"[..],
        b"Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
            --x\r\nContent-Type: image/jpeg\r\nContent-Length: 1\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n--x--",
    ] {
        Sender { content_type: "image/jpeg", bytes, parts: ONE_TWO, skipped: 0, closed: true }.check();
    }
    Sender {
        content_type: "",
        bytes: b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\non\r\n\
            --x\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\noff\r\n--x--",
        parts: &[("text/plain", b"on"), ("text/plain", b"off")],
        skipped: 0,
        closed: true,
    }
    .check();
}

#[test]
fn line_ends_may_be_missing_or_too_many() {
    for bytes in [
        // After the boundary.
        &b"--xContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
            --xContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n--x--"[..],
        // Before it.
        b"--x\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\
            --x\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9--x--",
        // Between delimiter and headers, between headers and body.
        b"--x\r\n\r\n\r\nContent-Type: image/jpeg\r\n\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
            --x\r\n\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n--x--",
        // CRLF through a server that translates line ends.
        b"--x\r\r\nContent-Type: image/jpeg\r\r\n\r\r\n\xff\xd8\xff\xe0one\xff\xd9\r\r\n\
            --x\r\r\nContent-Type: image/jpeg\r\r\nContent-Length: 9\r\r\n\r\r\n\xff\xd8\xff\xe0two\xff\xd9\r\r\n--x--",
        // Bare CR.
        b"--x\rContent-Type: image/jpeg\r\r\xff\xd8\xff\xe0one\xff\xd9\r\
            --x\rContent-Type: image/jpeg\rContent-Length: 9\r\r\xff\xd8\xff\xe0two\xff\xd9\r--x--\r",
    ] {
        let decoded = decode_every_way(&Decoder::new("x"), bytes);
        assert_eq!(decoded.end, Ok(()), "{}", bytes.escape_ascii());
        let bodies: Vec<_> = decoded.parts.iter().map(|part| part.body().trim_ascii_end()).collect();
        assert_eq!(bodies, [ONE, TWO], "{}", bytes.escape_ascii());
    }
}

#[test]
fn response_head_within_the_body_is_skipped() {
    Sender {
        content_type: "multipart/x-mixed-replace;boundary=x",
        bytes: b"HTTP/1.0 200 OK\r\nServer: camera\r\nContent-Type: multipart/x-mixed-replace;boundary=x\r\n\r\n\
            --x\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
            --x\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n--x--",
        parts: ONE_TWO,
        skipped: 1,
        closed: true,
    }
    .check();
}

#[test]
fn skips_and_counts_empty_parts_and_false_images() {
    Sender {
        content_type: "multipart/x-mixed-replace;boundary=x",
        bytes: b"--x\r\nContent-Type: image/jpeg\r\n\r\n<html>busy</html>\r\n\
            --x\r\nContent-Type: image/jpeg\r\nContent-Length: 0\r\n\r\n\r\n\
            --x\r\nContent-Type: image/jpeg\r\n\r\n\r\n\
            --x\r\nContent-Type: image/png\r\n\r\n<html>busy</html>\r\n\
            --x\r\nContent-Type: image/jpeg\r\n--x\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n\
            --x--\r\n",
        parts: &[(JPEG, ONE)],
        skipped: 5,
        closed: true,
    }
    .check();
}

#[test]
fn wrong_length_of_an_untyped_body_does_not_matter() {
    for (length, body) in [
        ("5", "12345"),
        ("-1", "12345"),
        ("+5", "12345"),
        ("4", "12345"),
        ("3", "12345"),
        ("5\r\nContent-Length: 5", "12345"),
        ("5\r\nContent-Length: 6", "12345"),
        ("1000", "12345"),
        ("x", "12345"),
        ("5", "1\r\n--"),
        ("7", "1\r\n-x\r\n"),
    ] {
        let bytes = format!("--x\r\nContent-Length: {length}\r\n\r\n{body}\r\n--x\r\n\r\nlast\r\n--x--");
        let decoded = decode_every_way(&Decoder::new("x"), bytes.as_bytes());
        let bodies: Vec<_> = decoded.parts.iter().map(|part| &part.body()[..]).collect();
        assert_eq!(bodies, [body.as_bytes(), b"last"], "{length}");
    }
}

/// The last number is that of bytes after the body with which the part is returned.
#[test]
fn returns_a_part_with_the_byte_that_proves_its_end() {
    for (head, body, behind, after) in [
        ("Content-Length: 9\r\n", ONE, "\r\n--b\r\n", 0),
        ("Content-Length: 11\r\n", b"\xff\xd8\xff\xe0one\xff\xd9\r\n", "--b\r\n", 0),
        ("Content-Type: text/plain\r\nContent-Length: 2\r\n", b"on", "\r\n--b\r\n", 0),
        ("Content-Length: 2\r\n", b"on", "\r\n--b\r\n", "\r".len()),
        ("Content-Length: 2\r\n", b"on", "--b\r\n", "--b".len()),
        ("", ONE, "\r\n--b\r\n", "\r\n--b".len()),
        ("", b"on", "\r\n--b\r\n", "\r\n--b".len()),
    ] {
        let start = [b"--b\r\n", head.as_bytes(), b"\r\n", body].concat();
        let bytes = [&start, behind.as_bytes()].concat();
        let mut decoder = Decoder::new("b");
        let mut buffer = BytesMut::new();
        let came = bytes.iter().position(|byte| {
            buffer.extend_from_slice(&[*byte]);
            decoder.decode(&mut buffer).unwrap().is_some()
        });
        assert_eq!(came, Some(start.len() - 1 + after), "{head:?} {behind:?}");
    }
}

/// After a wrong length, only the end of an image proves another one.
#[test]
fn waits_for_a_wrong_length_only_once() {
    let mut decoder = Decoder::new("b");
    let mut buffer = BytesMut::from("--b\r\nContent-Length: 20\r\n\r\none\r\n--b\r\nContent-Length: 9\r\n\r\n");
    assert_eq!(&decoder.decode(&mut buffer).unwrap().unwrap().body()[..], b"one");
    assert_eq!(decoder.decode(&mut buffer), Ok(None));
    buffer.extend_from_slice(ONE);
    assert_eq!(&decoder.decode(&mut buffer).unwrap().unwrap().body()[..], ONE);
    buffer.extend_from_slice(b"\r\n--b\r\nContent-Length: 1000\r\n\r\ntwo\r\n--b");
    assert_eq!(&decoder.decode(&mut buffer).unwrap().unwrap().body()[..], b"two");
}

/// Returns the parts that come out of these bytes without the end of the stream, cut in every way.
#[track_caller]
fn decode_at_once(decoder: &Decoder, bytes: &[u8]) -> Vec<Part> {
    let all = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let (mut decoder, mut buffer, mut parts) = (decoder.clone(), BytesMut::new(), Vec::new());
        for chunk in chunks {
            buffer.extend_from_slice(chunk);
            while let Some(part) = decoder.decode(&mut buffer).expect("a stream within the limits") {
                parts.push(part);
            }
        }
        parts
    };
    let complete = all(&mut iter::once(bytes));
    assert_eq!(all(&mut bytes.chunks(1)), complete, "byte by byte");
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(all(&mut [head, tail].into_iter()), complete, "cut at {at}");
    }
    complete
}

/// Small images with which a walk through their blocks gets to the end.
const REAL_JPEG: &[u8] = b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02..\xff\xd9";
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02L\x01\0;";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x04IHDR....crc.\0\0\0\0IEND\xae\x42\x60\x82";
const WEBP: &[u8] = b"RIFF\x0c\0\0\0WEBPVP8 ....";

#[test]
fn returns_a_part_before_the_next_delimiter_has_come() {
    let length = |body: &[u8]| format!("Content-Length: {}\r\n", body.len());
    let padded = [ONE, b"\0\0\0"].concat();
    let avif = &b"\0\0\0\x1cftypavif"[..];
    for (name, content_type, body, has_length, after) in [
        ("event of Dahua", "text/plain", &b"Code=VideoMotion;action=Start;index=0"[..], true, ""),
        ("the same with its line ends", "text/plain", b"Code=VideoMotion;action=Start;index=0", true, "\r\n\r\n"),
        ("event of Hikvision", "application/xml; charset=\"UTF-8\"", b"<EventNotification/>\r\n", true, ""),
        ("the same with a line end", "application/xml; charset=\"UTF-8\"", b"<EventNotification/>\r\n", true, "\r\n"),
        ("JSON", "application/json", b"{}", true, ""),
        ("HTML", "text/html", b"<p>on", true, ""),
        ("JPEG", "image/jpeg", ONE, true, ""),
        ("padded JPEG", "image/jpeg", &padded, true, ""),
        ("PNG", "image/png", PNG, true, ""),
        ("GIF", "image/gif", GIF, true, ""),
        ("WebP", "image/webp", WEBP, true, ""),
        ("image without a known end", "image/avif", avif, true, "\r"),
        ("body without a type", "", b"on", true, "\n"),
        ("JPEG of another type", "image/png", ONE, true, ""),
        ("JPEG without a type", "", ONE, true, ""),
        ("JPEG without a length", "image/jpeg", REAL_JPEG, false, ""),
        ("PNG without a length", "image/png", PNG, false, ""),
        ("GIF without a length", "image/gif", GIF, false, ""),
        ("WebP without a length", "image/webp", WEBP, false, ""),
    ] {
        let content_type =
            if content_type.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
        let length = if has_length { length(body) } else { String::new() };
        let part = [format!("--B\r\n{content_type}{length}\r\n").as_bytes(), body, after.as_bytes()].concat();
        let parts = decode_at_once(&Decoder::new("B"), &part);
        let bodies: Vec<_> = parts.iter().map(|part| &part.body()[..]).collect();
        assert_eq!(bodies, [body], "{name}");
        let early = decode_at_once(&Decoder::new("B"), &part[..part.len() - after.len().max(1)]);
        assert_eq!(early.len(), usize::from(after.len() > 1), "{name}");
        // Two of them, each as soon as it has come.
        let two = [&part, &b"\r\n"[..], &part].concat();
        assert_eq!(decode_at_once(&Decoder::new("B"), &two).len(), 2, "{name}");
        // The same to the end of the stream.
        let closed = [&two, &b"\r\n--B--"[..]].concat();
        let decoded = decode_every_way(&Decoder::new("B"), &closed);
        assert_eq!((decoded.parts.len(), decoded.skipped, decoded.end), (2, 0, Ok(())), "{name}");
    }
}

/// Streams of which the next delimiter comes with the next part, seconds or hours later.
#[test]
fn events_and_pictures_of_cameras_come_out_at_once() {
    const XML: &[u8] = b"<EventNotificationAlert version=\"2.0\"/>\r\n";
    let xml = |behind: &str| {
        let head = "--B\r\nContent-Type: application/xml; charset=\"UTF-8\"\r\nContent-Length: 41\r\n\r\n";
        [head.as_bytes(), XML, behind.as_bytes()].concat()
    };
    for (name, stream, body) in [
        (
            "Dahua",
            b"--B\r\nContent-Type: text/plain\r\nContent-Length:37\r\n\r\nCode=VideoMotion;action=Start;index=0\r\n\r\n"
                .to_vec(),
            &b"Code=VideoMotion;action=Start;index=0"[..],
        ),
        (
            // The length counts the line end, of which nothing else is lost.
            "Dahua with a line end within the length",
            b"--B\r\nContent-Type: text/plain\r\nContent-Length:39\r\n\r\nCode=VideoMotion;action=Start;index=0\r\n\r\n"
                .to_vec(),
            b"Code=VideoMotion;action=Start;index=0\r\n",
        ),
        ("Hikvision", xml("\r\n"), XML),
        ("Hikvision without a line end", xml(""), XML),
        ("JSON", b"--B\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".to_vec(), b"{}"),
        (
            "JPEG padded to four bytes",
            b"--B\r\nContent-Type: image/jpeg\r\nContent-Length: 12\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\0\0\0\r\n".to_vec(),
            b"\xff\xd8\xff\xe0one\xff\xd9\0\0\0",
        ),
        (
            "JPEG without a length",
            [b"--B\r\nContent-Type: image/jpeg\r\n\r\n", REAL_JPEG, b"\r\n"].concat(),
            REAL_JPEG,
        ),
    ] {
        let parts = decode_at_once(&Decoder::new("B"), &stream);
        let bodies: Vec<_> = parts.iter().map(|part| &part.body()[..]).collect();
        assert_eq!(bodies, [body], "{name}");
        // Ten of them, one after the other, and then another part.
        let ten = [&stream.repeat(10)[..], b"--B\r\nContent-Type: text/plain\r\n\r\nlast\r\n--B--"].concat();
        let decoded = decode_every_way(&Decoder::new("B"), &ten);
        let bodies: Vec<_> = decoded.parts.iter().map(|part| &part.body()[..]).collect();
        assert_eq!(bodies, [&[body; 10][..], &[b"last"]].concat(), "{name}");
        assert_eq!((decoded.skipped, decoded.end), (0, Ok(())), "{name}");
    }
}

#[test]
fn length_is_right_with_any_number_of_line_ends_after_it() {
    let part = |body: &str| format!("--B\r\nContent-Type: application/x-any\r\nContent-Length: 2\r\n\r\n{body}");
    let bytes = format!("{}{}{}", part("on"), "\r\n".repeat(9), part("up"));
    assert_eq!(decode_at_once(&Decoder::new("B"), bytes.as_bytes()).len(), 2);
}

#[test]
fn length_of_any_type_is_used_at_once_after_a_right_one() {
    let part = |body: &str| format!("--B\r\nContent-Type: application/x-any\r\nContent-Length: 2\r\n\r\n{body}");
    let first = part("on");
    assert_eq!(decode_at_once(&Decoder::new("B"), first.as_bytes()), []);
    assert_eq!(decode_at_once(&Decoder::new("B"), format!("{first}\r\n{}", part("up")).as_bytes()).len(), 2);
}

/// An image whose length is wrong, in either direction, as the first, the second or the last of four.
#[test]
fn never_returns_a_torn_image() {
    for images in [[ONE, TWO, ONE, TWO], [REAL_JPEG, ONE, REAL_JPEG, TWO], [PNG, PNG, PNG, PNG], [GIF, WEBP, GIF, PNG]]
    {
        let content_types = images.map(|image| match image[0] {
            0xff => JPEG,
            b'R' => "image/webp",
            b'G' => "image/gif",
            _ => "image/png",
        });
        let stream = |wrong: usize, length: usize| {
            let mut bytes = Vec::new();
            for (number, (image, content_type)) in images.iter().zip(content_types).enumerate() {
                let length = if number == wrong { length } else { image.len() };
                bytes
                    .extend(format!("--B\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n").bytes());
                bytes.extend_from_slice(image);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"--B--\r\n");
            bytes
        };
        for wrong in 0..4 {
            for length in 0..images[wrong].len() + 60 {
                let bytes = stream(wrong, length);
                let complete = decode(Decoder::new("B"), [&bytes[..]]);
                let bodies: Vec<_> = complete.parts.iter().map(|part| &part.body()[..]).collect();
                let bodies: Vec<_> = bodies.iter().map(|body| body.trim_ascii_end()).collect();
                assert_eq!(bodies, images, "length {length} of image {wrong}");
                assert_eq!(complete.end, Ok(()));
                for chunk in [1, 2, 3, 7, 50] {
                    assert_eq!(decode(Decoder::new("B"), bytes.chunks(chunk)), complete, "length {length} of {wrong}");
                }
            }
        }
    }
}

#[test]
fn image_cut_short_after_its_thumbnail_is_not_complete() {
    let image = b"\xff\xd8\xff\xe1\x00\x0c\xff\xd8\xff\xe0..\xff\xd9..\xff\xc0\x00\x02\xff\xda\x00\x02..\xff\xd9";
    let bytes = [b"--B\r\nContent-Type: image/jpeg\r\nContent-Length: 14\r\n\r\n", &image[..]].concat();
    assert_eq!(decode_at_once(&Decoder::new("B"), &bytes[..bytes.len() - 1]), []);
    let decoded = decode_every_way(&Decoder::new("B"), &[&bytes, &b"\r\n--B--"[..]].concat());
    assert_eq!(&decoded.parts[0].body()[..], image);
}

#[test]
fn delimiters_are_used_after_a_wrong_length() {
    const STOP: &[u8] = b"Code=VideoMotion;action=Stop";
    const START: &[u8] = b"Code=VideoMotion;action=Start";
    // A length that the stream does not reach is wrong only at the end: until then, the text may be that long.
    for (length, first, at_once) in [("9", &b"Code=Vide"[..], true), ("300", STOP, false)] {
        let bytes = format!(
            "--B\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\nCode=VideoMotion;action=Stop\r\n\
            --B\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nCode=VideoMotion;action=Start\r\n\
            --B\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nHeartbeat"
        );
        let parts = decode_at_once(&Decoder::new("B"), bytes.as_bytes());
        let bodies: Vec<_> = parts.iter().map(|part| &part.body()[..]).collect();
        assert_eq!(bodies, if at_once { vec![first, START] } else { vec![] });
        let decoded = decode_every_way(&Decoder::new("B"), format!("{bytes}\r\n--B--").as_bytes());
        let bodies: Vec<_> = decoded.parts.iter().map(|part| &part.body()[..]).collect();
        assert_eq!(bodies, [first, START, b"Heartbeat"]);
    }
}

#[test]
fn text_with_lines_like_delimiters_ends_at_its_length() {
    for (content_type, delimiter, kind, body) in [
        ("multipart/mixed; boundary=\"-\"", "---", "text/plain", "diff\r\n--- a/file\r\n+++ b/file\r\n"),
        ("multipart/mixed; boundary=\"-\"", "---", "application/yaml+json", "---\n{\"a\": 1}\n---\n{}"),
        ("multipart/mixed; boundary=B", "--B", "text/plain", "--B is my line\r\n--Bx\r\n"),
        ("multipart/mixed; boundary=B", "--B", "text/plain", "hi\r\n--B is my line\r\nmore\r\n"),
        ("multipart/mixed; boundary=B", "--B", "text/plain", "--B\r\n{\"x\":1}"),
        ("multipart/mixed; boundary=B", "--B", "application/json", "[1,\n--B\n2]"),
        ("multipart/mixed; boundary=B", "--B", "application/xml", "<a>\n--B</a>\n"),
    ] {
        let part = |kind: &str, body: &str| {
            let length = body.len();
            format!("{delimiter}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        let decoder = Decoder::for_content_type(content_type);
        let one = part(kind, body);
        let parts = decode_at_once(&decoder, one.as_bytes());
        assert_eq!(parts.iter().map(|part| &part.body()[..]).collect::<Vec<_>>(), [body.as_bytes()]);
        assert_eq!(decode_at_once(&decoder, &one.as_bytes()[..one.len() - 1]), []);
        let bytes = format!("{one}\r\n{one}\r\n{}\r\n{delimiter}--", part("application/json", "{}"));
        let decoded = decode_every_way(&decoder, bytes.as_bytes());
        let bodies: Vec<_> = decoded.parts.iter().map(|part| &part.body()[..]).collect();
        assert_eq!(bodies, [body.as_bytes(), body.as_bytes(), b"{}"], "{content_type}");
        assert_eq!((decoded.skipped, decoded.end), (0, Ok(())), "{body}");
    }
}

#[test]
fn line_with_more_dashes_than_the_first_delimiter_is_one_before_a_header_only() {
    let decoder = Decoder::for_content_type("multipart/mixed; boundary=B");
    let body = "a\r\n---Bc\r\n----B c";
    let part = format!("Content-Type: a/b\r\nContent-Length: {}\r\n\r\n{body}\r\n", body.len());
    let decoded =
        decode_every_way(&decoder, format!("--B\r\n{part}--B\r\n{part}----B\r\n{part}----B--\r\n").as_bytes());
    let bodies: Vec<_> = decoded.parts.iter().map(|part| &part.body()[..]).collect();
    assert_eq!(bodies, [body.as_bytes(); 3]);
    assert_eq!((decoded.skipped, decoded.end), (0, Ok(())));
}

/// A text that contains a part of its own stream comes out once the bytes after it show whether it is one.
#[test]
fn delimiter_after_text_shows_that_a_part_within_its_length_is_text() {
    let inner = "--B\r\nContent-Type: text/plain\r\n\r\non\r\n--B--\r\n";
    let text = format!("--B\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{inner}", inner.len());
    assert_eq!(decode_at_once(&Decoder::new("B"), format!("{text}\r\n").as_bytes()), []);
    assert_eq!(decode_at_once(&Decoder::new("B"), format!("{text}\r\n--B").as_bytes()).len(), 1);
    let decoded = decode_every_way(&Decoder::new("B"), format!("{text}\r\n{text}\r\n--B--").as_bytes());
    let bodies: Vec<_> = decoded.parts.iter().map(|part| &part.body()[..]).collect();
    assert_eq!((bodies, decoded.skipped, decoded.end), (vec![inner.as_bytes(); 2], 0, Ok(())));
}

#[test]
fn text_with_a_length_into_the_next_parts_loses_none() {
    for wrong in 0..4 {
        // With 3 or 4 bytes more, the text ends in a line of dashes, and with 61 to 63, right at another delimiter. Nothing
        // shows that these bytes are not its own.
        for more in (0..3).chain(5..61).chain(64..120) {
            let part = |number| {
                let length = if number == wrong { 7 + more } else { 7 };
                format!("--B\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\nevent {number}\r\n")
            };
            let bytes = format!("{}--B--\r\n", (0..4).map(part).collect::<String>());
            let complete = decode(Decoder::new("B"), [bytes.as_bytes()]);
            let bodies: Vec<_> = complete.parts.iter().map(|part| String::from_utf8_lossy(part.body())).collect();
            let bodies: Vec<_> = bodies.iter().map(|body| body.trim_ascii_end()).collect();
            assert_eq!(bodies, ["event 0", "event 1", "event 2", "event 3"], "{more} bytes more in part {wrong}");
            for chunk in [1, 2, 3, 7, 50] {
                assert_eq!(decode(Decoder::new("B"), bytes.as_bytes().chunks(chunk)), complete, "{more} in {wrong}");
            }
        }
    }
}

#[test]
fn splits_at_a_delimiter_without_a_line_end_before_it() {
    for (content_type, one, two) in [
        ("application/json", &br#"{"a":1}"#[..], &br#"{"a":"--B"}"#[..]),
        ("text/plain", b"on", b"off"),
        ("text/html", b"<p>on</p>", b"<p>off --B</p>"),
        ("image/png", PNG, PNG),
        ("image/png", b"\x89PNG\r\n\x1a\n one", b"\x89PNG\r\n\x1a\n two"),
        ("image/jpeg", ONE, TWO),
        ("application/octet-stream", b"on", b"off--B off"),
    ] {
        let head = format!("--B\r\nContent-Type: {content_type}\r\n\r\n");
        for end in ["--B--", "--B--\r\n"] {
            let bytes = [head.as_bytes(), one, head.as_bytes(), two, end.as_bytes()].concat();
            let decoded = decode_every_way(&Decoder::new("B"), &bytes);
            let bodies: Vec<_> = decoded.parts.iter().map(|part| &part.body()[..]).collect();
            assert_eq!(bodies, [one, two], "{content_type}");
            assert_eq!((decoded.skipped, decoded.end), (0, Ok(())), "{content_type}");
        }
    }
    // A complete JSON text needs no header after the delimiter.
    let parts = decode_at_once(&Decoder::new("B"), b"--B\r\nContent-Type: application/json\r\n\r\n{\"a\":1}--B");
    assert_eq!(parts.len(), 1);
}

#[test]
fn boundary_within_a_line_of_text_is_text() {
    let text = "see --B, --B-- and x--B\r\nbelow";
    let bytes = format!("--B\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--B--");
    let decoded = decode_every_way(&Decoder::new("B"), bytes.as_bytes());
    assert_eq!(&decoded.parts[0].body()[..], text.as_bytes());
    assert_eq!((decoded.parts.len(), decoded.end), (1, Ok(())));
}

#[test]
fn delimiters_of_browsers_tests_have_no_dashes() {
    for (content_type, one, two) in [(JPEG, ONE, TWO), (JPEG, REAL_JPEG, ONE), ("text/plain", b"x\r\nx y", b"two\r\n")]
    {
        for end in ["x--", "x--\r\n"] {
            let head = format!("x\r\nContent-Type: {content_type}\r\n\r\n");
            let bytes = [head.as_bytes(), one, b"\r\n", head.as_bytes(), two, b"\r\n", end.as_bytes()].concat();
            let content_type = "multipart/x-mixed-replace; boundary=x";
            let decoded = decode_every_way(&Decoder::for_content_type(content_type), &bytes);
            let bodies: Vec<_> = decoded.parts.iter().map(|part| &part.body()[..]).collect();
            assert_eq!(bodies, [one, two]);
            assert_eq!((decoded.skipped, decoded.end), (0, Ok(())));
        }
    }
}

#[test]
fn announced_boundary_may_contain_a_comma() {
    for (content_type, boundary) in [
        ("multipart/x-mixed-replace; boundary=a,b", "a,b"),
        ("multipart/x-mixed-replace; boundary=,", ","),
        ("multipart/x-mixed-replace; boundary=a , b", "a , b"),
        ("multipart/x-mixed-replace; boundary=a,b", "a"),
        ("multipart/x-mixed-replace; boundary=a, charset=utf-8", "a"),
        ("multipart/x-mixed-replace; boundary=\"a,b\"", "a,b"),
    ] {
        let bytes = format!("--{boundary}\r\nA: b\r\n\r\none\r\n--{boundary}--");
        let decoded = decode_every_way(&Decoder::for_content_type(content_type), bytes.as_bytes());
        let bodies: Vec<_> = decoded.parts.iter().map(|part| &part.body()[..]).collect();
        assert_eq!((bodies, decoded.end), (vec![&b"one"[..]], Ok(())), "{content_type} {boundary}");
    }
}

#[test]
fn folded_field_may_have_an_empty_first_line() {
    let bytes =
        b"--x\r\nContent-Type:\r\n text/html; charset=utf-8\r\nX-Time:\r\n 12\r\nContent-Length:\r\n 2\r\n\r\non";
    let parts = decode_at_once(&Decoder::new("x"), bytes);
    assert_eq!(parts[0].content_type(), &mime::TEXT_HTML_UTF_8);
    assert_eq!(parts[0].headers()["x-time"], "12");
    assert_eq!(&parts[0].body()[..], b"on");
}

#[test]
fn image_gets_the_type_of_its_bytes() {
    for (declared, image, content_type) in
        [("image/jpeg", PNG, "image/png"), ("image/gif", ONE, JPEG), ("image/png", WEBP, "image/webp")]
    {
        let bytes = [format!("--x\r\nContent-Type: {declared}\r\n\r\n").as_bytes(), image, b"\r\n--x--"].concat();
        let decoded = decode_every_way(&Decoder::new("x"), &bytes);
        assert_eq!(decoded.parts[0].content_type().as_ref(), content_type);
        assert_eq!(&decoded.parts[0].body()[..], image);
    }
}

#[test]
fn name_of_a_part_is_returned() {
    let bytes =
        b"--B\r\nContent-Disposition: form-data; name=\"licensePlatePicture.jpg\"\r\nContent-Type: image/jpeg\r\n\
        Content-Length: 9\r\n\r\n\xff\xd8\xff\xe0one\xff\xd9\r\n--B";
    let decoded = decode_every_way(&Decoder::new("B"), bytes);
    assert_eq!(decoded.parts[0].name().as_deref(), Some("licensePlatePicture.jpg"));
    assert_eq!(decoded.parts[0].headers()["content-disposition"], "form-data; name=\"licensePlatePicture.jpg\"");
}

#[test]
fn all_headers_of_ustreamer_are_returned() {
    let names = ["Online", "Width", "Height", "Client-FPS", "Grab-Time", "Encode-Begin-Time", "Expose-Begin-Time"];
    let lines: String = names.iter().map(|name| format!("X-UStreamer-{name}: 1732631234.123456\r\n")).collect();
    assert!(lines.len() > 255);
    let bytes = [b"--B\r\nContent-Type: image/jpeg\r\n", lines.as_bytes(), b"Content-Length: 9\r\n\r\n", ONE].concat();
    let parts = decode_at_once(&Decoder::new("B"), &bytes);
    assert_eq!(parts[0].headers().len(), 7);
    for name in names {
        assert_eq!(parts[0].headers()[format!("x-ustreamer-{name}")], "1732631234.123456");
    }
}

#[test]
fn error_names_the_delimiter_that_an_endless_part_lacks() {
    let limits = Limits::new().max_part_bytes(70_000);
    for (decoder, looked_for) in [(Decoder::new("announced"), "\"--announced\" "), (Decoder::detect(), "")] {
        let bytes = [&b"Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0"[..], &[0; 80_000]].concat();
        let decoded = decode(decoder.limits(limits), [&bytes[..]]);
        assert_eq!(
            decoded.end.unwrap_err().to_string(),
            format!(
                "no delimiter {looked_for}within the limit of 70000 bytes of the part at byte 28, which starts with \
                ff d8 ff e0 00 00 00 00 00 00 00 00 00 00 00 00"
            )
        );
    }
}

#[test]
fn body_shares_the_buffer() {
    let mut buffer = BytesMut::from(&[b"--b\r\nContent-Length: 9\r\n\r\n", ONE].concat()[..]);
    let at = buffer.as_ptr().wrapping_add(buffer.len() - ONE.len());
    let part = Decoder::new("b").decode(&mut buffer).unwrap().unwrap();
    assert_eq!(part.body().as_ptr(), at);
}

#[test]
fn error_names_the_limit_and_the_offset() {
    let limits = Limits::new()
        .max_boundary_bytes(20)
        .max_header_bytes(200)
        .max_headers(4)
        .max_junk_bytes(300)
        .max_line_bytes(100)
        .max_part_bytes(500);
    let junk = "no delimiter follows byte 0 within the limit of 300 bytes";
    let part = "the part at byte 7 exceeds the limit of 500 bytes";
    for (bytes, error) in [
        (b"no part\r\n".repeat(40), junk),
        (vec![b'-'; 400], junk),
        (b"\r".repeat(400), junk),
        (
            [b"--b\r\nContent-Length: 2\r\n\r\non\r\n--b\r\nContent-Length: 9\r\n\r\n", ONE, &[0; 400]].concat(),
            "no delimiter follows byte 65 within the limit of 300 bytes",
        ),
        ([&b"--b"[..], &[b' '; 101]].concat(), "the line at byte 3 exceeds the limit of 100 bytes"),
        ([&b"--b\r\nX: "[..], &[b'x'; 98]].concat(), "the line at byte 5 exceeds the limit of 100 bytes"),
        (
            [&b"--b\r\n"[..], &[b'x'; 90], b"\r\n", &[b'x'; 90], b"\r\n", &[b'x'; 90], b"\r\n"].concat(),
            "the header block at byte 5 exceeds the limit of 200 bytes",
        ),
        (b"--b\r\na:\r\nb:\r\nc:\r\nd:\r\ne:\r\n".to_vec(), "the header block at byte 5 exceeds the limit of 4 lines"),
        ([&b"--b\r\n\r\n"[..], &[0; 1000]].concat(), part),
        ([&b"--b\r\n\r\n"[..], &[0; 501], b"\n--b"].concat(), part),
        (b"--b\r\nContent-Length: 501\r\n\r\n".to_vec(), "the part at byte 28 exceeds the limit of 500 bytes"),
        (b"--b\r\n".to_vec(), "the stream ended at byte 5 without a close-delimiter"),
    ] {
        let decoded = decode_every_way(&Decoder::new("b").limits(limits), &bytes);
        assert_eq!(decoded.end.unwrap_err().to_string(), error, "{}", bytes.escape_ascii());
    }
}

#[test]
fn accepts_everything_up_to_its_limit() {
    let limits = Limits::new()
        .max_boundary_bytes(2)
        .max_header_bytes(202)
        .max_headers(2)
        .max_junk_bytes(300)
        .max_line_bytes(100)
        .max_part_bytes(500);
    let bytes = [
        &[b'x'; 298][..],
        b"\r\n--bb",
        &[b' '; 100],
        b"\r\n",
        &[b'x'; 100],
        b"\r\n",
        &[b'x'; 98],
        b"\r\n\r\n",
        &[0; 500],
        b"\r\n--bb--",
    ]
    .concat();
    let decoded = decode_every_way(&Decoder::new("bb").limits(limits), &bytes);
    assert_eq!((decoded.parts.len(), decoded.end), (1, Ok(())));

    // A part whose length is believed, and line ends after it.
    let head = b"--bb\r\nContent-Type: text/plain\r\nContent-Length: 500\r\n\r\n";
    let bytes = [&head[..], &[b'x'; 500], b"\r\n\r\n--bb--"].concat();
    let decoded = decode_every_way(&Decoder::new("bb").limits(limits), &bytes);
    assert_eq!((decoded.parts.len(), decoded.end), (1, Ok(())));

    let line = b"--bb\r\nContent-Type: text/plain\r\n\r\non\r\n--bb--";
    assert_eq!(decode(Decoder::detect().limits(limits), [&line[..]]).end, Ok(()));
    assert_truncated(&decode(Decoder::detect().limits(limits.max_boundary_bytes(1)), [&line[..]]).end, line.len());
}

/// Random streams of hostile pieces.
#[test]
fn result_does_not_depend_on_how_the_network_cuts() {
    const PIECES: &[&[u8]] = &[
        b"--b",
        b"--b--",
        b"----b",
        b"--",
        b"-",
        b"b",
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\r\n",
        b"\r\n\r\n",
        b" ",
        b":",
        b"Content-Type: image/jpeg",
        b"Content-Type: text/plain\r\n\r\n",
        b"Content-Type: ",
        b"content-",
        b"X-A: b",
        b"Content-Length: 9\r\n\r\n",
        b"Content-Length: 4",
        b"Content-Length: 30\r\n",
        b"Content-Length: 99",
        b"Content-Length:0\r\n",
        b"\xff\xd8\xff\xe0one\xff\xd9",
        b"\xff\xd8\xff",
        b"\xff\xd9",
        b"on",
        b"\0",
        b"--c\r\n",
        b"--c",
        b"b\r\nContent-Type: image/png\r\n\r\n",
        b"\x89PNG\r\n\x1a\n",
        b"\0\0\0\0IEND\xae\x42\x60\x82",
        b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02..\xff\xd9",
        b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x01;\0;",
        b"RIFF\x06\0\0\0WEBP..",
        b"Content-Type: application/json\r\n\r\n{}",
        b"Content-Type: application/json\r\nContent-Length: 4\r\n\r\n",
        b"{\"a\":",
        b"}",
        b", b",
        b"--b\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0two\xff\xd9\r\n",
        b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nsomething\r\n",
    ];
    let limits = Limits::new()
        .max_boundary_bytes(6)
        .max_header_bytes(90)
        .max_headers(3)
        .max_junk_bytes(60)
        .max_line_bytes(50)
        .max_part_bytes(64);
    let rounds = std::env::var("ROUNDS").map_or(4_000, |rounds| rounds.parse().unwrap());
    for seed in 0..rounds {
        let mut random = random(seed);
        let bytes: Vec<u8> = (0..random() % 24).flat_map(|_| PIECES[random() % PIECES.len()]).copied().collect();
        let decoder = match random() % 6 {
            0 => Decoder::detect(),
            3 => Decoder::for_content_type("multipart/mixed; boundary=b, b"),
            1 => Decoder::new("-"),
            2 => Decoder::new("--b"),
            _ => Decoder::new("b"),
        }
        .limits(if random() % 2 == 0 { limits } else { Limits::new() });
        let complete = decode(decoder.clone(), [&bytes[..]]);
        let message = || format!("seed {seed}: {}", bytes.escape_ascii());
        assert_eq!(decode(decoder.clone(), bytes.chunks(1)), complete, "{}", message());
        assert_eq!(decode(decoder.clone(), []).parts, [], "{}", message());
        let mut rest = &bytes[..];
        let cuts: Vec<&[u8]> = iter::from_fn(|| {
            let (chunk, after) = rest.split_at((1 + random() % 20).min(rest.len()));
            rest = after;
            (!chunk.is_empty()).then_some(chunk)
        })
        .collect();
        assert_eq!(decode(decoder.clone(), cuts), complete, "{}", message());
        // A caller that shortens the buffer causes no panic.
        let (mut decoder, mut buffer) = (decoder, BytesMut::new());
        for chunk in bytes.chunks(5) {
            buffer.extend_from_slice(chunk);
            while let Ok(Some(_)) = decoder.decode(&mut buffer) {}
            buffer.truncate(random() % (buffer.len() + 4));
        }
        decoder.decode_eof(&mut buffer).ok();
        let sum: usize = complete.parts.iter().map(|part| part.body().len()).sum();
        assert!(sum <= bytes.len(), "{}", message());
    }
}

/// A random number generator (xorshift64*).
fn random(seed: u64) -> impl FnMut() -> usize {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits")
    }
}
