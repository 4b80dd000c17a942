//! A source that a function opens.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::open::{Item, Open};
use super::{Error, Source};
use crate::hub::Publisher;
use crate::part::Part;

/// Creates a source from a function that opens a stream of parts, and is called again when that ends or fails.
///
/// Errors of the function and of the stream end a stream. A part that cannot be sent is left out and counted.
///
/// # Examples
///
/// A sender on a socket, over and over:
///
/// ```no_run
/// use bytes::BytesMut;
/// use futures::{Stream, stream};
/// use mixed_replace::decode::Parts;
/// use mixed_replace::{Decoder, Part, source};
/// use tokio::{io::AsyncReadExt, net::TcpStream};
///
/// async fn connect() -> std::io::Result<impl Stream<Item = std::io::Result<Part>> + Send> {
///     let socket = TcpStream::connect("10.0.0.9:9000").await?;
///     let bytes = stream::try_unfold(socket, async |mut socket| {
///         let mut chunk = BytesMut::with_capacity(64 * 1024);
///         let len = socket.read_buf(&mut chunk).await?;
///         Ok::<_, std::io::Error>((len > 0).then_some((chunk, socket)))
///     });
///     Ok(futures::StreamExt::map(Parts::new(bytes, Decoder::detect()), |part| part.map_err(std::io::Error::other)))
/// }
///
/// # async fn app() {
/// let hub = source::from_fn(connect).name("gate").spawn();
/// # }
/// ```
pub fn from_fn<F, Fut, S, E, T>(open: F) -> Source<FromFn<F>>
where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = Result<S, E>> + Send,
    S: Stream<Item = Result<Part, T>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    T: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Source::new("stream", FromFn(open))
}

/// Publishes the parts of a stream, and opens it again when it ends or fails, until the hub is closed.
///
/// The same as [`from_fn(open).run(publisher)`](Source::run), with the default options.
///
/// # Examples
///
/// ```no_run
/// # use mixed_replace::{Part, hub, source};
/// # async fn connect() -> std::io::Result<futures::stream::Empty<std::io::Result<Part>>> { Ok(futures::stream::empty()) }
/// # async fn app() {
/// let (publisher, hub) = hub::channel();
/// let task = tokio::spawn(source::supervise(publisher, connect));
/// # }
/// ```
pub fn supervise<F, Fut, S, E, T>(publisher: Publisher, open: F) -> impl Future<Output = ()> + Send
where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = Result<S, E>> + Send,
    S: Stream<Item = Result<Part, T>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    T: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    from_fn(open).run(publisher)
}

/// A function that opens a stream of parts, from [`from_fn`].
///
/// # Examples
///
/// ```
/// use futures::stream;
/// use mixed_replace::source::{self, FromFn, Source};
/// use mixed_replace::{InvalidPart, Part};
///
/// type Parts = stream::Once<std::future::Ready<Result<Part, InvalidPart>>>;
///
/// async fn open() -> std::io::Result<Parts> {
///     Ok(stream::once(std::future::ready(Part::text("on"))))
/// }
///
/// let camera: Source<FromFn<_>> = source::from_fn(open);
/// assert_eq!(camera.monitor().name(), "stream");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FromFn<F>(F);

impl<F, Fut, S, E, T> Open for FromFn<F>
where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = Result<S, E>> + Send,
    S: Stream<Item = Result<Part, T>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    T: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Items = Items<S>;

    async fn open(&mut self) -> Result<Items<S>, Error> {
        match (self.0)().await {
            Ok(parts) => Ok(Items(Box::pin(parts))),
            Err(error) => Err(Error::from_any(error.into())),
        }
    }
}

pub(super) struct Items<S>(Pin<Box<S>>);

impl<S, T> Stream for Items<S>
where
    S: Stream<Item = Result<Part, T>>,
    T: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Item = Result<Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let part = self.0.as_mut().poll_next(cx);
        part.map(|part| part.map(|part| part.map(Item::Part).map_err(|error| Error::from_any(error.into()))))
    }
}
