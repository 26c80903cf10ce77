use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use proptest::prelude::*;
use time::macros::{date, datetime};
use time::{Date, OffsetDateTime};
use url::Url;

use super::*;
use crate::model::endpoint::{Accepts, Authority, Namespace};
use crate::model::rewrite::Rewrite;
use crate::model::run::{Cost, Ending, Verdict};
use crate::model::scope::{Part, Shard};

const TODAY: Date = date!(2025 - 03 - 09);
const EARLIER: OffsetDateTime = datetime!(2025-03-08 8:00 UTC);
const MIRRORS: [&str; 3] = ["a", "b", "c"];

fn endpoint(name: &str, role: Role) -> Arc<Endpoint> {
    let url = Url::parse(&format!("https://{name}.example")).unwrap();
    Arc::new(Endpoint {
        name: name.into(),
        api_root: format!("https://{name}.example/v2").into(),
        authority: Authority::of(&url).unwrap(),
        url,
        role,
        rewrite: Rewrite::default(),
        namespace: Namespace::Auto,
        accepts: Accepts::All,
        seen: None,
    })
}

/// Images `i0`, `i1`, …; of each what the mirrors `a`, `b`, `c` said, or upstream alone where the list is empty.
fn run(images: &[Vec<Code>]) -> Run {
    let mut endpoints: Vec<_> = MIRRORS.iter().map(|name| endpoint(name, Role::Mirror)).collect();
    endpoints.push(endpoint("docker.io", Role::Upstream));
    let mut results = Vec::new();
    for (image, codes) in (0..).zip(images) {
        let mut push = |endpoint, counts, code| {
            results.push(CheckResult {
                image,
                endpoint,
                counts,
                verdict: Verdict { code, reason: "".into(), digest: None, expected: None },
                url: None,
                media_type: None,
                http_status: None,
                latency: Some(Duration::from_millis(u64::from(image) * 10)),
                attempts: 1,
                checked_at: EARLIER,
                notes: Vec::new(),
                anatomy: None,
                age: None,
                referrers: None,
            });
        };
        let counts = if codes.is_empty() { Counts::ForGate } else { Counts::ShownOnly };
        push(3, counts, Code::Served);
        (0..).zip(codes).for_each(|(mirror, code)| push(mirror, Counts::ForGate, *code));
    }
    Run {
        started_at: EARLIER,
        finished_at: EARLIER,
        duration: Duration::ZERO,
        ending: Ending::Complete,
        endpoints,
        images: (0..images.len()).map(|at| Arc::new(format!("i{at}").parse().unwrap())).collect(),
        places: Vec::new(),
        results,
        cost: Cost::default(),
        quotas: Vec::new(),
        hosts: Vec::new(),
        scope: Default::default(),
    }
}

fn exception(image: Option<&str>, mirror: Option<&str>, level: Level) -> Exception {
    Exception {
        image: image.map(Glob::new),
        mirror: mirror.map(Into::into),
        what: None,
        level,
        reason: "known".into(),
        expires: TODAY,
        place: "c.toml:1".into(),
    }
}

fn artifact(image: usize) -> Box<str> {
    format!("docker.io/library/i{image}:latest").into()
}

/// What an earlier run said of image and mirror.
fn baseline(problems: &[(usize, &str, Status)]) -> Baseline {
    let problems = problems.iter().map(|(image, mirror, status)| {
        let key = Key { artifact: artifact(*image), mirror: (*mirror).into(), role: Role::Mirror };
        (key, Problem { status: *status, code: "x".into(), since: datetime!(2025-01-01 0:00 UTC) })
    });
    Baseline {
        taken_at: EARLIER,
        images: (0..9).map(artifact).collect(),
        mirrors: BTreeSet::new(),
        problems: problems.collect(),
        paces: BTreeMap::new(),
        vantages: BTreeSet::new(),
        unasked: BTreeSet::new(),
    }
}

fn judged(policy: &Policy, baseline: Option<&Baseline>, run: &Run) -> Decision {
    decide(&Terms { policy, baseline }, run)
}

const OK: Code = Code::DigestEqual;
const OLD: Code = Code::DigestDiffers;
const GONE: Code = Code::ManifestUnknown;
const DOWN: Code = Code::ConnectRefused;

