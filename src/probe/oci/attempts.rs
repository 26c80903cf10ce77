//! The attempts at one question, of a manifest or of a blob: what follows from each until there is an answer, or no
//! sense in asking again.

use std::ops::ControlFlow;

use url::Url;

use super::manifest::Registries;
use super::reading::{self, Failure, Reading, Trail};
use crate::model::endpoint::Authority;
use crate::model::observation::{Breakage, NotAsked};

/// The attempts so far.
pub(super) struct Attempts<'a> {
    registries: &'a Registries,
    url: &'a Url,
    repository: &'a str,
    /// Those by the method that is used now: it is tried as often as the other.
    pub(super) tries: u32,
    last: Option<Failure>,
}

/// How the question is put again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// As before.
    Alike,
    /// By GET: HEAD says too little.
    ByGet,
}

impl<'a> Attempts<'a> {
    /// None so far at what `target` names: a URL, and the repository that it is in.
    pub(super) const fn new(registries: &'a Registries, target: (&'a Url, &'a str)) -> Self {
        let (url, repository) = target;
        Self { registries, url, repository, tries: 0, last: None }
    }

    /// Another one begins.
    pub(super) fn begin(&mut self, trail: &mut Trail) {
        trail.attempts += 1;
        self.tries += 1;
    }

    /// What follows from what came of it; waits where that is to be.
    pub(super) async fn follow<T>(
        &mut self,
        reading: Reading<T>,
        trail: &mut Trail,
    ) -> ControlFlow<Result<T, Failure>, Again> {
        let Registries { client, roots, retry, .. } = self.registries;
        let failure = match reading {
            Reading::Have(had) => return ControlFlow::Break(Ok(had)),
            Reading::Failed(failure) => failure,
            Reading::Vague(answer) if roots.is_registry(client, self.url, self.repository).await => {
                Failure::Missing(answer)
            }
            Reading::Vague(answer) => Failure::Broken(Breakage::NotARegistry(answer)),
            Reading::TryGet => {
                self.tries = 0;
                return ControlFlow::Continue(Again::ByGet);
            }
            Reading::Again { failure, why } => {
                match reading::pause((client, retry), self.tries, failure, &why).await {
                    Ok(failure) => {
                        self.last = Some(failure);
                        return ControlFlow::Continue(Again::Alike);
                    }
                    Err(failure) => failure,
                }
            }
            Reading::Shut { host, shut } => {
                // A token service may be what is shut; then the registry has been asked.
                if Authority::of(self.url).is_some_and(|asked| asked.to_string() == *host) {
                    trail.attempts -= 1;
                }
                // What the host said itself tells more.
                self.last.take().unwrap_or(Failure::NotAsked(NotAsked::Shut { host, shut }))
            }
        };
        ControlFlow::Break(Err(failure))
    }
}
