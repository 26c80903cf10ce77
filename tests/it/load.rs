//! Many images, and hosts that are slow, silent, angry or gone: what is asked of them, and that nothing is lost.
//!
//! How windows, cool-downs and circuits work is tested beside them, with paused time. Here the whole
//! program runs, and a registry's own count says what it was asked; times are only ever "not sooner than".

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use registry_check::credentials::{self, Environment, Sources};
use registry_check::demo::{Behaviour, Failure, Image, Registry, Scope, Store, Times, TokenRules, content};
use registry_check::inputs::{self, Source};
use registry_check::mirrors::{self, MirrorSpec, UpstreamSpec};
use registry_check::model::code::Code;
use registry_check::model::depth::Depth;
use registry_check::model::evidence::Evidence;
use registry_check::model::plan::Plan;
use registry_check::net::authority::{LimitPolicy, Limits};
use registry_check::net::client::{Client, Timeouts};
use registry_check::net::retry::RetryPolicy;
use registry_check::net::tls::{Policies, TlsOptions};
use registry_check::plan;
use registry_check::probe::oci::Registries;
use registry_check::probe::schedule::{self, Event, Means};
use registry_check::verdict;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::support::tool::{Output, Tool};

/// Long enough for any answer of a registry in this process.
const FIRST_BYTE: &str = "3s";

/// The same image under many names.
pub(crate) struct World {
    images: usize,
    image: Image,
    pub(crate) upstream: Registry,
    pub(crate) mirrors: Vec<Registry>,
}

impl World {
    pub(crate) fn new(images: usize, mirrors: usize) -> Self {
        let image = content::image("load", "linux/amd64");
        let mut store = Store::new();
        (0..images).for_each(|at| store.put(&format!("team/app{at}"), "v1", &image));
        let start = || Registry::start(store.clone()).unwrap();
        Self { images, upstream: start(), mirrors: (0..mirrors).map(|_| start()).collect(), image }
    }

    pub(crate) fn list(&self) -> String {
        (0..self.images).map(|at| format!("team/app{at}:v1\n")).collect()
    }

    pub(crate) fn config(&self, mirror_settings: &str) -> String {
        let mut text = format!("[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n", self.upstream.url());
        for (at, mirror) in self.mirrors.iter().enumerate() {
            text +=
                &format!("[[mirrors]]\nname = \"m{at}\"\nurl = \"{}\"\n{mirror_settings}\n", mirror.url());
        }
        text
    }

    pub(crate) fn check(&self, args: &[&str]) -> Report {
        self.check_with("", args)
    }

    fn check_with(&self, mirror_settings: &str, args: &[&str]) -> Report {
        let tool = Tool::new()
            .file("registry-check.toml", self.config(mirror_settings))
            .file("images.txt", self.list());
        Report::of(tool.args(["images.txt", "-f", "json"]).args(args).run())
    }
}

pub(crate) struct Report {
    pub(crate) json: Value,
    pub(crate) output: Output,
}

impl Report {
    pub(crate) fn of(output: Output) -> Self {
        let json = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        Self { json, output }
    }

    pub(crate) fn results(&self, mirror: &str) -> Vec<&Value> {
        let all = self.json["results"].as_array().unwrap();
        all.iter().filter(|result| result["mirror"] == *mirror).collect()
    }

    /// How many results of `mirror` have this code.
    pub(crate) fn count(&self, mirror: &str, code: &str) -> usize {
        self.results(mirror).iter().filter(|result| result["code"] == *code).count()
    }

    /// The results of `mirror` that were not asked for, which all give the same reason.
    pub(crate) fn not_asked(&self, mirror: &str) -> (usize, String) {
        let results = self.results(mirror).into_iter().filter(|result| result["attempts"] == 0);
        let reasons: Vec<_> = results.map(|result| result["reason"].as_str().unwrap()).collect();
        assert!(reasons.windows(2).all(|pair| pair[0] == pair[1]), "{reasons:?}");
        (reasons.len(), reasons.first().copied().unwrap_or_default().to_owned())
    }
}

#[test]
fn a_silent_mirror_among_three_is_asked_four_times_however_many_images_there_are() {
    for images in [10, 400] {
        let world = World::new(images, 3);
        world.mirrors[1].set_behaviour(Scope::All, Behaviour::Silent);
        let report = world.check(&["--first-byte-timeout", FIRST_BYTE]);
        assert_eq!(world.mirrors[1].manifest_hits("HEAD"), 4);
        assert_eq!(report.count("m1", "timeout-first-byte"), images);
        let (not_asked, reason) = report.not_asked("m1");
        assert_eq!(not_asked, images - 4);
        let host = world.mirrors[1].authority();
        assert_eq!(reason, format!("{host}: connected, but no answer within {FIRST_BYTE}"));
        for healthy in ["m0", "m2"] {
            assert_eq!(report.count(healthy, "digest-equal"), images);
        }
        assert_eq!(report.output.code, Some(3), "{}", report.output.stderr);
    }
}

