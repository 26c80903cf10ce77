//! The main job on real registries: Debian's docker-registry as upstream, as mirrors and as a cache.
//!
//! Every row, line and request of the runs is foreseen from what was pushed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use registry_check::model::digest::Digest;
use registry_check::model::manifest::ACCEPT;

use crate::support::daemon::{DockerRegistry, Options};
use crate::support::http;
use crate::support::push::{self, Image, Shape};
use crate::support::report::{self, Row};
use crate::support::tool::{Output, Tool};

/// What the patchy mirror makes of an image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Whole,
    Missing,
    /// Another image under the tag; upstream has never seen it.
    Foreign,
    /// The image that upstream had under the tag before.
    Older,
}

/// Of each forty images two are missing and two are stale, a single image and an index of both.
fn fate(number: usize) -> Fate {
    match number % 40 {
        7 | 28 => Fate::Missing,
        14 => Fate::Foreign,
        33 => Fate::Older,
        _ => Fate::Whole,
    }
}

/// Another image of the same name: configuration and platforms' manifests differ too.
fn other(image: &Image) -> Image {
    let shape = if image.children.is_empty() { Shape::Single } else { Shape::Index };
    let stranger = Image::new("library/stranger", &image.tag, shape, "other");
    Image { repository: image.repository.clone(), ..stranger }
}

fn cache_of(upstream: &DockerRegistry) -> DockerRegistry {
    DockerRegistry::start(Options { proxy: Some(upstream.url()), ..Options::default() })
}

/// An upstream, a mirror with everything, and a patchy one.
struct Peers {
    images: Vec<Image>,
    upstream: DockerRegistry,
    full: DockerRegistry,
    patchy: DockerRegistry,
    /// Lines of the access logs that are from before the run.
    filling: [usize; 3],
}

impl Peers {
    fn start(count: usize) -> Self {
        let [upstream, full, patchy] = [(); 3].map(|()| DockerRegistry::start(Options::default()));
        let images = push::images(count);
        let of_fate = |wanted: Fate| images.iter().enumerate().filter(move |(at, _)| fate(*at) == wanted);
        let older: Vec<_> = of_fate(Fate::Older).map(|(_, image)| other(image)).collect();
        let foreign: Vec<_> = of_fate(Fate::Foreign).map(|(_, image)| other(image)).collect();
        let whole: Vec<_> = of_fate(Fate::Whole).map(|(_, image)| image.clone()).collect();
        push::push(&upstream.authority(), &older);
        push::push(&upstream.authority(), &images);
        push::push(&full.authority(), &images);
        push::push(&patchy.authority(), &[older, foreign, whole].concat());
        let filling = [&upstream, &full, &patchy].map(|registry| registry.log().lines().count());
        Self { images, upstream, full, patchy, filling }
    }

    /// The list of all images, each in its shortest form.
    fn list(&self) -> String {
        let mut list = String::from("# pushed by the test\n");
        for image in &self.images {
            let name = image.repository.strip_prefix("library/").expect("a short name");
            writeln!(list, "{name}:{}", image.tag).unwrap();
        }
        list
    }

    fn config(&self) -> String {
        format!(
            "[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n\n[[mirrors]]\nname = \"full\"\nurl = \"{}\"\n\n\
             [[mirrors]]\nname = \"patchy\"\nurl = \"{}\"\n",
            self.upstream.url(),
            self.full.url(),
            self.patchy.url()
        )
    }

    fn check(&self, flags: &str) -> Output {
        Tool::new()
            .file("images.txt", self.list())
            .file("registry-check.toml", self.config())
            .line("images.txt")
            .line(flags)
            .run()
    }

