//! Log events of hubs.

#![cfg(feature = "tracing")]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use futures::executor::block_on_stream;
use mixed_replace::{Hub, Hubs, Part, Wire, hub};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Collects the events and the spans of a thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Collected>>);

#[derive(Default)]
struct Collected {
    events: Vec<(Level, String)>,
    spans: Vec<Span>,
}

#[derive(Clone, Default)]
struct Span {
    fields: String,
    events: usize,
    ended: bool,
}

impl Log {
    fn collect(run: impl FnOnce()) -> Collected {
        let log = Self::default();
        tracing::subscriber::with_default(log.clone(), run);
        std::mem::take(&mut *log.0.lock().unwrap())
    }

    /// Returns the warnings.
    fn of(run: impl FnOnce()) -> Vec<String> {
        let events = Self::collect(run).events.into_iter();
        events.filter(|(level, _)| *level == Level::WARN).map(|(_, line)| line).collect()
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut Span)) {
        let index = usize::try_from(id.into_u64()).unwrap() - 1;
        change(self.0.lock().unwrap().spans.get_mut(index).unwrap());
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("mixed_replace")
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut line = Line(attributes.metadata().name().to_owned());
        attributes.record(&mut line);
        let spans = &mut self.0.lock().unwrap().spans;
        spans.push(Span { fields: line.0, ..Span::default() });
        Id::from_u64(spans.len() as u64)
    }
    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut line = Line::default();
        values.record(&mut line);
        self.change(id, |span| span.fields += &line.0);
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        if let Some(parent) = event.parent() {
            self.change(parent, |span| span.events += 1);
        }
        self.0.lock().unwrap().events.push((*event.metadata().level(), line.0));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
    fn try_close(&self, id: Id) -> bool {
        self.change(&id, |span| span.ended = true);
        true
    }
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

#[test]
fn every_event_carries_the_name_of_its_hub() {
    let collected = Log::collect(|| {
        let (publisher, hub) = hub::builder().name("yard").max_subscribers(1).build();
        let viewer = hub.subscribe(Wire::Machine).unwrap();
        assert!(hub.subscribe(Wire::Machine).is_err());
        assert!(publisher.publish_jpeg("").unwrap().is_err());
        publisher.publish(Part::text("on").unwrap()).unwrap();
        let mut viewer = block_on_stream(viewer.into_stream());
        assert!(viewer.next().is_some());
        drop(viewer);
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _publisher = publisher;
            panic!("panic in the camera's library");
        }));
        assert!(unwound.is_err());
    });
    let lines: Vec<_> = collected.events.iter().map(|(_, line)| line).collect();
    for event in ["subscriber refused", "frame skipped", "viewer joins", "viewer ends", "hub closed"] {
        assert_eq!(lines.iter().filter(|line| line.contains(event)).count(), 1, "{event}: {lines:?}");
    }
    assert!(lines.iter().all(|line| line.contains(" hub=\"yard\"")), "{lines:?}");
}

#[test]
fn hub_of_a_set_has_its_name_in_events() {
    let lines = Log::of(|| {
        let hubs = Hubs::builder().hub(hub::builder().name("overridden")).source(|_, publisher| {
            assert!(publisher.publish_jpeg("").unwrap().is_err());
            Ok(())
        });
        let hubs = hubs.build();
        hubs.open("made").unwrap();
        for (name, (publisher, hub)) in
            [("inserted", hub::channel()), ("another", hub::builder().name("its own").build())]
        {
            hubs.insert(name, hub).unwrap();
            assert!(publisher.publish_jpeg("").unwrap().is_err());
        }
    });
    let names: Vec<_> = lines.iter().map(|line| line.split_once(" hub=").unwrap().1.split('"').nth(1)).collect();
    assert_eq!(names, [Some("made"), Some("inserted"), Some("its own")]);
}

#[test]
fn span_of_a_viewer_has_the_reason_and_the_counts_of_its_end() {
    let expired = || hub::builder().max_lifetime(std::time::Duration::from_nanos(1));
    type End = fn(&Hub);
    let ends: [(&str, hub::Builder, End); 4] = [
        ("closed", hub::builder(), Hub::close),
        ("disconnected", hub::builder(), |_| ()),
        ("expired", expired(), |_| std::thread::sleep(std::time::Duration::from_millis(50))),
        ("revoked", hub::builder(), |hub| assert_eq!(hub.revoke("secret"), 1)),
    ];
    for (reason, builder, end) in ends {
        let collected = Log::collect(|| {
            let (publisher, hub) = builder.name("yard").build();
            let viewer = hub.subscribe(Wire::Script).unwrap().key("secret").label("192.0.2.7");
            let mut viewer = block_on_stream(viewer.into_stream());
            publisher.publish(Part::text("one").unwrap()).unwrap();
            assert!(viewer.next().is_some());
            publisher.publish(Part::text("skipped").unwrap()).unwrap();
            publisher.publish(Part::text("two").unwrap()).unwrap();
            if reason != "expired" {
                assert!(viewer.next().is_some());
            }
            end(&hub);
            match reason {
                "disconnected" => drop(viewer),
                _ => drop(viewer.count()),
            }
        });
        let [span] = collected.spans.as_slice() else { panic!("{reason}: {} spans", collected.spans.len()) };
        let fields = &span.fields;
        let start = "viewer hub=\"yard\" viewer=1 wire=Script label=\"192.0.2.7\"";
        assert!(fields.starts_with(&format!("{start} reason=\"{reason}\" parts=")), "{reason}: {fields}");
        assert!(!fields.contains("secret"), "{fields}");
        assert_eq!((span.events, span.ended), (2, true), "{reason}");
        if reason != "expired" {
            assert!(fields.contains(" skipped=1"), "{fields}");
        }
    }
}
