//! What a 429 means for the whole host: everyone waits, twice; then nobody asks any more. A 503 that says how
//! long to wait means the same where nothing else was ever answered; else it may be about one image.
//!
//! `Retry-After` is followed up to a cap; without it the wait is exponential, with jitter. All requests
//! that were sent before a cool-down began belong to the same burst. Pure: time and chance are arguments.

use std::time::{Duration, Instant};

use crate::model::fault::Shut;

/// Cool-downs after which a host that still throttles is left alone.
const MOST: u32 = 2;
/// The first wait where the host names none; doubled for the second.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The cool-downs of one authority.
#[derive(Debug)]
pub(super) struct Cooldown {
    cause: Cause,
    /// The longest `Retry-After` that is waited for.
    cap: Duration,
    taken: u32,
    until: Option<Instant>,
    burst_end: u64,
    over: Option<Shut>,
    /// Whether it has ever answered anything else.
    has_served: bool,
}

/// What a host says that asks to be left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// 429.
    Throttling,
    /// 503 with `Retry-After`.
    Unavailable,
}

/// What a 429 led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    /// The burst was known.
    Nothing,
    /// The host is left alone for so long.
    Wait(Duration),
    /// The host is left alone.
    Over(Shut),
}

impl Cooldown {
    /// No wait so far; a `Retry-After` above `cap` ends everything.
    pub(super) const fn new(cause: Cause, cap: Duration) -> Self {
        Self { cause, cap, taken: 0, until: None, burst_end: 0, over: None, has_served: false }
    }

    /// Why nothing more is sent, if that is so.
    pub(super) const fn over(&self) -> Option<&Shut> {
        self.over.as_ref()
    }

    /// Until when nothing is sent.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// An answer came that asks for nothing of the kind.
    pub(super) const fn served(&mut self) {
        self.has_served = true;
    }

    /// The host asks to be left alone, in its answer to the request with this ticket; the next one will have the ticket `next`. `jitter` is random,
    /// from 0 to 1.
    pub(super) fn throttled(
        &mut self,
        (ticket, next): (u64, u64),
        retry_after: Option<Duration>,
        now: Instant,
        jitter: f64,
    ) -> Consequence {
        if self.over.is_some() {
            return Consequence::Nothing;
        }
        if let Some(asked) = retry_after.filter(|asked| *asked > self.cap) {
            if self.cause == Cause::Unavailable {
                // Reported, not waited for; whether it is the host or one image, the next ones tell.
                return Consequence::Nothing;
            }
            return self.end(Shut::LongWait { asked });
        }
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        let spread = FIRST_WAIT.mul_f64(jitter);
        if ticket < self.burst_end {
            // Of several who were told different times, the longest is the host's.
            let until = retry_after.map(|asked| now + asked + spread);
            if until > self.until && self.until.is_some_and(|before| before > now) {
                self.until = until;
            }
            return Consequence::Nothing;
        }
        if self.taken >= MOST {
            return match self.cause {
                Cause::Throttling => self.end(Shut::Throttling { cool_downs: self.taken }),
                // One image may fail at all its tries; many are seen by [`super::outage`].
                Cause::Unavailable if self.has_served => Consequence::Nothing,
                Cause::Unavailable => self.end(Shut::Unavailable { cool_downs: self.taken }),
            };
        }
        let own = FIRST_WAIT * 2u32.saturating_pow(self.taken);
        let wait = match retry_after {
            None => own + own.mul_f64(jitter / 2.0),
            // All programs that were told the same second would come back in the same instant.
            Some(asked) => (asked + spread).max(own),
        };
        self.taken += 1;
        self.burst_end = next;
        self.until = Some(now + wait);
        Consequence::Wait(wait)
    }