#[test]
fn requirements_count_what_may_still_pass() {
    let two = Require::AtLeast(NonZeroUsize::new(2).unwrap());
    let named = Require::Named(vec!["b".into(), "x".into()]);
    let stranger = Require::Named(vec!["x".into()]);
    for (codes, require, outcome) in [
        (vec![OK, Code::IndexReserialised], &Require::All, Outcome::Pass),
        (vec![OK, DOWN], &Require::All, Outcome::Undecided),
        (vec![DOWN, GONE], &Require::All, Outcome::Fail),
        (vec![OK, GONE], &Require::Any, Outcome::Pass),
        (vec![DOWN, GONE], &Require::Any, Outcome::Undecided),
        (vec![GONE, GONE], &Require::Any, Outcome::Fail),
        (vec![OK, OK, GONE], &two, Outcome::Pass),
        (vec![OK, DOWN, GONE], &two, Outcome::Undecided),
        (vec![OK, GONE, GONE], &two, Outcome::Fail),
        // Images without a mirror are asked at upstream alone.
        (vec![], &two, Outcome::Pass),
        (vec![], &named, Outcome::Pass),
        (vec![GONE, OK, DOWN], &named, Outcome::Pass),
        (vec![OK, DOWN, GONE], &named, Outcome::Undecided),
        // Nobody who is named stands in for this image: nothing is taken for granted.
        (vec![OK, GONE], &stranger, Outcome::Fail),
    ] {
        let policy = Policy { require: require.clone(), ..Policy::default() };
        let run = run(std::slice::from_ref(&codes));
        let decision = judged(&policy, None, &run);
        assert_eq!(decision.outcome, outcome, "{codes:?} {require:?}");
        assert_eq!(decide_image(&policy, &run.endpoints, &run.results), outcome);
    }
}

#[test]
fn groups_have_requirements_of_their_own() {
    let group = |mirrors: &[&str], require| Group {
        name: "g".into(),
        mirrors: mirrors.iter().map(|name| (*name).into()).collect(),
        require,
        place: "c.toml:1".into(),
    };
    let policy = Policy { groups: vec![group(&["a", "b"], Require::Any)], ..Policy::default() };
    for (codes, outcome) in [
        (vec![OK, GONE, OK], Outcome::Pass),
        (vec![GONE, GONE, OK], Outcome::Fail),
        (vec![OK, GONE, GONE], Outcome::Fail),
        (vec![GONE, DOWN, OK], Outcome::Undecided),
        (vec![OK, OK, DOWN], Outcome::Undecided),
        (vec![], Outcome::Pass),
    ] {
        assert_eq!(judged(&policy, None, &run(std::slice::from_ref(&codes))).outcome, outcome, "{codes:?}");
    }
}

#[test]
fn first_exception_that_matches_holds_and_an_unused_one_is_told() {
    let mut by_code = exception(None, Some("b"), Level::Pass);
    by_code.what = Some(What::Code(OLD));
    let exceptions = vec![
        exception(Some("i0"), Some("a"), Level::Warn),
        exception(Some("i0"), None, Level::Fail),
        by_code,
        exception(Some("i?"), Some("c"), Level::Pass),
    ];
    let policy = Policy { exceptions, ..Policy::default() };
    let run = run(&[vec![GONE, OK], vec![OK, OLD, OK]]);
    let decision = judged(&policy, None, &run);
    assert_eq!(decision.images, [Outcome::Fail, Outcome::Pass]);
    assert_eq!(decision.exceptions, [State::Applied(1), State::Applied(1), State::Applied(1), State::Unused]);
    let treated = decision.treated(&run.results[1]).unwrap();
    assert_eq!((treated.level, treated.exception), (Level::Warn, Some(0)));
    assert_eq!(decision.treated(&run.results[0]), None);
}

