//! Start, end and lingering of demand.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::time::Instant;

use futures::{FutureExt as _, StreamExt as _};

use super::*;

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn demand_lasts_from_first_poll_to_last_viewer() {
    let (publisher, hub) = quiet();
    let demand = publisher.demand();
    assert!(!demand.is_wanted());
    let (mut one, mut two) = (Viewer::new(&hub), Viewer::new(&hub));
    assert!(!demand.is_wanted(), "a HEAD request also subscribes");

    assert_eq!(one.poll(), Poll::Pending);
    assert!(demand.is_wanted());
    assert_eq!(two.poll(), Poll::Pending);
    drop(one);
    assert!(demand.is_wanted());
    drop(two);
    assert!(!demand.is_wanted());
}

#[test]
fn unpolled_viewer_is_no_demand() {
    let (publisher, hub) = quiet();
    drop(Viewer::new(&hub));
    assert!(!publisher.demand().is_wanted());
    assert_eq!((hub.stats().viewers, hub.stats().viewers_peak), (0, 0));
    assert_eq!(hub.stats().ended, mixed_replace::hub::Ended::default());
}

#[test]
fn tasks_wait_for_start_and_end_of_demand() {
    let (publisher, hub) = quiet();
    let demand = publisher.demand();
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut context = Context::from_waker(&waker);
    {
        let mut wanted = pin!(demand.wanted());
        assert!(wanted.as_mut().poll(&mut context).is_pending());
        let mut viewer = Viewer::new(&hub);
        assert_eq!(viewer.poll(), Poll::Pending);
        assert_eq!(wakes.count(), 1);
        assert_eq!(wanted.as_mut().poll(&mut context), Poll::Ready(true));

        let mut unwanted = pin!(demand.unwanted());
        assert!(unwanted.as_mut().poll(&mut context).is_pending());
        assert!(unwanted.as_mut().poll(&mut context).is_pending());
        drop(viewer);
        // The timer thread ends demand, even with a linger of zero.
        while wakes.count() < 2 {
            std::thread::yield_now();
        }
        assert!(unwanted.as_mut().poll(&mut context).is_ready());
    }
    let _ = pin!(demand.wanted()).as_mut().poll(&mut context);
    // The timer thread may still hold the one that it has woken.
    let start = Instant::now();
    while Arc::strong_count(&wakes) != 2 {
        assert!(start.elapsed() < Duration::from_secs(10), "dropped futures leave no waker");
        std::thread::yield_now();
    }
}

#[test]
fn wanted_returns_false_only_for_a_closed_hub() {
    let (publisher, hub) = quiet();
    let demand = publisher.demand();
    let mut wanted = pin!(demand.wanted());
    assert!(poll(&mut wanted.as_mut()).is_pending());
    hub.close();
    assert_eq!(poll(&mut wanted), Poll::Ready(false));
    assert_eq!(poll(&mut pin!(demand.wanted())), Poll::Ready(false));
    assert_eq!(poll(&mut pin!(demand.unwanted())), Poll::Ready(()));
    assert!(!demand.blocking_wanted());
}

#[test]
fn thread_waits_for_start_of_demand() {
    let (publisher, hub) = quiet();
    let demand = publisher.demand();
    let (told, hear) = mpsc::channel();
    let camera = std::thread::spawn(move || {
        while demand.blocking_wanted() {
            told.send("on").unwrap();
            while demand.is_wanted() {
                std::thread::yield_now();
            }
            told.send("off").unwrap();
        }
    });
    let hear = || hear.recv_timeout(Duration::from_secs(10)).unwrap();
    for _ in 0..3 {
        let mut viewer = Viewer::new(&hub);
        assert_eq!(viewer.poll(), Poll::Pending);
        assert_eq!(hear(), "on");
        drop(viewer);
        assert_eq!(hear(), "off");
    }
    hub.close();
    camera.join().unwrap();
}

#[test]
fn closed_hub_has_no_demand() {
    let (publisher, hub) = quiet();
    let mut late = Viewer::new(&hub);
    let mut viewer = Viewer::new(&hub);
    assert_eq!(viewer.poll(), Poll::Pending);
    hub.close();
    assert!(!publisher.demand().is_wanted());
    assert!(late.poll().is_ready());
    assert!(!publisher.demand().is_wanted());
}

#[test]
fn demand_lingers() {
    let (publisher, hub) = quiet_builder().linger(Duration::from_millis(200)).build();
    let demand = publisher.demand();
    let mut viewer = Viewer::new(&hub);
    assert_eq!(viewer.poll(), Poll::Pending);
    let disconnected = Instant::now();
    drop(viewer);
    assert!(demand.is_wanted());
    futures::executor::block_on(demand.unwanted());
    let lingered = disconnected.elapsed();
    assert!(lingered >= Duration::from_millis(200) && lingered < Duration::from_secs(5), "{lingered:?}");
    assert!(!demand.is_wanted());
}

#[test]
fn demand_lingers_forever() {
    let (publisher, hub) = quiet_builder().linger(Duration::MAX).build();
    assert!(!publisher.demand().is_wanted());
    let mut viewer = Viewer::new(&hub);
    assert_eq!(viewer.poll(), Poll::Pending);
    drop(viewer);
    assert!(publisher.demand().is_wanted());
}

#[test]
fn stream_whose_access_has_expired_wakes_no_camera_and_replaces_no_stream() {
    let (publisher, hub) = hub::builder().build();
    publisher.publish(text("on")).unwrap();
    let valid = || hub.subscribe(Wire::Script).unwrap().key("ada").exclusive(true);
    let close_delimiter = || Poll::Ready(Some("--B--\r\n".into()));
    let mut expired = Viewer::of(valid().expires_in(Duration::ZERO));
    assert_eq!(expired.poll(), close_delimiter());
    assert!(!publisher.demand().is_wanted());

    let mut viewer = Viewer::of(valid());
    assert!(matches!(viewer.poll(), Poll::Ready(Some(_))));
    let mut expired = Viewer::of(valid().expires_in(Duration::ZERO));
    assert_eq!(expired.poll(), close_delimiter());
    publisher.publish(text("off")).unwrap();
    assert!(matches!(viewer.poll(), Poll::Ready(Some(_))), "it was not replaced");
    assert_eq!(hub.stats().ended.expired, 2);
}

#[test]
fn stream_that_becomes_passive_while_it_is_polled_ends_the_demand_and_no_other() {
    let (publisher, hub) = hub::builder().linger(Duration::ZERO).build();
    let mut motion = hub.parts().unwrap();
    assert!(motion.next().now_or_never().is_none());
    assert!(publisher.demand().is_wanted());
    let motion = motion.passive();
    assert!(!publisher.demand().is_wanted());
    drop(motion);
    assert_eq!(hub.stats().viewers, 0);
    let mut viewer = hub.parts().unwrap();
    assert!(viewer.next().now_or_never().is_none());
    assert!(publisher.demand().is_wanted());
}

#[test]
fn debug_output_of_a_subscriber_holds_no_key() {
    let (publisher, hub) = hub::channel();
    let viewer = hub.subscribe(Wire::Machine).unwrap().key("secret");
    publisher.publish(Part::text("picture").unwrap()).unwrap();
    let text = format!("{viewer:?} {:?}", hub.parts().unwrap());
    assert!(text.contains("Subscriber") && !text.contains("secret") && !text.contains("picture"), "{text}");
}
