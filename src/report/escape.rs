//! Makes hostile text harmless: one function for each place where text is printed.
//!
//! What a server said and what a user typed may hold terminal escapes, Markdown, HTML or spreadsheet
//! formulas. JSON has its own escaping, widened there by [`is_hidden`]. Nothing here
//! knows what the text means.

use std::borrow::Cow;

/// Most characters of a server's text in any report.
pub const MAX_REMOTE_CHARS: usize = 500;

/// The first `most` characters of `text`; the last of them is an ellipsis where something was cut off.
#[must_use]
pub fn bounded(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most || text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    Cow::Owned(cut)
}

/// Whether `c` acts on the text around it, or takes part in it without being seen: controls (C0, DEL, C1),
/// line and paragraph separators, bidirectional formatting, zero-width and other invisible characters.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'                         // soft hyphen
            | '\u{34f}'                      // combining grapheme joiner
            | '\u{61c}'                      // Arabic letter mark
            | '\u{115f}' | '\u{1160}'        // Hangul fillers
            | '\u{17b4}' | '\u{17b5}'        // Khmer inherent vowels
            | '\u{180b}'..='\u{180f}'        // Mongolian selectors
            | '\u{200b}'..='\u{200f}'        // zero width, direction marks
            | '\u{2028}'..='\u{202e}'        // separators, bidirectional embeddings and overrides
            | '\u{2060}'..='\u{206f}'        // word joiner, invisible operators, isolates
            | '\u{3164}' | '\u{ffa0}'        // Hangul fillers
            | '\u{fe00}'..='\u{fe0f}'        // variation selectors
            | '\u{feff}'                     // byte order mark
            | '\u{fff0}'..='\u{fffb}'        // interlinear annotation
            | '\u{1bca0}'..='\u{1bca3}'      // shorthand format controls
            | '\u{1d173}'..='\u{1d17a}'      // musical format controls
            | '\u{e0000}'..='\u{e0fff}') // tags, variation selectors
}

/// Whether any character of `text` [`is_hidden`].
#[must_use]
pub fn has_hidden(text: &str) -> bool {
    // Nearly all text is printable ASCII, and reports are long: bytes are looked at first.
    let is_printable_ascii = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    !is_printable_ascii && text.contains(is_hidden)
}

fn is_line_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn push_visible(to: &mut String, c: char) {
    match c {
        '\n' | '\r' | '\t' => to.extend(c.escape_default()),
        _ => to.extend(c.escape_unicode()),
    }
}

/// Where a command to Azure's or GitHub's runners begins, which they take wherever it stands in a line of a log: `##[`,
/// or `##vso[` in letters of any case. The place is that of the second `#`.
///
/// Source: actions/runner, `ActionCommand.cs`; microsoft/azure-pipelines-agent, `Command.cs`.
#[must_use]
pub fn runner_command(text: &str) -> Option<usize> {
    let is_command = |at: &usize| {
        let rest = &text.as_bytes()[at + 2..];
        rest.starts_with(b"[")
            || rest.first_chunk::<4>().is_some_and(|word| word.eq_ignore_ascii_case(b"vso["))
    };
    let at = text.as_bytes().windows(2).enumerate().filter(|(_, pair)| *pair == b"##").map(|(at, _)| at);
    at.into_iter().find(is_command).map(|at| at + 1)
}

/// The text with every [`runner_command`] parted by a space.
#[must_use]
pub fn parted(text: &str) -> Cow<'_, str> {
    let mut rest = text;
    let mut shown = String::new();
    while let Some(at) = runner_command(rest) {
        let (before, behind) = rest.split_at(at + 1);
        shown.push_str(before);
        shown.push(' ');
        rest = behind;
    }
    if shown.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(shown + rest) }
}

/// For a terminal: one line, hidden characters as visible escapes such as `\u{1b}`.
///
/// A terminal may be the log of a CI job, so what its runner takes for a command is parted.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    if let Cow::Owned(text) = parted(text) {
        return Cow::Owned(terminal(&text).into_owned());
    }
    if !has_hidden(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            push_visible(&mut shown, c);
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// For a CSV cell: one line, no hidden characters, and nothing that a spreadsheet takes for a formula.
///
/// Quoting is the CSV writer's. Source of the guard: OWASP, "CSV Injection".
#[must_use]
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    if let Cow::Owned(text) = parted(text) {
        return Cow::Owned(csv_cell(&text).into_owned());
    }
    let is_formula = text.starts_with(['\t', '\r', '\n'])
        || text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if !is_formula && !has_hidden(text) {
        return Cow::Borrowed(text);
    }
    let mut cell = String::with_capacity(text.len() + 16);
    if is_formula {
        cell.push('\'');
    }
    for c in text.chars() {
        if is_line_space(c) {
            cell.push(' ');
        } else if is_hidden(c) {
            push_visible(&mut cell, c);
        } else {
            cell.push(c);
        }
    }
    Cow::Owned(cell)
}

