//! All that is known of one authority, and what it means for the next request.
//!
//! Puts window, breaker, cool-down, pace and quota together. Pure: the time is an argument, and nobody
//! waits here.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::breaker::{self, Breaker, Passage, Role};
use super::cooldown::{Cause, Consequence, Cooldown};
use super::outage::{self, Outage};
use super::pace::Pace;
use super::quota::{PullQuota, Spending};
use super::window::Window;
use super::{Answered, Kind};
use crate::model::fault::{NetFault, Shut};
use crate::model::host::HostState;
use crate::model::run::Quota;
use crate::net::retry::Condition;

/// One authority.
#[derive(Debug)]
pub(super) struct Host {
    window: Window,
    breaker: Breaker,
    /// The same for bodies of manifests: a host can be there, and its storage not.
    bodies: Breaker,
    cooldown: Cooldown,
    /// The same for 503.
    unavailable: Cooldown,
    outage: Outage,
    pace: Option<Pace>,
    quota: PullQuota,
    in_flight: usize,
    next_ticket: u64,
    /// When the last request ended, if none is on the wire.
    idle_since: Option<Instant>,
}

/// How a host is treated.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostPolicy {
    pub(super) most_in_flight: usize,
    pub(super) max_retry_after: Duration,
    pub(super) per_minute: Option<NonZeroU32>,
    pub(super) reserve: Option<u64>,
}

/// What the next request may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Go.
    Go(Role),
    /// Not before this.
    Until(Instant),
    /// Not before something that is under way has ended.
    Full,
    /// Never.
    Shut(Shut),
}

/// One request on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) kind: Kind,
    ticket: u64,
    role: Role,
    /// Its part in the circuit of bodies, if it has a body.
    body_role: Option<Role>,
    at: Instant,
}

/// What came of the body of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum BodyFate {
    /// Nothing is known: none was expected, or nobody waited for its end.
    #[default]
    Unknown,
    /// It came whole.
    Whole,
    /// It began, and did not end in time.
    Stalled(NetFault),
}

/// What is worth telling of a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing.
    None,
    /// The host throttles or is unavailable, as this status said, and is left alone for so long.
    CoolingDown(u16, Duration),
    /// Nothing more is asked of it.
    Shut(Shut),
    /// It does not answer.
    Down,
}

impl Host {
    pub(super) fn new(policy: HostPolicy) -> Self {
        Self {
            window: Window::new(policy.most_in_flight),
            breaker: Breaker::default(),
            bodies: Breaker::default(),
            cooldown: Cooldown::new(Cause::Throttling, policy.max_retry_after),
            unavailable: Cooldown::new(Cause::Unavailable, policy.max_retry_after),
            outage: Outage::default(),
            pace: policy.per_minute.map(Pace::new),
            quota: PullQuota::new(policy.reserve),
            in_flight: 0,
            next_ticket: 0,
            idle_since: None,
        }
    }

    /// Requests on the wire, those included whose body is being read.
    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether it had something on the wire a moment ago, and may well have again.
    pub(super) fn was_busy(&self, now: Instant, moment: Duration) -> bool {
        self.in_flight == 0 && self.idle_since.is_some_and(|since| now.duration_since(since) < moment)
    }

    /// Whether it is asked at the moment; changes nothing.
    pub(super) fn state(&self, now: Instant) -> HostState {
        if self.over().is_some() {
            return HostState::LeftAlone;
        }
        if self.breaker.is_open() || self.bodies.is_open() {
            return HostState::Down;
        }
        match self.cooling_until(now) {
            Some(until) => HostState::CoolingDown(until.duration_since(now)),
            None => HostState::Asked,
        }
    }

    /// Why nothing more is asked of it, if that is so for good.
    fn over(&self) -> Option<&Shut> {
        self.cooldown.over().or_else(|| self.unavailable.over())
    }

    fn cooling_until(&self, now: Instant) -> Option<Instant> {
        self.cooldown.until(now).max(self.unavailable.until(now))
    }

    /// How it is as a whole, for one whose question failed.
    pub(super) fn condition(&self, now: Instant) -> Condition {
        if self.over().is_some() || self.cooling_until(now).is_some() {
            Condition::LeftAlone
        } else if self.outage.is_lasting() {
            Condition::Failing
        } else {
            Condition::Well
        }
    }

