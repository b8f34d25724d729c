//! Accepting connections, and giving up on those that don't read or don't finish their request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

const PATIENCE: Patience = Patience {
    write: Duration::from_secs(30),
    head: Duration::from_secs(30),
};

/// How long clients are waited for.
#[derive(Clone, Copy)]
struct Patience {
    /// A client whose socket accepts nothing for so long is dropped.
    write: Duration,
    /// A request's head has to arrive in this time; an idle connection is closed after it.
    head: Duration,
}

/// Bytes of a request's head that are read at most at a time, which bounds the memory; what is
/// too large by our own rules is told by the gate.
const HEAD_LIMIT: usize = 64 * 1024;
const MAX_CONNECTIONS: usize = 4096;
/// How long requests may go on after the shutdown began.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until `shutdown`, then lets requests that are under way end.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                let served = serve_connection(stream, router.clone(), PATIENCE, shutdown.clone());
                connections.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, as a rule: some come back when connections end.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a connection was not accepted"
                );
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if timeout(GRACE, connections.wait()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "requests were cut off by the shutdown"
        );
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<(TcpStream, Place)> {
    let place = places
        .clone()
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Events are small and should not wait for more.
    stream.set_nodelay(true)?;
    Ok((stream, place))
}

async fn serve_connection(
    stream: TcpStream,
    router: Router,
    patience: Patience,
    shutdown: CancellationToken,
) {
    let router = router.map_request(|request: Request<Incoming>| request.map(Body::new));
    let io = TokioIo::new(ImpatientIo::new(stream, patience.write));
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head)
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(io, TowerToHyperService::new(router))
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The other side's affair: it went away, stalled or sent no HTTP.
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection ended early"
        );
    }
}

/// A stream whose writes fail when the other side accepts nothing for `patience`.
struct ImpatientIo<T> {
    inner: T,
    patience: Duration,
    /// Runs while a write is pending.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<T> ImpatientIo<T> {
    const fn new(inner: T, patience: Duration) -> Self {
        Self {
            inner,
            patience,
            deadline: None,
        }
    }

    fn watch<R>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.deadline = None;
            return written;
        }
        let patience = self.patience;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ImpatientIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ImpatientIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use bytes::Bytes;
    use futures::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn a_reader_that_accepts_nothing_is_given_up() {
        let (near, _far) = tokio::io::duplex(1024);
        let mut io = ImpatientIo::new(near, SHORT);
        let begun = Instant::now();
        let error = io.write_all(&[0; 4096]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= SHORT);
    }

    #[tokio::test]
    async fn a_slow_reader_is_served_to_the_end() {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut io = ImpatientIo::new(near, SHORT);
        let read = async {
            let mut seen = 0;
            let mut buffer = [0; 512];
            while seen < 8192 {
                sleep(SHORT / 10).await;
                seen += far.read(&mut buffer).await.unwrap();
            }
            seen
        };
        let (written, seen) = tokio::join!(io.write_all(&[0; 8192]), read);
        written.unwrap();
        assert_eq!(seen, 8192);
    }

    /// A client of a server that writes without end, and what became of the connection.
    async fn connected() -> (TcpStream, impl Future<Output = ()>) {
        let endless = || {
            let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
            Body::from_stream(stream::repeat_with(move || {
                Ok::<_, std::convert::Infallible>(chunk.clone())
            }))
        };
        let router = Router::new().route("/", get(async move || endless()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (accepted, client) = tokio::join!(listener.accept(), client);
        let patience = Patience {
            write: SHORT,
            head: SHORT,
        };
        let (stream, _) = accepted.unwrap();
        let served = serve_connection(stream, router, patience, CancellationToken::new());
        (client.unwrap(), served)
    }

    #[tokio::test]
    async fn a_client_that_asks_and_never_reads_loses_its_connection() {
        let (mut client, served) = connected().await;
        let question = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        client.write_all(question).await.unwrap();
        timeout(SHORT * 50, served).await.expect("an end");
    }

    #[tokio::test]
    async fn a_client_that_reads_keeps_its_connection() {
        let (mut client, served) = connected().await;
        let question = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        client.write_all(question).await.unwrap();
        let reads = async {
            let mut buffer = vec![0; 64 * 1024];
            while client.read(&mut buffer).await.unwrap() > 0 {}
        };
        let both = async { tokio::join!(served, reads) };
        assert!(timeout(SHORT * 5, both).await.is_err(), "it was cut");
    }
}
