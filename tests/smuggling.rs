//! A relay passes on headers of a camera's parts only if their names are allowed, each with a value of one line.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use bytes::BytesMut;
use http::{HeaderName, HeaderValue};
use mixed_replace::{Boundary, Decoder, Encoder, Part, Wire, hub};
use test_support::boundary;

/// Decodes a camera's part with these header lines.
fn decode(lines: &[u8]) -> Part {
    let bytes = [b"--camera\r\nContent-Type: text/plain\r\n", lines, b"\r\n\r\non\r\n--camera--\r\n"].concat();
    let mut decoder = Decoder::new("camera");
    decoder.decode(&mut BytesMut::from(&bytes[..])).unwrap().unwrap()
}

/// Returns the complete stream of a relay that passes the part on.
fn relay(part: &Part, wire: Wire) -> String {
    let encoder = Encoder::new(Boundary::from_static("relay"), wire);
    let encoded = encoder.encode(part).unwrap();
    let stream = [encoder.opening(&encoded), encoded.to_bytes(), encoder.closing(Some(&encoded)).to_bytes()].concat();
    let padding = format!("X-Padding: {}\r\n", ".".repeat(111)).repeat(5);
    String::from_utf8(stream).unwrap().replace(&padding, "<padding>")
}

#[test]
fn only_complete_lines_with_allowed_names_pass() {
    for lines in [
        // Any line end within a value starts another line, whose name is checked like any other.
        &b"X-A: a\r\nSet-Cookie: b=c"[..],
        b"X-A: a\nSet-Cookie: b=c",
        b"X-A: a\rSet-Cookie: b=c",
        b"X-A: a\r\r\nSet-Cookie: b=c",
        b"X-A: a\r\nsEt-cOOkie: b=c",
        b"X-A: a\r\nSet-Cookie2: b=c",
        b"X-A: a\r\nSet-Cookie : b=c",
        b"X-A: a\r\n: Set-Cookie: b=c",
        b"X-A: a\r\nSet-\0Cookie: b=c",
        b"X-A: a\r\nX-B: b\0\r\nX-C: \x1b[31m\r\nX-D: \x7f\r\nX-E: \xc2\x85\r\nX-F: \xff",
        b"X-A: a\r\nX-B:\r\nX-C: \t\r\nX D: b\r\nX-\xc3\xa9: b\r\nX-(E): b",
        b"X-A: a\r\nContent-Length: 2\r\nContent-Length: 2",
        b"X-A: a\r\nContent-Type: text/html\r\nContent-Type-Options: x\r\nContent-Disposition: attachment",
        b"X-A: a\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 0-1/2",
        b"X-A: a\r\nContent-Security-Policy: default-src *\r\nAccess-Control-Allow-Origin: *\r\nX-Frame-Options: x",
        b"X-A: a\r\nLocation: http://evil/\r\nRefresh: 0; URL=http://evil/\r\nClear-Site-Data: \"*\"",
        b"X-A: a\r\nX-Accel-Redirect: /secret\r\nX-Accel-Buffering: yes\r\nX-Sendfile: /etc/passwd\r\nStatus: 500",
        b"X-A: a\r\nLink: <//evil/>; rel=preload\r\nAlt-Svc: h3=\"evil:443\"\r\nReport-To: {}\r\nNEL: {}\r\nVary: *",
        b"X-A: a\r\nStrict-Transport-Security: max-age=0\r\nCross-Origin-Opener-Policy: x\r\nService-Worker-Allowed: /",
    ] {
        let part = decode(lines);
        let what = lines.escape_ascii();
        assert_eq!(relay(&part, Wire::Browser), BROWSER, "{what}");
        assert_eq!(relay(&part, Wire::Machine), MACHINE, "{what}");
        assert_eq!(relay(&part, Wire::Script), SCRIPT, "{what}");
    }
}

/// A header that is continued on the next line is sent as one line.
#[test]
fn folded_value_becomes_one_line() {
    for lines in [&b"X-A: a\r\n Set-Cookie: b=c"[..], b"X-A: a\r\n\tSet-Cookie: b=c", b"X-A: a\n \r\n Set-Cookie: b=c"]
    {
        let part = decode(lines);
        let value = part.headers()["x-a"].to_str().unwrap();
        assert!(value.starts_with("a ") && value.ends_with("Set-Cookie: b=c"), "{value}");
        let lines = format!("X-A: {value}\r\n");
        assert_eq!(relay(&part, Wire::Machine), MACHINE.replace("X-A: a\r\n", &lines));
    }
}

/// Headers beyond the limits of a part are dropped, starting with the first that does not fit.
#[test]
fn reads_all_headers_and_sends_as_many_as_fit() {
    let many: Vec<u8> = (0..40).flat_map(|number| format!("X-{number}: 1\r\n").into_bytes()).collect();
    let part = decode(&[&many, &b"X-Long: "[..], &[b'x'; 200]].concat());
    assert_eq!(part.headers().len(), 41);
    assert_eq!(relay(&part, Wire::Script).matches("X-").count(), 13);
    assert!(relay(&part, Wire::Machine).starts_with("--relay\r\nContent-Type: text/plain\r\nX-0: 1\r\nX-1: 1\r\n"));
}

/// A camera that knows the boundary of a hub's viewers cannot forge a part of their streams.
#[test]
fn rejects_body_with_the_boundary_of_the_viewer() {
    let (publisher, hub) = hub::channel();
    let boundary = boundary(&hub.subscribe(Wire::Machine).unwrap().headers()["content-type"]);
    let bytes = format!(
        "--camera\r\nContent-Type: text/plain\r\n\r\non\r\n--{boundary}\r\nSet-Cookie: a=b\r\n\r\nforged\r\n--camera--"
    );
    let mut decoder = Decoder::new("camera");
    let part = decoder.decode(&mut BytesMut::from(bytes.as_bytes())).unwrap().unwrap();
    assert!(publisher.publish(part).is_err());
    // The same holds for a header.
    let value = HeaderValue::try_from(boundary).unwrap();
    let mut part = Part::text("on").unwrap();
    part.insert_header(HeaderName::from_static("x-a"), value).unwrap();
    assert!(publisher.publish(part).is_err());
}

const BROWSER: &str = "--relay\r\nContent-Type: text/plain\r\n<padding>\r\non\r\n--relay\r\nContent-Type: text/plain\r\n\r\n\
    on\r\n--relay--\r\n";
const MACHINE: &str = "--relay\r\nContent-Type: text/plain\r\nX-A: a\r\nContent-Length: 2\r\n\r\non\r\n\
    --relay\r\nContent-Type: text/plain\r\nX-A: a\r\nContent-Length: 2\r\n\r\non\r\n--relay--\r\n";
const SCRIPT: &str = "--relay\r\nContent-Type: text/plain\r\nX-A: a\r\nContent-Length: 2\r\n\r\non\r\n--relay--\r\n";
