//! Sources that a function opens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use mixed_replace::source::{self, Error, Status};
use mixed_replace::{Part, hub};

use crate::support::{SOON, pictures, watch};

#[tokio::test]
async fn stream_is_opened_again_when_it_ends_or_fails() {
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let source = source::from_fn(move || {
        let number = count.fetch_add(1, Ordering::Relaxed);
        async move {
            match number {
                1 => Err(std::io::Error::other("refused")),
                // An empty stream, then one that fails.
                2 => Ok(stream::iter(vec![]).left_stream()),
                3 => Ok(stream::iter(vec![Err(std::io::Error::other("reset"))]).left_stream()),
                number => {
                    let part = Part::text(number.to_string()).unwrap();
                    Ok(stream::iter(vec![Ok(part)]).right_stream())
                }
            }
        }
    });
    let mut watched = watch!(source.pauses(Duration::from_millis(20), Duration::from_millis(50)));
    for number in ["0", "4", "5"] {
        watched.sees(number.as_bytes(), SOON).await;
    }
    assert!(opened.load(Ordering::Relaxed) >= 6);
}

#[tokio::test]
async fn permanent_error_of_the_function_is_tried_again_after_the_longest_pause() {
    let source = source::from_fn(async || Err::<stream::Empty<Result<Part, Error>>, _>(Error::permanent("no licence")));
    let mut watched = watch!(source.pauses(Duration::from_millis(10), Duration::from_secs(100)));
    assert_eq!(watched.error(SOON).await, Error::permanent("no licence"));
    let Status::Waiting { until, .. } = watched.monitor.status() else { panic!() };
    assert!(until > std::time::Instant::now() + Duration::from_secs(40));
}

#[tokio::test]
async fn part_that_cannot_be_sent_is_left_out() {
    let source = source::from_fn(async || {
        let damaged = "--x\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n\r\n";
        let mut bytes = bytes::BytesMut::from(damaged);
        bytes.extend_from_slice(b"\xff\xd8\xff\xd9\r\n--x--");
        let damaged = mixed_replace::Decoder::detect().decode(&mut bytes).unwrap().unwrap();
        let good = Part::jpeg(pictures()[0].clone()).unwrap();
        Ok::<_, Error>(stream::iter([damaged, good].map(Ok::<_, Error>)).chain(stream::pending()))
    });
    let mut watched = watch!(source);
    watched.sees(&pictures()[0], SOON).await;
    assert_eq!(watched.monitor.stats().parts_damaged, 1);
}

#[tokio::test]
async fn stream_that_is_always_ready_does_not_keep_the_source_from_ending() {
    let (publisher, hub) = hub::channel();
    let open = async || Ok::<_, Error>(stream::repeat_with(|| Ok::<_, Error>(Part::text("x").unwrap())));
    let task = tokio::spawn(source::supervise(publisher, open));
    let viewer = hub.snapshot(Duration::MAX);
    assert!(viewer.await.is_some());
    hub.close();
    tokio::time::timeout(SOON, task).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn aborted_task_closes_the_hub() {
    let (publisher, hub) = hub::channel();
    let source = source::from_fn(async || Ok::<_, Error>(stream::pending::<Result<Part, Error>>())).always(true);
    let mut monitor = source.monitor();
    let task = source.spawn_into(publisher);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(hub.is_closed());
    assert_eq!((monitor.changed().await, monitor.changed().await), (Some(Status::Ended), None));
}

#[tokio::test]
async fn response_outlives_the_handles_of_its_hub() {
    let source = || source::from_fn(async || Ok::<_, Error>(parts_of_one().chain(stream::pending()))).spawn();
    let mut viewer = source().parts().unwrap();
    let snapshot = source().snapshot(Duration::MAX);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let first = tokio::time::timeout(SOON, viewer.next()).await.expect("in time");
    assert_eq!(first, Some(Part::text("on").unwrap()));
    assert!(tokio::time::timeout(SOON, snapshot).await.expect("in time").is_some());
}

#[tokio::test]
async fn pauses_begin_anew_after_viewers_of_a_live_source_have_left() {
    let opened = AtomicUsize::new(0);
    let source = source::from_fn(move || {
        let is_open = opened.fetch_add(1, Ordering::Relaxed) == 4;
        async move { if is_open { Ok(parts_of_one().chain(stream::pending())) } else { Err(Error::transient("busy")) } }
    });
    let builder = hub::builder().linger(Duration::from_millis(20));
    let mut watched = watch!(source.pauses(Duration::from_millis(40), Duration::from_secs(100)), builder);
    watched.until(SOON, |status| *status == Status::Live).await;
    watched.leave();
    watched.until(SOON, |status| *status == Status::Asleep).await;
    watched.come();
    watched.until(SOON, |status| matches!(status, Status::Waiting { .. })).await;
    let Status::Waiting { until, .. } = watched.monitor.status() else { return };
    // The fifth pause would be at least 0.3 s.
    assert!(until < std::time::Instant::now() + Duration::from_millis(200));
}

fn parts_of_one() -> impl futures::Stream<Item = Result<Part, Error>> {
    stream::iter([Ok(Part::text("on").unwrap())])
}
