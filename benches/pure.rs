//! The parts without I/O at the size of a large list: `cargo bench --bench pure`.
//!
//! A hundred thousand images of three registries, as many names as a large company has. Each figure is
//! for the whole list; divide by 100,000 for one image.

use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use registry_check::demo::content;
use registry_check::gate::{self, Policy, Terms};
use registry_check::inputs::{self, Inputs, Kind, Options, Source};
use registry_check::mirrors::{self, MirrorSpec};
use registry_check::model::compare::relate;
use registry_check::model::depth::Depth;
use registry_check::model::digest::Digest;
use registry_check::model::evidence::{Answer, Evidence};
use registry_check::model::manifest::{Manifest, MediaType};
use registry_check::model::mirror::MirrorMap;
use registry_check::model::observation::{AskedAs, DigestSource, Facts, Observation, Outcome};
use registry_check::model::plan::{Plan, Question, Reference, Want, What, Who};
use registry_check::model::run::{CheckResult, Cost, Counts, Ending, Run};
use registry_check::model::scope::Scope;
use registry_check::plan::expand;
use registry_check::report::{self, Format, TableStyle, View};
use registry_check::verdict;
use time::macros::datetime;

const IMAGES: usize = 100_000;
const MIRRORS: usize = 5;
const DOCUMENTS: usize = 10_000;

/// Every tenth image is pinned; all come with a comment now and then, as lists do.
fn list() -> String {
    let mut text = String::new();
    for number in 0..IMAGES {
        let registry = ["", "quay.io/", "registry.example.com:5000/"][number % 3];
        let pin = if number.is_multiple_of(10) {
            format!("@{}", Digest::sha256(&number.to_le_bytes()))
        } else {
            String::new()
        };
        let comment = if number.is_multiple_of(20) { " # why" } else { "" };
        text += &format!("{registry}team-{}/app-{number}:1.{}{pin}{comment}\n", number % 50, number % 7);
    }
    text
}

fn read(list: &str) -> Inputs {
    inputs::read(&[Source::Stdin], list.as_bytes(), &Options::default()).expect("a list")
}

fn mirror_map() -> MirrorMap {
    let spec = |number: usize| MirrorSpec {
        place: "bench".to_owned(),
        url: format!("https://mirror-{number}.example/hub"),
        serves: Some(vec!["docker.io".into(), "quay.io".into(), "registry.example.com:5000".into()]),
        path: Some("{registry}/{repository}".to_owned()).filter(|_| number == 0),
        ..MirrorSpec::default()
    };
    mirrors::build((0..MIRRORS).map(spec).collect(), Vec::new()).expect("mirrors")
}

fn plan(inputs: Inputs) -> Plan {
    expand(inputs.images, &mirror_map(), Depth::Head).expect("a plan")
}

/// What a HEAD tells.
fn found(digest: Digest) -> Observation {
    Observation {
        outcome: Outcome::Found(Facts {
            digest,
            source: DigestSource::Header,
            media_type: Some(MediaType::OciIndex),
            manifest: None,
            bytes: None,
        }),
        http_status: Some(200),
        head_status: None,
        attempts: 1,
        latency: Some(Duration::from_micros(12_345)),
        asked_as: AskedAs::Nobody,
        redirected_to: None,
        way: None,
        notes: Vec::new(),
        at: datetime!(2025-03-09 08:00:00.300 UTC),
    }
}

/// All answers about an image: everyone serves the same, but the second mirror each seventh time.
fn evidence(plan: &Plan, at: usize) -> Evidence {
    let planned = &plan.images[at];
    let endpoint = |at: &u32| (Arc::clone(&plan.endpoints[*at as usize]), plan.reach.depth);
    let mut evidence = Evidence::new(
        Arc::clone(&planned.image),
        plan.platforms_of(planned),
        endpoint(&planned.upstream),
        planned.mirrors.iter().map(endpoint).collect(),
    );
    let digest = planned.image.digest().cloned().unwrap_or_else(|| Digest::sha256(&at.to_le_bytes()));
    let everyone = std::iter::once(Who::Upstream).chain((0..planned.mirrors.len()).map(Who::Mirror));
    for who in everyone {
        let is_old = who == Who::Mirror(1) && at.is_multiple_of(7);
        let served = if is_old { Digest::sha256(b"old") } else { digest.clone() };
        let question = Question { who, what: What::Answer, reference: Reference::Tag, want: Want::Existence };
        evidence.record(&question, Answer::Manifest(found(served)));
    }
    evidence
}

