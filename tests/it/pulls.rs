//! `resolve --try`: who serves a pull by the rules of each runtime, beside what a real skopeo asks of real
//! daemons, and what goes along with the requests.

use std::path::PathBuf;

use registry_check::demo::{Behaviour, ClosedPort, Registry, Scope, Store, User, content};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::daemon::{DockerRegistry, Options};
use crate::support::push::{self, Image, Shape};
use crate::support::tool::{Output, Tool};

/// Two mirrors and the registry itself, whose access logs are one file: its lines tell the order of all.
struct Daemons {
    _dir: TempDir,
    log: PathBuf,
    first: DockerRegistry,
    second: DockerRegistry,
    primary: DockerRegistry,
}

impl Daemons {
    /// The registry itself has the image under both its names; the mirrors have what is said.
    fn with(first: Option<&str>, second: Option<&str>) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let log = dir.path().join("access.log");
        let start = || DockerRegistry::start(Options { access_log: Some(log.clone()), ..Options::default() });
        let (one, two, primary) = (start(), start(), start());
        // The bytes of an image depend on the name that it was made under.
        let of = |name: &str, revision: &str| Image {
            repository: name.to_owned(),
            ..Image::new("team/app", "1.0", Shape::Index, revision)
        };
        push::push(&primary.authority(), &[of("team/app", "new"), of("prim/app", "new")]);
        for (daemon, name, revision) in [(&one, "ns-a/app", first), (&two, "ns-b/app", second)] {
            push::push(
                &daemon.authority(),
                &revision.map(|revision| of(name, revision)).into_iter().collect::<Vec<_>>(),
            );
        }
        Self { _dir: dir, log, first: one, second: two, primary }
    }

    /// The image as people name it.
    fn image(&self, reference: &str) -> String {
        format!("{}/team/app{reference}", self.primary.authority())
    }

    fn digest(&self) -> String {
        Image::new("team/app", "1.0", Shape::Index, "new").digest()
    }

    /// `registries.conf` with both mirrors; `only` goes with the first.
    fn conf(&self, only: &str) -> String {
        let [first, second, primary] =
            [&self.first, &self.second, &self.primary].map(DockerRegistry::authority);
        format!(
            "[[registry]]\nprefix = \"{primary}/team\"\nlocation = \"{primary}/prim\"\ninsecure = true\n\
             [[registry.mirror]]\nlocation = \"{first}/ns-a\"\ninsecure = true\n{only}\
             [[registry.mirror]]\nlocation = \"{second}/ns-b\"\ninsecure = true\n"
        )
    }

    /// Method, path and status of the pings and of the manifests asked for since the log was `before` bytes long, in turn.
    fn asked_since(&self, before: usize) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).expect("the access log");
        let asked = log[before..].lines().map(|line| {
            let mut words = line.split('"').skip(1);
            let mut request = words.next().expect("a request").split(' ');
            let (method, path) = (request.next().expect("a method"), request.next().expect("a path"));
            let status = words.next().and_then(|rest| rest.split_whitespace().next()).expect("a status");
            format!("{method} {path} {status}")
        });
        asked.filter(|line| line.contains("/manifests/") || line.contains(" /v2/ ")).collect()
    }

    fn log_length(&self) -> usize {
        std::fs::read_to_string(&self.log).expect("the access log").len()
    }

    /// What `resolve --try` says, what it asked, and what skopeo asks with the same file.
    fn both(&self, only: &str, reference: &str) -> (Output, Vec<String>, Output, Vec<String>) {
        let image = self.image(reference);
        let conf = self.conf(only);
        let before = self.log_length();
        let theirs = Tool::of("skopeo")
            .file("registries.conf", &conf)
            .file("policy.json", r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
            .line("--registries-conf registries.conf --policy policy.json inspect --raw")
            .args([format!("docker://{image}")])
            .run();
        let their_way = self.asked_since(before);
        let before = self.log_length();
        let ours = Tool::new()
            .file("registries.conf", &conf)
            .line("resolve --try -f json --mirrors-from registries.conf")
            .args([image])
            .run();
        (ours, self.asked_since(before), theirs, their_way)
    }
}

