//! How the credentials for a host have fared: a password that is wrong is not sent once more for each
//! repository, which may lock the account.

use crate::model::observation::{AskedAs, Rejection};

/// So many refusals, and never a yes.
const MAX_REFUSALS: u32 = 3;

/// What became of credentials at one host.
#[derive(Debug, Default)]
pub(super) struct Standing {
    is_good: bool,
    refusals: u32,
    last: Option<Rejection>,
}

impl Standing {
    /// Whether they have been accepted, be it once: then a refusal is about a repository.
    pub(super) const fn is_good(&self) -> bool {
        self.is_good
    }

    pub(super) fn accepted(&mut self) {
        self.is_good = true;
    }

    pub(super) fn refused(&mut self, rejection: &Rejection) {
        self.refusals += 1;
        self.last = Some(rejection.clone());
    }

    /// The refusal that was met last.
    pub(super) fn last_refusal(&self) -> Option<Rejection> {
        self.last.clone()
    }

    /// The refusal that is final for these credentials.
    pub(super) fn given_up(&self, credentials: &AskedAs) -> Option<Rejection> {
        let is_final = !self.is_good && self.refusals >= MAX_REFUSALS;
        self.last.clone().filter(|last| is_final && last.credentials == *credentials)
    }
}
