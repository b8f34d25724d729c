//! Markdown of agents and people as safe HTML. Rendered here, so that the browser needs no parser.

use std::collections::HashSet;
use std::sync::LazyLock;

use ammonia::Builder;
use pulldown_cmark::{Event, Options, Parser, html};

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .link_rel(Some("noopener noreferrer nofollow"))
        .add_tag_attributes("code", ["class"])
        // Wide code scrolls, so the keyboard must reach it.
        .set_tag_attribute_value("pre", "tabindex", "0")
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            // The language of a fenced block is all that a class may say.
            ("code", "class") => value.starts_with("language-").then(|| value.into()),
            _ => Some(value.into()),
        });
    builder
});

/// The text as HTML without anything that could run, load or pretend.
pub fn to_html(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES;
    let events = Parser::new_ext(markdown, options).map(|event| match event {
        // A form control would invite a click that does nothing.
        Event::TaskListMarker(true) => Event::Text("☑ ".into()),
        Event::TaskListMarker(false) => Event::Text("☐ ".into()),
        other => other,
    });
    let mut unsafe_html = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut unsafe_html, events);
    SANITISER.clean(&unsafe_html).to_string()
}

#[cfg(test)]
mod tests {
    use super::to_html;

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
        <pre tabindex="0"><code class="language-rust">let x;
        </code></pre>
        "#);
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
}
