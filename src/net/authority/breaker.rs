//! Whether an authority is plainly down, so that nothing more need be asked of it.
//!
//! Opens when the first requests all come to nothing, or several in a row later on; then everything else
//! ends at once with the fault that opened it. After a pause one request may go through to see. Only "no
//! answer" counts: a host that says 500 is there. A proxy that is down is told of each host behind it: each
//! pays for its own first requests, at the same time. Pure: the time is an argument.

use std::time::{Duration, Instant};

use crate::model::fault::{NetFault, Shut};

/// So many requests in a row without an answer mean that a host is down.
const IN_A_ROW: u32 = 4;
/// A request that failed faster costs little: another may be tried before the first ones are believed.
const QUICK: Duration = Duration::from_secs(1);
/// Until a request may go through to see, at first; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest such pause.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The circuit of one authority.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: State,
    has_answered: bool,
    failed_in_a_row: u32,
    /// Sent, and neither answered nor failed.
    unresolved: u32,
    /// Those of them that were under way when a connection broke, and may well have been on it.
    beside_a_break: u32,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Closed,
    Open {
        why: Shut,
        until: Instant,
        pause: Duration,
    },
    /// One request is out to see.
    HalfOpen {
        why: Shut,
        pause: Duration,
    },
}

/// What a request may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Go.
    Free,
    /// Go, and find out whether the host is back.
    Probe,
    /// Wait for what the requests under way come to.
    Wait,
    /// Give up.
    Shut(Shut),
}

/// Whether a request was let through an open circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// One of many.
    Ordinary,
    /// It decides whether the circuit closes.
    Probe,
}

impl Breaker {
    /// What the next request may do.
    pub(super) fn passage(&self, now: Instant) -> Passage {
        match &self.state {
            State::Open { until, .. } if *until <= now => Passage::Probe,
            State::Open { why, .. } | State::HalfOpen { why, .. } => Passage::Shut(why.clone()),
            // Others are out already: what they come to says whether this one is worth its time-out.
            State::Closed if self.failed_in_a_row > 0 && self.unresolved > 0 => Passage::Wait,
            State::Closed => Passage::Free,
        }
    }

    /// Whether the host is taken to be down.
    pub(super) const fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    /// A request goes out.
    pub(super) fn sent(&mut self, role: Role) {
        self.unresolved = self.unresolved.saturating_add(1);
        if role == Role::Probe
            && let State::Open { why, pause, .. } = std::mem::take(&mut self.state)
        {
            self.state = State::HalfOpen { why, pause };
        }
    }

    /// An answer came, whatever it says.
    pub(super) fn answered(&mut self) {
        self.unresolved = self.unresolved.saturating_sub(1);
        self.has_answered = true;
        self.failed_in_a_row = 0;
        self.beside_a_break = 0;
        self.state = State::Closed;
    }

    /// Opens it, for what was answered.
    pub(super) fn open(&mut self, why: Shut, now: Instant) {
        if !self.is_open() {
            self.state = State::Open { why, until: now + FIRST_PAUSE, pause: FIRST_PAUSE };
        }
    }

    /// An answer came that says no better of the host than what may have opened it.
    pub(super) fn answered_badly(&mut self, role: Role, now: Instant) {
        let state = std::mem::take(&mut self.state);
        self.answered();
        self.state = match state {
            State::HalfOpen { why: why @ Shut::Failing { .. }, pause } if role == Role::Probe => {
                let pause = (pause * 2).min(MAX_PAUSE);
                State::Open { why, until: now + pause, pause }
            }
            open @ (State::Open { why: Shut::Failing { .. }, .. }
            | State::HalfOpen { why: Shut::Failing { .. }, .. }) => open,
            _ => State::Closed,
        };
    }