    /// A question ended for good with this status.
    pub(super) fn gave_up(&mut self, status: u16, now: Instant) -> News {
        match self.outage.gave_up(status) {
            Some(shut) if !self.breaker.is_open() => {
                self.breaker.open(shut.clone(), now);
                News::Shut(shut)
            }
            _ => News::None,
        }
    }

    /// What is left of its pull quota.
    pub(super) fn quota(&self, name: &str) -> Option<Quota> {
        self.quota.told(name)
    }

    /// What a request of this kind may do now.
    pub(super) fn admission(&self, kind: Kind, now: Instant) -> Admission {
        if let Some(shut) = self.over() {
            return Admission::Shut(shut.clone());
        }
        let role = match self.breaker.passage(now) {
            Passage::Free => Role::Ordinary,
            Passage::Probe => Role::Probe,
            Passage::Wait => return Admission::Full,
            Passage::Shut(shut) => return Admission::Shut(shut),
        };
        if kind == Kind::Pull {
            match self.bodies.passage(now) {
                Passage::Free | Passage::Probe => {}
                Passage::Wait => return Admission::Full,
                Passage::Shut(shut) => return Admission::Shut(shut),
            }
            match self.quota.spending() {
                Spending::Free => {}
                Spending::Wait => return Admission::Full,
                Spending::Shut(shut) => return Admission::Shut(shut),
            }
        }
        if let Some(until) = self.cooling_until(now) {
            return Admission::Until(until);
        }
        if self.in_flight >= self.window.size() {
            return Admission::Full;
        }
        match self.pace.as_ref().and_then(|pace| pace.wait_until(now)) {
            Some(until) => Admission::Until(until),
            None => Admission::Go(role),
        }
    }

    /// A request goes out.
    pub(super) fn send(&mut self, kind: Kind, role: Role, now: Instant) -> Sent {
        let body_role = (kind == Kind::Pull).then(|| match self.bodies.passage(now) {
            Passage::Probe => Role::Probe,
            _ => Role::Ordinary,
        });
        if let Some(role) = body_role {
            self.bodies.sent(role);
        }
        let sent = Sent { kind, ticket: self.next_ticket, role, body_role, at: now };
        self.next_ticket += 1;
        self.in_flight += 1;
        self.idle_since = None;
        self.breaker.sent(role);
        if let Some(pace) = &mut self.pace {
            pace.sent(now);
        }
        if kind == Kind::Pull {
            self.quota.sent();
        }
        sent
    }

    /// The first byte of an answer came. `jitter` is random, from 0 to 1.
    pub(super) fn answered(&mut self, sent: &Sent, answer: &Answered, now: Instant, jitter: f64) -> News {
        let Answered { status, latency, retry_after, .. } = *answer;
        if outage::is_failure(status) {
            self.breaker.answered_badly(sent.role, now);
        } else {
            self.breaker.answered();
            self.unavailable.served();
        }
        self.outage.answered(status);
        self.pull_ended(sent);
        self.quota.answered(answer.quota);
        let tickets = (sent.ticket, self.next_ticket);
        match status {
            429 | 503 => self.window.pushed_back(tickets.0, tickets.1),
            // What is refused or fails takes another time than what is looked up.
            200..400 | 404 => self.window.answered(latency),
            _ => {}
        }
        let consequence = match (status, retry_after) {
            (429, _) => self.cooldown.throttled(tickets, retry_after, now, jitter),
            (503, Some(_)) => self.unavailable.throttled(tickets, retry_after, now, jitter),
            _ => Consequence::Nothing,
        };
        match consequence {
            Consequence::Nothing => News::None,
            Consequence::Wait(wait) => News::CoolingDown(status, wait),
            Consequence::Over(shut) => News::Shut(shut),
        }
    }

    /// No answer came.
    pub(super) fn failed(&mut self, sent: &Sent, fault: &NetFault, now: Instant) -> News {
        if !breaker::is_down(fault) {
            self.given_up(sent, now);
            return News::None;
        }
        self.pull_ended(sent);
        let took = now.duration_since(sent.at);
        if self.breaker.failed(sent.role, fault, took, now) { News::Down } else { News::None }
    }

    /// A request ended without a word on the host.
    pub(super) fn given_up(&mut self, sent: &Sent, now: Instant) {
        self.pull_ended(sent);
        self.breaker.dropped(sent.role, now);
    }

