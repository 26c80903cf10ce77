//! Parts of a Dockerfile that whoever filled it in could not work out.
//!
//! Each has a variable as its stand-in that no Dockerfile has. A name with one in it is not known, and is shown as it
//! was typed, never with the stand-in.

use std::borrow::Cow;

/// What the names of all stand-ins begin with.
const PREFIX: &str = "unknown_to_registry_check_";

/// A part that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::inputs) struct Unknown {
    /// What stands in the file.
    pub(in crate::inputs) typed: String,
    pub(in crate::inputs) why: String,
    pub(in crate::inputs) sort: Sort,
}

/// What is said of a name with such a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::inputs) enum Sort {
    /// It cannot be known.
    Open,
    /// It is wrong.
    Fault,
}

impl Unknown {
    /// What takes the place of the part that is number `at`.
    pub(in crate::inputs) fn stand_in(at: usize) -> String {
        format!("${{{PREFIX}{at}}}")
    }

    /// What is said of a name with these, each reason once.
    pub(in crate::inputs) fn told<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<(Sort, String)> {
        let (mut sort, mut whys) = (None, Vec::new());
        for unknown in all {
            sort = sort.max(Some(unknown.sort));
            if !whys.contains(&&*unknown.why) && whys.len() < MAX_TOLD {
                whys.push(&*unknown.why);
            }
        }
        sort.map(|sort| (sort, whys.join(", ")))
    }
}

/// Most reasons that are told of one name.
const MAX_TOLD: usize = 10;

/// All of one text, by number.
#[derive(Clone, Copy)]
pub(super) struct All<'a>(pub(super) &'a [Unknown]);

impl<'a> All<'a> {
    /// The text with what was typed in the place of stand-ins.
    pub(super) fn shown<'t>(self, text: &'t str) -> Cow<'t, str> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, unknown, behind)) = self.next(rest) {
            out.push_str(before);
            out.push_str(&unknown.typed);
            rest = behind;
        }
        if rest.len() == text.len() { text.into() } else { (out + rest).into() }
    }

    /// Those whose stand-ins are in the text.
    pub(super) fn within(self, text: &str) -> Vec<&'a Unknown> {
        let (mut all, mut rest) = (Vec::new(), text);
        while let Some((_, unknown, behind)) = self.next(rest) {
            all.push(unknown);
            rest = behind;
        }
        all
    }

    /// The one for which a variable of this name stands.
    pub(super) fn named(self, name: &str) -> Option<&'a Unknown> {
        self.0.get(name.strip_prefix(PREFIX)?.parse::<usize>().ok()?)
    }

    fn next(self, text: &str) -> Option<(&str, &'a Unknown, &str)> {
        let mut from = 0;
        while let Some(at) = text[from..].find(PREFIX).map(|at| from + at) {
            from = at + PREFIX.len();
            let end = text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |end| from + end);
            let before = text[..at].strip_suffix("${");
            if let (Some(before), Some(unknown)) = (before, self.named(&text[at..end]))
                && let Some(behind) = text[end..].strip_prefix('}')
            {
                return Some((before, unknown, behind));
            }
        }
        None
    }
}
