//! Text as HTML with its syntax marked: classes of one letter, whose colours are the style sheet's.
//! Done here, so that the browser needs no grammars.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use app::visible;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

/// The most bytes of a text that are looked at for syntax.
const MOST_BYTES: usize = 256 * 1024;
/// A text with a longer line was written by a program, and no colours would help; in bytes.
const LONGEST_LINE: usize = 2_000;
/// How long what is shown at once may take. What comes later stays plain.
const TIME: Duration = Duration::from_secs(1);
/// The most characters of a line that are shown.
const MAX_LINE_CHARS: usize = 2_000;

static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(two_face::syntax::extra_newlines);

/// What the beginning of a scope's name means; the first that fits counts. An empty class ends the
/// search.
const KINDS: [(&str, &str); 28] = [
    ("comment", "c"),
    ("constant", "n"),
    ("string", "s"),
    ("keyword.operator", ""),
    ("keyword", "k"),
    ("storage", "k"),
    ("variable.language", "k"),
    ("entity.name.function", "f"),
    ("entity.name.macro", "f"),
    ("support.function", "f"),
    ("support.macro", "f"),
    ("variable.function", "f"),
    ("entity.name.tag", "k"),
    ("entity.other.attribute-name", "a"),
    ("entity.other", "t"),
    ("entity.name", "t"),
    ("support.type.property-name", "a"),
    ("support.type", "t"),
    ("support.class", "t"),
    ("support.constant", "n"),
    ("markup.heading", "k"),
    ("markup.inserted", "i"),
    ("markup.deleted", "d"),
    ("markup.raw", "s"),
    ("markup.link", "f"),
    ("markup.underline.link", "f"),
    ("markup.bold", "t"),
    ("markup.quote", "c"),
];

static SCOPES: LazyLock<Vec<(Scope, &'static str)>> = LazyLock::new(|| {
    let scope = |(name, class): &(&str, &'static str)| {
        let scope = Scope::new(name).expect("the names above are short and of few parts");
        (scope, *class)
    };
    KINDS.iter().map(scope).collect()
});

/// Whether a class is one of ours.
pub fn is_class(class: &str) -> bool {
    !class.is_empty() && KINDS.iter().any(|(_, known)| *known == class)
}

/// Until when syntax is looked for, in all texts that are shown together.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// For what is begun now.
    pub fn soon() -> Self {
        Self(Instant::now() + TIME)
    }

    fn is_over(self) -> bool {
        Instant::now() > self.0
    }
}

/// The lines of a file as HTML. Each stands by itself: no tag reaches from one into the next.
pub fn lines(path: &str, text: &str, deadline: Deadline) -> Vec<String> {
    marked(syntax_of_path(path, text), text, deadline)
}

/// A block of code as HTML, if its language is known.
pub fn block(language: &str, text: &str, deadline: Deadline) -> Option<String> {
    let syntax = SYNTAXES.find_syntax_by_token(language)?;
    Some(marked(Some(syntax), text, deadline).join("\n"))
}

fn syntax_of_path(path: &str, text: &str) -> Option<&'static SyntaxReference> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    let first = text.lines().next().unwrap_or_default();
    SYNTAXES
        .find_syntax_by_extension(name)
        .or_else(|| SYNTAXES.find_syntax_by_extension(extension?))
        .or_else(|| SYNTAXES.find_syntax_by_first_line(first))
}

fn marked(syntax: Option<&SyntaxReference>, text: &str, deadline: Deadline) -> Vec<String> {
    let is_plain = text.len() > MOST_BYTES || text.lines().any(|line| line.len() > LONGEST_LINE);
    let mut painter = syntax
        .filter(|_| !is_plain)
        .map(|syntax| Painter::of(syntax, deadline));
    let line = |line: &str| match painter.as_mut().and_then(|painter| painter.line(line)) {
        Some(html) => html,
        None => escape(line),
    };
    text.lines().map(line).collect()
}

/// Goes through a text line by line.
struct Painter {
    state: ParseState,
    stack: ScopeStack,
    deadline: Deadline,
}

impl Painter {
    fn of(syntax: &SyntaxReference, deadline: Deadline) -> Self {
        Self {
            state: ParseState::new(syntax),
            stack: ScopeStack::new(),
            deadline,
        }
    }

    /// Nothing if the time is over or the grammar fails.
    fn line(&mut self, line: &str) -> Option<String> {
        if self.deadline.is_over() {
            return None;
        }
        let whole = format!("{line}\n");
        let operations = self.state.parse_line(&whole, &SYNTAXES).ok()?;
        let mut html = String::with_capacity(line.len() * 2);
        let (mut from, mut run) = (0, (0, ""));
        for (at, operation) in operations {
            if at > from {
                let class = self.class();
                if class != run.1 {
                    push(&mut html, line.get(run.0..from)?, run.1);
                    run = (from, class);
                }
                from = at;
            }
            self.stack.apply(&operation).ok()?;
        }
        let from = from.min(line.len());
        let class = self.class();
        if class != run.1 {
            push(&mut html, line.get(run.0..from)?, run.1);
            run = (from, class);
        }
        push(&mut html, line.get(run.0.min(line.len())..)?, run.1);
        Some(html)
    }

    /// What the innermost scope that means something means.
    fn class(&self) -> &'static str {
        let meaning = |scope: &Scope| {
            let known = SCOPES.iter().find(|(known, _)| known.is_prefix_of(*scope));
            known.map(|(_, class)| *class)
        };
        let mut scopes = self.stack.as_slice().iter().rev();
        scopes.find_map(meaning).unwrap_or_default()
    }
}

