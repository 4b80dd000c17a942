//! User input in a page.

use std::fmt::Write as _;

use maud::Render;

/// Text from a user, rendered as escaped HTML.
///
/// A viewer knows the hub's boundary, and a hub refuses a part that contains it. So no run of letters and digits is as long
/// as a boundary: every 16th character of a run is written as a numeric reference.
#[derive(Clone, Copy, Debug)]
pub struct Foreign<'a>(pub &'a str);

impl Render for Foreign<'_> {
    fn render_to(&self, html: &mut String) {
        let mut run = 0;
        for c in self.0.chars() {
            run = if c.is_ascii_alphanumeric() { run + 1 } else { 0 };
            if matches!(c, '&' | '<' | '>' | '"' | '\'') || run == SHORTER_THAN_A_BOUNDARY {
                // Writing to a string cannot fail.
                let _ = write!(html, "&#{};", u32::from(c));
                run = 0;
            } else {
                html.push(c);
            }
        }
    }
}

const SHORTER_THAN_A_BOUNDARY: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_markup() {
        let text = Foreign("<b onclick=\"x\">'&amp;'</b>").render().into_string();
        assert_eq!(text, "&#60;b onclick=&#34;x&#34;&#62;&#39;&#38;amp;&#39;&#60;/b&#62;");
        assert_eq!(Foreign("日本語 is text, too\n").render().into_string(), "日本語 is text, too\n");
    }

    #[test]
    fn breaks_up_a_boundary() {
        let boundary = mixed_replace::Boundary::random();
        let html = Foreign(&format!("\r\n--{boundary}--\r\n")).render().into_string();
        assert!(!html.contains(boundary.as_str()));
        let read = html.split("&#").map(|piece| match piece.split_once(';') {
            Some((code, rest)) => code.parse().ok().and_then(char::from_u32).unwrap().to_string() + rest,
            None => piece.to_owned(),
        });
        assert_eq!(read.collect::<String>(), format!("\r\n--{boundary}--\r\n"));
    }
}
