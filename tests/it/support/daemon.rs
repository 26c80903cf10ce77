//! Debian's `docker-registry` (Docker Distribution 2.8), on a port and a storage of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpSocket;

use super::http;
use super::process::Process;

/// How a registry is to behave; by default it takes and gives everything, to anyone.
#[derive(Default)]
pub struct Options {
    /// Makes it a pull-through cache of the registry at this URL, which must be up when the cache starts.
    pub proxy: Option<String>,
    /// Who may ask.
    pub auth: Auth,
    /// Whether `DELETE` works.
    pub delete: Delete,
    /// Where it stores, when not in the registry's own directory; stays when the registry goes.
    pub storage: Option<PathBuf>,
    /// Where the access log goes, when not into the registry's own directory.
    pub access_log: Option<PathBuf>,
}

/// Who may ask a registry.
#[derive(Default)]
pub enum Auth {
    /// Anyone.
    #[default]
    Anyone,
    /// Those in this text of `user:bcrypt-hash` lines.
    Htpasswd(String),
    /// Those whom the token service sends.
    Token(TokenService),
}

/// The token service that a registry trusts.
pub struct TokenService {
    /// The URL where tokens are to be had.
    pub realm: String,
    /// What the registry calls itself to the service.
    pub service: String,
    /// What the service calls itself in tokens.
    pub issuer: String,
    /// The PEM file with the certificates that sign tokens.
    pub certificates: PathBuf,
}

/// Whether `DELETE` works.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Delete {
    /// It answers 405.
    #[default]
    Disabled,
    /// It deletes.
    Enabled,
}

/// A running registry; dropping it ends the daemon and removes its storage.
pub struct DockerRegistry {
    process: Option<Process>,
    address: SocketAddr,
    _dir: TempDir,
    access_log: PathBuf,
    storage: PathBuf,
    /// Keeps the port of a stopped registry from being given to somebody else.
    held: Option<TcpSocket>,
}

impl DockerRegistry {
    /// Starts a registry and waits until it answers.
    pub fn start(options: Options) -> Self {
        // The daemon syncs every file it writes, which a busy disk makes twenty times as slow.
        let dir = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a temporary directory");
        let access_log = options.access_log.clone().unwrap_or_else(|| dir.path().join("access.log"));
        let storage = options.storage.clone().unwrap_or_else(|| dir.path().join("storage"));
        // The daemon reads YAML, of which JSON is a part.
        let config = dir.path().join("config.yml");
        fs::write(&config, configuration(&options, dir.path(), &storage).to_string())
            .expect("its configuration");
        let mut command = Command::new("/usr/bin/docker-registry");
        // Several daemons may write into one file, whose lines then tell the order among them.
        let log = File::options().create(true).append(true).open(&access_log).expect("its access log");
        command.arg("serve").arg(&config).stdout(log);
        let (process, address) = Process::start(command, listening_on)
            .unwrap_or_else(|stderr| panic!("docker-registry ended at once:\n{stderr}"));
        let answer = http::get(&address.to_string(), "/v2/");
        assert!(matches!(answer.status, 200 | 401), "docker-registry is not well: {answer:?}");
        Self { process: Some(process), address, _dir: dir, access_log, storage, held: None }
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The root of what it stores.
    pub fn storage(&self) -> PathBuf {
        self.storage.clone()
    }

    /// The access log so far, one line for each request it has answered.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.access_log).expect("its access log")
    }

    /// Ends the daemon. Connections to its address are refused from now on: the port stays taken
    /// until this value is dropped.
    pub fn stop(&mut self) {
        if self.process.take().is_some() {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_reuseaddr(true).expect("a socket option");
            socket.bind(self.address).expect("the port it has just left");
            self.held = Some(socket);
        }
    }
}

fn configuration(options: &Options, dir: &Path, storage: &Path) -> serde_json::Value {
    let mut config = json!({
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": false}},
        "storage": {
            "filesystem": {"rootdirectory": storage},
            "delete": {"enabled": options.delete == Delete::Enabled},
            "maintenance": {"uploadpurging": {"enabled": false}},
        },
        // Layers that are elsewhere, as Windows images have them.
        "validation": {"manifests": {"urls": {"allow": ["^http://"]}}},
        // The kernel picks the port and the daemon says which: nobody else can take it in between.
        "http": {"addr": "127.0.0.1:0", "secret": "one daemon, no cluster"},
    });
    if let Some(url) = &options.proxy {
        config["proxy"] = json!({"remoteurl": url});
    }
    match &options.auth {
        Auth::Anyone => {}
        Auth::Htpasswd(text) => {
            let path = dir.join("htpasswd");
            fs::write(&path, text).expect("its password file");
            config["auth"] = json!({"htpasswd": {"realm": "test", "path": path}});
        }
        Auth::Token(token) => {
            config["auth"] = json!({"token": {
                "realm": token.realm,
                "service": token.service,
                "issuer": token.issuer,
                "rootcertbundle": token.certificates,
            }});
        }
    }
    config
}

fn listening_on(line: &str) -> Option<SocketAddr> {
    let (_, address) = line.split_once("listening on ")?;
    address.split('"').next()?.parse().ok()
}
