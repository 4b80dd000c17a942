//! The counters of hubs as text, for Prometheus and everything that reads its formats.

mod families;
mod text;

#[cfg(feature = "source")]
use std::sync::Arc;

#[cfg(feature = "source")]
use self::families::{OF_SOURCE, Source};
use self::families::{OF_STREAM, Stream};
use self::text::Text;
use crate::hub::Hub;
use crate::hubs::handle::Hubs;
#[cfg(feature = "source")]
use crate::source::Monitor;

/// An endpoint that serves the counters of one hub, or of the hubs of a set, to Prometheus.
///
/// The format is [OpenMetrics 1.0] if the client accepts `application/openmetrics-text`, and otherwise the text format 0.0.4 of
/// Prometheus. Both have the same numbers. [`write_openmetrics`](Self::write_openmetrics) returns the text without a server.
///
/// | request | response |
/// |---|---|
/// | `GET` | the current numbers |
///
/// Each name begins with `mixed_replace_`. The label `stream` is the name of a hub in its set, or else the
/// [name](crate::hub::Builder::name) of the hub. A ladder `yard` in a set has the streams `yard`, `yard/1` and so on, one for
/// each rung. Viewers have no labels, so the number of series does not grow with them:
/// [`Hub::viewers`](crate::Hub::viewers) lists them.
///
/// | counter | counts |
/// |---|---|
/// | `parts_published_total`, `published_bytes_total` | parts that were published, and the bytes of their bodies |
/// | `parts_identical_total` | those of them that equal the previous one and were dropped |
/// | `parts_repeated_total` | parts that were dropped because they were published before: keep-alives of a relayed server |
/// | `parts_refused_total{reason="…"}` | frames that were not published: they are `damaged` or empty, or hold the `boundary` |
/// | `parts_encoded_total` | encodings: at most one for each part and wire in use, and for each ladder and wall |
/// | `parts_delivered_total`, `delivered_bytes_total` | parts that the transports of viewers have taken, and their bytes with framing |
/// | `parts_skipped_total{reason="…"}` | parts that a viewer was not sent: it was `slow`, or its `rate` is limited |
/// | `snapshots_total` | parts that [snapshots](crate::Hub::snapshot) returned |
/// | `viewers_refused_total` | viewers that were turned away because the hub was full |
/// | `viewers_ended_total{reason="…"}` | streams that ended: `closed`, `disconnected`, `expired`, `moved`, `replaced`, `revoked` |
/// | `source_attempts_total`, `source_openings_total` | attempts to open a source, and those after which parts came |
/// | `source_parts_damaged_total`, `source_parts_refused_total` | pictures of a source that were left out because they are damaged, and parts that are no pictures |
///
/// | gauge | value |
/// |---|---|
/// | `viewers` | current viewers |
/// | `wanted` | 1 while somebody watches, or did less than the [linger](crate::hub::Builder::linger) ago, and otherwise 0 |
/// | `activity{state="…"}` | 1 for the hub's [`Activity`](crate::hub::Activity), 0 for the others |
/// | `part_age_seconds` | the time since the last part was captured; absent before the first |
/// | `part_latency_seconds{quantile="…"}` | the median (`0.5`) and the 99th percentile (`0.99`) of the time from capture to release (feature `histogram`) |
/// | `source_status{state="…"}` | 1 for the source's status, 0 for the others: `asleep`, `connecting`, `ended`, `live`, `waiting` |
///
/// See the [module](crate::serve) for how to mount it.
///
/// # Examples
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use mixed_replace::{Hubs, Live, Metrics};
///
/// let cameras = Hubs::new();
/// let app: axum::Router = axum::Router::new()
///     .nest_service("/cameras", Live::by_name(cameras.clone()))
///     .route_service("/metrics", Metrics::by_name(cameras));
/// ```
///
/// [OpenMetrics 1.0]: https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
#[doc(alias("Prometheus", "OpenMetrics", "exporter"))]
#[must_use]
#[derive(Clone, Debug)]
pub struct Metrics {
    streams: Streams,
    #[cfg(feature = "source")]
    sources: Vec<(Arc<str>, Monitor)>,
}

#[derive(Clone, Debug)]
enum Streams {
    Hub(Hub),
    Hubs(Hubs),
}

impl Metrics {
    /// Returns the numbers of one hub. Without a [name](crate::hub::Builder::name) they have no label `stream`.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Metrics, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut text = String::new();
    /// Metrics::new(hub).write_prometheus(&mut text);
    /// assert!(text.contains("\nmixed_replace_viewers 0\n"));
    /// ```
    pub fn new(hub: Hub) -> Self {
        Self::of(Streams::Hub(hub))
    }