fn line(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Both go the same way, pings and methods included: what skopeo asked is how our way begins, and where it got the image
/// is what we say. `expected` is what the manifests are of it.
fn agree(daemons: &Daemons, only: &str, reference: &str, expected: &[&str]) -> Value {
    let (ours, our_way, theirs, their_way) = daemons.both(only, reference);
    let read =
        |line: &String| line.strip_prefix("GET ").filter(|_| line.contains("/manifests/")).map(str::to_owned);
    let manifests: Vec<_> = their_way.iter().filter_map(read).collect();
    assert_eq!(manifests, expected, "skopeo: {theirs:?}");
    let pings = their_way.iter().filter(|line| *line == "GET /v2/ 200").count();
    assert_eq!((pings, their_way.len()), (expected.len(), expected.len() * 2), "{their_way:?}");
    assert_eq!(our_way[..their_way.len()], their_way, "{our_way:?}");
    let told = line(&ours);
    let served = manifests.last().and_then(|last| last.strip_suffix(" 200"));
    let by = told["pull"]["served_by"].as_str();
    assert_eq!(served.is_some(), by.is_some(), "{told:#}");
    assert!(by.unwrap_or_default().ends_with(served.unwrap_or_default()), "{told:#}");
    assert_eq!(theirs.code == Some(0), ours.code == Some(0), "{ours:?}\n{theirs:?}");
    told
}

#[test]
fn skopeo_and_we_go_on_where_the_first_mirror_lacks_the_image() {
    let daemons = Daemons::with(None, Some("new"));
    let told =
        agree(&daemons, "", ":1.0", &["/v2/ns-a/app/manifests/1.0 404", "/v2/ns-b/app/manifests/1.0 200"]);
    assert_eq!(
        (&told["pull"]["comparison"], &told["pull"]["digest"]),
        (&"equal".into(), &daemons.digest().into())
    );
    assert_eq!(told["endpoints"][0]["answer"]["then"], "falls_through");
    assert_eq!(told["findings"], Value::Array(Vec::new()));
}

#[test]
fn skopeo_and_we_go_on_where_the_first_mirror_is_dead() {
    let mut daemons = Daemons::with(Some("new"), Some("new"));
    daemons.first.stop();
    let told = agree(&daemons, "", ":1.0", &["/v2/ns-b/app/manifests/1.0 200"]);
    assert_eq!(told["endpoints"][0]["answer"]["code"], "connect-refused");
    assert_eq!(told["pull"]["role"], "mirror");
}

#[test]
fn skopeo_and_we_end_at_the_rewritten_location_where_all_mirrors_lack_the_image() {
    let daemons = Daemons::with(None, None);
    let way = [
        "/v2/ns-a/app/manifests/1.0 404",
        "/v2/ns-b/app/manifests/1.0 404",
        "/v2/prim/app/manifests/1.0 200",
    ];
    let told = agree(&daemons, "", ":1.0", &way);
    assert_eq!(
        (&told["pull"]["role"], &told["pull"]["comparison"]),
        (&"upstream".into(), &"upstream_itself".into())
    );
    assert_eq!(told["findings"][0]["kind"], "silent-fallback-to-upstream");
    let text = told["findings"][0]["text"].as_str().unwrap();
    assert!(text.contains("ns-a: ") && text.contains("ns-b: "), "{text}");
}

#[test]
fn skopeo_and_we_pass_over_digest_only_mirrors_for_tags_alone() {
    let daemons = Daemons::with(Some("new"), Some("new"));
    let only = "pull-from-mirror = \"digest-only\"\n";
    agree(&daemons, only, ":1.0", &["/v2/ns-b/app/manifests/1.0 200"]);
    let pinned = daemons.digest();
    let told =
        agree(&daemons, only, &format!("@{pinned}"), &[&format!("/v2/ns-a/app/manifests/{pinned} 200")]);
    assert_eq!(told["pull"]["comparison"], "equal");
}

#[test]
fn skopeo_and_we_take_the_stale_image_of_the_first_mirror_and_we_say_so() {
    let daemons = Daemons::with(Some("old"), Some("new"));
    let told = agree(&daemons, "", ":1.0", &["/v2/ns-a/app/manifests/1.0 200"]);
    assert_eq!(told["pull"]["comparison"], "differs");
    assert_eq!(told["findings"][0]["kind"], "stale-mirror-wins", "{told:#}");
    // The mirror behind it would do: that is worth knowing, and was asked.
    assert_eq!(told["endpoints"][1]["answer"]["digest"], daemons.digest());
}

#[test]
fn a_stale_mirror_of_a_name_that_nobody_but_the_runtime_knows_is_said_to_be_so() {
    let daemons = Daemons::with(Some("old"), Some("new"));
    let [first, primary] = [&daemons.first, &daemons.primary].map(DockerRegistry::authority);
    let conf = format!(
        "[[registry]]\nprefix = \"reg.test/team\"\nlocation = \"{primary}/prim\"\ninsecure = true\n\
         [[registry.mirror]]\nlocation = \"{first}/ns-a\"\ninsecure = true\n"
    );
    let files = [("registries.conf".to_owned(), conf)];
    let told = line(&tried(&files, "-f json --mirrors-from registries.conf", "reg.test/team/app:1.0"));
    let upstream = &told["pull"]["upstream"];
    assert_eq!(upstream["url"], format!("http://{primary}/v2/prim/app/manifests/1.0"), "{told:#}");
    assert_eq!((&upstream["code"], &told["pull"]["comparison"]), (&"served".into(), &"differs".into()));
    assert_eq!(told["findings"][0]["kind"], "stale-mirror-wins");
    assert_eq!(told["findings"].as_array().map(Vec::len), Some(1));
}

#[test]
fn skopeo_and_we_ask_nobody_where_one_mirrors_name_would_be_no_name() {
    let upstream = app();
    let authority = upstream.authority();
    let image = format!("{authority}/team/app:1.0");
    for (location, shown) in
        [("z", "'z/app'"), ("docker.io", "'docker.io/app'"), ("index.docker.io/x", "'index.docker.io/x/app'")]
    {
        let conf = format!(
            "[[registry]]\nlocation = \"{authority}/team\"\ninsecure = true\n[[registry.mirror]]\nlocation = \"{location}\"\n"
        );
        let theirs = Tool::of("skopeo")
            .file("registries.conf", &conf)
            .line("--registries-conf registries.conf inspect --raw")
            .args([format!("docker://{image}")])
            .run();
        assert!(
            theirs.stderr.contains("rewriting reference: repository name must be canonical"),
            "{theirs:?}"
        );
        let files = [("registries.conf".to_owned(), conf.clone())];
        let output = tried(&files, "-f json --mirrors-from registries.conf", &image);
        let told = line(&output);
        assert_eq!((output.code, &told["pull"]["outcome"]), (Some(1), &"nobody".into()), "{output:?}");
        let why = told["refused"].as_str().unwrap();
        assert!(why.contains(shown) && why.ends_with("the pull fails before anybody is asked"), "{why}");
        assert_eq!((upstream.connections(), &told["endpoints"][1]["used"]), (0, &Value::Bool(false)));
        // By digest the same mirror would do no harm if it were for tags only.
        let tags = files[0].1.clone() + "pull-from-mirror = \"tag-only\"\n";
        let pinned = format!("{authority}/team/app@sha256:{}", "0".repeat(64));
        let other = Tool::new()
            .file("registries.conf", tags)
            .line("resolve -f json --mirrors-from registries.conf")
            .args([pinned])
            .run();
        assert_eq!(line(&other)["refused"], Value::Null, "{other:?}");
    }
}

#[test]
fn skopeo_and_we_find_nobody_where_nobody_has_the_image() {
    let daemons = Daemons::with(None, None);
    let told = agree(
        &daemons,
        "",
        ":2.0",
        &[
            "/v2/ns-a/app/manifests/2.0 404",
            "/v2/ns-b/app/manifests/2.0 404",
            "/v2/prim/app/manifests/2.0 404",
        ],
    );
    assert_eq!((&told["pull"]["outcome"], &told["pull"]["served_by"]), (&"nobody".into(), &Value::Null));
}

fn app() -> Registry {
    let mut store = Store::new();
    store.put("team/app", "1.0", &content::image("app", "linux/amd64"));
    Registry::start(store).unwrap()
}

fn hosts_toml(upstream: &Registry, text: String) -> (String, String) {
    (format!("certs.d/{}_/hosts.toml", upstream.authority().replace(':', "_")), text)
}

fn tried(files: &[(String, String)], args: &str, image: &str) -> Output {
    let tool = files.iter().fold(Tool::new(), |tool, (name, text)| tool.file(name, text));
    tool.line("resolve --try").line(args).args([image]).run()
}

#[test]
fn a_web_page_ends_containerds_pull_and_not_dockerds() {
    let (upstream, page, mirror) = (app(), app(), app());
    page.set_behaviour(Scope::All, Behaviour::Html);
    let image = format!("{}/team/app:1.0", upstream.authority());
    let hosts = format!("[host.\"{}\"]\n[host.\"{}\"]\n", page.url(), mirror.url());
    let output = tried(&[hosts_toml(&upstream, hosts)], "-f json --mirrors-from certs.d", &image);
    let told = line(&output);
    assert_eq!((output.code, &told["pull"]["outcome"]), (Some(1), &"nobody".into()), "{told:#}");
    assert_eq!(told["endpoints"][0]["answer"]["then"], "stops");
    assert_eq!(told["endpoints"][0]["answer"]["code"], "html-answer");
    // What upstream has is told all the same.
    assert_eq!(told["pull"]["upstream"]["code"], "served");
}

#[test]
fn a_chart_ends_dockerds_pull_unless_its_manifest_is_dockers_own() {
    let chart = |own: &'static str| {
        let mut store = Store::new();
        let config = r#"{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}"#;
        let body = format!(r#"{{"schemaVersion":2,"mediaType":"{own}","config":{config},"layers":[]}}"#);
        let document = content::Document::new(own, body);
        let digest = document.digest.clone();
        store.put_raw("team/app", document);
        store.retag("team/app", "1.0", &digest);
        Registry::start(store).unwrap()
    };
    for (own, outcome, then) in [
        ("application/vnd.oci.image.manifest.v1+json", "nobody", "stops"),
        ("application/vnd.docker.distribution.manifest.v2+json", "served", "falls_through"),
    ] {
        let (first, second) = (chart(own), app());
        let daemon = format!(r#"{{"registry-mirrors": ["{}", "{}"]}}"#, first.url(), second.url());
        let files = [("daemon.json".to_owned(), daemon)];
        let told = line(&tried(&files, "-f json --mirrors-from daemon.json --retries 0", "team/app:1.0"));
        assert_eq!(
            (&told["pull"]["outcome"], &told["endpoints"][0]["answer"]["then"]),
            (&outcome.into(), &then.into()),
            "{told:#}"
        );
        assert_eq!(told["endpoints"][1]["answer"]["then"], "takes");
    }
}

#[test]
fn nobody_is_not_said_where_a_place_could_not_be_asked() {
    let (upstream, closed) = (app(), ClosedPort::take().unwrap());
    let hosts = format!("[host.\"http://{}\"]\n", closed.addr());
    let files = [hosts_toml(&upstream, hosts)];
    let image = format!("{}/team/app:9", upstream.authority());
    let output = tried(&files, "--mirrors-from certs.d --retries 0", &image);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.stdout.contains("who serves could not be found out"), "{output:?}");
    let image = format!("{}/team/app:1.0", upstream.authority());
    let output = tried(&files, "--mirrors-from certs.d --retries 0", &image);
    assert_eq!(output.code, Some(0), "{output:?}");
    for part in [
        "no answer: connect-refused: ",
        "falls through: no answer leads to the next",
        "served by upstream http://",
        "it is upstream itself",
        "! silent-fallback-to-upstream: upstream served, although mirrors are configured: 127.0.0.1",
    ] {
        assert!(output.stdout.contains(part), "{part}\n{}", output.stdout);
    }
}

#[test]
fn blocked_images_are_served_by_nobody_and_nobody_is_asked() {
    let upstream = app();
    let conf = format!("[[registry]]\nlocation = \"{}\"\nblocked = true\n", upstream.authority());
    let image = format!("{}/team/app:1.0", upstream.authority());
    let files = [("registries.conf".to_owned(), conf)];
    let output = tried(&files, "-f json --mirrors-from registries.conf", &image);
    assert_eq!((output.code, upstream.connections()), (Some(1), 0), "{output:?}");
}

#[test]
fn a_mirror_that_breaks_on_ns_is_not_what_containerd_gets_the_image_from() {
    let (upstream, mirror) = (app(), app());
    mirror.set_behaviour(Scope::All, Behaviour::HateNamespace);
    let files = [hosts_toml(&upstream, format!("[host.\"{}\"]\n", mirror.url()))];
    let image = format!("{}/team/app:1.0", upstream.authority());
    let told = line(&tried(&files, "-f json --mirrors-from certs.d", &image));
    assert_eq!(told["pull"]["role"], "upstream", "{told:#}");
    let why = told["endpoints"][0]["answer"]["then_why"].as_str().unwrap();
    assert!(why.contains("without ?ns="), "{why}");
}

#[test]
fn headers_of_hosts_toml_go_to_their_host_and_to_no_other() {
    let (upstream, mirror, other) = (app(), app(), app());
    // What the mirror sends on must not take the header along.
    mirror.set_behaviour(Scope::All, Behaviour::RedirectTo(other.url()));
    let hosts = format!(
        "[host.\"{}\"]\n[host.\"{}\".header]\nX-Auth = [\"correct-horse\", \"battery\"]\nX-Team = \"ops\"\n",
        mirror.url(),
        mirror.url()
    )
    .replacen(&format!("[host.\"{}\"]\n", mirror.url()), "", 1);
    let files = [hosts_toml(&upstream, hosts)];
    let image = format!("{}/team/app:1.0", upstream.authority());
    let output = tried(&files, "-vv --mirrors-from certs.d", &image);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("headers: X-Auth, X-Team"), "{}", output.stdout);
    assert!(!format!("{output:?}").contains("correct-horse"), "{output:?}");
    let check = Tool::new()
        .file(&files[0].0, &files[0].1)
        .file("images.txt", &image)
        .line("images.txt --mirrors-from certs.d")
        .run();
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(mirror.hits().iter().filter(|hit| hit.is_manifest()).count() >= 2);
    for hit in mirror.hits() {
        let sent: Vec<_> =
            hit.headers.get_all("x-auth").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!((sent, hit.header("x-team")), (vec!["correct-horse", "battery"], Some("ops")), "{hit:?}");
    }
    for hit in upstream.hits().iter().chain(&other.hits()) {
        assert_eq!((hit.header("x-auth"), hit.header("x-team")), (None, None), "{hit:?}");
    }
    assert!(!other.hits().is_empty());
}

