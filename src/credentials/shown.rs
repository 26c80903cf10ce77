//! Text of files and programs as it may be printed: on one line, bounded, obeyed by no terminal.

use std::fmt;

/// Most characters that are shown of any text.
const MAX_CHARS: usize = 200;

/// No word of ours or of a helper's prose is as long as a token.
const MAX_WORD_CHARS: usize = 32;

/// A text with everything invisible written out, cut at 200 characters.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = MAX_CHARS;
        for letter in self.0.chars() {
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

/// What a program said when it failed: its first line, if that is prose. A program may have mixed a secret
/// into it, so words that could be one are left out.
pub(super) fn prose(output: &str) -> Option<String> {
    let line = output.trim().lines().next()?;
    if line.contains(['{', '"']) {
        return None;
    }
    let words = line.split_whitespace().map(|word| {
        let may_be_secret = word.chars().count() > MAX_WORD_CHARS || word.contains(['@', '=']);
        if may_be_secret { "…" } else { word }
    });
    Some(Shown(&words.collect::<Vec<_>>().join(" ")).to_string())
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

    #[test]
    fn of_a_programs_complaint_only_prose_is_kept() {
        assert_eq!(prose("\n cannot reach the agent\nsecond"), Some("cannot reach the agent".into()));
        assert_eq!(prose(r#"{"Secret":"hunter2"}"#), None);
        assert_eq!(prose("  "), None);
        let token = "t".repeat(33);
        assert_eq!(
            prose(&format!("token {token} of u:hunter2@h expired, pw=hunter2")),
            Some("token … of … expired, …".into())
        );
    }
}
