//! Where the pictures come from.

use std::time::Duration;

use bytes::Bytes;
use mixed_replace::{Part, Publisher};
use tokio::task;
use tokio::time::{MissedTickBehavior, interval};

use crate::args::{Args, Source};
use crate::test_picture::TestPicture;

/// Publishes pictures until there are no more of them.
///
/// Fails with a line that says why the source is lost.
pub(crate) async fn run(args: &Args, publisher: &Publisher) -> Result<(), String> {
    let mut out = Out { publisher, left: args.frames.unwrap_or(u64::MAX) };
    match &args.source {
        Source::Command(_) | Source::Stdin => Err("only the test picture can be shown so far".into()),
        Source::Test => test(args, &mut out).await,
    }
}

/// Where the pictures go to, and how many may still.
struct Out<'a> {
    publisher: &'a Publisher,
    left: u64,
}

impl Out<'_> {
    fn publish(&mut self, jpeg: Bytes) -> Result<(), String> {
        let part = Part::jpeg(jpeg).map_err(|error| error.to_string())?;
        self.publisher.publish(part).map_err(|error| error.to_string())?;
        self.left -= 1;
        Ok(())
    }
}

/// The test picture, while somebody watches. The first one is made at once, so that there always is a picture.
async fn test(args: &Args, out: &mut Out<'_>) -> Result<(), String> {
    let mut picture = TestPicture::new(args.size, args.fps);
    let mut clock = interval(Duration::from_secs_f64(1.0 / args.fps));
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let demand = out.publisher.demand();
    let mut number = 0;
    while out.left > 0 {
        if number > 0 && !demand.wanted().await {
            break;
        }
        clock.tick().await;
        number += 1;
        let drawing = task::spawn_blocking(move || {
            let jpeg = picture.jpeg(number);
            (picture, jpeg)
        });
        let jpeg;
        (picture, jpeg) = drawing.await.map_err(|error| error.to_string())?;
        out.publish(jpeg?)?;
    }
    Ok(())
}

/// How long the first picture may take; a network camera behind ffmpeg needs a few seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
