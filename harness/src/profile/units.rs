//! Sizes as people write them.

/// The suffixes and what they stand for.
const UNITS: [(&str, u64); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads `8GiB`, `512 MiB`: a whole number and a binary unit. `None` for anything else, nothing and zero included.
pub(super) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))?;
    let number: u64 = number.trim_end().parse().ok()?;
    number.checked_mul(*unit).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_binary_unit() {
        assert_eq!(size("8GiB"), Some(8 << 30));
        assert_eq!(size(" 512 MiB "), Some(512 << 20));
        for wrong in [
            "",
            "8",
            "8GB",
            "-1GiB",
            "0GiB",
            "1.5GiB",
            "GiB",
            "99999999999TiB",
        ] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }
}