#[test]
fn a_mirror_that_is_slow_and_then_silent_costs_one_window() {
    let world = World::new(300, 1);
    let slow = Behaviour::Delay(Duration::from_millis(300));
    world.mirrors[0].set_behaviour_times(Scope::All, slow, Times::First(4));
    world.mirrors[0].set_behaviour_times(Scope::All, Behaviour::Silent, Times::After(4));
    let report = world.check(&["--first-byte-timeout", FIRST_BYTE]);
    let hits = world.mirrors[0].manifest_hits("HEAD");
    assert!((8..=20).contains(&hits), "{hits}");
    assert_eq!(report.count("m0", "digest-equal"), 4);
    assert_eq!(report.count("m0", "timeout-first-byte"), 296);
}

#[test]
fn ten_thousand_questions_to_a_mirror_that_dies_half_way_all_have_an_answer() {
    let world = World::new(10_000, 1);
    world.mirrors[0].set_behaviour_times(Scope::All, Behaviour::Silent, Times::After(5_000));
    let report = world.check(&["--first-byte-timeout", FIRST_BYTE]);
    assert_eq!(report.json["results"].as_array().unwrap().len(), 20_000);
    assert_eq!(report.count("docker.io", "served"), 10_000);
    assert_eq!(report.count("m0", "digest-equal"), 5_000);
    assert_eq!(report.count("m0", "timeout-first-byte"), 5_000);
    let hits = world.mirrors[0].manifest_hits("HEAD");
    assert!((5_004..=5_032).contains(&hits), "{hits}");
    assert_eq!(report.json["summary"]["by_status"], serde_json::json!({"ok": 5_000, "unreachable": 5_000}));
}

#[test]
fn a_closed_port_is_knocked_at_four_times() {
    let world = World::new(200, 1);
    let closed = registry_check::demo::ClosedPort::take().unwrap();
    let config =
        format!("{}[[mirrors]]\nname = \"dead\"\nurl = \"http://{}\"\n", world.config(""), closed.addr());
    let tool = Tool::new().file("registry-check.toml", &config).file("images.txt", world.list());
    let report = Report::of(tool.args(["images.txt", "-f", "json"]).run());
    assert_eq!(report.count("dead", "connect-refused"), 200);
    assert_eq!(report.not_asked("dead").0, 196);
    assert_eq!(report.count("m0", "digest-equal"), 200);
}

#[test]
fn a_silent_token_service_is_asked_once_in_a_while_and_the_registry_is_not_to_blame() {
    let world = World::new(100, 0);
    let service = Registry::start(Store::new()).unwrap();
    world.upstream.require_token_of(&service, TokenRules::default());
    service.set_behaviour(Scope::Token, Behaviour::Silent);
    let report = world.check(&["--first-byte-timeout", FIRST_BYTE]);
    assert_eq!(report.count("docker.io", "timeout-first-byte"), 100);
    // One exchange for those that were in flight, however many repositories it was to be for.
    assert!((1..=4).contains(&service.hits_to("/token")), "{}", service.hits_to("/token"));
    for result in report.results("docker.io") {
        assert_eq!(result["attempts"], 1, "the registry itself was asked: {result}");
        let named = format!("the token service {} of docker.io: ", service.authority());
        assert!(result["reason"].as_str().unwrap().starts_with(&named), "{result}");
    }
}

#[test]
fn a_429_is_waited_for_and_then_everything_is_answered() {
    let world = World::new(100, 1);
    let throttled = Behaviour::Status(Failure::throttled(Some("0")));
    world.mirrors[0].set_behaviour_times(Scope::All, throttled, Times::First(1));
    let report = world.check(&[]);
    assert_eq!(report.count("m0", "digest-equal"), 100);
    assert_eq!(world.mirrors[0].manifest_hits("HEAD"), 101);
    let hits = world.mirrors[0].hits();
    let refused = hits.iter().find(|hit| hit.status == Some(429)).unwrap();
    assert!(hits.last().unwrap().at - refused.at >= Duration::from_secs(1));
}

