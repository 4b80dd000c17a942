//! `http_body::Body`: hyper, and every stack on it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame};

use crate::hub::Subscriber;
use crate::part::Part;
use crate::stream::MixedReplace;

impl<S, E> Body for MixedReplace<S>
where
    S: Stream<Item = Result<Part, E>>,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        self.poll_next(cx).map_ok(Frame::data)
    }
}

/// Offers the next part when the last one has been written: see [`Subscriber`].
impl Body for Subscriber {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_chunk(true, cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
