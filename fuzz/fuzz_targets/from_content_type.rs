//! Any `Content-Type`: a boundary that is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mixed_replace::{Boundary, Decoder, Wire};

fuzz_target!(|data: &[u8]| {
    let decoder = Decoder::for_content_type(data);
    let Ok(boundary) = Boundary::from_content_type(data) else { return };
    assert_eq!(decoder.boundary(), Some(&boundary));
    assert!((1..=200).contains(&boundary.as_str().len()));
    assert!(boundary.as_str().bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    let written = Wire::Machine.content_type(&boundary);
    assert_eq!(Boundary::from_content_type(&written), Ok(boundary), "{written:?}");
});