    /// A request came to nothing that says nothing of the host, or was given up by its asker.
    pub(super) fn dropped(&mut self, role: Role, now: Instant) {
        self.unresolved = self.unresolved.saturating_sub(1);
        self.beside_a_break = self.beside_a_break.min(self.unresolved);
        if role == Role::Probe
            && let State::HalfOpen { why, pause } = std::mem::take(&mut self.state)
        {
            self.state = State::Open { why, until: now, pause };
        }
    }

    /// No answer came, after `took`. True if this opened the circuit.
    pub(super) fn failed(&mut self, role: Role, fault: &NetFault, took: Duration, now: Instant) -> bool {
        self.unresolved = self.unresolved.saturating_sub(1);
        match std::mem::take(&mut self.state) {
            State::Closed => {
                let is_break = matches!(fault, NetFault::Reset(_));
                // One that goes down for a moment takes all its connections along, and is back for the next.
                if is_break && self.has_answered && self.beside_a_break > 0 {
                    self.beside_a_break -= 1;
                    return false;
                }
                self.beside_a_break = if is_break { self.unresolved } else { 0 };
                self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
                // What breaks is tried again, and so is not believed for one request's sake.
                let is_first = !self.has_answered && self.unresolved == 0 && took >= QUICK && !is_break;
                if self.failed_in_a_row < IN_A_ROW && !is_first {
                    return false;
                }
                let why = Shut::Down { fault: Box::new(fault.clone()), requests: self.failed_in_a_row };
                self.state = State::Open { why, until: now + FIRST_PAUSE, pause: FIRST_PAUSE };
                true
            }
            State::HalfOpen { why, pause } if role == Role::Probe => {
                let pause = (pause * 2).min(MAX_PAUSE);
                self.state = State::Open { why, until: now + pause, pause };
                false
            }
            // Sent before it opened: nothing new.
            other => {
                self.state = other;
                false
            }
        }
    }
}

/// Whether a fault says that the host is down, rather than that something went wrong with one request.
pub(super) const fn is_down(fault: &NetFault) -> bool {
    matches!(
        fault,
        NetFault::Dns(_)
            | NetFault::ConnectRefused
            | NetFault::Connect(_)
            | NetFault::Tls(_)
            | NetFault::Proxy { .. }
            | NetFault::TimeoutConnect(_)
            | NetFault::TimeoutFirstByte(_)
            | NetFault::Reset(_)
    )
}

#[cfg(test)]
mod tests {
    use super::Role::{Ordinary, Probe};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const SILENCE: NetFault = NetFault::TimeoutFirstByte(SECOND);

    fn sent(requests: u32) -> Breaker {
        let mut breaker = Breaker::default();
        (0..requests).for_each(|_| breaker.sent(Ordinary));
        breaker
    }

    fn down(fault: NetFault, requests: u32) -> Passage {
        Passage::Shut(Shut::Down { fault: Box::new(fault), requests })
    }

    #[test]
    fn first_requests_that_are_all_silent_open_it_when_the_last_is() {
        for first in 1..=4 {
            let now = Instant::now();
            let mut breaker = sent(first);
            for failed in 1..=first {
                assert_eq!(breaker.passage(now), if failed == 1 { Passage::Free } else { Passage::Wait });
                assert_eq!(breaker.failed(Ordinary, &SILENCE, 15 * SECOND, now), failed == first);
            }
            assert_eq!(breaker.passage(now), down(SILENCE, first));
        }
    }

