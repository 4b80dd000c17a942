//! Checks any bytes as an image of each type. Asserts that the check does not panic, and depends only on the header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mixed_replace::picture::{self, InvalidPicture};

fuzz_target!(|data: &[u8]| {
    let sniffed = picture::sniff(data);
    for content_type in ["image/jpeg", "image/png", "image/apng", "image/gif", "image/webp", "image/avif"] {
        let content_type = content_type.parse().expect("a valid type");
        let checked = picture::check(&content_type, data);
        if let Err(error) = &checked {
            assert!(error.to_string().starts_with(&format!("invalid {content_type} ")));
        }
        // Bytes after the header do not change the result, except in WebP, which contains a length.
        if sniffed.is_some() && content_type.subtype() != "webp" {
            let longer = picture::check(&content_type, &[data, &[0; 16]].concat());
            match checked {
                Err(InvalidPicture::Truncated { .. }) => {}
                checked => assert_eq!(checked.is_ok(), longer.is_ok()),
            }
        }
    }
});
