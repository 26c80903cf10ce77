//! Text from outside as it may be printed: on one line, bounded, obeyed by no terminal.

use std::fmt;

/// Most characters that are shown of any text.
pub const MAX_SHOWN_CHARS: usize = 200;

/// A text with everything invisible written out, cut at [`MAX_SHOWN_CHARS`].
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = MAX_SHOWN_CHARS;
        for letter in self.0.chars() {
            // Quotes and backslashes harm nobody; written out they would only be harder to read.
            let is_plain = letter.is_ascii_graphic();
            let escape = letter.escape_debug();
            let width = if is_plain { 1 } else { escape.len() };
            if width > room {
                return f.write_str("…");
            }
            room -= width;
            if is_plain { write!(f, "{letter}")? } else { escape.fmt(f)? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_text_is_one_bounded_line_that_no_terminal_obeys() {
        assert_eq!(Shown("a\n\u{1b}[31m\u{202e}b c/镜").to_string(), "a\\n\\u{1b}[31m\\u{202e}b c/镜");
        let long = Shown(&"x".repeat(1000)).to_string();
        assert_eq!(long, format!("{}…", "x".repeat(200)));
    }
}
