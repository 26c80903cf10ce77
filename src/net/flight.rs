//! Single flight: the same question asked twice waits for the first asker.
//!
//! A success is not kept here (that is the caller's cache); a failure is shared with those who wait and
//! then forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

/// Questions under way.
#[derive(Debug)]
pub struct Flight<K, V: Clone> {
    under_way: Mutex<HashMap<K, Shared<BoxFuture<'static, V>>>>,
}

impl<K, V: Clone> Default for Flight<K, V> {
    fn default() -> Self {
        Self { under_way: Mutex::new(HashMap::new()) }
    }
}

impl<K: Eq + Hash + Clone, V: Clone + Send + Sync + 'static> Flight<K, V> {
    /// The answer to `key`: of the question under way, or of a new one made by `ask`.
    pub async fn run<F>(&self, key: K, ask: impl FnOnce() -> F) -> V
    where
        F: Future<Output = V> + Send + 'static,
    {
        let flight = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(key.clone())
            .or_insert_with(|| ask().boxed().shared())
            .clone();
        let answer = flight.await;
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // A newer question under the same key is somebody else's.
        if under_way.get(&key).is_some_and(|flight| flight.peek().is_some()) {
            under_way.remove(&key);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn a_hundred_askers_share_one_flight_and_the_next_one_flies_again() {
        let flight = Flight::<&str, usize>::default();
        let asked = Arc::new(AtomicUsize::new(0));
        for round in 1..=2 {
            let gate = Arc::new(tokio::sync::Notify::new());
            let ask = || {
                let (asked, gate) = (Arc::clone(&asked), Arc::clone(&gate));
                async move {
                    gate.notified().await;
                    asked.fetch_add(1, Ordering::SeqCst) + 1
                }
            };
            let mut askers: Vec<_> = (0..100).map(|_| Box::pin(flight.run("key", ask))).collect();
            for asker in &mut askers {
                assert!(futures::poll!(asker).is_pending());
            }
            gate.notify_one();
            for asker in askers {
                assert_eq!(asker.await, round);
            }
        }
    }

    #[tokio::test]
    async fn those_who_wait_get_the_answer_when_the_first_asker_gives_up() {
        let flight = Arc::new(Flight::<&str, u8>::default());
        let (open, gate) = tokio::sync::oneshot::channel::<()>();
        let mut first = Box::pin(flight.run("key", || async move {
            gate.await.ok();
            7
        }));
        assert!(futures::poll!(&mut first).is_pending());
        let mut second = Box::pin(flight.run("key", || async { 8 }));
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        open.send(()).unwrap();
        assert_eq!(second.await, 7);
    }
}
