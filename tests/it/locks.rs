//! Images pinned to what their registries serve, and checked by the lock afterwards.

use registry_check::demo::{Behaviour, Failure, Registry, Scope, Store, content};

use crate::support::report;
use crate::support::small::{assert_not_asked, mirror, registry};
use crate::support::tool::{Output, Tool};

const HEADER: &str = "# registry-check lock: the digest that each image's own registry serves for it\n";

fn digest(name: &str) -> String {
    content::image(name, "linux/amd64").digest().to_string()
}

fn compose(registry: &Registry, images: &[&str]) -> String {
    let service = |name: &&str| format!("  {name}:\n    image: {}/{name}:1.0\n", registry.authority());
    format!("services:\n{}", images.iter().map(service).collect::<String>())
}

fn whole(output: &Output) -> &str {
    assert_eq!(output.code, Some(0), "{output:?}");
    &output.stdout
}

#[test]
fn a_lock_pins_each_image_once_with_its_places_by_one_head_of_its_own_registry() {
    let (upstream, other) = (registry(&["one", "two"]), registry(&["one"]));
    let host = upstream.authority();
    let config = format!("[[mirrors]]\nurl = \"{}\"\nfor = [\"{host}\"]\n", other.url());
    let output = Tool::new()
        .file("compose.yaml", compose(&upstream, &["one", "two"]))
        .file("more.txt", format!("{host}/one:1.0\n"))
        .file("registry-check.toml", config)
        .line("lock compose.yaml more.txt")
        .run();
    let [one, two] = ["one", "two"].map(digest);
    let expected = format!(
        "{HEADER}{host}/one:1.0@{one} # compose.yaml:3, more.txt:1\n{host}/two:1.0@{two} # compose.yaml:5\n"
    );
    assert_eq!(whole(&output), expected);
    assert_eq!(output.stderr, "");
    assert_eq!((upstream.hits().len(), upstream.manifest_hits("HEAD")), (2, 2), "{:?}", upstream.hits());
    assert_not_asked(&other);
}

#[test]
fn a_lock_is_an_input_that_holds_every_mirror_to_its_digest() {
    let upstream = registry(&["app"]);
    let lock = Tool::new()
        .file("images.txt", format!("{}/app:1.0\n", upstream.authority()))
        .line("lock images.txt -o images.lock")
        .run();
    assert_eq!((lock.code, &*lock.stdout, &*lock.stderr), (Some(0), "", ""), "{lock:?}");
    let text = lock.file("images.lock");
    assert_eq!(text, format!("{HEADER}{}/app:1.0@{} # images.txt:1\n", upstream.authority(), digest("app")));
    assert_eq!(lock.files(), ["images.lock", "images.txt"], "nothing else is left behind");

    // Upstream and one mirror move on; the other mirror stays.
    let mut moved = Store::new();
    moved.put("app", "1.0", &content::image("moved", "linux/amd64"));
    let [stays, moves] = [registry(&["app"]), Registry::start(moved).expect("a port")];
    upstream.store().put("app", "1.0", &content::image("moved", "linux/amd64"));
    let checked = Tool::new()
        .file("images.lock", &text)
        .line("images.lock -f json")
        .args([mirror(&upstream, &stays), mirror(&upstream, &moves)])
        .run();
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let rows = report::json_rows(&report::json(&checked.stdout));
    let told: Vec<_> = rows.iter().map(|row| (&*row.role, &*row.status)).collect();
    assert_eq!(told, [("upstream", "ok"), ("mirror", "ok"), ("mirror", "missing")]);
    assert!(rows.iter().all(|row| row.origin == "images.lock:2"));

    // What is pinned stays so while it is there, whatever the tag stands for now.
    let again = Tool::new().file("x.lock", &text).line("lock x.lock").run();
    assert_eq!(whole(&again), text.replace("images.txt:1", "x.lock:2"));
}

