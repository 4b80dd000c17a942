//! Opens a camera's stream and reads its pictures.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_auth::{PasswordClient, PasswordParams};
use http_body_util::Empty;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION, USER_AGENT,
    WWW_AUTHENTICATE,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use mixed_replace::decode::Parts;
use mixed_replace::jpeg::{Pictures, PicturesError, SplitError, Splitter};
use mixed_replace::{Decoder, Part};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use url::{Host, Position, Url};

use crate::address::{Address, Login};

/// The reason why a camera sends no pictures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    /// One line to be shown.
    pub(crate) text: String,
    /// Only a person can mend it. Some cameras lock out clients that retry often.
    pub(crate) permanent: bool,
}

impl Problem {
    pub(crate) fn transient(text: impl Into<String>) -> Self {
        Self { text: text.into(), permanent: false }
    }

    fn permanent(text: impl Into<String>) -> Self {
        Self { text: text.into(), permanent: true }
    }
}

/// A camera's open stream. Dropping it closes the connection.
pub(crate) struct Input {
    format: Format,
    /// The sum of all results of [`skipped`](Self::skipped).
    skipped: u64,
}

enum Format {
    Parts(Box<Parts<Received>>),
    /// JPEG pictures with nothing between them.
    Jpegs(Box<Pictures<Received>>),
}

/// An item of a stream.
pub(crate) enum Item {
    Part(Part),
    Jpeg(Bytes),
}

impl Input {
    /// Returns the next item, or `None` at the end of the stream.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Result<Item, Problem>> {
        match &mut self.format {
            Format::Parts(parts) => {
                let part = parts.next().await?;
                Some(part.map(Item::Part).map_err(|error| Problem::transient(cause(&error))))
            }
            Format::Jpegs(pictures) => loop {
                match pictures.next().await? {
                    Ok(jpeg) => return Some(Ok(Item::Jpeg(jpeg))),
                    // Counted by the splitter; the stream goes on.
                    Err(PicturesError::Split(SplitError::TooLarge { .. } | SplitError::Truncated { .. })) => {}
                    Err(error) => return Some(Err(Problem::transient(cause(&error)))),
                }
            },
        }
    }

    /// Returns the number of pictures that were too damaged to be read since the last call.
    pub(crate) fn skipped(&mut self) -> u64 {
        let skipped = match &self.format {
            Format::Parts(parts) => parts.decoder().skipped(),
            Format::Jpegs(pictures) => pictures.broken(),
        };
        skipped - std::mem::replace(&mut self.skipped, skipped)
    }
}

/// Requests the stream, with user and password if the camera asks for them.
pub(crate) async fn open(camera: &Address) -> Result<Input, Problem> {
    let mut answer = Answer::ask(camera, None).await?;
    if answer.response.status() == StatusCode::UNAUTHORIZED {
        let Some(login) = &camera.login else {
            return Err(Problem::permanent("it requires a user and a password: http://USER:PASSWORD@HOST/…"));
        };
        let authorization = authorization(login, answer.response.headers(), camera)?;
        // Some cameras serve one connection at a time.
        answer.close().await;
        answer = Answer::ask(camera, Some(authorization)).await?;
    }
    answer.into_input(&camera.url).await
}

/// A response and its connection. Dropping it closes the connection.
struct Answer {
    response: Response<Incoming>,
    connection: JoinSet<()>,
}

