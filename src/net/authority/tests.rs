//! Queues, timers and the bound on all, with paused time. What answers mean is tested beside each machine.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use tokio::task::JoinSet;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const SILENCE: NetFault = NetFault::TimeoutFirstByte(SECOND);

type Acquiring<'a> = Pin<Box<dyn Future<Output = Result<Permit, Shut>> + 'a>>;

fn policy(per_authority: usize, all: usize) -> LimitPolicy {
    let paces = HashMap::new();
    LimitPolicy { per_authority, all, paces, reserve: None, max_retry_after: 30 * SECOND }
}

fn limits(per_authority: usize, all: usize) -> Limits {
    Limits::new(policy(per_authority, all))
}

fn host(port: u16) -> Authority {
    Authority { scheme: "http".into(), host: "127.0.0.1".into(), port }
}

fn ask<'a>(limits: &'a Limits, host: &'a Authority) -> Acquiring<'a> {
    // Thousands are looked at in one go here; tokio would have the test yield in between.
    Box::pin(tokio::task::unconstrained(limits.acquire(host, Kind::Other)))
}

/// The permit that is there already.
fn now_or_panic(limits: &Limits, host: &Authority) -> Permit {
    limits.acquire(host, Kind::Other).now_or_never().expect("it need not wait").expect("it is let in")
}

