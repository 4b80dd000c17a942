//! What people may call themselves and their rooms, and what they may say.

use crate::refusal::{Refusal, quoted};

/// A name for a person, without spaces around it.
pub(crate) fn person(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    let odd = |c: &char| !c.is_alphanumeric() && !" -_.'".contains(*c);
    sized("name", name, 24)?;
    match name.chars().find(odd) {
        Some(odd) => Err(unfit("name", odd, "letters, digits, spaces and - _ . '")),
        None if !name.contains(char::is_alphanumeric) => {
            Err(Refusal::new(400, format!("the name {} holds no letter", quoted(name))))
        }
        None => Ok(name.to_owned()),
    }
}

/// A name for a room, which is a piece of its address, too.
pub(crate) fn room(name: &str) -> Result<&str, Refusal> {
    sized("room's name", name, 32)?;
    match name.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        Some(odd) => Err(unfit("room's name", odd, "small letters a to z, digits and -")),
        None => Ok(name),
    }
}

/// What somebody says: any text, with control characters made visible.
pub(crate) fn text(text: &str) -> Result<String, Refusal> {
    let len = text.chars().count();
    if len > TEXT {
        return Err(Refusal::new(413, format!("the message has {len} characters; at most {TEXT} are taken")));
    }
    let text: String = text.replace("\r\n", "\n").trim().chars().map(visible).collect();
    if text.is_empty() { Err(Refusal::new(400, "the message is empty")) } else { Ok(text) }
}

/// Browsers drop some control characters, terminals obey them.
fn visible(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\x7f' => '\u{2421}',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

fn sized(what: &str, name: &str, most: usize) -> Result<(), Refusal> {
    match name.chars().count() {
        0 => Err(Refusal::new(400, format!("the {what} is empty"))),
        len if len > most => {
            Err(Refusal::new(413, format!("the {what} has {len} characters; at most {most} are taken")))
        }
        _ => Ok(()),
    }
}

fn unfit(what: &str, odd: char, fit: &str) -> Refusal {
    Refusal::new(400, format!("the {what} holds U+{:04X}; it may hold {fit}", u32::from(odd)))
}

/// Characters of a message.
pub(crate) const TEXT: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_others_can_tell() {
        for name in ["Ann", " Ann-Marie O'Neil ", "Ünal 2", "李"] {
            assert_eq!(person(name).unwrap(), name.trim());
        }
        for (name, why) in [
            ("", "the name is empty"),
            (" ", "the name is empty"),
            ("- -", "the name \"- -\" holds no letter"),
            ("A\u{200b}nn", "the name holds U+200B; it may hold letters, digits, spaces and - _ . '"),
            ("A\nnn", "the name holds U+000A; it may hold letters, digits, spaces and - _ . '"),
            ("A<b>", "the name holds U+003C; it may hold letters, digits, spaces and - _ . '"),
            ("0123456789012345678901234", "the name has 25 characters; at most 24 are taken"),
        ] {
            assert_eq!(person(name).unwrap_err().what, why);
        }
    }

    #[test]
    fn a_room_fits_into_an_address() {
        assert_eq!(room("tea-4").unwrap(), "tea-4");
        for (name, why) in [
            ("", "the room's name is empty"),
            ("Tea", "the room's name holds U+0054; it may hold small letters a to z, digits and -"),
            ("../x", "the room's name holds U+002E; it may hold small letters a to z, digits and -"),
        ] {
            assert_eq!(room(name).unwrap_err().what, why);
        }
    }

    #[test]
    fn what_is_said_can_be_seen() {
        assert_eq!(text("\0a\x1b[2J\x7f\u{9b}b\r\nc\td ").unwrap(), "␀a␛[2J␡\u{fffd}b\nc\td");
        assert_eq!(text(" \r\n").unwrap_err().status, 400);
        assert_eq!(text(&"é".repeat(TEXT)).unwrap().chars().count(), TEXT);
        assert_eq!(
            text(&"é".repeat(TEXT + 1)).unwrap_err().what,
            "the message has 2001 characters; at most 2000 are taken"
        );
    }
}
