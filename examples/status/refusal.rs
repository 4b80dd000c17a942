//! What is answered to what cannot be done: a status, and one line that names the reason.

/// An answer that is no success.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) what: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, what: impl Into<String>) -> Self {
        Self { status, what: what.into() }
    }
}

/// The beginning of what somebody sent, to name it in an answer.
pub(crate) fn quoted(text: &str) -> String {
    let mut start: String = text.chars().take(40).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{start:?}")
}
