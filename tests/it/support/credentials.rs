//! What docker and podman write down, what they send, and credential helpers that are real programs.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use registry_check::demo::Registry;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// The base64 of `user:password`.
pub fn pair(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}

/// The `Authorization` line of Basic.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", pair(user, password))
}

/// `auths` with these (key, user, password).
pub fn auths(entries: &[(&str, &str, &str)]) -> String {
    let entry = |(key, user, password): &(&str, &str, &str)| {
        ((*key).to_owned(), json!({"auth": pair(user, password)}))
    };
    with_auths(entries.iter().map(entry).collect())
}

/// `auths` with one entry of any kind.
pub fn entry(key: &str, value: Value) -> String {
    with_auths(Map::from_iter([(key.to_owned(), value)]))
}

fn with_auths(entries: Map<String, Value>) -> String {
    json!({"auths": entries}).to_string()
}

/// Every `Authorization` line that a registry was sent, in turn, and of requests without one nothing.
pub fn sent_to(registry: &Registry) -> Vec<String> {
    registry.hits().into_iter().filter_map(|hit| hit.authorization).collect()
}

/// A folder of `PATH` with credential helpers in it. Each writes down how it was called.
pub struct Helpers(TempDir);

impl Helpers {
    pub fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    /// Adds `docker-credential-NAME`, which runs `script` with the server's name in `$server`.
    pub fn with(self, name: &str, script: &str) -> Self {
        let runs = self.runs_file(name);
        let text = format!(
            "#!/bin/sh\nserver=$(cat)\nprintf '%s %s\\n' \"$*\" \"$server\" >>'{}'\n{script}\n",
            runs.display()
        );
        // Another process writes it: a file that this one has open for writing while it forks elsewhere
        // could not be run.
        let mut writer = Command::new("/bin/sh")
            .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
            .arg(self.0.path().join(format!("docker-credential-{name}")))
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        writer.stdin.take().expect("piped").write_all(text.as_bytes()).expect("a script");
        assert!(writer.wait().expect("an exit status").success());
        self
    }

    /// Adds one that knows this user and password, whatever it is asked for.
    pub fn knowing(self, name: &str, user: &str, secret: &str) -> Self {
        let answer = json!({"ServerURL": "https://any", "Username": user, "Secret": secret});
        self.with(name, &format!("cat <<'END'\n{answer}\nEND"))
    }

    /// Arguments and standard input of each run.
    pub fn runs(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.runs_file(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The value of `PATH` with which they are found.
    pub fn path(&self) -> OsString {
        let ordinary = std::env::var_os("PATH").expect("a PATH");
        let folders = std::iter::once(self.0.path().to_owned()).chain(std::env::split_paths(&ordinary));
        std::env::join_paths(folders).expect("folders without colons")
    }

    fn runs_file(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.0.path()).join(format!("{name}.runs"))
    }
}