#[test]
fn a_shard_says_nothing_of_what_other_shards_may_have() {
    let policy = Policy { exceptions: vec![exception(Some("i9"), None, Level::Pass)], ..Policy::default() };
    let known = baseline(&[(0, "a", Status::Missing), (9, "a", Status::Missing)]);
    let mut run = run(&[vec![GONE]]);
    let of = |run: &Run| {
        let decision = judged(&policy, Some(&known), run);
        (decision.exceptions, decision.comparison.unwrap().gone.len())
    };
    assert_eq!(of(&run), (vec![State::Unused], 1));
    run.scope.part = Some(Part { shard: Shard::new(1, 2).unwrap(), places: Vec::new() });
    assert_eq!(of(&run), (vec![State::Applied(0)], 0));
}

#[test]
fn exception_holds_through_its_last_day() {
    let exception = exception(Some("i0"), None, Level::Pass);
    assert!(!exception.is_expired(TODAY.previous_day().unwrap()));
    assert!(!exception.is_expired(TODAY));
    assert!(exception.is_expired(TODAY.next_day().unwrap()));
}

#[test]
fn baseline_lets_pass_what_it_knows_and_nothing_else() {
    use Status::{Invalid, Missing, Stale, Unreachable};
    for (codes, require, known, outcome) in [
        (vec![OLD], Require::All, vec![(0, "a", Stale)], Outcome::Pass),
        (vec![OLD], Require::All, vec![(0, "b", Stale)], Outcome::Fail),
        (vec![OLD], Require::All, vec![(1, "a", Stale)], Outcome::Fail),
        // Another reason, or less bad: nothing new.
        (vec![Code::TagAbsent], Require::All, vec![(0, "a", Missing)], Outcome::Pass),
        (vec![OLD], Require::All, vec![(0, "a", Missing)], Outcome::Pass),
        (vec![Code::HtmlAnswer], Require::All, vec![(0, "a", Missing)], Outcome::Pass),
        (vec![GONE], Require::All, vec![(0, "a", Invalid)], Outcome::Pass),
        (vec![DOWN], Require::All, vec![(0, "a", Stale)], Outcome::Pass),
        (vec![Code::AccessDenied], Require::All, vec![(0, "a", Unreachable)], Outcome::Pass),
        // Worse.
        (vec![GONE], Require::All, vec![(0, "a", Stale)], Outcome::Fail),
        (vec![OLD], Require::All, vec![(0, "a", Unreachable)], Outcome::Fail),
        // Something new beside something known.
        (vec![OLD, GONE], Require::All, vec![(0, "a", Stale)], Outcome::Fail),
        (vec![OLD, DOWN], Require::All, vec![(0, "a", Stale)], Outcome::Undecided),
        (vec![GONE, OK], Require::Any, vec![(0, "a", Missing)], Outcome::Pass),
        // The image could be had from one of them, and now from none.
        (vec![GONE, GONE], Require::Any, vec![(0, "a", Missing)], Outcome::Fail),
        (vec![GONE, GONE], Require::Any, vec![(0, "a", Missing), (0, "b", Missing)], Outcome::Pass),
    ] {
        let policy = Policy { require: require.clone(), ..Policy::default() };
        let decision = judged(&policy, Some(&baseline(&known)), &run(std::slice::from_ref(&codes)));
        assert_eq!(decision.outcome, outcome, "{codes:?} {require:?} {known:?}");
    }
}

#[test]
fn a_problem_is_new_worse_or_known_by_both_statuses() {
    use Status::{Invalid, Missing, NotChecked, SameContent, ServerError, Stale, Unreachable, Unverified};
    let known = baseline(&[]);
    let since = datetime!(2025-01-01 0:00 UTC);
    let of = |was: Status, now: Status| {
        let problem = Problem { status: was, code: "x".into(), since };
        Change::of(&known, Some(&problem), now)
    };
    for (was, now) in
        [(SameContent, Stale), (Stale, Status::Incomplete), (Stale, Missing), (Status::Incomplete, Invalid)]
    {
        assert_eq!(of(was, now), Change::Worse { was, since: EARLIER }, "{was:?} {now:?}");
    }
    // Nobody knows whether these got worse: one of both was not found out.
    for (was, now) in
        [(SameContent, Unreachable), (Unverified, Stale), (ServerError, Missing), (Unverified, NotChecked)]
    {
        assert_eq!(of(was, now), Change::New { was: Some(was), since: EARLIER }, "{was:?} {now:?}");
    }
    for was in Status::ALL.into_iter().filter(|was| default_level(*was) >= Level::Undecided) {
        for now in Status::ALL.into_iter().filter(|now| default_level(*now) == Level::Undecided) {
            assert_eq!(of(was, now), Change::Known { was, since }, "{was:?} stays known while {now:?}");
        }
    }
    for now in Status::ALL.into_iter().filter(|now| *now != Status::Ok) {
        assert_eq!(Change::of(&known, None, now), Change::New { was: None, since: EARLIER }, "{now:?}");
    }
}