    /// Every row of the report.
    fn rows(&self) -> Vec<Row> {
        let rows = self.images.iter().enumerate().flat_map(|(at, image)| {
            let served = |served: &Image| Row {
                digest: served.digest(),
                media_type: served.top.media_type.as_str().to_owned(),
                http_status: "200".to_owned(),
                ..Row::default()
            };
            let upstream = Row { status: "ok".to_owned(), code: "served".to_owned(), ..served(image) };
            let equal = Row { status: "ok".to_owned(), code: "digest-equal".to_owned(), ..served(image) };
            let patchy = match fate(at) {
                Fate::Whole => equal.clone(),
                Fate::Missing => Row {
                    status: "missing".to_owned(),
                    code: "manifest-unknown".to_owned(),
                    reason: "patchy answered 404".to_owned(),
                    http_status: "404".to_owned(),
                    ..Row::default()
                },
                stale => Row {
                    status: "stale".to_owned(),
                    code: "digest-differs".to_owned(),
                    reason: stale_reason(&other(image), image, stale),
                    ..served(&other(image))
                },
            };
            [
                self.named(at, "docker.io", &self.upstream, upstream),
                self.named(at, "full", &self.full, equal),
                self.named(at, "patchy", &self.patchy, patchy),
            ]
        });
        rows.collect()
    }

    fn named(&self, at: usize, name: &str, registry: &DockerRegistry, row: Row) -> Row {
        let image = &self.images[at];
        let is_upstream = name == "docker.io";
        Row {
            artifact: format!("docker.io/{}:{}", image.repository, image.tag),
            input: format!("{}:{}", image.repository.trim_start_matches("library/"), image.tag),
            origin: format!("images.txt:{}", at + 2),
            mirror: name.to_owned(),
            role: if is_upstream { "upstream" } else { "mirror" }.to_owned(),
            url: format!("{}{}", registry.url(), image.path(&image.tag)),
            // What upstream serves is what is expected of the others, not of itself.
            expected_digest: if is_upstream { String::new() } else { image.digest() },
            attempts: "1".to_owned(),
            ..row
        }
    }

    /// What the access logs say of the run: method and path, and how often.
    fn asked(&self) -> [BTreeMap<String, usize>; 3] {
        let registries = [&self.upstream, &self.full, &self.patchy];
        std::array::from_fn(|at| requests(&registries[at].log(), self.filling[at]))
    }

    /// What the run must ask: everyone once, and what it takes to explain a difference or a gap.
    fn to_be_asked(&self) -> [BTreeMap<String, usize>; 3] {
        let [mut upstream, mut full, mut patchy] = [(); 3].map(|()| BTreeMap::new());
        let ask = |of: &mut BTreeMap<_, _>, method: &str, path: String| {
            *of.entry(format!("{method} {path}")).or_default() += 1;
        };
        for (at, image) in self.images.iter().enumerate() {
            for registry in [&mut upstream, &mut full, &mut patchy] {
                ask(registry, "HEAD", image.path(&image.tag));
            }
            match fate(at) {
                Fate::Whole => {}
                Fate::Missing => ask(&mut patchy, "GET", image.path(&image.digest())),
                Fate::Foreign | Fate::Older => {
                    ask(&mut upstream, "HEAD", image.path(&image.tag));
                    ask(&mut upstream, "GET", image.path(&image.tag));
                    ask(&mut upstream, "HEAD", image.path(&other(image).digest()));
                    ask(&mut patchy, "GET", image.path(&image.tag));
                }
            }
        }
        [upstream, full, patchy]
    }
}

fn short(image: &Image) -> String {
    image.digest()[.."sha256:".len() + 12].to_owned()
}

fn stale_reason(served: &Image, upstream: &Image, fate: Fate) -> String {
    let history = match fate {
        Fate::Older => "upstream still has the mirror's digest: an older image of this tag",
        _ => "upstream does not know the mirror's digest (any more)",
    };
    format!("serves {}, upstream has {}; {history}", short(served), short(upstream))
}

/// `METHOD path` of the lines behind the first `skipped`, and how often each.
fn requests(log: &str, skipped: usize) -> BTreeMap<String, usize> {
    let mut requests = BTreeMap::new();
    for line in log.lines().skip(skipped) {
        let request = line.split('"').nth(1).expect("a request in quotes");
        let (request, _protocol) = request.rsplit_once(' ').expect("its protocol");
        *requests.entry(request.to_owned()).or_default() += 1;
    }
    requests
}

