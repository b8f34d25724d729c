//! The text that an agent is writing, as a page is told of it while the real CLI runs.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use crate::installation::Installation;

const LIMIT: Duration = Duration::from_secs(25);

/// Breaks off once, then says it all; then a tool and one more text.
const SLOW_WRITER: &str = r#"
about = "Writes so slowly that one can look on."
pace = { chars = 5, ms = 50 }

[[turn]]
[[turn.reply]]
say = "Once upon a time there was a server that told a story word by word, so that nobody had to wait for its end to read its beginning."
fault = { cut = { after_chars = 60 } }
tools = [{ bash = "true" }]
[[turn.reply]]
say = "And it lived happily ever after, for the next text came as slowly as the first."
"#;

/// What a page shows: the lines of the log, and the text that grows below them.
struct Page {
    response: reqwest::Response,
    unread: String,
    texts: Vec<String>,
    writing: String,
    /// Every state of the growing text.
    grown: Vec<String>,
    last_id: (u64, u64),
}

impl Page {
    async fn open(it: &Installation, task: &str) -> Self {
        let url = format!("{}/api/stream?task={task}", it.base);
        Self {
            response: it.client.get(url).send().await.unwrap(),
            unread: String::new(),
            texts: Vec::new(),
            writing: String::new(),
            grown: Vec::new(),
            last_id: (0, 0),
        }
    }

    /// Reads on until the page is as wanted.
    async fn until(&mut self, wanted: impl Fn(&Self) -> bool) {
        let reading = async {
            while !wanted(self) {
                let chunk = self.response.chunk().await.unwrap().expect("no end");
                self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
                while let Some((event, rest)) = self.unread.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    self.unread = rest;
                    self.take(&event);
                }
            }
        };
        let read = timeout(LIMIT, reading).await;
        assert!(read.is_ok(), "{:?} {:?}", self.texts, self.grown);
    }

    fn take(&mut self, event: &str) {
        let field = |name: &str| {
            let mut lines = event.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let data: Value =
            field("data").map_or(Value::Null, |data| serde_json::from_str(data).unwrap());
        if let Some(id) = field("id") {
            let (version, line) = id.split_once('.').unwrap();
            let id = (version.parse().unwrap(), line.parse().unwrap());
            assert!(
                id.0 == self.last_id.0 || id.0 == self.last_id.0 + 1,
                "{id:?} after {:?}",
                self.last_id
            );
            self.last_id = id;
        }
        match field("event") {
            Some("writing") => {
                assert_eq!(field("id"), None);
                if data["append"] == false {
                    self.writing.clear();
                }
                self.writing.push_str(data["text"].as_str().unwrap());
                self.grown.push(self.writing.clone());
            }
            Some("log") => {
                for line in data.as_array().unwrap() {
                    if (&line["stream"], &line["kind"]) == (&"agent".into(), &"text".into()) {
                        self.texts.push(line["text"].as_str().unwrap().to_owned());
                        self.writing.clear();
                    }
                }
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_grows_until_its_line_takes_its_place() {
    let it = Installation::start_with("slow_writer", SLOW_WRITER).await;
    let id = it.create("custom", "Tell.\n\nscenario: slow_writer").await;
    let mut page = Page::open(&it, &id).await;
    page.until(|page| page.texts.len() == 1).await;
    let story = &page.texts[0];
    assert!(story.ends_with("its beginning."));
    let steps = page.grown.iter().filter(|step| !step.is_empty());
    assert!(steps.clone().count() >= 10, "{:?}", page.grown);
    // Each step is a beginning of the text, also of the one that broke off.
    assert!(
        steps.clone().all(|step| story.starts_with(step.as_str())),
        "{:?}",
        page.grown
    );

    page.grown.clear();
    page.until(|page| page.writing.len() > 20).await;
    // Whoever comes now sees what was written before.
    let mut late = Page::open(&it, &id).await;
    late.until(|late| !late.grown.is_empty()).await;
    assert!(late.grown[0].len() >= 20 && late.grown[0].starts_with("And it lived"));
    page.until(|page| page.texts.len() == 2).await;
    assert!(
        page.grown
            .iter()
            .all(|step| page.texts[1].starts_with(step))
    );

    it.until(&id, LIMIT, |task| task["status"] == "completed")
        .await;
    late.until(|late| late.texts.len() == 2).await;
    assert_eq!((late.texts, late.writing), (page.texts, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_called_off_in_the_middle_goes() {
    let it = Installation::start_with("slow_writer", SLOW_WRITER).await;
    let id = it.create("custom", "Tell.\n\nscenario: slow_writer").await;
    let mut page = Page::open(&it, &id).await;
    page.until(|page| page.writing.len() > 20).await;
    it.post(&format!("/api/tasks/{id}/cancel"), &serde_json::json!({}))
        .await;
    page.until(|page| page.grown.last().is_some_and(String::is_empty))
        .await;
    assert!(page.texts.is_empty());
}
