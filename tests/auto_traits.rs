//! What may be sent and shared between threads, and moved: all of it, bodies like their sources.

use std::fmt::Debug;
use std::marker::PhantomPinned;
use std::rc::Rc;

use futures::stream::{Empty, Pending};
use mixed_replace::{Boundary, EncodedPart, Encoder, KeepAlive, MixedReplace, Part, Wire};

type Source = Pending<Result<Part, std::io::Error>>;

const fn is_plain<T: Send + Sync + Unpin + Debug + 'static>() {}

const _: () = {
    is_plain::<Boundary>();
    is_plain::<mixed_replace::boundary::InvalidBoundary>();
    is_plain::<mixed_replace::encode::BoundaryInPart>();
    is_plain::<EncodedPart>();
    is_plain::<Encoder>();
    is_plain::<mixed_replace::part::InvalidHeader>();
    is_plain::<mixed_replace::part::InvalidPart>();
    is_plain::<KeepAlive>();
    is_plain::<MixedReplace<Source>>();
    is_plain::<mixed_replace::stream::Infallibly<Empty<Part>>>();
    is_plain::<Part>();
    is_plain::<Wire>();
};

/// Fails to compile, for want of one answer, if `$type` has the trait.
macro_rules! is_not {
    ($trait:ident: $type:ty) => {
        const _: () = {
            trait Ambiguous<A> {
                fn ask() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $trait> Ambiguous<u8> for T {}
            let _ = <$type as Ambiguous<_>>::ask;
        };
    };
}

#[derive(Debug)]
struct Still(PhantomPinned);

impl futures::Stream for Still {
    type Item = Result<Part, std::io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Pending
    }
}

is_not!(Send: MixedReplace<Pending<Result<Part, Rc<()>>>>);
is_not!(Sync: MixedReplace<Pending<Result<Part, std::cell::Cell<()>>>>);
is_not!(Unpin: MixedReplace<Still>);

/// `chunks` borrows nothing, so that it can go on while its part is replaced.
#[test]
fn chunks_outlive_their_part() {
    let part = Part::text("one").map(|part| Encoder::random(Wire::Machine).encode(&part));
    let chunks = part.ok().and_then(Result::ok).map(|part| part.chunks());
    assert_eq!(chunks.map(Iterator::count), Some(1));
}
