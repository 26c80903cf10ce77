//! Runs for the tests of every format: one small one in which each status occurs, and large ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use time::macros::{date, datetime};
use url::Url;

use super::view::View;
use super::{Format, TableStyle, render};
use crate::gate::{Baseline, Decision, Exception, Key, Level, Policy, Problem, Terms, What, decide};
use crate::model::anatomy::{Anatomy, Finding, PartKind, PlatformLine, PlatformState, Uncovered};
use crate::model::blob::Part;
use crate::model::code::Code;
use crate::model::depth::Depth;
use crate::model::digest::Digest;
use crate::model::dynamic::{Dynamic, DynamicNames};
use crate::model::endpoint::{Accepts, Authority, Endpoint, Namespace, Role};
use crate::model::manifest::MediaType;
use crate::model::origin::Origin;
use crate::model::rewrite::Rewrite;
use crate::model::run::{CheckResult, Cost, Counts, Ending, HostUse, Place, Quota, Run, Verdict};
use crate::model::scope::{List, Scope};
use crate::model::status::Status;

/// Everything that a [`View`] borrows.
pub(super) struct Fixture {
    pub(super) run: Run,
    pub(super) decision: Decision,
    pub(super) policy: Policy,
    pub(super) exit_code: u8,
}

impl Fixture {
    pub(super) fn new(run: Run, policy: Policy, exit_code: u8) -> Self {
        let terms = Terms { policy: &policy, baseline: None };
        let decision = decide(&terms, &run);
        Self { run, decision, policy, exit_code }
    }

