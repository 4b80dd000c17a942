//! Splits any bytes into pictures. Asserts the same result for any chunks.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use mixed_replace::jpeg::{Splitter, is_complete, with_huffman_tables};

/// The pictures, and the numbers of skipped bytes and of broken pictures.
type Split = (Vec<Bytes>, u64, u64);

fn split(mut splitter: Splitter, bytes: &[u8], chunk: usize) -> Split {
    let (mut buffer, mut pictures, mut errors) = (BytesMut::new(), Vec::new(), 0);
    let mut chunks = bytes.chunks(chunk);
    loop {
        let chunk = chunks.next();
        buffer.extend_from_slice(chunk.unwrap_or_default());
        loop {
            let picture = match chunk {
                Some(_) => splitter.split(&mut buffer),
                None => splitter.split_eof(&mut buffer),
            };
            match picture {
                Ok(Some(picture)) => pictures.push(picture),
                Ok(None) if chunk.is_none() => return (pictures, splitter.skipped(), splitter.broken()),
                Ok(None) => break,
                Err(_) => errors += 1,
            }
            assert!(errors <= bytes.len() + 1, "the splitter continues after an error");
        }
    }
}

fuzz_target!(|data: &[u8]| {
    for splitter in [Splitter::new(), Splitter::new().max_picture_bytes(40).max_junk_bytes(20)] {
        let expected = split(splitter.clone(), data, data.len().max(1));
        for chunk in [1, 2, 7, 1 + data.len() % 64] {
            assert_eq!(split(splitter.clone(), data, chunk), expected, "in chunks of {chunk}");
        }
        // The splitter appends a missing EOI.
        let sent: u64 = expected.0.iter().map(|picture| picture.len() as u64 - EOI_LEN).sum();
        assert!(sent + expected.1 <= data.len() as u64);
        for picture in expected.0 {
            assert!(is_complete(&picture));
            assert!(is_complete(&with_huffman_tables(picture)));
        }
    }
});

const EOI_LEN: u64 = 2;
