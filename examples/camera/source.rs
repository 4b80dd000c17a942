//! Where the pictures come from.

use std::time::Duration;

use mixed_replace::Part;
use tokio::time::{MissedTickBehavior, interval};

use crate::args::{Args, Source};
use crate::live::Publisher;
use crate::test_picture::TestPicture;

/// Publishes pictures until there are no more of them.
///
/// Fails with a line that says why the source is gone.
pub(crate) async fn run(args: &Args, publisher: &Publisher) -> Result<(), String> {
    let pictures = async {
        match &args.source {
            Source::Command(_) | Source::Stdin => Err("not yet".to_owned()),
            Source::Test => test(args, publisher).await,
        }
    };
    tokio::select! {
        ended = pictures => ended,
        () = publisher.closed() => Ok(()),
    }
}

/// The test picture, while somebody watches. The first one is made anyway, so that there always is a picture.
async fn test(args: &Args, publisher: &Publisher) -> Result<(), String> {
    let mut picture = TestPicture::new(args.size, args.fps);
    let mut clock = interval(Duration::from_secs_f64(1.0 / args.fps));
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for number in 1..=args.frames.unwrap_or(u64::MAX) {
        if number > 1 {
            publisher.wanted().await;
        }
        clock.tick().await;
        let drawing = tokio::task::spawn_blocking(move || {
            let jpeg = picture.jpeg(number);
            (picture, jpeg)
        });
        let jpeg;
        (picture, jpeg) = drawing.await.map_err(|error| error.to_string())?;
        publisher.publish(Part::jpeg(jpeg?).map_err(|error| error.to_string())?);
    }
    Ok(())
}
