//! Waiting for a file to be had: the limit on open files is this machine's trouble, and no host's.
//!
//! Connections end all the time, so a place is likely to be free soon; but who holds the others may be
//! another program, and the wait is bounded.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Before the first new try; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest such pause.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// What one request has waited so far.
#[derive(Debug)]
pub(super) struct Scarcity {
    most: Duration,
    waited: Duration,
    pause: Duration,
}

impl Scarcity {
    /// Nothing waited so far; `most` is all that will be.
    pub(super) const fn new(most: Duration) -> Self {
        Self { most, waited: Duration::ZERO, pause: FIRST_PAUSE }
    }

    /// What tries that failed for want of files took, and the pauses after them.
    pub(super) const fn waited(&self) -> Duration {
        self.waited
    }

    /// Waits after a try that began at `began`; false if that has been done for long enough.
    pub(super) async fn wait_since(&mut self, began: Instant) -> bool {
        if self.waited >= self.most {
            return false;
        }
        // Those who wait together should not come back together.
        sleep(self.pause.mul_f64(0.5 + fastrand::f64() / 2.0).min(self.most)).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        self.waited = self.waited.saturating_add(began.elapsed());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_is_waited_for_as_long_as_a_request_may_take_and_not_much_longer() {
        for most in [Duration::from_millis(1), Duration::from_secs(30)] {
            let started = Instant::now();
            let mut scarcity = Scarcity::new(most);
            let mut tries = 1;
            while scarcity.wait_since(Instant::now()).await {
                tries += 1;
            }
            assert_eq!(scarcity.waited(), started.elapsed());
            assert!((most..=most + MAX_PAUSE).contains(&scarcity.waited()), "{scarcity:?}");
            assert!((2..100).contains(&tries), "{tries}");
        }
    }
}
