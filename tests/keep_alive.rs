//! The times at which keep-alives repeat the last part, with a paused clock.

#![cfg(feature = "tokio")]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use mixed_replace::{KeepAlive, MixedReplace, Part, Wire};
use test_support::WIRES;
use tokio::time::{Instant, sleep_until, timeout_at};

const PULSE: Duration = Duration::from_secs(10);

/// Yields parts at these milliseconds, and does not end.
fn parts<const N: usize>(at: [(u64, &'static str); N]) -> impl Stream<Item = Result<Part, ()>> + 'static {
    let start = Instant::now();
    let parts = stream::iter(at).then(move |(at, text)| async move {
        sleep_until(start + Duration::from_millis(at)).await;
        Ok(Part::new(mime::TEXT_CSS, text).unwrap())
    });
    parts.chain(stream::pending())
}

/// Returns the parts sent within a minute, with their times in milliseconds.
async fn minute<E: std::fmt::Debug>(body: impl Stream<Item = Result<Bytes, E>>) -> Vec<(u128, String)> {
    let mut body = pin!(body);
    let start = Instant::now();
    let mut log = Vec::new();
    while let Ok(chunk) = timeout_at(start + Duration::from_millis(59_999), body.next()).await {
        let chunk = String::from_utf8(chunk.unwrap().unwrap().to_vec()).unwrap();
        let part = chunk.split("\r\n").find(|line| matches!(*line, "one" | "two" | "three"));
        log.push((start.elapsed().as_millis(), part.unwrap().to_owned()));
    }
    log
}

fn log<const N: usize>(log: [(u128, &str); N]) -> Vec<(u128, String)> {
    log.map(|(at, part)| (at, part.to_owned())).into()
}

#[tokio::test(start_paused = true)]
async fn pulse_repeats_last_part() {
    for wire in WIRES {
        let body = MixedReplace::new(parts([(0, "one")]), wire).keep_alive(KeepAlive::every(PULSE));
        let sixfold = [0, 10_000, 20_000, 30_000, 40_000, 50_000].map(|at| (at, "one"));
        assert_eq!(minute(body.into_stream()).await, log(sixfold), "{wire:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn pulse_after_a_new_part_repeats_nothing() {
    let body = MixedReplace::new(parts([(0, "one"), (3_000, "two"), (9_999, "one"), (35_000, "three")]), Wire::Machine);
    assert_eq!(
        minute(body.keep_alive(KeepAlive::every(PULSE)).into_stream()).await,
        log([
            (0, "one"),
            (3_000, "two"),
            (9_999, "one"),
            (20_000, "one"),
            (30_000, "one"),
            (35_000, "three"),
            (50_000, "three")
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn pulse_before_first_part_sends_nothing() {
    let body = MixedReplace::new(parts([(45_000, "one")]), Wire::Machine).keep_alive(KeepAlive::every(PULSE));
    assert_eq!(minute(body.into_stream()).await, log([(45_000, "one"), (55_000, "one")]));
}

/// A camera sends pictures faster than the pulse.
#[tokio::test(start_paused = true)]
async fn live_picture_is_never_repeated() {
    let start = Instant::now();
    let pictures = stream::unfold(start, |next| async move {
        sleep_until(next).await;
        Some((Part::text("one"), next + Duration::from_millis(40)))
    });
    let body = MixedReplace::new(pictures, Wire::Machine).keep_alive(KeepAlive::every(PULSE));
    assert_eq!(minute(body.into_stream()).await.len(), 1_500);
}

/// The first tick of tokio's interval completes at once.
#[tokio::test(start_paused = true)]
async fn accepts_timer_of_any_runtime() {
    let ticks = stream::unfold(tokio::time::interval(PULSE), |mut interval| async move {
        interval.tick().await;
        Some(((), interval))
    });
    let body = MixedReplace::new(parts([(0, "one"), (25_000, "two")]), Wire::Machine).keep_alive(KeepAlive::new(ticks));
    assert_eq!(
        minute(body.into_stream()).await,
        log([(0, "one"), (10_000, "one"), (20_000, "one"), (25_000, "two"), (40_000, "two"), (50_000, "two")])
    );
}

#[tokio::test(start_paused = true)]
async fn longest_period_is_accepted() {
    let body = MixedReplace::new(parts([(0, "one"), (45_000, "two")]), Wire::Machine)
        .keep_alive(KeepAlive::every(Duration::MAX));
    assert_eq!(minute(body.into_stream()).await, log([(0, "one"), (45_000, "two")]));
}

#[tokio::test(start_paused = true)]
async fn no_keep_alive_sends_nothing() {
    let body = MixedReplace::new(parts([(0, "one"), (45_000, "two")]), Wire::Machine).keep_alive(None);
    assert_eq!(minute(body.into_stream()).await, log([(0, "one"), (45_000, "two")]));
}

#[cfg(feature = "axum")]
#[tokio::test(start_paused = true)]
async fn defaults_to_10_seconds_on_axum() {
    use axum::response::IntoResponse as _;

    let body = MixedReplace::new(parts([(0, "one")]).map(|part| part.map_err(|()| "no camera")), Wire::Machine);
    let body = body.into_response().into_body().into_data_stream();
    assert_eq!(minute(body).await, log([0, 10_000, 20_000, 30_000, 40_000, 50_000].map(|at| (at, "one"))));

    let body = MixedReplace::new(parts([(0, "one")]).map(|part| part.map_err(|()| "no camera")), Wire::Machine);
    let body = body.keep_alive(KeepAlive::every(Duration::from_secs(25))).into_response();
    let body = body.into_body().into_data_stream();
    assert_eq!(
        minute(body).await,
        log([0, 25_000, 50_000].map(|at| (at, "one"))),
        "a configured period replaces the default"
    );
}

#[cfg(feature = "actix-web")]
#[tokio::test(start_paused = true)]
async fn defaults_to_10_seconds_on_actix() {
    use actix_web::Responder as _;
    use actix_web::body::MessageBody as _;

    let request = actix_web::test::TestRequest::default().to_http_request();
    let stream = |body: MixedReplace<_>| {
        let mut body = Box::pin(body.respond_to(&request).into_body());
        stream::poll_fn(move |cx| body.as_mut().poll_next(cx))
    };
    let source = || parts([(0, "one")]).map(|part| part.map_err(|()| "no camera"));
    let tens = [0, 10_000, 20_000, 30_000, 40_000, 50_000].map(|at| (at, "one"));
    assert_eq!(minute(stream(MixedReplace::new(source(), Wire::Machine))).await, log(tens));

    let body = MixedReplace::new(source(), Wire::Machine).keep_alive(KeepAlive::every(Duration::from_secs(25)));
    assert_eq!(
        minute(stream(body)).await,
        log([0, 25_000, 50_000].map(|at| (at, "one"))),
        "a configured period replaces the default"
    );
}