/// What those who wait have come to, without letting time pass; `None` for those who still wait.
fn state(waiting: &mut [Acquiring<'_>]) -> Vec<Option<Result<Permit, Shut>>> {
    waiting.iter_mut().map(|one| one.as_mut().now_or_never()).collect()
}

fn answer(mut permit: Permit, status: u16) {
    permit.answered(&Answered { status, latency: SECOND / 100, retry_after: None, quota: None });
}

fn in_flight(limits: &Limits) -> usize {
    lock(&limits.0).total
}

#[tokio::test(start_paused = true)]
async fn one_full_authority_does_not_hold_up_another() {
    let limits = limits(1, 10);
    let (slow, other) = (host(1), host(2));
    let first = now_or_panic(&limits, &slow);
    let mut second = ask(&limits, &slow);
    assert!(second.as_mut().now_or_never().is_none());
    now_or_panic(&limits, &other);
    drop(first);
    assert!(second.now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn waiters_are_served_in_the_order_in_which_they_came() {
    let limits = limits(1, 10);
    let host = host(1);
    let mut held = Some(now_or_panic(&limits, &host));
    let mut waiting: Vec<_> = (0..4).map(|_| ask(&limits, &host)).collect();
    for _ in 0..4 {
        assert!(state(&mut waiting).iter().all(Option::is_none));
        drop(held.take());
        held = Some(waiting.remove(0).now_or_never().unwrap().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn the_bound_on_all_holds_and_hosts_take_turns() {
    let limits = limits(4, 4);
    let (one, two) = (host(1), host(2));
    // Two hosts are there, but only one asks: it may have all places.
    let first: Vec<_> = (0..4).map(|_| now_or_panic(&limits, &one)).collect();
    let mut ones: Vec<_> = (0..4).map(|_| ask(&limits, &one)).collect();
    let mut twos: Vec<_> = (0..4).map(|_| ask(&limits, &two)).collect();
    assert!(state(&mut ones).iter().chain(&state(&mut twos)).all(Option::is_none));
    drop(first);
    let went = |who: &mut Vec<Acquiring<'_>>| state(who).into_iter().flatten().collect::<Vec<_>>();
    let (ones, twos) = (went(&mut ones), went(&mut twos));
    assert_eq!((ones.len(), twos.len()), (2, 2));
    assert_eq!(in_flight(&limits), 4);
}

#[tokio::test(start_paused = true)]
async fn hosts_that_have_more_to_ask_keep_the_places_of_their_share_however_slow_others_are() {
    let limits = limits(4, 4);
    let (quick, slow) = (host(1), host(2));
    let mut of_quick = vec![now_or_panic(&limits, &quick), now_or_panic(&limits, &quick)];
    let of_slow = [now_or_panic(&limits, &slow), now_or_panic(&limits, &slow)];
    let mut quicks: Vec<_> = (0..10).map(|_| ask(&limits, &quick)).collect();
    let mut slows: Vec<_> = (0..10).map(|_| ask(&limits, &slow)).collect();
    let went = |who: &mut Vec<Acquiring<'_>>| -> Vec<Permit> {
        let mut permits = Vec::new();
        who.retain_mut(|one| match one.as_mut().now_or_never() {
            Some(permit) => {
                permits.push(permit.unwrap());
                false
            }
            None => true,
        });
        permits
    };
    for _ in 0..8 {
        answer(of_quick.remove(0), 200);
        of_quick.extend(went(&mut quicks));
        assert_eq!((of_quick.len(), went(&mut slows).len()), (2, 0));
    }
    drop(of_slow);
    assert_eq!((went(&mut quicks).len(), went(&mut slows).len()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_gives_back_its_only_place_takes_its_turn() {
    let limits = limits(8, 5);
    let (stuck, others) = (host(1), [host(2), host(3)]);
    let _held: Vec<_> = (0..4).map(|_| now_or_panic(&limits, &stuck)).collect();
    let mut stucks: Vec<_> = (0..4).map(|_| ask(&limits, &stuck)).collect();
    assert!(state(&mut stucks).iter().all(Option::is_none));
    let mut asking: Vec<_> = (0..10).flat_map(|_| others.each_ref().map(|host| ask(&limits, host))).collect();
    let mut hosts = Vec::new();
    while !asking.is_empty() {
        // All wait before the first is done with its place.
        let mut permits = Vec::new();
        asking.retain_mut(|one| {
            one.as_mut().now_or_never().map(|permit| permits.push(permit.unwrap())).is_none()
        });
        assert_eq!(permits.len(), 1);
        hosts.extend(permits.iter().map(|permit| permit.host));
        permits.into_iter().for_each(|permit| answer(permit, 200));
    }
    assert_eq!(hosts.len(), 20);
    assert!(hosts.windows(3).all(|three| three.contains(&1) && three.contains(&2)), "{hosts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_host_leaves_a_place_to_each_host_that_was_busy_a_moment_ago() {
    let limits = limits(8, 4);
    let (stuck, other) = (host(1), host(2));
    answer(now_or_panic(&limits, &other), 200);
    let mut stuck: Vec<_> = (0..8).map(|_| ask(&limits, &stuck)).collect();
    let held: Vec<_> = state(&mut stuck).into_iter().flatten().collect();
    assert_eq!(held.len(), 3);
    for _ in 0..10 {
        answer(now_or_panic(&limits, &other), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn the_window_grows_while_answers_come() {
    let limits = limits(16, 100);
    let host = host(1);
    let mut waiting: Vec<_> = (0..40).map(|_| ask(&limits, &host)).collect();
    let mut at_once = Vec::new();
    while !waiting.is_empty() {
        let (went, still): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .map(|mut one| (one.as_mut().now_or_never(), one))
            .partition(|(end, _)| end.is_some());
        waiting = still.into_iter().map(|(_, one)| one).collect();
        at_once.push(went.len());
        went.into_iter().for_each(|(end, _)| answer(end.unwrap().unwrap(), 200));
    }
    assert_eq!(at_once, [4, 16, 16, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_429_sends_everyone_to_sleep_without_a_permit() {
    let limits = limits(4, 4);
    let (throttling, other) = (host(1), host(2));
    let started = tokio::time::Instant::now();
    answer(now_or_panic(&limits, &throttling), 429);
    let waiting = (0..3).map(|_| ask(&limits, &throttling));
    let mut waiting: Vec<_> = waiting.collect();
    assert!(state(&mut waiting).iter().all(Option::is_none));
    assert_eq!(in_flight(&limits), 0);
    now_or_panic(&limits, &other);
    for one in waiting {
        answer(one.await.unwrap(), 200);
    }
    let waited = started.elapsed();
    assert!((SECOND..SECOND * 2).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn after_two_cool_downs_everybody_is_turned_away() {
    let limits = limits(1, 4);
    let host = host(1);
    for _ in 0..2 {
        answer(ask(&limits, &host).await.unwrap(), 429);
    }
    let last = ask(&limits, &host).await.unwrap();
    let mut waiting: Vec<_> = (0..100).map(|_| ask(&limits, &host)).collect();
    assert!(state(&mut waiting).iter().all(Option::is_none));
    answer(last, 429);
    for end in state(&mut waiting) {
        assert_eq!(end.unwrap().unwrap_err(), Shut::Throttling { cool_downs: 2 });
    }
    assert_eq!(in_flight(&limits), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_above_the_cap_turns_everybody_away_at_once() {
    let limits = limits(1, 4);
    let host = host(1);
    let mut permit = now_or_panic(&limits, &host);
    let waiting = ask(&limits, &host);
    permit.answered(&Answered { status: 429, latency: SECOND, retry_after: Some(31 * SECOND), quota: None });
    assert_eq!(waiting.await.unwrap_err(), Shut::LongWait { asked: 31 * SECOND });
}

#[tokio::test(start_paused = true)]
async fn a_silent_host_costs_one_time_out_however_many_wait() {
    let limits = limits(16, 64);
    let (silent, other) = (host(1), host(2));
    let mut waiting: Vec<_> = (0..10_000).map(|_| ask(&limits, &silent)).collect();
    let first: Vec<_> = state(&mut waiting).into_iter().flatten().collect();
    assert_eq!(first.len(), 4);
    tokio::time::advance(15 * SECOND).await;
    for permit in first {
        assert!(state(&mut waiting[4..]).iter().all(Option::is_none));
        permit.unwrap().failed(&SILENCE);
    }
    for end in state(&mut waiting[4..]) {
        let Err(Shut::Down { fault, requests: 4 }) = end.unwrap() else { panic!("it should be down") };
        assert_eq!(*fault, SILENCE);
    }
    now_or_panic(&limits, &other);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_lets_one_see_after_a_pause_and_closes_on_an_answer() {
    let limits = limits(16, 64);
    let host = host(1);
    for _ in 0..4 {
        now_or_panic(&limits, &host).failed(&NetFault::ConnectRefused);
    }
    let down = Shut::Down { fault: Box::new(NetFault::ConnectRefused), requests: 4 };
    tokio::time::advance(5 * SECOND - Duration::from_millis(1)).await;
    assert_eq!(ask(&limits, &host).await.unwrap_err(), down);
    tokio::time::advance(Duration::from_millis(1)).await;
    // Given up: the next one may see.
    drop(now_or_panic(&limits, &host));
    let probe = now_or_panic(&limits, &host);
    assert_eq!(ask(&limits, &host).await.unwrap_err(), down);
    probe.failed(&NetFault::ConnectRefused);
    tokio::time::advance(9 * SECOND).await;
    assert_eq!(ask(&limits, &host).await.unwrap_err(), down);
    tokio::time::advance(SECOND).await;
    answer(now_or_panic(&limits, &host), 500);
    let _free: Vec<_> = (0..4).map(|_| now_or_panic(&limits, &host)).collect();
}

#[tokio::test(start_paused = true)]
async fn a_pace_is_kept_by_waiting_without_a_permit() {
    let host = host(1);
    let paces = HashMap::from([(host.clone(), NonZeroU32::new(20).unwrap())]);
    let limits = Limits::new(LimitPolicy { paces, ..policy(16, 1) });
    let started = tokio::time::Instant::now();
    let mut seconds = Vec::new();
    for _ in 0..6 {
        answer(ask(&limits, &host).await.unwrap(), 200);
        seconds.push(started.elapsed().as_secs());
    }
    assert_eq!(seconds, [0, 0, 0, 3, 6, 10]);
    let _waits = ask(&limits, &host);
    now_or_panic(&limits, &self::host(2));
}

#[tokio::test(start_paused = true)]
async fn what_was_granted_to_one_who_left_goes_to_the_next() {
    let limits = limits(1, 1);
    let host = host(1);
    let held = now_or_panic(&limits, &host);
    let mut gone = ask(&limits, &host);
    let mut granted = ask(&limits, &host);
    let mut next = ask(&limits, &host);
    for one in [&mut gone, &mut granted, &mut next] {
        assert!(one.as_mut().now_or_never().is_none());
    }
    drop(gone);
    drop(held);
    // It has its permit, but has not looked.
    drop(granted);
    assert!(next.now_or_never().is_some());
    assert_eq!(in_flight(&limits), 0);
}

#[tokio::test(start_paused = true)]
async fn hosts_that_told_of_a_quota_are_listed_and_pulls_are_kept_back() {
    let host = host(1);
    let limits = Limits::new(LimitPolicy { reserve: Some(10), ..policy(16, 16) });
    let mut permit = limits.acquire(&host, Kind::Pull).await.unwrap();
    let quota = Some(QuotaReport { limit: 100, remaining: 10, window: Some(60 * SECOND) });
    permit.answered(&Answered { status: 200, latency: SECOND, retry_after: None, quota });
    let kept = Shut::Reserved { remaining: 10, reserve: 10 };
    assert_eq!(limits.acquire(&host, Kind::Pull).await.unwrap_err(), kept);
    now_or_panic(&limits, &host);
    now_or_panic(&limits, &self::host(2));
    let told = Quota { host: "127.0.0.1:1".into(), limit: 100, remaining: 10, window: Some(60 * SECOND) };
    assert_eq!(limits.quotas(), [told]);
}

/// Whatever hosts do and askers give up, everybody gets an end, and every place comes back.
#[tokio::test(start_paused = true)]
async fn no_asker_is_forgotten_and_no_place_is_lost() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let limits = Limits::new(LimitPolicy {
            paces: HashMap::from([(host(3), NonZeroU32::new(6_000).unwrap())]),
            reserve: Some(5),
            ..policy(8, 1 + random.usize(..12))
        });
        let most = Arc::new(AtomicUsize::new(0));
        let mut askers = JoinSet::new();
        for asker in 0..500u16 {
            let (limits, most, mut random) = (limits.clone(), Arc::clone(&most), random.fork());
            askers.spawn(async move {
                let host = host(asker % 5);
                let kind = if random.bool() { Kind::Pull } else { Kind::Other };
                // Half of them give up; the others must get an end.
                let patience = Duration::from_millis(random.u64(1..20_000));
                let patience = if random.bool() { patience } else { Duration::MAX };
                let Ok(end) = tokio::time::timeout(patience, limits.acquire(&host, kind)).await else {
                    return;
                };
                let Ok(mut permit) = end else { return };
                most.fetch_max(in_flight(&limits), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(random.u64(..50))).await;
                match (asker % 5, random.u8(..10)) {
                    (_, 0) => drop(permit),
                    (1, 1) => permit.failed(&NetFault::ConnectRefused),
                    (2, 1..4) => permit.failed(&SILENCE),
                    (number, chance) => {
                        let status = if number == 4 && chance == 9 { 503 } else { 200 };
                        let quota = Some(QuotaReport { limit: 100, remaining: 20, window: None });
                        let latency = Duration::from_millis(random.u64(..50));
                        permit.answered(&Answered { status, latency, retry_after: None, quota });
                        tokio::time::sleep(Duration::from_millis(random.u64(..20))).await;
                    }
                }
            });
        }
        let all = async {
            while let Some(end) = askers.join_next().await {
                end.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(86_400), all).await.expect("everybody gets an end");
        let state = lock(&limits.0);
        assert_eq!(state.total, 0, "seed {seed}");
        assert!(state.lanes.iter().all(|lane| lane.host.in_flight() == 0), "seed {seed}");
        assert!(most.load(Ordering::Relaxed) <= state.policy.all, "seed {seed}");
    }
}