    #[test]
    fn quick_failures_open_it_after_four() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for failed in 1..=4 {
            assert_eq!(breaker.passage(now), Passage::Free);
            breaker.sent(Ordinary);
            assert_eq!(breaker.failed(Ordinary, &NetFault::ConnectRefused, SECOND / 1000, now), failed == 4);
        }
        assert_eq!(breaker.passage(now), down(NetFault::ConnectRefused, 4));
    }

    #[test]
    fn a_host_that_has_answered_is_down_after_four_in_a_row_and_no_sooner() {
        let now = Instant::now();
        let mut breaker = sent(1);
        breaker.answered();
        for round in 0..3 {
            breaker.sent(Ordinary);
            assert!(!breaker.failed(Ordinary, &SILENCE, 15 * SECOND, now), "{round}");
        }
        breaker.sent(Ordinary);
        breaker.answered();
        for round in 1..=4 {
            breaker.sent(Ordinary);
            assert_eq!(breaker.failed(Ordinary, &SILENCE, 15 * SECOND, now), round == 4);
        }
    }

    fn broken() -> NetFault {
        NetFault::Reset("connection reset by peer".into())
    }

    #[test]
    fn first_connections_that_all_break_open_it_after_four_and_no_sooner() {
        let now = Instant::now();
        for (at_once, took) in [(1, SECOND / 1000), (1, 15 * SECOND), (4, SECOND / 1000), (4, 15 * SECOND)] {
            let mut breaker = Breaker::default();
            for request in 0..4 {
                if request % at_once == 0 {
                    (0..at_once).for_each(|_| breaker.sent(Ordinary));
                }
                let opened = breaker.failed(Ordinary, &broken(), took, now);
                assert_eq!(opened, request == 3, "{request}: {at_once} at once, {took:?}");
            }
            assert_eq!(breaker.passage(now), down(broken(), 4));
        }
    }

    #[test]
    fn connections_that_break_together_are_one_fault_of_a_host_that_was_there() {
        let now = Instant::now();
        let mut breaker = sent(17);
        breaker.answered();
        for left in (0..16).rev() {
            assert!(!breaker.failed(Ordinary, &broken(), SECOND, now));
            assert_eq!(breaker.passage(now), if left == 0 { Passage::Free } else { Passage::Wait });
        }
        for request in 2..=4 {
            breaker.sent(Ordinary);
            assert_eq!(breaker.passage(now), Passage::Wait, "one after the other");
            assert_eq!(breaker.failed(Ordinary, &broken(), SECOND, now), request == 4);
        }
        assert_eq!(breaker.passage(now), down(broken(), 4));
    }

    #[test]
    fn a_connection_that_breaks_now_and_then_opens_nothing() {
        let now = Instant::now();
        let mut breaker = sent(1);
        breaker.answered();
        for _ in 0..20 {
            (0..4).for_each(|_| breaker.sent(Ordinary));
            for _ in 0..3 {
                assert!(!breaker.failed(Ordinary, &broken(), SECOND, now));
            }
            breaker.answered();
            assert_eq!(breaker.passage(now), Passage::Free);
        }
    }

    #[test]
    fn a_host_that_breaks_off_and_then_refuses_is_down_with_what_came_last() {
        let now = Instant::now();
        let mut breaker = sent(3);
        breaker.answered();
        breaker.failed(Ordinary, &broken(), SECOND, now);
        breaker.dropped(Ordinary, now);
        for request in 2..=4 {
            breaker.sent(Ordinary);
            let opened = breaker.failed(Ordinary, &NetFault::ConnectRefused, SECOND / 1000, now);
            assert_eq!(opened, request == 4);
        }
        assert_eq!(breaker.passage(now), down(NetFault::ConnectRefused, 4));
    }

    #[test]
    fn a_request_that_is_given_up_says_nothing() {
        let now = Instant::now();
        let mut breaker = sent(2);
        breaker.dropped(Ordinary, now);
        breaker.failed(Ordinary, &SILENCE, SECOND / 2, now);
        assert_eq!(breaker.passage(now), Passage::Free);
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = sent(1);
        assert!(breaker.failed(Ordinary, &SILENCE, 15 * SECOND, now));
        breaker
    }

    #[test]
    fn after_a_pause_one_request_may_see_and_an_answer_closes_it() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(breaker.passage(now + FIRST_PAUSE - SECOND / 1000), down(SILENCE, 1));
        assert_eq!(breaker.passage(now + FIRST_PAUSE), Passage::Probe);
        breaker.sent(Probe);
        assert_eq!(breaker.passage(now + FIRST_PAUSE), down(SILENCE, 1));
        breaker.answered();
        assert_eq!(breaker.passage(now + FIRST_PAUSE), Passage::Free);
    }

    #[test]
    fn a_failed_look_doubles_the_pause_up_to_a_minute() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for pause in [5, 10, 20, 40, 60, 60] {
            assert_eq!(breaker.passage(now + pause * SECOND - SECOND / 1000), down(SILENCE, 1));
            now += pause * SECOND;
            assert_eq!(breaker.passage(now), Passage::Probe);
            breaker.sent(Probe);
            assert!(!breaker.failed(Probe, &NetFault::ConnectRefused, SECOND, now));
        }
    }

    #[test]
    fn a_look_that_is_given_up_leaves_it_to_the_next() {
        let now = Instant::now() + FIRST_PAUSE;
        let mut breaker = opened(now - FIRST_PAUSE);
        breaker.sent(Probe);
        breaker.dropped(Probe, now);
        assert_eq!(breaker.passage(now), Passage::Probe);
    }

    #[test]
    fn what_failures_opened_only_another_answer_closes() {
        let now = Instant::now();
        let why = Shut::Failing { status: 503, questions: 20 };
        let mut breaker = sent(3);
        breaker.open(why.clone(), now);
        breaker.answered_badly(Ordinary, now);
        assert_eq!(breaker.passage(now), Passage::Shut(why.clone()));
        let mut later = now + FIRST_PAUSE;
        assert_eq!(breaker.passage(later), Passage::Probe);
        breaker.sent(Probe);
        breaker.answered_badly(Ordinary, later);
        assert_eq!(breaker.passage(later), Passage::Shut(why.clone()), "one is out to see");
        breaker.answered_badly(Probe, later);
        assert_eq!(breaker.passage(later + 2 * FIRST_PAUSE - SECOND / 1000), Passage::Shut(why));
        later += 2 * FIRST_PAUSE;
        assert_eq!(breaker.passage(later), Passage::Probe);
        breaker.sent(Probe);
        breaker.answered();
        assert_eq!(breaker.passage(later), Passage::Free);
    }

    #[test]
    fn a_host_that_was_down_and_answers_badly_is_there() {
        let mut breaker = opened(Instant::now());
        let later = Instant::now() + FIRST_PAUSE;
        breaker.sent(Probe);
        breaker.answered_badly(Probe, later);
        assert_eq!(breaker.passage(later), Passage::Free);
    }

    #[test]
    fn what_was_sent_before_it_opened_can_close_it_but_not_open_it_again() {
        let now = Instant::now();
        let mut breaker = sent(1);
        breaker.answered();
        (0..6).for_each(|_| breaker.sent(Ordinary));
        let opening: Vec<_> = (0..5).map(|_| breaker.failed(Ordinary, &SILENCE, 15 * SECOND, now)).collect();
        assert_eq!(opening, [false, false, false, true, false]);
        assert_eq!(breaker.passage(now), down(SILENCE, 4));
        breaker.answered();
        assert_eq!(breaker.passage(now), Passage::Free);
    }

    #[test]
    fn a_failure_from_before_does_not_speak_for_the_one_that_looks() {
        let now = Instant::now();
        let mut breaker = sent(1);
        breaker.answered();
        (0..5).for_each(|_| breaker.sent(Ordinary));
        (0..4).for_each(|_| {
            breaker.failed(Ordinary, &SILENCE, 15 * SECOND, now);
        });
        let later = now + FIRST_PAUSE;
        breaker.sent(Probe);
        breaker.failed(Ordinary, &SILENCE, 15 * SECOND, later);
        assert_eq!(breaker.passage(later + 2 * MAX_PAUSE), down(SILENCE, 4));
        breaker.answered();
        assert_eq!(breaker.passage(later), Passage::Free);
    }
}
