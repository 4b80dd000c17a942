//! A test for complete JSON texts (RFC 8259).

use super::scan::bytes_from;

/// A count of brackets, which goes on where it stopped when more bytes have come.
#[derive(Clone, Debug, Default)]
pub(super) struct Json {
    at: usize,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    has_begun: bool,
}

impl Json {
    /// Returns `true` if these bytes are an object, an array or a string with its end.
    ///
    /// Since the last call, bytes may only have been appended. A shorter beginning gets the last answer.
    pub(super) fn is_complete(&mut self, body: &[u8]) -> bool {
        for byte in bytes_from(body, self.at) {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_string => self.is_escaped = true,
                b'"' => {
                    self.in_string = !self.in_string;
                    self.has_begun = true;
                }
                _ if self.in_string => {}
                b'{' | b'[' => {
                    self.depth += 1;
                    self.has_begun = true;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        self.at = self.at.max(body.len());
        self.has_begun && self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_text_is_recognized_at_its_last_byte() {
        for (body, is_complete) in [
            (r#"{"a":1}"#, true),
            (r#" [1, {"}": "]"}] "#, true),
            (r#""a \" b""#, true),
            ("{}", true),
            (r#"{"a":"#, false),
            (r#"{"a":"}"#, false),
            (r#""a \""#, false),
            ("[[]", false),
            ("", false),
            ("12", false),
        ] {
            let mut json = Json::default();
            for len in 0..=body.len() {
                let so_far = json.is_complete(&body.as_bytes()[..len]);
                assert_eq!(so_far, Json::default().is_complete(&body.as_bytes()[..len]));
                assert_eq!(len == body.len() && so_far, len == body.len() && is_complete, "{body}");
            }
        }
    }
}
