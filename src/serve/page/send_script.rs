//! The sending side of a page: an ES module for its camera, its screen or a canvas.

use http::request::Parts;

use super::script::Script;
use crate::serve::Endpoint;
use crate::serve::rejection::Rejection;
use crate::serve::reply::Reply;

/// An endpoint that serves `send.js`, which sends the pictures of a page's camera, screen or canvas to an
/// [`Ingest`](crate::Ingest).
///
/// The next picture is taken after the previous one has arrived, so a slow line lowers the rate and delays no picture.
/// Browsers give cameras only to pages from `https` or from the same machine.
///
/// ```html
/// <button onclick="start()">Start</button>
/// <script type="module">
///   import { camera, send } from '/send.js';
///   window.start = async () => send('/in/yard', await camera({ size: 640 }), { fps: 10 });
/// </script>
/// ```
///
/// The head of the file lists the options and events.
///
/// # Examples
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use mixed_replace::{Ingest, SendScript, hub};
///
/// let (publisher, hub) = hub::channel();
/// let app: axum::Router = axum::Router::new()
///     .route_service("/send.js", SendScript)
///     .route_service("/in/yard", Ingest::new(publisher));
/// assert!(SendScript::source().contains("export"));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SendScript;

impl SendScript {
    /// Returns the module as it is served: minified.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::SendScript;
    ///
    /// assert!(SendScript::source().contains("export"));
    /// ```
    #[must_use]
    pub fn source() -> &'static str {
        SCRIPT.source()
    }
}

impl Endpoint for SendScript {
    fn answer(&self, request: &Parts) -> Result<Reply, Rejection> {
        Ok(Reply::Full(SCRIPT.response(&request.headers, false)))
    }
}

const SCRIPT: Script = Script(include_str!("send.min.js"));
