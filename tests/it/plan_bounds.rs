//! What `--plan` says at most is never exceeded: each registry counts what it was really asked.

use std::collections::HashSet;

use registry_check::demo::{Behaviour, Hit, Image, Registry, Scope, Store, content};
use registry_check::model::referrers::{COSIGN_SUFFIXES, fallback_tag};
use serde_json::{Value, json};

use crate::support::embedded::Check;
use crate::support::indexes::{entry, index_of};

const REPOSITORIES: [&str; 7] =
    ["team/same", "team/moved", "team/single", "team/silent", "team/nested", "team/gone", "team/pinned"];

/// The image of a repository; entries of some say nothing of their platform.
fn image(repository: &str, seed: &str) -> Image {
    let seed = format!("{repository} {seed}");
    match repository {
        "team/single" => content::image(&seed, "linux/amd64"),
        "team/silent" => {
            let children = ["linux/amd64", "linux/arm64", "linux/s390x"]
                .map(|platform| content::image(&format!("{seed} {platform}"), platform));
            let entries = children.each_ref().map(|child| entry(&child.document, None));
            index_of(&entries, children.to_vec())
        }
        "team/nested" => {
            let outer = content::image(&seed, "linux/amd64");
            let inner = content::index(&format!("{seed} inner"), &["linux/arm64", "linux/s390x"]);
            let entries = [entry(&outer.document, Some("linux/amd64")), entry(&inner.document, None)];
            index_of(&entries, vec![outer, inner])
        }
        _ => content::index(&seed, &["linux/amd64", "linux/arm64"]),
    }
}

/// The same without the index within it.
fn without_inner(whole: &Image) -> Image {
    let outer = whole.children[0].clone();
    index_of(&[entry(&outer.document, Some("linux/amd64"))], vec![outer])
}

struct World {
    upstream: Registry,
    /// Serves the same, and lists signatures of which it has lost some.
    same: Registry,
    /// Serves other images or none, has no referrers API, and answers with a router's bare 404.
    other: Registry,
    /// Of a registry without mirrors.
    alone: Registry,
    /// Everything that manifests name.
    parts: HashSet<String>,
}

impl World {
    fn start() -> Self {
        let [mut upstream, mut same, mut other, mut alone] = [(); 4].map(|()| Store::new());
        let mut parts = HashSet::new();
        for store in [&mut upstream, &mut same] {
            store.serve_referrers(2);
        }
        let mut bare = Vec::new();
        for repository in REPOSITORIES {
            let whole = image(repository, "new");
            note(&whole, &mut parts);
            for tag in ["1", "2"] {
                upstream.put(repository, tag, &whole);
                same.put(repository, tag, &whole);
            }
            for number in 0..5 {
                let signature = content::image(&format!("{repository} {number}"), "linux/amd64").document;
                upstream.refer(repository, whole.digest(), signature.clone());
                same.refer(repository, whole.digest(), signature.clone());
                if number % 2 == 0 {
                    same.remove_manifest(repository, &signature.digest);
                }
            }
            let tag = fallback_tag(whole.digest());
            bare.extend(COSIGN_SUFFIXES.map(|suffix| (repository, format!("{tag}{suffix}"))));
            let theirs = match repository {
                "team/same" | "team/single" => whole,
                "team/nested" => without_inner(&whole),
                "team/gone" => continue,
                _ => image(repository, "old"),
            };
            note(&theirs, &mut parts);
            for tag in ["1", "2"] {
                other.put(repository, tag, &theirs);
            }
        }
        // Pinned by a digest that its tag does not stand for any more.
        upstream.put("team/pinned", "1", &image("team/pinned", "newer"));
        let lone = image("alone", "new");
        note(&lone, &mut parts);
        alone.put("alone", "1", &lone);
        let [upstream, same, other, alone] =
            [upstream, same, other, alone].map(|store| Registry::start(store).expect("a port"));
        other.set_behaviour(Scope::Referrers, Behaviour::NotFoundPlain);
        for (repository, tag) in bare {
            other.set_behaviour(Scope::reference(repository, &tag), Behaviour::NotFoundPlain);
        }
        Self { upstream, same, other, alone, parts }
    }

    fn registries(&self) -> [&Registry; 4] {
        [&self.upstream, &self.same, &self.other, &self.alone]
    }

    /// A check of every image; those of `depths` take turns.
    fn check(&self, depths: &[&str]) -> Check {
        let depth = |at: usize| depths[at % depths.len()];
        let tagged = REPOSITORIES.iter().enumerate();
        let mut list: Vec<_> =
            tagged.map(|(at, repository)| format!("{repository}:1 depth={}", depth(at))).collect();
        for (at, reference) in ["team/same@", "team/pinned:1@"].iter().enumerate() {
            let repository = reference.split([':', '@']).next().expect("a repository");
            let digest = image(repository, "new").digest().to_string();
            list.push(format!("{reference}{digest} depth={}", depth(at + 1)));
        }
        for depth in depths {
            list.push(format!("reg.test/alone:1 depth={depth}"));
            list.push(format!("team/silent:2 depth={depth} platform=linux/amd64"));
            list.push(format!("team/nested:2 depth={depth} platform=linux/s390x"));
        }
        Check::of(&list)
            .upstream(&self.upstream.url())
            .upstream_of("reg.test", &self.alone.url())
            .mirror("same", &self.same.url())
            .mirror("other", &self.other.url())
    }

