//! Debian's `nginx` in front of something: reverse proxies, redirects, answers of its own, TLS.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use tempfile::TempDir;

use super::process::Process;

/// How often a port may be lost between choosing it and nginx taking it.
const PORT_ATTEMPTS: usize = 5;

/// A running nginx; dropping it ends it.
pub struct Nginx {
    _process: Process,
    address: SocketAddr,
    _dir: TempDir,
}

impl Nginx {
    /// Starts an nginx with one server of these directives (its `location` blocks and the like; the
    /// `listen` line is written here, ending in `listen_flags`, as in `ssl http2`).
    pub fn start(listen_flags: &str, directives: &str) -> Self {
        for _ in 0..PORT_ATTEMPTS {
            // Port 0 is refused by nginx, so the port is chosen first and may be gone when it is wanted.
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = free.local_addr().expect("its address");
            drop(free);
            let dir = TempDir::new().expect("a temporary directory");
            let server = format!("server {{ listen {address} {listen_flags}; {directives} }}");
            match Process::start(command(&dir, &server), bound) {
                Ok((process, ())) => return Self { _process: process, address, _dir: dir },
                Err(stderr) if stderr.contains("Address already in use") => {}
                Err(stderr) => panic!("nginx ended at once:\n{stderr}"),
            }
        }
        panic!("nginx lost its port {PORT_ATTEMPTS} times");
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }
}

fn command(dir: &TempDir, server: &str) -> Command {
    let path = dir.path().display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {path}/{kind};\n"))
        .concat();
    // One process without a master: killing the child leaves no workers behind.
    let config = format!(
        "daemon off; master_process off; pid {path}/pid; error_log stderr notice;\n\
         events {{}}\nhttp {{\naccess_log off;\n{temporary}{server}\n}}\n"
    );
    let file = dir.path().join("nginx.conf");
    fs::write(&file, config).expect("its configuration");
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(dir.path()).args(["-e", "stderr", "-c"]).arg(file);
    command
}

/// nginx names the system it runs on after it has bound its sockets.
fn bound(line: &str) -> Option<()> {
    line.contains(" OS: ").then_some(())
}