impl Answer {
    async fn ask(camera: &Address, authorization: Option<HeaderValue>) -> Result<Self, Problem> {
        let url = &camera.url;
        let mut request = Request::get(&url[Position::BeforePath..])
            .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(USER_AGENT, concat!("mixed-replace-relay/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "*/*");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| Problem::permanent(cause(&error)))?;

        let socket = connect(url).await.map_err(|error| Problem::transient(error.to_string()))?;
        let _ = socket.set_nodelay(true);
        let failed = |error: hyper::Error| Problem::transient(cause(&error));
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
        let response = sender.send_request(request).await.map_err(failed)?;
        Ok(Self { response, connection })
    }

    /// Closes the connection without waiting for the camera.
    async fn close(mut self) {
        self.connection.shutdown().await;
    }

    /// Returns the stream, if the response is one.
    async fn into_input(self, url: &Url) -> Result<Input, Problem> {
        let status = self.response.status();
        match status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(Problem::permanent("it refuses the user or the password")),
            StatusCode::FORBIDDEN => return Err(Problem::permanent("it forbids access to this stream (403)")),
            StatusCode::NOT_FOUND => return Err(Problem::permanent("it has no stream at this path (404)")),
            _ if status.is_redirection() => {
                let to = target(url, self.response.headers());
                return Err(Problem::permanent(format!(
                    "it redirects to {to} ({}), which is not followed",
                    status.as_u16()
                )));
            }
            _ if status.is_client_error() => return Err(Problem::permanent(format!("it answers {status}"))),
            _ => return Err(Problem::transient(format!("it answers {status}"))),
        }
        let headers = self.response.headers();
        let encoding = text(headers.get(CONTENT_ENCODING));
        if !matches!(encoding.as_str(), "" | "identity") {
            return Err(Problem::permanent(format!("it compresses its stream ({encoding}), which was not requested")));
        }
        let content_type = headers.get(CONTENT_TYPE).cloned();
        let shown = text(content_type.as_ref());
        let kind = shown.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut received = Received { first: None, body: self.response.into_body(), _connection: self.connection };
        let format = match (content_type, kind.as_str()) {
            (Some(value), kind) if kind.starts_with("multipart/") => {
                Format::Parts(Box::new(Parts::new(received, Decoder::for_content_type(value))))
            }
            // Some cameras name no type, or only a video type.
            (_, "" | "application/octet-stream" | "video/x-motion-jpeg" | "video/x-mjpeg" | "video/mjpeg") => {
                if received.is_text().await? {
                    Format::Parts(Box::new(Parts::new(received, Decoder::detect())))
                } else {
                    Format::Jpegs(Box::new(Pictures::new(received, Splitter::new())))
                }
            }
            (_, kind) if kind.starts_with("image/") => {
                let text = format!("it sends a single picture ({shown}); use the path of its MJPEG stream");
                return Err(Problem::permanent(text));
            }
            _ => return Err(Problem::permanent(format!("it sends {shown} instead of a multipart stream"))),
        };
        Ok(Input { format, skipped: 0 })
    }
}

/// The bytes of a response.
struct Received {
    /// The first chunk, if `is_text` has read it.
    first: Option<Bytes>,
    body: Incoming,
    _connection: JoinSet<()>,
}

impl Received {
    /// Returns `true` if the stream starts with text, as a delimiter or a header line does, and `false` if it starts with or
    /// within a picture.
    async fn is_text(&mut self) -> Result<bool, Problem> {
        while let Some(chunk) = self.next().await {
            let chunk = chunk.map_err(|error| Problem::transient(cause(&error)))?;
            let first = chunk.iter().copied().find(|byte| !matches!(byte, b'\r' | b'\n'));
            if let Some(first) = first {
                self.first = Some(chunk);
                return Ok(first.is_ascii_graphic());
            }
        }
        Ok(true)
    }
}

impl Stream for Received {
    type Item = Result<Bytes, hyper::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    // Trailers hold no pictures.
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

async fn connect(url: &Url) -> std::io::Result<TcpStream> {
    let port = url.port_or_known_default().unwrap_or(80);
    match url.host() {
        Some(Host::Ipv4(address)) => TcpStream::connect((address, port)).await,
        Some(Host::Ipv6(address)) => TcpStream::connect((address, port)).await,
        Some(Host::Domain(name)) => TcpStream::connect((name, port)).await,
        None => Err(std::io::ErrorKind::InvalidInput.into()),
    }
}

/// Returns the `Authorization` header: Digest (RFC 7616) if the camera offers it, else Basic (RFC 7617), which reveals the
/// password.
fn authorization(login: &Login, headers: &HeaderMap, camera: &Address) -> Result<HeaderValue, Problem> {
    let unknown = |_| Problem::permanent("it offers neither Basic nor Digest authentication");
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    // `http-auth` matches the name by case (RFC 7616 §3.3), and motion writes `md5`.
    let challenges = challenges.map(|challenge| challenge.replace("algorithm=md5", "algorithm=MD5"));
    let client = challenges.fold(PasswordClient::builder(), |client, challenge| client.challenges(&challenge));
    let mut client = client.build().map_err(unknown)?;
    let answer = client.respond(&PasswordParams {
        username: &login.user,
        password: &login.password,
        uri: &camera.url[Position::BeforePath..],
        method: "GET",
        // Without a body the answer is `qop=auth`: some cameras claim `auth-int` without supporting it.
        body: None,
    });
    let value = answer.ok().and_then(|answer| HeaderValue::try_from(answer).ok());
    let mut value = value.ok_or_else(|| Problem::permanent("its authentication challenge is invalid"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Returns the target of a redirect without its user, password and query, which may be secret.
fn target(url: &Url, headers: &HeaderMap) -> String {
    let Ok(mut url) = url.join(&text(headers.get(LOCATION))) else { return "an invalid address".into() };
    // A URL that cannot hold a user has none.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url[..Position::AfterPath].to_owned()
}

/// Returns a header value of a camera, fit to be shown: short and without control characters.
fn text(value: Option<&HeaderValue>) -> String {
    let text = value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// Returns the message of the innermost error. Outer ones say only that a request failed, and name its URL with its secrets.
pub(crate) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
