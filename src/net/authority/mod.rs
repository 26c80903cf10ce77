//! How much may be asked of each authority, and of all together: who may send, who waits, who gives up.
//!
//! A [`Permit`] is held while a request is on the wire, body included, and never while anybody sleeps. Its
//! holder reports what came of it; dropping it without a word means that the asker gave up. What a host's
//! answers mean is decided by pure state machines ([`host`] and what it puts together); here are the lock,
//! the queues and the timers. Waiters are served in order, hosts in turn.

mod breaker;
mod cooldown;
mod host;
mod outage;
mod pace;
mod quota;
mod window;

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub use self::quota::QuotaReport;

use self::host::{Admission, BodyFate, Host, HostPolicy, News, Sent};
use crate::model::endpoint::Authority;
use crate::model::fault::{NetFault, Shut, seconds};
use crate::model::host::HostState;
use crate::model::run::Quota;
use crate::net::retry::Condition;

/// A host that was busy so short a time ago will want a place again: one is kept for it.
const MOMENT: Duration = Duration::from_secs(1);

/// The bounds.
#[derive(Clone, Debug)]
pub struct LimitPolicy {
    /// Most requests on the wire to one authority.
    pub per_authority: usize,
    /// Most requests on the wire, all authorities together.
    pub all: usize,
    /// Most requests in any minute, where that is configured.
    pub paces: HashMap<Authority, NonZeroU32>,
    /// Pulls that are not spent, at hosts that tell their quota.
    pub reserve: Option<u64>,
    /// The longest `Retry-After` that is waited for.
    pub max_retry_after: Duration,
}

/// Whether a request may cost something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A GET that registries with a pull quota count.
    Pull,
    /// Anything else.
    Other,
}

/// An answer, as far as it says something of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// From sending to the first byte.
    pub latency: Duration,
    /// What the host asks to wait.
    pub retry_after: Option<Duration>,
    /// What is left of its pull quota.
    pub quota: Option<QuotaReport>,
}

/// Bounds on requests in flight; a clone is the same bounds.
#[derive(Clone, Debug)]
pub struct Limits(Arc<Mutex<State>>);

/// The right to have one request in flight; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    state: Arc<Mutex<State>>,
    host: usize,
    sent: Sent,
    is_reported: bool,
    body: BodyFate,
}

#[derive(Debug)]
struct State {
    policy: LimitPolicy,
    index: HashMap<Authority, usize>,
    lanes: Vec<Lane>,
    /// Requests in flight.
    total: usize,
    /// Lanes with waiters that are not known to have to wait.
    ready: VecDeque<usize>,
}

/// One authority and those who want to ask it.
#[derive(Debug)]
struct Lane {
    authority: Authority,
    host: Host,
    waiters: VecDeque<Waiter>,
    is_ready: bool,
    /// When somebody will look again.
    alarm: Option<Instant>,
}

#[derive(Debug)]
struct Waiter {
    kind: Kind,
    wake: Wake,
}

/// What a permit will be made of: the lane, and the request in it.
type Grant = (usize, Sent);
type Wake = oneshot::Sender<Result<Permit, Shut>>;

/// What is to be done once the lock is free.
#[derive(Default)]
struct Wakes {
    answers: Vec<(Wake, Result<Grant, Shut>)>,
    alarms: Vec<(usize, Instant)>,
}

impl Limits {
    /// Nothing asked so far.
    #[must_use]
    pub fn new(policy: LimitPolicy) -> Self {
        let policy = LimitPolicy { all: policy.all.max(1), ..policy };
        Self(Arc::new(Mutex::new(State {
            policy,
            index: HashMap::new(),
            lanes: Vec::new(),
            total: 0,
            ready: VecDeque::new(),
        })))
    }

    /// Waits until a request to `authority` may be sent.
    ///
    /// # Errors
    /// It will not be: why.
    pub async fn acquire(&self, authority: &Authority, kind: Kind) -> Result<Permit, Shut> {
        let (wake, answer) = oneshot::channel();
        change(&self.0, |state, _| {
            let lane = state.lane(authority);
            state.lanes[lane].waiters.push_back(Waiter { kind, wake });
            lane
        });
        match answer.await {
            Ok(answer) => answer,
            // The sender lives in the queue until it is used.
            Err(_) => std::future::pending().await,
        }
    }

    /// The pull quotas that hosts told of, by host.
    #[must_use]
    pub fn quotas(&self) -> Vec<Quota> {
        let state = lock(&self.0);
        let mut quotas: Vec<_> =
            state.lanes.iter().filter_map(|lane| lane.host.quota(&lane.authority.to_string())).collect();
        quotas.sort_by(|one, other| one.host.cmp(&other.host));
        quotas
    }
}

