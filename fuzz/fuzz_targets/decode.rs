//! Decodes a body after a line with its `Content-Type`. Asserts the same result for any chunks, and that every part except a
//! damaged image can be encoded and decoded again.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use mixed_replace::decode::{DecodeError, Limits};
use mixed_replace::{Decoder, Encoder, Part, Wire};

type Decoded = (Vec<Part>, u64, Result<(), DecodeError>);

fn decode(mut decoder: Decoder, body: &[u8], chunk: usize) -> Decoded {
    let mut buffer = BytesMut::new();
    let mut parts = Vec::new();
    let mut chunks = body.chunks(chunk);
    loop {
        let chunk = chunks.next();
        buffer.extend_from_slice(chunk.unwrap_or_default());
        loop {
            let part = match chunk {
                Some(_) => decoder.decode(&mut buffer),
                None => decoder.decode_eof(&mut buffer),
            };
            match part {
                Ok(Some(part)) => parts.push(part),
                Ok(None) if chunk.is_none() => return (parts, decoder.skipped(), Ok(())),
                Ok(None) => break,
                Err(error) => return (parts, decoder.skipped(), Err(error)),
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let line = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (content_type, body) = data.split_at(line);
    let body = body.get(1..).unwrap_or_default();
    let low = Limits::new()
        .max_boundary_bytes(20)
        .max_header_bytes(200)
        .max_headers(5)
        .max_junk_bytes(100)
        .max_line_bytes(90)
        .max_part_bytes(300);
    for limits in [Limits::new(), low] {
        let decoder = Decoder::for_content_type(content_type).limits(limits);
        let expected = decode(decoder.clone(), body, body.len().max(1));
        for chunk in [1, 3, 1 + data.len() % 64] {
            assert_eq!(decode(decoder.clone(), body, chunk), expected, "in chunks of {chunk}");
        }
        assert!(expected.0.iter().map(|part| part.body().len()).sum::<usize>() <= body.len());
        for part in expected.0 {
            let encoder = Encoder::random(Wire::Script);
            let Ok(encoded) = encoder.encode(&part) else {
                assert!(part.check_picture().is_err(), "only a damaged image cannot be encoded");
                continue;
            };
            let bytes =
                [encoder.opening(&encoded), encoded.to_bytes(), encoder.closing(Some(&encoded)).to_bytes()].concat();
            let (again, skipped, end) = decode(Decoder::new(encoder.boundary()), &bytes, bytes.len());
            assert_eq!((again.len(), skipped, end), (1, 0, Ok(())));
            assert_eq!((again[0].content_type(), again[0].body()), (part.content_type(), part.body()));
            for name in again[0].headers().keys() {
                assert!(part.headers().contains_key(name), "{name} was not received");
            }
        }
    }
});
