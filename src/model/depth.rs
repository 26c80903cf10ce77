//! How far a check goes.

/// What is asked of each endpoint; every level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// HEAD of the manifest: what the server says of it.
    #[default]
    Head,
    /// GET of the manifest: its bytes, hashed, and the same manifest again by its digest.
    Manifest,
}

impl Depth {
    /// The name used on the command line and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Manifest => "manifest",
        }
    }
}
