//! How much may be under way: for each authority, and in all.
//!
//! A permit is held while a request is on the wire, body included, and never while anybody sleeps.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::endpoint::Authority;

/// Bounds on requests in flight.
#[derive(Debug)]
pub struct Limits {
    per_authority: usize,
    all: Arc<Semaphore>,
    authorities: Mutex<HashMap<Authority, Arc<Semaphore>>>,
}

/// The right to have one request in flight; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    _authority: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Limits {
    /// At most `per_authority` requests in flight to one authority, and `all` together; at least one each.
    #[must_use]
    pub fn new(per_authority: usize, all: usize) -> Self {
        Self {
            per_authority: per_authority.clamp(1, Semaphore::MAX_PERMITS),
            all: Arc::new(Semaphore::new(all.clamp(1, Semaphore::MAX_PERMITS))),
            authorities: Mutex::default(),
        }
    }

    /// Waits until a request to `authority` may be sent.
    pub async fn acquire(&self, authority: &Authority) -> Permit {
        let own = {
            let mut authorities = self.authorities.lock().unwrap_or_else(PoisonError::into_inner);
            match authorities.get(authority) {
                Some(semaphore) => Arc::clone(semaphore),
                None => {
                    let semaphore = Arc::new(Semaphore::new(self.per_authority));
                    authorities.insert(authority.clone(), Arc::clone(&semaphore));
                    semaphore
                }
            }
        };
        // The narrow bound first: waiting for one slow host must not take places from all others.
        // Neither semaphore is ever closed, so both permits are always there.
        let authority = own.acquire_owned().await.ok();
        let all = Arc::clone(&self.all).acquire_owned().await.ok();
        Permit { _authority: authority, _all: all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(port: u16) -> Authority {
        Authority { scheme: "http".into(), host: "127.0.0.1".into(), port }
    }

    #[tokio::test]
    async fn one_full_authority_does_not_hold_up_another() {
        let limits = Limits::new(1, 10);
        let slow = authority(1);
        let _first = limits.acquire(&slow).await;
        let mut second = Box::pin(limits.acquire(&slow));
        assert!(futures::poll!(&mut second).is_pending());
        let _other = limits.acquire(&authority(2)).await;
    }

    #[tokio::test]
    async fn the_bound_on_all_holds_across_authorities() {
        let limits = Limits::new(5, 2);
        let first = limits.acquire(&authority(1)).await;
        let _second = limits.acquire(&authority(2)).await;
        let idle = authority(3);
        let mut third = Box::pin(limits.acquire(&idle));
        assert!(futures::poll!(&mut third).is_pending());
        drop(first);
        assert!(futures::poll!(&mut third).is_ready());
    }
}