/// The Markdown report of the default policy.
fn markdown(peers: &Peers) -> String {
    let (mut matrix, mut missing, mut stale) = (String::new(), String::new(), String::new());
    for (at, image) in peers.images.iter().enumerate() {
        let name = format!("`docker.io/{}:{}`", image.repository, image.tag);
        let line = at + 2;
        let patchy = match fate(at) {
            Fate::Whole => "✅ OK",
            Fate::Missing => {
                writeln!(missing, "- {name} (`images.txt:{line}`)").unwrap();
                "❌ NOT FOUND"
            }
            fate => {
                let reason = stale_reason(&other(image), image, fate);
                writeln!(stale, "- {name}: {reason} (`images.txt:{line}`)").unwrap();
                "❌ STALE"
            }
        };
        writeln!(matrix, "| {name} | ✅ OK | ✅ OK | {patchy} | `images.txt:{line}` |").unwrap();
    }
    format!(
        "# Registry check: failed\n\n\
         **FAIL**: 20 of 200 images failed: 10 stale, 10 not found; every mirror must serve its images.\n\n\
         ## Summary\n\n\
         | Status | Checks | Upstream (not counted) |\n| --- | ---: | ---: |\n\
         | ✅ OK | 380 | 200 |\n| ❌ STALE | 10 | 0 |\n| ❌ NOT FOUND | 10 | 0 |\n| Total | 400 | 200 |\n\n\
         - 200 images, 2 mirrors\n- 650 requests in TIME\n- TIME to TIME\n- registry-check {}, exit code 1\n\n\
         ## Images\n\n| Image | upstream | full | patchy | Place |\n| --- | --- | --- | --- | --- |\n{matrix}\n\
         ## Problems\n\n### ❌ STALE at patchy: `digest-differs`\n\n\
         10 images. The mirror serves another digest than upstream for this tag.\n\
         What to try: have the mirror synchronise this tag, or pin the image by digest.\n\n{stale}\n\
         ### ❌ NOT FOUND at patchy: `manifest-unknown`\n\n\
         10 images. The registry says clearly that it does not have this image.\n\
         What to try: check name and tag; if upstream has it, have the mirror copy it.\n\
         Each time: patchy answered 404\n\n{missing}",
        env!("CARGO_PKG_VERSION")
    )
}

/// The document with each of its times replaced.
fn without_times(markdown: &str) -> String {
    let line = |line: &str| {
        if let Some((from, to)) = line.strip_prefix("- ").and_then(|times| times.split_once(" to "))
            && report::is_time(from)
            && report::is_time(to)
        {
            return "- TIME to TIME\n".to_owned();
        }
        match line.split_once(" requests in ") {
            Some((number, _)) => format!("{number} requests in TIME\n"),
            None => format!("{line}\n"),
        }
    };
    markdown.lines().map(line).collect()
}

#[test]
fn two_hundred_images_on_three_registries_are_told_right_in_every_report() {
    let peers = Peers::start(200);
    let output = peers.check("-o report.csv -o report.md -o report.json");
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_eq!(output.stdout, "");
    assert_eq!(output.stderr, "fail: 180 of 200 images pass, 20 fail, 0 undecided\n");
    let made = ["images.txt", "registry-check.toml", "report.csv", "report.json", "report.md"];
    assert_eq!(output.files(), made);

    assert_eq!(peers.asked(), peers.to_be_asked());

    let rows = peers.rows();
    assert_eq!(rows.len(), 600);
    assert_eq!(report::csv(&output.file("report.csv")), rows);
    assert_eq!(without_times(&output.file("report.md")), markdown(&peers));
    let json = report::json(&output.file("report.json"));
    assert_eq!(report::json_rows(&json), rows);
    assert!(json["results"].as_array().unwrap().iter().all(|row| row["notes"] == serde_json::json!([])));
    assert_eq!(json["decision"], serde_json::json!({"outcome": "fail", "exit_code": 1}));
    let bytes = json["summary"]["bytes"].as_u64().unwrap();
    // What the daemon says besides the digests is for the daemon to word.
    assert!((5_000..50_000).contains(&bytes), "{bytes}");
    assert_eq!(
        json["summary"],
        serde_json::json!({
            "artifacts": 200, "mirrors": 2, "checks": 400, "requests": 650, "token_exchanges": 0,
            "bytes": bytes, "docker_hub_pulls": 0,
            "by_status": {"ok": 380, "stale": 10, "missing": 10},
            "upstream": {"asked": 200, "by_status": {"ok": 200}},
        })
    );
    assert_eq!(
        json["mirrors"],
        serde_json::json!([
            {"name": "full", "url": peers.full.url(), "role": "mirror"},
            {"name": "patchy", "url": peers.patchy.url(), "role": "mirror"},
            {"name": "docker.io", "url": peers.upstream.url(), "role": "upstream"},
        ])
    );
}

