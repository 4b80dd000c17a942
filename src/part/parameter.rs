//! A parameter of a header field (RFC 9110 §5.6.6), read as leniently as what cameras send requires.

use std::borrow::Cow;

/// The value of a parameter.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Value<'a> {
    /// Unquoted and unescaped.
    pub(crate) content: Cow<'a, [u8]>,
    pub(crate) was_quoted: bool,
}

/// Returns the value of the first parameter of this name, in any case.
///
/// An unquoted value ends at a semicolon.
pub(crate) fn find<'a>(field: &'a [u8], name: &[u8]) -> Option<Value<'a>> {
    let mut rest = field;
    while let Some(at) = memchr::memchr3(b';', b',', b'"', rest) {
        let (_, found) = rest.split_at_checked(at)?;
        if let Some(text) = found.strip_prefix(b"\"") {
            // The value of another parameter.
            (_, rest) = quoted(text);
            continue;
        }
        rest = found.get(1..)?.trim_ascii_start();
        let Some((start, after)) = rest.split_at_checked(name.len()) else { continue };
        let Some(value) = after.trim_ascii_start().strip_prefix(b"=") else { continue };
        if start.eq_ignore_ascii_case(name) {
            let value = value.trim_ascii();
            return Some(match value.strip_prefix(b"\"") {
                Some(text) => Value { content: quoted(text).0, was_quoted: true },
                None => {
                    let (content, _) = memchr::memchr(b';', value).map_or((value, &[][..]), |end| value.split_at(end));
                    Value { content: Cow::Borrowed(content.trim_ascii_end()), was_quoted: false }
                }
            });
        }
    }
    None
}

/// Returns the content of a quoted string after its opening quote, and the bytes after its closing one.
fn quoted(text: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let (mut content, mut rest) = (Cow::Borrowed(&[][..]), text);
    while let Some((plain, found)) = memchr::memchr2(b'"', b'\\', rest).map(|at| rest.split_at(at)) {
        append(&mut content, plain);
        match found {
            [b'"', after @ ..] => return (content, after),
            [_, escaped, after @ ..] => {
                append(&mut content, std::slice::from_ref(escaped));
                rest = after;
            }
            _ => return (content, &[]),
        }
    }
    append(&mut content, rest);
    (content, &[])
}

fn append<'a>(content: &mut Cow<'a, [u8]>, more: &'a [u8]) {
    if content.is_empty() {
        *content = Cow::Borrowed(more);
    } else if !more.is_empty() {
        content.to_mut().extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_parameters_of_cameras() {
        for (field, value) in [
            ("form-data; name=\"licensePlatePicture.jpg\"", Some("licensePlatePicture.jpg")),
            ("form-data; filename=\"x\"; name=a.jpg", Some("a.jpg")),
            ("form-data;NAME = \"a \\\"b\\\" c\"; filename=x", Some("a \"b\" c")),
            ("form-data; filename=\"; name=b\"; name=\"unclosed", Some("unclosed")),
            ("form-data; name=a,b ;x", Some("a,b")),
            ("form-data; name=", Some("")),
            ("form-data; filename=x", None),
            ("name=a", None),
            ("", None),
        ] {
            let found = find(field.as_bytes(), b"name");
            assert_eq!(found.as_ref().map(|found| &found.content[..]), value.map(str::as_bytes), "{field}");
        }
    }
}