    /// Whether a request is about what only manifests tell of.
    fn is_part(&self, hit: &Hit) -> bool {
        hit.path.contains("/blobs/")
            || hit.path.rsplit('/').next().is_some_and(|last| self.parts.contains(last))
    }
}

/// Adds the digests of everything below an image.
fn note(image: &Image, parts: &mut HashSet<String>) {
    for child in &image.children {
        parts.insert(child.digest().to_string());
        note(child, parts);
    }
}

/// What a host may be asked at most: all, those by HEAD, by GET.
fn most(plan: &Value, registry: &Registry) -> [u64; 3] {
    let authority = registry.authority();
    let hosts = plan["hosts"].as_array().expect("hosts");
    let is_it = |host: &&Value| host["host"].as_str().is_some_and(|name| name.ends_with(&authority));
    let host = hosts.iter().find(is_it).unwrap_or_else(|| panic!("no {authority}: {plan:#}"));
    ["requests", "heads", "gets"].map(|key| {
        let (all, before) = (&host[key]["at_most"], &host[key]["at_most_before_parts"]);
        assert_eq!(all.is_null(), before.is_u64(), "{host:#}");
        all.as_u64().or(before.as_u64()).expect("a number")
    })
}

/// Holds a check to its plan; those of its requests that `is_counted` are.
fn hold(world: &World, check: impl Fn() -> Check, is_counted: impl Fn(&Hit) -> bool) -> Value {
    for registry in world.registries() {
        registry.forget_hits();
    }
    let output = check().args("--plan -f json").tool().run();
    assert_eq!((output.code, &*output.stderr), (Some(0), ""));
    assert!(world.registries().iter().all(|registry| registry.hits().is_empty()));
    let plan: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let report = check().args("--retries 0").run();
    let mut sent = 0;
    for registry in world.registries() {
        let of = |method: &str| registry.count(|hit| is_counted(hit) && hit.method.as_str() == method) as u64;
        let (heads, gets) = (of("HEAD"), of("GET"));
        sent += registry.hits().len();
        let [all, most_heads, most_gets] = most(&plan, registry);
        assert!(heads + gets > 0 && heads + gets <= all, "{}: {heads} + {gets} of {all}", registry.url());
        assert!(heads <= most_heads, "{}: {heads} HEADs of {most_heads}", registry.url());
        assert!(gets <= most_gets, "{}: {gets} GETs of {most_gets}", registry.url());
    }
    // What the run says that it has sent is what has come.
    assert_eq!(report.requests, sent);
    plan
}

#[test]
fn where_manifests_tell_nothing_new_all_requests_are_within_the_plan() {
    let world = World::start();
    for args in ["", "--referrers", "--referrers --grace 1h --platform linux/amd64"] {
        let check = || world.check(&["head", "manifest"]).args(args);
        let plan = hold(&world, check, |_| true);
        assert_eq!(plan["unknown_until_manifests_are_read"], json!([]), "{args}");
    }
}

#[test]
fn at_every_depth_all_requests_are_within_the_plan_but_for_what_it_says_that_it_cannot_know() {
    let world = World::start();
    let depths = ["head", "manifest", "platforms", "blobs", "content"];
    for args in ["", "--referrers --age", "--referrers --grace 1h --platform linux/amd64 --max-bytes 1kB"] {
        let check = || world.check(&depths).args(args);
        let plan = hold(&world, check, |hit| !world.is_part(hit));
        let unknown = json!(["platform_manifests", "blobs", "bytes"]);
        assert_eq!(plan["unknown_until_manifests_are_read"], unknown);
    }
}

#[test]
fn configs_that_tell_a_platform_are_said_to_be_unknown_where_one_is_wanted() {
    let world = World::start();
    let check = || world.check(&["head", "platforms"]).args("--referrers");
    let plan = hold(&world, check, |hit| !world.is_part(hit));
    let unknown = json!(["platform_manifests", "configs"]);
    assert_eq!(plan["unknown_until_manifests_are_read"], unknown);
    let text = check().args("--plan").tool().run().stdout;
    assert!(text.contains("configs where an index does not say for which platform an entry is"), "{text}");
    assert!(text.contains("at most are about signatures, SBOMs and attestations"), "{text}");
    // Each entry that names no platform, and its config.
    let silent = image("team/silent", "new");
    for child in &silent.children {
        let path = format!("/v2/team/silent/blobs/{}", child.blobs[0].digest);
        let asked = [&world.same, &world.other].map(|mirror| mirror.hits_to(&path));
        assert!(asked.iter().sum::<usize>() > 0, "{path}");
    }
}