    /// A request is off the wire, with its body.
    pub(super) fn release(&mut self, sent: &Sent, body: &BodyFate, now: Instant) -> News {
        let news = match (sent.body_role, body) {
            (None, _) => News::None,
            (Some(role), BodyFate::Unknown) => {
                self.bodies.dropped(role, now);
                News::None
            }
            (Some(_), BodyFate::Whole) => {
                self.bodies.answered();
                News::None
            }
            (Some(role), BodyFate::Stalled(fault)) => {
                let took = now.duration_since(sent.at);
                if self.bodies.failed(role, fault, took, now) { News::Down } else { News::None }
            }
        };
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.in_flight == 0 {
            self.idle_since = Some(now);
        }
        news
    }

    fn pull_ended(&mut self, sent: &Sent) {
        if sent.kind == Kind::Pull {
            self.quota.ended();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::quota::QuotaReport;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn host(per_minute: Option<u32>, reserve: Option<u64>) -> Host {
        Host::new(HostPolicy {
            most_in_flight: 16,
            max_retry_after: 30 * SECOND,
            per_minute: per_minute.and_then(NonZeroU32::new),
            reserve,
        })
    }

    fn answer(status: u16) -> Answered {
        Answered { status, latency: SECOND / 100, retry_after: None, quota: None }
    }

    /// Sends as many as may go now.
    fn send_all(host: &mut Host, kind: Kind, now: Instant) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let Admission::Go(role) = host.admission(kind, now) {
            sent.push(host.send(kind, role, now));
        }
        sent
    }

    fn off_the_wire(host: &mut Host, sent: &Sent, now: Instant) {
        assert_eq!(host.release(sent, &BodyFate::Unknown, now), News::None);
    }

    /// A GET whose headers come at once, and whose body ends so after `took`.
    fn get(host: &mut Host, body: &BodyFate, took: Duration, now: Instant) -> News {
        let Admission::Go(role) = host.admission(Kind::Pull, now) else { panic!("it is let in") };
        let sent = host.send(Kind::Pull, role, now);
        host.answered(&sent, &answer(200), now, 0.0);
        host.release(&sent, body, now + took)
    }

    #[test]
    fn four_bodies_in_a_row_that_stall_shut_out_gets_and_nothing_else() {
        let now = Instant::now();
        let mut host = host(None, None);
        let stall = NetFault::TimeoutBody(30 * SECOND);
        let stalled = BodyFate::Stalled(stall.clone());
        get(&mut host, &BodyFate::Whole, SECOND, now);
        for body in
            [&stalled, &stalled, &stalled, &BodyFate::Whole, &stalled, &BodyFate::Unknown, &stalled, &stalled]
        {
            assert_eq!(get(&mut host, body, 30 * SECOND, now), News::None);
        }
        assert_eq!(get(&mut host, &stalled, 30 * SECOND, now), News::Down);
        let opened = now + 30 * SECOND;
        let down = Shut::Down { fault: Box::new(stall), requests: 4 };
        assert_eq!(host.admission(Kind::Pull, opened), Admission::Shut(down.clone()));
        assert_eq!(host.admission(Kind::Other, opened), Admission::Go(Role::Ordinary));
        assert_eq!(host.state(opened), HostState::Down);

        let sent = host.send(Kind::Other, Role::Ordinary, opened);
        host.answered(&sent, &answer(200), opened, 0.0);
        host.release(&sent, &BodyFate::Whole, opened);
        assert_eq!(host.admission(Kind::Pull, opened), Admission::Shut(down.clone()), "a HEAD has no body");

        let later = opened + 5 * SECOND;
        assert_eq!(get(&mut host, &stalled, 30 * SECOND, later), News::None);
        assert_eq!(host.admission(Kind::Pull, later + 39 * SECOND), Admission::Shut(down));
        assert_eq!(get(&mut host, &BodyFate::Whole, SECOND, later + 40 * SECOND), News::None);
        assert_eq!(host.admission(Kind::Pull, later + 41 * SECOND), Admission::Go(Role::Ordinary));
        assert_eq!(host.state(later + 41 * SECOND), HostState::Asked);
    }

    #[test]
    fn first_bodies_that_all_stall_shut_out_gets_when_the_last_has() {
        let now = Instant::now();
        let mut host = host(None, None);
        let sent = send_all(&mut host, Kind::Other, now);
        sent.iter().for_each(|sent| off_the_wire(&mut host, sent, now));
        let role = Role::Ordinary;
        let sent: Vec<_> = (0..2).map(|_| host.send(Kind::Pull, role, now)).collect();
        sent.iter().for_each(|sent| drop(host.answered(sent, &answer(200), now, 0.0)));
        let stalled = BodyFate::Stalled(NetFault::TimeoutBody(30 * SECOND));
        let later = now + 30 * SECOND;
        assert_eq!(host.release(&sent[0], &stalled, later), News::None);
        assert_eq!(host.admission(Kind::Pull, later), Admission::Full);
        assert_eq!(host.release(&sent[1], &stalled, later), News::Down);
    }

    #[test]
    fn a_host_is_said_to_be_asked_cooling_down_left_alone_or_down() {
        let now = Instant::now();
        let mut throttled = host(None, None);
        assert_eq!(throttled.state(now), HostState::Asked);
        for wait in [SECOND, 2 * SECOND] {
            let Admission::Go(role) = throttled.admission(Kind::Other, now + 10 * wait) else { panic!() };
            let at = now + 10 * wait;
            let sent = throttled.send(Kind::Other, role, at);
            throttled.answered(&sent, &answer(429), at, 0.0);
            off_the_wire(&mut throttled, &sent, at);
            assert_eq!(throttled.state(at), HostState::CoolingDown(wait));
            assert_eq!(throttled.state(at + wait), HostState::Asked);
        }
        let at = now + 60 * SECOND;
        let sent = throttled.send(Kind::Other, Role::Ordinary, at);
        throttled.answered(&sent, &answer(429), at, 0.0);
        assert_eq!(throttled.state(at), HostState::LeftAlone);

        let mut silent = host(None, None);
        let sent = silent.send(Kind::Other, Role::Ordinary, now);
        silent.failed(&sent, &NetFault::TimeoutFirstByte(5 * SECOND), now + 5 * SECOND);
        assert_eq!(silent.state(now + 5 * SECOND), HostState::Down);
        // Until an answer came: that it may be tried again says nothing yet.
        assert_eq!(silent.state(now + 100 * SECOND), HostState::Down);
    }

    #[test]
    fn answers_make_room_and_refusals_take_it() {
        let now = Instant::now();
        for (status, room) in [(200, 16), (404, 16), (307, 16), (401, 4), (500, 4), (503, 2)] {
            let mut host = host(None, None);
            for sent in send_all(&mut host, Kind::Other, now) {
                host.answered(&sent, &answer(status), now, 0.0);
                off_the_wire(&mut host, &sent, now);
            }
            assert_eq!(send_all(&mut host, Kind::Other, now).len(), room, "{status}");
        }
    }

    #[test]
    fn a_429_stops_everything_for_its_time_and_then_goes_on_with_half() {
        let now = Instant::now();
        let mut host = host(None, None);
        let mut news = Vec::new();
        for sent in send_all(&mut host, Kind::Other, now) {
            news.push(host.answered(&sent, &answer(429), now, 0.0));
            off_the_wire(&mut host, &sent, now);
        }
        assert_eq!(news, [News::CoolingDown(429, SECOND), News::None, News::None, News::None]);
        assert_eq!(host.admission(Kind::Other, now), Admission::Until(now + SECOND));
        assert_eq!(send_all(&mut host, Kind::Other, now + SECOND).len(), 2);
    }

    #[test]
    fn a_503_that_says_how_long_stops_everything_like_a_429_and_one_that_does_not_stops_nothing() {
        let now = Instant::now();
        let mut host = host(None, None);
        let unavailable = Answered { retry_after: Some(5 * SECOND), ..answer(503) };
        let mut at = now;
        for expected in [
            News::CoolingDown(503, 5 * SECOND),
            News::CoolingDown(503, 5 * SECOND),
            News::Shut(Shut::Unavailable { cool_downs: 2 }),
        ] {
            assert_eq!(host.condition(at), Condition::Well);
            let sent = send_all(&mut host, Kind::Other, at);
            assert_eq!(host.answered(&sent[0], &unavailable, at, 0.0), expected);
            assert_eq!(host.condition(at), Condition::LeftAlone);
            for sent in &sent[1..] {
                assert_eq!(host.answered(sent, &unavailable, at, 0.0), News::None);
            }
            sent.iter().for_each(|sent| off_the_wire(&mut host, sent, at));
            at += 5 * SECOND;
        }
        assert_eq!(host.admission(Kind::Other, at), Admission::Shut(Shut::Unavailable { cool_downs: 2 }));

        let mut host = self::host(None, None);
        for sent in send_all(&mut host, Kind::Other, now) {
            assert_eq!(host.answered(&sent, &answer(503), now, 0.0), News::None);
        }
        assert_eq!(host.condition(now), Condition::Well);
    }

    #[test]
    fn a_host_that_fails_at_everything_is_asked_once_each_and_then_left_alone_for_a_while() {
        let now = Instant::now();
        let mut host = host(None, None);
        let question = |host: &mut Host, status: u16, at: Instant| {
            let Admission::Go(role) = host.admission(Kind::Other, at) else { panic!("it is let in") };
            let sent = host.send(Kind::Other, role, at);
            host.answered(&sent, &answer(status), at, 0.0);
            off_the_wire(host, &sent, at);
        };
        for given_up in 0..19 {
            assert_eq!(host.condition(now), if given_up < 5 { Condition::Well } else { Condition::Failing });
            question(&mut host, 502, now);
            assert_eq!(host.gave_up(502, now), News::None);
        }
        question(&mut host, 502, now);
        let shut = Shut::Failing { status: 502, questions: 20 };
        assert_eq!(host.gave_up(502, now), News::Shut(shut.clone()));
        assert_eq!(host.gave_up(502, now), News::None, "said once");
        assert_eq!(host.admission(Kind::Other, now), Admission::Shut(shut.clone()));
        let later = now + 5 * SECOND;
        question(&mut host, 502, later);
        assert_eq!(host.admission(Kind::Other, later + 9 * SECOND), Admission::Shut(shut));
        question(&mut host, 200, later + 10 * SECOND);
        assert_eq!(host.condition(later + 10 * SECOND), Condition::Well);
        assert_eq!(host.admission(Kind::Other, later + 10 * SECOND), Admission::Go(Role::Ordinary));
    }

    #[test]
    fn a_body_that_is_still_read_holds_its_place() {
        let now = Instant::now();
        let mut host = Host::new(HostPolicy {
            most_in_flight: 1,
            max_retry_after: SECOND,
            per_minute: None,
            reserve: None,
        });
        let sent = send_all(&mut host, Kind::Pull, now);
        host.answered(&sent[0], &answer(200), now, 0.0);
        assert_eq!(host.admission(Kind::Pull, now), Admission::Full);
        off_the_wire(&mut host, &sent[0], now);
        assert_eq!(host.admission(Kind::Pull, now), Admission::Go(Role::Ordinary));
    }

    #[test]
    fn only_pulls_are_held_back_by_a_reserve() {
        let now = Instant::now();
        let mut host = host(None, Some(90));
        let sent = send_all(&mut host, Kind::Pull, now);
        assert_eq!(sent.len(), 1, "until the first answer nothing is known of the quota");
        let quota = Some(QuotaReport { limit: 100, remaining: 92, window: None });
        host.answered(&sent[0], &Answered { quota, ..answer(200) }, now, 0.0);
        assert_eq!(send_all(&mut host, Kind::Pull, now).len(), 2);
        let shut = Shut::Reserved { remaining: 90, reserve: 90 };
        assert_eq!(host.admission(Kind::Pull, now), Admission::Shut(shut));
        assert_eq!(host.admission(Kind::Other, now), Admission::Go(Role::Ordinary));
    }

    #[test]
    fn a_pace_holds_back_what_the_window_would_let_through() {
        let now = Instant::now();
        let mut host = host(Some(20), None);
        assert_eq!(send_all(&mut host, Kind::Other, now).len(), 3);
        assert!(
            matches!(host.admission(Kind::Other, now), Admission::Until(until) if until > now + 3 * SECOND)
        );
    }

    #[test]
    fn faults_that_do_not_say_down_open_nothing() {
        let now = Instant::now();
        for (fault, is_shut) in [
            (NetFault::Protocol("x".into()), false),
            (NetFault::Truncated { received_bytes: 1, promised_bytes: Some(2) }, false),
            (NetFault::TimeoutBody(SECOND), false),
            (NetFault::Reset("x".into()), true),
            (NetFault::Proxy { proxy: "http://proxy:3128".into(), why: "x".into() }, true),
            (NetFault::ConnectRefused, true),
            (NetFault::Tls(crate::model::tls::TlsFault::NotTls), true),
        ] {
            let mut host = host(None, None);
            for _ in 0..10 {
                if let Admission::Go(role) = host.admission(Kind::Other, now) {
                    let sent = host.send(Kind::Other, role, now);
                    host.failed(&sent, &fault, now);
                    off_the_wire(&mut host, &sent, now);
                }
            }
            let shut = matches!(host.admission(Kind::Other, now), Admission::Shut(_));
            assert_eq!(shut, is_shut, "{fault:?}");
        }
    }
}
