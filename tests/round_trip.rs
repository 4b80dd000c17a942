//! The decoder reads the encoder's output back, on every wire and at every chunking.

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue};
use mixed_replace::{Boundary, Decoder, Encoder, Part, Wire, Writer};
use test_support::WIRES;

/// Each wire, and the script wire under other content types.
fn encoders(boundary: &Boundary) -> Vec<Encoder> {
    let own = [
        format!("multipart/mixed;boundary=\"{boundary}\";subscriptionSpec=1.0"),
        format!("multipart/related; type=\"a;boundary=b\"; boundary=\"{boundary}\""),
        format!("multipart/x-mixed-replace;boundary=\"{boundary}\""),
    ];
    let own = own.map(|content_type| Encoder::for_content_type(content_type).expect("well-formed"));
    WIRES.map(|wire| Encoder::new(boundary.clone(), wire)).into_iter().chain(own).collect()
}

/// Returns all bytes of a response, and the parts that a reader of this wire gets from them.
fn encode(encoder: &Encoder, parts: &[Part]) -> (Vec<u8>, Vec<Part>) {
    let (mut bytes, mut expected) = (Vec::new(), Vec::new());
    let mut last: Option<(_, &Part)> = None;
    for part in parts {
        let encoded = encoder.encode(part).expect("no boundary in the part");
        match &last {
            None => bytes.extend(encoder.opening(&encoded)),
            Some((last, part)) => {
                if let Some(bridge) = encoder.bridge(last, &encoded) {
                    bytes.extend(bridge.to_bytes());
                    expected.push(as_read(encoder, part));
                }
            }
        }
        bytes.extend(encoded.to_bytes());
        expected.push(as_read(encoder, part));
        last = Some((encoded, part));
    }
    bytes.extend(encoder.closing(last.as_ref().map(|(encoded, _)| encoded)).to_bytes());
    if encoder.wire() != Wire::Script {
        // The last part is repeated because its header line has already been sent.
        expected.extend(last.map(|(_, part)| as_read(encoder, part)));
    }
    (bytes, expected)
}

/// The browser wire carries neither headers nor a length, so pictures must be self-terminating.
fn as_read(encoder: &Encoder, part: &Part) -> Part {
    match encoder.wire() {
        Wire::Browser if part.content_type() == &mime::IMAGE_JPEG => Part::jpeg(JPEG).expect("a picture"),
        Wire::Browser => Part::new(part.content_type().clone(), part.body().clone()).expect("a valid part"),
        _ => part.clone(),
    }
}

#[track_caller]
fn check(encoder: &Encoder, bytes: &[u8], expected: &[Part], size: usize) {
    let mut decoder = Decoder::for_content_type(encoder.content_type());
    let mut buffer = BytesMut::new();
    let mut parts = Vec::new();
    for chunk in bytes.chunks(size) {
        buffer.extend_from_slice(chunk);
        while let Some(part) = decoder.decode(&mut buffer).expect("a well-formed stream") {
            parts.push(part);
        }
    }
    let message = || format!("{:?} {} in chunks of {size}", encoder.wire(), encoder.boundary());
    assert_eq!(decoder.decode_eof(&mut buffer), Ok(None), "{}", message());
    assert_eq!(decoder.skipped(), 0, "{}", message());
    assert!(parts == expected, "{}: {} of {} parts", message(), parts.len(), expected.len());
}

#[test]
fn awkward_bodies_round_trip() {
    let mut bodies: Vec<&[u8]> = vec![
        b"x",
        b"\r\n",
        b"\n",
        b"\r",
        b"-",
        b"--",
        b"\r\n--",
        b"a\r\n--\r\n",
        b"\r\n\r\n",
        b"ends in CR\r",
        b"ends in LF\n",
        b"ends in CRLF\r\n",
        b"ends in dashes--",
        b"\r\n--Thi",
        b"\r\n--ThisRandomStrin",
        b"\n----ThisRandomStrin\r\n",
        b"--ThisRandomStrin",
        b"Content-Type: image/jpeg\r\n\r\n",
        b"\0",
        b"\xff\xd9",
        b"\xff\xd9--",
        b"{}",
        b"--ThisRandomStrinContent-Type: a\r\n",
    ];
    bodies.sort_unstable();
    let parts: Vec<_> = bodies
        .into_iter()
        .flat_map(|body| {
            let jpeg = [JPEG, body, b"\xff\xd9"].concat();
            [Part::new(mime::APPLICATION_OCTET_STREAM, body).unwrap(), Part::jpeg(jpeg).unwrap()]
        })
        .collect();
    for encoder in encoders(&Boundary::from_static("ThisRandomString")) {
        let (bytes, expected) = encode(&encoder, &parts);
        for size in (1..80).chain([1000, bytes.len()]) {
            check(&encoder, &bytes, &expected, size);
        }
        for part in &parts {
            let (bytes, expected) = encode(&encoder, std::slice::from_ref(part));
            for size in (1..40).chain([bytes.len()]) {
                check(&encoder, &bytes, &expected, size);
            }
        }
    }
}

