//! Why a mirror's digest is not upstream's: each cause has its own verdict, and its own price in requests.

use registry_check::demo::{Behaviour, Document, Image, Scope, Times, content};

use crate::support::embedded::{Check, PLATFORMS, Pair, REPOSITORY, TAG, asked, start, story};

fn index(seed: &str) -> Image {
    content::index(seed, &PLATFORMS)
}

/// The first digits of a digest, as [`story`] tells them.
fn short(image: &Image) -> String {
    image.digest().to_string().chars().take(15).collect()
}

#[test]
fn an_older_image_that_upstream_still_has_is_stale() {
    let [old, new] = ["old", "new"].map(index);
    let pair = Pair::holding(&new, &old);
    pair.upstream.store().put_untagged(REPOSITORY, &old);
    let report = pair.check().run();
    let row = report.expect("stale/digest-differs", 1);
    assert_eq!(row.digest, Some(old.digest().to_string()));
    assert_eq!(row.expected_digest, Some(new.digest().to_string()));
    assert!(row.reason.contains("upstream still has the mirror's digest"), "{row:#?}");
    assert_eq!(story(&pair.mirror), ["HEAD 1.0 200", "GET 1.0 200"]);
    assert_eq!(
        story(&pair.upstream),
        [
            "HEAD 1.0 200".to_owned(),
            "HEAD 1.0 200".to_owned(),
            "GET 1.0 200".to_owned(),
            format!("HEAD {} 200", short(&old)),
        ]
    );
}

#[test]
fn an_image_that_upstream_does_not_know_is_stale_too() {
    let pair = Pair::holding(&index("new"), &index("other"));
    let report = pair.check().run();
    let row = report.expect("stale/digest-differs", 1);
    assert!(row.reason.contains("upstream does not know the mirror's digest"), "{row:#?}");
}

#[test]
fn upstream_is_asked_once_about_what_several_mirrors_serve() {
    let [old, new] = ["old", "new"].map(index);
    let pair = Pair::holding(&new, &old);
    let others = [(); 2].map(|()| start(&[(REPOSITORY, TAG, &old)]));
    let report = pair.check().mirror("n", &others[0].url()).mirror("o", &others[1].url()).run();
    for mirror in ["m", "n", "o"] {
        assert_eq!(report.row(mirror).verdict(), "stale/digest-differs");
    }
    assert_eq!(asked(&pair.upstream), (3, 1), "{:?}", story(&pair.upstream));
}

#[test]
fn other_bytes_of_the_same_content_are_no_failure() {
    for (image, code) in [
        (index("app"), "index-reserialised"),
        (content::docker_list("app", &PLATFORMS), "index-reserialised"),
        (content::image("app", "linux/amd64"), "manifest-reserialised"),
        (content::docker_image("app", "linux/amd64"), "manifest-reserialised"),
    ] {
        let copy = content::reserialised(&image);
        let pair = Pair::holding(&image, &copy);
        let report = pair.check().run();
        let row = report.expect(&format!("same_content/{code}"), 0);
        assert_eq!(row.digest, Some(copy.digest().to_string()));
        assert_eq!(row.expected_digest, Some(pair.digest()));
        assert_eq!(pair.asked(), (1, 1));
        assert_eq!(asked(&pair.upstream), (2, 1), "whether upstream has the copy does not matter");
        assert_eq!(pair.check().args("--fail-on same_content").run().exit, 1);
    }
}

#[test]
fn attestations_that_a_mirror_drops_are_no_failure() {
    let pair = Pair::holding(&content::attested_index("app", &PLATFORMS), &index("app"));
    pair.check().run().expect("same_content/index-reserialised", 0);
}

#[test]
fn one_platform_of_several_is_incomplete() {
    let pair = Pair::misbehaving(Behaviour::ChildOf("linux/amd64".to_owned()));
    let report = pair.check().run();
    let row = report.expect("incomplete/single-platform-copy", 1);
    assert!(
        row.reason.contains("only the linux/amd64 image") && row.reason.contains("index of 2"),
        "{row:#?}"
    );
    assert_eq!(row.digest, Some(pair.image.children[0].digest().to_string()));
    assert_eq!(row.media_type.as_deref(), Some("application/vnd.oci.image.manifest.v1+json"));
}

