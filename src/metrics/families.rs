//! The numbers of a hub and of a source: their names, their help, and where they come from.

use super::text::Samples::{By, One};
#[cfg(feature = "histogram")]
use super::text::summary;
use super::text::{Family, Labelled, Sample, bytes, counter, gauge, label, seconds};
use crate::hub::{Activity, Hub, Stats};
#[cfg(feature = "source")]
use crate::source::{self, Monitor, Status};

/// The numbers of a hub.
pub(super) struct Stream {
    stats: Stats,
    activity: Activity,
}

impl Stream {
    /// Returns the numbers of a hub, and their label.
    pub(super) fn new(name: Option<&str>, hub: &Hub) -> Labelled<Self> {
        let label = name.map(|name| label(STREAM, name)).unwrap_or_default();
        (label, Self { stats: hub.stats(), activity: hub.activity() })
    }
}

pub(super) const OF_STREAM: &[Family<Stream>] = &[
    gauge("viewers", "Current viewers.", One(|of| of.stats.viewers as u64)),
    counter("viewers_ended", "Streams that ended, by reason.", By("reason", ENDED)),
    counter("viewers_refused", "Viewers turned away because the hub was full.", One(|of| of.stats.ended.refused)),
    counter("parts_published", "Parts published, including identical ones.", One(|of| of.stats.parts_published)),
    bytes("published_bytes", "The bytes of the bodies of published parts.", One(|of| of.stats.bytes_published)),
    counter(
        "parts_identical",
        "Published parts that were dropped because they equal the previous one.",
        One(|of| of.stats.parts_identical),
    ),
    counter(
        "parts_repeated",
        "Parts dropped because they were published before, such as keep-alives of a relayed server.",
        One(|of| of.stats.parts_repeated),
    ),
    counter("parts_refused", "Frames that were not published, by reason.", By("reason", REFUSED)),
    counter(
        "parts_encoded",
        "Encodings of parts, at most one for each part and wire in use, and for each ladder and wall.",
        One(|of| of.stats.encodings),
    ),
    counter(
        "parts_delivered",
        "Parts taken by the transports of viewers, repeats included.",
        One(|of| of.stats.parts_delivered),
    ),
    bytes("delivered_bytes", "The bytes of delivered parts, framing included.", One(|of| of.stats.bytes_delivered)),
    counter("parts_skipped", "Parts not sent to a viewer, by reason.", By("reason", SKIPPED)),
    counter("snapshots", "Parts returned by snapshots.", One(|of| of.stats.snapshots)),
    gauge(
        "wanted",
        "Whether somebody watches, or did less than the linger ago.",
        One(|of| is(!matches!(of.activity, Activity::Asleep | Activity::Ended))),
    ),
    gauge("activity", "Whether this is the state of the hub.", By("state", ACTIVITY)),
    seconds("part_age_seconds", "The time since the last part was captured.", |of| of.stats.age),
];

const REFUSED: &[Sample<Stream>] = &[
    ("boundary", |of| of.stats.parts_with_boundary),
    ("damaged", |of| of.stats.parts_invalid.saturating_sub(of.stats.parts_with_boundary)),
];

const SKIPPED: &[Sample<Stream>] = &[
    ("rate", |of| of.stats.parts_limited),
    ("slow", |of| of.stats.parts_skipped.saturating_sub(of.stats.parts_limited)),
];

const ENDED: &[Sample<Stream>] = &[
    ("closed", |of| of.stats.ended.closed),
    ("disconnected", |of| of.stats.ended.disconnected),
    ("expired", |of| of.stats.ended.expired),
    ("moved", |of| of.stats.ended.moved),
    ("replaced", |of| of.stats.ended.replaced),
    ("revoked", |of| of.stats.ended.revoked),
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
        ("0.5", |of: &Stream| Some(of.stats.latency.as_ref()?.p50)),
        ("0.99", |of: &Stream| Some(of.stats.latency.as_ref()?.p99)),
    ],
)];

/// The numbers of a source.
#[cfg(feature = "source")]
pub(super) struct Source {
    stats: source::Stats,
    status: Status,
}

#[cfg(feature = "source")]
impl Source {
    /// Returns the numbers of a source, and their label.
    pub(super) fn new(stream: &str, monitor: &Monitor) -> Labelled<Self> {
        (label(STREAM, stream), Self { stats: monitor.stats(), status: monitor.status() })
    }
}

#[cfg(feature = "source")]
pub(super) const OF_SOURCE: &[Family<Source>] = &[
    counter("source_attempts", "Attempts to open the source.", One(|of| of.stats.attempts)),
    counter("source_openings", "Times that the source was opened and sent a part.", One(|of| of.stats.openings)),
    counter(
        "source_parts_damaged",
        "Pictures of the source that were left out because they are damaged.",
        One(|of| of.stats.parts_damaged),
    ),
    counter(
        "source_parts_refused",
        "Parts of the source that were left out because they are no pictures.",
        One(|of| of.stats.parts_refused),
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

fn is(is: bool) -> u64 {
    is.into()
}

const STREAM: &str = "stream";
