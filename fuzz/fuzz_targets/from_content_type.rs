//! Parses the boundary of any `Content-Type`, and asserts that an encoder writes one that parses to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mixed_replace::{Decoder, Encoder};

fuzz_target!(|data: &[u8]| {
    let decoder = Decoder::for_content_type(data);
    if let Some(boundary) = decoder.boundary() {
        assert!((1..=200).contains(&boundary.len()));
        assert!(boundary.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    }
    let Ok(encoder) = Encoder::for_content_type(data) else { return };
    let written = encoder.boundary().as_str();
    assert!(!written.starts_with('-') || written == "-");
    assert_eq!(decoder.boundary(), Some(written));
    for wire in [mixed_replace::Wire::Browser, mixed_replace::Wire::Script] {
        let decoder = Decoder::for_content_type(wire.content_type(encoder.boundary()));
        assert_eq!(decoder.boundary(), Some(written), "{wire:?}");
    }
});
