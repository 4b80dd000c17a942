//! Loom models of a server whose threads release chunks while a body waits for that.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::{model, thread};

use super::Queue;
use crate::body::keep_alive::KeepAlive;
use crate::body::stream::MixedReplace;
use crate::encode::Encoder;
use crate::part::Part;
use crate::wire::Wire;

#[test]
fn release_of_last_chunk_wakes_waiting_task() {
    model(|| {
        let mut queue = Queue::new(Encoder::random(Wire::Script));
        let held = Arc::new(AtomicUsize::new(2));
        let threads = ["1", "2"].map(|text| {
            queue.send(&Part::text(text).unwrap()).unwrap();
            let (chunk, held) = (queue.next_chunk().unwrap(), Arc::clone(&held));
            thread::spawn(move || {
                held.fetch_sub(1, Ordering::SeqCst);
                drop(chunk);
            })
        });
        block_on(poll_fn(|cx| queue.poll_released(cx)));
        assert_eq!(held.load(Ordering::SeqCst), 0, "ready before the last release");
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn body_fails_after_release_of_last_part() {
    model(|| {
        let parts = stream::iter([Ok(Part::text("1").unwrap()), Err("no camera")]);
        let body = MixedReplace::new(parts, Wire::Machine).keep_alive(KeepAlive::new(stream::pending()));
        let mut body = pin!(body.into_stream());
        let chunk = block_on(body.next()).unwrap().unwrap();
        let held = Arc::new(AtomicUsize::new(1));
        let writer = {
            let held = Arc::clone(&held);
            thread::spawn(move || {
                held.store(0, Ordering::SeqCst);
                drop(chunk);
            })
        };
        assert_eq!(block_on(body.next()), Some(Err("no camera")));
        assert_eq!(held.load(Ordering::SeqCst), 0, "failed before the release");
        writer.join().unwrap();
    });
}
