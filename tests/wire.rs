//! The exact bytes of each wire: opening, middle, change of type, end.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::time::{Duration, UNIX_EPOCH};

use mixed_replace::encode::EncodedPart;
use mixed_replace::{Boundary, Encoder, Part, Wire};
use test_support::WIRES;

const B: Boundary = Boundary::from_static("ThisRandomString");

/// Returns the bytes that a client receives: opening, parts and delimiters, closing. A `|` marks where the client
/// waits.
fn body(wire: Wire, parts: &[Part]) -> String {
    let encoder = Encoder::new(B, wire);
    let mut body = Vec::new();
    let mut last: Option<EncodedPart> = None;
    for part in parts {
        let part = encoder.encode(part).unwrap();
        match &last {
            None => body.extend(encoder.opening(&part)),
            Some(last) => body.extend(encoder.bridge(last, &part).into_iter().flat_map(|bridge| bridge.to_bytes())),
        }
        body.extend(part.to_bytes());
        body.push(b'|');
        last = Some(part);
    }
    body.extend(encoder.closing(last.as_ref()).to_bytes());
    String::from_utf8_lossy(&body).replace("\r\n", "\\r\\n\n")
}

fn two() -> [Part; 2] {
    let long = "second ".repeat(100);
    [Part::text("first ".repeat(100)).unwrap(), Part::text(long).unwrap()]
}

/// Two bodies of 600 and 700 bytes, shown as `first*` and `second*`.
fn shortened(body: &str) -> String {
    body.replace(&"first ".repeat(100), "first*").replace(&"second ".repeat(100), "second*")
}

#[test]
fn browser_wire() {
    let expected = r"--ThisRandomString\r\n
Content-Type: text/plain; charset=utf-8\r\n
\r\n
first*\r\n
--ThisRandomString\r\n
Content-Type: text/plain; charset=utf-8\r\n
\r\n
|second*\r\n
--ThisRandomString\r\n
Content-Type: text/plain; charset=utf-8\r\n
\r\n
|second*\r\n
--ThisRandomString--\r\n
";
    assert_eq!(shortened(&body(Wire::Browser, &two())), expected);
}

#[test]
fn machine_wire() {
    let expected = r"--ThisRandomString\r\n
Content-Type: text/plain; charset=utf-8\r\n
Content-Length: 600\r\n
\r\n
first*\r\n
--ThisRandomString\r\n
|Content-Type: text/plain; charset=utf-8\r\n
Content-Length: 700\r\n
\r\n
second*\r\n
--ThisRandomString\r\n
|Content-Type: text/plain; charset=utf-8\r\n
Content-Length: 700\r\n
\r\n
second*\r\n
--ThisRandomString--\r\n
";
    assert_eq!(shortened(&body(Wire::Machine, &two())), expected);
}

#[test]
fn script_wire() {
    let expected = r"--ThisRandomString\r\n
Content-Type: text/plain; charset=utf-8\r\n
Content-Length: 600\r\n
\r\n
first*\r\n
--ThisRandomString|\r\n
Content-Type: text/plain; charset=utf-8\r\n
Content-Length: 700\r\n
\r\n
second*\r\n
--ThisRandomString|--\r\n
";
    assert_eq!(shortened(&body(Wire::Script, &two())), expected);
}

/// On the browser wire the header block of the next part has already announced text, so the text is repeated under it.
#[test]
fn change_of_type() {
    let [text, _] = two();
    let picture = Part::svg("<svg/>").unwrap();
    let expected = r"--ThisRandomString\r\n
Content-Type: text/plain; charset=utf-8\r\n
\r\n
first*\r\n
--ThisRandomString\r\n
Content-Type: text/plain; charset=utf-8\r\n
\r\n
|first*\r\n
--ThisRandomString\r\n
Content-Type: image/svg+xml\r\n
\r\n
<svg/>\r\n
--ThisRandomString\r\n
Content-Type: image/svg+xml\r\n
\r\n
|<svg/>\r\n
--ThisRandomString--\r\n
";
    let parts = [text, picture];
    assert_eq!(shortened(&body(Wire::Browser, &parts)), expected);
    for wire in [Wire::Machine, Wire::Script] {
        assert_eq!(body(wire, &parts).matches("first first").count(), 50, "{wire:?}: no bytes between the two");
    }
}