#[test]
fn a_host_that_goes_on_throttling_is_left_alone_after_two_cool_downs() {
    let world = World::new(200, 2);
    world.mirrors[0].set_behaviour(Scope::All, Behaviour::Status(Failure::throttled(None)));
    let report = world.check(&[]);
    let hits = world.mirrors[0].manifest_hits("HEAD");
    assert!((3..=7).contains(&hits), "{hits}");
    assert_eq!(report.count("m0", "rate-limited"), 200);
    let (not_asked, reason) = report.not_asked("m0");
    // Who was refused may be the one to try again.
    assert!((200 - hits..200).contains(&not_asked), "{not_asked}");
    let host = world.mirrors[0].authority();
    assert_eq!(reason, format!("{host} is still throttling after 2 cool-downs; not asked"));
    assert_eq!(report.count("m1", "digest-equal"), 200);
}

#[test]
fn a_host_that_asks_to_wait_an_hour_is_left_alone_at_once() {
    let world = World::new(50, 1);
    world.mirrors[0].set_behaviour(Scope::All, Behaviour::Status(Failure::throttled(Some("3600"))));
    let report = world.check(&[]);
    let hits = world.mirrors[0].manifest_hits("HEAD");
    assert!((1..=4).contains(&hits), "{hits}");
    assert_eq!(report.count("m0", "rate-limited"), 50);
    let host = world.mirrors[0].authority();
    assert_eq!(report.not_asked("m0").1, format!("{host} is throttling and asks to wait 3600s; not asked"));
}

#[test]
fn no_host_has_more_on_the_wire_than_its_window() {
    let world = World::new(200, 2);
    let delay = Behaviour::Delay(Duration::from_millis(20));
    world.mirrors.iter().for_each(|mirror| mirror.set_behaviour(Scope::All, delay.clone()));
    let report = world.check(&["--per-host", "6", "--concurrency", "9"]);
    assert_eq!(report.json["summary"]["by_status"]["ok"], 400);
    for mirror in &world.mirrors {
        assert!((2..=6).contains(&mirror.most_at_once()), "{}", mirror.most_at_once());
        // A connection that is made may come too late for the request that wanted it.
        assert!(mirror.connections() <= 60, "{} connections for 200 requests", mirror.connections());
    }
}

#[test]
fn a_configured_pace_is_kept() {
    let world = World::new(10, 1);
    let start = tokio::time::Instant::now();
    let report = world.check_with("requests_per_minute = 1200", &[]);
    assert_eq!(report.count("m0", "digest-equal"), 10);
    let last = world.mirrors[0].hits().last().unwrap().at;
    // Three at once, then one each 60 s / 1198.
    assert!(last - start >= Duration::from_millis(7 * 50), "{:?}", last - start);
}

#[test]
fn two_names_of_one_request_are_asked_once() {
    let image = content::image("twin", "linux/amd64");
    let mut store = Store::new();
    store.put("team/app", "v1", &image);
    let [hub, quay, mirror] = [0; 3].map(|_| Registry::start(store.clone()).unwrap());
    let config = format!(
        "[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n[[registries]]\nname = \"quay.io\"\nurl = \"{}\"\n\
         [[mirrors]]\nname = \"m\"\nurl = \"{}\"\nfor = [\"docker.io\", \"quay.io\"]\n",
        hub.url(),
        quay.url(),
        mirror.url()
    );
    let digest = image.digest();
    let list = format!(
        "team/app:v1\nquay.io/team/app:v1\nteam/app@{digest}\nquay.io/team/app@{digest}\nteam/app:v1@{digest}\n"
    );
    let tool = Tool::new().file("registry-check.toml", &config).file("images.txt", &list);
    let report = Report::of(tool.args(["images.txt", "-f", "json"]).run());
    assert_eq!(report.count("m", "digest-equal"), 5);
    assert_eq!(mirror.hits_to("/v2/team/app/manifests/v1"), 1);
    assert_eq!(mirror.hits_to(&format!("/v2/team/app/manifests/{digest}")), 1);
    assert_eq!(hub.manifest_hits("HEAD"), 2);
    assert_eq!(quay.manifest_hits("HEAD"), 2);
}

fn tell_quota(registry: &Registry, limit: &str, remaining: &str) {
    for (name, value) in [
        ("ratelimit-limit", limit),
        ("ratelimit-remaining", remaining),
        ("docker-ratelimit-source", "203.0.113.7"),
    ] {
        let (name, value) = (name.to_owned(), value.to_owned());
        registry.set_behaviour(Scope::All, Behaviour::Header { name, value });
    }
}

