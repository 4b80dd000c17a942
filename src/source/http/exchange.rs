//! A request and its response, on a connection of its own.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION,
    USER_AGENT,
};
use http::{Method, Request, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use url::{Position, Url};

use super::address::{self, Address};
use super::login;
use crate::decode::{Limits, SenderClock};
use crate::part::{Part, stamp};
use crate::picture;
use crate::source::Error;
use crate::source::error::cause;
use crate::source::open::Item;
use crate::source::received::item;

/// A request that can be sent again and again.
#[derive(Clone)]
pub(super) struct Requester {
    pub(super) address: Address,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) limits: Limits,
    pub(super) client: login::Client,
    #[cfg(feature = "tls")]
    pub(super) tls: super::tls::Tls,
}

impl Requester {
    /// Returns the response, after a login and redirects if the server asks for them.
    pub(super) async fn request(&self) -> Result<Response, Error> {
        let mut url = self.address.url.clone();
        let mut message = Message { method: self.method.clone(), body: self.body.clone() };
        let (mut redirects, mut challenged) = (0, false);
        loop {
            let is_trusted = may_see_secrets(&self.address.url, &url);
            let login = self.address.login.as_ref().filter(|_| is_trusted);
            let authorization = match login {
                Some(login) => self.client.respond(login, &message.method, &url[Position::BeforePath..])?,
                None => None,
            };
            let headers = is_trusted.then_some(&self.headers);
            let response = Response::receive(self, &url, &message, headers, authorization).await?;
            let status = response.head.status;
            if status == StatusCode::UNAUTHORIZED {
                if login.is_none() {
                    let text = "it requires a user and a password: write USER:PASSWORD@HOST";
                    return Err(Error::permanent(text));
                }
                if std::mem::replace(&mut challenged, true) {
                    self.client.forget();
                    return Err(Error::permanent("it refuses the user or the password"));
                }
                self.client.challenge(&response.head.headers)?;
            } else if REDIRECTS.contains(&status) {
                url = redirected(&url, &response.head, redirects)?;
                message = message.redirected(status);
                // It may hold a login.
                if !message.body.is_empty() && !may_see_secrets(&self.address.url, &url) {
                    let text = format!("it redirects the request's body to another port ({status})");
                    return Err(Error::permanent(format_args!("{text}, which is not followed")));
                }
                (redirects, challenged) = (redirects + 1, false);
            } else {
                return response.checked();
            }
            // Some cameras serve one connection at a time.
            response.close().await;
        }
    }
}

/// Returns whether a server that was reached by a redirect may see secrets: the same one, or its `https`, which many cameras
/// redirect to.
fn may_see_secrets(original: &Url, url: &Url) -> bool {
    let is_upgrade = original.scheme() == "http" && url.scheme() == "https" && original.host() == url.host();
    original.origin() == url.origin() || is_upgrade
}

/// Returns the target of a redirect.
fn redirected(from: &Url, head: &http::response::Parts, redirects: usize) -> Result<Url, Error> {
    let status = head.status.as_u16();
    let refused = |to: &str, why: &str| Error::permanent(format_args!("it redirects to {to} ({status}), {why}"));
    let Ok(mut to) = from.join(&text(head.headers.get(LOCATION), usize::MAX)) else {
        return Err(refused("an invalid address", "which is not followed"));
    };
    // A URL that cannot hold a user has none.
    let _ = to.set_username("").and_then(|()| to.set_password(None));
    to.set_fragment(None);
    // Without its query, which may be secret.
    let shown = &to[..Position::AfterPath];
    if to.scheme() == "https" && to.host() == from.host() && !address::is_supported(&to) {
        return Err(refused(shown, address::TLS_IS_OFF));
    }
    if to.host() != from.host() || !address::is_supported(&to) || from.scheme() == "https" && to.scheme() == "http" {
        return Err(refused(shown, "which is not followed"));
    }
    if redirects == MOST_REDIRECTS {
        return Err(refused(shown, "and again and again"));
    }
    Ok(to)
}

/// The method and the body of a request.
struct Message {
    method: Method,
    body: Bytes,
}

impl Message {
    /// Returns what is sent to the target of a redirect (RFC 9110 §15.4).
    fn redirected(self, status: StatusCode) -> Self {
        let keeps = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        if keeps || self.method == Method::GET { self } else { Self { method: Method::GET, body: Bytes::new() } }
    }
}

/// A response and its connection. Dropping it closes the connection.
pub(super) struct Response {
    head: http::response::Parts,
    body: Incoming,
    connection: JoinSet<()>,
    /// When the head arrived.
    time: SystemTime,
}

/// What a response holds, by its head.
pub(super) enum Kind {
    /// A picture that is a JPEG, or several if it has no length.
    Jpeg {
        len: Option<u64>,
    },
    /// Parts, with the content type that names their boundary.
    Multipart(Vec<u8>),
    Picture,
    /// What the first bytes tell.
    Unknown,
}