#[test]
fn credentials_of_registries_yaml_go_to_their_host_and_to_no_other() {
    let (upstream, mirror, other) = (app(), app(), app());
    mirror.require_basic(vec![User::new("ci", "correct-horse")]);
    other.require_basic(vec![User::new("ci", "correct-horse")]);
    let yaml = format!(
        "mirrors:\n  \"{}\":\n    endpoint: [\"{}\", \"{}\"]\nconfigs:\n  \"{}\":\n    auth: {{username: ci, password: correct-horse}}\n",
        upstream.authority(),
        other.url(),
        mirror.url(),
        mirror.authority()
    );
    let image = format!("{}/team/app:1.0", upstream.authority());
    let files = [("registries.yaml".to_owned(), yaml.clone())];
    let output = tried(&files, "-f json --mirrors-from registries.yaml", &image);
    let told = line(&output);
    assert!(told["pull"]["served_by"].as_str().unwrap().contains(&mirror.authority()), "{told:#}");
    assert_eq!(told["endpoints"][0]["answer"]["code"], "credentials-needed");
    assert_eq!(told["endpoints"][1]["credentials"]["user"], "ci");
    let check = Tool::new()
        .file("registries.yaml", yaml)
        .file("images.txt", &image)
        .line("images.txt -f json --mirrors-from registries.yaml")
        .run();
    let report: Value = serde_json::from_str(&check.stdout).unwrap();
    let codes: Vec<_> =
        report["results"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["served", "credentials-needed", "digest-equal"], "{check:?}");
    assert!(!format!("{output:?}{check:?}").contains("correct-horse"));
    for hit in upstream.hits().iter().chain(&other.hits()) {
        assert_eq!(hit.authorization, None, "{hit:?}");
    }
}

