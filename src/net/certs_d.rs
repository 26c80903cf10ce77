//! `certs.d`: folders named after hosts, in which people have told docker and podman whom to trust and who
//! they are.
//!
//! `*.crt` is a CA besides the system's, `NAME.cert` and `NAME.key` are a client certificate
//! (containers-certs.d(5), moby `daemon/pkg/registry`). Of several places the first that has a folder for
//! the host counts, and only that one.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::endpoint::Authority;
use crate::model::tls::ClientFiles;

/// Where docker and podman look, given the user's folder for settings (`~/.config`).
#[must_use]
pub fn system_places(user_settings: Option<&Path>) -> Vec<PathBuf> {
    let own = ["containers/certs.d", "docker/certs.d"];
    let of_user = user_settings.into_iter().flat_map(|folder| own.map(|place| folder.join(place)));
    of_user.chain(["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from)).collect()
}

/// What lies in the folder of a host.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// By name.
    pub(super) authorities: Vec<PathBuf>,
    /// By name.
    pub(super) clients: Vec<ClientFiles>,
    /// Halves of pairs.
    pub(super) unpaired: Vec<Unpaired>,
}

/// Half of a pair, or a folder that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unpaired {
    /// A certificate, and the key that is not there.
    Certificate { path: PathBuf, key: PathBuf },
    /// A key, and the certificate that is not there.
    Key { path: PathBuf, certificate: PathBuf },
    /// The folder.
    Unreadable { path: PathBuf, why: String },
}

impl fmt::Display for Unpaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { path, key } => {
                write!(f, "{}: there is no key {} for it", path.display(), key.display())
            }
            Self::Key { path, certificate } => {
                write!(f, "{}: there is no certificate {} for it", path.display(), certificate.display())
            }
            Self::Unreadable { path, why } => write!(f, "{}: {why}", path.display()),
        }
    }
}

/// The folder of `host` in the first of `places` that has one.
pub(super) fn find(places: &[PathBuf], host: &Authority) -> Option<Folder> {
    let names = folder_names(host);
    let paths = places.iter().flat_map(|place| names.iter().map(move |name| place.join(name)));
    paths.into_iter().find(|path| path.is_dir()).map(read)
}

/// With a port that is the scheme's own, people may have written the host with or without it.
fn folder_names(host: &Authority) -> Vec<String> {
    // Windows allows no colon in a file name, and docker leaves it out there.
    let separator = if cfg!(windows) { "" } else { ":" };
    let with_port = format!("{}{separator}{}", host.host, host.port);
    if host.port == 443 { vec![host.host.to_string(), with_port] } else { vec![with_port] }
}

fn read(path: PathBuf) -> Folder {
    let mut folder = Folder { path, ..Folder::default() };
    let mut files: Vec<PathBuf> = match std::fs::read_dir(&folder.path) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) => {
            let why = error.to_string();
            folder.unpaired.push(Unpaired::Unreadable { path: folder.path.clone(), why });
            return folder;
        }
    };
    files.sort();
    let has = |path: &PathBuf| files.binary_search(path).is_ok();
    for file in &files {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => folder.authorities.push(file.clone()),
            Some("cert") => {
                let key = file.with_extension("key");
                if has(&key) {
                    folder.clients.push(ClientFiles { certificate: file.clone(), key });
                } else {
                    folder.unpaired.push(Unpaired::Certificate { path: file.clone(), key });
                }
            }
            Some("key") => {
                let certificate = file.with_extension("cert");
                if !has(&certificate) {
                    folder.unpaired.push(Unpaired::Key { path: file.clone(), certificate });
                }
            }
            _ => {}
        }
    }
    folder
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn host(host: &str, port: u16) -> Authority {
        Authority { scheme: "https".into(), host: host.into(), port }
    }

    fn fill(root: &Path, files: &[&str]) {
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }

    #[test]
    fn the_first_place_with_a_folder_for_the_host_wins_even_if_it_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let places = ["user", "system"].map(|name| dir.path().join(name));
        fill(dir.path(), &["user/other:5000/ca.crt", "system/h:5000/ca.crt", "system/h/ca.crt"]);
        let found = find(&places, &host("h", 5000)).unwrap();
        assert_eq!(found.authorities, [dir.path().join("system/h:5000/ca.crt")]);
        fs::create_dir(dir.path().join("user/h:5000")).unwrap();
        let empty = Folder { path: dir.path().join("user/h:5000"), ..Folder::default() };
        assert_eq!(find(&places, &host("h", 5000)), Some(empty));
        assert_eq!(find(&places, &host("h", 5001)), None);
    }

    #[test]
    fn only_the_default_port_may_be_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let places = [dir.path().to_owned()];
        fill(dir.path(), &["plain/a.crt", "said:443/b.crt", "[::1]:5000/c.crt"]);
        let name = |authority| {
            let found = find(&places, &authority)?;
            Some(found.authorities[0].file_name().unwrap().to_str().unwrap().to_owned())
        };
        assert_eq!(name(host("plain", 443)).as_deref(), Some("a.crt"));
        assert_eq!(name(host("said", 443)).as_deref(), Some("b.crt"));
        assert_eq!(name(host("[::1]", 5000)).as_deref(), Some("c.crt"));
        assert_eq!((name(host("plain", 5000)), name(host("said", 5000))), (None, None));
    }

    #[test]
    fn certificates_are_paired_with_keys_and_single_ones_are_named() {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path(), &["h:1/b.crt", "h:1/a.crt", "h:1/x.cert", "h:1/x.key", "h:1/y.cert", "h:1/z.key"]);
        fill(dir.path(), &["h:1/README", "h:1/x.pem"]);
        let at = |name: &str| dir.path().join("h:1").join(name);
        let found = find(&[dir.path().to_owned()], &host("h", 1)).unwrap();
        assert_eq!(found.authorities, [at("a.crt"), at("b.crt")]);
        assert_eq!(found.clients, [ClientFiles { certificate: at("x.cert"), key: at("x.key") }]);
        let said: Vec<_> = found.unpaired.iter().map(ToString::to_string).collect();
        let y = format!("{}: there is no key {} for it", at("y.cert").display(), at("y.key").display());
        let z =
            format!("{}: there is no certificate {} for it", at("z.key").display(), at("z.cert").display());
        assert_eq!(said, [y, z]);
    }

    #[test]
    fn the_users_places_come_before_the_systems() {
        let places = system_places(Some(Path::new("/home/me/.config")));
        let expected = [
            "/home/me/.config/containers/certs.d",
            "/home/me/.config/docker/certs.d",
            "/etc/containers/certs.d",
            "/etc/docker/certs.d",
        ];
        assert_eq!(places, expected.map(PathBuf::from));
        assert_eq!(system_places(None), places[2..]);
    }
}
