//! Parts over a blocking [`io::Write`](std::io::Write), for CGI programs, plain threads, files and tests.
//!
//! Needs neither a runtime nor another thread. [`Writer`](crate::Writer) serves one client with parts that the caller has. A thread that
//! serves a viewer of a [`Hub`](crate::Hub) does not need it: it writes the chunks of a
//! [`Subscriber`](crate::Subscriber), with any executor's `block_on`.
//!
//! # Examples
//!
//! ```
//! use mixed_replace::{Part, Wire, Writer};
//!
//! let mut writer = Writer::new(Vec::new(), Wire::Machine);
//! writer.write(&Part::text("12:00")?)?;
//! assert!(writer.finish()?.ends_with(b"--\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod writer;

pub use self::writer::{Head, WriteError};
