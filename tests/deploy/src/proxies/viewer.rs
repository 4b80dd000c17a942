//! A viewer that accepts compressed responses and uses `Content-Length`, as most programs do.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mixed_replace::Decoder;
use mixed_replace::decode::Parts;
use tokio::time::{sleep, timeout};

/// A stream that is being received.
#[expect(missing_debug_implementations, reason = "there is nothing to see")]
pub struct Viewer {
    parts: Parts<BoxStream<'static, Result<Bytes, hyper_util::client::legacy::Error>>>,
    coding: String,
}

impl Viewer {
    /// Requests a path. `None` if the head of the response does not arrive in time.
    pub async fn come(port: u16, path: &str, within: Duration) -> Option<Self> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let request = Request::get(format!("http://127.0.0.1:{port}{path}")).header(ACCEPT_ENCODING, "gzip");
        let response = timeout(within, client.request(request.body(Body::empty()).expect("a request"))).await.ok()?;
        let response = response.expect("an answer");
        let field = |name| response.headers().get(&name).map(|value| value.to_str().unwrap_or_default().to_owned());
        let coding = field(CONTENT_ENCODING).unwrap_or_default();
        let decoder = Decoder::for_content_type(field(CONTENT_TYPE).unwrap_or_default());
        // The connection closes with the stream, and the client with it.
        let body = response.into_body().into_data_stream().map(move |chunk| {
            let _ = &client;
            Ok(chunk.unwrap_or_default())
        });
        Some(Self { parts: Parts::new(body.boxed(), decoder), coding })
    }

    /// Requests a path ten times a second, each time with another query, and returns the different responses.
    pub async fn polls(port: u16, path: &str, time: Duration) -> Vec<Bytes> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let since = Instant::now();
        let mut bodies = Vec::new();
        while since.elapsed() < time {
            let address = format!("http://127.0.0.1:{port}{path}?{}", since.elapsed().as_nanos());
            let request = Request::get(address).body(Body::empty()).expect("a request");
            let response = client.request(request).await.expect("a response");
            assert_eq!(response.status(), 200);
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            if bodies.last() != Some(&body) {
                bodies.push(body);
            }
            sleep(Duration::from_millis(100)).await;
        }
        bodies
    }

    /// Returns the `Content-Encoding` of the response.
    #[must_use]
    pub fn coding(&self) -> &str {
        &self.coding
    }

    /// Waits for part `number`, and returns how long that took. `None` if it does not arrive in time.
    pub async fn sees(&mut self, number: usize, within: Duration) -> Option<Duration> {
        let since = Instant::now();
        let wanted = crate::proxies::part(number).into_body();
        timeout(within, async {
            loop {
                match self.parts.next().await {
                    Some(Ok(part)) if *part.body() == wanted => return Some(since.elapsed()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        })
        .await
        .ok()?
    }

    /// Returns `true` if the stream is still open after this time.
    pub async fn lasts(&mut self, time: Duration) -> bool {
        let ended = async { while let Some(Ok(_)) = self.parts.next().await {} };
        timeout(time, ended).await.is_err()
    }
}
