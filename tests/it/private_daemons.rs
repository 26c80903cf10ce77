//! Three real registries that let nobody in without a password: an upstream, a mirror with everything, and
//! one that lacks an image and has an old one. All that the program is told is a docker `config.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use registry_check::demo::token::ScopesRead;
use registry_check::demo::{Access, Registry, Store, TokenRules, User, content};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::authority::{Authority, LOOPBACK};
use crate::support::credentials::auths;
use crate::support::daemon::{Auth, DockerRegistry, Options, TokenService};
use crate::support::embedded::Check;
use crate::support::nginx::Nginx;
use crate::support::push::{self, Image, Shape};
use crate::support::report;
use crate::support::token_server::{ISSUER, SERVICE, TokenServer};
use crate::support::tool::{Output, Tool};

/// User, password and a line of `htpasswd` for it, of upstream and the two mirrors.
const UPSTREAM: (&str, &str, &str) =
    ("ada", "upstream-word", "ada:$2b$04$abcdefghijklmnopqrstuuHTZ367n4IvzIkz/.YBVSDblmfdYUIvG\n");
const FULL: (&str, &str, &str) =
    ("bob", "mirror-word", "bob:$2b$04$abcdefghijklmnopqrstuucFiamxU/2kWQ12GFBp1iGXiZfzjVxPS\n");
/// The password holds a colon, a blank and a letter that is no ASCII.
const PATCHY: (&str, &str, &str) =
    ("eve", "p:w ö", "eve:$2b$04$abcdefghijklmnopqrstuuApbmPCz9vn0mvUiDmJhx374pYylJ74O\n");

const PEOPLE: [(&str, &str, &str); 3] = [UPSTREAM, FULL, PATCHY];

/// What the three registries hold. Their daemons come and go.
struct Storage {
    dir: TempDir,
    images: Vec<Image>,
}

impl Storage {
    /// Eight repositories of a team and one that is closed to the team.
    fn new() -> Self {
        let dir = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a temporary directory");
        let names = (0..8).map(|number| format!("team/app-{number}")).chain(["closed/app".to_owned()]);
        let shapes = [Shape::Index, Shape::Single].into_iter().cycle();
        let images: Vec<_> =
            names.zip(shapes).map(|(name, shape)| Image::new(&name, "1.0", shape, "first")).collect();
        let mut patchy = images.clone();
        patchy[2] = Image::new(&images[2].repository, "1.0", Shape::Index, "old");
        patchy.remove(1);
        let storage = Self { dir, images };
        for (name, held) in [("upstream", &storage.images), ("full", &storage.images), ("patchy", &patchy)] {
            let open =
                DockerRegistry::start(Options { storage: Some(storage.of(name)), ..Options::default() });
            push::push(&open.authority(), held);
        }
        storage
    }

