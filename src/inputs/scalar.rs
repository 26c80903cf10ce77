//! What YAML's schemas make of scalars: numbers, and those whose text a reader changes on the way.
//!
//! A tag such as `1.10` without quotes is a number to Helm and kustomize, which write it back as `1.1`. Both YAML 1.2's
//! core schema and YAML 1.1, as Go's readers have it, count.

/// Most characters of a key on one line (YAML 1.2 section 7.4.2), in JSON too where it is read as YAML.
pub(super) const MAX_KEY_CHARS: usize = 1024;
/// From here on Go writes a number that is no whole one with an exponent.
const FIRST_WITH_EXPONENT: f64 = 1e6;

/// `12`, `-1.5`, `1e3`, `0x1F`, `0o17`, `.inf`
pub(super) fn is_number(text: &str) -> bool {
    let digits =
        |text: &str, is_digit: fn(&char) -> bool| !text.is_empty() && text.chars().all(|c| is_digit(&c));
    if let Some(hex) = text.strip_prefix("0x") {
        return digits(hex, char::is_ascii_hexdigit);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal, |digit| ('0'..='7').contains(digit));
    }
    let plain = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_special = matches!(plain, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN");
    // Rust reads `inf` and `nan` as numbers, YAML does not.
    let is_plain =
        plain.starts_with(|c: char| c.is_ascii_digit() || c == '.') && plain.parse::<f64>().is_ok();
    is_special || is_plain
}

/// Whether a plain scalar is a number that is written back as another text: `1.10`, `1e3`, `010`, `1_000`.
pub(super) fn is_rewritten(text: &str) -> bool {
    let bare = text.replace('_', "");
    let is_binary = bare.strip_prefix("0b").is_some_and(|bits| bits.parse::<u64>().is_ok());
    let starts_with_digit = text.starts_with(|c: char| c.is_ascii_digit());
    if !(is_number(text) || starts_with_digit && (is_number(&bare) || is_binary)) {
        return false;
    }
    let is_same_integer = text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
        || text.parse::<u64>().is_ok_and(|number| number.to_string() == text);
    let is_same_float = text.contains('.')
        && text.parse::<f64>().is_ok_and(|number| {
            number.abs() < FIRST_WITH_EXPONENT && number.abs() >= 1e-4 && number.to_string() == text
        });
    !(is_same_integer || is_same_float)
}

/// How many line ends stand before the first quoted key of more than [`MAX_KEY_CHARS`] characters.
pub(super) fn long_key(text: &str) -> Option<u32> {
    let (mut begin, mut lines, mut at_begin) = (None, 0_u32, 0);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (c, begin) {
            ('\n', _) => lines = lines.saturating_add(1),
            ('\\', Some(_)) => drop(chars.next()),
            ('"', None) => (begin, at_begin) = (Some(at), lines),
            ('"', Some(from)) => {
                begin = None;
                let is_key = text[at + 1..].trim_start().starts_with(':');
                if is_key && text[from + 1..at].chars().nth(MAX_KEY_CHARS - 2).is_some() {
                    return Some(at_begin);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_whose_text_is_not_kept_are_told_from_those_that_stay() {
        for text in [
            "1.10",
            "1.0",
            "010",
            "0777",
            "08",
            "1e3",
            "1234e56",
            "0x1F",
            "0o17",
            "0b11",
            "1_000",
            "1.",
            "20240101_1",
            "1234567.5",
            "0.00001",
            "123456789012345678901234567890",
            "+1",
            "1.00000000000000000001",
        ] {
            assert!(is_rewritten(text), "{text}");
        }
        for text in [
            "1.27",
            "7.2",
            "2",
            "0",
            "20240101",
            "18446744073709551615",
            "1.2.3",
            "v1",
            "1-alpine",
            "a1_0",
            "0.5",
            "latest",
            "",
        ] {
            assert!(!is_rewritten(text), "{text}");
        }
    }

    #[test]
    fn keys_that_are_too_long_for_yaml_are_found_with_their_line() {
        let key = "x".repeat(1100);
        assert_eq!(long_key(&format!("{{\"a\": \"{key}\",\n\"b\\\"\": 1,\n\"{key}\" : 2}}")), Some(2));
        assert_eq!(long_key(&format!("{{\"a\": \"{key}\"}}")), None);
        assert_eq!(long_key("\"a"), None);
    }
}
