//! From a camera's address to its parts.

use bytes::Bytes;
use futures_util::Stream;
use http_auth::{PasswordClient, PasswordParams};
use mixed_replace::{Decoder, Parts};
use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use url::Position;

use crate::address::{Address, Login};

/// Why there are no pictures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    /// A line for people.
    pub(crate) text: String,
    /// It takes a person to change that, so there is no point in asking often; and a camera may lock out who does.
    pub(crate) stubborn: bool,
}

impl Problem {
    pub(crate) fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), stubborn: false }
    }

    fn stubborn(text: impl Into<String>) -> Self {
        Self { text: text.into(), stubborn: true }
    }
}

/// A client that takes what cameras call HTTP.
pub(crate) fn client() -> Result<Client, String> {
    let client = Client::builder()
        .user_agent(concat!("mixed-replace-relay/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        // A camera could send us to an address that only we can reach.
        .redirect(redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .tcp_nodelay(true)
        .http1_only()
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true);
    client.build().map_err(|error| cause(&error))
}

/// Asks for the stream, and says who we are if the camera wants to know.
pub(crate) async fn open(
    client: &Client,
    camera: &Address,
) -> Result<Parts<impl Stream<Item = Result<Bytes, reqwest::Error>> + use<>>, Problem> {
    let mut response = send(client.get(camera.url.clone())).await?;
    if response.status() == StatusCode::UNAUTHORIZED {
        let Some(login) = &camera.login else {
            return Err(Problem::stubborn("it wants a user and a password: http://USER:PASSWORD@HOST/…"));
        };
        response = send(with_login(client.get(camera.url.clone()), login, response.headers(), camera)?).await?;
    }
    let decoder = decoder(&response)?;
    Ok(Parts::new(response.bytes_stream(), decoder))
}

async fn send(request: RequestBuilder) -> Result<Response, Problem> {
    request.send().await.map_err(|error| Problem::passing(cause(&error)))
}

/// The decoder for a response that is a stream.
fn decoder(response: &Response) -> Result<Decoder, Problem> {
    let status = response.status();
    match status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Err(Problem::stubborn("it refuses the user or the password")),
        StatusCode::FORBIDDEN => return Err(Problem::stubborn("it forbids us this stream (403)")),
        StatusCode::NOT_FOUND => return Err(Problem::stubborn("it has nothing at this path (404)")),
        _ if status.is_redirection() => {
            return Err(Problem::stubborn(format!("it sends us on to {} ({})", target(response), status.as_u16())));
        }
        _ if status.is_client_error() => return Err(Problem::stubborn(format!("it answers {status}"))),
        _ => return Err(Problem::passing(format!("it answers {status}"))),
    }
    let encoding = text(response.headers().get(CONTENT_ENCODING));
    if !matches!(encoding.as_str(), "" | "identity") {
        return Err(Problem::stubborn(format!("it compresses its stream ({encoding}), though nobody asked it to")));
    }
    let content_type = response.headers().get(CONTENT_TYPE);
    let shown = text(content_type);
    let kind = shown.to_ascii_lowercase();
    match content_type {
        Some(value) if kind.starts_with("multipart/") => Ok(Decoder::for_content_type(value)),
        _ if kind.starts_with("image/") => {
            let text = format!("it sends one picture ({shown}) and no stream; its MJPEG stream has another path");
            Err(Problem::stubborn(text))
        }
        // Some do not say what they send, and send parts.
        None => Ok(Decoder::detect()),
        Some(_) if kind.is_empty() || kind.starts_with("application/octet-stream") => Ok(Decoder::detect()),
        Some(_) => Err(Problem::stubborn(format!("it sends {shown} and no multipart stream"))),
    }
}

/// By Digest if the camera knows it (RFC 7616), else by Basic (RFC 7617), which tells the password.
fn with_login(
    request: RequestBuilder,
    login: &Login,
    headers: &HeaderMap,
    camera: &Address,
) -> Result<RequestBuilder, Problem> {
    let unknown = |_| Problem::stubborn("it wants a password, but neither by Basic nor by Digest");
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    // motion says md5, and the library knows what the RFC says.
    let challenges = challenges.map(|challenge| challenge.replace("algorithm=md5", "algorithm=MD5"));
    let client = challenges.fold(PasswordClient::builder(), |client, challenge| client.challenges(&challenge));
    let mut client = client.build().map_err(unknown)?;
    let answer = client.respond(&PasswordParams {
        username: &login.user,
        password: &login.password,
        uri: &camera.url[Position::BeforePath..],
        method: "GET",
        // So that it is qop=auth, which all have, and never auth-int, which some only claim.
        body: None,
    });
    let value = answer.ok().and_then(|answer| HeaderValue::try_from(answer).ok());
    let mut value = value.ok_or_else(|| Problem::stubborn("its question for the password cannot be answered"))?;
    value.set_sensitive(true);
    Ok(request.header(AUTHORIZATION, value))
}

/// Where a camera wants us to go instead, without what may be secret in it.
fn target(response: &Response) -> String {
    let to = text(response.headers().get(LOCATION));
    let Ok(mut url) = response.url().join(&to) else { return "nowhere".into() };
    // One that can hold none has none.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url[..Position::AfterPath].to_owned()
}

/// What a camera wrote, as it may be shown.
fn text(value: Option<&HeaderValue>) -> String {
    let text = value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// The innermost error: the outer ones only say that a request failed, and name its address with all that is secret in it.
pub(crate) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