#[test]
fn what_cannot_be_pinned_is_told_with_its_cause_and_no_file_is_touched() {
    let upstream = registry(&["good", "down"]);
    let failing = Behaviour::Status(Failure::text(500, "", ""));
    upstream.set_behaviour(Scope::Repository("down".to_owned()), failing);
    let host = upstream.authority();
    let gone = format!("{host}/good@{}", digest("gone"));
    let run = |list: &str, flags: &str| {
        Tool::new().file("list", list).file("old.lock", "old").line("lock list --retries 0").line(flags).run()
    };
    let pinned = format!("{HEADER}{host}/good:1.0@{} # list:1\n", digest("good"));

    let missing = run(&format!("{host}/good:1.0\n{host}/none:1.0\n{gone}\n"), "");
    assert_eq!((missing.code, &*missing.stdout), (Some(1), &*pinned), "{missing:?}");
    let lines: Vec<_> = missing.stderr.lines().collect();
    assert!(lines[0].starts_with(&format!("list:2: {host}/none:1.0: not pinned: ")), "{}", lines[0]);
    assert!(lines[0].ends_with("[manifest-unknown]"), "{}", lines[0]);
    assert!(lines[1].starts_with(&format!("list:3: {gone}: not pinned: ")), "{}", lines[1]);
    assert!(lines[1].ends_with("[manifest-unknown]"), "{}", lines[1]);
    assert_eq!(lines[2], "error: 2 of 3 images not pinned");

    let unknown = run(&format!("{host}/good:1.0\n{host}/down:1.0\n"), "-o old.lock");
    assert_eq!((unknown.code, &*unknown.stdout), (Some(3), ""), "{unknown:?}");
    assert!(unknown.stderr.starts_with(&format!("list:2: {host}/down:1.0: not pinned: ")), "{unknown:?}");
    assert!(unknown.stderr.contains("500"), "{}", unknown.stderr);
    assert!(unknown.stderr.ends_with("error: 1 of 2 images not pinned: no lock is written\n"));
    assert_eq!(unknown.file("old.lock"), "old");
    assert_eq!(unknown.files(), ["list", "old.lock"]);

    let both = run(&format!("{host}/none:1.0\n{host}/down:1.0\n"), "");
    assert_eq!((both.code, &*both.stdout), (Some(1), HEADER), "a missing image weighs more: {both:?}");

    let alone = run(&gone, "");
    assert_eq!(
        (alone.code, &*alone.stdout),
        (Some(1), HEADER),
        "a digest that is gone is missing: {alone:?}"
    );
}

#[test]
fn locks_that_make_no_sense_are_refused_before_anybody_is_asked() {
    let upstream = registry(&["app"]);
    for (flags, told) in [
        ("--mirror example.com", "'lock' has no use for --mirror"),
        ("--allow missing", "'lock' has no use for --allow"),
        ("-f json", "'lock' has no report in the format 'json'"),
        ("-o list", "cannot write list: is read by this run, and would be overwritten"),
        ("-o a.lock -o b.lock", "cannot write b.lock: a lock goes to one file"),
        ("-o no/a.lock", "cannot write no/a.lock: no such folder"),
        ("bad", "bad:1: Bad: repository name must be lowercase"),
    ] {
        let output = Tool::new()
            .file("list", format!("{}/app:1.0\n", upstream.authority()))
            .file("bad", "Bad\n")
            .line("lock list")
            .line(flags)
            .run();
        assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{flags}: {output:?}");
        assert!(output.stderr.contains(told), "{flags}: {}", output.stderr);
        assert_eq!(output.files(), ["bad", "list"], "{flags}");
    }
    assert_not_asked(&upstream);
}

#[test]
fn a_lock_keeps_what_its_inputs_say_of_how_an_image_is_checked() {
    let upstream = registry(&["one", "two"]);
    let host = upstream.authority();
    let compose = format!(
        "services:\n  a: {{image: '{host}/one:1.0', platform: linux/amd64}}\n  b: {{image: '{host}/one:1.0', platform: linux/arm64}}\n"
    );
    let lock = Tool::new()
        .file("compose.yaml", compose)
        .file("list.txt", format!("{host}/two:1.0 depth=manifest platform=linux/amd64\n"))
        .line("lock compose.yaml list.txt")
        .run();
    let [one, two] = ["one", "two"].map(digest);
    let expected = format!(
        "{HEADER}{host}/one:1.0@{one} platform=linux/amd64,linux/arm64 # compose.yaml:2, compose.yaml:3\n\
         {host}/two:1.0@{two} depth=manifest platform=linux/amd64 # list.txt:1\n"
    );
    assert_eq!(whole(&lock), expected);
    let again = Tool::new().file("images.lock", lock.stdout.clone()).line("images -f json images.lock").run();
    let listed: serde_json::Value = serde_json::from_str(whole(&again)).expect("JSON");
    assert_eq!(
        listed["images"][0]["places"][0]["platforms"],
        serde_json::json!(["linux/amd64", "linux/arm64"])
    );
}

#[test]
fn a_lock_says_what_is_not_in_it_and_stays_a_list() {
    let upstream = registry(&["one"]);
    let compose = format!("{}  open:\n    image: app:${{V}}\n", compose(&upstream, &["one"]));
    let lock = Tool::new().file("compose.yaml", compose).line("lock compose.yaml -o images.lock").run();
    assert_eq!(lock.code, Some(0), "{lock:?}");
    let text = lock.file("images.lock");
    let expected = format!(
        "{HEADER}{}/one:1.0@{} # compose.yaml:3\n# not in this lock, not known offline: compose.yaml:5 (document 1, \
         services.open.image): app:${{V}}: the variable V without a value\n",
        upstream.authority(),
        digest("one")
    );
    assert_eq!(text, expected);
    let again = Tool::new().file("images.lock", &text).line("images images.lock").run();
    assert_eq!((again.code, again.stdout.lines().count()), (Some(0), 1), "{again:?}");
}
