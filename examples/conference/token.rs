//! The secret of a participant.

use std::fmt;
use std::hint::black_box;

/// A secret of 128 random bits.
pub(crate) struct Token(u128);

impl Token {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(u128::from_ne_bytes(bytes)))
    }

    /// Compares with the text that [`Display`](fmt::Display) writes, in constant time.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (text, own) = (text.as_bytes(), self.to_string());
        let differ = own
            .bytes()
            .enumerate()
            .fold(text.len() ^ own.len(), |differ, (at, byte)| differ | usize::from(text.get(at).unwrap_or(&0) ^ byte));
        black_box(differ) == 0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_only_its_own_text() {
        let (token, other) = (Token::random().unwrap(), Token::random().unwrap());
        let text = token.to_string();
        assert!(text.len() == 32 && token.matches(&text) && !token.matches(&other.to_string()));
        for wrong in ["", &text[..31], &format!("{text}0"), &text.to_uppercase().replace('A', "a"), " "] {
            assert_eq!(token.matches(wrong), *wrong == text, "{wrong:?}");
        }
    }
}
