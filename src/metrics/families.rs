//! The numbers of a hub and of a source: their names, their help, and where they come from.

use super::text::Samples::{By, One};
#[cfg(feature = "histogram")]
use super::text::summary;
use super::text::{Counted, Family, Number, Sample, bytes, counter, gauge, label, seconds};
use crate::hub::{Activity, Hub, Stats};
#[cfg(feature = "source")]
use crate::source::{self, Monitor, Status};

/// The numbers of a hub.
pub(super) struct Stream {
    label: String,
    stats: Stats,
    activity: Activity,
}

impl Stream {
    pub(super) fn new(name: Option<&str>, hub: &Hub) -> Self {
        let label = name.map(|name| label(STREAM, name)).unwrap_or_default();
        Self { label, stats: hub.stats(), activity: hub.activity() }
    }
}

impl Counted for Stream {
    fn labels(&self) -> &str {
        &self.label
    }
}

pub(super) const OF_STREAM: &[Family<Stream>] = &[
    gauge("viewers", "Current viewers.", One(|of| count(of.stats.viewers as u64))),
    counter("viewers_ended", "Streams that ended, by reason.", By("reason", ENDED)),
    counter(
        "viewers_refused",
        "Viewers turned away because the hub was full.",
        One(|of| count(of.stats.ended.refused)),
    ),
    counter("parts_published", "Parts published, including identical ones.", One(|of| count(of.stats.parts_published))),
    bytes("published_bytes", "The bytes of the bodies of published parts.", One(|of| count(of.stats.bytes_published))),
    counter(
        "parts_identical",
        "Published parts that were dropped because they equal the previous one.",
        One(|of| count(of.stats.parts_identical)),
    ),
    counter(
        "parts_repeated",
        "Parts dropped because they were published before, such as keep-alives of a relayed server.",
        One(|of| count(of.stats.parts_repeated)),
    ),
    counter("parts_refused", "Frames that were not published, by reason.", By("reason", REFUSED)),
    counter(
        "parts_encoded",
        "Encodings of parts, at most one for each part and wire in use.",
        One(|of| count(of.stats.encodings)),
    ),
    counter(
        "parts_delivered",
        "Parts taken by the transports of viewers, repeats included.",
        One(|of| count(of.stats.parts_delivered)),
    ),
    bytes(
        "delivered_bytes",
        "The bytes of delivered parts, framing included.",
        One(|of| count(of.stats.bytes_delivered)),
    ),
    counter("parts_skipped", "Parts not sent to a viewer, by reason.", By("reason", SKIPPED)),
    counter("snapshots", "Parts returned by snapshots.", One(|of| count(of.stats.snapshots))),
    gauge(
        "wanted",
        "Whether somebody watches, or did less than the linger ago.",
        One(|of| is(!matches!(of.activity, Activity::Asleep | Activity::Ended))),
    ),
    gauge("activity", "Whether this is the state of the hub.", By("state", ACTIVITY)),
    seconds(
        "part_age_seconds",
        "The time since the last part was captured.",
        One(|of| of.stats.age.map(|age| Number::Seconds(age.as_secs_f64()))),
    ),
];

const REFUSED: &[Sample<Stream>] = &[
    ("boundary", |of| count(of.stats.parts_with_boundary)),
    ("damaged", |of| count(of.stats.parts_invalid.saturating_sub(of.stats.parts_with_boundary))),
];

const SKIPPED: &[Sample<Stream>] = &[
    ("rate", |of| count(of.stats.parts_limited)),
    ("slow", |of| count(of.stats.parts_skipped.saturating_sub(of.stats.parts_limited))),
];

const ENDED: &[Sample<Stream>] = &[
    ("closed", |of| count(of.stats.ended.closed)),
    ("disconnected", |of| count(of.stats.ended.disconnected)),
    ("expired", |of| count(of.stats.ended.expired)),
    ("moved", |of| count(of.stats.ended.moved)),
    ("replaced", |of| count(of.stats.ended.replaced)),
    ("revoked", |of| count(of.stats.ended.revoked)),
];

const ACTIVITY: &[Sample<Stream>] = &[
    ("asleep", |of| is(of.activity == Activity::Asleep)),
    ("ended", |of| is(of.activity == Activity::Ended)),
    ("live", |of| is(of.activity == Activity::Live)),
    ("silent", |of| is(of.activity == Activity::Silent)),
    ("starting", |of| is(of.activity == Activity::Starting)),
];

#[cfg(feature = "histogram")]
pub(super) const LATENCY: &[Family<Stream>] = &[summary(
    "part_latency_seconds",
    "The time from the capture of parts to their release by the transports of viewers, lately.",
    &[
        ("0.5", |of: &Stream| of.stats.latency.as_ref().map(|latency| Number::Seconds(latency.p50.as_secs_f64()))),
        ("0.99", |of: &Stream| of.stats.latency.as_ref().map(|latency| Number::Seconds(latency.p99.as_secs_f64()))),
    ],
)];

/// The numbers of a source.
#[cfg(feature = "source")]
pub(super) struct Source {
    label: String,
    stats: source::Stats,
    status: Status,
}

#[cfg(feature = "source")]
impl Source {
    pub(super) fn new(stream: &str, monitor: &Monitor) -> Self {
        Self { label: label(STREAM, stream), stats: monitor.stats(), status: monitor.status() }
    }
}

#[cfg(feature = "source")]
impl Counted for Source {
    fn labels(&self) -> &str {
        &self.label
    }
}

#[cfg(feature = "source")]
pub(super) const OF_SOURCE: &[Family<Source>] = &[
    counter("source_attempts", "Attempts to open the source.", One(|of| count(of.stats.attempts))),
    counter("source_openings", "Times that the source was opened and sent a part.", One(|of| count(of.stats.openings))),
    counter(
        "source_parts_damaged",
        "Pictures of the source that were left out because they are damaged.",
        One(|of| count(of.stats.parts_damaged)),
    ),
    counter(
        "source_parts_refused",
        "Parts of the source that were left out because they are no pictures.",
        One(|of| count(of.stats.parts_refused)),
    ),
    gauge("source_status", "Whether this is the status of the source.", By("state", STATUS)),
];

#[cfg(feature = "source")]
const STATUS: &[Sample<Source>] = &[
    ("asleep", |of| is(matches!(of.status, Status::Asleep))),
    ("connecting", |of| is(matches!(of.status, Status::Connecting))),
    ("ended", |of| is(matches!(of.status, Status::Ended))),
    ("live", |of| is(matches!(of.status, Status::Live))),
    ("waiting", |of| is(matches!(of.status, Status::Waiting { .. }))),
];

fn count(count: u64) -> Option<Number> {
    Some(Number::Count(count))
}

fn is(is: bool) -> Option<Number> {
    count(is.into())
}

const STREAM: &str = "stream";
