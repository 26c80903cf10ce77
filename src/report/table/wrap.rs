//! Lines no longer than the terminal is wide, broken at blanks.

use super::layout::display_width;

/// Text is not squeezed into less than this.
const LEAST: usize = 20;

/// Breaks `text` into lines of at most `width` columns less `indent`, which is for the caller to write.
///
/// A word that is longer stays whole, so that it can be copied; it has a line for itself.
pub(super) fn wrap(text: &str, indent: usize, width: Option<usize>) -> Vec<String> {
    let Some(room) = width.map(|width| width.saturating_sub(indent)).filter(|room| *room >= LEAST) else {
        return vec![text.to_owned()];
    };
    let mut lines = Vec::new();
    let mut words = text.split(' ');
    let mut line = words.next().unwrap_or_default().to_owned();
    let mut used = display_width(&line);
    for word in words {
        let takes = display_width(word);
        // A line must not begin with what a CI runner takes for a command.
        let may_begin = !word.starts_with("::");
        if used + 1 + takes > room && may_begin {
            lines.push(std::mem::replace(&mut line, word.to_owned()));
            used = takes;
        } else {
            line.push(' ');
            line.push_str(word);
            used += 1 + takes;
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_break_at_blanks_and_long_words_stay_whole() {
        let wrapped = |text, width| wrap(text, 2, Some(width));
        assert_eq!(wrapped("one two three four five", 22), ["one two three four", "five"]);
        assert_eq!(
            wrapped("see sha256:0123456789abcdef0123 there", 22),
            ["see", "sha256:0123456789abcdef0123", "there"]
        );
        assert_eq!(wrap("a b", 0, None), ["a b"]);
        assert_eq!(wrap("a b c d e f g h i j k l", 14, Some(20)), ["a b c d e f g h i j k l"]);
        assert_eq!(wrapped("0123456789abcde ::error::x y", 22), ["0123456789abcde ::error::x", "y"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_lines_fit(text in "[a-z漢: ]{0,120}", width in 20usize..60) {
            let lines = wrap(&text, 0, Some(width));
            prop_assert_eq!(lines.join(" "), text.as_str());
            for line in &lines {
                prop_assert!(display_width(line) <= width || line.trim().split(' ').count() < 3 || line.contains(" ::"));
                prop_assert!(!line.starts_with("::") || text.starts_with("::"));
            }
        }
    }
}
