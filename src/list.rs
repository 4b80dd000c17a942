//! A first-in, first-out list.

use std::collections::VecDeque;

/// A first-in, first-out list. A single item, the usual case, needs no allocation.
#[derive(Debug)]
pub(crate) struct List<T> {
    first: Option<T>,
    more: VecDeque<T>,
}

impl<T> List<T> {
    pub(crate) fn push(&mut self, item: T) {
        match self.first {
            None => self.first = Some(item),
            Some(_) => self.more.push_back(item),
        }
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let first = self.first.take()?;
        self.first = self.more.pop_front();
        Some(first)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn reserve(&mut self, additional: usize) {
        self.more.reserve(additional);
    }

    /// Frees unused memory.
    pub(crate) fn shrink(&mut self) {
        // Few lists have ever held a second item.
        if self.more.capacity() > 0 {
            self.more.shrink_to_fit();
        }
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { first: None, more: VecDeque::new() }
    }
}

impl<T> Extend<T> for List<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}