#[test]
fn policy_decides_what_the_same_answers_are_worth() {
    let peers = Peers::start(40);
    for (flags, code, said) in [
        ("", 1, "fail: 36 of 40 images pass, 4 fail, 0 undecided\n"),
        ("--allow stale,missing", 0, "pass: 40 of 40 images pass, 0 fail, 0 undecided\n"),
        ("--allow stale", 1, "fail: 38 of 40 images pass, 2 fail, 0 undecided\n"),
        ("--require any", 0, "pass: 40 of 40 images pass, 0 fail, 0 undecided\n"),
        ("--require 1", 0, "pass: 40 of 40 images pass, 0 fail, 0 undecided\n"),
        ("--require 2", 1, "fail: 36 of 40 images pass, 4 fail, 0 undecided\n"),
        ("--require any --fail-on ok", 1, "fail: 0 of 40 images pass, 40 fail, 0 undecided\n"),
    ] {
        let output = peers.check(&format!("-o report.csv {flags}"));
        assert_eq!((output.code, output.stderr.as_str()), (Some(code), said), "{flags}: {output:?}");
        assert_eq!(report::csv(&output.file("report.csv")), peers.rows(), "{flags}");
    }
}

#[test]
fn images_named_by_address_are_checked_against_the_registry_of_that_address() {
    let peers = Peers::start(40);
    let upstream = peers.upstream.authority();
    let list: String =
        peers.images.iter().map(|image| format!("{upstream}/{}:{}\n", image.repository, image.tag)).collect();
    let output = Tool::new()
        .stdin(list)
        .args(["-", "--mirror", &format!("{upstream}={}", peers.full.url())])
        .args(["--mirror", &format!("{upstream}={}", peers.patchy.authority()), "-f", "csv"])
        .run();
    assert_eq!(output.code, Some(1), "{output:?}");
    let expected: Vec<_> = peers
        .rows()
        .into_iter()
        .enumerate()
        .map(|(at, row)| {
            let [full, patchy] = [&peers.full, &peers.patchy].map(DockerRegistry::authority);
            let artifact = row.artifact.replace("docker.io", &upstream);
            Row {
                input: artifact.clone(),
                artifact,
                origin: format!("stdin:{}", at / 3 + 1),
                reason: row.reason.replace("patchy", &patchy),
                mirror: [upstream.clone(), full, patchy][at % 3].clone(),
                ..row
            }
        })
        .collect();
    assert_eq!(report::csv(&output.stdout), expected);
}

#[test]
fn depth_manifest_reads_and_hashes_what_is_served_by_tag_and_by_digest() {
    let peers = Peers::start(40);
    let output = peers.check("--depth manifest -f csv");
    assert_eq!(output.code, Some(1), "{output:?}");
    let expected: Vec<_> = peers
        .rows()
        .into_iter()
        .map(|row| match &*row.code {
            // The words come with the body.
            "manifest-unknown" => {
                Row { reason: "patchy answered 404 MANIFEST_UNKNOWN: manifest unknown".to_owned(), ..row }
            }
            _ => row,
        })
        .collect();
    assert_eq!(report::csv(&output.stdout), expected);
    let [upstream, full, _] = peers.asked();
    let both: BTreeMap<_, _> = peers
        .images
        .iter()
        .flat_map(|image| [image.path(&image.tag), image.path(&image.digest())])
        .map(|path| (format!("GET {path}"), 1))
        .collect();
    assert_eq!(full, both);
    // Upstream's bytes are read only where a mirror differs.
    let read = upstream.keys().filter(|request| request.starts_with("GET ")).count();
    let stale = (0..peers.images.len()).filter(|at| matches!(fate(*at), Fate::Foreign | Fate::Older)).count();
    assert_eq!(read, stale);
}

