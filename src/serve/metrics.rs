//! The counters of hubs, in the format that the client accepts.

use http::HeaderMap;
use http::header::{ACCEPT, HeaderValue, VARY};
use http::request::Parts;

use super::Endpoint;
use super::rejection::Rejection;
use super::reply::{Reply, uncached};
use crate::metrics::Metrics;

impl Endpoint for Metrics {
    fn answer(&self, request: &Parts) -> Result<Reply, Rejection> {
        let mut text = String::new();
        let content_type = if prefers_openmetrics(&request.headers) {
            self.write_openmetrics(&mut text);
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        } else {
            self.write_prometheus(&mut text);
            "text/plain; version=0.0.4; charset=utf-8"
        };
        let mut response = uncached(content_type, text);
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
        Ok(Reply::Full(response))
    }
}

/// Returns whether the client accepts OpenMetrics 1.0, and not rather plain text.
///
/// A client that names neither, such as a browser, gets plain text, which it shows.
fn prefers_openmetrics(headers: &HeaderMap) -> bool {
    let (mut openmetrics, mut plain) = (0.0, 0.0);
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut fields = range.split(';').map(str::trim);
        let media_type = fields.next().unwrap_or_default().to_ascii_lowercase();
        let (mut quality, mut is_known) = (1.0_f32, true);
        for field in fields {
            match field.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("q") => quality = value.parse().unwrap_or(0.0),
                Some((name, value)) if name.eq_ignore_ascii_case("version") => {
                    is_known = value.trim_matches('"') == "1.0.0";
                }
                _ => {}
            }
        }
        match media_type.as_str() {
            "application/openmetrics-text" if is_known => openmetrics = quality.max(openmetrics),
            "text/plain" => plain = quality.max(plain),
            _ => {}
        }
    }
    openmetrics > 0.0 && openmetrics >= plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_is_the_one_that_the_client_prefers() {
        const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0,\
             application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for (accept, openmetrics) in [
            (PROMETHEUS_2, true),
            (PROMETHEUS_3, true),
            ("application/openmetrics-text", true),
            ("Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", true),
            ("application/openmetrics-text; version=\"1.0.0\"", true),
            ("application/openmetrics-text;version=0.0.1, text/plain;q=0.5", false),
            ("application/openmetrics-text;q=0, */*", false),
            ("application/openmetrics-text;q=0.3, text/plain;version=0.0.4", false),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false),
            ("*/*", false),
            ("", false),
        ] {
            let headers = [(ACCEPT, HeaderValue::from_static(accept))].into_iter().collect();
            assert_eq!(prefers_openmetrics(&headers), openmetrics, "{accept}");
        }
        assert!(!prefers_openmetrics(&HeaderMap::new()));
    }
}
