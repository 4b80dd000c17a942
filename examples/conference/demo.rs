//! Demo participants, for machines without a camera.

use std::sync::Arc;
use std::time::Duration;

use shared::test_picture::TestPicture;
use tokio::task;
use tokio::time::{MissedTickBehavior, interval};

use crate::picture;
use crate::room::{Person, Room};

/// Adds `count` demo participants, with test pictures of different sizes and rates.
pub(crate) fn join(room: &Room, count: usize) {
    let kinds = [((640, 480), 10.0), ((320, 240), 5.0), ((480, 360), 15.0)];
    for (number, (size, fps)) in (1..=count).zip(kinds.into_iter().cycle()) {
        let person = room.join_demo(&format!("Demo {number}"));
        tokio::spawn(send(person, size, fps));
    }
}

/// Draws and publishes pictures while the participant has viewers.
async fn send(person: Arc<Person>, size: (u16, u16), fps: f64) {
    let mut picture = TestPicture::new(size, fps);
    let mut clock = interval(Duration::from_secs_f64(1.0 / fps));
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let demand = person.publisher.demand();
    for number in 1.. {
        if !demand.wanted().await {
            return;
        }
        clock.tick().await;
        let drawing = task::spawn_blocking(move || {
            let jpeg = picture.jpeg(number);
            (picture, jpeg)
        });
        let Ok((drawn, jpeg)) = drawing.await else { return };
        picture = drawn;
        if let Some(part) = jpeg.ok().and_then(|jpeg| picture::of(jpeg).ok()) {
            // Fails if the participant has left.
            let _ = person.publisher.publish(part);
        }
    }
}
