//! `http_body::Body`: hyper, and every stack on it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame};

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
