//! Any parts, on any wire, however the network cuts them: what was encoded is decoded.
#![no_main]

use arbitrary::Arbitrary;
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use mixed_replace::{Boundary, Decoder, Encoder, Part, Wire};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    boundary: Option<&'a str>,
    wire: u8,
    chunk: u8,
    bodies: Vec<(u8, &'a [u8])>,
}

fn part((kind, body): &(u8, &[u8])) -> Option<Part> {
    match kind % 4 {
        0 => Part::new(mime::APPLICATION_OCTET_STREAM, body.to_vec()),
        1 => Part::text(body.to_vec()),
        2 => Part::jpeg([b"\xff\xd8\xff", *body].concat()),
        _ => Part::jpeg([b"\xff\xd8\xff", *body, b"\xff\xd9"].concat()),
    }
    .ok()
}

fuzz_target!(|input: Input<'_>| {
    let wire = [Wire::Browser, Wire::Machine, Wire::Script][usize::from(input.wire % 3)];
    let encoder = match input.boundary.map(Boundary::try_from) {
        Some(Ok(boundary)) => Encoder::new(boundary, wire),
        _ => Encoder::random(wire),
    };
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    let mut last = None;
    for part in input.bodies.iter().filter_map(part) {
        let Ok(encoded) = encoder.encode(&part) else { continue };
        match &last {
            None => bytes.extend(encoder.opening(&encoded)),
            Some((last, last_part)) => {
                if let Some(bridge) = encoder.bridge(last, &encoded) {
                    bytes.extend(bridge.to_bytes());
                    expected.push(Part::clone(last_part));
                }
            }
        }
        bytes.extend(encoded.to_bytes());
        expected.push(part.clone());
        last = Some((encoded, part));
    }
    bytes.extend(encoder.closing(last.as_ref().map(|(encoded, _)| encoded)).to_bytes());
    if wire != Wire::Script {
        // The last part once more, since its line is open already.
        expected.extend(last.map(|(_, part)| part));
    }

    let mut decoder = Decoder::for_content_type(encoder.content_type());
    let mut buffer = BytesMut::new();
    let mut parts = Vec::new();
    for chunk in bytes.chunks(1 + usize::from(input.chunk)) {
        buffer.extend_from_slice(chunk);
        while let Some(part) = decoder.decode(&mut buffer).expect("it is well-formed") {
            parts.push(part);
        }
    }
    assert_eq!(decoder.decode_eof(&mut buffer), Ok(None));
    assert_eq!(parts, expected);
});
