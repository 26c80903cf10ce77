//! `registries.conf` as skopeo reads it: which `[[registry]]` decides, which files it refuses, and which images.

use registry_check::demo::{Registry, Store, content};
use serde_json::Value;

use crate::support::authority::{Authority, LOOPBACK};
use crate::support::tls_front::{Offer, TlsFront};
use crate::support::tool::{Output, Tool};

fn skopeo(conf: &str, image: &str) -> Output {
    let tool = Tool::of("skopeo").file("registries.conf", conf);
    tool.line("--registries-conf registries.conf inspect --raw").args([format!("docker://{image}")]).run()
}

fn resolve(conf: &str, image: &str) -> Output {
    let tool = Tool::new().file("registries.conf", conf);
    tool.line("resolve -f json --mirrors-from registries.conf").args([image]).run()
}

#[test]
fn skopeo_takes_the_same_entry_for_an_image() {
    let registry = Registry::start(Store::new()).unwrap();
    let wild = [
        "*.com",
        "*.example.com",
        "*.sub.example.com",
        "reg.example.com",
        "x.example.com",
        "REG.example.com",
    ];
    for (prefixes, image, decides) in [
        (&wild[..], "a.sub.example.com/x", 2),
        (&wild, "reg.example.com/x", 3),
        (&wild, "other.example.com/x", 1),
        (&wild, "x.example.com/x", 1),
        (&wild, "REG.example.com/x", 5),
        (&wild, "Reg.example.com/x", 1),
        (&wild, "b.com/x", 0),
        (&["*.io", "a.io"], "a.io/x", 0),
        (&["*.io", "a.io/x"], "a.io/x", 1),
        (&["*.io", "*.A.io", "docker.io/library/x:1"], "b.a.io/x", 0),
        (&["docker.io/library", "docker.io/library/x:1"], "x:1", 0),
    ] {
        for turned in [false, true] {
            let mut entries: Vec<_> = prefixes.iter().enumerate().collect();
            if turned {
                entries.reverse();
            }
            let entry = |(at, prefix): (usize, &&str)| {
                let place = format!("{}/to{at}", registry.authority());
                format!("[[registry]]\nprefix = '{prefix}'\nlocation = '{place}'\ninsecure = true\n")
            };
            let conf: String = entries.into_iter().map(entry).collect();
            let ours: Value = serde_json::from_str(&resolve(&conf, image).stdout).expect("one object");
            let url = ours["endpoints"][0]["plain_url"].as_str().unwrap().to_owned();
            let path = url.strip_prefix(&registry.url()).unwrap();
            assert!(path.starts_with(&format!("/v2/to{decides}/")), "{image} {path}");
            let before = registry.hits_to(path);
            let theirs = skopeo(&conf, image);
            assert_eq!(registry.hits_to(path), before + 1, "{image} {path} {theirs:?}");
        }
    }
}

