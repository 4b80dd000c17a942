//! Cameras and other servers that send pictures over HTTP.

mod address;
mod exchange;
mod login;
mod stills;
#[cfg(feature = "tls")]
mod tls;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};

use self::address::Address;
use self::exchange::{Body, Kind, Requester};
use self::login::Login;
use self::stills::Stills;
use super::open::{Item, Open};
use super::received::Received;
use super::{Error, Source};
use crate::decode::{AnyParts, Limits};
use crate::derive::setters;

pub use self::address::InvalidUrl;
#[cfg(feature = "tls")]
pub use self::tls::InvalidCertificate;

/// Creates a source that reads a camera's stream over HTTP while the hub is watched.
///
/// The URL is `http://USER:PASSWORD@HOST:PORT/PATH?QUERY`, or `https` with the feature `tls`. The scheme, the user and
/// the port may be left out. Percent-encode `?`, `#`, `/` and `@` in a user or a password, or use
/// [`login`](Source::login).
///
/// # What is accepted
///
/// - a `multipart` stream, with all faults that a [`Decoder`](crate::Decoder) accepts
/// - JPEG pictures one after another, under a video type, `application/octet-stream`, `image/jpeg`, or none
/// - a single picture under an image type, which is then requested [again and again](Source::poll_every)
///
/// Basic and Digest authentication answer a challenge (RFC 7617, RFC 7616); Digest is preferred. A response that asks for it
/// is dropped together with its connection, because some cameras serve one at a time. Header names are in Title-Case, which
/// some cameras require.
///
/// # Trust
///
/// A camera is hostile input. Only JPEG, PNG, GIF and WebP pictures pass, told by their bytes, with their
/// [time and number](crate::Part#time-and-number), and none of their headers; see [`trusted`](Source::trusted). [Limits](Source::limits) are on by default.
///
/// Up to 5 redirects are followed, only to the same host: a camera must not choose which host this server contacts. The
/// login, the headers and the body are sent only to the port of the URL, or to `https`; a redirect from `https` to `http` is
/// refused. Restrict the URLs yourself if users enter them: a name may resolve to an inner address, and to another one later.
/// Proxies of the environment are not used.
///
/// Over `https`, the certificate is verified. Most cameras have a self-signed one: `Source::certificate` adds it.
///
/// No error, event or `Debug` output holds the login or the query.
///
/// # Errors
///
/// [`InvalidUrl`] if this is no URL with a host, or of another scheme than `http` and, with the feature `tls`, `https`. The error does not hold the login.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use mixed_replace::{Part, hub, source};
///
/// # async fn app(no_signal: Part) -> Result<(), source::InvalidUrl> {
/// let camera = source::http("http://user:password@10.0.0.7/video.cgi")?;
/// let hub = camera.spawn_with(hub::builder().stale_after(Duration::from_secs(5), no_signal));
/// # Ok(())
/// # }
/// ```
///
/// ```
/// use mixed_replace::source;
///
/// assert!(source::http("10.0.0.7:8080/?action=stream").is_ok());
/// let error = source::http("rtsp://user:password@10.0.0.7/live").unwrap_err();
/// assert_eq!(error.to_string(), "rtsp://…@10.0.0.7/live: rtsp is not supported, only http and https");
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub fn http(url: &str) -> Result<Source<Http>, InvalidUrl> {
    Ok(source(Http::new(url.parse()?)))
}

/// Creates a source that requests a still picture in each period while the hub is watched.
///
/// Everything else is as with [`http()`]: authentication, trust, options.
///
/// # Errors
///
/// [`InvalidUrl`] if this is no URL with a host, or of another scheme than `http` and, with the feature `tls`, `https`. The error does not hold the login.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use mixed_replace::source;
///
/// # async fn app() -> Result<(), source::InvalidUrl> {
/// let hub = source::snapshots("http://10.0.0.8/still.jpg", Duration::from_secs(1))?.spawn();
/// # Ok(())
/// # }
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub fn snapshots(url: &str, period: Duration) -> Result<Source<Http>, InvalidUrl> {
    Ok(source(Http { only_stills: true, period, ..Http::new(url.parse()?) }))
}

fn source(http: Http) -> Source<Http> {
    let name = http.requester.address.name.clone();
    Source::new(name, http)
}

/// A stream or a still picture over HTTP, from [`http()`] or [`snapshots`].
///
/// # Examples
///
/// ```
/// use mixed_replace::source::{self, Http, Source};
///
/// let camera: Source<Http> = source::http("http://10.0.0.9/video.mjpg")?.login("viewer", "secret");
/// # drop(camera);
/// # Ok::<(), source::InvalidUrl>(())
/// ```
pub struct Http {
    requester: Requester,
    only_stills: bool,
    period: Duration,
    trusted: bool,
}

impl Http {
    fn new(address: Address) -> Self {
        let requester = Requester {
            address,
            method: Method::GET,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            limits: Limits::new(),
            client: login::Client::default(),
            #[cfg(feature = "tls")]
            tls: tls::Tls::default(),
        };
        Self { requester, only_stills: false, period: Duration::from_secs(1), trusted: false }
    }
}

