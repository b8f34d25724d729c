//! Request bodies: capped, not waited for for ever, and read to the end when the answer was given
//! early, so that a sender that is still sending gets to see it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::dependencies::FORMS;
use super::history::IMPORT;
use super::problem::{Kind, Problem};

/// The most that a request's body may hold, in bytes.
const BODY_LIMIT: u64 = 2 * 1024 * 1024;
/// The same for a task's whole history.
const HISTORY_LIMIT: u64 = 32 * 1024 * 1024;
/// How much of an unwanted body is read, in bytes.
const DRAIN_LIMIT: u64 = 16 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// For the largest body, that is 17 KiB a second.
const PATIENCE: Patience = Patience {
    pause: Duration::from_secs(30),
    whole: Duration::from_mins(2),
};

/// How long a body is waited for.
#[derive(Clone, Copy)]
struct Patience {
    /// The longest pause within it.
    pause: Duration,
    /// From when it is first waited for to its end.
    whole: Duration,
}

/// The most that the body of a request to this address may hold, in bytes.
pub fn body_limit(path: &str) -> u64 {
    if path == IMPORT {
        HISTORY_LIMIT
    } else {
        BODY_LIMIT
    }
}

/// Caps the body, and reads what the answer left of it.
pub async fn guard(request: Request, next: Next) -> Response {
    let declared: Option<u64> = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    // A sender that waits to be asked has not sent anything that would have to be read.
    let waits = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    // A form that a browser sends by itself is answered with a page, which its handler knows.
    let is_form = parts.uri.path().starts_with(FORMS);
    let limit = body_limit(parts.uri.path());
    if !is_form && declared.is_some_and(|length| length > limit) {
        if !waits {
            drain(body).await;
        }
        return too_large(limit);
    }
    let (rest, left_over) = oneshot::channel();
    let verdict = Arc::new(AtomicU8::new(FINE));
    let body = Inbound {
        body: Some(body),
        rest: Some(rest),
        read: 0,
        limit,
        patience: PATIENCE,
        stall: None,
        until: None,
        verdict: verdict.clone(),
    };
    let response = next.run(Request::from_parts(parts, Body::new(body))).await;
    let verdict = verdict.load(Ordering::Relaxed);
    // An answer that is still reading the body keeps it, and nothing has to be drained.
    let mut left_over = left_over;
    if let Ok(Left { body, begun }) = left_over.try_recv()
        && verdict != STALLED
        && (begun || !waits)
    {
        drain(body).await;
    }
    match verdict {
        TOO_LARGE if !response.status().is_redirection() => too_large(limit),
        STALLED => Problem::new(Kind::Timeout, "The request's body did not arrive in time.")
            .into_response(),
        _ => response,
    }
}

/// Whether reading a body failed because there was too much of it.
pub fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(known) = cause {
        if matches!(known.downcast_ref(), Some(Cut::TooLarge)) {
            return true;
        }
        cause = known.source();
    }
    false
}

fn too_large(limit: u64) -> Response {
    let detail = format!("A request may hold at most {} MiB.", limit / 1024 / 1024);
    Problem::new(Kind::TooLarge, detail).into_response()
}

async fn drain(mut body: Body) {
    let read = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, |data| data.len() as u64);
            if seen > DRAIN_LIMIT {
                break;
            }
        }
    };
    // Whoever sends more slowly than that doesn't see the answer.
    timeout(DRAIN_TIME, read).await.ok();
}

const FINE: u8 = 0;
const TOO_LARGE: u8 = 1;
const STALLED: u8 = 2;

/// What the handler left of a body.
struct Left {
    body: Body,
    /// Whether something of it was read.
    begun: bool,
}

/// The body as handlers see it.
struct Inbound {
    /// `None` at its end.
    body: Option<Body>,
    /// Takes what is left when the handler drops it.
    rest: Option<oneshot::Sender<Left>>,
    read: u64,
    /// The most that may be read.
    limit: u64,
    patience: Patience,
    stall: Option<Pin<Box<Sleep>>>,
    /// Set when it is first waited for.
    until: Option<Instant>,
    verdict: Arc<AtomicU8>,
}

/// Why the body ended early.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the body is larger than allowed")]
    TooLarge,
    #[error("the body stalled")]
    Stalled,
    #[error("the body could not be read")]
    Broken(#[source] axum::Error),
}

impl HttpBody for Inbound {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
            let now = Instant::now();
            let until = *this.until.get_or_insert(now + this.patience.whole);
            let pause = (now + this.patience.pause).min(until);
            let stall = this
                .stall
                .get_or_insert_with(|| Box::pin(sleep_until(pause)));
            if stall.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.verdict.store(STALLED, Ordering::Relaxed);
            return Poll::Ready(Some(Err(Cut::Stalled)));
        };
        // The next pause has a clock of its own.
        this.stall = None;
        match frame {
            None => {
                this.body = None;
                Poll::Ready(None)
            }
            Some(Err(error)) => {
                this.body = None;
                Poll::Ready(Some(Err(Cut::Broken(error))))
            }
            Some(Ok(frame)) => {
                this.read += frame.data_ref().map_or(0, |data| data.len() as u64);
                if this.read > this.limit {
                    this.verdict.store(TOO_LARGE, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(Cut::TooLarge)));
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if let (Some(body), Some(rest)) = (self.body.take(), self.rest.take())
            && !body.is_end_stream()
        {
            // Nobody listens any more if the connection is gone.
            rest.send(Left {
                body,
                begun: self.read > 0,
            })
            .ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;
    use tokio::time::sleep;

    use super::*;

    const SHORT: Patience = Patience {
        pause: Duration::from_millis(200),
        whole: Duration::from_millis(800),
    };

    /// A byte each time the pause is over, for ever.
    fn dripping(pause: Duration) -> Inbound {
        let body = Body::from_stream(stream::unfold((), move |()| async move {
            sleep(pause).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b"x")), ()))
        }));
        Inbound {
            body: Some(body),
            rest: None,
            read: 0,
            limit: BODY_LIMIT,
            patience: SHORT,
            stall: None,
            until: None,
            verdict: Arc::default(),
        }
    }

    /// When the body was cut, and how much of it had been read.
    async fn cut(mut body: Inbound) -> (Duration, u64) {
        let begun = Instant::now();
        loop {
            match body.frame().await {
                Some(Ok(_)) => assert!(begun.elapsed() < SHORT.whole * 2, "never cut"),
                Some(Err(Cut::Stalled)) => return (begun.elapsed(), body.read),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_pauses_too_long_is_cut() {
        let (took, read) = cut(dripping(SHORT.pause * 3)).await;
        assert_eq!(read, 0);
        assert!(took >= SHORT.pause && took < SHORT.whole, "{took:?}");
    }

    #[tokio::test]
    async fn a_body_that_drips_is_cut_when_its_time_is_over() {
        let (took, read) = cut(dripping(SHORT.pause / 4)).await;
        assert!(read > 1);
        assert!(took >= SHORT.whole, "{took:?}");
    }
}
