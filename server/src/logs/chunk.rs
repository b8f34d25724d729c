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

#[cfg(test)]
mod tests {
    use app::domain::log::{LogKind, LogStream};
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &str) -> String {
        let line = NewLine {
            at: DateTime::from_timestamp_millis(1_700_000_000_123).unwrap(),
            stream: LogStream::Tool,
            kind: LogKind::Raw,
            text: text.to_owned(),
        };
        serde_json::to_string(&line).unwrap()
    }

    fn stored(packed: &Packed) -> Stored<'_> {
        Stored {
            encoding: JSON_ZSTD,
            raw_bytes: i32::try_from(packed.raw_bytes).unwrap(),
            sha256: &packed.sha256,
            bytes: &packed.bytes,
        }
    }

    #[test]
    fn chunks_stay_within_their_size_but_for_a_single_long_line() {
        let mut lines = vec![encoded(&"x".repeat(1_000)); 200];
        lines.push(encoded(&"y".repeat(200_000)));
        lines.push(encoded("z"));
        let packed = pack(lines.iter().map(String::as_str)).unwrap();
        assert_eq!(packed.iter().map(|chunk| chunk.lines).sum::<u64>(), 202);
        for chunk in &packed {
            assert!(chunk.raw_bytes <= TARGET_BYTES || chunk.lines == 1);
        }
        assert!(packed.len() < 8, "{}", packed.len());
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let lines = [encoded("one"), encoded("two")];
        let packed = pack(lines.iter().map(String::as_str)).unwrap().remove(0);
        for place in 0..packed.bytes.len() {
            let mut torn = packed.clone();
            torn.bytes[place] ^= 1;
            let read = unpack(&stored(&torn), 1, 2);
            assert!(matches!(read, Err(ChunkDefect::Checksum)), "{read:?}");
        }
        let missing = unpack(&stored(&packed), 1, 3);
        let count = matches!(
            missing,
            Err(ChunkDefect::Count {
                expected: 3,
                found: 2
            })
        );
        assert!(count, "{missing:?}");
    }

    #[test]
    fn a_later_encoding_is_not_guessed_at() {
        let packed = pack([encoded("one").as_str()]).unwrap().remove(0);
        let later = Stored {
            encoding: 2,
            ..stored(&packed)
        };
        let read = unpack(&later, 1, 1);
        assert!(matches!(read, Err(ChunkDefect::Encoding(2))), "{read:?}");
    }

    proptest! {
        #[test]
        fn any_lines_come_back_as_they_were(texts in prop::collection::vec(any::<String>(), 1..60), begin in 1..1_000_000_u64) {
            let lines: Vec<_> = texts.iter().map(|text| encoded(text)).collect();
            let packed = pack(lines.iter().map(String::as_str)).unwrap();
            let mut next = begin;
            let mut read = Vec::new();
            for chunk in &packed {
                let last = next + chunk.lines - 1;
                read.extend(unpack(&stored(chunk), next, last).unwrap());
                next = last + 1;
            }
            let numbers: Vec<_> = read.iter().map(|line| line.seq).collect();
            prop_assert_eq!(numbers, (begin..begin + texts.len() as u64).collect::<Vec<_>>());
            let found: Vec<_> = read.into_iter().map(|line| line.text).collect();
            prop_assert_eq!(found, texts);
        }
    }
}
