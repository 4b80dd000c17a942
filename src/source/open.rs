//! What the supervisor opens.

use std::time::Duration;

use futures_core::Stream;
use mime::Mime;

use super::Error;
use crate::part::{InvalidPart, Part};

/// A way to open a source, again and again.
pub(super) trait Open: Send + 'static {
    /// What an open source sends. Dropping it closes the source.
    type Items: Stream<Item = Result<Item, Error>> + Send + Unpin;

    /// Opens the source.
    fn open(&mut self) -> impl Future<Output = Result<Self::Items, Error>> + Send;

    /// Closes a source that is not wanted any more.
    fn close(&mut self, items: Self::Items) -> impl Future<Output = ()> + Send {
        drop(items);
        std::future::ready(())
    }

    /// Closes a source that has ended and returns the reason, which may be another than its items told.
    fn reason(&mut self, items: Self::Items, end: Error) -> impl Future<Output = Error> + Send {
        drop(items);
        std::future::ready(end)
    }

    /// Returns the time between two pictures by design, which comes on top of the timeout.
    fn period(_: &Self::Items) -> Duration {
        Duration::ZERO
    }
}

/// An item of an open source.
#[derive(Debug)]
#[cfg_attr(
    not(any(feature = "client", feature = "process")),
    expect(dead_code, reason = "a function's stream has parts only")
)]
pub(super) enum Item {
    /// Pictures that were left out because they are damaged, with the reason for the last one if it is known.
    Damaged(u64, Option<InvalidPart>),
    Part(Part),
    /// A part that was left out because it is of this type.
    Refused(Mime),
}