    fn of(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The three daemons, each with its own way to know people.
    fn daemons(&self, auth: impl Fn(usize) -> Auth) -> [DockerRegistry; 3] {
        let mut number = 0;
        ["upstream", "full", "patchy"].map(|name| {
            let options = Options { storage: Some(self.of(name)), auth: auth(number), ..Options::default() };
            number += 1;
            DockerRegistry::start(options)
        })
    }

    /// Behind passwords of their own.
    fn with_passwords(&self) -> [DockerRegistry; 3] {
        self.daemons(|number| Auth::Htpasswd(PEOPLE[number].2.to_owned()))
    }

    /// The list of images on the upstream at `authority`.
    fn list(&self, authority: &str) -> String {
        self.images.iter().map(|image| format!("{authority}/{}:{}\n", image.repository, image.tag)).collect()
    }

    /// What the mirror that lacks one and has an old one is to be told.
    fn patchy_verdicts(&self) -> Vec<String> {
        let mut verdicts = self.all("ok/digest-equal");
        verdicts[1] = "missing/manifest-unknown".to_owned();
        verdicts[2] = "stale/digest-differs".to_owned();
        verdicts
    }

    fn all(&self, verdict: &str) -> Vec<String> {
        vec![verdict.to_owned(); self.images.len()]
    }
}

fn authorities(daemons: &[DockerRegistry; 3]) -> [String; 3] {
    [0, 1, 2].map(|number| daemons[number].authority())
}

/// docker's file, once it was told of the three people.
fn config(hosts: &[String; 3]) -> String {
    auths(&[0, 1, 2].map(|number| (&*hosts[number], PEOPLE[number].0, PEOPLE[number].1)))
}

/// `registry-check images.txt` with the second and third host as mirrors of the first.
fn check(storage: &Storage, hosts: &[String; 3]) -> Tool {
    Tool::new()
        .file(".docker/config.json", config(hosts))
        .file("images.txt", storage.list(&hosts[0]))
        .args(["images.txt", "-f", "json"])
        .args(hosts[1..].iter().map(|mirror| format!("--mirror={}={mirror}", hosts[0])))
}

/// `status/code` of each image at one host, in the order of the list.
fn verdicts(report: &Value, role: &str, host: &str) -> Vec<String> {
    let rows = report["results"].as_array().expect("results");
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let at_host =
        rows.iter().filter(|row| row["role"] == role && row["url"].as_str().unwrap().contains(host));
    at_host.map(|row| format!("{}/{}", text(row, "status"), text(row, "code"))).collect()
}

#[track_caller]
fn expect(output: &Output, hosts: &[String; 3], expected: [Vec<String>; 3]) -> Value {
    let report = report::json(&output.stdout);
    for ((role, host), expected) in ["upstream", "mirror", "mirror"].into_iter().zip(hosts).zip(expected) {
        assert_eq!(verdicts(&report, role, host), expected, "{role} {host}: {output:?}");
    }
    assert_eq!((output.code, &*output.stderr), (Some(1), ""), "{output:?}");
    for (_, password, _) in PEOPLE {
        assert!(!output.stdout.contains(password));
    }
    report
}

#[test]
fn three_registries_with_passwords_are_checked_with_dockers_file_alone() {
    let storage = Storage::new();
    let daemons = storage.with_passwords();
    let hosts = authorities(&daemons);
    let output = check(&storage, &hosts).run();
    let fine = storage.all("ok/digest-equal");
    let report = expect(&output, &hosts, [storage.all("ok/served"), fine, storage.patchy_verdicts()]);
    assert_eq!(report["summary"]["token_exchanges"], 0);
    for daemon in &daemons {
        let log = daemon.log();
        let count = |what: &str, status: u16| {
            let status = format!("HTTP/1.1\" {status} ");
            log.lines().filter(|line| line.contains(what) && line.contains(&status)).count()
        };
        // Each image is refused at most once: what was asked before the first 401 was seen.
        assert!(count("/manifests/", 401) <= storage.images.len(), "{log}");
        assert_eq!(count("\"HEAD /v2/closed/app/manifests/1.0 ", 200), 1, "{log}");
        assert_eq!(count("/v2/ ", 401), 0, "{log}");
    }

    // One wrong password: that registry alone is undecided, and the reason says whose it is.
    let wrong = auths(&[
        (&hosts[0], UPSTREAM.0, UPSTREAM.1),
        (&hosts[1], FULL.0, "wrong-word"),
        (&hosts[2], PATCHY.0, PATCHY.1),
    ]);
    let output = check(&storage, &hosts).file(".docker/config.json", wrong).run();
    let refused = storage.all("denied/credentials-rejected");
    let report = expect(&output, &hosts, [storage.all("ok/served"), refused, storage.patchy_verdicts()]);
    let rows = report::json_rows(&report);
    let reason = &rows.iter().find(|row| row.code == "credentials-rejected").expect("one").reason;
    for part in [&*hosts[1], "user bob", ".docker/config.json", "401"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
}

/// Three daemons that send to one token server.
fn with_tokens(storage: &Storage) -> (TokenServer, [DockerRegistry; 3]) {
    let all: &[&str] = &[""];
    let server = TokenServer::start(&[
        (UPSTREAM.0, UPSTREAM.1, all),
        // May not have what is closed to the team.
        (FULL.0, FULL.1, &["team/"]),
        (PATCHY.0, PATCHY.1, all),
        ("", "", &["team/app-7"]),
    ]);
    let daemons = storage.daemons(|_| {
        Auth::Token(TokenService {
            realm: server.realm(),
            service: SERVICE.to_owned(),
            issuer: ISSUER.to_owned(),
            certificates: server.certificate(),
        })
    });
    (server, daemons)
}

#[test]
fn three_registries_with_signed_tokens_are_checked_with_dockers_file_alone() {
    let storage = Storage::new();
    let (server, daemons) = with_tokens(&storage);
    let hosts = authorities(&daemons);
    let output = check(&storage, &hosts).run();
    let mut full = storage.all("ok/digest-equal");
    *full.last_mut().expect("closed/app") = "denied/unauthorized".to_owned();
    let report = expect(&output, &hosts, [storage.all("ok/served"), full, storage.patchy_verdicts()]);
    let asked = server.asked();
    assert_eq!(report["summary"]["token_exchanges"], asked.len());
    let by = |user: &str| asked.iter().filter(|asked| asked.user.as_deref() == Some(user)).count();
    // One for nine repositories.
    assert_eq!([by(UPSTREAM.0), by(PATCHY.0)], [1, 1], "{asked:?}");
    // One more for the closed one alone, before it is believed to be closed; and one for the nine again
    // if the closed one happens to be the first of them, because that token could as well be worn out.
    assert!((2..=3).contains(&by(FULL.0)), "{asked:?}");
    assert_eq!(asked.len(), 2 + by(FULL.0), "{asked:?}");
    assert!(asked.iter().any(|asked| asked.repositories.len() == 9), "{asked:?}");
}

#[test]
fn three_registries_behind_tls_are_checked_with_dockers_file_and_its_certificates() {
    let storage = Storage::new();
    let daemons = storage.with_passwords();
    let ca = Authority::new("Firm CA");
    let front = |daemon: &DockerRegistry, client: &str| {
        let issued = ca.issue("front", &LOOPBACK);
        Nginx::start(
            "ssl http2",
            &format!(
                "ssl_certificate {}; ssl_certificate_key {}; {client} \
                 if ($server_protocol != \"HTTP/2.0\") {{ return 505; }} \
                 location /v2/ {{ proxy_pass {}; proxy_set_header Host $http_host; }}",
                issued.certificate.display(),
                issued.key.display(),
                daemon.url(),
            ),
        )
    };
    let known = format!(
        "ssl_client_certificate {}; ssl_verify_client optional; \
         if ($ssl_client_verify != SUCCESS) {{ return 403; }}",
        ca.file().display()
    );
    let fronts = [front(&daemons[0], ""), front(&daemons[1], ""), front(&daemons[2], &known)];
    let hosts = [0, 1, 2].map(|number| fronts[number].authority());
    let me = ca.issue("me", &[]);
    let urls = format!(
        "[[registries]]\nname = \"{0}\"\nurl = \"https://{0}\"\n[[mirrors]]\nname = \"full\"\nfor = [\"{0}\"]\n\
         url = \"https://{1}\"\n[[mirrors]]\nname = \"patchy\"\nfor = [\"{0}\"]\nurl = \"https://{2}\"\n",
        hosts[0], hosts[1], hosts[2]
    );
    let tool = || {
        let tool = Tool::new()
            .file(".docker/config.json", config(&hosts))
            .file("registry-check.toml", &urls)
            .file("images.txt", storage.list(&hosts[0]))
            .args(["images.txt", "-f", "json"]);
        for host in &hosts {
            copy_into(tool.dir(), host, "ca.crt", &ca.file());
        }
        tool
    };
    let (fine, served) = (storage.all("ok/digest-equal"), storage.all("ok/served"));
    let with_certificate = tool();
    copy_into(with_certificate.dir(), &hosts[2], "me.cert", &me.certificate);
    copy_into(with_certificate.dir(), &hosts[2], "me.key", &me.key);
    let output = with_certificate.run();
    expect(&output, &hosts, [served.clone(), fine.clone(), storage.patchy_verdicts()]);

    // Without the client certificate only that location stays closed.
    let output = tool().run();
    let report = report::json(&output.stdout);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert_eq!(verdicts(&report, "upstream", &hosts[0]), served);
    assert_eq!(verdicts(&report, "mirror", &hosts[1]), fine);
    assert_eq!(verdicts(&report, "mirror", &hosts[2]), storage.all("denied/access-denied"));
}

/// Into the folder where podman keeps what it knows of a host's TLS.
fn copy_into(home: &Path, host: &str, name: &str, from: &Path) {
    let folder = home.join(".config/containers/certs.d").join(host);
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(from, folder.join(name)).expect("a copy");
}

/// Whether skopeo, with the same file, gets the manifest.
fn skopeo_reads(home: &Path, authfile: &Path, image: &str) -> bool {
    let output = Command::new("skopeo")
        .args(["inspect", "--raw", "--tls-verify=false", "--authfile"])
        .arg(authfile)
        .arg(format!("docker://{image}"))
        .env_clear()
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("PATH", std::env::var_os("PATH").expect("a PATH"))
        .output()
        .expect("skopeo, which tests/run installs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let is_refused = ["unauthorized", "authentication required", "denied", "invalid username/password"]
        .iter()
        .any(|word| stderr.contains(word));
    assert!(output.status.success() || is_refused, "skopeo has other troubles: {stderr}");
    output.status.success()
}

#[test]
fn skopeo_with_the_same_file_agrees_on_who_may_read_what() {
    let storage = Storage::new();
    let basic = storage.with_passwords();
    let (_server, tokens) = with_tokens(&storage);
    // Both mirrors of each kind, and an image of each kind of repository.
    let hosts = [basic[0].authority(), basic[1].authority(), tokens[0].authority(), tokens[1].authority()];
    let images: Vec<String> = hosts
        .iter()
        .flat_map(|host| ["team/app-0", "team/app-7", "closed/app"].map(|name| format!("{host}/{name}:1.0")))
        .collect();
    let (mut readable, mut refused) = (0, 0);
    let keys = |host: &str| [host.to_owned(), format!("{host}/team"), format!("{host}/team/app-0")];
    let of = |entries: &[(String, &str, &str)]| {
        let entries: Vec<_> = entries.iter().map(|(key, user, word)| (&**key, *user, *word)).collect();
        auths(&entries)
    };
    let [a, b, c, d] = hosts.clone();
    for config in [
        "{}".to_owned(),
        // Everybody is known by the right name.
        of(&[
            (a.clone(), UPSTREAM.0, UPSTREAM.1),
            (b.clone(), FULL.0, FULL.1),
            (c.clone(), UPSTREAM.0, UPSTREAM.1),
            (d.clone(), FULL.0, FULL.1),
        ]),
        // By the names of the neighbours, which only the token server does not mind.
        of(&[
            (b.clone(), UPSTREAM.0, UPSTREAM.1),
            (a.clone(), FULL.0, FULL.1),
            (d.clone(), UPSTREAM.0, UPSTREAM.1),
            (c.clone(), FULL.0, FULL.1),
        ]),
        // The best key wins, though the user that goes with it is not known there.
        of(&[
            (keys(&a)[0].clone(), UPSTREAM.0, UPSTREAM.1),
            (keys(&a)[2].clone(), "nobody", "wrong-word"),
            (keys(&b)[1].clone(), FULL.0, FULL.1),
            (keys(&c)[1].clone(), FULL.0, FULL.1),
            (keys(&c)[0].clone(), UPSTREAM.0, UPSTREAM.1),
        ]),
        of(&[(format!("https://{a}/v1/"), UPSTREAM.0, UPSTREAM.1), (b.clone(), FULL.0, "wrong-word")]),
    ] {
        let tool = Tool::new().file("auth.json", &config).file("images.txt", images.join("\n")).args([
            "images.txt",
            "-f",
            "json",
            "--auth-file",
            "auth.json",
        ]);
        let home = TempDir::new().expect("a temporary directory");
        let theirs: Vec<bool> = images
            .iter()
            .map(|image| skopeo_reads(home.path(), &tool.dir().join("auth.json"), image))
            .collect();
        let output = tool.run();
        let rows = report::json_rows(&report::json(&output.stdout));
        assert!(rows.iter().all(|row| matches!(&*row.status, "ok" | "denied")), "{rows:#?}");
        let ours: Vec<bool> = rows.iter().map(|row| row.status == "ok").collect();
        for ((image, ours), theirs) in images.iter().zip(&ours).zip(&theirs) {
            assert_eq!(ours, theirs, "{image} with {config}: {output:?}");
        }
        readable += ours.iter().filter(|is_readable| **is_readable).count();
        refused += ours.iter().filter(|is_readable| !**is_readable).count();
    }
    assert!(readable >= 15 && refused >= 15, "{readable} {refused}");
}

#[test]
fn a_thousand_images_of_a_hundred_private_repositories_cost_few_exchanges() {
    let names: Vec<_> = (0..100).map(|number| format!("team/app-{number}")).collect();
    let mut store = Store::new();
    for name in &names {
        for tag in 0..10 {
            store.put(name, &tag.to_string(), &content::image(&format!("{name} {tag}"), "linux/amd64"));
        }
    }
    for (scopes_read, most) in [(ScopesRead::First, 100), (ScopesRead::All, 10)] {
        let [upstream, mirror] = [(); 2].map(|()| Registry::start(store.clone()).expect("a registry"));
        mirror.require_token(TokenRules {
            scopes_read,
            anonymous: Access::None,
            users: vec![User::new("ada", "upstream-word")],
            ..TokenRules::default()
        });
        let images: Vec<_> =
            names.iter().flat_map(|name| (0..10).map(move |tag| format!("{name}:{tag}"))).collect();
        let report = Check::of(&images)
            .upstream(&upstream.url())
            .mirror("m", &mirror.url())
            .docker_config(auths(&[(&mirror.authority(), "ada", "upstream-word")]))
            .run();
        assert_eq!(report.verdicts("m"), vec!["ok/digest-equal"; 1000]);
        let exchanges = mirror.hits_to("/token");
        assert!((1..=most).contains(&exchanges), "{exchanges} exchanges");
        assert_eq!(report.token_exchanges, exchanges);
    }
}
