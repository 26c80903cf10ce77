//! How a registry takes to the credentials that are stored for it: what `registry-check auth` tells.

use super::endpoint::Role;
use super::observation::AskedAs;

/// One endpoint and one set of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The endpoint's name in reports.
    pub endpoint: Box<str>,
    /// Its URL.
    pub url: Box<str>,
    /// Upstream or mirror.
    pub role: Role,
    /// The credentials that were found; [`AskedAs::Nobody`] without any.
    pub found: AskedAs,
    /// The repository that was asked for to find out.
    pub repository: Box<str>,
    /// How that went.
    pub acceptance: Acceptance,
    /// One line for people. May hold what a server said: escape it where it is printed.
    pub reason: String,
}

/// How an endpoint takes to what it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acceptance {
    /// The credentials were asked for, and taken.
    Accepted,
    /// Nobody asked for credentials.
    NotNeeded,
    /// It could not be found out.
    Unknown,
    /// Credentials are wanted, and there are none.
    Needed,
    /// The credentials were taken, but do not open this repository.
    NoAccess,
    /// The credentials were refused.
    Rejected,
}

impl Acceptance {
    /// The name in JSON and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NotNeeded => "not_needed",
            Self::Unknown => "unknown",
            Self::Needed => "needed",
            Self::NoAccess => "no_access",
            Self::Rejected => "rejected",
        }
    }
}
