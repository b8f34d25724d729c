//! The forms in which a value may turn up. Pure.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// Shorter values are not looked for: they are in everything that is said.
pub const SHORTEST: usize = 4;

/// The base64 of a shorter value is too little to be recognised by.
const SHORTEST_BASE64: usize = 6;

/// A line of a longer value is looked for by itself if it has so many bytes: programs show files
/// with something before each line.
const SHORTEST_LINE: usize = 16;

/// Where programs break base64, in characters.
const BASE64_COLUMNS: [usize; 2] = [76, 64];

/// All forms of a value, none if it is too short.
pub(super) fn of(value: &[u8]) -> Vec<Zeroizing<String>> {
    let mut forms = Forms::default();
    if value.len() < SHORTEST {
        return forms.found;
    }
    // What is no text is shown with a sign in place of what can't be shown.
    let text = Zeroizing::new(String::from_utf8_lossy(value).into_owned());
    forms.text(&text);
    let trimmed = text.trim_end_matches(['\r', '\n']);
    if trimmed.len() >= SHORTEST {
        forms.text(trimmed);
    }
    if trimmed.contains('\n') {
        let lines = trimmed.lines().map(str::trim);
        // The first and the last line of a key are the same in every key.
        let own = lines.filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"));
        own.for_each(|line| forms.text(line));
    }
    forms.bytes(value);
    if text.as_bytes() == value && trimmed.len() < value.len() {
        forms.bytes(trimmed.as_bytes());
    } else {
        // `echo` adds a line break before it is encoded.
        let mut line = Zeroizing::new(value.to_vec());
        line.push(b'\n');
        forms.whole_base64(&line);
    }
    let mut found = forms.found;
    found.sort_by(|one, other| one.as_str().cmp(other));
    found.dedup();
    found
}

#[derive(Default)]
struct Forms {
    found: Vec<Zeroizing<String>>,
}

impl Forms {
    fn add(&mut self, form: String) {
        let form = Zeroizing::new(form);
        if form.len() >= SHORTEST {
            self.found.push(form);
        }
    }

    /// The value as text, and as it stands in JSON and in a URL.
    fn text(&mut self, text: &str) {
        self.add(text.to_owned());
        for escape in [json, json_ascii, json_html, json_slashes] {
            let once = escape(text);
            // JSON in a string of JSON.
            self.add(json(&once));
            self.add(once);
        }
        for kept in ["-_.!~*'()", "-_.~", "-_.~/", "*-._", "-_.~$&+,/:;=@"] {
            for space in ["%20", "+"] {
                let encoded = percent(text, kept, space);
                self.add(encoded.to_lowercase_escapes());
                self.add(encoded);
            }
        }
    }

    fn bytes(&mut self, value: &[u8]) {
        let hexadecimal = value.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes everything");
            text
        });
        self.add(hexadecimal.to_uppercase());
        self.add(hexadecimal);
        if value.len() < SHORTEST_BASE64 {
            return;
        }
        self.whole_base64(value);
        for alphabet in [&STANDARD, &URL_SAFE] {
            for before in 0..3 {
                self.add(inner_base64(alphabet, value, before));
            }
        }
    }

    /// Base64 of this and nothing else, in one piece and in lines.
    fn whole_base64(&mut self, value: &[u8]) {
        for alphabet in [&STANDARD, &URL_SAFE] {
            let padded = base64(alphabet, value);
            self.add(padded.trim_end_matches('=').to_owned());
            for columns in BASE64_COLUMNS {
                if padded.len() > columns {
                    let lines = padded.as_bytes().chunks(columns);
                    let long = lines.filter(|line| line.len() >= SHORTEST_LINE);
                    long.for_each(|line| self.add(String::from_utf8_lossy(line).into_owned()));
                }
            }
            self.add(padded);
        }
    }
}

trait LowercaseEscapes {
    fn to_lowercase_escapes(&self) -> String;
}

impl LowercaseEscapes for String {
    /// `%2F` as `%2f`, the rest as it is.
    fn to_lowercase_escapes(&self) -> String {
        let mut left = 0;
        let lower = |character: char| {
            if character == '%' {
                left = 4;
            }
            left = usize::saturating_sub(left, 1);
            if left > 0 {
                character.to_ascii_lowercase()
            } else {
                character
            }
        };
        self.chars().map(lower).collect()
    }
}

