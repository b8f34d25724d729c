//! Signs that can't be seen, or that make text look like other text than it is. Pure.
//!
//! In code and in names each of them is shown by its number: there they have no honest use, but to
//! join the parts of an emoji. Prose of people needs some of them: joiners in Persian and Hindi, marks
//! of direction in Hebrew and Arabic, soft hyphens. What can turn the order of a whole line or
//! carry words that nobody sees is shown there too.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Joins two signs to one.
const JOINER: char = '\u{200D}';

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Code, a path, a name.
    Name,
    /// A document, a message.
    Prose,
}

/// Whether a sign between two others is to be shown by its number.
pub const fn is_hidden(before: Option<char>, sign: char, after: Option<char>) -> bool {
    match (before, sign, after) {
        (Some(before), JOINER, Some(after)) => !(is_picture(before) && is_picture(after)),
        _ => is_hidden_in_prose(sign) || is_hidden_in_names(sign),
    }
}

/// Overrides, embeddings and isolates, spaces of no width, and the signs for tags.
const fn is_hidden_in_prose(sign: char) -> bool {
    matches!(
        sign,
        '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{200B}'
            | '\u{FEFF}'
            | '\u{E0000}'..='\u{E007F}'
    )
}

/// Joiners, marks of direction, the soft hyphen.
const fn is_hidden_in_names(sign: char) -> bool {
    matches!(
        sign,
        '\u{200C}'..='\u{200F}' | '\u{061C}' | '\u{00AD}' | '\u{180E}'
    )
}

/// Emoji, their skin tones, and the sign that asks for a coloured one.
const fn is_picture(sign: char) -> bool {
    matches!(sign, '\u{2190}'..='\u{2BFF}' | '\u{FE0F}' | '\u{1F000}'..='\u{1FAFF}')
}

/// The text with what can't be seen in it shown as what it is: `⟨U+202E⟩`.
pub fn visible(text: &str, place: Place) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let is_shown = |before: Option<char>, sign: char, after: Option<char>| match place {
        Place::Name => is_hidden(before, sign, after),
        Place::Prose => is_hidden_in_prose(sign),
    };
    let mut before = None;
    let mut clear = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if is_shown(before, sign, signs.peek().copied()) {
            push_number(&mut clear, sign);
        } else {
            clear.push(sign);
        }
        before = Some(sign);
    }
    Cow::Owned(clear)
}

/// Writes a sign by its number.
pub fn push_number(text: &mut String, sign: char) {
    write!(text, "⟨U+{:04X}⟩", u32::from(sign)).expect("a string takes everything");
}

/// A name, as it may be shown.
pub fn name(text: &str) -> String {
    visible(text, Place::Name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Place, visible};

    #[test]
    fn names_show_what_could_deceive() {
        let clear = |text: &str| visible(text, Place::Name).into_owned();
        assert_eq!(clear("a\u{202E}gpj.exe"), "a⟨U+202E⟩gpj.exe");
        for sign in [
            '\u{200E}',
            '\u{200F}',
            '\u{61C}',
            '\u{200C}',
            '\u{200D}',
            '\u{2060}',
            '\u{AD}',
            '\u{E0041}',
        ] {
            let shown = format!("a⟨U+{:04X}⟩b", u32::from(sign));
            assert_eq!(clear(&format!("a{sign}b")), shown);
        }
        for honest in ["docs/é/日本.md", "👩\u{200D}🚀.md", "❤\u{FE0F}\u{200D}🔥"] {
            assert_eq!(clear(honest), honest);
        }
        assert_eq!(clear("👩\u{200D}a"), "👩⟨U+200D⟩a");
    }

    #[test]
    fn prose_keeps_what_languages_need() {
        let clear = |text: &str| visible(text, Place::Prose).into_owned();
        for honest in [
            "می\u{200C}خواهم",
            "क्\u{200D}ष",
            "שלום\u{200F}!",
            "Donau\u{AD}dampf",
        ] {
            assert_eq!(clear(honest), honest);
        }
        assert_eq!(clear("a\u{202E}b\u{E0068}"), "a⟨U+202E⟩b⟨U+E0068⟩");
    }
}
