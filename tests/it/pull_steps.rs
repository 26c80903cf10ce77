//! `resolve --try`, step by step: podman and skopeo ping a host and read its manifest by GET, containerd asks by HEAD
//! and takes the bytes by digest. A real skopeo goes the same way.

use registry_check::demo::{Behaviour, Failure, Hit, Registry, Scope, Store, Times, User, content};
use serde_json::Value;

use crate::support::authority::{Authority, LOOPBACK};
use crate::support::tls_front::{Offer, TlsFront};
use crate::support::tool::{Output, Tool};

fn holding(revision: &str) -> Registry {
    let mut store = Store::new();
    store.put("team/app", "1.0", &content::image(revision, "linux/amd64"));
    Registry::start(store).unwrap()
}

fn line(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value:#}"))
}

/// A mirror with an old image, the registry itself with a new one, and a place that redirects lead to.
struct Places {
    mirror: Registry,
    primary: Registry,
    other: Registry,
}

/// What was asked of one place, in turn. skopeo's question for a protocol before the last one changes nothing.
fn asked(place: &Registry) -> Vec<String> {
    let line = |hit: Hit| {
        let status = hit.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        (hit.path != "/v1/_ping").then(|| format!("{} {} {status}", hit.method, hit.path))
    };
    let lines = place.hits().into_iter().filter_map(line).collect();
    place.forget_hits();
    lines
}

impl Places {
    fn new() -> Self {
        Self { mirror: holding("old"), primary: holding("new"), other: holding("new") }
    }

    fn image(&self, reference: &str) -> String {
        format!("{}/team/app{reference}", self.primary.authority())
    }

    fn all(&self) -> [&Registry; 3] {
        [&self.mirror, &self.primary, &self.other]
    }

    fn conf(&self) -> String {
        format!(
            "[[registry]]\nlocation = \"{}\"\ninsecure = true\n[[registry.mirror]]\nlocation = \"{}\"\ninsecure = true\n",
            self.primary.authority(),
            self.mirror.authority()
        )
    }