fn push(html: &mut String, text: &str, class: &str) {
    if text.is_empty() {
        return;
    }
    if class.is_empty() || text.trim().is_empty() {
        html.push_str(&escape(text));
        return;
    }
    html.push_str("<span class=\"");
    html.push_str(class);
    html.push_str("\">");
    html.push_str(&escape(text));
    html.push_str("</span>");
}

/// Text as HTML. What could not be seen, or would make text look like other text than it is, is
/// shown as what it is.
pub fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 16);
    let mut before = None;
    let mut signs = text.trim_end_matches('\r').chars().enumerate().peekable();
    while let Some((count, sign)) = signs.next() {
        if count == MAX_LINE_CHARS {
            html.push('…');
            break;
        }
        let after = signs.peek().map(|(_, sign)| *sign);
        match sign {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\t' => html.push('\t'),
            '\0'..='\u{1F}' => {
                let picture = char::from_u32(0x2400 + u32::from(sign));
                html.push(picture.unwrap_or('\u{FFFD}'));
            }
            '\u{7F}'..='\u{9F}' => html.push('\u{FFFD}'),
            sign if visible::is_hidden(before, sign, after) => {
                visible::push_number(&mut html, sign);
            }
            sign => html.push(sign),
        }
        before = Some(sign);
    }
    html
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Deadline, TIME, escape, is_class};

    fn lines(path: &str, text: &str) -> Vec<String> {
        super::lines(path, text, Deadline::soon())
    }

    fn block(language: &str, text: &str) -> Option<String> {
        super::block(language, text, Deadline::soon())
    }

    /// The text of HTML as a reader sees it.
    fn seen(html: &str) -> String {
        let mut text = String::new();
        let mut in_tag = false;
        for sign in html.chars() {
            match sign {
                '<' => in_tag = true,
                '>' => in_tag = false,
                sign if !in_tag => text.push(sign),
                _ => {}
            }
        }
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&amp;", "&")
    }

    #[test]
    fn code_is_marked_by_its_kinds_and_keeps_its_text() {
        let text =
            "// Says hello.\nfn main() {\n    let a = \"<b>\"; /* over\n lines */ f(1);\n}\n";
        let marked = lines("src/main.rs", text);
        let expected: Vec<&str> = text.lines().collect();
        let shown: Vec<String> = marked.iter().map(|line| seen(line)).collect();
        assert_eq!(shown, expected);
        assert!(marked[0].starts_with("<span class=\"c\">"), "{}", marked[0]);
        assert!(
            marked[1].contains("<span class=\"f\">main</span>"),
            "{}",
            marked[1]
        );
        assert!(marked[2].contains("&lt;b&gt;"), "{}", marked[2]);
        assert!(
            marked[3].starts_with("<span class=\"c\"> lines"),
            "{}",
            marked[3]
        );
        assert!(is_class("c") && !is_class("fixed") && !is_class(""));
    }

    #[test]
    fn languages_are_told_by_name_by_extension_and_by_first_line() {
        let samples = [
            ("Dockerfile", "FROM debian\n"),
            ("a.toml", "key = \"value\"\n"),
            ("a.ts", "const a: number = 1;\n"),
            ("run", "#!/bin/bash\necho \"a\"\n"),
            ("docs/a.md", "# Title\n"),
        ];
        for (path, text) in samples {
            let all = lines(path, text).concat();
            assert!(all.contains("<span"), "{path}: {all}");
        }
        assert_eq!(lines("a.unknown", "let a = 1;"), ["let a = 1;"]);
        assert!(block("rust", "let a = 1;").unwrap().contains("<span"));
        assert_eq!(block("no such language", "x"), None);
    }

    #[test]
    fn a_generated_line_and_endless_text_stay_plain() {
        let minified = format!("let a = 1;{}\n", "x".repeat(5_000));
        assert!(!lines("a.js", &minified)[0].contains("<span"));
        let long = "let a = 1;\n".repeat(60_000);
        assert!(!lines("a.rs", &long)[0].contains("<span"));
    }

    #[test]
    fn signs_that_deceive_are_made_visible() {
        let html = escape("a\u{202E}b\0\x01\u{2}<&\">");
        assert_eq!(html, "a⟨U+202E⟩b␀␁␂&lt;&amp;&quot;&gt;");
        assert_eq!(
            escape("a\u{200F}\u{E0041}👩\u{200D}🚀"),
            "a⟨U+200F⟩⟨U+E0041⟩👩\u{200D}🚀"
        );
    }

    #[test]
    fn what_comes_after_the_deadline_stays_plain() {
        let over = Deadline(std::time::Instant::now().checked_sub(TIME).unwrap());
        assert_eq!(super::lines("a.rs", "let a = 1;", over), ["let a = 1;"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_the_text_is_its_letters_are_kept_and_its_tags_are_ours(
            text in "([a-z<>&\"'/*#{}()=; \t\u{e9}\u{4e2d}]{0,40}\n){0,8}",
            path in "a\\.(rs|ts|html|md|css|py|toml|json|sh)",
        ) {
            let marked = lines(&path, &text);
            let shown: Vec<String> = marked.iter().map(|line| seen(line)).collect();
            let expected: Vec<&str> = text.lines().collect();
            prop_assert_eq!(shown, expected);
            for line in &marked {
                for tag in line.split('<').skip(1) {
                    let known = tag.starts_with("/span>")
                        || tag.strip_prefix("span class=\"").is_some_and(|rest| {
                            is_class(rest.split('"').next().unwrap_or_default())
                        });
                    prop_assert!(known, "{}", line);
                }
            }
        }
    }
}
