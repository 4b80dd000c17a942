//! Errors of a set of hubs.

use std::error::Error;
use std::fmt;

use super::builder::BoxError;

/// The error of a [source](super::Builder::source) that does not know a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unknown;

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no hub has this name")
    }
}

impl Error for Unknown {}

/// The reason why a string is no name of a hub.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InvalidName {
    /// It holds `/` or a control character.
    Char(char),
    /// It is `.` or `..`, which clients resolve.
    Dots,
    /// It is empty.
    Empty,
    /// It is not UTF-8 after percent-decoding.
    Encoding,
    /// It is too long, percent-encoded.
    #[non_exhaustive]
    TooLong {
        /// The limit in bytes, of which a letter or digit of ASCII takes one and any other byte three.
        max_bytes: usize,
    },
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(char) => write!(f, "invalid name: contains {char:?}"),
            Self::Dots => f.write_str("invalid name: is only dots"),
            Self::Empty => f.write_str("invalid name: is empty"),
            Self::Encoding => f.write_str("invalid name: is not UTF-8 after percent-decoding"),
            Self::TooLong { max_bytes } => write!(f, "invalid name: is longer than {max_bytes} bytes, percent-encoded"),
        }
    }
}

impl Error for InvalidName {}

/// The error of [`Hubs::insert`](super::Hubs::insert).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InsertError {
    /// The set was closed.
    Closed,
    /// There are as many hubs as are allowed.
    #[non_exhaustive]
    Full {
        /// The limit of hubs.
        max: usize,
    },
    /// No path segment can be this name.
    InvalidName(InvalidName),
}

impl fmt::Display for InsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str(CLOSED),
            Self::Full { max } => full(*max, f),
            Self::InvalidName(error) => error.fmt(f),
        }
    }
}

impl Error for InsertError {}

impl From<InvalidName> for InsertError {
    fn from(error: InvalidName) -> Self {
        Self::InvalidName(error)
    }
}

/// The error of [`Hubs::open`](super::Hubs::open).
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The set was closed.
    Closed,
    /// There are as many hubs as are allowed.
    #[non_exhaustive]
    Full {
        /// The limit of hubs.
        max: usize,
    },
    /// No path segment can be this name.
    InvalidName(InvalidName),
    /// The source failed.
    Source(Box<dyn Error + Send + Sync>),
    /// There is no such hub, and no source that knows the name.
    Unknown,
}

impl OpenError {
    pub(super) fn from_source(error: BoxError) -> Self {
        if error.is::<Unknown>() { Self::Unknown } else { Self::Source(error) }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str(CLOSED),
            Self::Full { max } => full(*max, f),
            Self::InvalidName(error) => error.fmt(f),
            Self::Source(_) => f.write_str("the source cannot be started"),
            Self::Unknown => Unknown.fmt(f),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Source(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<InvalidName> for OpenError {
    fn from(error: InvalidName) -> Self {
        Self::InvalidName(error)
    }
}

fn full(max: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "too many hubs, at most {max} are allowed")
}

const CLOSED: &str = "the hubs are closed";
