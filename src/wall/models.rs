//! Loom models of the ready set of a viewer, whose hubs and transport run on other threads. Timers do not fire.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use loom::future::block_on;
use loom::{model, thread};

use super::ready::{Next, Ready, Track};

/// Waits for the next track.
fn next(ready: &Ready) -> usize {
    block_on(poll_fn(|cx| match ready.next(false, cx.waker()) {
        Next::Track(track) => Poll::Ready(track.id),
        Next::Due(due) => panic!("{due:?}"),
        Next::Wait => Poll::Pending,
    }))
}

fn track(ready: &Arc<Ready>, id: usize) -> Waker {
    Waker::from(Arc::new(Track::new(ready, id)))
}

#[test]
fn publish_while_waiting_wakes_the_task() {
    model(|| {
        let ready = Arc::new(Ready::default());
        let hubs = [1, 2].map(|id| track(&ready, id));
        let hubs = hubs.map(|hub| thread::spawn(move || hub.wake()));
        let first = next(&ready);
        // The transport releases the part at once.
        ready.release();
        assert_eq!(first + next(&ready), 3);
        hubs.into_iter().for_each(|hub| hub.join().unwrap());
    });
}

#[test]
fn publish_while_the_part_is_released_wakes_the_task() {
    model(|| {
        let ready = Arc::new(Ready::default());
        track(&ready, 0).wake();
        assert_eq!(next(&ready), 0);
        let hub = track(&ready, 1);
        let hub = thread::spawn(move || hub.wake());
        let released = Arc::clone(&ready);
        let transport = thread::spawn(move || released.release());
        assert_eq!(next(&ready), 1);
        hub.join().unwrap();
        transport.join().unwrap();
    });
}

#[test]
fn track_that_had_nothing_to_send_does_not_hide_another() {
    model(|| {
        let ready = Arc::new(Ready::default());
        track(&ready, 0).wake();
        let hub = track(&ready, 1);
        let hub = thread::spawn(move || hub.wake());
        let mut working = false;
        let next = block_on(poll_fn(|cx| {
            loop {
                match ready.next(std::mem::replace(&mut working, true), cx.waker()) {
                    Next::Track(track) if track.id == 0 => {}
                    Next::Track(track) => return Poll::Ready(track.id),
                    Next::Due(due) => panic!("{due:?}"),
                    Next::Wait => {
                        working = false;
                        return Poll::Pending;
                    }
                }
            }
        }));
        assert_eq!(next, 1);
        hub.join().unwrap();
    });
}
