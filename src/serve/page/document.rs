//! The document of a page: the latest part, the script that replaces it, and the policy that keeps everything else out.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, VARY};

use crate::boundary::Boundary;
use crate::hub::DatedPart;
use crate::part::Part;
use crate::part_response::PartResponse;
use crate::serve::reply::uncached;

/// The options of a page.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The sources of `frame-ancestors`.
    pub(super) ancestors: String,
    pub(super) title: String,
    /// The period at which a browser without scripts reloads the page.
    pub(super) refresh: Duration,
    /// HTML parts are the page itself.
    pub(super) trusted: bool,
    pub(super) show_age: bool,
}

/// A page for one request.
pub(super) struct Document<'a> {
    settings: &'a Settings,
    /// The start of the addresses of its resources: `?`, or with the page's own query `?a=b&`.
    own: String,
    latest: Option<DatedPart>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ancestors: "'self'".to_owned(),
            title: "Status".to_owned(),
            refresh: Duration::from_secs(5),
            trusted: false,
            show_age: false,
        }
    }
}

impl<'a> Document<'a> {
    pub(super) fn new(settings: &'a Settings, query: Option<&str>, latest: Option<DatedPart>) -> Self {
        let is_other = |pair: &&str| !OURS.contains(&pair.split('=').next().unwrap_or_default());
        let others = query.unwrap_or_default().split('&').filter(is_other);
        let own = others.fold("?".to_owned(), |own, pair| own + &escaped(pair) + "&amp;");
        Self { settings, own, latest }
    }

    /// Returns the page that replaces its part by itself, with the client script of this tag. A picture is requested as
    /// a snapshot, or else as a stream.
    ///
    /// The client gives up a stream that is silent for two and a half periods of the keep-alive.
    pub(super) fn live(&self, snapshots: bool, client: &str, keep_alive: Option<Duration>) -> Response<Bytes> {
        let nonce = Boundary::random();
        let own = &self.own;
        let (target, trusted) = if self.settings.trusted { ("html", " trusted") } else { ("#part", "") };
        let timeout = keep_alive.map_or(NEVER, |period| (period.saturating_mul(5) / 2).clamp(LEAST, NEVER));
        // After the part, where it does not change how the document starts, which it may in many ways.
        let tail = format!(
            "<script type=\"module\" nonce=\"{nonce}\" src=\"{own}client={client}\"></script>\n\
             <noscript><meta http-equiv=\"refresh\" content=\"{refresh}; url={own}pull\"></noscript>\n\
             <mixed-replace src=\"{own}\" target=\"{target}\" timeout=\"{timeout}\" again=\"10\"{trusted}{age} {WORDS}>\
             </mixed-replace>\n",
            refresh = self.settings.refresh.as_secs(),
            timeout = timeout.as_secs(),
            age = self.age().unwrap_or_default(),
        );
        let page = [&*self.part(if snapshots { "snapshot" } else { "" }), tail.as_bytes()].concat();
        let response = uncached("text/html; charset=utf-8", page);
        self.settings.guarded(response, &format!("'nonce-{nonce}'"), "")
    }

    /// Returns the page that a browser without scripts requests at each refresh; `304 Not Modified` while nothing changes.
    pub(super) fn pull<V: AsRef<[u8]>>(&self, if_none_match: impl IntoIterator<Item = V>) -> Response<Bytes> {
        let page = Part::new(mime::TEXT_HTML_UTF_8, self.part("").into_owned());
        let page = page.unwrap_or_else(|_| unreachable!("a page is not empty"));
        let response = PartResponse::new(page).refresh(self.settings.refresh).for_if_none_match(if_none_match);
        self.settings.guarded(response, "'none'", "")
    }

    /// Returns the attribute with the age of the latest part, if the page shows ages.
    fn age(&self) -> Option<String> {
        let latest = self.latest.as_ref().filter(|latest| self.settings.show_age && !latest.stale)?;
        Some(format!(" show-age age=\"{}\"", latest.age.as_secs()))
    }

    /// Returns the part as a document: a trusted HTML part as it is. A picture is requested with this query.
    fn part(&self, picture: &str) -> Cow<'_, [u8]> {
        match self.latest.as_ref().map(|latest| &latest.part) {
            Some(part) if self.settings.trusted && is_html(part) => Cow::Borrowed(part.body()),
            part => Cow::Owned(self.around(part, picture).into_bytes()),
        }
    }

    fn around(&self, part: Option<&Part>, picture: &str) -> String {
        let title = escaped(&self.settings.title);
        let inside = match part {
            None => "<p>Nothing yet.</p>".to_owned(),
            Some(part) if is_html(part) => {
                format!("<iframe sandbox=\"allow-same-origin\" title=\"{title}\" srcdoc=\"{}\"></iframe>", text(part))
            }
            // It may be large; and as a stream, a browser without scripts shows it just as well.
            Some(part) if part.content_type().type_() == mime::IMAGE => {
                format!("<img alt=\"{title}\" src=\"{}{picture}\">", self.own)
            }
            Some(part) => format!("<pre>{}</pre>", text(part)),
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n\
             <main id=\"part\">{inside}</main>\n"
        )
    }
}

impl Settings {
    /// Adds the policy of a single part, which a link may open: nothing runs in it that would not run in the page.
    pub(super) fn guard(&self, response: Response<Bytes>) -> Response<Bytes> {
        self.guarded(response, "'none'", if self.trusted { "" } else { "; sandbox" })
    }

    /// Adds a policy that allows only these scripts, and nothing from other sites.
    fn guarded(&self, mut response: Response<Bytes>, scripts: &str, more: &str) -> Response<Bytes> {
        let policy = format!(
            "default-src 'none'; script-src {scripts}; connect-src 'self'; img-src 'self' data: blob:; \
             media-src 'self' data: blob:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors {}{more}",
            self.ancestors
        );
        let policy = HeaderValue::try_from(policy).unwrap_or_else(|_| unreachable!("all of it is printable ASCII"));
        for (name, value) in [
            (CONTENT_SECURITY_POLICY, policy),
            (VARY, HeaderValue::from_static("Accept, Sec-Fetch-Dest")),
            (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("same-origin")),
        ] {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

fn is_html(part: &Part) -> bool {
    part.content_type().essence_str() == "text/html"
}

fn text(part: &Part) -> String {
    escaped(&String::from_utf8_lossy(part.body()))
}

/// Escapes for text, and for an attribute's value in double quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The query parameters of a page. Others are the app's, and are repeated in each request.
const OURS: [&str; 6] = ["", "action", "client", "pull", "refresh", "snapshot"];

const STYLE: &str = "body{margin:0}iframe{display:block;width:100%;min-height:100vh;border:0}\
    img{display:block;max-width:100%;margin:auto}\
    pre{margin:1rem;white-space:pre-wrap;overflow-wrap:anywhere}p{margin:1rem;font-family:system-ui,sans-serif}";

/// The text and the place of each state. An element without text has no size.
const WORDS: &str = "role=\"status\" style=\"position:fixed;bottom:.75rem;right:.75rem;padding:0 .6rem;border-radius:.5rem;\
    background:#1a2133;color:#fff;font:.9375rem/2 system-ui,sans-serif\" data-connecting=\"\" data-live=\"\" \
    data-paused=\"\" data-stale=\"No news for a while.\" data-reconnecting=\"Connection lost. Trying again.\" \
    data-denied=\"Access denied. Reload the page to sign in.\" data-ended=\"The stream has ended.\"";

/// A hub without keep-alive is silent as long as nothing happens.
const NEVER: Duration = Duration::from_secs(86_400);
const LEAST: Duration = Duration::from_secs(5);
