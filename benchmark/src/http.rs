//! As much HTTP as measuring needs, and no more: a client that costs as little as possible of the
//! processor it shares with the server.
//!
//! Version 1.0, so that an answer is simply what comes until the connection ends.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);

/// An answer: its head as text, and its body.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

/// A connection on which a request was sent.
pub async fn send(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(addr).await?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {addr}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

async fn ask(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> anyhow::Result<Answer> {
    let answered = async {
        let mut stream = send(addr, method, path, headers, body).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        anyhow::Ok(bytes)
    };
    let mut bytes = timeout(LIMIT, answered)
        .await
        .with_context(|| format!("{method} {path} was not answered in time"))??;
    let end = head_end(&bytes).context("an answer without a head")?;
    let body = bytes.split_off(end);
    let head = String::from_utf8(bytes)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.context("an answer without a status")?;
    Ok(Answer { status, head, body })
}

/// Where the body begins, once the head is complete.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// An answer whatever its status.
pub async fn get(addr: SocketAddr, path: &str, headers: &str) -> anyhow::Result<Answer> {
    ask(addr, "GET", path, headers, "").await
}

/// The JSON at an address.
pub async fn get_json(addr: SocketAddr, path: &str) -> anyhow::Result<Value> {
    json(path, &get(addr, path, "").await?)
}

/// Sends JSON, and takes some.
pub async fn post_json(addr: SocketAddr, path: &str, body: &Value) -> anyhow::Result<Value> {
    let headers = "Content-Type: application/json\r\n";
    json(
        path,
        &ask(addr, "POST", path, headers, &body.to_string()).await?,
    )
}

fn json(path: &str, answer: &Answer) -> anyhow::Result<Value> {
    if !(200..300).contains(&answer.status) {
        let body = String::from_utf8_lossy(&answer.body);
        bail!("{path} was answered with {}: {body}", answer.status);
    }
    Ok(serde_json::from_slice(&answer.body)?)
}
