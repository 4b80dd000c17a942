//! Renditions of a hub: what is encoded, for whom, and what is skipped.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use jpeg_encoder::{ColorType, Encoder};

use crate::body::Chunks;
use crate::hub;
use crate::ladder::{Ladder, Rendition, Size};
use crate::part::Part;
use crate::picture;
use crate::wire::Wire;

/// A picture of two colors, this wide and half as high.
fn picture(width: u16) -> Part {
    let mut jpeg = Vec::new();
    let pixels: Vec<u8> = (0..usize::from(width) * usize::from(width / 2))
        .flat_map(|at| if at % usize::from(width) < usize::from(width / 2) { [200, 30, 30] } else { [30, 30, 200] })
        .collect();
    Encoder::new(&mut jpeg, 90).encode(&pixels, width, width / 2, ColorType::Rgb).unwrap();
    Part::jpeg(jpeg).unwrap()
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it does not hold");
}

#[tokio::test]
async fn nothing_is_encoded_for_a_rung_without_viewers() {
    let (publisher, hub) = hub::builder().linger(Duration::ZERO).build();
    let ladder = Ladder::from_hub(hub, [Rendition::width(80), Rendition::width(40)]);
    let hubs: Vec<_> = ladder.hubs().cloned().collect();
    let made = || ladder.stats().rungs.iter().map(|rung| rung.encodings).collect::<Vec<_>>();
    publisher.publish(picture(160)).unwrap();
    assert!(!publisher.demand().is_wanted());
    // Viewers of one rung, of which one is enough.
    let mut viewers: Vec<_> = (0..500).map(|_| hubs[2].parts().unwrap()).collect();
    for nth in 1..=3 {
        for viewer in &mut viewers {
            let part = viewer.next().await.unwrap();
            assert_eq!(picture::width(part.body()), Some(40));
        }
        assert_eq!(made(), [0, 0, nth]);
        assert!(publisher.demand().is_wanted());
        publisher.publish(picture(160)).unwrap();
    }
    drop(viewers);
    eventually(|| !publisher.demand().is_wanted()).await;
    let before = made();
    publisher.publish(picture(160)).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(made(), before);
    drop(publisher);
}

#[tokio::test]
async fn damaged_picture_is_skipped_and_counted() {
    let (publisher, hub) = hub::channel();
    let ladder = Ladder::from_hub(hub, [Rendition::width(40)]);
    let small = ladder.hubs().nth(1).unwrap().clone();
    let mut viewer = small.parts().unwrap();
    // The header of a picture that a browser opens, and that is too large to be decoded here.
    let mut large = picture(160).into_body().to_vec();
    let frame = large.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    large.splice(frame + 5..frame + 9, [20_000_u16.to_be_bytes(), 20_000_u16.to_be_bytes()].concat());
    publisher.publish(Part::jpeg(large).unwrap()).unwrap();
    let next = tokio::spawn(async move { viewer.next().await.map(|part| picture::width(part.body())) });
    eventually(|| small.stats().parts_invalid == 1).await;
    publisher.publish(picture(160)).unwrap();
    assert_eq!(next.await.unwrap(), Some(Some(40)));
    assert_eq!(small.stats().parts_invalid, 1);
}

#[tokio::test]
async fn picture_that_is_no_larger_is_passed_on() {
    let (publisher, hub) = hub::channel();
    let ladder = Ladder::from_hub(hub, [Rendition::width(160)]);
    let mut viewer = ladder.hubs().nth(1).unwrap().parts().unwrap();
    let part = picture(160);
    publisher.publish(part.clone()).unwrap();
    assert_eq!(viewer.next().await, Some(part));
    let text = Part::text("no camera").unwrap();
    publisher.publish(text.clone()).unwrap();
    assert_eq!(viewer.next().await, Some(text));
    assert_eq!(ladder.stats().rungs[1].encodings, 0);
}

