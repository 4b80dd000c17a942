//! Errors of a set of hubs.

use std::error::Error;
use std::fmt;

use super::builder::BoxError;
use crate::derive::error_messages;

/// The error of a [source](super::Builder::source) that does not know a name.
///
/// # Examples
///
/// ```
/// use mixed_replace::hubs::Unknown;
/// use mixed_replace::Hubs;
///
/// let cameras = Hubs::builder().source(|_name, _publisher| Err(Unknown.into())).build();
/// assert!(cameras.open("attic").is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unknown;

error_messages! { Unknown { Self => "no hub has this name"; } }

/// The reason why a string is no name of a hub.
///
/// # Examples
///
/// ```
/// use mixed_replace::hubs::{InsertError, InvalidName};
/// use mixed_replace::{Hubs, hub};
///
/// let (_publisher, hub) = hub::channel();
/// let error = Hubs::new().insert("yard/gate", hub).unwrap_err();
/// assert_eq!(error, InsertError::InvalidName(InvalidName::Char('/')));
/// ```
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

error_messages! { InvalidName {
    Self::Char(char) => "invalid name: contains {char:?}";
    Self::Dots => "invalid name: is only dots";
    Self::Empty => "invalid name: is empty";
    Self::Encoding => "invalid name: is not UTF-8 after percent-decoding";
    Self::TooLong { max_bytes } => "invalid name: is longer than {max_bytes} bytes, percent-encoded";
} }

/// The error of [`Hubs::insert`](super::Hubs::insert).
///
/// # Examples
///
/// ```
/// use mixed_replace::hubs::InsertError;
/// use mixed_replace::{Hubs, hub};
///
/// let cameras = Hubs::builder().max(1).build();
/// cameras.insert("yard", hub::channel().1)?;
/// assert!(matches!(cameras.insert("gate", hub::channel().1), Err(InsertError::Full { .. })));
/// # Ok::<(), InsertError>(())
/// ```
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

error_messages! { InsertError {
    Self::Closed => "the hubs are closed";
    Self::Full { max } => "too many hubs, at most {max} are allowed";
    Self::InvalidName(error) => "{error}";
} }

impl From<InvalidName> for InsertError {
    fn from(error: InvalidName) -> Self {
        Self::InvalidName(error)
    }
}

/// The error of [`Hubs::open`](super::Hubs::open).
///
/// # Examples
///
/// ```
/// use mixed_replace::Hubs;
/// use mixed_replace::hubs::OpenError;
///
/// assert!(matches!(Hubs::new().open(".."), Err(OpenError::InvalidName(_))));
/// ```
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
            Self::Closed => InsertError::Closed.fmt(f),
            Self::Full { max } => InsertError::Full { max: *max }.fmt(f),
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