#[test]
fn what_is_left_of_a_pull_quota_is_told_without_whose_it_is() {
    let world = World::new(5, 1);
    tell_quota(&world.upstream, "100;w=21600", "9;w=21600");
    let report = world.check(&[]);
    let host = world.upstream.authority();
    assert_eq!(
        report.json["summary"]["quotas"],
        serde_json::json!([{"host": host, "limit": 100, "remaining": 9, "window_seconds": 21_600}])
    );
    assert_eq!(report.output.stderr.lines().next(), Some(&*format!("warn: {host} has 9 of 100 pulls left")));
    assert!(!report.output.stdout.contains("203.0.113.7"));
}

#[test]
fn pulls_stop_at_the_reserve_and_what_was_not_asked_is_undecided() {
    let world = World::new(20, 0);
    tell_quota(&world.upstream, "100", "10");
    let report = world.check(&["--depth", "manifest", "--reserve", "10"]);
    assert_eq!(world.upstream.manifest_hits("GET"), 1);
    assert_eq!(report.count("docker.io", "pull-quota-reserved"), 19);
    let host = world.upstream.authority();
    let why = format!("{host} has 10 pulls left, and 10 are to be kept; not asked");
    assert_eq!(report.not_asked("docker.io"), (19, why.clone()));
    let results = report.results("docker.io");
    let served = results.iter().find(|result| result["code"] == "served").unwrap();
    assert_eq!(
        served["notes"],
        serde_json::json!([format!("the tag's digest was not asked for; could not look closer: {why}")])
    );
    assert_eq!(report.output.code, Some(3), "{}", report.output.stderr);
}

#[test]
fn a_reserve_keeps_heads_going_and_only_spares_the_closer_look() {
    let world = World::new(3, 1);
    tell_quota(&world.upstream, "100", "10");
    let other = content::image("other", "linux/amd64");
    world.mirrors[0].store().put("team/app1", "v1", &other);
    let report = world.check(&["--reserve", "10"]);
    assert_eq!(world.upstream.manifest_hits("GET"), 0);
    assert_eq!((report.count("m0", "digest-equal"), report.count("m0", "digest-differs")), (2, 1));
    let results = report.results("m0");
    let stale = results.iter().find(|result| result["code"] == "digest-differs").unwrap();
    let reason = stale["reason"].as_str().unwrap();
    let host = world.upstream.authority();
    assert!(
        reason.ends_with(&format!(
            "; could not look closer: {host} has 10 pulls left, and 10 are to be kept; not asked"
        )),
        "{reason}"
    );
    assert_eq!(stale["digest"], other.digest().to_string());
    assert_eq!(stale["expected_digest"], world.image.digest().to_string());
}

#[test]
fn a_low_limit_on_open_files_lowers_the_load_and_says_so() {
    let world = World::new(60, 1);
    let delay = Behaviour::Delay(Duration::from_millis(20));
    world.mirrors[0].set_behaviour(Scope::All, delay);
    let tool = Tool::with_open_files(72)
        .file("registry-check.toml", world.config(""))
        .file("images.txt", world.list());
    let report = Report::of(tool.args(["images.txt", "-f", "json", "--per-host", "64"]).run());
    assert_eq!(report.count("m0", "digest-equal"), 60);
    assert!(world.mirrors[0].most_at_once() <= 8, "{}", world.mirrors[0].most_at_once());
    assert_eq!(
        report.output.stderr.lines().next(),
        Some("warn: the limit on open files leaves room for 8 requests at once, not 256 (see ulimit -n)")
    );
}

/// Registries that are asked through a client of their own.
fn registries() -> Arc<Registries> {
    let limits = Limits::new(LimitPolicy {
        per_authority: 4,
        all: 6,
        paces: HashMap::new(),
        reserve: None,
        max_retry_after: Duration::from_secs(30),
    });
    let timeouts = Timeouts { first_byte: Duration::from_secs(1), ..Timeouts::default() };
    let client =
        Arc::new(Client::new(timeouts, limits, Policies::load(&TlsOptions::default()).unwrap(), 4).unwrap());
    let retry = RetryPolicy { base: Duration::from_millis(1), ..RetryPolicy::default() };
    let sources = Sources::new(credentials::Options::default(), &Environment::default()).unwrap();
    Arc::new(Registries::new(client, retry, Arc::new(sources), None))
}

/// What a run is asked with.
fn means(registries: Arc<Registries>) -> Means {
    Means { registries, budget: None, workers_per_authority: 4 }
}

