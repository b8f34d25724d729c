//! Images of a review: what counts as one, and where a page loads it from.

use std::fmt::Write as _;

use app::api::{FileChange, FileDiff, Piece, ShowFile};
use app::domain::id::ReviewId;
use app::number::size_of_file;
use serde::Deserialize;

use super::Reviewed;
use crate::error::Error;
use crate::highlight::escape;
use crate::service::Service;

/// The most pixels of an image that is shown.
const MOST_PIXELS: u64 = 64 * 1_000 * 1_000;

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

/// Width and height in pixels, as an image itself says.
fn dimensions(kind: ImageKind, bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize, count: usize| {
        let bytes = bytes.get(at..at + count)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
        )
    };
    let big = |at: usize, count: usize| {
        let bytes = bytes.get(at..at + count)?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
        )
    };
    let size = match kind {
        ImageKind::Png => (big(16, 4)?, big(20, 4)?),
        ImageKind::Gif => (number(6, 2)?, number(8, 2)?),
        ImageKind::Jpeg => jpeg_dimensions(bytes)?,
        ImageKind::Webp => match bytes.get(12..16)? {
            b"VP8 " => (number(26, 2)? & 0x3FFF, number(28, 2)? & 0x3FFF),
            b"VP8L" => {
                let bits = number(21, 4)?;
                ((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1)
            }
            b"VP8X" => (number(24, 3)? + 1, number(27, 3)? + 1),
            _ => return None,
        },
    };
    (size.0 > 0 && size.1 > 0).then_some(size)
}

/// Goes from segment to segment up to the one that begins a frame.
fn jpeg_dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let [mark, kind, rest @ ..] = bytes.get(at..)? else {
            return None;
        };
        match (mark, kind) {
            // Bytes that only fill, and marks without a segment.
            (0xFF, 0xFF) => at += 1,
            (0xFF, 0x01 | 0xD0..=0xD8) => at += 2,
            (0xFF, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF) => {
                let [_, _, _, height_high, height_low, width_high, width_low, ..] = rest else {
                    return None;
                };
                let number = |high: &u8, low: &u8| u32::from(*high) << 8 | u32::from(*low);
                return Some((
                    number(width_high, width_low),
                    number(height_high, height_low),
                ));
            }
            (0xFF, _) => {
                let length = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]);
                at += 2 + usize::from(length).max(2);
            }
            _ => return None,
        }
    }
}

/// How a version of an image is shown, or why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Picture {
    /// Pixels, width and height.
    Whole(u32, u32),
    /// Bytes, more than are sent.
    TooLarge(u64),
    /// Pixels that would take more memory than a browser may have.
    TooWide(u32, u32),
    /// Bytes of something else that is called an image.
    NoImage(u64),
    /// The record left it out, or it is a link.
    Unknown,
}

impl Picture {
    fn of(recorded: Option<(u64, Option<Vec<u8>>)>) -> Self {
        let Some((size, bytes)) = recorded else {
            return Self::Unknown;
        };
        let Some(bytes) = bytes else {
            return Self::TooLarge(size);
        };
        let found = ImageKind::of(&bytes).and_then(|kind| dimensions(kind, &bytes));
        match found {
            Some((width, height)) if u64::from(width) * u64::from(height) > MOST_PIXELS => {
                Self::TooWide(width, height)
            }
            Some((width, height)) => Self::Whole(width, height),
            None => Self::NoImage(size),
        }
    }

