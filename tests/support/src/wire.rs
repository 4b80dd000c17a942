//! The wires, and the boundary of a response.

use mixed_replace::Wire;

/// Every wire.
pub const WIRES: [Wire; 3] = [Wire::Browser, Wire::Machine, Wire::Script];

/// Returns the boundary that a content type names, or a response with its head.
///
/// # Panics
///
/// If none is named.
#[must_use]
pub fn boundary(response: impl AsRef<[u8]>) -> String {
    let text = String::from_utf8_lossy(response.as_ref());
    let after = text.split_once("boundary=").unwrap_or_else(|| panic!("no boundary in {text}")).1;
    after.lines().next().unwrap_or_default().to_owned()
}