/// For running text and table cells in GitHub-flavoured Markdown: inert, one line.
///
/// GitHub looks for mentions, issue numbers and addresses after escapes are resolved, so those are
/// parted by a zero-width space instead.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                shown.push('\\');
                shown.push(c);
            }
            '#' => shown.push_str("\\#&#8203;"),
            '@' => shown.push_str("@&#8203;"),
            ':' if rest.as_str().starts_with("//") => shown.push_str(":&#8203;"),
            '.' if ends_with_www(&shown) => shown.push_str("&#8203;."),
            _ if is_line_space(c) => shown.push(' '),
            _ if is_hidden(c) => {
                // The backslash of the visible escape is itself to be shown.
                shown.push('\\');
                push_visible(&mut shown, c);
            }
            _ => shown.push(c),
        }
    }
    shown
}

fn ends_with_www(text: &str) -> bool {
    text.as_bytes().last_chunk::<3>().is_some_and(|last| last.eq_ignore_ascii_case(b"www"))
}

/// For a name in Markdown that people copy: a code span where the text allows one, else [`markdown`].
#[must_use]
pub fn markdown_code(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text.trim() == text
        && !text.contains(['`', '|', '\\'])
        && !has_hidden(text)
        && runner_command(text).is_none();
    if is_plain { format!("`{text}`") } else { markdown(text) }
}

/// For HTML, between tags and in quoted attributes: inert, and hidden characters as visible escapes.
#[must_use]
pub fn html(text: &str) -> Cow<'_, str> {
    // A page on standard output may pass through the log of a CI job.
    if let Cow::Owned(text) = parted(text) {
        return Cow::Owned(html(&text).into_owned());
    }
    let is_special = |c| matches!(c, '&' | '<' | '>' | '"' | '\'');
    if !has_hidden(text) && !text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            _ if is_hidden(c) => push_visible(&mut shown, c),
            _ => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// For a quoted string in a style sheet, also one inside HTML.
