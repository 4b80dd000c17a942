//! The encoder of the wire format (RFC 2046 §5.1.1).
//!
//! ```text
//! body  = opening *part closing
//! ```
//!
//! ```text
//! HTTP/1.1 200 OK
//! Content-Type: multipart/x-mixed-replace; boundary=7kKzXq0M3vTqRz5c1LwYpA
//!
//! --7kKzXq0M3vTqRz5c1LwYpA
//! Content-Type: image/jpeg
//! Content-Length: 31415
//!
//! ... first picture ...
//! --7kKzXq0M3vTqRz5c1LwYpA
//! Content-Type: image/jpeg
//! Content-Length: 31407
//!
//! ... second picture, in place of the first ...
//! --7kKzXq0M3vTqRz5c1LwYpA--
//! ```
//!
//! The bytes of a part end with as much of the next part's framing as the [`Wire`](crate::Wire) can send in
//! advance. They do not depend on the client or on the previous part, so a part is encoded once and
//! sent to many.
//!
//! # Examples
//!
//! ```
//! use mixed_replace::{Boundary, Encoder, Part, Wire};
//!
//! let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Script);
//! let part = encoder.encode(&Part::text("12:00")?)?;
//! assert_eq!(
//!     [encoder.opening(&part), part.to_bytes(), encoder.closing(Some(&part)).to_bytes()].concat(),
//!     b"--ThisRandomString\r\n\
//!       Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\n12:00\r\n\
//!       --ThisRandomString--\r\n"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod content_type;
pub(crate) mod encoder;
mod error;
mod framing;
mod part;
mod search;

pub(crate) use self::encoder::Encoder;
pub(crate) use self::framing::title_case;

pub use self::content_type::InvalidContentType;
pub use self::error::EncodeError;
pub use self::part::EncodedPart;
