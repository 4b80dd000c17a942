//! Every order in which a server's threads can let go of chunks while a body waits for that.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::{model, thread};

use super::Queue;
use crate::encode::Encoder;
use crate::keep_alive::KeepAlive;
use crate::part::Part;
use crate::stream::MixedReplace;
use crate::wire::Wire;

#[test]
fn the_last_chunk_let_go_of_wakes_who_waits_for_that() {
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
        assert_eq!(held.load(Ordering::SeqCst), 0, "not before that");
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_body_fails_when_its_last_part_has_been_let_go_of() {
    model(|| {
        let parts = stream::iter([Ok(Part::text("1").unwrap()), Err("no camera")]);
        let body = MixedReplace::new(parts).wire(Wire::Machine).keep_alive(KeepAlive::new(stream::pending()));
        let mut body = pin!(body);
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
        assert_eq!(held.load(Ordering::SeqCst), 0, "not before that");
        writer.join().unwrap();
    });
}