impl Limits {
    /// Whether each of these is asked at the moment; one that never was counts as asked.
    #[must_use]
    pub fn states<'a>(&self, of: impl IntoIterator<Item = &'a Authority>) -> Vec<HostState> {
        let now = now();
        let state = lock(&self.0);
        let host = |authority| state.index.get(authority).map(|lane| state.lanes[*lane].host.state(now));
        of.into_iter().map(|authority| host(authority).unwrap_or_default()).collect()
    }
}

impl Limits {
    /// How a host is as a whole, for one whose question failed; one that was never asked is well.
    #[must_use]
    pub fn condition(&self, of: &Authority) -> Condition {
        let now = now();
        let state = lock(&self.0);
        state.index.get(of).map_or(Condition::Well, |lane| state.lanes[*lane].host.condition(now))
    }

    /// A question to `authority` ended for good with this HTTP status, after all its tries.
    pub fn gave_up(&self, authority: &Authority, status: u16) {
        change(&self.0, |state, now| {
            let lane = state.lane(authority);
            let news = state.lanes[lane].host.gave_up(status, now);
            tell(authority, &news, None);
            lane
        });
    }
}

impl Permit {
    /// The first byte of an answer came; the permit is still needed for its body. Only the first report counts.
    pub fn answered(&mut self, answer: &Answered) {
        if std::mem::replace(&mut self.is_reported, true) {
            return;
        }
        let (host, sent) = (self.host, self.sent);
        change(&self.state, |state, now| {
            let lane = &mut state.lanes[host];
            let news = lane.host.answered(&sent, answer, now, fastrand::f64());
            tell(&lane.authority, &news, None);
            host
        });
    }

    /// The body came whole.
    pub fn whole(&mut self) {
        self.body = BodyFate::Whole;
    }

    /// The body began, and did not end in time.
    pub fn stalled(&mut self, fault: &NetFault) {
        self.body = BodyFate::Stalled(fault.clone());
    }

    /// No answer came. After [`Self::answered`] only a body that stalled says more: the answer had begun.
    pub fn failed(mut self, fault: &NetFault) {
        if matches!(fault, NetFault::TimeoutBody(_)) {
            self.stalled(fault);
        }
        if std::mem::replace(&mut self.is_reported, true) {
            return;
        }
        let (host, sent) = (self.host, self.sent);
        let mut state = lock(&self.state);
        let lane = &mut state.lanes[host];
        let news = lane.host.failed(&sent, fault, now());
        tell(&lane.authority, &news, Some(fault));
        // Those who wait are told when the drop gives the place back.
        drop(state);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let (host, sent, is_reported) = (self.host, self.sent, self.is_reported);
        let body = std::mem::take(&mut self.body);
        change(&self.state, |state, now| {
            let lane = &mut state.lanes[host];
            if !is_reported {
                lane.host.given_up(&sent, now);
            }
            let news = lane.host.release(&sent, &body, now);
            let fault = if let BodyFate::Stalled(fault) = &body { Some(fault) } else { None };
            tell(&lane.authority, &news, fault);
            state.total = state.total.saturating_sub(1);
            host
        });
    }
}

