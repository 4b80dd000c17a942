//! Types that are `Send`, `Sync` or `Unpin`. Adapters and users rely on it, so it is part of the API.

use mixed_replace::decode::{DecodeError, Limits, Parts, PartsError};
use mixed_replace::encode::{EncodeError, EncodedPart};
use mixed_replace::hub::{
    Builder, Closed, DatedPart, Demand, Ended, PublishError, Rate, Refused, SnapshotFuture, Stats, Viewer,
};
use mixed_replace::jpeg::{Pictures, PicturesError, SplitError, Splitter};
use mixed_replace::{
    Boundary, Decoder, Encoder, Hub, Hubs, InvalidBoundary, InvalidHeader, InvalidPart, KeepAlive, MixedReplace, Part,
    PartResponse, Publisher, Subscriber, Wire, Writer, body, hubs,
};

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
fn sets_of_hubs_cross_threads() {
    everywhere::<(Hubs, hubs::Builder, hubs::Listing, hubs::InsertError, hubs::OpenError)>();
    clone::<(Hubs, hubs::Builder)>();
    debug::<(Hubs, hubs::Builder, hubs::Listing)>();
}

#[cfg(feature = "http-body")]
#[test]
fn ladders_cross_threads() {
    use mixed_replace::{Ladder, ladder};
    everywhere::<(Ladder, ladder::Subscriber, ladder::Stats, ladder::RungStats, ladder::Viewer, ladder::Reason)>();
    everywhere::<(body::Body<ladder::Subscriber>, body::Chunks<ladder::Subscriber>)>();
    clone::<(Ladder, ladder::Size, ladder::Stats, ladder::RungStats, ladder::Viewer, ladder::Reason)>();
    debug::<(Ladder, ladder::Subscriber, ladder::Size, ladder::Stats, ladder::Viewer, ladder::Reason)>();
}

#[test]
fn bodies_and_futures_cross_threads() {
    everywhere::<Subscriber>();
    everywhere::<SnapshotFuture>();
    everywhere::<KeepAlive>();
    type Source = futures::stream::Empty<Result<Part, std::io::Error>>;
    everywhere::<(MixedReplace<Source>, body::Chunks<MixedReplace<Source>>, body::Chunks<Subscriber>)>();
    debug::<(Subscriber, SnapshotFuture, KeepAlive)>();
    debug::<(MixedReplace<Source>, body::Chunks<MixedReplace<Source>>, body::Chunks<Subscriber>)>();
    #[cfg(feature = "http-body")]
    everywhere::<(body::Body<MixedReplace<Source>>, body::Body<Subscriber>)>();
    #[cfg(feature = "http-body")]
    debug::<(body::Body<MixedReplace<Source>>, body::Body<Subscriber>)>();

    fn future<T: Send + Sync>(_: impl FnOnce(&'static Demand) -> T) {}
    future(Demand::wanted);
    future(Demand::unwanted);
}

#[test]
fn values_cross_threads() {
    everywhere::<(Boundary, EncodedPart, Encoder, Part, Wire)>();
    everywhere::<(DatedPart, Ended, PublishError, Rate, Refused, Stats, Viewer)>();
    clone::<(Boundary, EncodedPart, Encoder, Part, Wire)>();
    clone::<(DatedPart, Ended, PublishError, Rate, Refused, Stats, Viewer)>();
    debug::<(DatedPart, Ended, PublishError, Rate, Refused, Stats, Viewer)>();
    everywhere::<(Decoder, Limits, Splitter, PartResponse)>();
    debug::<(Decoder, Limits, Splitter, PartResponse)>();
    everywhere::<(Parts<std::io::Empty>, Pictures<std::io::Empty>, Writer<std::io::Empty>)>();
}

#[test]
fn errors_cross_threads() {
    fn error<T: std::error::Error + Send + Sync + Unpin + 'static>() {}
    error::<EncodeError>();
    error::<Closed>();
    error::<DecodeError>();
    error::<InvalidBoundary>();
    error::<InvalidHeader>();
    error::<InvalidPart>();
    error::<PartsError<std::io::Error>>();
    error::<PicturesError<std::io::Error>>();
    error::<PublishError>();
    error::<Refused>();
    error::<SplitError>();
}

#[cfg(feature = "http-body")]
#[test]
fn endpoints_cross_threads() {
    use mixed_replace::serve::{ResponseBody, ResponseFuture};
    use mixed_replace::{Live, Metrics, Snapshot};
    everywhere::<(Live, Metrics, Snapshot, ResponseBody, ResponseFuture)>();
    debug::<(Live, Metrics, Snapshot, ResponseBody, ResponseFuture)>();
    #[cfg(feature = "page")]
    everywhere::<(mixed_replace::ClientScript, mixed_replace::Page)>();
    #[cfg(feature = "page")]
    debug::<(mixed_replace::ClientScript, mixed_replace::Page)>();
}
