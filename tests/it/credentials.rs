//! What skopeo finds in podman's files, we find too: the same user for the same image, or nobody.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use registry_check::credentials::{Environment, Options, Sources};

/// As whom skopeo would ask for `image`; nobody is the empty text.
fn skopeo(home: &Path, image: &str) -> String {
    let output = Command::new("skopeo")
        .args(["login", "--get-login", image])
        .env_clear()
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("PATH", std::env::var_os("PATH").unwrap())
        .output()
        .expect("skopeo, which tests/run installs");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// As whom we would.
async fn ours(home: &Path, image: &str) -> String {
    let environment = Environment::default().with_home(home).with_variable("XDG_RUNTIME_DIR", home);
    let sources = Sources::new(Options::default(), &environment).unwrap();
    let (registry, repository) = image.split_once('/').unwrap_or((image, ""));
    let answer = sources.lookup(registry, repository).await;
    assert_eq!(sources.warnings(), []);
    answer.credential.map_or_else(String::new, |credential| credential.user().to_owned())
}

#[tokio::test]
async fn skopeo_finds_the_same_user_in_the_same_files() {
    for keys in [
        &["h.io/foo/bar", "h.io/foo", "h.io"][..],
        &["h.io/foo"],
        &["https://h.io/v1/"],
        &["http://h.io:5000/v2/", "h.io:443"],
        &["https://index.docker.io/v1/"],
        &["docker.io"],
        &["docker.io/library", "docker.io"],
        &["*.io", "h.io:5000"],
    ] {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("containers");
        fs::create_dir(&folder).unwrap();
        let entries: serde_json::Map<_, _> = keys
            .iter()
            .map(|key| {
                let user = key.replace(':', "-");
                ((*key).to_owned(), serde_json::json!({"auth": STANDARD.encode(format!("{user}:p:w"))}))
            })
            .collect();
        fs::write(folder.join("auth.json"), serde_json::json!({"auths": entries}).to_string()).unwrap();
        for image in [
            "h.io",
            "h.io/foo",
            "h.io/foobar",
            "h.io/foo/bar",
            "h.io/foo/bar/x",
            "h.io/other",
            "h.io:443/foo",
            "h.io:5000/foo",
            "sub.h.io/foo",
            "docker.io/library/nginx",
            "docker.io/other/nginx",
        ] {
            assert_eq!(ours(home.path(), image).await, skopeo(home.path(), image), "{keys:?} {image}");
        }
    }
}
