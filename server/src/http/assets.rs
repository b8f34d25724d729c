//! The site's files: script, style sheet, module, icons. Built in, or from a folder.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use sha2::{Digest as _, Sha256};

#[cfg(not(debug_assertions))]
#[derive(rust_embed::RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../target/site"]
#[allow_missing = true]
struct Embedded;

/// A debug build holds no files, so that a new style sheet needs no compiler.
#[cfg(debug_assertions)]
const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/site");

/// Where the site's files are.
#[derive(Clone, Debug)]
pub struct Site {
    folder: Option<Arc<Path>>,
}

/// A file that is there.
struct Found {
    place: Place,
    /// Differs between files that differ.
    mark: [u8; 32],
}

enum Place {
    #[cfg_attr(
        debug_assertions,
        expect(dead_code, reason = "debug builds hold no files")
    )]
    Embedded(Cow<'static, [u8]>),
    Folder(PathBuf),
}

impl Site {
    /// The built-in files, or those of a folder.
    pub fn new(folder: Option<PathBuf>) -> Self {
        #[cfg(debug_assertions)]
        let folder = folder.or_else(|| Some(BUILT.into()));
        Self {
            folder: folder.map(Arc::from),
        }
    }

    /// The file at this address; `None` if there is none.
    pub async fn serve(&self, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
        let path = uri.path().trim_start_matches('/');
        let Some(plain) = self.find(path).await else {
            // Browsers ask for it unasked; the pages name the icon they have.
            return (path == "favicon.ico").then(|| StatusCode::NO_CONTENT.into_response());
        };
        let etag = URL_SAFE_NO_PAD.encode(&plain.mark[..12]);
        let quoted = format!("\"{etag}\"");
        // An address that names the content never changes its meaning.
        let pinned = uri
            .query()
            .is_some_and(|query| query == format!("v={etag}"));
        let caching = if pinned {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let mut response = if is_known(headers, &quoted) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.content(path, plain, headers).await?
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(etag) = HeaderValue::from_str(&quoted) {
            headers.insert(ETAG, etag);
        }
        Some(response)
    }

    async fn content(&self, path: &str, plain: Found, headers: &HeaderMap) -> Option<Response> {
        let wanted = headers
            .get(ACCEPT_ENCODING)
            .and_then(|encodings| encodings.to_str().ok());
        let takes_brotli =
            wanted.is_some_and(|encodings| encodings.split(',').any(|one| one.trim() == "br"));
        let packed = if takes_brotli {
            self.find(&format!("{path}.br")).await
        } else {
            None
        };
        let is_packed = packed.is_some();
        let body = match packed.unwrap_or(plain).place {
            Place::Embedded(Cow::Borrowed(bytes)) => Body::from(bytes),
            Place::Embedded(Cow::Owned(bytes)) => Body::from(bytes),
            Place::Folder(path) => Body::from(tokio::fs::read(path).await.ok()?),
        };
        let mut response = body.into_response();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
        if is_packed {
            response
                .headers_mut()
                .insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
        }
        Some(response)
    }

    async fn find(&self, path: &str) -> Option<Found> {
        let parts = || path.split('/');
        if path.is_empty()
            || parts().any(|part| part.is_empty() || part.starts_with('.'))
            || path.contains(['\\', '\0', '%'])
        {
            return None;
        }
        let Some(folder) = &self.folder else {
            return embedded(path);
        };
        let path = folder.join(path);
        let metadata = tokio::fs::metadata(&path).await.ok()?;
        if !metadata.is_file() {
            return None;
        }
        // A file in a folder is told apart by its time, as other servers do: a module with debug
        // information takes long to read through.
        let written = metadata.modified().ok()?;
        let age = written.duration_since(UNIX_EPOCH).ok()?;
        let identity = [age.as_nanos(), u128::from(metadata.len())].map(u128::to_le_bytes);
        Some(Found {
            mark: Sha256::digest(identity.concat()).into(),
            place: Place::Folder(path),
        })
    }
}

/// Whether the client has the file with this tag.
fn is_known(headers: &HeaderMap, quoted: &str) -> bool {
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    known.is_some_and(|tags| {
        tags.split(',')
            .any(|tag| tag.trim().trim_start_matches("W/") == quoted)
    })
}

#[cfg(not(debug_assertions))]
fn embedded(path: &str) -> Option<Found> {
    let file = Embedded::get(path)?;
    Some(Found {
        mark: file.metadata.sha256_hash(),
        place: Place::Embedded(file.data),
    })
}

#[cfg(debug_assertions)]
fn embedded(_path: &str) -> Option<Found> {
    None
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        _ => "application/octet-stream",
    }
}