#[test]
fn skopeo_refuses_the_same_files_and_images() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Outcome {
        Asked,
        FileRefused,
        ImageRefused,
    }
    use Outcome::{Asked, FileRefused, ImageRefused};
    let registry = Registry::start(Store::new()).unwrap();
    let own = format!("[[registry]]\nlocation = '{}'\ninsecure = true\n", registry.authority());
    let mirror = |location: &str| format!("{own}[[registry.mirror]]\nlocation = '{location}'\n");
    let alias = |alias: &str| format!("{own}[aliases]\n{alias}\n");
    let search = |hosts: &str| format!("unqualified-search-registries = [{hosts}]\n{own}");
    let twice = |rest: &str| format!("{own}[[registry]]\nlocation = 'b.io'\n[[registry]]\n{rest}\n");
    for (conf, expected) in [
        (alias("'bad:1' = 'reg.example.com/x'"), FileRefused),
        (alias("'bad:1' = ''"), FileRefused),
        (alias("x = 'reg.example.com/x:tagged'"), FileRefused),
        (alias("'localhost/z' = 'a.io/z'"), FileRefused),
        (alias("y = 'y'"), FileRefused),
        (alias("y = 'library/y'"), FileRefused),
        (alias("Up = 'a.io/y'"), FileRefused),
        (alias("'ns/img' = 'a.io/a/b/c'"), Asked),
        (alias("x = 'localhost:5000/x'"), Asked),
        (alias("x = ''"), Asked),
        (search("'reg.example.com/ns'"), FileRefused),
        (search("'https://reg.example.com'"), FileRefused),
        (search("''"), FileRefused),
        (search("'a.io:5000', 'b.io/', 'foo'"), Asked),
        (format!("short-name-mode = 'bogus'\n{own}"), FileRefused),
        (format!("short-name-mode = 'permissive'\n{own}"), Asked),
        (twice("location = 'b.io'\nblocked = true"), FileRefused),
        (twice("location = 'b.io'\ninsecure = true"), FileRefused),
        (twice("prefix = 'c.io'\nlocation = 'b.io/'\nblocked = true"), FileRefused),
        (twice("location = 'b.io'"), Asked),
        (twice("location = 'B.io'\nblocked = true"), Asked),
        (mirror("m.example/foo:1"), ImageRefused),
        (mirror("m.example:latest/foo"), ImageRefused),
        (mirror("m.example/Up"), ImageRefused),
        (mirror("*.m.example"), ImageRefused),
        (own.replace("location", "prefix") + "location = '*.m.example'\n", ImageRefused),
        (mirror(""), FileRefused),
        (
            mirror("m.example'\npull-from-mirror = 'digest-only")
                .replace("[[registry.", "mirror-by-digest-only = true\n[[registry."),
            FileRefused,
        ),
        (
            mirror("m.example'\npull-from-mirror = '")
                .replace("[[registry.", "mirror-by-digest-only = true\n[[registry."),
            Asked,
        ),
        (mirror("https://m.example"), FileRefused),
    ] {
        let image = format!("{}/x:1", registry.authority());
        let ours = resolve(&conf, &image);
        let told = serde_json::from_str(&ours.stdout).unwrap_or(Value::Null);
        let found = match ours.code {
            Some(2) if ours.stderr.starts_with("registries.conf:") && ours.stderr.contains("hint: ") => {
                FileRefused
            }
            Some(0) if told["refused"].is_string() => ImageRefused,
            Some(0) => Asked,
            _ => panic!("{conf}\n{ours:?}"),
        };
        assert_eq!(found, expected, "{conf}\n{ours:?}");
        let before = registry.manifest_hits("GET");
        let theirs = skopeo(&conf, &image);
        let found = match registry.manifest_hits("GET") - before {
            1 => Asked,
            0 if theirs.stderr.contains("loading registries configuration") => FileRefused,
            0 if theirs.stderr.contains("rewriting reference") => ImageRefused,
            _ => panic!("{conf}\n{theirs:?}"),
        };
        assert_eq!(found, expected, "{conf}\n{theirs:?}");
    }
}

#[test]
fn a_place_where_the_images_name_is_blocked_is_passed_over_as_by_skopeo() {
    let (own, mirror) = (Registry::start(Store::new()).unwrap(), Registry::start(Store::new()).unwrap());
    let (at_own, at_mirror) = (own.authority(), mirror.authority());
    let conf = format!(
        "[[registry]]\nlocation = '{at_own}'\ninsecure = true\n\
         [[registry.mirror]]\nlocation = '{at_mirror}/m'\ninsecure = true\n\
         [[registry]]\nprefix = '{at_mirror}/m/x'\nlocation = '{at_mirror}'\nblocked = true\n"
    );
    for (name, is_blocked) in [("x", true), ("x/y", true), ("xy", false)] {
        let image = format!("{at_own}/{name}:1");
        let paths = [format!("/v2/m/{name}/manifests/1"), format!("/v2/{name}/manifests/1")];
        let hits = || [mirror.hits_to(&paths[0]), own.hits_to(&paths[1])];
        let theirs = skopeo(&conf, &image);
        assert_eq!(hits(), [usize::from(!is_blocked), 1], "{theirs:?}");
        assert_eq!(theirs.stderr.contains(&format!("registry {at_mirror}/m/x is blocked")), is_blocked);

        let ours: Value = serde_json::from_str(&resolve(&conf, &image).stdout).expect("one object");
        let step = &ours["endpoints"][0];
        assert_eq!((step["used"] == false, &ours["refused"]), (is_blocked, &Value::Null), "{ours}");
        assert_eq!(step["why"] == "not used: blocked at registries.conf:7", is_blocked, "{step}");
        let tool = Tool::new().file("registries.conf", &conf);
        tool.line("resolve --try --mirrors-from registries.conf").args([&image]).run();
        assert_eq!(hits(), [2 * usize::from(!is_blocked), 2], "{image}");

        let tool = Tool::new().file("registries.conf", &conf).file("images.txt", format!("{image}\n"));
        let check = tool.line("images.txt --mirrors-from registries.conf").run();
        let told = format!(
            "registries.conf:1: containers/image would not ask {at_mirror}/m for {image}: blocked at registries.conf:7; by \
             this file a check does not ask it either"
        );
        assert_eq!(check.stderr.contains(&told), is_blocked, "{check:?}");
        assert_eq!(mirror.hits_to(&paths[0]) > 0, !is_blocked, "{check:?}");
    }
}