    /// Returns the numbers of each hub that is in the set when they are requested. It opens none, and leaves out those that are
    /// being opened. The label `stream` is the name in the set. A hub that has several names, such as one that is also a rung of a
    /// ladder, is counted once, with the first of them.
    ///
    /// If the source of the set accepts any name, requests of strangers make series, up to [`Builder::max`](crate::hubs::Builder::max).
    ///
    /// The counters of a hub that was dropped and made again start from zero, as Prometheus expects of a restart.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, Metrics, hub};
    ///
    /// let cameras = Hubs::new();
    /// let (publisher, hub) = hub::channel();
    /// cameras.insert("yard", hub)?;
    /// let mut text = String::new();
    /// Metrics::by_name(cameras).write_prometheus(&mut text);
    /// assert!(text.contains("\nmixed_replace_viewers{stream=\"yard\"} 0\n"));
    /// # Ok::<(), mixed_replace::hubs::InsertError>(())
    /// ```
    pub fn by_name(hubs: Hubs) -> Self {
        Self::of(Streams::Hubs(hubs))
    }

    fn of(streams: Streams) -> Self {
        Self {
            streams,
            #[cfg(feature = "source")]
            sources: Vec::new(),
        }
    }

    /// Adds the numbers of a source, with the label `stream`: the name of its hub. They replace those that were added with the
    /// same name.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::stream;
    /// use mixed_replace::{Metrics, Part, source};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let source = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")])));
    /// let monitor = source.monitor();
    /// let hub = source.spawn_with(mixed_replace::hub::builder().name("yard"));
    /// let mut text = String::new();
    /// Metrics::new(hub).source("yard", monitor).write_openmetrics(&mut text);
    /// assert!(text.contains("\nmixed_replace_source_attempts_total{stream=\"yard\"} 0\n"));
    /// # }
    /// ```
    #[cfg(feature = "source")]
    #[cfg_attr(docsrs, doc(cfg(feature = "source")))]
    pub fn source(mut self, stream: impl Into<String>, monitor: Monitor) -> Self {
        let stream = stream.into();
        // Prometheus rejects a page with two samples of one series.
        self.sources.retain(|(other, _)| **other != *stream);
        self.sources.push((Arc::from(stream), monitor));
        self
    }

    /// Appends the current numbers in the format of OpenMetrics 1.0, of the media type
    /// `application/openmetrics-text; version=1.0.0; charset=utf-8`.
    ///
    /// The last line is `# EOF`, so numbers of the app go in front of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Metrics, Part, hub};
    ///
    /// let (publisher, hub) = hub::builder().name("the \"yard\"").build();
    /// publisher.publish(Part::text("on")?)?;
    /// let mut text = String::new();
    /// Metrics::new(hub).write_openmetrics(&mut text);
    /// assert!(text.contains(
    ///     r#"
    /// ## TYPE mixed_replace_published_bytes counter
    /// ## UNIT mixed_replace_published_bytes bytes
    /// ## HELP mixed_replace_published_bytes The bytes of the bodies of published parts.
    /// mixed_replace_published_bytes_total{stream="the \"yard\""} 2
    /// "#
    /// ));
    /// assert!(text.ends_with("\n# EOF\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_openmetrics(&self, out: &mut String) {
        self.write(Text { out: &mut *out, is_openmetrics: true });
        out.push_str("# EOF\n");
    }

    /// Appends the current numbers in the text format 0.0.4 of Prometheus, of the media type
    /// `text/plain; version=0.0.4; charset=utf-8`. Numbers of the app may stand before and after them,
    /// but not those of another `Metrics`: a format has each family once. Put several hubs into a [`Hubs`].
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Metrics, Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// let mut text = String::from("my_app_requests_total 17\n");
    /// Metrics::new(hub).write_prometheus(&mut text);
    /// assert!(text.contains("\nmixed_replace_parts_published_total 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_prometheus(&self, out: &mut String) {
        self.write(Text { out, is_openmetrics: false });
    }

    fn write(&self, mut text: Text<'_>) {
        let streams: Vec<_> = match &self.streams {
            Streams::Hub(hub) => vec![Stream::new(hub.name(), hub)],
            Streams::Hubs(hubs) => hubs.ready().iter().map(|(name, hub)| Stream::new(Some(name), hub)).collect(),
        };
        text.families(OF_STREAM, &streams);
        #[cfg(feature = "histogram")]
        text.families(self::families::LATENCY, &streams);
        #[cfg(feature = "source")]
        if !self.sources.is_empty() {
            let sources = self.sources.iter().map(|(stream, monitor)| Source::new(stream, monitor));
            text.families(OF_SOURCE, &sources.collect::<Vec<_>>());
        }
    }
}