/// The first image's upstream and mirrors, then the second's, up to `most` rows.
fn run(plan: &Plan, most: usize) -> Run {
    let mut results = Vec::new();
    for (image, at) in (0..).zip(0..most / (1 + MIRRORS)) {
        let (planned, evidence) = (&plan.images[at], evidence(plan, at));
        let answered = evidence.upstream.answer.as_ref().expect("an answer");
        let mut push = |endpoint: u32, counts, verdict| {
            let asked = &plan.endpoints[endpoint as usize];
            let url =
                asked.manifest_url(&planned.image, planned.image.repository(), planned.image.manifest_ref());
            results.push(CheckResult {
                image,
                endpoint,
                counts,
                verdict,
                url: Some(url.into()),
                media_type: Some(MediaType::OciIndex),
                http_status: answered.http_status,
                latency: answered.latency,
                attempts: answered.attempts,
                checked_at: answered.at,
                notes: Vec::new(),
                anatomy: None,
                age: None,
                referrers: None,
            });
        };
        push(planned.upstream, Counts::ShownOnly, verdict::upstream(&evidence));
        for (index, mirror) in planned.mirrors.iter().enumerate() {
            push(*mirror, Counts::ForGate, verdict::mirror(&evidence, index));
        }
    }
    let images = most / (1 + MIRRORS);
    Run {
        started_at: datetime!(2025-03-09 08:00:00 UTC),
        finished_at: datetime!(2025-03-09 08:01:00 UTC),
        duration: Duration::from_secs(60),
        ending: Ending::Complete,
        scope: Scope::default(),
        endpoints: plan.endpoints.clone(),
        images: plan.images[..images].iter().map(|planned| Arc::clone(&planned.image)).collect(),
        places: plan.places[..images].to_vec(),
        cost: Cost { requests: results.len() as u64, ..Cost::default() },
        quotas: Vec::new(),
        hosts: Vec::new(),
        results,
    }
}

fn stages(criterion: &mut Criterion) {
    let list = list();
    let mut group = criterion.benchmark_group("100k images");
    group.sample_size(10).throughput(Throughput::Elements(IMAGES as u64));
    group.bench_function("parse the list", |bencher| bencher.iter(|| read(black_box(&list))));
    let inputs = read(&list);
    group.bench_function("plan at 5 mirrors", |bencher| {
        bencher.iter_batched(|| inputs.clone(), plan, BatchSize::LargeInput);
    });
    let plan = plan(inputs);
    let all: Vec<_> = (0..IMAGES).map(|at| evidence(&plan, at)).collect();
    group.bench_function("verdicts on upstream and 5 mirrors", |bencher| {
        bencher.iter(|| {
            for evidence in black_box(&all) {
                black_box(verdict::upstream(evidence));
                (0..MIRRORS).for_each(|index| {
                    black_box(verdict::mirror(evidence, index));
                });
            }
        });
    });
    group.finish();
}

fn comparison(criterion: &mut Criterion) {
    let platforms =
        ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x"];
    let upstream = content::index("app", &platforms);
    let mirror = content::reserialised(&upstream);
    let [upstream, mirror] = [upstream, mirror].map(|image| image.document.bytes);
    let mut group = criterion.benchmark_group("one index of 6 platforms");
    group.bench_function("parse", |bencher| bencher.iter(|| Manifest::parse(black_box(&upstream), None)));
    let digest = Digest::sha256(&mirror);
    let [upstream, mirror] = [upstream, mirror].map(|bytes| Manifest::parse(&bytes, None).expect("an index"));
    group.bench_function("compare with a reserialised one", |bencher| {
        bencher.iter(|| relate(black_box(&mirror), &digest, black_box(&upstream)));
    });
    group.finish();
}

fn reports(criterion: &mut Criterion) {
    let plan = plan(read(&list()));
    let run = run(&plan, IMAGES);
    let policy = Policy::default();
    let terms = Terms { policy: &policy, baseline: None };
    let decision = gate::decide(&terms, &run);
    let view =
        View { run: &run, decision: &decision, policy: &policy, exit_code: 1, tool_version: "0.0.0-bench" };
    let mut group = criterion.benchmark_group("report of 100k rows");
    group.sample_size(10).throughput(Throughput::Elements(run.results.len() as u64));
    group.bench_function("decide", |bencher| bencher.iter(|| gate::decide(&terms, black_box(&run))));
    let style = TableStyle::default();
    for format in Format::ALL {
        group.bench_function(format.as_str(), |bencher| {
            bencher
                .iter(|| report::render(format, black_box(&view), &style, &mut io::sink()).expect("a sink"));
        });
    }
    group.finish();
}

/// What Helm renders for a cluster: ten thousand documents, every third of which runs pods.
fn yaml(criterion: &mut Criterion) {
    let rendered = include_str!("../tests/fixtures/inputs/helm/rendered.yaml");
    let stream = rendered.repeat(DOCUMENTS / 40);
    let options = Options { kind: Some(Kind::Kubernetes), ..Options::default() };
    let read = |text: &str| inputs::read(&[Source::Stdin], text.as_bytes(), &options).expect("manifests");
    assert_eq!(read(rendered).images.len() * DOCUMENTS / 40, read(&stream).images.len());
    let mut group = criterion.benchmark_group("yaml, 10k documents");
    group.sample_size(10).throughput(Throughput::Elements(DOCUMENTS as u64));
    group.bench_function("images of Kubernetes", |bencher| bencher.iter(|| read(black_box(&stream))));
    group.finish();
}

criterion_group!(benches, stages, comparison, reports, yaml);
criterion_main!(benches);