    /// The report in this format.
    pub(super) fn told(&self, format: Format) -> String {
        let mut out = Vec::new();
        render(format, &self.view(), &TableStyle::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The report in a format that is JSON.
    pub(super) fn json(&self, format: Format) -> Value {
        serde_json::from_str(&self.told(format)).unwrap()
    }

    pub(super) fn view(&self) -> View<'_> {
        View {
            run: &self.run,
            decision: &self.decision,
            policy: &self.policy,
            exit_code: self.exit_code,
            tool_version: "0.1.0",
        }
    }
}

/// What a schema has against a document.
pub(super) fn faults(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::options().should_validate_formats(true).build(schema).unwrap();
    validator.iter_errors(document).map(|error| error.to_string()).collect()
}

/// What a server says that wants to take over the terminal, the page and the spreadsheet.
pub(super) const HOSTILE: &str = "=cmd|' /C calc'!A0 \u{1b}[2J\u{1b}]0;owned\u{7}\r\n| <script>alert(1)</script> `x` @octocat \u{202e}drowssap";

fn endpoint(name: &str, url: &str, role: Role) -> Arc<Endpoint> {
    let url = Url::parse(url).unwrap();
    Arc::new(Endpoint {
        name: name.into(),
        api_root: format!("{}/v2", url.as_str().trim_end_matches('/')).into(),
        authority: Authority::of(&url).unwrap(),
        url,
        role,
        rewrite: Rewrite::default(),
        namespace: Namespace::Auto,
        accepts: Accepts::All,
        seen: None,
    })
}

fn place(image: u32, input: &str, file: &str, line: u32) -> Place {
    Place { image, input: input.into(), origin: Origin::line(file.into(), line) }
}

/// The same in a file with documents and keys.
fn place_in(place: Place, document: u32, path: &str) -> Place {
    Place { origin: Origin { document: Some(document), path: Some(path.into()), ..place.origin }, ..place }
}

fn empty_run() -> Run {
    Run {
        started_at: datetime!(2025-03-09 08:00:00.125 UTC),
        finished_at: datetime!(2025-03-09 08:00:00.459 UTC),
        duration: Duration::from_micros(334_251),
        ending: Ending::Complete,
        scope: Scope::default(),
        endpoints: Vec::new(),
        images: Vec::new(),
        places: Vec::new(),
        results: Vec::new(),
        cost: Cost::default(),
        quotas: Vec::new(),
        hosts: Vec::new(),
    }
}

/// Adds a result for `image` at `endpoint`, with the details that its code implies.
fn push(run: &mut Run, image: u32, endpoint: u32, (code, reason): (Code, &str)) {
    let to = &run.endpoints[endpoint as usize];
    let name = &run.images[image as usize];
    let has_mirror = run.endpoints.iter().any(|other| other.role == Role::Mirror)
        && name.registry() != "registry.example.com:5000";
    let counts = if to.role == Role::Upstream && has_mirror { Counts::ShownOnly } else { Counts::ForGate };
    let upstream_digest = Digest::sha256(name.to_string().as_bytes());
    let status = code.status();
    let digest = match status {
        Status::Ok => Some(upstream_digest.clone()),
        Status::SameContent | Status::Unverified | Status::Stale | Status::Incomplete => {
            Some(Digest::sha256(to.name.as_bytes()))
        }
        _ => None,
    };
    let http_status = match status {
        Status::Missing => Some(404),
        Status::Denied => Some(403),
        Status::RateLimited => Some(429),
        Status::ServerError => Some(502),
        Status::Unreachable | Status::NotChecked => None,
        _ => Some(200),
    };
    let is_named = code != Code::NameNotExpressible;
    let url = to.manifest_url(name, name.repository(), name.manifest_ref());
    let result = CheckResult {
        image,
        endpoint,
        counts,
        verdict: Verdict {
            code,
            reason: reason.to_owned().into(),
            expected: digest.as_ref().filter(|_| to.role == Role::Mirror).map(|_| upstream_digest),
            digest,
        },
        url: is_named.then(|| url.into()),
        media_type: http_status.filter(|status| *status == 200).map(|_| MediaType::OciIndex),
        http_status,
        latency: http_status.map(|_| Duration::from_micros(12_000 + u64::from(image) * 1_345)),
        attempts: u32::from(is_named) + 2 * u32::from(status == Status::ServerError),
        checked_at: datetime!(2025-03-09 08:00:00.300 UTC),
        notes: Vec::new(),
        anatomy: None,
        age: None,
        referrers: None,
    };
    run.results.push(result);
}

/// Six images of three registries at three mirrors: every status occurs, one image is named twice, one
/// has no mirror, and two servers are hostile.
pub(super) fn all_statuses() -> Fixture {
    let mut run = empty_run();
    run.endpoints = vec![
        endpoint("daocloud", "https://m.daocloud.io", Role::Mirror),
        endpoint("內部鏡像", "https://mirror.corp.example:8443/hub", Role::Mirror),
        endpoint("quay-proxy", "http://127.0.0.1:5001", Role::Mirror),
        endpoint("docker.io", "https://registry-1.docker.io", Role::Upstream),
        endpoint("quay.io", "https://quay.io", Role::Upstream),
        endpoint("registry.example.com:5000", "https://registry.example.com:5000", Role::Upstream),
    ];
    let pinned =
        format!("acme/a-service-with-a-rather-long-name/backend:2025.01@{}", Digest::sha256(b"pinned"));
    let inputs = [
        "nginx:1.25",
        "bitnami/redis:7",
        "quay.io/prometheus/node-exporter:v1.8.0",
        &pinned,
        "registry.example.com:5000/internal/app:2",
        "quay.io/acme/gone:1",
    ];
    run.images = inputs.iter().map(|input| Arc::new(input.parse().unwrap())).collect();
    run.places = (0..).zip(inputs).map(|(at, input)| place(at, input, "images.txt", at + 1)).collect();
    let again = place(0, "docker.io/nginx:1.25", "deploy/compose.yaml", 12);
    run.places.insert(3, place_in(again, 2, "services.web.image"));
    run.cost = Cost { requests: 17, token_exchanges: 3, ..Cost::default() };
    run.scope.list = Some(List {
        fingerprint: Digest::sha256(b"list"),
        images: 6,
        mentions: 7,
        settings: Digest::sha256(b"settings"),
    });

    let html = format!("a web page ({HOSTILE}) stands where the manifest should be");
    for (image, endpoint, code, reason) in [
        (0, 3, Code::Served, "upstream's own answer"),
        (0, 0, Code::DigestEqual, "the digest is upstream's"),
        (0, 1, Code::DigestDiffers, "serves sha256:1111aaaa2222, upstream serves sha256:3333bbbb4444"),
        (1, 3, Code::RateLimited, "429: toomanyrequests: You have reached your pull rate limit."),
        (1, 0, Code::NothingToCompare, "upstream could not be asked (rate limited)"),
        (1, 1, Code::AccessDenied, HOSTILE),
        (2, 4, Code::Served, "upstream's own answer"),
        (2, 0, Code::ManifestUnknown, "404: manifest unknown"),
        (2, 1, Code::IndexReserialised, "the same images for the same platforms, in other bytes"),
        (2, 2, Code::DnsFailed, "name not resolved: no such host"),
        (3, 3, Code::Served, "upstream's own answer"),
        (3, 0, Code::HtmlAnswer, &html),
        (3, 1, Code::SinglePlatformCopy, "linux/amd64 alone, upstream has 5 platforms"),
        (4, 5, Code::Served, "upstream serves it; no mirror is configured for its registry"),
        (5, 4, Code::ManifestUnknown, "404: name unknown"),
        (5, 0, Code::ServerError, "502 to the end: bad gateway"),
        (5, 1, Code::NameNotExpressible, "'Corp/gone' is not a legal repository name"),
        (5, 2, Code::UpstreamLacksIt, "upstream answers 404"),
    ] {
        push(&mut run, image, endpoint, (code, reason));
    }
    run.results[1].notes.push("the tag now stands for another digest".to_owned());
    run.results[5].notes.push(HOSTILE.to_owned());
    Fixture::new(run, Policy::default(), 1)
}

/// So many images at two mirrors: the first is down, the second lacks every other image.
pub(super) fn many(images: u32) -> Fixture {
    let mut run = empty_run();
    run.endpoints = vec![
        endpoint("down", "https://down.example", Role::Mirror),
        endpoint("half", "https://half.example", Role::Mirror),
        endpoint("docker.io", "https://registry-1.docker.io", Role::Upstream),
    ];
    run.images = (0..images).map(|at| Arc::new(format!("acme/app-{at}:1").parse().unwrap())).collect();
    run.places = (0..images).map(|at| place(at, &format!("acme/app-{at}:1"), "images.txt", at + 1)).collect();
    for image in 0..images {
        push(&mut run, image, 2, (Code::Served, "upstream's own answer"));
        push(&mut run, image, 0, (Code::ConnectRefused, "connection refused: down.example:443"));
        let half = if image % 2 == 0 {
            (Code::DigestEqual, "the digest is upstream's")
        } else {
            (Code::ManifestUnknown, "404: manifest unknown")
        };
        push(&mut run, image, 1, half);
    }
    Fixture::new(run, Policy::default(), 1)
}

/// A policy under which every status fails, and every mirror by its times; with an exception that nothing needs.
pub(super) fn strict() -> Policy {
    let mut policy = Policy::default();
    Status::ALL.into_iter().for_each(|status| policy.set_level(status, Level::Fail));
    policy.exceptions = vec![Exception {
        image: None,
        mirror: Some("half".into()),
        what: Some(What::Status(Status::Missing)),
        level: Level::Fail,
        reason: "it fails all the same".into(),
        expires: date!(9999 - 12 - 31),
        place: "registry-check.toml:7".into(),
    }];
    policy.latency.max = Some(Duration::from_millis(1));
    policy
}

/// The same run, held against a baseline that has the problems of its first image.
pub(super) fn first_image_known(fixture: Fixture) -> Fixture {
    held_against(fixture, 0, |code| code)
}

/// Held against a baseline that has what is not `ok` of this image, as `was` tells of each code.
pub(super) fn held_against(fixture: Fixture, image: u32, was: impl Fn(Code) -> Code) -> Fixture {
    let Fixture { run, policy, exit_code, .. } = fixture;
    let name = run.images[image as usize].to_string();
    let is_of_it = |result: &&CheckResult| result.image == image;
    let problems =
        run.results.iter().filter(is_of_it).filter(|result| result.verdict.code.status() != Status::Ok);
    let problems = problems.map(|result| {
        let Endpoint { name: mirror, role, .. } = &*run.endpoints[result.endpoint as usize];
        let key = Key { artifact: name.as_str().into(), mirror: mirror.clone(), role: *role };
        let code = was(result.verdict.code);
        (key, Problem { status: code.status(), code: code.as_str().into(), since: run.started_at })
    });
    let baseline = Baseline {
        taken_at: run.started_at,
        images: run.images.iter().map(|image| image.to_string().into()).collect(),
        mirrors: run.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect(),
        problems: problems.collect(),
        paces: BTreeMap::new(),
        vantages: BTreeSet::new(),
        unasked: BTreeSet::new(),
    };
    let decision = decide(&Terms { policy: &policy, baseline: Some(&baseline) }, &run);
    Fixture { run, decision, policy, exit_code }
}

/// One image, at hosts that told of their pull quota.
pub(super) fn with_quotas() -> Fixture {
    let mut fixture = many(1);
    let window = Some(Duration::from_secs(21_600));
    fixture.run.quotas = vec![
        Quota { host: "registry-1.docker.io".into(), limit: 100, remaining: 9, window },
        Quota { host: "x.example:5000".into(), limit: 50, remaining: 50, window: None },
    ];
    fixture
}

/// One image at one mirror whose every text is `text`, as far as a text can get there.
pub(super) fn saying(text: &str) -> Fixture {
    let mut run = empty_run();
    let mut mirror = Endpoint::clone(&endpoint("x", "https://mirror.example", Role::Mirror));
    mirror.name = text.into();
    run.endpoints =
        vec![Arc::new(mirror), endpoint("docker.io", "https://registry-1.docker.io", Role::Upstream)];
    run.images = vec![Arc::new("nginx".parse().unwrap())];
    run.places = vec![place_in(place(0, text, text, 1), 1, text)];
    push(&mut run, 0, 1, (Code::ServerError, text));
    push(&mut run, 0, 0, (Code::AccessDenied, text));
    run.results[1].url = Some(text.into());
    run.results[1].notes = vec![text.to_owned()];
    run.results[1].anatomy = Some(Box::new(anatomy(text)));
    run.hosts = vec![host_use(text)];
    Fixture::new(run, Policy::default(), 3)
}

/// One image at a mirror that lacks a layer of it, with so much of it said by a server.
pub(super) fn with_parts() -> Fixture {
    let mut fixture = many(1);
    let result = fixture.run.results.iter_mut().find(|result| result.endpoint == 1).unwrap();
    result.anatomy = Some(Box::new(anatomy("404 BLOB_UNKNOWN")));
    fixture.run.hosts = vec![host_use("half")];
    fixture.run.cost = Cost { requests: 9, token_exchanges: 0, bytes: 12_345, hub_pulls: 2 };
    Fixture::new(fixture.run, fixture.policy, 1)
}

/// Names that are not known, so many; each says `text`.
pub(super) fn with_dynamic(names: u32, text: &str) -> Fixture {
    let mut fixture = many(1);
    let name = |line| {
        let place = place_in(place(0, "", &format!("{text}.yaml"), line), 1, text);
        Dynamic { origin: place.origin, text: text.to_owned(), why: text.to_owned() }
    };
    fixture.run.scope.dynamic = DynamicNames::of((1..=names).map(name).collect());
    Fixture::new(fixture.run, fixture.policy, 1)
}

/// Three findings, in which a server says `text`.
fn anatomy(text: &str) -> Anatomy {
    let finding = |kind, digest: Option<&str>, size, code| Finding {
        kind,
        digest: digest.map(Into::into),
        platforms: vec!["linux/arm64".into()],
        size,
        code,
        cause: text.into(),
    };
    let line = |platform: &str, state| PlatformLine {
        platform: platform.into(),
        digest: Some(Digest::sha256(platform.as_bytes())),
        state,
        met_by: None,
    };
    Anatomy {
        depth: Depth::Content,
        platforms: vec![
            line("linux/amd64", PlatformState::Present),
            line("linux/arm64", PlatformState::Damaged),
            PlatformLine { digest: None, ..line(&format!("x/{text}"), PlatformState::NotUpstream) },
        ],
        platforms_total: 3,
        unwanted: 1,
        attestations: 2,
        manifests: 2,
        blobs: 6,
        blob_bytes: 3_100_000,
        uncovered: Uncovered { blobs: 1, bytes: 2_000_000 },
        findings: vec![
            finding(PartKind::Layer, Some(text), Some(3_149_999), Code::BlobMissing),
            finding(PartKind::Config, Some("sha256:bb"), None, Code::AccessDenied),
            finding(PartKind::Platform, None, None, Code::PlatformAbsent),
        ],
        findings_total: 60,
    }
}

fn host_use(text: &str) -> HostUse {
    HostUse {
        endpoint: text.into(),
        role: Role::Mirror,
        authority: Authority { scheme: "https".into(), host: "cdn.example".into(), port: 8443 },
        part: Part::BlobStore,
        reached: 0,
        refused: 0,
        refusal: None,
        failed: 3,
        fault: Some(text.into()),
        bytes: 2_000_000,
        took: Duration::from_secs(2),
    }
}