/// The images of `list` at the upstream and mirrors of `world`.
fn planned(world: &World, list: &str, depth: Depth) -> Arc<Plan> {
    let specs = world.mirrors.iter().map(|mirror| MirrorSpec { url: mirror.url(), ..MirrorSpec::default() });
    let upstream = UpstreamSpec {
        name: "docker.io".to_owned(),
        url: Some(world.upstream.url()),
        ..UpstreamSpec::default()
    };
    let map = mirrors::build(specs.collect(), vec![upstream]).unwrap();
    let inputs = inputs::read(&[Source::Stdin], list.as_bytes(), &inputs::Options::default()).unwrap();
    Arc::new(plan::expand(inputs.images, &map, depth).unwrap())
}

#[test]
fn batches_of_a_list_that_does_not_end_keep_tokens_and_get_new_ones_together() {
    let world = World::new(32, 0);
    world.upstream.require_token(TokenRules::default());
    let list = world.list();
    let lines: Vec<_> = list.lines().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let registries = registries();
    // What is sent again needs no new token; sixteen new names need one.
    for (batch, exchanges) in [(0..16, 1), (0..16, 1), (16..32, 2), (8..24, 2)] {
        let plan = planned(&world, &lines[batch].join("\n"), Depth::Head);
        registries.expect(&plan);
        let mut done = 0;
        let at_each = |event| done += usize::from(matches!(event, Event::Done { .. }));
        let never = Box::pin(std::future::pending());
        runtime.block_on(schedule::run(plan, means(Arc::clone(&registries)), never, at_each));
        assert_eq!((done, world.upstream.hits_to("/token")), (16, exchanges));
    }
}

#[test]
fn batches_that_overlap_get_their_tokens_together() {
    let world = World::new(32, 0);
    world.upstream.require_token(TokenRules::default());
    let list = world.list();
    let lines: Vec<_> = list.lines().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let registries = registries();
    let plans = [0..16, 16..32].map(|batch| planned(&world, &lines[batch].join("\n"), Depth::Head));
    plans.iter().for_each(|plan| registries.expect(plan));
    let runs = plans.map(|plan| {
        let never = Box::pin(std::future::pending());
        schedule::run(plan, means(Arc::clone(&registries)), never, |_| {})
    });
    runtime.block_on(futures::future::join_all(runs));
    // Sixteen names each, however they come.
    assert_eq!(world.upstream.hits_to("/token"), 2);
}

/// Runs a plan until so many answers came, and gives back what was handed over of each image.
async fn interrupted_after(world: &World, plan: &Arc<Plan>, answers: usize) -> Vec<Vec<Evidence>> {
    let registries = registries();
    let (stop, stopped) = oneshot::channel();
    let mut stop = Some(stop);
    let mut seen = 0;
    let mut handed_over = vec![Vec::new(); world.images];
    let cancel = Box::pin(async move {
        let _sent = stopped.await;
    });
    if answers == 0
        && let Some(stop) = stop.take()
    {
        stop.send(()).unwrap();
    }
    let at_each = |event: Event| {
        match event {
            Event::Answered { .. } => seen += 1,
            Event::Done { image, evidence } => handed_over[image as usize].push(*evidence),
        }
        if seen >= answers
            && let Some(stop) = stop.take()
        {
            // Nobody listens any more when the last image is done.
            let _late = stop.send(());
        }
    };
    schedule::run(Arc::clone(plan), means(registries), cancel, at_each).await;
    handed_over
}

#[test]
fn an_interruption_at_any_moment_leaves_each_image_with_all_its_results() {
    let world = World::new(12, 2);
    // Something to be asked twice, something to wait for, and somebody who never answers.
    world.mirrors[0].store().put("team/app3", "v1", &content::image("other", "linux/amd64"));
    let unavailable = Behaviour::Status(Failure::text(503, "text/plain", "busy"));
    world.mirrors[0].set_behaviour(Scope::repository("team/app5"), unavailable);
    world.mirrors[1].set_behaviour_times(Scope::All, Behaviour::Silent, Times::After(6));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let shallow = (0..=26).map(|answers| (Depth::Head, answers));
    for (depth, answers) in shallow.chain([(Depth::Blobs, 20), (Depth::Blobs, 45), (Depth::Blobs, 70)]) {
        let plan = planned(&world, &world.list(), depth);
        let handed_over = runtime.block_on(interrupted_after(&world, &plan, answers));
        let mut known = 0;
        for (at, evidences) in handed_over.iter().enumerate() {
            let [evidence] = &evidences[..] else {
                panic!("image {at} was handed over {} times, stopped after {answers}", evidences.len())
            };
            let codes =
                [verdict::upstream(evidence), verdict::mirror(evidence, 0), verdict::mirror(evidence, 1)];
            known += codes.iter().filter(|verdict| verdict.code != Code::Interrupted).count();
        }
        assert!(depth > Depth::Head || known + 4 >= answers, "{known} of {answers} answers are told");
    }
}