impl Source<Http> {
    setters! {
        /// Sets the body of the request, for cameras that require a `POST`. Empty by default.
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::source;
        ///
        /// # async fn app() -> Result<(), source::InvalidUrl> {
        /// let camera = source::http("http://10.0.0.7/stream")?.method(http::Method::POST).body(r#"{"channel":1}"#);
        /// let hub = camera.spawn();
        /// # Ok(())
        /// # }
        /// ```
        body(impl Into<Bytes>) => open.requester.body;

        /// Sets the limits of a stream. Any picture is limited by [`max_part_bytes`](Limits::max_part_bytes).
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::{decode::Limits, source};
        ///
        /// # async fn app() -> Result<(), source::InvalidUrl> {
        /// let camera = source::http("http://10.0.0.7/video.cgi")?.limits(Limits::new().max_part_bytes(1_000_000));
        /// let hub = camera.spawn();
        /// # Ok(())
        /// # }
        /// ```
        limits(Limits) => open.requester.limits;

        /// Sets the method of the request. `GET` by default.
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::source;
        ///
        /// # async fn app() -> Result<(), source::InvalidUrl> {
        /// let camera = source::http("http://10.0.0.7/stream")?.method(http::Method::POST);
        /// let hub = camera.spawn();
        /// # Ok(())
        /// # }
        /// ```
        method(Method) => open.requester.method;

        /// Sets the period in which a single picture is requested. One second by default.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use mixed_replace::source;
        ///
        /// # async fn app() -> Result<(), source::InvalidUrl> {
        /// // It is not known whether this is a stream or a still picture.
        /// let camera = source::http("http://10.0.0.8/camera")?.poll_every(Duration::from_millis(200));
        /// let hub = camera.spawn();
        /// # Ok(())
        /// # }
        /// ```
        poll_every(Duration) => open.period;

        /// Passes on parts of any type, and all headers that a part may carry. Off by default.
        ///
        /// For a server of your own, such as another node of a relay tree.
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::source;
        ///
        /// # async fn app() -> Result<(), source::InvalidUrl> {
        /// let node = source::http("http://node-a.internal:3000/status")?.trusted(true);
        /// let hub = node.spawn();
        /// # Ok(())
        /// # }
        /// ```
        trusted(bool) => open.trusted;
    }

    /// Adds a header to the request, such as `Content-Type` or a token. It replaces one of the same name.
    ///
    /// It is sent only where the login would be.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{HeaderValue, header::AUTHORIZATION};
    /// use mixed_replace::source;
    ///
    /// # async fn app() -> Result<(), Box<dyn std::error::Error>> {
    /// let token = HeaderValue::from_static("Bearer 7kKzXq0M3vTqRz5c");
    /// let hub = source::http("http://10.0.0.7/stream")?.header(AUTHORIZATION, token).spawn();
    /// # Ok(())
    /// # }
    /// ```
    pub fn header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.open.requester.headers.insert(name, value);
        self
    }

    /// Sets the user and the password, in place of those in the URL.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::source;
    ///
    /// let camera = source::http("http://10.0.0.7/video.cgi")?.login("viewer", "p@ss/word");
    /// assert!(!format!("{camera:?}").contains("p@ss/word"));
    /// # Ok::<(), source::InvalidUrl>(())
    /// ```
    pub fn login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.open.requester.address.login = Some(Login { user: user.into(), password: password.into() });
        self
    }
}

/// Without the login, the headers and the query, which may hold secrets.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("name", &self.requester.address.name).finish_non_exhaustive()
    }
}

impl Open for Http {
    type Items = Items;

    async fn open(&mut self) -> Result<Items, Error> {
        let response = self.requester.request().await?;
        let kind = response.kind()?;
        let stills = Stills::new(self.requester.clone(), self.period, self.trusted);
        let limits = self.requester.limits;
        let clock = response.clock();
        let received = |parts| Received::new(parts, self.trusted, clock);
        Ok(match kind {
            Kind::Multipart(_) if self.only_stills => {
                return Err(Error::permanent("it sends a stream and no single picture: use `source::http`"));
            }
            Kind::Multipart(content_type) => {
                Items::Stream(Box::new(received(AnyParts::multipart(response.into_body(), &content_type, limits))))
            }
            Kind::Unknown if !self.only_stills => {
                Items::Stream(Box::new(received(AnyParts::new(response.into_body(), limits))))
            }
            // Some cameras send endless pictures as one.
            Kind::Jpeg { len: None } if !self.only_stills => {
                let received = received(AnyParts::new(response.into_body(), limits));
                Items::Pictures { received: Box::new(received), pictures: 0, stills: Some(stills) }
            }
            Kind::Jpeg { .. } | Kind::Picture | Kind::Unknown => {
                let first = exchange::still(response, limits, self.trusted).await?;
                Items::Stills(stills.beginning_with(first))
            }
        })
    }

    fn period(items: &Items) -> Duration {
        match items {
            Items::Stream(_) => Duration::ZERO,
            Items::Pictures { stills, .. } => stills.as_ref().map_or(Duration::ZERO, Stills::period),
            Items::Stills(stills) => stills.period(),
        }
    }
}

/// What a server sends.
pub(super) enum Items {
    Stream(Box<Received<Body>>),
    /// Pictures that may be a single one.
    Pictures {
        received: Box<Received<Body>>,
        pictures: u64,
        stills: Option<Stills>,
    },
    Stills(Stills),
}

impl Stream for Items {
    type Item = Result<Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut *self {
                Self::Stream(received) => return Pin::new(received).poll_next(cx),
                Self::Stills(stills) => return Pin::new(stills).poll_next(cx),
                Self::Pictures { received, pictures, stills } => {
                    let item = ready!(Pin::new(received).poll_next(cx));
                    *pictures += u64::from(matches!(item, Some(Ok(Item::Part(_)))));
                    match stills.take_if(|_| item.is_none() && *pictures == 1) {
                        Some(stills) => *self = Self::Stills(stills),
                        None => return Poll::Ready(item),
                    }
                }
            }
        }
    }
}