#[test]
fn an_index_that_lacks_platforms_is_incomplete_and_they_are_named() {
    let image = content::index("app", &["linux/amd64", "linux/arm64/v8", "linux/riscv64"]);
    let pair = Pair::holding(&image, &content::index("app", &["linux/amd64"]));
    let report = pair.check().run();
    let row = report.expect("incomplete/platform-absent", 1);
    assert!(row.reason.contains("linux/arm64, linux/riscv64"), "{row:#?}");
}

#[test]
fn an_index_with_one_older_image_among_its_own_is_stale() {
    let [old, new] = ["old", "new"].map(index);
    let [was, is] = [&old, &new].map(|image| image.children[1].digest().to_string());
    let text = String::from_utf8(new.document.bytes.to_vec()).unwrap().replace(&is, &was);
    let mixed = Document::new(new.document.media_type.clone(), text);
    let pair = Pair::holding(&new, &new);
    pair.mirror.store().retag(REPOSITORY, TAG, &mixed.digest);
    pair.mirror.store().put_raw(REPOSITORY, mixed);
    pair.check().run().expect("stale/digest-differs", 1);
}

#[test]
fn an_index_where_upstream_has_one_image_is_stale() {
    let image = index("app");
    let pair = Pair::holding(&image.children[0], &image);
    pair.check().run().expect("stale/digest-differs", 1);
}

#[test]
fn schema_1_is_compared_by_its_header_and_never_hashed() {
    let [one, two] = ["one", "two"].map(content::schema1);
    let pair = Pair::holding(&one, &one);
    pair.check().run().expect("unverified/schema1-unverifiable", 0);
    pair.check().args("--depth manifest").run().expect("unverified/schema1-unverifiable", 0);
    let pair = Pair::holding(&one, &two);
    pair.check().run().expect("unverified/schema1-unverifiable", 0);
}

#[test]
fn a_mirror_that_serves_what_upstream_has_moved_to_is_ok() {
    let image = index("app");
    let new = content::reserialised(&image);
    let pair = Pair::holding(&image, &new);
    pair.upstream.set_behaviour_times(Scope::Manifests, Behaviour::Reserialised, Times::After(1));
    let report = pair.check().run();
    let row = report.expect("ok/upstream-moved", 0);
    assert_eq!(row.digest, Some(new.digest().to_string()));
    assert_eq!(row.expected_digest, Some(new.digest().to_string()));
}

#[test]
fn a_mirror_that_is_brought_up_to_date_meanwhile_is_ok() {
    let pair = Pair::new();
    pair.mirror.set_behaviour_times(Scope::Manifests, Behaviour::Reserialised, Times::First(1));
    let report = pair.check().run();
    let row = report.expect("ok/upstream-moved", 0);
    assert_eq!((row.digest.clone(), pair.asked()), (Some(pair.digest()), (1, 1)));
}

#[test]
fn a_mirror_whose_get_does_not_bring_what_its_head_promised_is_invalid() {
    let pair = Pair::holding(&index("new"), &index("old"));
    pair.mirror.set_behaviour_times(Scope::Manifests, Behaviour::Html, Times::After(1));
    pair.check().run().expect("invalid/html-answer", 1);
}

#[test]
fn a_tag_whose_digest_is_not_served_is_invalid_where_bytes_are_looked_at() {
    let pair = Pair::misbehaving(Behaviour::TagWithoutDigest);
    pair.check().run().expect("ok/digest-equal", 0);
    let report = pair.check().args("--depth manifest").run();
    let row = report.expect("invalid/digest-unservable", 1);
    assert_eq!(row.digest, Some(pair.digest()));
}

