//! What a check of healthy registries costs, and that it asks each the right thing.

use registry_check::demo::{Registry, Store, content};
use registry_check::model::manifest::ACCEPT;

use crate::support::embedded::{Check, Pair, asked, start};

/// So many images, the same on each registry that is started with it.
fn store(images: usize) -> Store {
    let mut store = Store::new();
    for number in 0..images {
        let image = content::image(&number.to_string(), "linux/amd64");
        store.put(&format!("library/app-{number}"), "1.0", &image);
    }
    store
}

#[test]
fn healthy_images_cost_one_head_for_each_endpoint_and_nothing_else() {
    let store = store(60);
    let registries = [(); 3].map(|()| Registry::start(store.clone()).unwrap());
    let images: Vec<_> = (0..60).map(|number| format!("app-{number}:1.0")).collect();
    let report = Check::of(&images)
        .upstream(&registries[0].url())
        .mirror("one", &registries[1].url())
        .mirror("two", &registries[2].url())
        .run();
    assert_eq!(report.exit, 0);
    assert_eq!((report.requests, report.token_exchanges), (180, 0));
    for mirror in ["one", "two"] {
        assert_eq!(report.verdicts(mirror), vec!["ok/digest-equal"; 60]);
    }
    assert_eq!(report.verdicts("docker.io"), vec!["ok/served"; 60]);
    for registry in &registries {
        assert_eq!((asked(registry), registry.hits().len()), ((60, 0), 60));
        assert_eq!(registry.hits_to("/v2/"), 0);
        for number in 0..60 {
            assert_eq!(registry.hits_to(&format!("/v2/library/app-{number}/manifests/1.0")), 1);
        }
    }
}

#[test]
fn requests_say_who_asks_and_what_is_accepted_in_one_line() {
    let pair = Pair::new();
    pair.check().run().expect("ok/digest-equal", 0);
    let hit = pair.mirror.hits().remove(0);
    assert_eq!(hit.headers.get_all("accept").iter().collect::<Vec<_>>(), [ACCEPT]);
    assert_eq!(hit.header("accept-encoding"), Some("identity"));
    assert!(hit.header("user-agent").unwrap().starts_with("registry-check/"), "{hit:?}");
    for absent in ["authorization", "cookie", "referer"] {
        assert_eq!(hit.header(absent), None);
    }
    assert_eq!(hit.query, None);
}

#[test]
fn depth_manifest_reads_each_mirror_by_tag_and_by_digest_and_only_heads_upstream() {
    let pair = Pair::new();
    let report = pair.check().args("--depth manifest").run();
    let row = report.expect("ok/digest-equal", 0);
    assert_eq!((row.digest.clone(), row.expected_digest.clone()), (Some(pair.digest()), Some(pair.digest())));
    assert_eq!(row.media_type.as_deref(), Some("application/vnd.oci.image.index.v1+json"));
    assert_eq!((asked(&pair.upstream), pair.asked()), ((1, 0), (0, 2)));
    assert_eq!(pair.mirror.hits_to(&format!("/v2/library/app/manifests/{}", pair.digest())), 1);
}

#[test]
fn an_image_named_twice_is_asked_for_once_and_told_of_at_each_place() {
    let pair = Pair::new();
    let report = pair.check_of(&["app:1.0", "docker.io/library/app:1.0", "index.docker.io/app:1.0"]).run();
    assert_eq!(report.verdicts("m"), ["ok/digest-equal"; 3]);
    assert_eq!((asked(&pair.upstream), pair.asked(), report.requests), ((1, 0), (1, 0), 2));
}

#[test]
fn without_mirrors_images_are_checked_at_their_own_registry() {
    let registry = start(&[("a/b", "1", &content::image("a", "linux/amd64"))]);
    let authority = registry.authority();
    let report = Check::of(&[format!("{authority}/a/b:1"), format!("{authority}/a/b:2")]).run();
    assert_eq!(report.verdicts(&authority), ["ok/served", "missing/manifest-unknown"]);
    assert_eq!((report.exit, asked(&registry)), (1, (2, 0)));
    assert!(report.rows.iter().all(|row| row.role == "upstream"));
}

#[test]
fn a_mirror_on_the_command_line_may_name_its_upstream() {
    let image = content::image("a", "linux/amd64");
    let [upstream, mirror, other] = [(); 3].map(|()| start(&[("a/b", "1", &image)]));
    let report = Check::of(&[format!("{}/a/b:1", upstream.authority())])
        .args(&format!("--mirror {}={} --mirror {}", upstream.authority(), mirror.url(), other.url()))
        .run();
    assert_eq!(report.row(&mirror.authority()).verdict(), "ok/digest-equal");
    assert_eq!(report.row(&upstream.authority()).role, "upstream");
    assert_eq!((report.exit, asked(&mirror), asked(&other)), (0, (1, 0), (0, 0)));
    assert!(report.stderr.contains(&other.authority()), "an idle mirror is told of: {}", report.stderr);
}

#[test]
fn several_mirrors_of_several_registries_are_each_asked_for_what_is_theirs() {
    let [app, tool] = ["app", "tool"].map(|seed| content::image(seed, "linux/amd64"));
    let hub = start(&[("library/app", "1.0", &app)]);
    let quay = start(&[("org/tool", "2.0", &tool)]);
    let only_hub = start(&[("library/app", "1.0", &app)]);
    let both = start(&[
        ("docker.io/library/app", "1.0", &app),
        ("quay.io/org/tool", "2.0", &content::image("old", "linux/amd64")),
    ]);
    let report = Check::of(&["app:1.0", "quay.io/org/tool:2.0"])
        .upstream(&hub.url())
        .upstream_of("quay.io", &quay.url())
        .mirror("only-hub", &only_hub.url())
        .mirror_with(
            "both",
            &both.url(),
            "for = [\"docker.io\", \"quay.io\"]\npath = \"{registry}/{repository}\"",
        )
        .run();
    assert_eq!(report.verdicts("only-hub"), ["ok/digest-equal"]);
    assert_eq!(report.verdicts("both"), ["ok/digest-equal", "stale/digest-differs"]);
    assert_eq!(report.exit, 1);
    assert_eq!((asked(&hub), asked(&only_hub)), ((1, 0), (1, 0)));
    assert_eq!(both.hits_to("/v2/docker.io/library/app/manifests/1.0"), 1);
    let of_tool: Vec<_> = report.rows.iter().filter(|row| row.artifact == "quay.io/org/tool:2.0").collect();
    assert_eq!(of_tool.iter().map(|row| &*row.mirror).collect::<Vec<_>>(), ["quay.io", "both"]);
    assert_eq!(of_tool[1].expected_digest, Some(tool.digest().to_string()));
}
