//! Lines in and out of chunks: one JSON object per line, compressed, with a checksum.

use app::domain::log::{LogLine, NewLine};
use sha2::{Digest, Sha256};

/// How much goes into a chunk, before compression. A single longer line has a chunk of its own.
pub(super) const TARGET_BYTES: usize = 64 * 1024;

/// JSON lines in one zstd frame.
pub(super) const JSON_ZSTD: i32 = 1;

/// Fast: the lines are compressed while somebody waits to see them.
const LEVEL: i32 = 1;

/// No chunk holds more than one line of the greatest length, all of it escaped.
const MOST_RAW_BYTES: usize = 8 * 1024 * 1024;

/// What is wrong with a stored chunk.
#[derive(Debug, thiserror::Error)]
pub enum ChunkDefect {
    /// The bytes are not those that were stored.
    #[error("the checksum does not match")]
    Checksum,
    /// Written by a later program.
    #[error("its encoding {0} is not known")]
    Encoding(i32),
    /// The bytes are no zstd frame of the given length.
    #[error("it can't be decompressed")]
    Compression(#[source] std::io::Error),
    /// A line is not what a line should be.
    #[error("one of its lines can't be read")]
    Line(#[source] serde_json::Error),
    /// There are fewer or more lines than numbers.
    #[error("it has {found} lines in place of {expected}")]
    Count { expected: u64, found: u64 },
}

/// A chunk without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub lines: u64,
    pub raw_bytes: usize,
    pub sha256: Vec<u8>,
    pub bytes: Vec<u8>,
}

/// Packs lines, each as JSON without a line break, into as few chunks as it takes.
pub(super) fn pack<'a>(lines: impl IntoIterator<Item = &'a str>) -> std::io::Result<Vec<Packed>> {
    let mut packed = Vec::new();
    let (mut raw, mut count) = (String::new(), 0);
    for line in lines {
        if count > 0 && raw.len() + line.len() >= TARGET_BYTES {
            packed.push(seal(&raw, count)?);
            raw.clear();
            count = 0;
        }
        raw.push_str(line);
        raw.push('\n');
        count += 1;
    }
    if count > 0 {
        packed.push(seal(&raw, count)?);
    }
    Ok(packed)
}

fn seal(raw: &str, lines: u64) -> std::io::Result<Packed> {
    let bytes = zstd::bulk::compress(raw.as_bytes(), LEVEL)?;
    Ok(Packed {
        lines,
        raw_bytes: raw.len(),
        sha256: Sha256::digest(&bytes).to_vec(),
        bytes,
    })
}

/// A stored chunk, to be unpacked.
pub(super) struct Stored<'a> {
    pub encoding: i32,
    pub raw_bytes: i32,
    pub sha256: &'a [u8],
    pub bytes: &'a [u8],
}

/// The lines as they were packed, each with a line break.
pub(super) fn unpack_raw(stored: &Stored<'_>) -> Result<String, ChunkDefect> {
    if stored.encoding != JSON_ZSTD {
        return Err(ChunkDefect::Encoding(stored.encoding));
    }
    if Sha256::digest(stored.bytes).as_slice() != stored.sha256 {
        return Err(ChunkDefect::Checksum);
    }
    let length = usize::try_from(stored.raw_bytes).unwrap_or(0);
    let raw = zstd::bulk::decompress(stored.bytes, length.min(MOST_RAW_BYTES));
    let raw = raw.map_err(ChunkDefect::Compression)?;
    String::from_utf8(raw).map_err(|error| {
        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        ChunkDefect::Compression(error)
    })
}

/// The numbered lines of a chunk.
pub(super) fn unpack(
    stored: &Stored<'_>,
    first_seq: u64,
    last_seq: u64,
) -> Result<Vec<LogLine>, ChunkDefect> {
    let raw = unpack_raw(stored)?;
    let lines: Result<Vec<_>, _> = (first_seq..)
        .zip(raw.lines())
        .map(|(seq, line)| {
            let line: NewLine = serde_json::from_str(line)?;
            Ok(LogLine {
                seq,
                at: line.at,
                stream: line.stream,
                kind: line.kind,
                text: line.text,
            })
        })
        .collect();
    let lines = lines.map_err(ChunkDefect::Line)?;
    let expected = (last_seq + 1).saturating_sub(first_seq);
    let found = lines.len() as u64;
    if expected != found {
        return Err(ChunkDefect::Count { expected, found });
    }
    Ok(lines)
}