#[test]
fn same_configuration_and_layers_under_another_manifest_are_the_same_content() {
    let [upstream, mirror] = [(); 2].map(|()| DockerRegistry::start(Options::default()));
    let [first, second] = ["1", "2"].map(|revision| Image::new("team/app", "1.0", Shape::Single, revision));
    push::push(&upstream.authority(), &[first]);
    push::push(&mirror.authority(), &[second]);
    let output = Tool::new()
        .stdin(format!("{}/team/app:1.0", upstream.authority()))
        .args(["-", "-f", "json", "--mirror", &format!("{}={}", upstream.authority(), mirror.url())])
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let rows = report::json_rows(&report::json(&output.stdout));
    assert_eq!(rows[1].verdict(), (&*mirror.authority(), "same_content", "manifest-reserialised"));
}

#[test]
fn skopeo_finds_the_same_digests() {
    let peers = Peers::start(40);
    let output = peers.check("-f csv");
    let rows = report::csv(&output.stdout);
    let mut compared = 0;
    // A whole single image and index, a foreign, a missing and an older one.
    for at in [0, 1, 14, 28, 33] {
        for row in &rows[at * 3..at * 3 + 3] {
            let (registry, path) = row.url["http://".len()..].split_once("/v2/").unwrap();
            let (repository, tag) = path.split_once("/manifests/").unwrap();
            let skopeo = Tool::of("/usr/bin/skopeo")
                .line("inspect --raw --tls-verify=false")
                .args([format!("docker://{registry}/{repository}:{tag}")])
                .run();
            if row.status == "missing" {
                assert_ne!(skopeo.code, Some(0), "{skopeo:?}");
                assert!(skopeo.stderr.contains("manifest unknown"), "{skopeo:?}");
            } else {
                assert_eq!(skopeo.code, Some(0), "{skopeo:?}");
                assert_eq!(Digest::sha256(skopeo.stdout.as_bytes()).to_string(), row.digest, "{row:?}");
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 15);
}

/// A cache that has some of what its upstream had, and whose upstream is gone.
struct LonelyCache {
    images: Vec<Image>,
    cache: DockerRegistry,
    gone: DockerRegistry,
}

impl LonelyCache {
    /// Six images, of which the cache was asked for the first four while it could still ask itself.
    fn start() -> Self {
        let mut gone = DockerRegistry::start(Options::default());
        let images = push::fill(&gone.authority(), 6);
        let cache = cache_of(&gone);
        for image in &images[..4] {
            let accept = [("Accept", ACCEPT)];
            let path = image.path(&image.tag);
            assert_eq!(http::request(&cache.authority(), "GET", &path, &accept, b"").status, 200);
        }
        gone.stop();
        Self { images, cache, gone }
    }

    fn check(&self, upstream: &DockerRegistry, mirrors: &[(&str, &DockerRegistry)], flags: &str) -> Output {
        let mut config = format!("[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n", upstream.url());
        for (name, mirror) in mirrors {
            write!(config, "[[mirrors]]\nname = \"{name}\"\nurl = \"{}\"\n", mirror.url()).unwrap();
        }
        let mut list: String =
            self.images.iter().map(|image| format!("{}:{}\n", image.repository, image.tag)).collect();
        list.push_str("library/nowhere:1.0\n");
        Tool::new()
            .file("registry-check.toml", config)
            .stdin(list)
            .line("- -f json --retries 0")
            .line(flags)
            .run()
    }
}

fn of<'a>(rows: &'a [Row], mirror: &str) -> Vec<&'a Row> {
    rows.iter().filter(|row| row.mirror == mirror).collect()
}

fn verdicts<'a>(rows: &[&'a Row]) -> Vec<(&'a str, &'a str)> {
    rows.iter().map(|row| (&*row.status, &*row.code)).collect()
}

