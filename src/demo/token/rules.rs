//! How a token service behaves: who may pull what, how tokens are asked for and handed out, what is refused how.

use std::time::Duration;

/// Which repositories someone may pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every one.
    All,
    /// None.
    None,
    /// These.
    Only(Vec<String>),
}

impl Access {
    /// Just these repositories.
    #[must_use]
    pub fn only(repositories: &[&str]) -> Self {
        Self::Only(repositories.iter().map(|name| (*name).to_owned()).collect())
    }

    pub(super) fn allows(&self, repository: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(names) => names.iter().any(|name| name == repository),
        }
    }
}

/// Someone with a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User name.
    pub name: String,
    /// Password.
    pub password: String,
    /// What they send as `refresh_token` instead of name and password, if they may.
    pub identity_token: Option<String>,
    /// What they may pull.
    pub access: Access,
}

impl User {
    /// Someone who may pull everything.
    #[must_use]
    pub fn new(name: &str, password: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: password.to_owned(),
            identity_token: None,
            access: Access::All,
        }
    }

    /// The same person, with less access.
    #[must_use]
    pub fn may_pull(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// The same person, with an identity token.
    #[must_use]
    pub fn with_identity_token(self, token: &str) -> Self {
        Self { identity_token: Some(token.to_owned()), ..self }
    }
}

/// Under which names a token is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenField {
    /// `token`
    Token,
    /// `access_token`
    AccessToken,
    /// Both, with the same value.
    Both,
    /// Neither: the answer is `{}`.
    Neither,
}

/// What is said to those who may pull nothing of what they asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A token that is good for nothing; the manifest request then fails (the specification's way).
    EmptyToken,
    /// An error of the token service with this status (GHCR, GAR, GitLab).
    Status(u16),
}

/// How many `scope` parameters are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopesRead {
    /// Each.
    All,
    /// Only the first.
    First,
}

/// Whether tokens are any use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// A token is accepted for what it was issued for.
    Issued,
    /// No token is ever accepted.
    Never,
}

/// Whether the API root wants a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    /// 401 with a challenge, without a scope.
    Challenged,
    /// 200 for everyone.
    Open,
}

/// How tokens are given and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// `service` of the challenge. A server with several services picks by it.
    pub service: String,
    /// `realm` of the challenge, verbatim, instead of where the service really is.
    pub realm: Option<String>,
    /// Challenge lines, verbatim but for `{realm}`, `{service}` and `{scope}`; the usual one if empty.
    pub challenge: Vec<String>,
    /// What may be pulled without credentials.
    pub anonymous: Access,
    /// Who has credentials.
    pub users: Vec<User>,
    /// Names of the token in the answer.
    pub field: TokenField,
    /// `expires_in`, also how long the token really lives; for ever and unsaid if `None`.
    pub expires_in: Option<Duration>,
    /// What is said to those who may pull nothing.
    pub refusal: Refusal,
    /// How many `scope` parameters are read.
    pub scopes_read: ScopesRead,
    /// Whether tokens are accepted at all.
    pub acceptance: Acceptance,
    /// Whether the API root wants a token.
    pub ping: Ping,
}

impl Default for TokenRules {
    /// Everyone may pull everything, with a token that lives five minutes.
    fn default() -> Self {
        Self {
            service: "registry-check-demo".to_owned(),
            realm: None,
            challenge: Vec::new(),
            anonymous: Access::All,
            users: Vec::new(),
            field: TokenField::Token,
            expires_in: Some(Duration::from_secs(300)),
            refusal: Refusal::EmptyToken,
            scopes_read: ScopesRead::All,
            acceptance: Acceptance::Issued,
            ping: Ping::Challenged,
        }
    }
}
