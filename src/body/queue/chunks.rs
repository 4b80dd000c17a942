//! A first-in, first-out list of chunks.

use std::collections::VecDeque;

use bytes::Bytes;

/// A list of chunks. A single chunk, the usual case, needs no allocation.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    first: Option<Bytes>,
    more: VecDeque<Bytes>,
}

impl Chunks {
    pub(super) fn push(&mut self, chunk: Bytes) {
        match self.first {
            None => self.first = Some(chunk),
            Some(_) => self.more.push_back(chunk),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let first = self.first.take()?;
        self.first = self.more.pop_front();
        Some(first)
    }

    /// Frees unused memory.
    pub(super) fn shrink(&mut self) {
        self.more.shrink_to_fit();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl Extend<Bytes> for Chunks {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, chunks: I) {
        chunks.into_iter().for_each(|chunk| self.push(chunk));
    }
}
