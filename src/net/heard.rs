//! When a host was last heard of over HTTP/2.
//!
//! There all requests share a connection, and the server may allow few of them at once: one more waits on this
//! side, where nobody tells for how long. While answers to others keep coming, silence may be that wait.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::endpoint::Authority;

/// The last answers.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<HashMap<Authority, Instant>>);

impl Heard {
    /// An answer came from `host` now.
    pub(super) fn note(&self, host: &Authority) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match heard.get_mut(host) {
            Some(last) => *last = Instant::now(),
            None => drop(heard.insert(host.clone(), Instant::now())),
        }
    }

    /// Until when a request to `host` waits for its first byte, if silence may last for `allowed`.
    pub(super) fn until(&self, host: &Authority, sent: Instant, allowed: Duration) -> Instant {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(host).copied();
        after(heard.map_or(sent, |last| last.max(sent)), allowed)
    }
}

/// A time that is too far off to be told never comes.
pub(super) fn after(from: Instant, wait: Duration) -> Instant {
    from.checked_add(wait).unwrap_or(from + Duration::from_secs(86_400 * 365))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_last_answer_of_the_same_host() {
        let second = Duration::from_secs(1);
        let host = |name: &str| Authority { scheme: "https".into(), host: name.into(), port: 443 };
        let heard = Heard::default();
        heard.note(&host("a"));
        tokio::time::advance(5 * second).await;
        let sent = Instant::now();
        assert_eq!(heard.until(&host("a"), sent, 4 * second), sent + 4 * second, "before it was sent");
        tokio::time::advance(3 * second).await;
        heard.note(&host("a"));
        assert_eq!(heard.until(&host("a"), sent, 4 * second), sent + 7 * second);
        assert_eq!(heard.until(&host("b"), sent, 4 * second), sent + 4 * second);
    }
}
