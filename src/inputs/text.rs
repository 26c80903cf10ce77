//! Bytes into text, and text into lines: UTF-8 only, any line ending.
//!
//! What is no text is refused as a whole: an archive given by mistake should be one error, not a
//! thousand bad lines.

use super::error::FileFault;

/// How much of a file is looked at to tell damaged text from binary data.
const SNIFFED_BYTES: usize = 64 * 1024;

/// Reads UTF-8, the byte order mark cut off.
pub(super) fn decode(bytes: Vec<u8>) -> Result<String, FileFault> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(FileFault::Utf16);
    }
    if bytes.contains(&0) {
        return Err(FileFault::Binary);
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        if is_binary(bytes) {
            FileFault::Binary
        } else {
            let valid = &bytes[..error.utf8_error().valid_up_to()];
            FileFault::NotUtf8 { line: last_line(std::str::from_utf8(valid).unwrap_or_default()) }
        }
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Texts in older encodings have next to no control characters; one byte in nine of random data is one.
fn is_binary(bytes: &[u8]) -> bool {
    let sniffed = &bytes[..bytes.len().min(SNIFFED_BYTES)];
    let is_control = |b: &u8| *b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    sniffed.iter().filter(|b| is_control(b)).count() * 50 > sniffed.len()
}

fn last_line(text: &str) -> u32 {
    lines(text).last().map_or(1, |(number, _)| number)
}

/// The lines of `text` with their numbers, counted from 1; they end with LF, CRLF or a lone CR.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let mut rest = Some(text);
    let lines = std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.bytes().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(text);
        };
        let ending = if text[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&text[end + ending..]);
        Some(&text[..end])
    });
    (1..).zip(lines)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(bytes: &[u8]) -> String {
        decode(bytes.to_vec()).unwrap_err().to_string()
    }

    #[test]
    fn the_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(decode(b"\xef\xbb\xbfnginx".to_vec()).unwrap(), "nginx");
        assert_eq!(decode(Vec::new()).unwrap(), "");
    }

    #[test]
    fn binary_data_is_one_fault_and_utf_16_another() {
        for bytes in [
            &b"\x7fELF\x02\x01\x01\0\0"[..],
            b"\x1f\x8b\x08\x00\x01",
            b"nginx\0redis\n",
            b"\x89PNG\r\n\x1a\n\x01\x02\x03\x04",
            b"\x80\x01\x02\x03\xff\xfe",
        ] {
            assert_eq!(fault(bytes), "not text but binary data", "{bytes:?}");
        }
        assert!(fault(b"\xff\xfen\0g\0").contains("UTF-16"));
        assert!(fault(b"\xfe\xff\0n\0g").contains("UTF-16"));
    }

    #[test]
    fn text_in_another_encoding_is_told_by_its_first_such_line() {
        assert_eq!(fault(b"nginx\r\n# caf\xe9\nredis\n"), "line 2 is not UTF-8 text");
        assert_eq!(fault(b"a\rb\r\rc\xff"), "line 4 is not UTF-8 text");
        assert_eq!(
            fault("# ".bytes().chain([0xbe, 0xb5, 0xcf, 0xf1]).collect::<Vec<_>>().as_slice()),
            "line 1 is not UTF-8 text"
        );
        assert_eq!(fault(b"nginx\nredis\xe4\xb8"), "line 2 is not UTF-8 text");
    }

    #[test]
    fn every_line_ending_counts_once() {
        let read = |text| lines(text).collect::<Vec<_>>();
        assert_eq!(read("a\nb\r\nc\rd"), [(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
        assert_eq!(read("\r\n\n\r\ra"), [(1, ""), (2, ""), (3, ""), (4, ""), (5, "a")]);
        assert_eq!(read("a\n"), [(1, "a"), (2, "")]);
        assert_eq!(read(""), [(1, "")]);
    }

    proptest! {
        #[test]
        fn lines_and_their_endings_are_all_of_the_text(text in "[a\r\n]{0,30}") {
            let plain = text.replace("\r\n", "\n").replace('\r', "\n");
            let joined = lines(&text).map(|(_, line)| line).collect::<Vec<_>>().join("\n");
            prop_assert_eq!(joined, plain);
        }

        #[test]
        fn arbitrary_bytes_are_text_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(bytes);
        }
    }
}
