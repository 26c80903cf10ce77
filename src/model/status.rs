//! The twelve statuses of a check: what programs and people may rely on.

use std::fmt;
use std::str::FromStr;

/// What one endpoint can do for one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Served, and the digest is upstream's (or the pinned one).
    Ok,
    /// The bytes differ, but the children, or config and layers, are upstream's.
    SameContent,
    /// Served, but there is nothing to compare it with.
    Unverified,
    /// Served with another digest than upstream's for this tag.
    Stale,
    /// The server says clearly that it is not there.
    Missing,
    /// The manifest is there; something that it names is not, or it is one platform of several.
    Incomplete,
    /// Answered, but not with this image.
    Invalid,
    /// Refused, after authentication was tried.
    Denied,
    /// Throttled to the end.
    RateLimited,
    /// Server errors to the end, or a protocol violation that says nothing of the image.
    ServerError,
    /// No answer: name resolution, connection, TLS or time.
    Unreachable,
    /// Not asked: interrupted, or left out.
    NotChecked,
}

impl Status {
    /// All of them, in the order in which reports show them.
    pub const ALL: [Self; 12] = [
        Self::Ok,
        Self::SameContent,
        Self::Unverified,
        Self::Stale,
        Self::Missing,
        Self::Incomplete,
        Self::Invalid,
        Self::Denied,
        Self::RateLimited,
        Self::ServerError,
        Self::Unreachable,
        Self::NotChecked,
    ];

    /// The name in CSV, JSON and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::SameContent => "same_content",
            Self::Unverified => "unverified",
            Self::Stale => "stale",
            Self::Missing => "missing",
            Self::Incomplete => "incomplete",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::Unreachable => "unreachable",
            Self::NotChecked => "not_checked",
        }
    }

    /// The word in tables for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::SameContent => "SAME CONTENT",
            Self::Unverified => "UNVERIFIED",
            Self::Stale => "STALE",
            Self::Missing => "NOT FOUND",
            Self::Incomplete => "INCOMPLETE",
            Self::Invalid => "INVALID",
            Self::Denied => "DENIED",
            Self::RateLimited => "RATE LIMITED",
            Self::ServerError => "SERVER ERROR",
            Self::Unreachable => "UNREACHABLE",
            Self::NotChecked => "NOT CHECKED",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// A text that names no status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown status '{0}'")]
pub struct UnknownStatus(pub String);
