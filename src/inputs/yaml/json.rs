//! JSON values one behind another in one text, as kubectl and jq write and read them: to YAML they are broken.
//!
//! The values are only found here; each is read as a document of its own, with its own lines.

use serde::de::IgnoredAny;

/// The values of a text that is several in JSON, and how many lines stand before each; none for any other text.
pub(super) fn values(text: &str) -> Option<Vec<(u32, &str)>> {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
    let start = text.trim_start_matches('\u{feff}');
    let mut at = text.len() - start.len() + start.bytes().take_while(|b| is_blank(b)).count();
    if !text[at..].starts_with(['{', '[']) {
        return None;
    }
    let mut stream = serde_json::Deserializer::from_str(&text[at..]).into_iter::<IgnoredAny>();
    let first = at;
    let (mut values, mut counted, mut before) = (Vec::new(), 0, 0_u32);
    while let Some(value) = stream.next() {
        value.ok()?;
        let end = first + stream.byte_offset();
        // One value is YAML, and need not be copied.
        if values.is_empty() && text[end..].bytes().all(|b| is_blank(&b)) {
            return None;
        }
        before = before.saturating_add(line_ends(&text[counted..at]));
        counted = at;
        values.push((before, &text[at..end]));
        at = end + text[end..].bytes().take_while(|b| is_blank(b)).count();
    }
    Some(values)
}

fn line_ends(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let is_end = |at: &usize| bytes[*at] == b'\n' || bytes[*at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    u32::try_from((0..bytes.len()).filter(is_end).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_are_told_apart_with_their_lines() {
        let text = "\u{feff}\n{\"a\":\n1}\r\n\r\n{\"b\": \"}\\n\"} [1]\r{}\n";
        let expected = [(1, "{\"a\":\n1}"), (4, "{\"b\": \"}\\n\"}"), (4, "[1]"), (5, "{}")];
        assert_eq!(values(text).unwrap(), expected);
    }

    #[test]
    fn one_value_and_what_is_not_json_throughout_stay_whole() {
        for text in [
            "",
            "{}",
            "{\"a\": 1}\n \n",
            "{a: 1}\n{b: 2}",
            "{} {",
            "{}\n# x",
            "a: 1",
            "1 2",
            "{}: x",
            "[] - y",
        ] {
            assert_eq!(values(text), None, "{text}");
        }
    }
}
