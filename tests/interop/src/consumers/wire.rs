//! A strict reader of the machine wire. Any deviation fails the test.

/// The head of an HTTP response.
#[derive(Debug)]
pub struct Head(String);

impl Head {
    /// Splits a response into head and body.
    ///
    /// # Panics
    ///
    /// If the response has no head.
    #[must_use]
    pub fn split(response: &[u8]) -> (Self, &[u8]) {
        let end = response.windows(4).position(|window| window == b"\r\n\r\n").expect("an HTTP response has a head");
        (Self(String::from_utf8_lossy(&response[..end]).into_owned()), &response[end + 4..])
    }

    /// Returns the value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.lines().filter_map(|line| line.split_once(": "));
        fields.find_map(|(field, value)| field.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Returns the boundary.
    ///
    /// # Panics
    ///
    /// If the content type is malformed.
    #[must_use]
    pub fn boundary(&self) -> &str {
        let content_type = self.field("content-type").expect("a content type");
        let boundary = content_type.strip_prefix("multipart/x-mixed-replace; boundary=");
        boundary.unwrap_or_else(|| panic!("the content type is {content_type}"))
    }
}

/// The parts of a body.
#[derive(Debug)]
pub struct Body {
    /// The body of each complete part.
    pub parts: Vec<Vec<u8>>,
    /// Whether the body ends with the close-delimiter.
    pub closed: bool,
}

impl Body {
    /// Reads a body that may be truncated anywhere.
    ///
    /// # Panics
    ///
    /// At the first unexpected byte.
    #[must_use]
    pub fn new(boundary: &str, body: &[u8]) -> Self {
        let mut parts = Vec::new();
        let mut rest = take(body, format!("--{boundary}\r\n").as_bytes()).expect("the body starts with the delimiter");
        while let Some((content, after)) = part(rest) {
            parts.push(content.to_vec());
            let Some(after) = take(after, format!("\r\n--{boundary}").as_bytes()) else { break };
            if after.starts_with(b"-") {
                let epilogue = take(after, b"--\r\n");
                assert!(epilogue.is_none_or(<[u8]>::is_empty), "no bytes follow the close-delimiter");
                return Self { parts, closed: epilogue.is_some() };
            }
            match take(after, b"\r\n") {
                Some(next) => rest = next,
                None => break,
            }
        }
        Self { parts, closed: false }
    }

    /// Returns the bodies of all parts after decoding each as a JPEG picture.
    ///
    /// # Panics
    ///
    /// If one of them does not decode.
    #[must_use]
    pub fn pictures(self) -> Vec<Vec<u8>> {
        for (number, part) in (1..).zip(&self.parts) {
            assert!(part.ends_with(b"\xff\xd9"), "picture {number} is truncated");
            if let Err(error) = jpeg_decoder::Decoder::new(part.as_slice()).decode() {
                panic!("picture {number} of {} bytes: {error}", part.len());
            }
        }
        self.parts
    }
}

/// Returns the input after `expected`. `None` if the input ends within it.
fn take<'a>(input: &'a [u8], expected: &[u8]) -> Option<&'a [u8]> {
    let rest = input.strip_prefix(expected);
    let cut = rest.is_none() && expected.starts_with(input);
    assert!(rest.is_some() || cut, "{} instead of {}", start(input), start(expected));
    rest
}

/// Returns the input after this field, which a part may have, and its number. `None` if the input ends within it.
fn after_number<'a>(input: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if name.starts_with(input) {
        return None;
    }
    let Some(value) = input.strip_prefix(name) else { return Some(input) };
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    take(&value[digits..], b"\r\n")
}

/// Returns the body of a part and the rest of the input. `None` if the input is truncated.
fn part(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let input = take(input, b"Content-Type: image/jpeg\r\n")?;
    let input = after_number(input, b"X-Timestamp: ")?;
    let input = after_number(input, b"X-Sequence: ")?;
    let input = take(input, b"Content-Length: ")?;
    let digits = input.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (length, input) = input.split_at(digits);
    let input = take(input, b"\r\n\r\n")?;
    let length: usize = std::str::from_utf8(length).ok()?.parse().expect("a length in digits");
    assert!(length > 0, "an empty part");
    input.split_at_checked(length)
}

fn start(bytes: &[u8]) -> String {
    bytes.get(..100).unwrap_or(bytes).escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "--b\r\nContent-Type: image/jpeg\r\nX-Timestamp: 1.5\r\nX-Sequence: 7\r\nContent-Length: 2\r\n\r\nhi\r\n--b\r\n\
                       Content-Type: image/jpeg\r\nContent-Length: 4\r\n\r\n\r\n--\r\n--b--\r\n";

    #[test]
    fn reads_partial_streams() {
        let all = Body::new("b", TWO.as_bytes());
        assert_eq!((all.parts, all.closed), (vec![b"hi".to_vec(), b"\r\n--".to_vec()], true));
        for end in 5..TWO.len() {
            let some = Body::new("b", &TWO.as_bytes()[..end]);
            assert!(!some.closed && some.parts.len() <= 2, "{end}");
        }
    }

    #[test]
    fn rejects_malformed_streams() {
        for (what, instead) in [
            ("--b\r\nC", "\r\n--b\r\nC"),
            ("hi\r\n", "hi!\r\n"),
            ("hi\r\n", "hi\n"),
            ("h: 2", "h: 0"),
            ("h: 2", "h:2"),
            ("--b--\r\n", "--b--\r\n!"),
            ("e: 7", "e: x"),
            ("jpeg\r\nC", "jpeg\r\nX-A: 1\r\nC"),
        ] {
            let wrong = TWO.replacen(what, instead, 1);
            assert!(std::panic::catch_unwind(|| Body::new("b", wrong.as_bytes())).is_err(), "{wrong:?}");
        }
    }
}
