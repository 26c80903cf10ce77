//! Lines no longer than the terminal is wide, broken at blanks.

use super::layout::display_width;

/// Text is not squeezed into less than this.
const LEAST: usize = 20;

/// Digits of a digest that are shown where all have no room; as many as in reasons.
const SHORT_DIGEST: usize = 12;
/// Hexadecimal digits from which on they are a digest.
const DIGEST: usize = 64;
/// Behind these a word that is too long is broken.
const JOINTS: [char; 5] = ['/', '@', ',', '?', '&'];

/// Breaks `text` into lines of at most `width` columns less `indent`, which is for the caller to write.
///
/// A word that is longer than a line loses digits of its digests first, which other formats have whole; what is
/// still too long is broken.
pub(super) fn wrap(text: &str, indent: usize, width: Option<usize>) -> Vec<String> {
    let Some(room) = width.map(|width| width.saturating_sub(indent)).filter(|room| *room >= LEAST) else {
        return vec![text.to_owned()];
    };
    let mut lines = Vec::new();
    let mut line: Option<String> = None;
    for word in text.split(' ') {
        let word = if display_width(word) > room { short_digests(word) } else { word.to_owned() };
        let mut now = match line.take() {
            None => word,
            Some(line) if display_width(&line) + 1 + display_width(&word) <= room => line + " " + &word,
            Some(full) => {
                lines.push(full);
                beginning(word)
            }
        };
        while display_width(&now) > room {
            let rest = now.split_off(joint(&now, room));
            lines.push(std::mem::replace(&mut now, beginning(rest)));
        }
        line = Some(now);
    }
    lines.extend(line);
    lines
}

/// A line must not begin with what a CI runner takes for a command.
fn beginning(text: String) -> String {
    if text.starts_with("::") { format!("… {text}") } else { text }
}

/// Where to break what is wider than `room`: behind the last joint, if that leaves no line nearly empty.
fn joint(text: &str, room: usize) -> usize {
    let mut used = 0;
    let (mut last, mut end) = (0, 0);
    for (at, c) in text.char_indices() {
        used += display_width(c.encode_utf8(&mut [0; 4]));
        if used > room {
            break;
        }
        end = at + c.len_utf8();
        if JOINTS.contains(&c) && used > room / 2 {
            last = end;
        }
    }
    if last > 0 { last } else { end }
}

/// `sha256:3fab5c181bd2…` for each whole digest.
fn short_digests(word: &str) -> String {
    let mut short = String::new();
    for (at, part) in word.split(':').enumerate() {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        if at > 0 {
            short.push(':');
        }
        if at > 0 && digits >= DIGEST {
            short.push_str(&part[..SHORT_DIGEST]);
            short.push('…');
            short.push_str(&part[digits..]);
        } else {
            short.push_str(part);
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_break_at_blanks_and_words_without_room_at_their_joints() {
        let wrapped = |text, width| wrap(text, 2, Some(width));
        assert_eq!(wrapped("one two three four five", 22), ["one two three four", "five"]);
        assert_eq!(
            wrapped("see registry.example/team/application:1.0.0-rc1 there", 24),
            ["see", "registry.example/team/", "application:1.0.0-rc1", "there"]
        );
        assert_eq!(wrapped("0123456789012345678901234567 x", 22), ["01234567890123456789", "01234567 x"]);
        assert_eq!(wrap("a b", 0, None), ["a b"]);
        assert_eq!(wrap("a b c d e f g h i j k l", 14, Some(20)), ["a b c d e f g h i j k l"]);
        assert_eq!(wrapped("0123456789abcde ::error::x y", 22), ["0123456789abcde", "… ::error::x y"]);
        assert_eq!(wrapped("01234567890123456789::error::x", 22), ["01234567890123456789", "… ::error::x"]);
    }

    #[test]
    fn digests_lose_digits_only_where_they_have_no_room() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        let text = format!("at registry.example/app@{digest}, not {digest}");
        assert_eq!(wrap(&text, 0, Some(200)), [text.as_str()]);
        assert_eq!(
            wrap(&text, 0, Some(80)),
            ["at registry.example/app@sha256:0123456789ab…, not", digest.as_str()]
        );
        assert_eq!(
            wrap(&text, 0, Some(60)),
            ["at registry.example/app@sha256:0123456789ab…, not", "sha256:0123456789ab…"]
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_every_line_fits(text in "[a-z漢:/ ]{0,120}", width in 20usize..60) {
            let lines = wrap(&text, 0, Some(width));
            let packed = |text: &str| text.replace(['…', ' '], "");
            prop_assert_eq!(packed(&lines.concat()), packed(&text));
            for line in &lines {
                prop_assert!(display_width(line) <= width, "{}", line);
                prop_assert!(!line.starts_with("::") || text.starts_with("::"));
            }
        }
    }
}
