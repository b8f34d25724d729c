//! Numbers for people.

/// `950`, `12.3k`, `4.1M`.
pub fn short_count(count: u64) -> String {
    let (unit, letter) = match count {
        0..1_000 => return count.to_string(),
        1_000..1_000_000 => (1_000, 'k'),
        _ => (1_000_000, 'M'),
    };
    let tenths = count / (unit / 10);
    if tenths >= 1_000 {
        format!("{}{letter}", tenths / 10)
    } else {
        format!("{}.{}{letter}", tenths / 10, tenths % 10)
    }
}

/// `950 bytes`, `12.3 KiB`, `100 MiB`.
pub fn size_of_file(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_024 => return counted(usize::try_from(bytes).unwrap_or(0), "byte"),
        1_024..1_048_576 => (1_024, "KiB"),
        1_048_576..1_073_741_824 => (1_048_576, "MiB"),
        _ => (1_073_741_824, "GiB"),
    };
    let tenths = bytes.saturating_mul(10) / unit;
    match tenths % 10 {
        tenth if tenth > 0 && tenths < 1_000 => format!("{}.{tenth} {name}", tenths / 10),
        _ => format!("{} {name}", tenths / 10),
    }
}

/// `1 comment`, `3 comments`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::{counted, short_count, size_of_file};

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        let told: Vec<String> = [0, 1, 1_023, 1_024, 12_595, 104_857_600, 3_221_225_472]
            .map(size_of_file)
            .into();
        let expected = [
            "0 bytes",
            "1 byte",
            "1023 bytes",
            "1 KiB",
            "12.2 KiB",
            "100 MiB",
            "3 GiB",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn counts_are_short() {
        let told: Vec<String> = [0, 999, 1_000, 12_345, 214_000, 4_100_000]
            .map(short_count)
            .into();
        assert_eq!(told, ["0", "999", "1.0k", "12.3k", "214k", "4.1M"]);
        assert_eq!(counted(1, "comment"), "1 comment");
        assert_eq!(counted(0, "comment"), "0 comments");
    }
}