fn tell(authority: &Authority, news: &News, fault: Option<&NetFault>) {
    match news {
        News::None => {}
        News::CoolingDown(status, wait) => {
            log::info!("{authority} answers {status}: not asked for {}", seconds(*wait));
        }
        News::Shut(shut) => log::info!("{}", shut.about(&authority.to_string())),
        News::Down => {
            if let Some(fault) = fault {
                log::info!("{authority} is down ({fault}): not asked any more for the time being");
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Virtual where a test has paused the time.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Applies `change`, which names the lane that it concerns, and lets in whoever may go now.
fn change(state: &Arc<Mutex<State>>, change: impl FnOnce(&mut State, Instant) -> usize) {
    let mut wakes = Wakes::default();
    {
        let mut state = lock(state);
        let now = now();
        let lane = change(&mut state, now);
        state.make_ready(lane);
        state.keep_share(lane, now, &mut wakes);
        state.let_in(now, &mut wakes);
    }
    deliver(state, wakes);
}

fn deliver(state: &Arc<Mutex<State>>, wakes: Wakes) {
    for (wake, answer) in wakes.answers {
        let answer = answer.map(|(host, sent)| Permit {
            state: Arc::clone(state),
            host,
            sent,
            is_reported: false,
            body: BodyFate::default(),
        });
        // One who has gone meanwhile: the permit comes back here, and is given back by its drop.
        let _gone = wake.send(answer);
    }
    for (lane, at) in wakes.alarms {
        // Without a runtime nobody waits either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(ring(Arc::downgrade(state), lane, at));
        }
    }
}

async fn ring(state: Weak<Mutex<State>>, lane: usize, at: Instant) {
    tokio::time::sleep_until(at.into()).await;
    if let Some(state) = state.upgrade() {
        change(&state, |state, now| {
            let alarm = &mut state.lanes[lane].alarm;
            *alarm = alarm.filter(|alarm| *alarm > now);
            lane
        });
    }
}

impl State {
    /// The lane of `authority`, made if need be.
    fn lane(&mut self, authority: &Authority) -> usize {
        if let Some(lane) = self.index.get(authority) {
            return *lane;
        }
        let host = Host::new(HostPolicy {
            most_in_flight: self.policy.per_authority.min(self.policy.all),
            max_retry_after: self.policy.max_retry_after,
            per_minute: self.policy.paces.get(authority).copied(),
            reserve: self.policy.reserve,
        });
        let lane = self.lanes.len();
        let waiters = VecDeque::new();
        self.lanes.push(Lane { authority: authority.clone(), host, waiters, is_ready: false, alarm: None });
        self.index.insert(authority.clone(), lane);
        lane
    }

    fn make_ready(&mut self, lane: usize) {
        let known = &mut self.lanes[lane];
        if !known.is_ready && !known.waiters.is_empty() {
            known.is_ready = true;
            self.ready.push_back(lane);
        }
    }

    /// Lets the next in `lane` go before others while it has less than its share of the places that hosts in need
    /// of more have together: one that it gave back comes with a connection that is open already.
    fn keep_share(&mut self, lane: usize, now: Instant, wakes: &mut Wakes) {
        let in_flight = self.lanes[lane].host.in_flight();
        // One that has none takes its turn, like all others that have none.
        if in_flight == 0 || !self.lanes[lane].is_ready || self.total >= self.policy.all {
            return;
        }
        let of_ready: usize = self.ready.iter().map(|lane| self.lanes[*lane].host.in_flight()).sum();
        let of_others = self.total.saturating_sub(of_ready);
        if in_flight < self.policy.all.saturating_sub(of_others) / self.ready.len().max(1) {
            // Where it must wait, its turn tells.
            let _served = self.serve(lane, now, wakes);
        }
    }

    /// Lets one waiter of each ready lane go in turn, until none may.
    fn let_in(&mut self, now: Instant, wakes: &mut Wakes) {
        let mut without_room = 0;
        while without_room < self.ready.len() {
            // With thousands of hosts, nobody need be asked whether there is room in none.
            if self.total >= self.policy.all {
                return;
            }
            let Some(lane) = self.ready.pop_front() else { return };
            match self.serve(lane, now, wakes) {
                Served::One => {
                    without_room = 0;
                    self.ready.push_back(lane);
                }
                Served::NoRoom => {
                    without_room += 1;
                    self.ready.push_back(lane);
                }
                Served::MustWait => self.lanes[lane].is_ready = false,
            }
        }
    }

    fn serve(&mut self, lane: usize, now: Instant, wakes: &mut Wakes) -> Served {
        let has_room = self.has_room(lane, now);
        let known = &mut self.lanes[lane];
        while known.waiters.front().is_some_and(|waiter| waiter.wake.is_closed()) {
            known.waiters.pop_front();
        }
        let Some(first) = known.waiters.front() else { return Served::MustWait };
        let kind = first.kind;
        let answer = match known.host.admission(kind, now) {
            Admission::Shut(shut) => Err(shut),
            Admission::Go(_) if !has_room => return Served::NoRoom,
            Admission::Go(role) => {
                self.total += 1;
                Ok((lane, known.host.send(kind, role, now)))
            }
            Admission::Full => return Served::MustWait,
            Admission::Until(at) => {
                if known.alarm.is_none_or(|alarm| alarm > at) {
                    known.alarm = Some(at);
                    wakes.alarms.push((lane, at));
                }
                return Served::MustWait;
            }
        };
        if let Some(waiter) = known.waiters.pop_front() {
            wakes.answers.push((waiter.wake, answer));
        }
        Served::One
    }

    /// Whether the bound on all leaves a place for `lane`: the last ones are for those who have none, so
    /// that no host, however stuck, can keep others from being asked.
    fn has_room(&self, lane: usize, now: Instant) -> bool {
        let free = self.policy.all.saturating_sub(self.total);
        if free == 0 || self.lanes[lane].host.in_flight() == 0 || free > self.lanes.len() {
            return free > 0;
        }
        let wants_one = |other: &&Lane| {
            other.host.in_flight() == 0 && (!other.waiters.is_empty() || other.host.was_busy(now, MOMENT))
        };
        free > self.lanes.iter().filter(wants_one).count()
    }
}

/// What came of serving one lane.
enum Served {
    /// Its first waiter has an answer.
    One,
    /// It could go, but for the bound on all.
    NoRoom,
    /// Nothing can be done until something changes there.
    MustWait,
}

#[cfg(test)]
mod tests;
