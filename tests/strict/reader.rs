//! A strict reader. It checks the promises of `Wire` and `Part` without using any code of the crate.
//! It finds the boundary anywhere, as browsers do, except on the script wire, whose readers work by lines.

use mixed_replace::Wire;

/// A body, possibly truncated.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) parts: Vec<ReadPart>,
    pub(crate) end: End,
}

/// One part as read from the bytes.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct ReadPart {
    pub(crate) content_type: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// After the close-delimiter.
    Closed,
    /// After the bytes that a wire sends in advance. Has the type of the next part if the wire includes it.
    Waits(Option<String>),
}

/// Reads `multipart/…; boundary=B` without other parameters.
pub(crate) fn boundary(content_type: &str, wire: Wire) -> String {
    let subtype = if wire == Wire::Script { "mixed" } else { "x-mixed-replace" };
    let boundary = content_type.strip_prefix(&format!("multipart/{subtype}; boundary=")).expect(content_type);
    assert!((16..=40).contains(&boundary.len()) && boundary.bytes().all(|b| b.is_ascii_alphanumeric()), "{boundary}");
    boundary.to_owned()
}

/// Panics if the bytes do not follow the grammar.
pub(crate) fn read(bytes: &[u8], boundary: &str, wire: Wire) -> Read {
    let mut rest = bytes.strip_prefix(b"--").expect("a dash-boundary, and nothing before it");
    rest = rest.strip_prefix(boundary.as_bytes()).expect("the boundary");
    let mut parts = Vec::new();
    if rest == b"--\r\n" {
        return Read { parts, end: End::Closed };
    }
    loop {
        let first = parts.is_empty();
        let Some(at) = next(rest, boundary, wire) else {
            return Read { parts, end: End::Waits(waiting(rest, first, wire)) };
        };
        let (part, behind) = rest.split_at(at);
        let part = part.strip_prefix(b"\r\n").expect("only a line end after a boundary");
        let part = part.strip_suffix(b"\r\n--").expect("nothing but CRLF and two dashes before a boundary");
        parts.push(read_part(part, boundary, first, wire));
        rest = behind.strip_prefix(boundary.as_bytes()).unwrap();
        if rest == b"--\r\n" {
            return Read { parts, end: End::Closed };
        }
    }
}

fn next(bytes: &[u8], boundary: &str, wire: Wire) -> Option<usize> {
    if wire != Wire::Script {
        return find(bytes, boundary.as_bytes());
    }
    let at = |line_end: &str| find(bytes, format!("{line_end}--{boundary}").as_bytes()).map(|at| at + 3);
    at("\r").into_iter().chain(at("\n")).min()
}

/// Reads the bytes after the last boundary when no part follows.
fn waiting(rest: &[u8], first: bool, wire: Wire) -> Option<String> {
    assert!(!first, "no bytes are sent before the first part");
    match wire {
        Wire::Script => assert_eq!(rest, b""),
        Wire::Browser => {
            let line = rest.strip_prefix(b"\r\nContent-Type: ").and_then(|rest| rest.strip_suffix(b"\r\n\r\n"));
            return Some(text(line.expect("the next part's header block")));
        }
        _ => assert_eq!(rest, b"\r\n"),
    }
    None
}

fn read_part(part: &[u8], boundary: &str, first: bool, wire: Wire) -> ReadPart {
    let block_len = find(part, b"\r\n\r\n").expect("a blank line after the headers");
    let body = &part[block_len + 4..];
    assert!(!body.is_empty(), "no part is empty");
    let mut lines: Vec<_> = text(&part[..block_len]).split("\r\n").map(field).collect();
    assert!(lines.len() <= 15, "{} lines", lines.len());
    for (name, value) in &lines {
        assert!(name.len() + 2 + value.len() <= 127, "{name}: {value}");
    }
    let padding = lines.iter().filter(|(name, _)| name == "X-Padding").count();
    if padding > 0 {
        assert!(first && wire == Wire::Browser && body.len() < 600);
    }
    lines.retain(|(name, _)| name != "X-Padding");
    let block: usize = lines.iter().map(|(name, value)| name.len() + 2 + value.len() + 2).sum();
    assert!(2 + boundary.len() + 2 + block + 2 < 256, "the block has {block} bytes");

    let (name, content_type) = lines.remove(0);
    assert_eq!(name, "Content-Type");
    if wire == Wire::Browser {
        assert_eq!(lines, [], "the browser wire has no other headers");
    } else {
        let length = lines.pop().expect("a length");
        assert_eq!(length, ("Content-Length".to_owned(), body.len().to_string()));
    }
    for (name, _) in &lines {
        for token in TOKENS {
            assert!(!name.to_lowercase().starts_with(token), "{name}");
        }
    }
    let signature = match content_type.split(';').next().unwrap() {
        "image/jpeg" => {
            assert_eq!(content_type, "image/jpeg", "bare");
            &b"\xff\xd8\xff"[..]
        }
        "image/png" => b"\x89PNG\r\n\x1a\n",
        "image/gif" => b"GIF8",
        _ => b"",
    };
    assert!(body.starts_with(signature), "no picture in an image stream");
    ReadPart { content_type, headers: lines, body: body.to_vec() }
}

/// Reads `Name: value` in Title-Case with one space and printable ASCII.
fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?}"));
    assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&b)));
    for word in name.split('-') {
        assert!(!word.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
        assert!(!word.chars().skip(1).any(|c| c.is_ascii_uppercase()), "{name}");
    }
    assert!(!value.is_empty() && value.trim() == value && value.bytes().all(|b| (0x20..0x7f).contains(&b)), "{line:?}");
    (name.to_owned(), value.to_owned())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("ASCII")
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, needle)
}

/// Names that start with one of these end the stream in Firefox, or are security headers.
const TOKENS: [&str; 6] =
    ["content-type", "content-length", "content-disposition", "set-cookie", "content-range", "content-security-policy"];
