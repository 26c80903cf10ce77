//! What programs say when they fail, as it may be printed: without what could be a secret.

use crate::model::shown::Shown;

/// No word of ours or of a helper's prose is as long as a token.
const MAX_WORD_CHARS: usize = 32;

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