    /// What skopeo brings.
    fn skopeo(&self, image: &str) -> Output {
        Tool::of("skopeo")
            .file("registries.conf", self.conf())
            .file("policy.json", r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
            .line("--registries-conf registries.conf --policy policy.json inspect --raw")
            .args([format!("docker://{image}")])
            .run()
    }

    fn podman(&self, args: &str, image: &str) -> Output {
        Tool::new()
            .file("registries.conf", self.conf())
            .line("resolve --try --retries 0 --mirrors-from registries.conf")
            .line(args)
            .args([image])
            .run()
    }

    /// What skopeo asks each place is how our questions to it begin; and the registry itself is asked by skopeo where we say
    /// that the mirror leads on to it, and only there.
    fn agree(&self, reference: &str) -> (Value, Output) {
        let image = self.image(reference);
        let theirs = self.skopeo(&image);
        let [mirror, primary, other] = self.all().map(asked);
        let ours = self.podman("-f json", &image);
        let told = line(&ours);
        let case = || format!("{told:#}\n{theirs:?}");
        // Ours goes on: to the registry itself in any case, and to whatever tells why two images differ.
        for (place, theirs) in self.all().into_iter().zip([mirror, primary.clone(), other]) {
            let mut ours = asked(place);
            ours.truncate(theirs.len());
            assert_eq!(ours, theirs, "{}", case());
        }
        let leads_on = told["endpoints"][0]["answer"]["then"] == "falls_through";
        assert_eq!(leads_on, !primary.is_empty(), "{}", case());
        (told, theirs)
    }

    /// `hosts.toml` for the registry itself with the mirror, and then the other place.
    fn containerd(&self, args: &str, image: &str) -> Output {
        let folder = format!("certs.d/{}_/hosts.toml", self.primary.authority().replace(':', "_"));
        let hosts = format!("[host.\"{}\"]\n[host.\"{}\"]\n", self.mirror.url(), self.other.url());
        Tool::new()
            .file(&folder, hosts)
            .line("resolve --try --retries 0 --mirrors-from certs.d")
            .line(args)
            .args([image])
            .run()
    }
}

#[test]
fn skopeo_and_we_give_up_a_mirror_whose_root_answers_with_neither_200_nor_401() {
    for status in [404, 403, 500, 400, 204] {
        let places = Places::new();
        let page = Failure::text(status, "text/plain", "");
        places.mirror.set_behaviour(Scope::Ping, Behaviour::Status(page));
        let (told, theirs) = places.agree(":1.0");
        assert_eq!(theirs.code, Some(0), "{theirs:?}");
        let answer = &told["endpoints"][0]["answer"];
        assert_eq!(
            (&answer["ping"]["ok"], &answer["ping"]["http_status"]),
            (&false.into(), &status.into()),
            "{told:#}"
        );
        assert_eq!((&answer["digest"], &told["pull"]["role"]), (&Value::Null, &"upstream".into()));
        let why = text(&answer["then_why"]);
        assert!(why.starts_with(&format!("its /v2/ comes first and answered {status}: ")), "{why}");
        // Nobody asks for a manifest there.
        assert_eq!(told["findings"][0]["kind"], "silent-fallback-to-upstream");
        let shown = places.podman("", &places.image(":1.0"));
        let root = format!("asked for {}/v2/: ", places.mirror.url());
        assert!(shown.stdout.contains(&root) && shown.stdout.contains(why), "{}", shown.stdout);
        assert_eq!(places.mirror.hits().iter().filter(|hit| hit.is_manifest()).count(), 0);
    }
}

#[test]
fn skopeo_and_we_ask_a_mirror_whose_root_wants_credentials_or_shows_a_page() {
    for behaviour in [Behaviour::Html, Behaviour::Challenge(Vec::new())] {
        let places = Places::new();
        places.mirror.set_behaviour(Scope::Ping, behaviour);
        let (told, _) = places.agree(":1.0");
        assert_eq!(told["endpoints"][0]["answer"]["ping"]["ok"], true, "{told:#}");
        assert_eq!(told["findings"][0]["kind"], "stale-mirror-wins");
    }
}

#[test]
fn skopeo_and_we_follow_redirects_of_a_root_and_take_what_they_lead_to() {
    for (at_the_end, then) in [(None, "takes"), (Some(404), "falls_through"), (Some(403), "falls_through")] {
        let places = Places::new();
        places.mirror.set_behaviour(Scope::Ping, Behaviour::RedirectTo(places.other.url()));
        if let Some(status) = at_the_end {
            let page = Failure::text(status, "text/plain", "no");
            places.other.set_behaviour(Scope::Ping, Behaviour::Status(page));
        }
        let (told, _) = places.agree(":1.0");
        assert_eq!(told["endpoints"][0]["answer"]["then"], then, "{told:#}");
    }
    let nowhere = Places::new();
    let page = Failure::text(302, "text/plain", "");
    nowhere.mirror.set_behaviour(Scope::Ping, Behaviour::Status(page));
    assert_eq!(nowhere.agree(":1.0").0["endpoints"][0]["answer"]["then"], "falls_through");
    let round = Places::new();
    round.mirror.set_behaviour(Scope::Ping, Behaviour::RedirectLoop);
    assert_eq!(round.agree(":1.0").0["endpoints"][0]["answer"]["then"], "falls_through");
}

#[test]
fn skopeo_and_we_go_on_from_a_root_that_closes_the_connection() {
    let places = Places::new();
    places.mirror.set_behaviour(Scope::Ping, Behaviour::Reset);
    // How often Go's client and ours dial again is their own matter.
    let image = places.image(":1.0");
    let theirs = places.skopeo(&image);
    assert_eq!((theirs.code, asked(&places.primary).len()), (Some(0), 2), "{theirs:?}");
    let told = line(&places.podman("-f json", &image));
    let answer = &told["endpoints"][0]["answer"];
    assert_eq!((&answer["then"], &answer["ping"]["http_status"]), (&"falls_through".into(), &Value::Null));
    assert_eq!(answer["then_why"], "its /v2/ comes first: no answer leads to the next");
    assert_eq!(places.mirror.hits().iter().filter(|hit| hit.is_manifest()).count(), 0);
}

#[test]
fn skopeo_and_we_ask_an_insecure_mirror_that_speaks_tls_over_https_alone() {
    let places = Places::new();
    let ca = Authority::new("Firm CA");
    let issued = ca.issue("front", &LOOPBACK);
    let front = TlsFront::start(places.mirror.addr(), &issued, None, Offer::Http1);
    let conf = places.conf().replace(&places.mirror.authority(), &front.address().to_string());
    for root in [None, Some(404)] {
        if let Some(status) = root {
            let page = Failure::text(status, "text/plain", "no");
            places.mirror.set_behaviour(Scope::Ping, Behaviour::Status(page));
        }
        let theirs = Tool::of("skopeo")
            .file("registries.conf", &conf)
            .file("policy.json", r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
            .line("--registries-conf registries.conf --policy policy.json inspect --raw")
            .args([format!("docker://{}", places.image(":1.0"))])
            .run();
        assert_eq!(theirs.code, Some(0), "{theirs:?}");
        let (mirror, primary) = (asked(&places.mirror), asked(&places.primary));
        let ours = Tool::new()
            .file("registries.conf", &conf)
            .line("resolve --try -f json --retries 0 --mirrors-from registries.conf")
            .args([places.image(":1.0")])
            .run();
        let told = line(&ours);
        let mut our_mirror = asked(&places.mirror);
        our_mirror.truncate(mirror.len());
        assert_eq!(our_mirror, mirror, "{told:#}");
        assert_eq!(told["pull"]["role"] == "upstream", !primary.is_empty(), "{told:#}");
        if root.is_some() {
            let why = text(&told["endpoints"][0]["why"]);
            assert!(why.ends_with("https did not work (/v2/ answered 404): asked over http"), "{why}");
        }
        places.all().into_iter().for_each(Registry::forget_hits);
    }
}

#[test]
fn a_root_that_never_answers_leads_podman_on_once_its_time_is_over() {
    let places = Places::new();
    places.mirror.set_behaviour(Scope::Ping, Behaviour::Silent);
    let told = line(&places.podman("-f json --timeout 1", &places.image(":1.0")));
    let answer = &told["endpoints"][0]["answer"];
    assert_eq!((&answer["then"], &told["pull"]["role"]), (&"falls_through".into(), &"upstream".into()));
    let why = text(&answer["then_why"]);
    assert!(why.starts_with("its /v2/ comes first: no answer leads to the next; how long"), "{why}");
}

#[test]
fn skopeo_and_we_read_the_manifest_itself_and_go_on_where_its_bytes_do_not_come() {
    let page = |status| Behaviour::Status(Failure::text(status, "text/plain", "no"));
    for behaviour in [Behaviour::Short(10), page(404), page(500), page(206), Behaviour::NotFoundHtml] {
        let places = Places::new();
        places.mirror.set_behaviour(Scope::Manifests, behaviour.clone());
        let (told, theirs) = places.agree(":1.0");
        assert_eq!(theirs.code, Some(0), "{theirs:?}");
        assert_eq!(told["pull"]["role"], "upstream", "{behaviour:?} {told:#}");
        assert_eq!(told["findings"].as_array().map(Vec::len), Some(1), "{told:#}");
        assert_eq!(told["findings"][0]["kind"], "silent-fallback-to-upstream");
    }
}

#[test]
fn skopeo_and_we_ask_nobody_else_after_a_200_whatever_comes_with_it() {
    let digest = content::image("new", "linux/amd64").digest().clone();
    let pinned = format!("@{digest}");
    for (behaviour, reference) in [
        (Behaviour::Html, ":1.0"),
        (Behaviour::Body(b"<html>".to_vec()), ":1.0"),
        (Behaviour::Body(b"<html>".to_vec()), &pinned),
        (Behaviour::WrongBody, &pinned),
    ] {
        let places = Places::new();
        places.mirror.store().put("team/app", "new", &content::image("new", "linux/amd64"));
        places.mirror.set_behaviour(Scope::Manifests, behaviour.clone());
        let (told, _) = places.agree(reference);
        let (answer, pull) = (&told["endpoints"][0]["answer"], &told["pull"]);
        assert_eq!(
            (&answer["then"], &pull["outcome"]),
            (&"stops".into(), &"nobody".into()),
            "{behaviour:?} {told:#}"
        );
        assert_eq!(pull["comparison"], "nothing_served");
        let shown = places.podman("", &places.image(reference));
        assert!(!shown.stdout.contains("the same as upstream's"), "{}", shown.stdout);
    }
}

#[test]
fn a_digest_that_upstream_does_not_have_is_not_said_to_be_the_same_as_upstreams() {
    let places = Places::new();
    let old = content::image("old", "linux/amd64").digest().clone();
    for output in [
        places.podman("-f json", &places.image(&format!("@{old}"))),
        places.containerd("-f json", &places.image(&format!("@{old}"))),
    ] {
        let told = line(&output);
        let pull = &told["pull"];
        assert_eq!(
            (&pull["outcome"], &pull["comparison"]),
            (&"served".into(), &"unknown".into()),
            "{told:#}"
        );
        assert_eq!(
            (&pull["digest"], &pull["upstream"]["status"]),
            (&old.to_string().into(), &"missing".into())
        );
    }
    let shown = places.podman("", &places.image(&format!("@{old}")));
    assert!(shown.stdout.contains("not comparable with upstream (manifest-unknown: "), "{}", shown.stdout);
}

#[test]
fn credentials_do_not_go_along_with_a_ping_nor_to_where_it_leads() {
    let places = Places::new();
    places.mirror.require_basic(vec![User::new("ci", "correct-horse")]);
    let auth = format!(
        r#"{{"auths": {{"{}": {{"auth": "Y2k6Y29ycmVjdC1ob3JzZQ=="}}}}}}"#,
        places.mirror.authority()
    );
    let output = Tool::new()
        .file("registries.conf", places.conf())
        .file("auth.json", auth)
        .line("resolve --try -f json --mirrors-from registries.conf --auth-file auth.json")
        .args([places.image(":1.0")])
        .run();
    let told = line(&output);
    assert_eq!(told["pull"]["role"], "mirror", "{output:?}");
    assert_eq!(told["endpoints"][0]["answer"]["ping"]["http_status"], 401);
    let hits = places.mirror.hits();
    assert!(hits.iter().filter(|hit| hit.path == "/v2/").all(|hit| hit.authorization.is_none()));
    assert!(hits.iter().any(|hit| hit.is_manifest() && hit.authorization.is_some()));
    for hit in places.primary.hits() {
        assert_eq!(hit.authorization, None, "{hit:?}");
    }
}

#[test]
fn skopeo_and_we_bring_no_credentials_where_the_root_asked_for_none() {
    let places = Places::new();
    // The root is open to all; whoever asks once more for the manifest gets it.
    let wanted = || Behaviour::Challenge(vec!["Basic realm=\"r\"".to_owned()]);
    places.mirror.set_behaviour_times(Scope::Manifests, wanted(), Times::First(1));
    let auth = format!(
        r#"{{"auths": {{"{}": {{"auth": "Y2k6Y29ycmVjdC1ob3JzZQ=="}}}}}}"#,
        places.mirror.authority()
    );
    let theirs = Tool::of("skopeo")
        .file("registries.conf", places.conf())
        .file("auth.json", &auth)
        .file("policy.json", r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
        .line("--registries-conf registries.conf --policy policy.json inspect --raw --authfile auth.json")
        .args([format!("docker://{}", places.image(":1.0"))])
        .run();
    assert_eq!(theirs.code, Some(0), "{theirs:?}");
    assert_eq!(asked(&places.mirror), ["GET /v2/ 200", "GET /v2/team/app/manifests/1.0 401"]);
    assert_eq!(asked(&places.primary), ["GET /v2/ 200", "GET /v2/team/app/manifests/1.0 200"]);
    places.mirror.set_behaviour_times(Scope::Manifests, wanted(), Times::First(1));
    let ours = Tool::new()
        .file("registries.conf", places.conf())
        .file("auth.json", &auth)
        .line("resolve --try -f json --mirrors-from registries.conf --auth-file auth.json")
        .args([places.image(":1.0")])
        .run();
    let told = line(&ours);
    let answer = &told["endpoints"][0]["answer"];
    assert_eq!(
        (&answer["then"], &told["pull"]["role"]),
        (&"falls_through".into(), &"upstream".into()),
        "{told:#}"
    );
    let why = text(&answer["then_why"]);
    assert!(why.starts_with("its /v2/ asks for no sign-in"), "{why}");
    assert_eq!(answer["code"], "served");
}

#[test]
fn one_ping_goes_to_a_host_however_many_images_are_asked_for() {
    let places = Places::new();
    let second = places.image(":2.0");
    let output = Tool::new()
        .file("registries.conf", places.conf())
        .line("resolve --try -f json --mirrors-from registries.conf")
        .args([places.image(":1.0"), second])
        .run();
    assert_eq!(output.code, Some(1), "{output:?}");
    for place in [&places.mirror, &places.primary] {
        assert_eq!(place.hits_to("/v2/"), 1);
    }
}

#[test]
fn containerd_goes_on_after_a_head_that_said_404_though_get_would_have_it() {
    for (status, role, then) in
        [(404, "upstream", "falls_through"), (400, "upstream", "falls_through"), (405, "mirror", "takes")]
    {
        let places = Places::new();
        for place in [&places.mirror, &places.other] {
            place.set_behaviour(Scope::Manifests, Behaviour::HeadStatus(status));
        }
        let told = line(&places.containerd("-f json", &places.image(":1.0")));
        assert_eq!(told["pull"]["role"], role, "{told:#}");
        let answer = &told["endpoints"][0]["answer"];
        assert_eq!(answer["then"], then);
        if status == 405 {
            continue;
        }
        let why = text(&answer["then_why"]);
        let starts = format!("HEAD said {status}, which leads to the next");
        assert!(why.starts_with(&starts) && why.ends_with("by GET the manifest would be there"), "{why}");
        let finding = text(&told["findings"][0]["text"]);
        assert!(finding.contains(&starts), "{finding}");
    }
}

#[test]
fn containerd_takes_the_bytes_by_digest_and_asks_the_next_for_that_digest_where_they_are_missing() {
    let places = Places::new();
    let old = content::image("old", "linux/amd64").digest().to_string();
    places.mirror.set_behaviour(Scope::reference("team/app", "1.0"), Behaviour::TagWithoutDigest);
    // The next place has another image under the tag, and the one wanted by digest.
    places.other.store().put("team/app", "old", &content::image("old", "linux/amd64"));
    let told = line(&places.containerd("-f json", &places.image(":1.0")));
    let (first, second) = (&told["endpoints"][0]["answer"], &told["endpoints"][1]["answer"]);
    assert_eq!(
        (&first["then"], &first["code"]),
        (&"falls_through".into(), &"manifest-unknown".into()),
        "{told:#}"
    );
    let why = text(&first["then_why"]);
    assert_eq!(
        why,
        format!(
            "HEAD told of {old}, and the GET of it answered 404: that leads to the next, which is asked for that digest"
        )
    );
    assert_eq!((&second["then"], &second["digest"]), (&"takes".into(), &old.clone().into()));
    assert_eq!(second["then_why"], format!("asked for {old}, of which the place before told: it is there"));
    assert_eq!(asked(&places.other), [format!("GET /v2/team/app/manifests/{old} 200")]);
    assert!(text(&told["pull"]["served_by"]).contains(&places.other.authority()));
    assert_eq!(told["findings"][0]["kind"], "stale-mirror-wins", "{told:#}");
}

#[test]
fn nobody_serves_containerd_where_the_digest_that_a_tag_led_to_is_nowhere() {
    let places = Places::new();
    places.mirror.set_behaviour(Scope::reference("team/app", "1.0"), Behaviour::TagWithoutDigest);
    let output = places.containerd("-f json", &places.image(":1.0"));
    let told = line(&output);
    assert_eq!((output.code, &told["pull"]["outcome"]), (Some(1), &"nobody".into()), "{told:#}");
}

#[test]
fn what_containerd_gets_instead_of_the_bytes_of_a_digest_ends_its_pull() {
    for (behaviour, then, outcome) in [
        (Behaviour::WrongBody, "stops", "nobody"),
        (Behaviour::Body(b"<html>".to_vec()), "stops", "nobody"),
        (Behaviour::Short(10), "unknown", "unknown"),
    ] {
        let places = Places::new();
        places.mirror.set_behaviour(Scope::Manifests, behaviour.clone());
        let told = line(&places.containerd("-f json", &places.image(":1.0")));
        let got = (&told["endpoints"][0]["answer"]["then"], &told["pull"]["outcome"]);
        assert_eq!(got, (&then.into(), &outcome.into()), "{behaviour:?} {told:#}");
    }
}