#[test]
fn comparison_tells_what_is_new_known_better_and_gone() {
    let first = datetime!(2025-01-01 0:00 UTC);
    let known = baseline(&[
        (0, "a", Status::Stale),
        (0, "b", Status::Missing),
        (1, "a", Status::Missing),
        (7, "a", Status::Stale),
    ]);
    let run = run(&[vec![OLD, OLD, GONE], vec![OK, OK, OK]]);
    let decision = judged(&Policy::default(), Some(&known), &run);
    let change = |result: usize| decision.treated(&run.results[result]).and_then(|treated| treated.change);
    assert_eq!(change(1), Some(Change::Known { was: Status::Stale, since: first }));
    assert_eq!(change(2), Some(Change::Known { was: Status::Missing, since: first }));
    assert_eq!(change(3), Some(Change::New { was: None, since: EARLIER }));
    assert_eq!(change(5), None);
    let comparison = decision.comparison.as_ref().unwrap();
    let better: Vec<_> = comparison.better.iter().map(|better| (better.result, better.was)).collect();
    assert_eq!(better, [(2, Status::Missing), (5, Status::Missing)]);
    let gone: Vec<_> = comparison.gone.iter().map(|key| &*key.artifact).collect();
    assert_eq!(gone, ["docker.io/library/i7:latest"]);
    assert_eq!(decision.images, [Outcome::Fail, Outcome::Pass]);
}

#[test]
fn what_a_run_left_out_is_as_the_baseline_before_it_has_it() {
    let early = baseline(&[(0, "a", Status::Missing), (1, "a", Status::Stale), (2, "a", Status::Unverified)]);
    let mut late = baseline(&[(1, "a", Status::Unverified), (2, "a", Status::Denied)]);
    late.mirrors = ["a".into()].into();
    late.taken_at += Duration::from_secs(60);
    late.unasked.insert(Key { artifact: artifact(0), mirror: "a".into(), role: Role::Mirror });
    let mut whole = early;
    whole.merge(late);
    let statuses: Vec<_> = whole.problems.values().map(|problem| problem.status).collect();
    assert_eq!(statuses, [Status::Missing, Status::Stale, Status::Denied]);
}

#[test]
fn slow_mirrors_fail_the_run_and_no_image() {
    let run = run(&vec![vec![OK]; 20]);
    let limit = |millis| Policy {
        latency: LatencyLimits { max: Some(Duration::from_millis(millis)), max_slowdown: None },
        ..Policy::default()
    };
    let slow = judged(&limit(179), None, &run);
    assert_eq!((slow.outcome, slow.count(Outcome::Pass)), (Outcome::Fail, 20));
    assert_eq!(slow.latency.len(), 1);
    assert_eq!((slow.latency[0].p95, slow.latency[0].ruling), (Duration::from_millis(180), Ruling::TooSlow));
    assert_eq!(judged(&limit(180), None, &run).outcome, Outcome::Pass);
    assert_eq!(judged(&Policy::default(), None, &run).latency, []);
}

#[test]
fn later_baseline_holds_where_both_have_asked() {
    let mut early =
        baseline(&[(0, "a", Status::Missing), (1, "a", Status::Missing), (1, "b", Status::Stale)]);
    early.images = [artifact(0), artifact(1)].into();
    early.mirrors = ["a".into(), "b".into()].into();
    let mut late = baseline(&[(2, "a", Status::Stale)]);
    late.images = [artifact(1), artifact(2)].into();
    late.mirrors = ["a".into()].into();
    late.taken_at += Duration::from_secs(60);
    let mut one = early.clone();
    one.merge(late.clone());
    let mut other = late.clone();
    other.merge(early);
    assert_eq!(one, other);
    let keys: Vec<_> = one.problems.keys().map(|key| (&*key.artifact, &*key.mirror)).collect();
    let name = artifact;
    assert_eq!(keys, [(&*name(0), "a"), (&*name(1), "b"), (&*name(2), "a")]);
    assert_eq!((one.images.len(), one.taken_at), (3, late.taken_at));
}

