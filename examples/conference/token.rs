//! What tells a participant from one who says to be it.

use std::fmt;
use std::hint::black_box;

/// 128 random bits.
pub(crate) struct Token(u128);

impl Token {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(u128::from_ne_bytes(bytes)))
    }

    /// Whether this is what [`Display`](fmt::Display) wrote. Takes as long whatever is wrong with it.
    pub(crate) fn is(&self, text: &str) -> bool {
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
    fn is_itself_and_nothing_else() {
        let (token, other) = (Token::random().unwrap(), Token::random().unwrap());
        let text = token.to_string();
        assert!(text.len() == 32 && token.is(&text) && !token.is(&other.to_string()));
        for wrong in ["", &text[..31], &format!("{text}0"), &text.to_uppercase().replace('A', "a"), " "] {
            assert_eq!(token.is(wrong), *wrong == text, "{wrong:?}");
        }
    }
}