#[test]
fn a_digest_header_of_upstream_that_is_wrong_is_not_the_mirrors_fault() {
    let pair = Pair::new();
    pair.upstream.set_behaviour(Scope::Manifests, Behaviour::WrongDigestHeader);
    let report = pair.check().run();
    let row = report.expect("ok/digest-equal", 0);
    assert_eq!((row.digest.clone(), row.expected_digest.clone()), (Some(pair.digest()), Some(pair.digest())));
    let upstream = report.row("docker.io");
    assert_eq!(
        (upstream.verdict(), upstream.digest.clone()),
        ("invalid/digest-header-wrong".to_owned(), Some(pair.digest()))
    );

    // A mirror that repeats the header is at fault as well.
    pair.mirror.set_behaviour(Scope::Manifests, Behaviour::WrongDigestHeader);
    pair.check().args("--depth manifest").run().expect("invalid/digest-header-wrong", 1);
}

#[test]
fn an_upstream_that_serves_the_tag_and_not_its_digest_can_be_compared_with() {
    let image = index("app");
    let pair = Pair::holding(&image, &content::reserialised(&image));
    pair.upstream.set_behaviour(Scope::Manifests, Behaviour::TagWithoutDigest);
    pair.check().run().expect("same_content/index-reserialised", 0);
}

#[test]
fn a_mirror_that_serves_what_upstream_moved_to_at_the_last_moment_is_ok() {
    let image = index("app");
    let pair = Pair::holding(&image, &content::reserialised(&image));
    pair.upstream.set_behaviour_times(Scope::Manifests, Behaviour::Reserialised, Times::After(2));
    pair.check().run().expect("ok/upstream-moved", 0);
}

#[test]
fn a_pinned_digest_is_all_that_counts() {
    let [old, new] = ["old", "new"].map(index);
    let pair = Pair::holding(&new, &old);
    pair.upstream.store().put_untagged(REPOSITORY, &old);
    let report = pair.check_of(&[&format!("app@{}", old.digest())]).run();
    let row = report.expect("ok/digest-equal", 0);
    assert_eq!(row.expected_digest, Some(old.digest().to_string()));
    assert_eq!((asked(&pair.upstream), pair.asked()), ((1, 0), (1, 0)));

    let report = pair.check_of(&[&format!("app@{}", new.digest())]).run();
    let row = report.expect("missing/manifest-unknown", 1);
    assert_eq!((row.digest.as_deref(), row.expected_digest.clone()), (None, Some(new.digest().to_string())));
}

#[test]
fn a_tag_beside_a_pinned_digest_is_information() {
    let [old, new] = ["old", "new"].map(index);
    let pair = Pair::holding(&new, &old);
    pair.upstream.store().put_untagged(REPOSITORY, &old);
    let report = pair.check_of(&[&format!("app:1.0@{}", old.digest())]).run();
    report.expect("ok/digest-equal", 0);
    let upstream = report.row("docker.io");
    assert_eq!(upstream.verdict(), "ok/served");
    assert_eq!(upstream.digest, Some(old.digest().to_string()));
    assert!(upstream.notes_hold(&format!("the tag '1.0' now stands for {}", new.digest())), "{upstream:#?}");
    let by_digest = format!("/v2/library/app/manifests/{}", old.digest());
    assert_eq!((pair.mirror.hits_to(&by_digest), pair.mirror.hits().len()), (1, 1));

    pair.upstream.store().remove_tag(REPOSITORY, TAG);
    let report = pair.check_of(&[&format!("app:1.0@{}", old.digest())]).run();
    report.expect("ok/digest-equal", 0);
    assert!(report.row("docker.io").notes_hold("no tag '1.0' any more"));
}

#[test]
fn a_pinned_digest_of_another_image_is_a_mismatch() {
    let pair = Pair::new();
    let pinned = format!("app@{}", pair.digest());
    pair.mirror.set_behaviour(Scope::Manifests, Behaviour::NoDigestHeader);
    let other = index("other");
    pair.mirror.set_behaviour(Scope::Manifests, Behaviour::Body(other.document.bytes.to_vec()));
    let report = pair.check_of(&[&pinned]).run();
    report.expect("invalid/digest-mismatch", 1);
    // Upstream is held to the same.
    let report = Check::of(&[&pinned]).upstream(&pair.mirror.url()).run();
    assert_eq!((&*report.row("docker.io").verdict(), report.exit), ("invalid/digest-mismatch", 1));
}
