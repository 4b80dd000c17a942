//! The pictures in the bytes of a camera or a program.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use futures_core::Stream;

use super::Error;
use super::error::cause;
use super::open::Item;
use crate::decode::{AnyParts, DecodeError, NotPassed, ReadError, SenderClock, passed};
use crate::part::Part;

/// The items in a stream of parts: pictures, unless the sender is trusted.
pub(super) struct Received<S> {
    parts: AnyParts<S>,
    trusted: bool,
    clock: SenderClock,
    /// The number of damaged pictures that were reported.
    damaged: u64,
    /// An item that is returned after the report of damaged pictures before it.
    next: Option<Result<Item, Error>>,
}

impl<S> Received<S> {
    pub(super) fn new(parts: AnyParts<S>, trusted: bool, clock: SenderClock) -> Self {
        Self { parts, trusted, clock, damaged: 0, next: None }
    }
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Stream for Received<S> {
    type Item = Result<Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(item) = self.next.take() {
            return Poll::Ready(Some(item));
        }
        let part = Pin::new(&mut self.parts).poll_next(cx);
        let part = part.map(|part| match part {
            Some(Ok(part)) => Some(Ok(item(part, self.trusted, &mut self.clock))),
            Some(Err(error)) => Some(Err(Error::transient(match error {
                // As endless streams end.
                ReadError::Decode(DecodeError::Truncated { .. }) => return Some(Err(Error::ended())),
                ReadError::Io(error) => cause(&error),
                error => error.to_string(),
            }))),
            None => None,
        });
        let damaged = self.parts.damaged() - self.damaged;
        if damaged == 0 {
            return part;
        }
        self.damaged += damaged;
        match part {
            Poll::Ready(Some(item)) => self.next = Some(item),
            // The parts stay ended.
            Poll::Ready(None) => {}
            Poll::Pending => cx.waker().wake_by_ref(),
        }
        Poll::Ready(Some(Ok(Item::Damaged(damaged, self.parts.last_damage().cloned()))))
    }
}

/// Returns what to publish of a part that has just arrived.
pub(super) fn item(part: Part, trusted: bool, clock: &mut SenderClock) -> Item {
    match passed(part, trusted) {
        Ok(part) => Item::Part(clock.dated(part, SystemTime::now(), Instant::now())),
        Err(NotPassed::Damaged(error)) => Item::Damaged(1, Some(error)),
        Err(NotPassed::Type(content_type)) => Item::Refused(content_type),
    }
}
