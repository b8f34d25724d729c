//! Messages to a channel of Slack (`chat.postMessage` of its Web API).

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, Uri};
use http_body_util::Full;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::Outcome;
use super::sender::{Sender, outcome};
use super::text::Message;

/// What Slack answers, with the status 200 also where it refuses.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error: Option<String>,
}

/// Writes a message to a channel as the bot whose token it is.
pub(super) async fn write(
    sender: &Sender,
    api: &Uri,
    token: Option<&SecretString>,
    channel: &str,
    message: &Message,
) -> Outcome {
    let Some(token) = token else {
        return Outcome::Refused("no Slack bot token is set".to_owned());
    };
    let authorization = format!("Bearer {}", token.expose_secret());
    let Ok(mut authorization) = HeaderValue::from_str(&authorization) else {
        return Outcome::Refused("the Slack bot token is none".to_owned());
    };
    authorization.set_sensitive(true);
    let body = json!({ "channel": channel, "text": text(message), "unfurl_links": false });
    let request = Request::post(api)
        .header(AUTHORIZATION, authorization)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .body(Full::new(Bytes::from(body.to_string())));
    let Ok(request) = request else {
        return Outcome::Refused("the address of Slack is none".to_owned());
    };
    match sender.send(request).await {
        Ok(reply) if reply.status.is_success() => judged(&reply.body),
        Ok(reply) => outcome(reply.status),
        Err(failed) => failed,
    }
}

fn judged(body: &[u8]) -> Outcome {
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        return Outcome::Failed("Slack's answer can't be read".to_owned());
    };
    if answer.ok {
        return Outcome::Delivered;
    }
    let error = answer.error.unwrap_or_default();
    match error.as_str() {
        "ratelimited"
        | "rate_limited"
        | "internal_error"
        | "fatal_error"
        | "request_timeout"
        | "service_unavailable" => Outcome::Failed(format!("Slack says {error}")),
        "channel_not_found" | "not_in_channel" => Outcome::Refused(format!(
            "Slack says {error}: is the name right, and the bot in the channel?"
        )),
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            Outcome::Refused(format!("Slack says {error}: the bot token is not good"))
        }
        "missing_scope" => {
            Outcome::Refused("Slack says missing_scope: the bot needs chat:write".to_owned())
        }
        // What others say goes on the page; no more of it than a word.
        word if word.len() <= 64
            && word
                .bytes()
                .all(|byte| byte == b'_' || byte.is_ascii_lowercase()) =>
        {
            Outcome::Refused(format!("Slack says {word}"))
        }
        _ => Outcome::Refused("Slack refuses the message".to_owned()),
    }
}

/// In Slack's markup.
fn text(message: &Message) -> String {
    let (headline, title) = (message.headline, plain(&message.task_title));
    let first = format!("*{headline}*: <{}|{title}>", message.url);
    match message.text.as_str() {
        "" => first,
        text => format!("{first}\n{}", plain(text)),
    }
}

/// Nothing in it is markup, a mention or a link.
fn plain(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    // Ends a link's address.
    text.replace('|', "¦")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_task_says_is_no_markup() {
        let message = Message {
            task_title: "<!channel> & |x".to_owned(),
            text: "<https://example.net|here>".to_owned(),
            ..Message::trial("https://agents.example.net")
        };
        assert_eq!(
            text(&message),
            "*Notifications arrive here*: <https://agents.example.net/inbox|&lt;!channel&gt; &amp; ¦x>\n\
             &lt;https://example.net¦here&gt;"
        );
    }

    #[test]
    fn slack_refuses_with_a_good_status() {
        assert_eq!(judged(br#"{"ok":true}"#), Outcome::Delivered);
        assert!(matches!(
            judged(br#"{"ok":false,"error":"ratelimited"}"#),
            Outcome::Failed(_)
        ));
        for error in ["channel_not_found", "invalid_auth", "new_error", "<b>", ""] {
            let body = json!({ "ok": false, "error": error }).to_string();
            assert!(
                matches!(judged(body.as_bytes()), Outcome::Refused(_)),
                "{error}"
            );
        }
        assert!(matches!(judged(b"<html>"), Outcome::Failed(_)));
    }
}
