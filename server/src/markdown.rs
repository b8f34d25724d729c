//! Markdown of agents and people as safe HTML. Rendered here, so that the browser needs no parser.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use ammonia::Builder;
use app::api::{LINE_LINK, OPEN_LINK, Piece};
use app::visible::{Place, visible};
use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};

use crate::highlight::{self, Deadline};

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .link_rel(Some("noopener noreferrer nofollow"))
        .add_tag_attributes("code", ["class"])
        .add_tag_attributes("span", ["class"])
        // Wide code scrolls, so the keyboard must reach it.
        .set_tag_attribute_value("pre", "tabindex", "0")
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            // The language of a fenced block and the kinds of its parts are all that a class may say.
            ("code", "class") => value.starts_with("language-").then(|| value.into()),
            ("span", "class") => highlight::is_class(value).then(|| value.into()),
            _ => Some(value.into()),
        });
    builder
});

/// The text as HTML without anything that could run, load or pretend.
pub fn to_html(markdown: &str) -> String {
    let mut writer = Writer::new();
    for (event, _) in parser(markdown) {
        writer.add(event, &|_| None);
    }
    writer.take()
}

/// The same, block by block, each with the lines that it is made of and a link that chooses them.
/// `image` gives the address of an image that lies beside the document.
pub fn blocks(markdown: &str, image: &dyn Fn(&str) -> Option<String>) -> Vec<Piece> {
    let breaks: Vec<usize> = markdown.match_indices('\n').map(|(at, _)| at).collect();
    let line_of = |at: usize| {
        let before = breaks.partition_point(|end| *end < at);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    };
    let mut writer = Writer::new();
    let mut pieces = Vec::new();
    let (mut depth, mut begun) = (0_usize, 0);
    for (event, span) in parser(markdown) {
        if depth == 0 {
            begun = span.start;
        }
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        writer.add(event, image);
        if depth == 0 {
            let text = markdown.get(begun..span.end).unwrap_or_default();
            let last = begun + text.trim_end().len().max(1) - 1;
            let html = writer.take();
            if !html.trim().is_empty() {
                pieces.push(block(line_of(begun), line_of(last), &html));
            }
        }
    }
    pieces
}

fn block(from: u32, to: u32, html: &str) -> Piece {
    let (range, words) = if from == to {
        (from.to_string(), format!("line {from}"))
    } else {
        (format!("{from}-{to}"), format!("lines {from} to {to}"))
    };
    let html = format!(
        "<div class=\"block\" data-line=\"{range}\">{html}<a class=\"block-comment\" \
         href=\"{LINE_LINK}{range}#comment-line\" data-noscroll aria-label=\"Comment on {words}\">+</a></div>"
    );
    Piece { from, to, html }
}

fn parser(markdown: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES;
    Parser::new_ext(markdown, options).into_offset_iter()
}

/// Collects what belongs together and writes it as HTML.
struct Writer<'a> {
    events: Vec<Event<'a>>,
    /// The block of code that is being read: its language and its text.
    code: Option<(String, String)>,
    /// Numbers of footnotes, the same in every block.
    footnotes: HashMap<CowStr<'a>, usize>,
    /// One for all blocks: a document may have thousands.
    deadline: Deadline,
}

impl<'a> Writer<'a> {
    fn new() -> Self {
        Self {
            events: Vec::new(),
            code: None,
            footnotes: HashMap::new(),
            deadline: Deadline::soon(),
        }
    }

    fn add(&mut self, event: Event<'a>, image: &dyn Fn(&str) -> Option<String>) {
        let event = match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match &kind {
                    CodeBlockKind::Fenced(info) => {
                        info.split([' ', ',']).next().unwrap_or_default()
                    }
                    CodeBlockKind::Indented => "",
                };
                self.code = Some((language.to_owned(), String::new()));
                return;
            }
            Event::End(TagEnd::CodeBlock) => match self.code.take() {
                Some((language, text)) => Event::Html(code(&language, &text, self.deadline).into()),
                None => return,
            },
            Event::Text(text) if self.code.is_some() => {
                if let Some((_, code)) = &mut self.code {
                    code.push_str(&text);
                }
                return;
            }
            Event::Text(text) => Event::Text(shown(text, Place::Prose)),
            Event::Code(text) => Event::Code(shown(text, Place::Name)),
            // A form control would invite a click that does nothing.
            Event::TaskListMarker(true) => Event::Text("☑ ".into()),
            Event::TaskListMarker(false) => Event::Text("☐ ".into()),
            Event::FootnoteReference(name) => {
                let number = self.footnote(name);
                Event::InlineHtml(format!("<sup>{number}</sup>").into())
            }
            Event::Start(Tag::FootnoteDefinition(name)) => {
                let number = self.footnote(name);
                Event::Html(format!("<div><sup>{number}</sup>").into())
            }
            Event::End(TagEnd::FootnoteDefinition) => Event::Html("</div>\n".into()),
            Event::Start(Tag::Image {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                let found = image(&dest_url).map(CowStr::from);
                Event::Start(Tag::Image {
                    link_type,
                    dest_url: found.unwrap_or(dest_url),
                    title,
                    id,
                })
            }
            other => other,
        };
        self.events.push(event);
    }

    fn footnote(&mut self, name: CowStr<'a>) -> usize {
        let next = self.footnotes.len() + 1;
        *self.footnotes.entry(name).or_insert(next)
    }

    /// What was collected since, as safe HTML.
    fn take(&mut self) -> String {
        let mut unsafe_html = String::new();
        html::push_html(&mut unsafe_html, self.events.drain(..));
        let html = SANITISER.clean(&unsafe_html).to_string();
        // These stand for addresses where pieces are put together.
        html.replace([LINE_LINK, OPEN_LINK], "")
    }
}

