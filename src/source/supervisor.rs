//! Opens a source while it is wanted, publishes its parts, and opens it again.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream as _;
use tokio::select;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::open::{Item, Open};
use super::{Error, Source, Status, monitor};
use crate::hub::{Demand, PublishError, Publisher};

/// Runs a source until the hub is closed.
pub(super) async fn run<O: Open>(source: Source<O>, publisher: Publisher) {
    let Source { mut open, always, name, mut pauses, state, timeout } = source;
    let wanted = Wanted { always, demand: publisher.demand(), publisher: &publisher };
    let mut sink = Sink { name, publisher: &publisher, state, live: false, instead: None };
    while wanted.begin(|| sink.set(Status::Asleep)).await {
        // A pause outlives its viewers, so that a page that is reloaded often does not contact a camera as often.
        if let Some(end) = pauses.end() {
            sink.waiting(end);
            select! {
                () = sleep_until(end) => {}
                () = wanted.end() => continue,
            }
        }
        (sink.live, sink.instead) = (false, None);
        sink.set(Status::Connecting);
        let opening = timeout_at(deadline(timeout), open.open());
        let opened = select! {
            opened = opening => opened.unwrap_or_else(|_| Err(sink.no_picture(timeout))),
            () = wanted.end() => continue,
        };
        let error = match opened {
            Ok(mut items) => {
                let end = select! {
                    end = sink.publish_all::<O>(&mut items, timeout) => end,
                    () = wanted.end() => None,
                };
                // Some cameras close their stream every few seconds; they are opened again soon.
                if sink.live {
                    pauses.reset();
                }
                let Some(end) = end else {
                    open.close(items).await;
                    continue;
                };
                open.reason(items, end).await
            }
            Err(error) => error,
        };
        let until = if error.is_permanent() { pauses.begin_long() } else { pauses.begin() };
        sink.lost(error, until);
    }
}

/// Whether the source is to be open.
struct Wanted<'a> {
    always: bool,
    demand: Demand,
    publisher: &'a Publisher,
}

impl Wanted<'_> {
    /// Waits until the source is wanted, after calling `asleep` if it is not yet. Returns `false` if the hub is closed.
    async fn begin(&self, asleep: impl FnOnce()) -> bool {
        if self.always {
            return !self.publisher.is_closed();
        }
        if !self.demand.is_wanted() {
            asleep();
        }
        self.demand.wanted().await
    }

    /// Waits until the source is not wanted any more.
    async fn end(&self) {
        if !self.always {
            return self.demand.unwanted().await;
        }
        // Each resolves at once when the hub is closed.
        loop {
            self.demand.unwanted().await;
            if self.publisher.is_closed() || !self.demand.wanted().await {
                return;
            }
        }
    }
}

/// The hub of the source, and its status.
struct Sink<'a> {
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only events have it"))]
    name: Arc<str>,
    publisher: &'a Publisher,
    state: monitor::Sender,
    /// A part has been published since the source was opened.
    live: bool,
    /// What the source sends in place of pictures.
    instead: Option<String>,
}

impl Sink<'_> {
    /// Publishes parts until the source ends or sends none in time, and returns the reason. `None` if the hub is closed.
    async fn publish_all<O: Open>(&mut self, items: &mut O::Items, timeout: Duration) -> Option<Error> {
        let mut end = deadline(timeout);
        loop {
            let next = poll_fn(|cx| Pin::new(&mut *items).poll_next(cx));
            let item = match timeout_at(end, next).await {
                Ok(Some(Ok(item))) => item,
                Ok(Some(Err(error))) if error.is_end() => return Some(self.ended(error)),
                Ok(Some(Err(error))) => return Some(error),
                Ok(None) => return Some(self.ended(Error::ended())),
                Err(_) => return Some(self.no_picture(timeout)),
            };
            match item {
                Item::Damaged(pictures, reason) => {
                    self.damaged(pictures, reason.map(|reason| reason.to_string()));
                }
                Item::Refused(content_type) => {
                    self.state.count(|stats| stats.parts_refused += 1);
                    self.instead = Some(format!("it sends {} instead of pictures", content_type.essence_str()));
                }
                Item::Part(part) => match self.publisher.publish(part) {
                    Ok(()) => {
                        end = deadline(timeout.saturating_add(O::period(items)));
                        self.instead = None;
                        if !std::mem::replace(&mut self.live, true) {
                            self.set(Status::Live);
                        }
                    }
                    Err(PublishError::Closed) => return None,
                    Err(PublishError::Encode(error)) => self.damaged(1, Some(error.to_string())),
                },
            }
            // A stream that is always ready would keep the timer from being polled.
            tokio::task::consume_budget().await;
        }
    }

    fn ended(&mut self, end: Error) -> Error {
        self.instead.take().filter(|_| !self.live).map_or(end, Error::ended_as)
    }

    fn no_picture(&mut self, timeout: Duration) -> Error {
        Error::transient(self.instead.take().unwrap_or_else(|| format!("no picture for {timeout:?}")))
    }

    /// Counts pictures that are left out. The 1st, the 10th, the 100th and so on are events.
    fn damaged(&mut self, pictures: u64, reason: Option<String>) {
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let _total = self.state.count(|stats| {
            stats.parts_damaged += pictures;
            stats.parts_damaged
        });
        #[cfg(feature = "tracing")]
        if let Some(total) = _total.filter(|total| (total - pictures).checked_ilog10() < total.checked_ilog10()) {
            let noun = if total == 1 { "picture" } else { "pictures" };
            tracing::warn!(
                hub = self.publisher.hub_name(),
                source = &*self.name,
                "{total} damaged {noun} left out{reason}"
            );
        }
        self.instead = Some(format!("it sends only damaged pictures{reason}"));
    }

    fn set(&self, status: Status) {
        let _event = status.to_string();
        let _is_new = self.state.set(status);
        #[cfg(feature = "tracing")]
        if _is_new {
            tracing::info!(hub = self.publisher.hub_name(), source = &*self.name, "{_event}");
        }
    }

    /// Goes on waiting after viewers have left and returned.
    fn waiting(&self, until: Instant) {
        if let Some(error) = self.state.count(|stats| stats.last_error.clone()).flatten() {
            self.state.set(Status::Waiting { until: until.into_std(), error });
        }
    }

    fn lost(&self, error: Error, until: Instant) {
        #[cfg(feature = "tracing")]
        {
            let before = self.state.count(|stats| stats.last_error.clone()).flatten();
            // A problem that persists is one event.
            if before.as_ref() != Some(&error) {
                tracing::warn!(hub = self.publisher.hub_name(), source = &*self.name, "lost: {error}");
            }
        }
        self.state.set(Status::Waiting { until: until.into_std(), error });
    }
}

fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    // As far in the future as a duration goes: never.
    now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(30 * 365 * 86_400))
}
