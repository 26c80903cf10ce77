//! Globs over image names: `*` is anything within a component, `**` anything, `?` one character.
//!
//! Matching takes at most pattern × text steps, whatever the pattern is.

use std::fmt;

use crate::model::image::ImageRef;

/// A pattern over image names.
///
/// It is held against the normalised name (`docker.io/library/nginx:1.25`) and that name without tag and
/// digest, each also as people write it: without `docker.io/` and `library/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: Box<str>,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    One(char),
    /// Any one but `/`.
    Any,
    /// Any number of those.
    Within,
    /// Any number of whatever.
    Across,
}

impl Glob {
    /// Reads a pattern; every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        for c in text.chars() {
            match (c, parts.last()) {
                ('*', Some(Part::Within)) => {
                    parts.pop();
                    parts.push(Part::Across);
                }
                ('*', Some(Part::Across)) => {}
                ('*', _) => parts.push(Part::Within),
                ('?', _) => parts.push(Part::Any),
                _ => parts.push(Part::One(c)),
            }
        }
        Self { text: text.into(), parts }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it means this image.
    #[must_use]
    pub fn matches(&self, image: &ImageRef) -> bool {
        let full = image.to_string();
        let name = format!("{}/{}", image.registry(), image.repository());
        [&*full, &*name].into_iter().any(|text| {
            let short = text.strip_prefix("docker.io/");
            let shortest = short.and_then(|text| text.strip_prefix("library/"));
            [Some(text), short, shortest].into_iter().flatten().any(|text| self.is_whole(text))
        })
    }

    /// Whether it matches all of `text`.
    fn is_whole(&self, text: &str) -> bool {
        // Everywhere in the pattern that the text so far may have led to.
        let mut at = vec![false; self.parts.len() + 1];
        at[0] = true;
        self.pass_stars(&mut at);
        for c in text.chars() {
            let mut next = vec![false; at.len()];
            for (state, part) in self.parts.iter().enumerate().filter(|(state, _)| at[*state]) {
                match part {
                    Part::One(wanted) if *wanted == c => next[state + 1] = true,
                    Part::Any if c != '/' => next[state + 1] = true,
                    Part::Within if c != '/' => next[state] = true,
                    Part::Across => next[state] = true,
                    Part::One(_) | Part::Any | Part::Within => {}
                }
            }
            if !next.contains(&true) {
                return false;
            }
            at = next;
            self.pass_stars(&mut at);
        }
        at[self.parts.len()]
    }

    /// Stars may stand for nothing.
    fn pass_stars(&self, at: &mut [bool]) {
        for (state, part) in self.parts.iter().enumerate() {
            if at[state] && matches!(part, Part::Within | Part::Across) {
                at[state + 1] = true;
            }
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_mean_names_as_people_write_them() {
        let digest = format!("ghcr.io/a/b@sha256:{}", "0".repeat(64));
        for (pattern, image, is_meant) in [
            ("nginx", "nginx:1.25", true),
            ("nginx:*", "nginx:1.25", true),
            ("nginx:1.2?", "nginx:1.25", true),
            ("library/nginx:1.25", "nginx:1.25", true),
            ("docker.io/library/*", "nginx:1.25", true),
            ("docker.io/*", "nginx:1.25", false),
            ("docker.io/**", "nginx:1.25", true),
            ("*", "nginx:1.25", true),
            ("*", "grafana/grafana:11", false),
            ("**", "ghcr.io/a/b:1", true),
            ("ghcr.io/**/b", "ghcr.io/x/y/b:1", true),
            ("nginx", "ghcr.io/library/nginx:1", false),
            ("ngin", "nginx:1.25", false),
            ("nginx:1", "nginx:1.25", false),
            ("ghcr.io/a/b@sha256:*", &digest, true),
            ("", "nginx:1.25", false),
        ] {
            let image: ImageRef = image.parse().unwrap();
            assert_eq!(Glob::new(pattern).matches(&image), is_meant, "{pattern} {image}");
        }
    }

    /// The definition, word for word.
    fn plainly(parts: &[Part], text: &[char]) -> bool {
        let Some((first, rest)) = parts.split_first() else { return text.is_empty() };
        match first {
            Part::One(wanted) => text.first() == Some(wanted) && plainly(rest, &text[1..]),
            Part::Any => text.first().is_some_and(|c| *c != '/') && plainly(rest, &text[1..]),
            Part::Within => (0..=text.len())
                .take_while(|end| !text[..*end].contains(&'/'))
                .any(|end| plainly(rest, &text[end..])),
            Part::Across => (0..=text.len()).any(|end| plainly(rest, &text[end..])),
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_the_definition_says(pattern in "[ab/*?]{0,8}", text in "[ab/]{0,10}") {
            let glob = Glob::new(&pattern);
            let chars: Vec<_> = text.chars().collect();
            prop_assert_eq!(glob.is_whole(&text), plainly(&glob.parts, &chars));
        }
    }
}