    fn end(&mut self, why: Shut) -> Consequence {
        self.over = Some(why.clone());
        Consequence::Over(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const CAP: Duration = Duration::from_secs(30);

    #[test]
    fn a_wait_is_as_long_as_the_host_asks_or_doubles_from_a_second() {
        let now = Instant::now();
        for (asked, jitter, first, second) in [
            (None, 0.0, SECOND, 2 * SECOND),
            (None, 1.0, SECOND * 3 / 2, 3 * SECOND),
            (None, f64::NAN, SECOND, 2 * SECOND),
            (Some(Duration::ZERO), 0.0, SECOND, 2 * SECOND),
            (Some(10 * SECOND), 0.0, 10 * SECOND, 10 * SECOND),
            (Some(10 * SECOND), 0.5, 10 * SECOND + SECOND / 2, 10 * SECOND + SECOND / 2),
            (Some(CAP), 1.0, CAP + SECOND, CAP + SECOND),
        ] {
            let mut cooldown = Cooldown::new(Cause::Throttling, CAP);
            let wait = cooldown.throttled((0, 4), asked, now, jitter);
            assert_eq!(wait, Consequence::Wait(first), "{asked:?} {jitter}");
            assert_eq!(cooldown.until(now), Some(now + first));
            assert_eq!(cooldown.until(now + first), None);
            let wait = cooldown.throttled((4, 8), asked, now + first, jitter);
            assert_eq!(wait, Consequence::Wait(second), "{asked:?} {jitter}");
        }
    }

    #[test]
    fn the_third_burst_of_refusals_ends_it() {
        let now = Instant::now();
        let mut cooldown = Cooldown::new(Cause::Throttling, CAP);
        for (tickets, expected) in [
            ((0, 16), Consequence::Wait(SECOND)),
            ((15, 16), Consequence::Nothing),
            ((16, 24), Consequence::Wait(2 * SECOND)),
            ((3, 24), Consequence::Nothing),
            ((23, 24), Consequence::Nothing),
            ((24, 28), Consequence::Over(Shut::Throttling { cool_downs: 2 })),
            ((25, 28), Consequence::Nothing),
        ] {
            assert_eq!(cooldown.throttled(tickets, None, now, 0.0), expected, "{tickets:?}");
        }
        assert_eq!(cooldown.over(), Some(&Shut::Throttling { cool_downs: 2 }));
    }

    #[test]
    fn a_wait_above_the_cap_is_not_waited_for() {
        let mut cooldown = Cooldown::new(Cause::Throttling, CAP);
        let over = Shut::LongWait { asked: CAP + SECOND };
        let told = cooldown.throttled((0, 1), Some(CAP + SECOND), Instant::now(), 0.5);
        assert_eq!(told, Consequence::Over(over.clone()));
        assert_eq!(cooldown.over(), Some(&over));
    }

    #[test]
    fn an_outage_is_waited_for_twice_and_ends_it_where_nothing_else_was_answered() {
        let now = Instant::now();
        for (served, expected) in
            [(false, Consequence::Over(Shut::Unavailable { cool_downs: 2 })), (true, Consequence::Nothing)]
        {
            let mut cooldown = Cooldown::new(Cause::Unavailable, CAP);
            assert_eq!(cooldown.throttled((0, 1), Some(5 * SECOND), now, 0.0), Consequence::Wait(5 * SECOND));
            assert_eq!(cooldown.throttled((1, 2), Some(5 * SECOND), now, 0.0), Consequence::Wait(5 * SECOND));
            if served {
                cooldown.served();
            }
            assert_eq!(cooldown.throttled((3, 4), Some(5 * SECOND), now, 0.0), expected, "{served}");
        }
    }

    #[test]
    fn one_outage_that_is_too_long_to_wait_for_says_nothing_of_the_host() {
        let mut cooldown = Cooldown::new(Cause::Unavailable, CAP);
        let told = cooldown.throttled((0, 1), Some(CAP + SECOND), Instant::now(), 0.5);
        assert_eq!((told, cooldown.over()), (Consequence::Nothing, None));
    }

    #[test]
    fn the_longest_wait_of_a_burst_counts() {
        let now = Instant::now();
        let mut cooldown = Cooldown::new(Cause::Throttling, CAP);
        cooldown.throttled((0, 3), Some(5 * SECOND), now, 0.0);
        cooldown.throttled((1, 3), Some(9 * SECOND), now, 0.0);
        cooldown.throttled((2, 3), Some(2 * SECOND), now, 0.0);
        assert_eq!(cooldown.until(now), Some(now + 9 * SECOND));
        // A straggler does not start another wait when this one is over.
        cooldown.throttled((2, 3), Some(2 * SECOND), now + 9 * SECOND, 0.0);
        assert_eq!(cooldown.until(now + 9 * SECOND), None);
    }
}
