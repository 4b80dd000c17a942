//! Encodes any parts and heartbeats on any wire and for any content type. Asserts that decoding returns them, for any chunks.
#![no_main]

use arbitrary::Arbitrary;
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use mixed_replace::{Decoder, Encoder, Part, Wire, Writer};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    kind: Kind<'a>,
    heartbeat: Option<Body<'a>>,
    chunk: u8,
    steps: Vec<Step<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Kind<'a> {
    /// Subtype, boundary, further parameters.
    ContentType(&'a str, &'a str, &'a str),
    Fixed(u8, &'a str),
    Random(u8),
}

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Repeat,
    Write(Body<'a>),
}

type Body<'a> = (u8, &'a [u8]);

fn encoder(kind: &Kind<'_>) -> Option<Encoder> {
    let wire = |wire: u8| [Wire::Browser, Wire::Machine, Wire::Script][usize::from(wire % 3)];
    match *kind {
        Kind::ContentType(subtype, boundary, more) => {
            Encoder::for_content_type(format!("multipart/{subtype};boundary=\"{boundary}\"{more}")).ok()
        }
        Kind::Fixed(number, boundary) => {
            let fixed = Encoder::for_content_type(format!("multipart/mixed;boundary=\"{boundary}\"")).ok()?;
            Some(Encoder::new(fixed.boundary().clone(), wire(number)))
        }
        Kind::Random(number) => Some(Encoder::random(wire(number))),
    }
}

fn part((kind, body): &Body<'_>) -> Option<Part> {
    match kind % 4 {
        0 => Part::new(mime::APPLICATION_OCTET_STREAM, body.to_vec()),
        1 => Part::text(body.to_vec()),
        2 => Part::jpeg([JPEG, *body].concat()),
        _ => Part::jpeg([JPEG, *body, b"\xff\xd9"].concat()),
    }
    .ok()
}

/// A complete picture.
const JPEG: &[u8] = include_bytes!("../../src/picture/dot.jpg");

fuzz_target!(|input: Input<'_>| {
    let Some(mut encoder) = encoder(&input.kind) else { return };
    let mut heartbeat = input.heartbeat.as_ref().and_then(part);
    if let Some(part) = &heartbeat {
        match encoder.clone().heartbeat(part) {
            Ok(with) => encoder = with,
            Err(_) => heartbeat = None,
        }
    }
    let wire = encoder.wire();
    let content_type = encoder.content_type();
    // Events are not repeated.
    let has_events = !matches!(&input.kind, Kind::Random(_) | Kind::Fixed(..))
        && !content_type.as_bytes().to_ascii_lowercase().starts_with(b"multipart/x-mixed-replace;");
    assert_eq!(Decoder::for_content_type(&content_type).boundary(), Some(encoder.boundary().as_str()));
    let mut writer = Writer::with_encoder(Vec::new(), encoder);
    let mut expected: Vec<Part> = Vec::new();
    for step in &input.steps {
        let last = expected.last().cloned();
        match step {
            Step::Repeat => {
                writer.repeat().expect("writing to a Vec cannot fail");
                expected.extend(heartbeat.clone().filter(|_| wire == Wire::Script).or(last.filter(|_| !has_events)));
            }
            Step::Write(body) => {
                let Some(part) = part(body) else { continue };
                if writer.write(&part).is_err() {
                    continue;
                }
                // The open header block declares another type, so the encoder repeats the last part in it.
                let repeated = last.filter(|last| wire == Wire::Browser && last.content_type() != part.content_type());
                expected.extend(repeated.into_iter().chain([part]));
            }
        }
    }
    let bytes = writer.finish().expect("writing to a Vec cannot fail");
    if wire != Wire::Script {
        // The close repeats the last part, because its header block is open already.
        expected.extend(expected.last().cloned());
    }

    if wire == Wire::Browser {
        // Without a length, a picture ends at its EOI, and bytes after that are skipped.
        for part in expected.iter_mut().filter(|part| part.content_type() == &mime::IMAGE_JPEG) {
            *part = Part::jpeg(JPEG).expect("a picture");
        }
    }
    for chunk in [1, 1 + usize::from(input.chunk), bytes.len().max(1)] {
        let mut decoder = Decoder::for_content_type(&content_type);
        let mut buffer = BytesMut::new();
        let mut parts = Vec::new();
        for chunk in bytes.chunks(chunk) {
            buffer.extend_from_slice(chunk);
            while let Some(part) = decoder.decode(&mut buffer).expect("the stream is well-formed") {
                parts.push(part);
            }
        }
        assert_eq!(decoder.decode_eof(&mut buffer), Ok(None));
        assert_eq!(parts, expected, "in chunks of {chunk}");
    }
});