/// The signs that are the same whatever stands around the value, when `before` bytes more than a
/// multiple of three stand before it.
fn inner_base64(alphabet: &Alphabet, value: &[u8], before: usize) -> String {
    let mut bytes = Zeroizing::new(vec![0; before]);
    bytes.extend_from_slice(value);
    let encoded = Zeroizing::new(base64(alphabet, &bytes));
    let first = (before * 8).div_ceil(6);
    let end = bytes.len() * 8 / 6;
    encoded[first..end].to_owned()
}

fn base64(alphabet: &Alphabet, bytes: &[u8]) -> String {
    GeneralPurpose::new(alphabet, GeneralPurposeConfig::new()).encode(bytes)
}

fn percent(text: &str, kept: &str, space: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push_str(space),
            byte if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) => {
                encoded.push(char::from(byte));
            }
            byte => write!(encoded, "%{byte:02X}").expect("a string takes everything"),
        }
    }
    encoded
}

/// As JavaScript and most others escape it.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// With everything beyond ASCII escaped, as Python does it.
fn json_ascii(text: &str) -> String {
    let mut escaped = String::new();
    let mut units = [0; 2];
    for character in json(text).chars() {
        if character.is_ascii() {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            write!(escaped, "\\u{unit:04x}").expect("a string takes everything");
        }
    }
    escaped
}

/// With the signs escaped that mean something in HTML, as Go does it.
fn json_html(text: &str) -> String {
    json(text)
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// With slashes escaped, as PHP does it.
fn json_slashes(text: &str) -> String {
    json(text).replace('/', "\\/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(value: &str) -> Vec<String> {
        of(value.as_bytes())
            .into_iter()
            .map(|form| form.to_string())
            .collect()
    }

    #[test]
    fn every_encoding_is_known() {
        let forms = forms("pass/w\"ört & Co");
        for form in [
            "pass/w\"ört & Co",
            r#"pass/w\"ört & Co"#,
            r#"pass/w\\\"ört & Co"#,
            r#"pass/w\"\u00f6rt & Co"#,
            r#"pass/w\"ört \u0026 Co"#,
            r#"pass\/w\"ört & Co"#,
            "pass%2Fw%22%C3%B6rt%20%26%20Co",
            "pass%2fw%22%c3%b6rt%20%26%20Co",
            "pass/w%22%C3%B6rt%20%26%20Co",
            "pass%2Fw%22%C3%B6rt+%26+Co",
            "706173732f7722c3b67274202620436f",
            "706173732F7722C3B67274202620436F",
            "cGFzcy93IsO2cnQgJiBDbw==",
            "cGFzcy93IsO2cnQgJiBDbwo=",
        ] {
            assert!(
                forms.iter().any(|known| known == form),
                "{form}\n{forms:#?}"
            );
        }
    }

    #[test]
    fn base64_is_known_whatever_stands_around_it() {
        let value = "the value, longer than a few bytes";
        let forms = forms(value);
        for before in 0..7 {
            for after in 0..4 {
                let text = format!("{}{value}{}", &"before!"[..before], &"after"[..after]);
                for alphabet in [&STANDARD, &URL_SAFE] {
                    let encoded = base64(alphabet, text.as_bytes());
                    let known = forms.iter().any(|form| encoded.contains(form.as_str()));
                    assert!(known, "{before} {after}");
                }
            }
        }
    }

    #[test]
    fn lines_of_a_file_are_known_and_short_values_are_not() {
        let file = "-----BEGIN KEY-----\nfirst line of the key\nshort\nsecond line of the key\n";
        let forms = forms(file);
        let has = |form: &str| forms.iter().any(|known| known == form);
        assert!(has("first line of the key") && has("second line of the key"));
        assert!(!has("short") && !has("-----BEGIN KEY-----"));
        assert!(has(file.trim_end()));
        assert!(of(b"abc").is_empty());
        // As it is, in hexadecimal digits, and what `echo abcd | base64` prints.
        assert_eq!(of(b"abcd").len(), 4);
    }
}