#[test]
fn custom_headers_follow_type_in_title_case() {
    let mut part = Part::json("{}").unwrap();
    part.insert_header("x-timestamp".parse().unwrap(), "12.5".parse().unwrap()).unwrap();
    part.insert_header("etag".parse().unwrap(), "\"7\"".parse().unwrap()).unwrap();
    let machine = Encoder::new(B, Wire::Machine).encode(&part).unwrap();
    assert_eq!(
        machine.to_bytes(),
        "Content-Type: application/json\r\nX-Timestamp: 12.5\r\nEtag: \"7\"\r\nContent-Length: 2\r\n\r\n{}\r\n\
         --ThisRandomString\r\n"
    );
    let browser = Encoder::new(B, Wire::Browser).encode(&part).unwrap();
    assert_eq!(browser.to_bytes(), "{}\r\n--ThisRandomString\r\nContent-Type: application/json\r\n\r\n");
}

fn stamped(part: Part) -> Part {
    part.captured_at(UNIX_EPOCH + Duration::from_micros(1_764_150_000_000_456)).with_sequence(17)
}

#[test]
fn time_and_number_follow_custom_headers() {
    let mut part = stamped(Part::json("{}").unwrap());
    part.insert_header("etag".parse().unwrap(), "\"7\"".parse().unwrap()).unwrap();
    let head = "Content-Type: application/json\r\nEtag: \"7\"\r\nX-Timestamp: 1764150000.000456\r\n\
        X-Sequence: 17\r\nContent-Length: 2\r\n\r\n{}\r\n";
    let plain = "Content-Type: application/json\r\nEtag: \"7\"\r\nContent-Length: 2\r\n\r\n{}\r\n";
    let graphql = "multipart/mixed;boundary=\"graphql\"";
    for (encoder, expected) in [
        (Encoder::new(B, Wire::Machine), format!("{head}--ThisRandomString\r\n")),
        (Encoder::new(B, Wire::Script), format!("\r\n{head}--ThisRandomString")),
        (
            Encoder::new(B, Wire::Browser),
            "{}\r\n--ThisRandomString\r\nContent-Type: application/json\r\n\r\n".to_owned(),
        ),
        (Encoder::new(B, Wire::Machine).timestamps(false), format!("{plain}--ThisRandomString\r\n")),
        (Encoder::for_content_type(graphql).unwrap(), format!("\r\n{plain}--graphql")),
        (Encoder::for_content_type(graphql).unwrap().timestamps(true), format!("\r\n{head}--graphql")),
    ] {
        let encoded = encoder.encode(&part).unwrap();
        assert_eq!(encoded.to_bytes(), expected);
        let closing = encoder.closing(Some(&encoded)).to_bytes();
        let repeated = encoder.wire() == Wire::Machine && expected.contains("X-Timestamp");
        assert_eq!(closing.starts_with(head.as_bytes()), repeated, "{closing:?}");
    }
}

/// Each row has a part that says its time in two ways, and the only one that is sent.
#[test]
fn time_and_number_stand_once() {
    let insert = |mut part: Part, name: &str, value: &str| {
        part.insert_header(name.parse().unwrap(), value.parse().unwrap()).unwrap();
        part
    };
    let on = || Part::text("on").unwrap();
    for (part, lines) in [
        (insert(stamped(on()), "x-timestamp", "1764150001.5"), "X-Timestamp: 1764150001.500000|X-Sequence: 17|"),
        (insert(stamped(on()), "x-timestamp", "12.5"), "X-Timestamp: 12.5|X-Sequence: 17|"),
        (insert(stamped(on()), "x-sequence", "18"), "X-Timestamp: 1764150000.000456|X-Sequence: 18|"),
        (insert(stamped(on()), "x-sequence", "#18"), "X-Sequence: #18|X-Timestamp: 1764150000.000456|"),
        (stamped(insert(on(), "x-timestamp", "12.5")), "X-Timestamp: 1764150000.000456|X-Sequence: 17|"),
        (stamped(insert(on(), "x-sequence", "#18")), "X-Timestamp: 1764150000.000456|X-Sequence: 17|"),
        (insert(insert(on(), "x-timestamp", "12.5"), "x-timestamp", "1764150000"), "X-Timestamp: 1764150000.000000|"),
        // Before 2000, as on a machine without a clock: the reader takes the time of arrival.
        (on().captured_at(UNIX_EPOCH + Duration::from_secs(60)), ""),
        (on().captured_at(UNIX_EPOCH - Duration::from_secs(60)), ""),
    ] {
        let encoded = Encoder::new(B, Wire::Machine).encode(&part).unwrap().to_bytes();
        let head = format!(
            "Content-Type: text/plain; charset=utf-8\r\n{}Content-Length: 2\r\n\r\non",
            lines.replace('|', "\r\n")
        );
        assert!(encoded.starts_with(head.as_bytes()), "{lines}: {encoded:?}");
    }
}

