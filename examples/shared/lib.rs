//! What several examples have in common. Copy a module to use it without this package.
//!
//! | feature | modules |
//! |---|---|
//! | `pictures` | [`canvas`], [`no_signal`], [`test_picture`] |
//! | `server` | [`server`]: the command line, the socket, the signals; with `axum` also `serve` |
//! | `pages` | [`foreign`], [`page`], [`posted`], [`refusal`], [`session`]; with `axum` also `answer` |

#[cfg(all(feature = "axum", feature = "pages"))]
pub mod answer;
#[cfg(feature = "pictures")]
pub mod canvas;
#[cfg(feature = "pages")]
pub mod foreign;
#[cfg(feature = "pictures")]
pub mod no_signal;
#[cfg(feature = "pages")]
pub mod page;
#[cfg(feature = "pages")]
pub mod posted;
#[cfg(feature = "pages")]
pub mod refusal;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "pages")]
pub mod session;
#[cfg(feature = "pictures")]
pub mod test_picture;
