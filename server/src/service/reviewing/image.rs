//! Images of a review: what counts as one, and where a page loads it from.

use std::fmt::Write as _;

use app::api::{FileChange, FileDiff, Piece, ShowFile};
use app::domain::id::ReviewId;
use serde::Deserialize;

use super::Reviewed;
use crate::highlight::escape;

/// A kind of image that browsers show and that can't contain a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    Png,
    Jpeg,
    Gif,
    Webp,
}

impl ImageKind {
    /// Told by the first bytes, whatever the file is called.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Self::Webp),
            _ => None,
        }
    }

    /// The content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }
}

/// Which of a review's commits a file is read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// As the phase began.
    Base,
    /// As the round before was.
    Previous,
    /// As the review shows it.
    #[default]
    Head,
}

impl Version {
    const fn word(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Previous => "previous",
            Self::Head => "head",
        }
    }
}

/// Whether a path is called as images are.
pub fn is_named(path: &str) -> bool {
    let extension = std::path::Path::new(path).extension();
    extension.is_some_and(|extension| {
        let known = ["png", "jpg", "jpeg", "gif", "webp"];
        known
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// The versions of an image side by side.
pub fn pictures(it: &Reviewed, wanted: &ShowFile, changed: Option<&FileDiff>) -> Piece {
    let change = changed.map(|file| file.change);
    let old_path = changed.and_then(|file| file.old_path.as_deref());
    let version = if wanted.since {
        Version::Previous
    } else {
        Version::Base
    };
    let path = wanted.path.as_str();
    let mut html = "<div class=\"pictures\">".to_owned();
    let mut picture = |path: &str, version: Version, words: &str| {
        let address = escape(&address(it.review.id, path, version));
        let name = escape(path);
        let _ = write!(
            html,
            "<figure><img src=\"{address}\" alt=\"{name}, {words}\"><figcaption>{words}</figcaption></figure>"
        );
    };
    if matches!(
        change,
        Some(FileChange::Modified | FileChange::Renamed | FileChange::Deleted)
    ) {
        picture(old_path.unwrap_or(path), version, "Before");
    }
    match change {
        Some(FileChange::Deleted) => {}
        Some(FileChange::Added) => picture(path, Version::Head, "New"),
        Some(_) => picture(path, Version::Head, "Now"),
        None => picture(path, Version::Head, "Unchanged"),
    }
    html.push_str("</div>");
    Piece::aside(html)
}

/// Where an image is loaded from that a document names by its own place.
pub fn beside(review: ReviewId, document: &str, named: &str) -> Option<String> {
    let is_elsewhere = named.is_empty() || named.starts_with(['/', '#']) || named.contains(':');
    if is_elsewhere || !is_named(named) {
        return None;
    }
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in named.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                path.pop()?;
            }
            part => path.push(part),
        }
    }
    Some(address(review, &path.join("/"), Version::Head))
}

fn address(review: ReviewId, path: &str, version: Version) -> String {
    let mut address = format!("/api/reviews/{review}/files/");
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                address.push(char::from(byte));
            }
            byte => {
                let _ = write!(address, "%{byte:02X}");
            }
        }
    }
    let _ = write!(address, "?raw=1&version={}", version.word());
    address
}

#[cfg(test)]
mod tests {
    use app::domain::id::ReviewId;
    use uuid::Uuid;

    use super::{ImageKind, beside};

    #[test]
    fn an_image_is_told_by_its_bytes() {
        assert_eq!(
            ImageKind::of(b"\x89PNG\r\n\x1a\n...."),
            Some(ImageKind::Png)
        );
        assert_eq!(ImageKind::of(b"RIFF....WEBPVP8 "), Some(ImageKind::Webp));
        assert_eq!(ImageKind::of(b"<svg onload=alert(1)>"), None);
        assert_eq!(ImageKind::of(b""), None);
    }

    #[test]
    fn images_beside_a_document_are_found_and_no_others() {
        let review = ReviewId::from_uuid(Uuid::nil());
        let of = |named: &str| beside(review, "docs/design/a.md", named);
        let files = format!("/api/reviews/{review}/files");
        assert_eq!(
            of("img/a b.png"),
            Some(format!(
                "{files}/docs/design/img/a%20b.png?raw=1&version=head"
            ))
        );
        assert_eq!(
            of("../map.PNG"),
            Some(format!("{files}/docs/map.PNG?raw=1&version=head"))
        );
        for elsewhere in [
            "https://evil.example/a.png",
            "//evil.example/a.png",
            "/a.png",
            "../../../a.png",
            "a.svg",
            "data:image/png;base64,AA",
        ] {
            assert_eq!(of(elsewhere), None, "{elsewhere}");
        }
    }
}