#[tokio::test]
async fn rungs_show_the_no_signal_part_of_the_hub() {
    let no_signal = Part::svg("<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap();
    let (publisher, hub) =
        hub::builder().name("yard").stale_after(Duration::from_millis(200), no_signal.clone()).build();
    let ladder = Ladder::from_hub(hub, [Rendition::width(40)]);
    let small = ladder.hubs().nth(1).unwrap().clone();
    assert_eq!(small.name(), Some("yard-40"));
    let mut viewer = small.subscribe(Wire::Machine).unwrap().into_stream();
    // A busy machine may not scale a picture before the hub falls silent again.
    let shown = async |viewer: &mut Chunks<hub::Subscriber>, what: &[u8], live: bool| {
        let mut bytes = Vec::new();
        while memchr::memmem::find(&bytes, what).is_none() {
            if live {
                publisher.publish(picture(160)).unwrap();
            }
            if let Ok(chunk) = tokio::time::timeout(Duration::from_millis(50), viewer.next()).await {
                bytes.extend_from_slice(&chunk.unwrap().unwrap());
            }
        }
    };
    shown(&mut viewer, b"image/jpeg", true).await;
    shown(&mut viewer, no_signal.body(), false).await;
    assert_eq!(small.activity(), hub::Activity::Silent);
    shown(&mut viewer, b"image/jpeg", true).await;
    eventually(|| {
        publisher.publish(picture(160)).unwrap();
        small.activity() == hub::Activity::Live
    })
    .await;
}

#[tokio::test]
async fn rendition_has_the_time_and_number_of_its_picture() {
    let (publisher, hub) = hub::channel();
    let ladder = Ladder::from_hub(hub.clone(), [Rendition::width(40)]);
    let mut viewer = ladder.hubs().nth(1).unwrap().parts().unwrap();
    for _ in 0..3 {
        publisher.publish(picture(160)).unwrap();
        let part = viewer.next().await.unwrap();
        let large = hub.latest().unwrap();
        assert_eq!((part.captured(), part.sequence()), (large.captured(), large.sequence()));
    }
}

#[tokio::test]
async fn identical_picture_renews_the_renditions_without_scaling() {
    let (publisher, hub) = hub::builder().drop_identical(true).build();
    let ladder = Ladder::from_hub(hub.clone(), [Rendition::width(80), Rendition::width(40)]);
    let [medium, small] = [1, 2].map(|rung| ladder.hubs().nth(rung).unwrap().clone());
    let stamp = |hub: &hub::Hub| hub.latest().map(|part| (part.captured(), part.sequence()));
    let encodings = || [1, 2].map(|rung| ladder.stats().rungs[rung].encodings);
    publisher.publish(picture(160)).unwrap();
    let mut viewer = small.parts().unwrap();
    assert!(viewer.next().await.is_some());
    for nth in 1..=3 {
        publisher.publish(picture(160)).unwrap();
        eventually(|| stamp(&small) == stamp(&hub)).await;
        assert_eq!(small.stats().parts_identical, nth);
    }
    assert_eq!((encodings(), medium.latest()), ([0, 1], None));
    // A picture that was not scaled has no later time to give.
    let large = picture(160).into_body();
    publisher.publish(Part::jpeg(large.slice(..large.len() - 2)).unwrap()).unwrap();
    eventually(|| small.stats().parts_invalid == 1).await;
    let before = stamp(&small);
    publisher.publish(Part::jpeg(large.slice(..large.len() - 2)).unwrap()).unwrap();
    // A viewer of another rung comes, which is a later step of the same task.
    drop(medium.parts().unwrap().next().await);
    assert_eq!((stamp(&small), hub.stats().parts_identical), (before, 4));
}

#[tokio::test]
async fn rungs_end_with_the_hub() {
    let (publisher, hub) = hub::channel();
    let ladder = Ladder::from_hub(hub, [Rendition::width(40)]);
    let mut viewer = ladder.hubs().nth(1).unwrap().parts().unwrap();
    publisher.publish(picture(160)).unwrap();
    assert!(viewer.next().await.is_some());
    drop(publisher);
    assert_eq!(viewer.next().await, None);
}

#[tokio::test]
async fn end_of_the_hub_moves_no_viewer_to_a_rendition() {
    let (publisher, hub) = hub::channel();
    let ladder = Ladder::from_hub(hub, [Rendition::width(40)]);
    publisher.publish(picture(160)).unwrap();
    let mut viewer = ladder.subscribe(Wire::Script, Size::Line).unwrap().into_stream();
    viewer.next().await.unwrap().unwrap();
    drop(publisher);
    while viewer.next().await.is_some() {}
    let stats = ladder.stats();
    assert_eq!((stats.moves_down, stats.rungs[1].encodings), (0, 0));
}

#[tokio::test]
async fn last_picture_of_a_hub_is_on_each_rung() {
    let (publisher, hub) = hub::channel();
    let ladder = Ladder::from_hub(hub, [Rendition::width(80), Rendition::width(40)]);
    publisher.publish(picture(160)).unwrap();
    let hubs: Vec<_> = ladder.hubs().cloned().collect();
    let mut medium = hubs[1].parts().unwrap();
    assert!(medium.next().await.is_some());
    drop(publisher);
    assert_eq!(medium.next().await, None);
    let small = hubs[2].parts().unwrap();
    assert_eq!(small.count().await, 1);
}

#[tokio::test]
async fn viewer_of_another_rung_does_not_wait_for_the_next_picture() {
    let (publisher, hub) = hub::channel();
    let ladder = Ladder::from_hub(hub, [Rendition::width(80), Rendition::width(40)]);
    let hubs: Vec<_> = ladder.hubs().cloned().collect();
    publisher.publish(picture(160)).unwrap();
    let mut medium = hubs[1].parts().unwrap();
    assert_eq!(medium.next().await.and_then(|part| picture::width(part.body())), Some(80));
    let mut small = hubs[2].parts().unwrap();
    assert_eq!(small.next().await.and_then(|part| picture::width(part.body())), Some(40));
    let made: Vec<_> = ladder.stats().rungs.iter().map(|rung| rung.encodings).collect();
    assert_eq!(made, [0, 1, 1]);
}

#[tokio::test]
async fn still_of_a_rendition_is_the_next_picture_and_not_one_that_was_there() {
    let (publisher, hub) = hub::builder().linger(Duration::ZERO).build();
    let ladder = Ladder::from_hub(hub, [Rendition::width(40)]);
    let small = ladder.hubs().nth(1).unwrap().clone();
    publisher.publish(picture(160)).unwrap();
    let before = SystemTime::now();
    let still = tokio::spawn({
        let small = small.clone();
        async move { small.snapshot(Duration::ZERO).or_latest_after(Duration::from_secs(20)).await }
    });
    // The old picture is on the rung, and answers nobody who wants a new one.
    eventually(|| small.latest().is_some()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!still.is_finished());
    publisher.publish(picture(160)).unwrap();
    let still = still.await.unwrap().unwrap();
    assert!(still.part.captured().unwrap() >= before);
    // A still that may be as old as the picture does not wait.
    assert!(small.snapshot(Duration::from_secs(60)).await.is_some());
}

#[tokio::test]
async fn full_hub_has_renditions() {
    let (publisher, hub) = hub::builder().max_subscribers(1).build();
    let ladder = Ladder::from_hub(hub.clone(), [Rendition::width(40)]);
    let _viewer = hub.subscribe(Wire::Machine).unwrap();
    let mut viewer = ladder.hubs().nth(1).unwrap().parts().unwrap();
    publisher.publish(picture(160)).unwrap();
    assert_eq!(picture::width(viewer.next().await.unwrap().body()), Some(40));
    assert_eq!(hub.stats().ended.refused, 0);
}

#[tokio::test]
async fn renditions_are_in_the_order_of_their_widths() {
    let (_publisher, hub) = hub::channel();
    let ladder = Ladder::from_hub(hub, [Rendition::width(40), Rendition::width(80)]);
    assert_eq!(ladder.stats().rungs.iter().map(|rung| rung.width).collect::<Vec<_>>(), [None, Some(80), Some(40)]);
}

#[tokio::test]
async fn camera_that_writes_no_eoi_has_renditions() {
    let (publisher, hub) = hub::channel();
    let ladder = Ladder::from_hub(hub, [Rendition::width(40)]);
    let small = ladder.hubs().nth(1).unwrap().clone();
    let mut viewer = small.parts().unwrap();
    let cut_off = || {
        let body = picture(160).into_body();
        Part::jpeg(body.slice(..body.len() - 2)).unwrap()
    };
    publisher.publish(cut_off()).unwrap();
    let next = tokio::spawn(async move { viewer.next().await.map(|part| picture::width(part.body())) });
    eventually(|| small.stats().parts_invalid == 1).await;
    publisher.publish(cut_off()).unwrap();
    assert_eq!(next.await.unwrap(), Some(Some(40)));
}

#[test]
fn end_of_the_runtime_closes_the_renditions_and_not_the_hub() {
    let (publisher, hub) = hub::channel();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ladder = runtime.block_on(async { Ladder::from_hub(hub.clone(), [Rendition::width(40)]) });
    publisher.publish(picture(160)).unwrap();
    let mut viewer = ladder.hubs().nth(1).unwrap().parts().unwrap();
    assert!(runtime.block_on(viewer.next()).is_some());
    drop(runtime);
    assert_eq!(futures::executor::block_on(viewer.next()), None);
    assert_eq!(ladder.hubs().map(hub::Hub::is_closed).collect::<Vec<_>>(), [false, true]);
    publisher.publish(picture(160)).unwrap();
}

#[test]
#[should_panic(expected = "runtime")]
fn renditions_need_a_runtime() {
    let _ = Ladder::from_hub(hub::channel().1, [Rendition::width(40)]);
}

#[tokio::test]
async fn thousand_renditions_are_made_of_one_picture() {
    let (publisher, hub) = hub::channel();
    let ladder = Ladder::from_hub(hub, (0..1000).map(Rendition::width));
    publisher.publish(picture(160)).unwrap();
    let mut viewers: Vec<_> = ladder.hubs().skip(1).step_by(100).map(|hub| hub.parts().unwrap()).collect();
    let mut widths = Vec::new();
    for viewer in &mut viewers {
        widths.push(picture::width(viewer.next().await.unwrap().body()).unwrap());
    }
    // No picture is made larger.
    assert_eq!(widths, [160, 160, 160, 160, 160, 160, 160, 160, 160, 99]);
}