#[test]
fn of_one_host_only_the_places_that_are_insecure_themselves_take_any_certificate() {
    let mut store = Store::new();
    for repository in ["a/x", "b/x", "x"] {
        store.put(repository, "1", &content::image("x", "linux/amd64"));
    }
    let behind = Registry::start(store).unwrap();
    let ca = Authority::new("Firm CA");
    let issued = ca.issue("front", &LOOPBACK);
    let front = TlsFront::start(behind.addr(), &issued, None, Offer::Http1);
    let plain = Registry::start(Store::new()).unwrap();
    let (front, plain) = (front.address(), plain.authority());
    let table = |location: &str, rest: &str| format!("[[registry]]\nlocation = '{location}'\n{rest}");
    let mirror = |location: &str, rest: &str| format!("[[registry.mirror]]\nlocation = '{location}'\n{rest}");
    let insecure = "insecure = true\n";
    let own = table(&plain, insecure);
    let other = table(&format!("{front}/other"), insecure);
    let (a, b) = (mirror(&format!("{front}/a"), ""), mirror(&format!("{front}/b"), insecure));
    for (conf, image, asked) in [
        (format!("{own}{a}{b}"), format!("{plain}/x:1"), &[false, true][..]),
        (format!("{own}{b}{a}"), format!("{plain}/x:1"), &[true, false]),
        (format!("{own}{a}{other}"), format!("{plain}/x:1"), &[false]),
        (format!("{}{other}", table(&front.to_string(), "")), format!("{front}/x:1"), &[false]),
        (table(&front.to_string(), insecure), format!("{front}/x:1"), &[true]),
        (other.clone(), format!("{front}/x:1"), &[false]),
        (
            format!("[[registry]]\nprefix = '{front}/x'\nlocation = '{front}/x'\n{insecure}"),
            format!("{front}/x:1"),
            &[true],
        ),
    ] {
        let ours: Value = serde_json::from_str(&resolve(&conf, &image).stdout).expect("one object");
        let tool = Tool::new().file("registries.conf", &conf);
        let tried = tool
            .line("resolve --try -f json --mirrors-from registries.conf --retries 0")
            .args([&image])
            .run();
        let tried: Value = serde_json::from_str(&tried.stdout).expect("one object");
        for (at, is_insecure) in asked.iter().enumerate() {
            let tls = &ours["endpoints"][at]["tls"];
            assert_eq!(tls["verified"] == false, *is_insecure, "{conf}\n{ours:#}");
            let said = tried["endpoints"][at]["answer"].to_string();
            assert_eq!(said.contains("certificate"), !is_insecure, "{conf}\n{tried:#}");
        }
        let served = |at: usize| ours["endpoints"][at]["url"].as_str().unwrap().to_owned();
        let first = asked.iter().position(|is_asked| *is_asked).map(served);
        assert_eq!(tried["pull"]["served_by"].as_str().map(str::to_owned), first, "{conf}\n{tried:#}");
        behind.forget_hits();
        let theirs = skopeo(&conf, &image);
        assert_eq!(theirs.code == Some(0), first.is_some(), "{conf}\n{theirs:?}");
        let path = first.map(|url| url.split_once("/v2/").unwrap().1.to_owned());
        assert_eq!(behind.manifest_hits("GET"), usize::from(path.is_some()), "{conf}\n{theirs:?}");
        assert!(path.is_none_or(|path| behind.hits_to(&format!("/v2/{path}")) == 1), "{conf}\n{theirs:?}");
    }
}

#[test]
fn a_wildcard_that_is_its_own_location_refuses_its_images_before_anybody_is_asked() {
    for conf in ["location = '*.a.invalid'", "prefix = '*.a.invalid'\nlocation = '*.a.invalid/'"] {
        let conf = format!("[[registry]]\n{conf}\n");
        let theirs = skopeo(&conf, "x.a.invalid/x:1");
        assert!(theirs.stderr.contains("rewriting reference: invalid reference format"), "{theirs:?}");
        let ours = resolve(&conf, "x.a.invalid/x:1");
        let told: Value = serde_json::from_str(&ours.stdout).expect("one object");
        let refused = told["refused"].as_str().unwrap_or_default();
        assert!(
            refused.starts_with("*.a.invalid: ") && refused.ends_with("before anybody is asked"),
            "{told}"
        );
        let note = "no name can begin with the location '*.a.invalid': containers/image pulls no image that it is for";
        assert!(ours.stderr.contains(note), "{ours:?}");
    }
}