fn shown(text: CowStr<'_>, place: Place) -> CowStr<'_> {
    if text.is_ascii() {
        return text;
    }
    visible(&text, place).into_owned().into()
}

fn code(language: &str, text: &str, deadline: Deadline) -> String {
    let escaped = || {
        text.lines()
            .map(highlight::escape)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let html = highlight::block(language, text, deadline).unwrap_or_else(escaped);
    if language.is_empty() {
        return format!("<pre><code>{html}\n</code></pre>\n");
    }
    let language = highlight::escape(language);
    format!("<pre><code class=\"language-{language}\">{html}\n</code></pre>\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{blocks, to_html};

    #[test]
    fn documents_keep_their_structure() {
        let html = to_html(
            "# Idea\n\n- [x] done\n- [ ] open\n\n|a|b|\n|-|-|\n|1|2|\n\n```rust\nlet x;\n```\n",
        );
        insta::assert_snapshot!(html, @r#"
        <h1>Idea</h1>
        <ul>
        <li>☑ done</li>
        <li>☐ open</li>
        </ul>
        <table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>
        <tr><td>1</td><td>2</td></tr>
        </tbody></table>
        <pre tabindex="0"><code class="language-rust"><span class="k">let</span> x;
        </code></pre>
        "#);
    }

    #[test]
    fn text_can_not_look_like_other_text_than_it_is() {
        assert_eq!(
            to_html("a\u{202E}b `c\u{200F}d` می\u{200C}خواهم"),
            "<p>a⟨U+202E⟩b <code>c⟨U+200F⟩d</code> می\u{200C}خواهم</p>\n"
        );
    }

    #[test]
    fn nothing_that_runs_gets_through() {
        let hostile = [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "[x](data:text/html;base64,AAAA)",
            "<iframe src=https://evil.example></iframe>",
            "<a href=' javascript:alert(1)'>x</a>",
            "<svg><script>alert(1)</script></svg>",
            "<style>*{display:none}</style>",
            "<form action=/api/tasks><button>x</button></form>",
            "<code class='fixed inset-0'>x</code>",
            "<math><mtext><img src=x onerror=alert(1)></mtext></math>",
        ];
        for text in hostile {
            let html = to_html(text).to_ascii_lowercase();
            for word in [
                "script",
                "onerror",
                "javascript",
                "data:",
                "iframe",
                "<style",
                "<form",
                "<button",
                "inset",
            ] {
                assert!(!html.contains(word), "{text} became {html}");
            }
        }
    }

    #[test]
    fn blocks_know_their_lines_and_images_beside_a_document_their_address() {
        let text = "# Idea\n\nOne[^a]\ntwo[^b]\n\n- a\n- b\n\n---\n\n```rust\nlet x;\n```\n\n![Map](img/map.png)\n\n[^b]: Second.\n\n[^a]: First.\n";
        let image = |address: &str| Some(format!("/files/{address}"));
        let pieces = blocks(text, &image);
        let lines: Vec<_> = pieces.iter().map(|piece| (piece.from, piece.to)).collect();
        assert_eq!(
            lines,
            [
                (1, 1),
                (3, 4),
                (6, 7),
                (9, 9),
                (11, 13),
                (15, 15),
                (17, 17),
                (19, 19)
            ]
        );
        let expected = "<div class=\"block\" data-line=\"3-4\"><p>One<sup>1</sup>\ntwo<sup>2</sup></p>\n\
                        <a class=\"block-comment\" href=\"\u{1}3-4#comment-line\" data-noscroll \
                        aria-label=\"Comment on lines 3 to 4\">+</a></div>";
        assert_eq!(pieces[1].html, expected);
        assert!(
            pieces[5].html.contains("src=\"/files/img/map.png\""),
            "{}",
            pieces[5].html
        );
        assert!(
            pieces[6].html.contains("<sup>2</sup>"),
            "{}",
            pieces[6].html
        );
    }

    #[test]
    fn what_stands_for_an_address_can_not_be_written() {
        for text in [
            "a\u{1}b\u{2}c",
            "a&#1;b&#x2;c",
            "[x](y\u{1}z)",
            "```\n\u{1}\n```",
        ] {
            let pieces = blocks(text, &|_| None);
            let signs: usize = pieces
                .iter()
                .map(|piece| piece.html.matches(['\u{1}', '\u{2}']).count())
                .sum();
            assert_eq!(signs, pieces.len(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_document_is_its_blocks_follow_each_other(text in "([-#>*`|a1\\[\\]()! ^:~]{0,9}\n){0,12}") {
            let total = u32::try_from(text.lines().count()).unwrap();
            let mut before = 0;
            for piece in blocks(&text, &|_| None) {
                prop_assert!(piece.from >= before && piece.from <= piece.to && piece.to <= total.max(1), "{text:?}: {piece:?}");
                before = piece.from;
            }
        }
    }
}
