//! Methods that a missing feature leaves out: a call is a compile error that names the feature.
//!
//! The compiler itself names the feature of a missing type or module, but not that of a missing method. So there is a
//! method in its place that asks for one of these traits, which no type implements.

#[cfg(not(feature = "http-body"))]
#[diagnostic::on_unimplemented(
    message = "this method needs the feature `http-body` of mixed-replace, which `axum` and `tower` bring along",
    label = "needs the feature `http-body`",
    note = "run `cargo add mixed-replace --features http-body`"
)]
#[expect(unnameable_types, reason = "nobody has to implement it")]
pub trait HttpBody {}

#[cfg(not(feature = "tokio"))]
#[diagnostic::on_unimplemented(
    message = "`KeepAlive::every` needs the feature `tokio` of mixed-replace",
    label = "needs the feature `tokio`",
    note = "run `cargo add mixed-replace --features tokio`, or use `KeepAlive::new` with a timer of yours"
)]
#[expect(unnameable_types, reason = "nobody has to implement it")]
pub trait Tokio {}
