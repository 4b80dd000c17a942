//! Log events of hubs.

#![cfg(feature = "tracing")]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use mixed_replace::{Part, hub};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Collects the warnings of a thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn of(run: impl FnOnce()) -> Vec<String> {
        let log = Self::default();
        tracing::subscriber::with_default(log.clone(), run);
        let lines = log.0.lock().unwrap();
        lines.clone()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("mixed_replace")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        if *event.metadata().level() == Level::WARN {
            let mut line = Line::default();
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => write!(self.0, "{value:?}").unwrap(),
            name => write!(self.0, " {name}={value:?}").unwrap(),
        }
    }
}

#[test]
fn logs_one_warning_for_damaged_frames() {
    let (publisher, _hub) = hub::channel();
    let lines = Log::of(|| {
        for _ in 0..1000 {
            assert!(publisher.publish_jpeg("").unwrap().is_err());
            assert!(publisher.publish_jpeg("GIF89a").unwrap().is_err());
        }
    });
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(line.starts_with("frame skipped "), "{line}");
    assert!(line.contains(&format!("error={}", Part::jpeg("").unwrap_err())), "{line}");
    assert!(line.contains("skipped=1"), "{line}");
}

#[test]
fn logs_publisher_dropped_by_a_panic() {
    let lines = Log::of(|| {
        let (publisher, hub) = hub::channel();
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _publisher = publisher;
            panic!("panic in the camera's library");
        }));
        assert!(unwound.is_err() && hub.is_closed());
    });
    assert_eq!(lines, ["hub closed: the thread of its publisher panicked"]);
}

#[test]
fn logs_no_warning_at_an_orderly_end() {
    let lines = Log::of(|| {
        let (publisher, hub) = hub::channel();
        drop(publisher);
        assert!(hub.is_closed());
        let (publisher, hub) = hub::channel();
        hub.close();
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _publisher = publisher;
            panic!("long after");
        }));
    });
    assert_eq!(lines, [""; 0]);
}
