//! The reading side of the wire grammar (RFC 2046 §5.1.1), as cameras and other servers really send it.
//!
//! [`Decoder`] turns bytes into parts without input or output. [`Parts`] runs it over any stream of
//! [`Bytes`](bytes::Bytes), [`Reader`] over any blocking reader.
//!
//! # Examples
//!
//! ```
//! use mixed_replace::decode;
//!
//! let body = &b"--x\r\nContent-Type: text/plain\r\n\r\n12:00\r\n--x--"[..];
//! for part in decode::Reader::new(body) {
//!     assert_eq!(part?.body(), "12:00");
//! }
//! # Ok::<(), decode::ReadError>(())
//! ```

mod announced;
mod any;
mod body;
pub(crate) mod decoder;
mod delimiter;
mod ending;
mod error;
mod head;
mod json;
mod limits;
mod parts;
mod passed;
mod reader;
mod scan;
mod sender_clock;
mod state;

#[cfg(any(feature = "client", feature = "process"))]
pub(crate) use self::any::AnyParts;
pub(crate) use self::any::Prefixed;
pub(crate) use self::decoder::Decoder;
pub(crate) use self::passed::{NotPassed, passed};
pub(crate) use self::sender_clock::SenderClock;

pub use self::any::ReadError;
pub use self::error::DecodeError;
pub use self::limits::Limits;
pub use self::parts::{Parts, PartsError};
pub use self::reader::Reader;
