//! The program that the server takes for the Claude CLI: says as many lines as its prompt asks
//! for, as fast as they are taken, each with the moment at which it was written.

use std::io::{self, BufRead as _, Write as _};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use server::agent::version::MINIMUM;

/// Stands in every line, before the nanoseconds since 1970 at which it was written.
pub const WRITTEN_AT: &str = "written-at-ns=";

const LINES: &str = "generate-lines=";
const BEGIN: &str = "begin-at-ms=";

/// What a prompt says to get `lines` lines, beginning at a moment in milliseconds since 1970.
pub fn prompt(lines: u64, begin: u64) -> String {
    format!("{LINES}{lines} {BEGIN}{begin} ")
}

/// The clock that generator and clients share, in nanoseconds since 1970.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_nanos();
    u64::try_from(now).unwrap_or(u64::MAX)
}

/// The number that follows a name in a text.
pub fn number_after(text: &str, name: &str) -> Option<u64> {
    let (_, rest) = text.split_once(name)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Answers `--version` with one that the server accepts.
pub fn tell_version() {
    println!("{MINIMUM} (line generator of the benchmark)");
}

/// Speaks the CLI's line protocol until its standard input is closed.
pub fn converse() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let message: Value = serde_json::from_str(&line?)?;
        match message["type"].as_str() {
            Some("control_request") => say(&json!({
                "type": "control_response",
                "response": {"subtype": "success", "request_id": message["request_id"], "response": {}},
            }))?,
            Some("user") => take_turn(&message)?,
            _ => {}
        }
    }
    Ok(())
}

fn take_turn(message: &Value) -> io::Result<()> {
    let prompt = message["message"]["content"].as_str().unwrap_or_default();
    let lines = number_after(prompt, LINES).unwrap_or(0);
    let begin = Duration::from_millis(number_after(prompt, BEGIN).unwrap_or(0));
    say(&json!({
        "type": "system", "subtype": "init", "session_id": "benchmark", "model": "benchmark",
        "mcp_servers": [{"name": "platform", "status": "connected"}],
    }))?;
    thread::sleep(begin.saturating_sub(Duration::from_nanos(now())));
    let mut stdout = io::stdout().lock();
    for number in 1..=lines {
        stdout.write_all(assistant(number).as_bytes())?; // line by line, as the CLI does it
    }
    drop(stdout);
    say(&json!({
        "type": "result", "subtype": "success", "is_error": false, "terminal_reason": "completed",
        "result": "Done.", "session_id": "benchmark", "num_turns": 1, "total_cost_usd": 0.0,
        "user_message_uuids": [message["uuid"]],
    }))
}

/// A message as long as the CLI's own are for a sentence of text.
fn assistant(number: u64) -> String {
    let text = format!(
        "Line {number} {WRITTEN_AT}{} of a build that prints what it is doing, about as much as people do.",
        now()
    );
    format!(
        concat!(
            r#"{{"type":"assistant","message":{{"id":"msg_{:016}","type":"message","role":"assistant","#,
            r#""model":"benchmark","content":[{{"type":"text","text":"{}"}}],"stop_reason":null,"#,
            r#""stop_sequence":null,"usage":{{"input_tokens":100,"cache_creation_input_tokens":0,"#,
            r#""cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}},"#,
            r#""context_management":null}},"parent_tool_use_id":null,"session_id":"benchmark","#,
            r#""uuid":"60e825d9-3d38-4366-82ec-d51366b1c2de","request_id":"req_stub00000001"}}"#,
            "\n"
        ),
        number, text
    )
}

fn say(message: &Value) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{message}")?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_understood_wherever_it_stands() {
        let framed = format!("Do this:\n{}\nThank you.", prompt(20_000, 1_234));
        assert_eq!(number_after(&framed, LINES), Some(20_000));
        assert_eq!(number_after(&framed, BEGIN), Some(1_234));
        assert_eq!(number_after(&framed, "lines-elsewhere="), None);
    }

    #[test]
    fn a_line_is_one_message_with_its_moment() {
        let line = assistant(7);
        let message: Value = serde_json::from_str(&line).unwrap();
        let text = message["message"]["content"][0]["text"].as_str().unwrap();
        assert!(number_after(text, WRITTEN_AT).unwrap() > 1_700_000_000_000_000_000);
        assert_eq!(line.find('\n'), Some(line.len() - 1));
    }
}