#[test]
fn kubeadms_images_are_taken_from_another_prefix_and_others_are_not() {
    let mut store = Store::new();
    store.put("mirror/coredns", "v1", &content::image("coredns", "linux/amd64"));
    let prefix = Registry::start(store).unwrap();
    let flag = format!("--image-repository {}/mirror", prefix.authority());
    let output = Tool::new()
        .file("daemon.json", "{}")
        .line("resolve -f json --mirrors-from daemon.json registry.k8s.io/coredns/coredns:v1 registry.k8s.io/ingress-nginx/controller:v1")
        .line(&flag)
        .run();
    let lines: Vec<Value> = output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["image"], "registry.k8s.io/coredns/coredns:v1");
    assert_eq!(lines[0]["pulled_as"], format!("{}/mirror/coredns:v1", prefix.authority()));
    let plain = format!("{}/v2/mirror/coredns/manifests/v1", prefix.url());
    assert_eq!(lines[0]["endpoints"][0]["plain_url"], plain);
    assert_eq!(lines[0]["endpoints"][0]["url"], plain.replace("http:", "https:"));
    assert_eq!(lines[1]["pulled_as"], Value::Null);
    assert_eq!(
        lines[1]["endpoints"][0]["url"],
        "https://registry.k8s.io/v2/ingress-nginx/controller/manifests/v1"
    );
    let upstream = app();
    upstream.store().put("coredns/coredns", "v1", &content::image("coredns", "linux/amd64"));
    let check = Tool::new()
        .file("images.txt", "registry.k8s.io/coredns/coredns:v1\nregistry.k8s.io/team/app:1.0\n")
        .file(
            "registry-check.toml",
            format!("[[registries]]\nname = \"registry.k8s.io\"\nurl = \"{}\"\n", upstream.url()),
        )
        .line("images.txt -f json")
        .line(&flag)
        .run();
    let report: Value = serde_json::from_str(&check.stdout).unwrap();
    let rows: Vec<_> = report["results"].as_array().unwrap().iter().collect();
    let codes: Vec<_> = rows.iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["served", "digest-equal", "served"], "{check:?}");
    assert_eq!(rows[1]["url"], format!("{}/v2/mirror/coredns/manifests/v1", prefix.url()));
    let bad = Tool::new().line("images.txt --image-repository https://x").run();
    assert!(bad.code == Some(2) && bad.stderr.contains("expected registry[/path]"), "{bad:?}");
}
