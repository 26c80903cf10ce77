//! Colours, by the ANSI codes that every terminal knows.

use std::borrow::Cow;

/// Whether ANSI colours are used; whoever knows the terminal decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// They are.
    Always,
    /// They are not.
    #[default]
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Bold,
    Dim,
    Good,
    Note,
    Unsure,
    Bad,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(pub(super) Colour);

impl Paint {
    /// `text` must be escaped already.
    pub(super) fn apply(self, tone: Tone, text: &str) -> Cow<'_, str> {
        let code = match tone {
            Tone::Plain => return Cow::Borrowed(text),
            Tone::Bold => "1",
            Tone::Dim => "2",
            Tone::Good => "32",
            Tone::Note => "36",
            Tone::Unsure => "33",
            Tone::Bad => "1;31",
        };
        match self.0 {
            Colour::Never => Cow::Borrowed(text),
            Colour::Always => Cow::Owned(format!("\u{1b}[{code}m{text}\u{1b}[0m")),
        }
    }
}
