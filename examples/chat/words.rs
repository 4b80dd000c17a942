//! Valid names of users and rooms, and valid messages.

use shared::refusal::{Refusal, quoted};

/// Checks a user's name and trims it.
pub(crate) fn person(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    let invalid = |c: &char| !c.is_alphanumeric() && !" -_.'".contains(*c);
    sized("name", name, 24)?;
    match name.chars().find(invalid) {
        Some(c) => Err(invalid_character("name", c, "letters, digits, spaces and - _ . '")),
        None if !name.contains(char::is_alphanumeric) => {
            Err(Refusal::new(400, format!("the name {} has no letter or digit", quoted(name))))
        }
        None => Ok(name.to_owned()),
    }
}

/// Checks a room's name, which is also a segment of its path.
pub(crate) fn room(name: &str) -> Result<&str, Refusal> {
    sized("room's name", name, 32)?;
    match name.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        Some(c) => Err(invalid_character("room's name", c, "lower-case letters a to z, digits and -")),
        None => Ok(name),
    }
}

/// Checks a message and makes its control characters visible.
pub(crate) fn text(text: &str) -> Result<String, Refusal> {
    let len = text.chars().count();
    if len > TEXT {
        return Err(Refusal::new(413, format!("the message has {len} characters; the limit is {TEXT}")));
    }
    let text: String = text.replace("\r\n", "\n").trim().chars().map(visible).collect();
    if text.is_empty() { Err(Refusal::new(400, "the message is empty")) } else { Ok(text) }
}

/// Replaces control characters: browsers drop some of them, and terminals act on them.
fn visible(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\x7f' => '\u{2421}',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

fn sized(field: &str, name: &str, limit: usize) -> Result<(), Refusal> {
    match name.chars().count() {
        0 => Err(Refusal::new(400, format!("the {field} is empty"))),
        len if len > limit => Err(Refusal::new(413, format!("the {field} has {len} characters; the limit is {limit}"))),
        _ => Ok(()),
    }
}

fn invalid_character(field: &str, c: char, valid: &str) -> Refusal {
    Refusal::new(400, format!("the {field} contains U+{:04X}; use {valid}", u32::from(c)))
}

/// The largest number of characters of a message.
pub(crate) const TEXT: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_names_of_users() {
        for name in ["Ann", " Ann-Marie O'Neil ", "Ünal 2", "李"] {
            assert_eq!(person(name).unwrap(), name.trim());
        }
        for (name, message) in [
            ("", "the name is empty"),
            (" ", "the name is empty"),
            ("- -", "the name \"- -\" has no letter or digit"),
            ("A\u{200b}nn", "the name contains U+200B; use letters, digits, spaces and - _ . '"),
            ("A\nnn", "the name contains U+000A; use letters, digits, spaces and - _ . '"),
            ("A<b>", "the name contains U+003C; use letters, digits, spaces and - _ . '"),
            ("0123456789012345678901234", "the name has 25 characters; the limit is 24"),
        ] {
            assert_eq!(person(name).unwrap_err().message, message);
        }
    }

    #[test]
    fn checks_names_of_rooms() {
        assert_eq!(room("tea-4").unwrap(), "tea-4");
        for (name, message) in [
            ("", "the room's name is empty"),
            ("Tea", "the room's name contains U+0054; use lower-case letters a to z, digits and -"),
            ("../x", "the room's name contains U+002E; use lower-case letters a to z, digits and -"),
        ] {
            assert_eq!(room(name).unwrap_err().message, message);
        }
    }

    #[test]
    fn makes_control_characters_visible() {
        assert_eq!(text("\0a\x1b[2J\x7f\u{9b}b\r\nc\td ").unwrap(), "␀a␛[2J␡\u{fffd}b\nc\td");
        assert_eq!(text(" \r\n").unwrap_err().status, 400);
        assert_eq!(text(&"é".repeat(TEXT)).unwrap().chars().count(), TEXT);
        assert_eq!(
            text(&"é".repeat(TEXT + 1)).unwrap_err().message,
            "the message has 2001 characters; the limit is 2000"
        );
    }
}
