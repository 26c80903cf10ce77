//! Which scheme each runtime asks a host over, and over which it goes on where that does not work: `resolve` shows it,
//! and `--try` does the same.

use registry_check::demo::{Registry, Store, content};
use serde_json::Value;

use crate::support::authority::{Authority, LOOPBACK};
use crate::support::tls_front::{Offer, TlsFront};
use crate::support::tool::{Output, Tool};

fn registry() -> Registry {
    let mut store = Store::new();
    store.put("team/app", "1.0", &content::image("app", "linux/amd64"));
    Registry::start(store).unwrap()
}

fn resolve(file: &str, text: &str, args: &str) -> Output {
    let path = file.split('/').next().unwrap();
    Tool::new()
        .file(file, text)
        .line("resolve -f json --retries 0 --mirrors-from")
        .args([path])
        .line(args)
        .run()
}

fn line(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A registry over http and one that speaks TLS on its port, with a certificate that nobody knows.
struct World {
    plain: Registry,
    _behind: Registry,
    front: TlsFront,
}

impl World {
    fn new() -> Self {
        let (plain, behind) = (registry(), registry());
        let ca = Authority::new("Firm CA");
        let issued = ca.issue("front", &LOOPBACK);
        let front = TlsFront::start(behind.addr(), &issued, None, Offer::Http1);
        Self { plain, _behind: behind, front }
    }

    fn hosts(&self) -> [String; 2] {
        [self.plain.authority(), self.front.address().to_string()]
    }
}

#[test]
fn registries_on_this_machine_are_asked_over_https_and_then_http_as_the_runtime_does() {
    let world = World::new();
    for (file, text) in [
        ("certs.d/x/hosts.toml", ""),
        ("daemon.json", "{}"),
        ("daemon.json", r#"{"features": {"containerd-snapshotter": true}}"#),
        ("registries.yaml", "mirrors: {}\n"),
    ] {
        for (host, served_over) in world.hosts().iter().zip(["http", "https"]) {
            let image = format!("{host}/team/app:1.0");
            let offline = line(&resolve(file, text, &image));
            let first = &offline["endpoints"][0];
            assert_eq!(first["url"], format!("https://{host}/v2/team/app/manifests/1.0"), "{offline:#}");
            assert_eq!(first["plain_url"], format!("http://{host}/v2/team/app/manifests/1.0"));
            assert_eq!(first["tls"]["verified"], false);
            let output = resolve(file, text, &format!("--try {image}"));
            let told = line(&output);
            let by = format!("{served_over}://{host}/v2/team/app/manifests/1.0");
            assert_eq!((output.code, &told["pull"]["served_by"]), (Some(0), &by.into()), "{file} {told:#}");
            assert_eq!(told["pull"]["comparison"], "upstream_itself");
            let why = told["endpoints"][0]["why"].as_str().unwrap();
            assert_eq!(why.contains("https did not work: asked over http"), served_over == "http", "{why}");
        }
    }
}

#[test]
fn http_hosts_of_hosts_toml_with_tls_keys_are_asked_over_https_first() {
    let world = World::new();
    let [plain, secured] = world.hosts();
    for (host, key, served) in [
        (&plain, "skip_verify = true", "http"),
        (&plain, "skip_verify = false", "http"),
        (&secured, "skip_verify = true", "https"),
        // Containerd does not go on to http where a certificate is wrong.
        (&secured, "skip_verify = false", ""),
        (&plain, "", "http"),
        (&secured, "", ""),
    ] {
        let text =
            format!("[host.\"http://{host}\"]\n{key}\n[host.\"http://{host}\".header]\nX-Team = \"ops\"\n");
        let file = "certs.d/reg.invalid/hosts.toml";
        let offline = resolve(file, &text, "reg.invalid/team/app:1.0");
        let first = line(&offline)["endpoints"][0].clone();
        let url = |scheme: &str| format!("{scheme}://{host}/v2/team/app/manifests/1.0?ns=reg.invalid");
        if key.is_empty() {
            assert_eq!((&first["url"], &first["plain_url"]), (&url("http").into(), &Value::Null));
            assert_eq!(offline.stderr, "");
        } else {
            assert_eq!((&first["url"], &first["plain_url"]), (&url("https").into(), &url("http").into()));
            assert!(
                offline.stderr.contains("containerd asks it over https first, then over http"),
                "{offline:?}"
            );
        }
        let before = world.plain.hits().len();
        let told = line(&resolve(file, &text, "--try reg.invalid/team/app:1.0"));
        let by = if served.is_empty() { Value::Null } else { url(served).into() };
        assert_eq!(told["pull"]["served_by"], by, "{host} {key} {told:#}");
        for hit in &world.plain.hits()[before..] {
            assert_eq!(hit.header("x-team"), Some("ops"), "{hit:?}");
        }
    }
    let text =
        "[host.\"http://tls.example\"]\nca = \"ca.pem\"\n[host.\"http://tls.example:80\"]\nca = \"ca.pem\"\n";
    let output = resolve("certs.d/reg.invalid/hosts.toml", text, "reg.invalid/team/app:1.0");
    let endpoints = line(&output)["endpoints"].clone();
    assert_eq!(endpoints[0]["url"], "https://tls.example/v2/team/app/manifests/1.0?ns=reg.invalid");
    assert_eq!(endpoints[0]["tls"]["ca_files"][0], "certs.d/reg.invalid/ca.pem");
    assert_eq!(endpoints[1]["url"], "http://tls.example/v2/team/app/manifests/1.0?ns=reg.invalid");
    assert_eq!(output.stderr.matches("asked over plain http: not used").count(), 1, "{output:?}");
    assert!(output.stderr.contains("hosts.toml:3: tls.example: TLS settings"), "{output:?}");
}

#[test]
fn insecure_mirrors_of_docker_fall_back_to_http_with_the_containerd_store_only() {
    let world = World::new();
    let [plain, secured] = world.hosts();
    for (store, host, served) in
        [(true, &plain, "http"), (true, &secured, "https"), (false, &plain, ""), (false, &secured, "https")]
    {
        let text = format!(
            r#"{{"registry-mirrors": ["https://{host}"], "insecure-registries": ["{host}"],
                "features": {{"containerd-snapshotter": {store}}}}}"#
        );
        let query = if store { "?ns=docker.io" } else { "" };
        let url = |scheme: &str| format!("{scheme}://{host}/v2/team/app/manifests/1.0{query}");
        let output = resolve("daemon.json", &text, "--try team/app:1.0");
        let told = line(&output);
        let by = if served.is_empty() { Value::Null } else { url(served).into() };
        assert_eq!(told["pull"]["served_by"], by, "{store} {told:#}");
        assert_eq!(
            output.stderr.contains("fails, but for registry-mirrors; only resolve"),
            !store,
            "{output:?}"
        );
        let offline = line(&resolve("daemon.json", &text, "team/app:1.0"));
        let plain_url = if store { url("http").into() } else { Value::Null };
        assert_eq!(offline["endpoints"][0]["plain_url"], plain_url, "{offline:#}");
    }
}

#[test]
fn a_check_asks_hosts_of_both_schemes_as_they_are_written() {
    let (upstream, mirror) = (registry(), registry());
    let folder = format!("certs.d/{}_/hosts.toml", upstream.authority().replace(':', "_"));
    let output = Tool::new()
        .file("images.txt", format!("{}/team/app:1.0", upstream.authority()))
        .file(&folder, format!("[host.\"http://{}\"]\nskip_verify = true\n", mirror.authority()))
        .line("images.txt -f json --mirrors-from certs.d")
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("a check asks it over http only"), "{output:?}");
    assert_eq!(mirror.manifest_hits("HEAD"), 1);
}