#[test]
fn cache_without_its_upstream_is_told_for_what_it_is_beside_a_live_upstream() {
    let lonely = LonelyCache::start();
    let live = DockerRegistry::start(Options::default());
    let mut now = lonely.images.clone();
    for image in &mut now[2..4] {
        *image = other(image);
    }
    push::push(&live.authority(), &now);

    let output = lonely.check(&live, &[("cache", &lonely.cache)], "");
    assert_eq!(output.code, Some(1), "{output:?}");
    let report = report::json(&output.stdout);
    let rows = report::json_rows(&report);
    let cache = of(&rows, "cache");
    assert_eq!(
        verdicts(&cache),
        [
            ("ok", "digest-equal"),
            ("ok", "digest-equal"),
            // 200, with what was right before upstream was gone.
            ("stale", "digest-differs"),
            ("stale", "digest-differs"),
            // 404 to the tag, 500 to the digest.
            ("server_error", "hidden-server-error"),
            ("server_error", "hidden-server-error"),
            ("missing", "missing-upstream-too"),
        ]
    );
    for (row, (cached, current)) in cache[2..4].iter().zip(lonely.images[2..4].iter().zip(&now[2..4])) {
        assert_eq!((&row.digest, &row.expected_digest), (&cached.digest(), &current.digest()));
        assert_eq!(row.reason, stale_reason(cached, current, Fate::Foreign));
    }
    for row in &cache[4..6] {
        let begin = "cache answered 404 to the tag, but asked by digest 500 UNKNOWN: unknown error";
        assert!(row.reason.starts_with(begin), "{}", row.reason);
        assert_eq!((&*row.http_status, &*row.digest), ("404", ""));
    }
    assert_eq!(cache[6].reason, "neither cache nor upstream has it");
    let by_status = serde_json::json!({"ok": 2, "stale": 2, "missing": 1, "server_error": 2});
    assert_eq!(report["summary"]["by_status"], by_status);

    let allowed = lonely.check(&live, &[("cache", &lonely.cache)], "--allow stale,missing");
    assert_eq!(allowed.code, Some(3), "what a 404 hides stays undecided: {allowed:?}");
}

#[test]
fn cache_and_upstream_gone_leave_nothing_to_compare_with() {
    let lonely = LonelyCache::start();
    let output = lonely.check(&lonely.gone, &[("cache", &lonely.cache)], "");
    let report = report::json(&output.stdout);
    let rows = report::json_rows(&report);
    assert!(of(&rows, "docker.io").iter().all(|row| row.code == "connect-refused"));
    let cache = of(&rows, "cache");
    assert_eq!(verdicts(&cache[..4]), [("unverified", "nothing-to-compare"); 4]);
    for (row, image) in cache.iter().zip(&lonely.images[..4]) {
        assert_eq!((&row.digest, &*row.expected_digest), (&image.digest(), ""));
        assert_eq!(row.reason, "upstream could not be asked, and no other mirror serves it");
    }
    // Nobody knows a digest to ask for, but to one that nobody has it answers 500: it could not find out.
    assert_eq!(verdicts(&cache[4..]), [("server_error", "hidden-server-error"); 3]);
    assert_eq!(output.code, Some(3), "{output:?}");
}

#[test]
fn second_mirror_tells_what_a_cache_hides_when_upstream_is_gone() {
    let lonely = LonelyCache::start();
    let second = DockerRegistry::start(Options::default());
    let mut there = lonely.images.clone();
    there[1] = other(&there[1]);
    push::push(&second.authority(), &there);
    let mirrors = [("cache", &lonely.cache), ("second", &second)];
    let output = lonely.check(&lonely.gone, &mirrors, "--allow missing");
    assert_eq!(output.code, Some(3), "{output:?}");
    let rows = report::json_rows(&report::json(&output.stdout));
    let agrees = ("unverified", "agrees-with-mirrors");
    let differs = ("unverified", "differs-from-mirrors");
    let alone = ("unverified", "nothing-to-compare");
    let hidden = ("server_error", "hidden-server-error");
    let missing = ("missing", "manifest-unknown");
    assert_eq!(
        verdicts(&of(&rows, "cache")),
        [agrees, differs, agrees, agrees, hidden, hidden, hidden],
        "{rows:#?}"
    );
    assert_eq!(
        verdicts(&of(&rows, "second")),
        [agrees, differs, agrees, agrees, alone, alone, missing],
        "{rows:#?}"
    );
}