fn code() -> impl Strategy<Value = Code> {
    prop_oneof![3 => Just(OK), 5 => prop::sample::select(Code::ALL)]
}

fn level() -> impl Strategy<Value = Level> {
    prop::sample::select(vec![Level::Pass, Level::Warn, Level::Fail])
}

fn require() -> impl Strategy<Value = Require> {
    prop_oneof![
        Just(Require::All),
        Just(Require::Any),
        (1usize..4).prop_map(|number| Require::AtLeast(NonZeroUsize::new(number).unwrap())),
        prop::sample::subsequence(MIRRORS.to_vec(), 1..3)
            .prop_map(|names| Require::Named(names.into_iter().map(Into::into).collect())),
    ]
}

fn any_exception() -> impl Strategy<Value = Exception> {
    let image = prop::option::of(prop::sample::select(vec!["i0", "i?", "**", "i1", "x"]));
    let mirror = prop::option::of(prop::sample::select(MIRRORS.to_vec()));
    let what = prop::option::of(prop_oneof![
        code().prop_map(What::Code),
        prop::sample::select(Status::ALL.to_vec()).prop_map(What::Status),
    ]);
    (image, mirror, what, level())
        .prop_map(|(image, mirror, what, level)| Exception { what, ..exception(image, mirror, level) })
}

prop_compose! {
    fn any_policy()(
        require_rest in require(),
        require_group in require(),
        members in prop::sample::subsequence(MIRRORS.to_vec(), 0..4),
        levels in prop::collection::vec((prop::sample::select(Status::ALL.to_vec()), level()), 0..4),
        undecided in prop::option::of(level()),
        exceptions in prop::collection::vec(any_exception(), 0..4),
        max in prop::option::of(0u64..80),
        slowdown in prop::option::of(0u32..5_000),
    ) -> Policy {
        let mirrors: Vec<Box<str>> = members.into_iter().map(Into::into).collect();
        let group = Group { name: "g".into(), mirrors, require: require_group, place: "p".into() };
        let mut policy = Policy {
            require: require_rest,
            groups: vec![group],
            exceptions,
            latency: LatencyLimits {
                max: max.map(Duration::from_millis),
                max_slowdown: slowdown.map(Slowdown),
            },
            ..Policy::default()
        };
        levels.into_iter().for_each(|(status, level)| policy.set_level(status, level));
        undecided.into_iter().for_each(|level| policy.set_undecided(level));
        policy
    }
}

fn any_problems() -> impl Strategy<Value = Vec<(usize, &'static str, Status)>> {
    let status = prop::sample::select(Status::ALL.to_vec());
    let image = prop_oneof![0usize..4, 0usize..25];
    prop::collection::vec((image, prop::sample::select(MIRRORS.to_vec()), status), 0..12)
}

