//! A line that names no image that could be asked for, or a part that cannot be read, as it is shown to people.
//!
//! Lists are often made by other programs from what remotes said: the text is escaped and cut here, so
//! that no terminal obeys it.

use std::fmt;

use crate::model::origin::Origin;
use crate::model::shown::Shown;

pub use crate::model::shown::MAX_SHOWN_CHARS;

/// A line that could not be read as an image; without text, a part of a file that could not be read at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Where it stands.
    pub origin: Origin,
    /// The name as it was typed, cut behind [`MAX_SHOWN_CHARS`] characters. Not escaped.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl BadLine {
    pub(super) fn new(origin: Origin, text: &str, why: String) -> Self {
        Self { origin, text: Self::cut(text), why }
    }

    /// What is kept of a text.
    pub(super) fn cut(text: &str) -> String {
        match text.char_indices().nth(MAX_SHOWN_CHARS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        }
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { file, line, .. } = &self.origin;
        write!(f, "{}:{line}: ", Shown(file))?;
        if !self.text.is_empty() {
            write!(f, "{}: ", Shown(&self.text))?;
        }
        f.write_str(&self.why)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> BadLine {
        let origin = Origin::line("list.txt".into(), 3);
        BadLine::new(origin, text, "no tag".into())
    }

    #[test]
    fn a_bad_line_says_where_what_and_why() {
        assert_eq!(line("nginx:").to_string(), "list.txt:3: nginx:: no tag");
        assert_eq!(line("\"镜像\" C:\\x").to_string(), "list.txt:3: \"镜像\" C:\\x: no tag");
    }

    #[test]
    fn what_terminals_obey_or_hide_is_written_out() {
        for (text, shown) in [
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\tb\0", "a\\tb\\0"),
            ("\u{9b}1m", "\\u{9b}1m"),
            ("\u{7f}", "\\u{7f}"),
            ("ab\u{202e}cd", "ab\\u{202e}cd"),
            ("ng\u{200b}inx", "ng\\u{200b}inx"),
            ("\u{feff}nginx", "\\u{feff}nginx"),
            ("a\u{a0}b", "a\\u{a0}b"),
            ("\u{2028}", "\\u{2028}"),
        ] {
            assert_eq!(Shown(text).to_string(), shown);
        }
    }

    #[test]
    fn long_lines_are_cut_where_they_are_kept_and_where_they_are_shown() {
        let bad = line(&"x".repeat(1_000_000));
        assert_eq!(bad.text.chars().count(), MAX_SHOWN_CHARS + 1);
        assert!(bad.to_string().contains(&format!("{}…: no tag", "x".repeat(MAX_SHOWN_CHARS))));
        let exact = "é".repeat(MAX_SHOWN_CHARS);
        assert_eq!(line(&exact).text, exact);
        assert_eq!(Shown(&exact).to_string(), exact);
        assert!(line(&"\u{1b}".repeat(500)).to_string().len() < 300);
    }

    proptest! {
        #[test]
        fn shown_text_is_bounded_and_has_no_control_characters(text in any::<String>()) {
            let shown = Shown(&text).to_string();
            prop_assert!(shown.chars().count() <= MAX_SHOWN_CHARS + 1);
            prop_assert!(!shown.contains(char::is_control));
        }
    }
}
