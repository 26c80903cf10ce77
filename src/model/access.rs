//! What a runtime's configuration has for the eyes of one host: extra headers and credentials.
//!
//! Values are secret. Each says for whom it is, so that whoever sends it can hold to that.

use super::secret::Secret;

/// Headers that go with each request below one API root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostHeaders {
    /// Where they were written.
    pub place: Box<str>,
    /// Scheme, host and path below which they are sent; no slash at the end.
    pub api_root: Box<str>,
    /// For the images of this registry only; in lower case. `None` is all.
    pub registry: Option<Box<str>>,
    /// Name and value, in the order of the file; a name may stand several times.
    pub headers: Vec<(Box<str>, Secret)>,
}

/// The credentials for one host, as they were written: `auths` of docker under other names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLogin {
    /// Where they were written.
    pub place: Box<str>,
    /// `host[:port]` in lower case, the port of https left out.
    pub host: Box<str>,
    /// A user's name.
    pub user: Option<Box<str>>,
    /// Their password.
    pub password: Option<Secret>,
    /// Base64 of `user:password`.
    pub auth: Option<Secret>,
    /// A refresh token.
    pub identity_token: Option<Secret>,
}