#[test]
fn of_a_blocked_registry_it_is_told_what_skopeo_asks_all_the_same() {
    let registry = Registry::start(Store::new()).unwrap();
    let at = registry.authority();
    let mirror = |rest: &str| format!("[[registry.mirror]]\nlocation = '{at}/m'\ninsecure = true\n{rest}");
    let blocked = "[[registry]]\nlocation = 'a.invalid'\nblocked = true\n";
    let moved =
        format!("[[registry]]\nprefix = 'a.invalid'\nlocation = '{at}/l'\nblocked = true\ninsecure = true\n");
    let within = "[[registry.mirror]]\nlocation = 'a.invalid/m'\n";
    for (conf, told, paths) in [
        (blocked.to_owned(), "", [0, 0]),
        (format!("{blocked}{}", mirror("")), "mirrors", [1, 0]),
        (format!("{blocked}{}", mirror("pull-from-mirror = 'digest-only'\n")), "", [0, 0]),
        (format!("{blocked}{within}"), "", [0, 0]),
        (moved.clone(), "location", [0, 1]),
        (format!("{moved}{}", mirror("")), "mirrors", [1, 1]),
    ] {
        let ours = resolve(&conf, "a.invalid/x:1");
        let ours: Value = serde_json::from_str(&ours.stdout).expect("one object");
        let told = match told {
            "" => String::new(),
            whom => format!("; containers/image 5.22 (skopeo 1.9) asks its {whom} all the same"),
        };
        assert_eq!(ours["refused"], format!("blocked at registries.conf:1{told}"), "{conf}");
        let tool = Tool::new().file("registries.conf", &conf).file("images.txt", "a.invalid/x:1\n");
        let check = tool.line("images.txt --mirrors-from registries.conf --retries 0").run();
        let warning = format!("would not pull a.invalid/x:1: the registry is blocked{told}\n");
        assert!(check.stderr.contains(&warning), "{check:?}");
        assert_eq!(registry.hits().len(), 0, "{check:?}");
        let theirs = skopeo(&conf, "a.invalid/x:1");
        let hits = ["m", "l"].map(|part| registry.hits_to(&format!("/v2/{part}/x/manifests/1")));
        // Newer versions ask nobody.
        assert!(
            hits == paths || !theirs.stderr.contains("Mirrors also failed") && hits == [0, 0],
            "{conf}\n{theirs:?}"
        );
        registry.forget_hits();
    }
}

#[test]
fn a_slash_behind_a_mirror_is_told_since_some_versions_refuse_its_images() {
    let registry = Registry::start(Store::new()).unwrap();
    let at = registry.authority();
    let conf = |slash: &str| {
        format!(
            "[[registry]]\nprefix = 'a.invalid'\nlocation = '{at}/l{slash}'\ninsecure = true\n\
             [[registry.mirror]]\nlocation = '{at}/m{slash}'\ninsecure = true\n"
        )
    };
    for slash in ["", "/"] {
        let ours = resolve(&conf(slash), "a.invalid/x:1");
        let told: Value = serde_json::from_str(&ours.stdout).expect("one object");
        let urls = ["m", "l"].map(|part| format!("http://{at}/v2/{part}/x/manifests/1"));
        let found = [0, 1].map(|step| told["endpoints"][step]["plain_url"].as_str().unwrap_or_default());
        assert_eq!(found, [&*urls[0], &*urls[1]]);
        let note = format!(
            "registries.conf:6: a slash at the end of '{at}/m/': containers/image 5.22 (skopeo 1.9) pulls no image that this \
             is for: write it without"
        );
        assert_eq!(ours.stderr.contains(&note), slash == "/", "{ours:?}");
        assert_eq!(ours.stderr.matches("a slash at the end").count(), slash.len(), "{ours:?}");
        let theirs = skopeo(&conf(slash), "a.invalid/x:1");
        let is_refused = theirs.stderr.contains("rewriting reference: invalid reference format");
        assert_eq!(registry.manifest_hits("GET"), if is_refused { 0 } else { 2 }, "{theirs:?}");
        assert!(!is_refused || slash == "/", "{theirs:?}");
        registry.forget_hits();
    }
}