/// ffmpeg, GStreamer and multipart-stream limit a header block.
#[test]
fn time_and_number_are_left_out_where_a_block_has_no_room() {
    let insert = |part: &mut Part, name: String, len: usize| {
        part.insert_header(name.parse().unwrap(), "v".repeat(len).parse().unwrap())
    };
    // With a boundary of 40 bytes, which the limits reckon with.
    let boundary = Boundary::from_static("ThisRandomString000000000000000000000000");
    let encoder = Encoder::new(boundary, Wire::Machine);
    let mut seen = [0; 4];
    for len in 1..=120 {
        for count in 0..=13 {
            let mut part = stamped(Part::text("x").unwrap());
            (0..count).for_each(|nth| drop(insert(&mut part, format!("x{nth}"), len)));
            let encoded = encoder.encode(&part).unwrap();
            let first = [encoder.opening(&encoded), encoded.to_bytes()].concat();
            let block = &first[..memchr::memmem::find(&first, b"\r\n\r\n").unwrap() + 4];
            assert!(block.len() < 256, "{}", block.escape_ascii());
            let lines = String::from_utf8(block.to_vec()).unwrap().lines().filter(|line| line.contains(": ")).count();
            assert!(lines <= 15, "{}", block.escape_ascii());
            let [time, number] = [&b"\r\nX-Timestamp: 1764150000.000456\r\n"[..], b"\r\nX-Sequence: 17\r\n"]
                .map(|line| memchr::memmem::find(block, line).is_some());
            seen[usize::from(time) * 2 + usize::from(number)] += 1;
            // The fields of the caller come first.
            assert_eq!(lines, 2 + part.headers().len() + usize::from(time) + usize::from(number));
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

/// WebKitGTK buffers the first 512 bytes of a response.
#[test]
fn tiny_first_body_is_padded_on_the_browser_wire() {
    let encoder = Encoder::new(B, Wire::Browser);
    let tiny = encoder.encode(&Part::new("image/x-a".parse().unwrap(), "tiny..").unwrap()).unwrap();
    let opening = String::from_utf8(encoder.opening(&tiny).to_vec()).unwrap();
    let line = format!("X-Padding: {}\r\n", ".".repeat(111));
    assert_eq!(opening, format!("--ThisRandomString\r\nContent-Type: image/x-a\r\n{}\r\n", line.repeat(5)));
    assert!(opening.len() > 600);
    for line in opening.lines() {
        assert!(line.len() <= 127);
    }
    let machine = Encoder::new(B, Wire::Machine);
    let tiny = machine.encode(&Part::text("x").unwrap()).unwrap();
    assert_eq!(machine.opening(&tiny), "--ThisRandomString\r\n");
}

#[test]
fn empty_stream_is_a_close_delimiter() {
    for wire in WIRES {
        assert_eq!(body(wire, &[]), "--ThisRandomString--\\r\\n\n");
    }
}

/// Netscape, "An Exploration of Dynamic Documents" (1995), with later changes and their reasons: the line end of the
/// delimiter, no blank line in front of it (aiohttp), Title-Case (motionEye), a length (go2rtc), and a repeat of the
/// last part at the close (its header line has already been sent, so that the part is finished at once).
#[test]
fn netscape_example_of_1995() {
    let parts = ["Data for the first object.", "Data for the second and last object."]
        .map(|data| Part::new(mime::TEXT_PLAIN, data).unwrap());
    let expected = r"--ThisRandomString\r\n
Content-Type: text/plain\r\n
Content-Length: 26\r\n
\r\n
Data for the first object.\r\n
--ThisRandomString\r\n
|Content-Type: text/plain\r\n
Content-Length: 36\r\n
\r\n
Data for the second and last object.\r\n
--ThisRandomString\r\n
|Content-Type: text/plain\r\n
Content-Length: 36\r\n
\r\n
Data for the second and last object.\r\n
--ThisRandomString--\r\n
";
    assert_eq!(body(Wire::Machine, &parts), expected);
    assert_eq!(Wire::Machine.content_type(&B), "multipart/x-mixed-replace; boundary=ThisRandomString");
}

#[test]
fn rejects_part_that_a_reader_would_split() {
    let hold = |body: &str, boundary: &'static str, wire| {
        Encoder::new(Boundary::from_static(boundary), wire).encode(&Part::text(body.to_owned()).unwrap()).is_err()
    };
    for wire in [Wire::Browser, Wire::Machine] {
        assert!(hold("in a line: ThisRandomString.", "ThisRandomString", wire), "{wire:?}");
        assert!(!hold("ThisRandomStrin", "ThisRandomString", wire), "{wire:?}");
    }
    for body in ["--graphql", "a\r\n--graphql", "a\n--graphqlx"] {
        assert!(hold(body, "graphql", Wire::Script), "{body:?}");
    }
    for body in ["a --graphql", "graphql", "\r\n-graphql"] {
        assert!(!hold(body, "graphql", Wire::Script), "{body:?}");
    }
    let mut named = Part::text("x").unwrap();
    named.insert_header("x-user".parse().unwrap(), "ThisRandomString".parse().unwrap()).unwrap();
    let error = Encoder::new(B, Wire::Machine).encode(&named).unwrap_err();
    assert_eq!(error.to_string(), "the part holds the boundary \"ThisRandomString\"");
    // The browser wire sends no length.
    let counted = Part::text("x".repeat(31_415)).unwrap();
    let digits = Boundary::from_static("31415");
    assert!(Encoder::new(digits.clone(), Wire::Browser).encode(&counted).is_ok());
    assert!(Encoder::new(digits, Wire::Machine).encode(&counted).is_err());
}

#[test]
fn shares_large_bodies_and_sends_no_small_chunk() {
    let payload: Vec<u8> = (0..200_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    for (wire, len) in [(Wire::Browser, 65_537), (Wire::Machine, 200_000), (Wire::Script, 70_000)] {
        let part = Part::new(mime::APPLICATION_OCTET_STREAM, payload[..len].to_vec()).unwrap();
        let encoded = Encoder::new(B, wire).encode(&part).unwrap();
        let chunks: Vec<_> = encoded.chunks().collect();
        assert_eq!(chunks.len(), 3, "{wire:?}");
        assert!(chunks.iter().all(|chunk| chunk.len() >= 256), "{wire:?}");
        assert_eq!(chunks[1].as_ptr(), part.body()[256..].as_ptr(), "{wire:?}: the payload is not copied");
        assert_eq!(chunks.concat(), encoded.to_bytes(), "{wire:?}");
        assert_eq!(encoded.to_bytes().len(), encoded.len(), "{wire:?}");
    }
    let small = Part::new(mime::APPLICATION_OCTET_STREAM, payload[..65_536].to_vec()).unwrap();
    assert_eq!(Encoder::new(B, Wire::Machine).encode(&small).unwrap().chunks().count(), 1);
}

#[test]
fn writes_length_in_plain_digits() {
    let encoder = Encoder::new(B, Wire::Machine);
    for len in [1, 9, 10, 11, 99, 100, 101, 999, 1000, 1001, 9999, 10_000, 65_536, 65_537, 100_000, 1_234_567] {
        let encoded = encoder.encode(&Part::new(mime::TEXT_CSS, vec![b'x'; len]).unwrap()).unwrap();
        let head = format!("Content-Type: text/css\r\nContent-Length: {len}\r\n\r\nxxx\r\n");
        assert_eq!(encoded.to_bytes().slice(..head.len() - 5), head.as_bytes()[..head.len() - 5], "{len}");
        let chunks: Vec<_> = encoded.chunks().collect();
        assert_eq!(chunks.concat(), encoded.to_bytes(), "{len}");
    }
}

/// The maximum number of headers of a part, and the longest boundary.
#[test]
fn long_frame_is_not_truncated() {
    let long = Boundary::from_static("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    let mut part = Part::new(format!("text/x; a={}", "y".repeat(90)).parse().unwrap(), vec![b'x'; 70_000]).unwrap();
    part.insert_header("x-a".parse().unwrap(), "v".repeat(50).parse().unwrap()).unwrap();
    for wire in WIRES {
        let encoded = Encoder::new(long.clone(), wire).encode(&part).unwrap();
        let chunks: Vec<_> = encoded.chunks().collect();
        assert_eq!(chunks.len(), 3, "{wire:?}");
        assert_eq!(chunks.concat(), encoded.to_bytes(), "{wire:?}");
        assert_eq!(encoded.to_bytes().len(), encoded.len(), "{wire:?}");
    }
}