///
/// Whatever is not plain becomes an escape of its number. Source: W3C, "CSS Syntax Module Level 3", §4.3.7.
#[must_use]
pub fn css_string(text: &str) -> String {
    use std::fmt::Write as _;
    let mut shown = String::with_capacity(text.len() + 16);
    for c in terminal(text).chars() {
        let is_plain = c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | ':' | '-' | '_') || !c.is_ascii();
        if is_plain {
            shown.push(c);
        } else {
            // Writing to a string does not fail.
            let _ = write!(shown, "\\{:x} ", u32::from(c));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Ordinary text mixed with everything that some format treats specially.
    fn hostile() -> impl Strategy<Value = String> {
        let special = prop::sample::select(vec![
            "\u{1b}[2J",
            "\u{9b}31m",
            "\r",
            "\n",
            "\r\n",
            "\t",
            "\0",
            "\u{7f}",
            "\u{202e}",
            "\u{2066}",
            "\u{200b}",
            "\u{feff}",
            "\u{2028}",
            "|",
            "\\",
            "\\|",
            "`",
            "``",
            "<script>",
            "&",
            "*",
            "_",
            "[x](y)",
            "#1",
            "##[error]",
            "##[",
            "##vso[task.setvariable]",
            "##VsO[",
            "vso[",
            "@octocat",
            "https://x.example",
            "www.x.example",
            "=1+1",
            "+",
            "-",
            "@",
            "'",
            "\"",
            ",",
            ";",
            "漢",
            "é",
        ]);
        prop::collection::vec(prop_oneof![special.prop_map(str::to_owned), any::<String>()], 0..12)
            .prop_map(|parts| parts.concat())
    }

    fn has_unescaped(text: &str, wanted: char) -> bool {
        let mut is_escaped = false;
        text.chars().any(|c| {
            let found = c == wanted && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            found
        })
    }

    proptest! {
        #[test]
        fn terminal_text_holds_nothing_hidden(text in hostile()) {
            let shown = terminal(&text);
            prop_assert!(!shown.contains(is_hidden));
            prop_assert!(!shown.contains(char::is_control));
            prop_assert_eq!(runner_command(&shown), None);
        }

        #[test]
        fn markdown_holds_no_bare_special_character(text in hostile()) {
            let shown = markdown(&text);
            let without_spaces = shown.replace("&#8203;", "");
            for c in ['|', '`', '*', '_', '[', ']', '#', '~', '$', '<', '>'] {
                prop_assert!(!has_unescaped(&without_spaces, c), "{c} in {shown}");
            }
            prop_assert!(!shown.contains(is_hidden));
            prop_assert!(!shown.contains("://"));
            prop_assert!(!shown.to_ascii_lowercase().contains("www."));
            prop_assert!(shown.match_indices('@').all(|(at, _)| shown[at..].starts_with("@&#8203;")));
        }

        #[test]
        fn markdown_names_hold_no_bare_bar_and_stay_on_one_line(text in hostile()) {
            let shown = markdown_code(&text);
            prop_assert!(!has_unescaped(&shown, '|'));
            prop_assert!(!shown.contains(is_hidden));
            prop_assert_eq!(runner_command(&shown), None);
        }

        #[test]
        fn csv_cells_are_one_line_and_no_formula(text in hostile()) {
            let cell = csv_cell(&text);
            prop_assert!(!cell.contains(is_hidden));
            prop_assert_eq!(runner_command(&cell), None);
            prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{cell}");
        }

        #[test]
        fn html_holds_no_markup_and_nothing_hidden(text in hostile()) {
            let shown = html(&text);
            prop_assert!(!shown.contains(['<', '>', '"', '\'']));
            prop_assert!(!shown.contains(is_hidden));
            prop_assert_eq!(runner_command(&shown), None);
            let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
            prop_assert!(shown.match_indices('&').all(|(at, _)| entities.iter().any(|e| shown[at..].starts_with(e))));
            let read = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
            prop_assert_eq!(read.replace("&amp;", "&"), terminal(&text));
        }

        #[test]
        fn css_strings_end_neither_themselves_nor_their_element(text in hostile()) {
            let shown = css_string(&text);
            let special = ['"', '\'', '<', '>', '{', '}', ';', '/', '*', '@', '(', '\n'];
            prop_assert!(!shown.contains(special), "{}", shown);
            prop_assert!(!shown.contains(is_hidden));
        }

        #[test]
        fn bounded_text_is_a_beginning_of_at_most_so_many_characters(text in hostile(), most in 1usize..20) {
            let shown = bounded(&text, most);
            prop_assert!(shown.chars().count() <= most);
            prop_assert!(*shown == text || text.starts_with(shown.trim_end_matches('…')));
        }
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        let text = "manifest unknown: tag 1.25 (HTTP 404)";
        assert!(matches!(terminal(text), Cow::Borrowed(_)));
        assert!(matches!(csv_cell(text), Cow::Borrowed(_)));
        assert!(matches!(html(text), Cow::Borrowed(_)));
        assert_eq!(markdown(text), text);
        assert_eq!(markdown_code("docker.io/library/nginx:1.25"), "`docker.io/library/nginx:1.25`");
        assert_eq!(bounded(text, 500), text);
    }

    #[test]
    fn commands_to_runners_are_parted() {
        assert_eq!(terminal("x ##[set-output name=a]b"), "x ## [set-output name=a]b");
        assert_eq!(terminal("###[\u{1b}##["), "### [\\u{1b}## [");
        assert_eq!(csv_cell("=##[group]"), "'=## [group]");
        assert_eq!(terminal("a##vso[task.x]b ##VSO[ ##vs[ vso["), "a## vso[task.x]b ## VSO[ ##vs[ vso[");
        assert_eq!(csv_cell("###vso[x"), "### vso[x");
        assert_eq!(html("##vso[x]<"), "## vso[x]&lt;");
        assert_eq!(runner_command(&markdown("##[group] ##vso[x]")), None);
    }

    #[test]
    fn escapes_are_visible_and_tell_what_was_there() {
        assert_eq!(terminal("\u{1b}[31mred\r\n\u{202e}x"), "\\u{1b}[31mred\\r\\n\\u{202e}x");
        assert_eq!(csv_cell("=HYPERLINK(1)\nx\u{1b}"), "'=HYPERLINK(1) x\\u{1b}");
        assert_eq!(csv_cell(" \t=1"), "' \u{20}=1");
        assert_eq!(csv_cell("＝1"), "'＝1");
        assert_eq!(
            markdown("a|b <script> @you #1 see https://x.example\n`\u{1b}`"),
            "a\\|b &lt;script&gt; @&#8203;you \\#&#8203;1 see https:&#8203;//x.example \\`\\\\u{1b}\\`"
        );
        assert_eq!(
            html("a<b> & \"c\" 'd' </script>\u{202e}\n"),
            "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39; &lt;/script&gt;\\u{202e}\\n"
        );
        assert_eq!(css_string("a-b 漢 \"}</style>\n"), "a-b 漢 \\22 \\7d \\3c \\2f style\\3e \\5c n");
        assert_eq!(bounded("漢字漢字", 3), "漢字…");
    }
}