impl Response {
    async fn receive(
        requester: &Requester,
        url: &Url,
        message: &Message,
        headers: Option<&HeaderMap>,
        authorization: Option<HeaderValue>,
    ) -> Result<Self, Error> {
        let mut request = Request::builder()
            .method(message.method.clone())
            .uri(&url[Position::BeforePath..])
            .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(USER_AGENT, concat!("mixed-replace/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "*/*")
            .body(Once(Some(message.body.clone()).filter(|body| !body.is_empty())))
            .map_err(|error| Error::permanent(cause(&error)))?;
        for (name, value) in headers.into_iter().flatten() {
            request.headers_mut().insert(name, value.clone());
        }
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }

        let address = (address::host(url), url.port_or_known_default().unwrap_or(80));
        let socket = TcpStream::connect(address).await.map_err(Error::transient)?;
        let _ = socket.set_nodelay(true);
        #[cfg(feature = "tls")]
        if url.scheme() == "https" {
            return Self::over(requester.tls.connect(url, socket).await?, request).await;
        }
        #[cfg(not(feature = "tls"))]
        let _ = requester;
        Self::over(socket, request).await
    }

    /// Sends the request on a connection, which may be an encrypted one.
    async fn over<S>(socket: S, request: Request<Once>) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let failed = |error: hyper::Error| Error::transient(cause(&error));
        let handshake = http1::Builder::new()
            // Some cameras match `Authorization` by case and otherwise report a wrong password.
            .title_case_headers(true)
            .ignore_invalid_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .handshake(TokioIo::new(socket));
        let (mut sender, io) = handshake.await.map_err(failed)?;
        let mut connection = JoinSet::new();
        // The response reports the same error.
        connection.spawn(async { drop(io.await) });
        let (head, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
        Ok(Self { head, body, connection, time: SystemTime::now() })
    }

    /// Closes the connection without waiting for the server.
    async fn close(mut self) {
        self.connection.shutdown().await;
    }

    /// Returns the response if it is a successful one.
    fn checked(self) -> Result<Self, Error> {
        match self.head.status {
            StatusCode::OK => Ok(self),
            StatusCode::FORBIDDEN => Err(Error::permanent("it forbids access to this stream (403)")),
            StatusCode::NOT_FOUND => Err(Error::permanent("it has no stream at this path (404)")),
            status @ (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) => {
                Err(Error::transient(format_args!("it answers {status}")))
            }
            status if status.is_client_error() => Err(Error::permanent(format_args!("it answers {status}"))),
            status => Err(Error::transient(format_args!("it answers {status}"))),
        }
    }

    pub(super) fn kind(&self) -> Result<Kind, Error> {
        let headers = &self.head.headers;
        let encoding = text(headers.get(CONTENT_ENCODING), SHOWN);
        if !matches!(encoding.as_str(), "" | "identity") {
            let text = format!("it compresses its stream ({encoding}), which was not requested");
            return Err(Error::permanent(text));
        }
        let content_type = headers.get(CONTENT_TYPE);
        let shown = text(content_type, SHOWN);
        let essence = shown.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Ok(match (content_type, essence.as_str()) {
            (Some(value), essence) if essence.starts_with("multipart/") => Kind::Multipart(value.as_bytes().to_vec()),
            (_, essence) if picture::names_jpeg(essence) => {
                let len = headers.get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.trim().parse().ok());
                Kind::Jpeg { len }
            }
            // Some cameras name no type, or only a video type.
            (_, essence) if essence.is_empty() || picture::names_jpegs(essence) => Kind::Unknown,
            (_, essence) if essence.starts_with("image/") => Kind::Picture,
            _ => return Err(Error::permanent(format_args!("it sends {shown} instead of a multipart stream"))),
        })
    }

    /// Returns the clock of the server, by the response's `Date`.
    pub(super) fn clock(&self) -> SenderClock {
        SenderClock::of(&self.head.headers, self.time)
    }

    pub(super) fn into_body(self) -> Body {
        Body { incoming: self.body, _connection: self.connection }
    }
}

/// Returns the picture that is the response's body.
pub(super) async fn still(response: Response, limits: Limits, trusted: bool) -> Result<Item, Error> {
    let content_type = text(response.head.headers.get(CONTENT_TYPE), SHOWN);
    let content_type = content_type.parse().unwrap_or(mime::APPLICATION_OCTET_STREAM);
    let (mut clock, stamp) = (response.clock(), stamp::received(&response.head.headers));
    let mut body = response.into_body();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
        let chunk = chunk.map_err(|error| Error::transient(cause(&error)))?;
        if bytes.len() + chunk.len() > limits.max_part_bytes {
            let limit = limits.max_part_bytes;
            return Err(Error::permanent(format_args!("its picture exceeds the limit of {limit} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(match Part::received(content_type, bytes.freeze()) {
        Ok(part) => item(part.with_received_headers(stamp), trusted, &mut clock),
        Err(error) => Item::Damaged(1, Some(error)),
    })
}

/// The bytes of a response. Dropping it closes the connection.
pub(in crate::source) struct Body {
    incoming: Incoming,
    _connection: JoinSet<()>,
}

impl Stream for Body {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx).map_err(io::Error::other)?);
            match frame.map(Frame::into_data) {
                Some(Ok(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Some(Err(_trailers)) => {}
                None => return Poll::Ready(None),
            }
        }
    }
}

/// The body of a request, in one chunk.
struct Once(Option<Bytes>);

impl http_body::Body for Once {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// Returns a header value of a camera, short and without control characters.
fn text(value: Option<&HeaderValue>, len: usize) -> String {
    let text = value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(len).collect()
}

const MOST_REDIRECTS: usize = 5;
const REDIRECTS: [StatusCode; 5] = [
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
];
/// The number of characters of a header that are shown.
const SHOWN: usize = 100;
