//! What may cross threads, and move while it is polled. Part of the API: adapters and users rely on it.

use mixed_replace::hub::{Builder, Demand, Ended, PublishError, Refused, Snapshot, Stats, Viewer};
use mixed_replace::{Boundary, EncodedPart, Encoder, Hub, KeepAlive, MixedReplace, Part, Publisher, Subscriber, Wire};

fn everywhere<T: Send + Sync + Unpin + 'static>() {}
fn clone<T: Clone>() {}
fn debug<T: std::fmt::Debug>() {}

#[test]
fn handles_cross_threads() {
    everywhere::<Hub>();
    everywhere::<Publisher>();
    everywhere::<Demand>();
    everywhere::<Builder>();
    clone::<Hub>();
    clone::<Demand>();
    clone::<Builder>();
    debug::<(Hub, Publisher, Demand, Builder)>();
}

#[test]
fn bodies_and_futures_cross_threads() {
    everywhere::<Subscriber>();
    everywhere::<Snapshot>();
    everywhere::<KeepAlive>();
    everywhere::<MixedReplace<futures::stream::Empty<Result<Part, std::io::Error>>>>();
    debug::<(Subscriber, Snapshot, KeepAlive)>();

    fn future<T: Send + Sync>(_: impl FnOnce(&'static Demand) -> T) {}
    future(Demand::wanted);
    future(Demand::unwanted);
}

#[test]
fn values_cross_threads() {
    everywhere::<(Boundary, EncodedPart, Encoder, Part, Wire)>();
    everywhere::<(Ended, PublishError, Refused, Stats, Viewer)>();
    clone::<(Boundary, EncodedPart, Encoder, Part, Wire)>();
    clone::<(Ended, PublishError, Refused, Stats, Viewer)>();
    debug::<(Ended, PublishError, Refused, Stats, Viewer)>();
}