#[test]
fn headers_round_trip() {
    // Two headers with one name, which only a decoded part can have.
    let sent = "--x\r\nContent-Type: application/json\r\nX-Timestamp: 12.5\r\nX-Timestamp: 13\r\n\r\n{}\r\n--x--";
    let mut part = Decoder::new("x").decode(&mut BytesMut::from(sent)).unwrap().unwrap();
    part.insert_header(HeaderName::from_static("x-a"), HeaderValue::from_static("a: b")).unwrap();
    assert_eq!(part.headers().len(), 3);
    for encoder in encoders(&Boundary::from_static("graphql")) {
        let (bytes, expected) = encode(&encoder, &[part.clone(), part.clone()]);
        for size in 1..=bytes.len() {
            check(&encoder, &bytes, &expected, size);
        }
    }
}

#[test]
fn every_boundary_round_trips() {
    let longest = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    for boundary in ["-", "x--", "x-", "a b", "a=b", "'()+_,-./:=?", longest] {
        for encoder in encoders(&Boundary::from_static(boundary)) {
            let parts = [Part::text("one").unwrap(), Part::json("[]").unwrap(), Part::text("\r\nthree\r\n").unwrap()];
            let Ok(_) = parts.iter().try_for_each(|part| encoder.encode(part).map(drop)) else {
                assert!(boundary.len() < 3, "{boundary}");
                continue;
            };
            let (bytes, expected) = encode(&encoder, &parts);
            for size in 1..=bytes.len() {
                check(&encoder, &bytes, &expected, size);
            }
        }
    }
}

/// In any order, also in front of the first part and after the last.
#[test]
fn heartbeats_round_trip() {
    let heartbeat = Part::json("{}").unwrap();
    let event = |number: u32| Part::json(format!("[{number}]")).unwrap();
    for encoder in encoders(&Boundary::from_static("graphql")) {
        for steps in 0..1 << 5_u32 {
            let mut writer = Writer::with_encoder(Vec::new(), encoder.clone().heartbeat(&heartbeat).unwrap());
            let mut expected = Vec::new();
            for step in 0..5 {
                if steps & 1 << step == 0 {
                    writer.write(&event(step)).unwrap();
                    expected.push(event(step));
                } else {
                    writer.repeat().unwrap();
                    match encoder.wire() {
                        Wire::Script => expected.push(heartbeat.clone()),
                        _ => expected.extend(expected.last().cloned()),
                    }
                }
            }
            let bytes = writer.finish().unwrap();
            if encoder.wire() != Wire::Script {
                expected.extend(expected.last().cloned());
            }
            for size in [1, 2, 7, 50, bytes.len()] {
                check(&encoder, &bytes, &expected, size);
            }
        }
    }
}

#[test]
fn mebibyte_round_trips() {
    let body: Bytes =
        (0..1 << 20).map(|i: u32| [b'-', b'\r', b'\n', b'b'][(i.wrapping_mul(i) / 7 % 4) as usize]).collect();
    let jpeg = [JPEG, &body[..], b"\xff\xd9"].concat();
    let parts = [Part::new(mime::APPLICATION_OCTET_STREAM, body).unwrap(), Part::jpeg(jpeg).unwrap()];
    for wire in WIRES {
        let encoder = Encoder::random(wire);
        let (bytes, expected) = encode(&encoder, &parts);
        for size in [97, 1447, 65536, bytes.len()] {
            check(&encoder, &bytes, &expected, size);
        }
    }
}

#[test]
fn random_parts_round_trip() {
    const PIECES: &[&[u8]] = &[
        b"\r\n",
        b"\r",
        b"\n",
        b"-",
        b"--",
        b"--b",
        b"bo",
        b"b",
        b"\xff\xd9",
        b"\xff\xd8",
        b":",
        b" ",
        b"\0",
        b"Content-",
    ];
    for seed in 0..150_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = |below: u64| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            usize::try_from((state >> 33) % below).unwrap()
        };
        let parts: Vec<_> = (0..1 + random(4))
            .map(|_| {
                let body: Vec<u8> = (0..1 + random(12)).flat_map(|_| PIECES[random(14)]).copied().collect();
                match random(3) {
                    0 => Part::new(mime::APPLICATION_OCTET_STREAM, body).unwrap(),
                    1 => Part::html(body).unwrap(),
                    _ => Part::jpeg([JPEG, &body[..]].concat()).unwrap(),
                }
            })
            .collect();
        for encoder in encoders(&Boundary::from_static("bou")) {
            if parts.iter().any(|part| encoder.encode(part).is_err()) {
                continue;
            }
            let (bytes, expected) = encode(&encoder, &parts);
            for size in (1..20).chain([bytes.len()]) {
                check(&encoder, &bytes, &expected, size);
            }
        }
    }
}

/// A picture to which any bytes can be appended.
const JPEG: &[u8] = include_bytes!("../src/picture/dot.jpg");
