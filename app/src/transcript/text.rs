//! Markdown of an agent, as far as a log needs it: paragraphs, code, emphasis. Everything else
//! stays as it was written. Documents are rendered by the server; this keeps the module small.

use crate::reactive::list;
use leptos::prelude::*;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part<'a> {
    /// Lines between fences.
    Fence(String),
    /// Everything else, line breaks included.
    Prose(&'a str),
}

/// A stretch of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Span<'a> {
    Plain(&'a str),
    Code(&'a str),
    Strong(&'a str),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut prose_start = 0;
    let mut fence: Option<Vec<&str>> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_fence = line.trim_start().starts_with("```");
        match &mut fence {
            None if is_fence => {
                parts.push(Part::Prose(&text[prose_start..at]));
                fence = Some(Vec::new());
            }
            None => {}
            Some(lines) if is_fence => {
                parts.push(Part::Fence(lines.concat()));
                fence = None;
                prose_start = at + line.len();
            }
            Some(lines) => lines.push(line),
        }
        at += line.len();
    }
    match fence {
        Some(lines) => parts.push(Part::Fence(lines.concat())),
        None => parts.push(Part::Prose(&text[prose_start..])),
    }
    parts.retain(|part| !matches!(part, Part::Prose(prose) if prose.trim().is_empty()));
    parts
}

fn spans(text: &str) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['`', '*']) {
        let marked = &rest[start..];
        let mark = ["**", "`", "*"]
            .into_iter()
            .find(|mark| marked.starts_with(mark));
        let mark = mark.unwrap_or_default();
        let Some(inner) = enclosed(marked, mark) else {
            let past = start + mark.len();
            push_plain(&mut spans, &rest[..past]);
            rest = &rest[past..];
            continue;
        };
        push_plain(&mut spans, &rest[..start]);
        spans.push(match mark {
            "`" => Span::Code(inner),
            _ => Span::Strong(inner),
        });
        rest = &marked[inner.len() + 2 * mark.len()..];
    }
    push_plain(&mut spans, rest);
    spans
}

/// What lies between a mark and its next occurrence, if the two belong together: on one line, and
/// not empty. A single star stays as it is, for it is as often a sign of multiplication.
fn enclosed<'a>(marked: &'a str, mark: &str) -> Option<&'a str> {
    if mark == "*" {
        return None;
    }
    let (inner, _) = marked.strip_prefix(mark)?.split_once(mark)?;
    (!inner.is_empty() && !inner.contains('\n')).then_some(inner)
}

fn push_plain<'a>(spans: &mut Vec<Span<'a>>, text: &'a str) {
    if !text.is_empty() {
        spans.push(Span::Plain(text));
    }
}

/// The text as it is shown.
pub fn rendered(text: &str) -> AnyView {
    let part = |part: Part<'_>| match part {
        Part::Fence(code) => view! { <pre class="log-code"><code>{code}</code></pre> }.into_any(),
        Part::Prose(prose) => {
            let span = |span: Span<'_>| match span {
                Span::Plain(text) => text.to_owned().into_any(),
                Span::Code(text) => view! { <code>{text.to_owned()}</code> }.into_any(),
                Span::Strong(text) => view! { <strong>{text.to_owned()}</strong> }.into_any(),
            };
            let spans = spans(prose.trim_matches('\n'));
            view! { <p class="log-prose">{list(spans.into_iter().map(span))}</p> }.into_any()
        }
    };
    list(parts(text).into_iter().map(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Part, Span, parts, spans};

    #[test]
    fn code_and_emphasis_are_told_apart_from_prose() {
        let text = "Use **both**:\n```rust\nlet x = 1;\n```\nthen `run` 2*3";
        assert_eq!(
            parts(text),
            [
                Part::Prose("Use **both**:\n"),
                Part::Fence("let x = 1;\n".to_owned()),
                Part::Prose("then `run` 2*3"),
            ]
        );
        assert_eq!(
            spans("a **b** `c` 2*3"),
            [
                Span::Plain("a "),
                Span::Strong("b"),
                Span::Plain(" "),
                Span::Code("c"),
                Span::Plain(" 2*"),
                Span::Plain("3"),
            ]
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "[a*`\\n é]{0,60}") {
            let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
            let kept: usize = spans(&text)
                .iter()
                .map(|span| match span {
                    Span::Plain(text) | Span::Code(text) | Span::Strong(text) => letters(text),
                })
                .sum();
            prop_assert_eq!(kept, letters(&text));
            parts(&text);
        }
    }
}