    /// As HTML; `address`, `name` and `words` are to be escaped.
    fn html(self, address: &str, name: &str, words: &str) -> String {
        let (address, name) = (escape(address), escape(name));
        let instead = match self {
            Self::Whole(width, height) => {
                return format!(
                    "<figure><img src=\"{address}\" alt=\"{name}, {words}\" width=\"{width}\" \
                     height=\"{height}\"><figcaption>{words}, {width} × {height}</figcaption></figure>"
                );
            }
            Self::TooLarge(size) => {
                format!(
                    "is not shown: it has {}, more than 8 MiB",
                    size_of_file(size)
                )
            }
            Self::TooWide(width, height) => {
                format!("is not shown: it has {width} × {height} pixels")
            }
            Self::NoImage(size) => {
                format!(
                    "is no image that can be shown, though it is called one: {}",
                    size_of_file(size)
                )
            }
            Self::Unknown => "is not part of what is reviewed, and not shown".to_owned(),
        };
        format!("<p class=\"field-hint\">{words}: {name} {instead}.</p>")
    }
}

impl Service {
    /// The versions of an image side by side.
    pub(super) async fn pictures(
        &self,
        it: &Reviewed,
        wanted: &ShowFile,
        changed: Option<&FileDiff>,
    ) -> Result<Piece, Error> {
        let path = wanted.path.as_str();
        let before = if wanted.since {
            Version::Previous
        } else {
            Version::Base
        };
        let old_path = changed.and_then(|file| file.old_path.as_deref());
        let old = (old_path.unwrap_or(path), before, "Before");
        let new = |words| (path, Version::Head, words);
        let versions = match changed.map(|file| file.change) {
            Some(FileChange::Modified | FileChange::Renamed) => vec![old, new("Now")],
            Some(FileChange::Deleted) => vec![old],
            Some(FileChange::Added) => vec![new("New")],
            None => vec![new("Unchanged")],
        };
        let mut html = "<div class=\"pictures\">".to_owned();
        for (path, version, words) in versions {
            let workspaces = &self.parts.workspaces;
            let recorded = workspaces.recorded_bytes(it.task.id, it.commit(version), path);
            let picture = Picture::of(recorded.await?);
            html.push_str(&picture.html(&address(it.review.id, path, version), path, words));
        }
        html.push_str("</div>");
        Ok(Piece::aside(html))
    }
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
                write!(address, "%{byte:02X}").expect("a string takes everything");
            }
        }
    }
    write!(address, "?raw=1&version={}", version.word()).expect("a string takes everything");
    address
}

#[cfg(test)]
mod tests {
    use app::domain::id::ReviewId;
    use uuid::Uuid;

    use super::{ImageKind, Picture, beside};

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
    fn the_size_of_an_image_is_what_it_says_of_itself() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\x02\0\0\0\x03".as_slice();
        let gif = b"GIF89a\x02\x01\x03\0".as_slice();
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xFF\xC2\0\x11\x08\0\x03\x01\x02".as_slice();
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x02\x01\x03\0".as_slice();
        let lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x01\x81\0\0".as_slice();
        let extended = b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x01\x01\0\x02\0\0".as_slice();
        for bytes in [png, gif, jpeg, lossy, lossless, extended] {
            let picture = Picture::of(Some((9, Some(bytes.to_vec()))));
            assert_eq!(picture, Picture::Whole(258, 3), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_image_is_not_shown_as_one() {
        let of = |bytes: &[u8]| Picture::of(Some((7, Some(bytes.to_vec()))));
        for broken in [
            b"not one".as_slice(),
            b"\x89PNG\r\n\x1a\n",
            b"\xFF\xD8\xFF\xE0\0\x00\xFF\xE0\0",
            b"RIFF\0\0\0\0WEBPVP9 ",
        ] {
            let html = of(broken).html("/a", "<a>.png", "Now");
            assert!(!html.contains("<img") && html.contains("7 bytes"), "{html}");
            assert!(html.contains("&lt;a&gt;.png"), "{html}");
        }
        let wide = of(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\x01\0\0\0\x01\0\0");
        assert_eq!(wide, Picture::TooWide(65_536, 65_536));
        let large = Picture::of(Some((9 << 20, None))).html("/a", "a.png", "Now");
        assert!(
            !large.contains("<img") && large.contains("it has 9 MiB"),
            "{large}"
        );
        assert!(
            !Picture::of(None)
                .html("/a", "a.png", "Now")
                .contains("<img")
        );
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
