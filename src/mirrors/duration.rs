//! Durations as Go reads them (`time.ParseDuration`): numbers with units, one after the other.
//!
//! containerd takes a file with another one for invalid. What the duration comes to is of no use here.

/// Units, and how many nanoseconds each has.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("\u{b5}s", 1e3),
    ("\u{3bc}s", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 6e10),
    ("h", 3.6e12),
];

/// Whether `text` is one: `1.5h`, `-2h45m`, `300ms`, `0`.
pub(super) fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        let end =
            behind.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let known = UNITS.iter().find(|(name, _)| *name == unit);
        // Rust takes `1.` and `.5` too, and a lone dot no more than Go.
        let (Some((_, nanoseconds)), Ok(number)) = (known, number.parse::<f64>()) else { return false };
        total += number * nanoseconds;
        rest = behind;
    }
    // Go counts nanoseconds in 64 bits.
    !text.is_empty() && text != "+" && text != "-" && total < 2_f64.powi(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for text in
            ["3s", "1.5h", "-2h45m", "300ms", "0", "+5s", ".5s", "1.s", "1\u{b5}s", "2562047h", "1h1h"]
        {
            assert!(is_duration(text), "{text}");
        }
        for text in [
            "",
            "abc",
            "3 seconds",
            "3",
            "s",
            "-",
            "+",
            ".s",
            "1..5s",
            "3S",
            "3sec",
            "1d",
            " 3s",
            "2562048h",
            "00",
        ] {
            assert!(!is_duration(text), "{text}");
        }
    }
}
