//! What a finished Markdown document no longer holds. Pure.

/// Words that stand for something that is still missing, each as a whole word.
const PLACEHOLDERS: [&str; 5] = ["TODO", "FIXME", "TBD", "lorem ipsum", "XXX"];

/// Elements of HTML that Markdown documents use.
const HTML: &[&str] = &[
    "a",
    "abbr",
    "article",
    "aside",
    "b",
    "blockquote",
    "br",
    "button",
    "caption",
    "center",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "input",
    "ins",
    "kbd",
    "label",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "u",
    "ul",
    "var",
];

/// More of them: the parts of tables and pictures.
const HTML_PARTS: &[&str] = &[
    "picture", "source", "svg", "tbody", "td", "th", "thead", "tr",
];

/// The most characters of a field that are repeated.
const FIELD_SHOWN: usize = 80;

/// The first placeholder with its line. Quoted ones are talked about and not left behind.
pub(super) fn placeholder(text: &str) -> Option<(usize, &'static str)> {
    prose(text).find_map(|(number, line)| {
        let found = PLACEHOLDERS.iter().find(|word| contains_word(line, word));
        Some((number, *found?))
    })
}

/// The first field of a template that nobody has filled in, as in `<name of the product>`, with its
/// line.
pub(super) fn template_field(text: &str) -> Option<(usize, String)> {
    prose(text).find_map(|(number, line)| {
        let line = without_code(line);
        let mut before = None;
        for (at, character) in line.char_indices() {
            // `List<String>` is a type and `x<y` a comparison.
            let begins = character == '<' && !before.is_some_and(char::is_alphanumeric);
            if begins && let Some(field) = field_at(&line[at..]) {
                let shown: String = field.chars().take(FIELD_SHOWN).collect();
                return Some((number, format!("<{shown}>")));
            }
            before = Some(character);
        }
        None
    })
}

/// What stands between the angle brackets at the beginning, if it is there to be replaced.
fn field_at(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<')?;
    let inner = &inner[..inner.find(['<', '>'])?];
    let is_closed = text[1 + inner.len()..].starts_with('>');
    let starts = inner.starts_with(char::is_alphabetic) && !inner.ends_with(' ');
    let is_address = inner.contains("://")
        || inner.starts_with("mailto:")
        || inner.contains('@') && !inner.contains(' ');
    (is_closed && starts && !is_address && !is_html(inner)).then_some(inner)
}

fn is_html(inner: &str) -> bool {
    let name_ends = inner.find(|c: char| !c.is_ascii_alphanumeric());
    let (name, rest) = inner.split_at(name_ends.unwrap_or(inner.len()));
    let name = name.to_ascii_lowercase();
    let is_known = HTML.contains(&name.as_str()) || HTML_PARTS.contains(&name.as_str());
    let rest = rest.trim();
    is_known && (rest.is_empty() || rest == "/" || rest == "open" || rest.contains('='))
}

/// The lines outside of code blocks, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let line = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| line.starts_with(mark));
        match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, Some(mark)) => fence = Some(mark),
            (None, None) => return true,
            _ => {}
        }
        false
    })
}

/// The line with what stands between backticks left out.
fn without_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    let last = parts.len() - 1;
    let kept = parts.iter().enumerate().filter(|(index, _)| {
        // A backtick that is never closed quotes nothing.
        index % 2 == 0 || *index == last
    });
    kept.map(|(_, part)| *part).collect::<Vec<_>>().join(" ")
}

fn contains_word(line: &str, word: &str) -> bool {
    let (line, word) = if word.starts_with(char::is_lowercase) {
        (line.to_lowercase(), word.to_owned())
    } else {
        (line.to_owned(), word.to_owned())
    };
    let borders = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '`' && c != '"');
    line.match_indices(&word).any(|(at, _)| {
        borders(line[..at].chars().next_back()) && borders(line[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_found_with_its_line() {
        assert_eq!(placeholder("a\n\nTODO: write this"), Some((3, "TODO")));
        let found = placeholder("long enough, Lorem Ipsum dolor");
        assert_eq!(found, Some((1, "lorem ipsum")));
    }

    #[test]
    fn a_placeholder_that_is_quoted_or_part_of_a_word_is_none() {
        assert_eq!(
            placeholder("The check finds `TODO` in MASTODON posts"),
            None
        );
        assert_eq!(placeholder("a\n```\n// TODO\n```\n~~~\nTBD\n~~~\n"), None);
    }

    #[test]
    fn fields_of_the_guides_templates_are_found() {
        let found =
            |text: &str| template_field(text).map(|(line, field)| format!("{line} {field}"));
        let name = found("# Idea\n\n# <name of the product>");
        assert_eq!(name.as_deref(), Some("3 <name of the product>"));
        let cell = found("| <today's way> | | |");
        assert_eq!(cell.as_deref(), Some("1 <today's way>"));
        let number = found("| C1 | J<n>, criterion <n> |");
        assert_eq!(number.as_deref(), Some("1 <n>"));
        // It begins like an element of HTML.
        let summary = found("<summary of the risks>");
        assert_eq!(summary.as_deref(), Some("1 <summary of the risks>"));
    }

    #[test]
    fn brackets_with_a_meaning_of_their_own_are_no_fields() {
        for text in [
            "see <https://example.org/a b> and <somebody@example.org>",
            "a `List<field to fill>` and `<name>` in code",
            "```\n<name of the product>\n```",
            "Vec<String> holds x<y and y>z; latency < 5 and rate > 3; a <b, c",
            "<br> <br/> <details open> <a href=\"x\">link</a> <!-- a remark -->",
            "one < two > three <= four",
        ] {
            assert_eq!(template_field(text), None, "{text}");
        }
    }
}
