//! Wakes: how often viewers are woken, and calls of the hub from wakers and drops.

use std::sync::mpsc;
use std::task::Wake;

use super::*;

#[test]
fn publish_wakes_waiting_viewer_once() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    assert_eq!((viewer.poll(), viewer.wakes()), (Poll::Pending, 0));

    publisher.publish(text("on")).unwrap();
    publisher.publish(text("off")).unwrap();
    assert_eq!(viewer.wakes(), 1);

    assert_eq!(viewer.poll(), first("off"));
    publisher.publish(text("on")).unwrap();
    assert_eq!(viewer.wakes(), 1, "a viewer that does not wait is not woken");
}

#[test]
fn changed_waker_is_replaced() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    assert_eq!(viewer.poll(), Poll::Pending);
    let before = std::mem::take(&mut viewer.wakes);
    assert_eq!(viewer.poll(), Poll::Pending);
    assert_eq!(Arc::strong_count(&before), 1, "the hub has dropped the old waker");

    publisher.publish(text("on")).unwrap();
    assert_eq!((before.count(), viewer.wakes()), (0, 1));
}

#[test]
fn thousand_idle_polls_keep_one_waker() {
    let (_publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    for _ in 0..1000 {
        assert_eq!(viewer.poll(), Poll::Pending);
    }
    assert_eq!(Arc::strong_count(&viewer.wakes), 2, "one reference of the viewer, one of the hub");
}

#[test]
fn dropped_viewer_drops_its_waker() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    assert_eq!(viewer.poll(), Poll::Pending);
    let Viewer { body, wakes, .. } = viewer;
    drop(body);
    publisher.publish(text("on")).unwrap();
    assert_eq!((Arc::strong_count(&wakes), wakes.count()), (1, 0));
    assert_eq!(hub.stats().viewers, 0);
}

/// A waker that calls the hub when it is woken and when it is dropped.
struct CallsBack {
    hub: Hub,
    publisher: Arc<Publisher>,
    called: mpsc::Sender<&'static str>,
}

impl Wake for CallsBack {
    fn wake(self: Arc<Self>) {
        assert_eq!(self.hub.stats().viewers, 1);
        self.publisher.publish(text("from a waker")).unwrap();
        self.called.send("woken").unwrap();
    }
}

impl Drop for CallsBack {
    fn drop(&mut self) {
        let _ = self.hub.viewers();
        let _ = self.called.send("dropped");
    }
}

/// Runs a test on another thread, because a deadlock would never end.
fn does_not_hang(what: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        what();
        done.send(()).unwrap();
    });
    assert_ne!(wait.recv_timeout(Duration::from_secs(10)), Err(mpsc::RecvTimeoutError::Timeout), "deadlock");
    thread.join().unwrap();
}

#[test]
fn waker_can_call_the_hub() {
    does_not_hang(|| {
        let (publisher, hub) = quiet();
        let (publisher, (called, calls)) = (Arc::new(publisher), mpsc::channel());
        let mut viewer = Viewer::new(&hub);
        let mut poll = || {
            let (hub, publisher, called) = (hub.clone(), Arc::clone(&publisher), called.clone());
            let waker = Waker::from(Arc::new(CallsBack { hub, publisher, called }));
            let polled = Pin::new(viewer.body.stream()).poll_next(&mut Context::from_waker(&waker));
            polled.map(|chunk| chunk.unwrap().unwrap())
        };
        assert!(poll().is_pending());
        assert!(poll().is_pending());
        assert_eq!(calls.try_iter().collect::<Vec<_>>(), ["dropped"], "the second poll drops the first waker");
        publisher.publish(text("on")).unwrap();
        assert_eq!(calls.try_iter().collect::<Vec<_>>(), ["woken", "dropped"]);
        let Poll::Ready(chunk) = poll() else { panic!("no part") };
        assert_eq!(super::chunk(viewer.readable(&chunk)), first("from a waker"));
    });
}

#[test]
fn dropped_waker_can_call_the_hub() {
    does_not_hang(|| {
        let (publisher, hub) = quiet();
        let (called, calls) = mpsc::channel();
        let waker = Waker::from(Arc::new(CallsBack { hub: hub.clone(), publisher: Arc::new(publisher), called }));
        let mut viewer = hub.subscribe(Wire::Machine).unwrap().into_stream();
        assert!(Pin::new(&mut viewer).poll_next(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        drop(viewer);
        assert_eq!(calls.try_iter().collect::<Vec<_>>(), ["dropped"]);
    });
}

/// A part's body that calls its hub when it is dropped.
struct Body(Hub);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        b"on"
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let _ = self.0.stats();
    }
}

#[test]
fn dropped_part_body_can_call_the_hub() {
    does_not_hang(|| {
        let (publisher, hub) =
            quiet_builder().drop_identical(true).stale_after(Duration::ZERO, text("no signal")).build();
        let part = || Part::new(mime::TEXT_PLAIN_UTF_8, Bytes::from_owner(Body(hub.clone()))).unwrap();
        publisher.publish(part()).unwrap();
        publisher.publish(part()).unwrap();
        // The "no signal" part replaces it.
        let mut viewer = Viewer::new(&hub);
        while !format!("{:?}", viewer.poll()).contains("no signal") {
            std::thread::yield_now();
        }
        publisher.publish(text("off")).unwrap();
        // Each replaces the one that the viewer is offered, which it does not poll for: the second with a later time.
        publisher.publish(part()).unwrap();
        publisher.publish(part()).unwrap();
        publisher.publish(text("off")).unwrap();
        publisher.publish(part()).unwrap();
        hub.close();
        publisher.publish(part()).unwrap_err();
        drop(publisher);
    });
}