/// One way to accept more.
#[derive(Clone, Debug)]
enum More {
    Level(Status, Level),
    Undecided(Level),
    Require(Require),
    GroupRequire(Require),
    Exception(usize, Exception),
    Lower(usize, Level),
    Slower(u64),
    NoLimit,
    Slowdown(u32),
    Known(Vec<(usize, &'static str, Status)>),
}

fn more() -> impl Strategy<Value = More> {
    prop_oneof![
        (prop::sample::select(Status::ALL.to_vec()), level())
            .prop_map(|(status, level)| More::Level(status, level)),
        level().prop_map(More::Undecided),
        require().prop_map(More::Require),
        require().prop_map(More::GroupRequire),
        (0usize..4, any_exception()).prop_map(|(at, exception)| More::Exception(at, exception)),
        (0usize..4, level()).prop_map(|(at, level)| More::Lower(at, level)),
        (0u64..200).prop_map(More::Slower),
        Just(More::NoLimit),
        (0u32..9_000).prop_map(More::Slowdown),
        any_problems().prop_map(More::Known),
    ]
}

/// Whether what passes `strict` passes `lax`.
///
/// Named mirrors take all others out of account, so that `any` is not laxer: where the named one has failed
/// before, another that fails now is new for `any` and nothing to them.
fn is_laxer(lax: &Require, strict: &Require) -> bool {
    match (lax, strict) {
        (Require::Any, Require::AtLeast(_)) | (_, Require::All) => true,
        (Require::AtLeast(lax), Require::AtLeast(strict)) => lax <= strict,
        _ => lax == strict,
    }
}

impl More {
    /// Does it where it is accepting more.
    fn apply(self, policy: &mut Policy, known: &mut Option<Baseline>) {
        match self {
            Self::Level(status, level) if level < policy.level(status) => policy.set_level(status, level),
            Self::Undecided(level) if level < Level::Undecided => policy.set_undecided(level),
            Self::Require(require) if is_laxer(&require, &policy.require) => policy.require = require,
            Self::GroupRequire(require) if is_laxer(&require, &policy.groups[0].require) => {
                policy.groups[0].require = require;
            }
            Self::Exception(at, exception) if exception.level != Level::Fail => {
                policy.exceptions.insert(at.min(policy.exceptions.len()), exception);
            }
            Self::Lower(at, level) => {
                let exception = policy.exceptions.get_mut(at).filter(|exception| level < exception.level);
                exception.into_iter().for_each(|exception| exception.level = level);
            }
            Self::Slower(by) => {
                policy.latency.max = policy.latency.max.map(|max| max + Duration::from_millis(by));
            }
            Self::NoLimit => policy.latency = LatencyLimits::default(),
            Self::Slowdown(by) => {
                policy.latency.max_slowdown =
                    policy.latency.max_slowdown.map(|Slowdown(share)| Slowdown(share + by));
            }
            Self::Known(problems) => {
                let known = known.get_or_insert_with(|| baseline(&[]));
                for (key, problem) in baseline(&problems).problems {
                    let has_worse = known
                        .problems
                        .get(&key)
                        .is_some_and(|known| severity(known.status) >= severity(problem.status));
                    if !has_worse {
                        known.problems.insert(key, problem);
                    }
                }
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn accepting_more_never_fails_more(
        // Few, for what comes together at one image; or as many as times are judged from.
        images in prop_oneof![
            3 => prop::collection::vec(prop::collection::vec(code(), 0..4), 1..4),
            1 => prop::collection::vec(prop::collection::vec(code(), 0..4), 19..25),
        ],
        policy in any_policy(),
        known in prop::option::of((any_problems(), prop::option::of(0u64..150))),
        more in prop::collection::vec(more(), 1..5),
    ) {
        let run = run(&images);
        let mut known = known.map(|(problems, median)| {
            let mut known = baseline(&problems);
            let pace = median.map(|median| Pace { samples: 20, median: Duration::from_millis(median) });
            known.paces.extend(pace.map(|pace| ("a".into(), pace)));
            known
        });
        let before = judged(&policy, known.as_ref(), &run);
        let mut laxer = policy.clone();
        for step in more {
            step.apply(&mut laxer, &mut known);
            let after = judged(&laxer, known.as_ref(), &run);
            prop_assert!(after.outcome <= before.outcome, "{:?} > {:?} {:?}", after, before, laxer);
            for (image, (after, before)) in after.images.iter().zip(&before.images).enumerate() {
                prop_assert!(after <= before, "image {}: {:?}", image, laxer);
            }
        }
    }

    #[test]
    fn run_is_its_own_baseline(
        images in prop::collection::vec(prop::collection::vec(code(), 0..4), 0..8),
        require in require(),
    ) {
        let run = run(&images);
        let problems: Vec<_> = run.results.iter()
            .filter(|result| result.counts == Counts::ForGate && result.endpoint < 3)
            .map(|result| {
                (result.image as usize, MIRRORS[result.endpoint as usize], result.verdict.code.status())
            })
            .collect();
        let policy = Policy { require, ..Policy::default() };
        let decision = judged(&policy, Some(&baseline(&problems)), &run);
        prop_assert_eq!(decision.outcome, Outcome::Pass);
    }
}
