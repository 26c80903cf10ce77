//! containerd's `certs.d`: a folder for each registry, with `hosts.toml` or certificates
//! (containerd `docs/hosts.md`, `core/remotes/docker/config/hosts.go`).
//!
//! The first existing folder for a registry counts; so folders become routes in the order of the look-up.

mod hosts;
#[cfg(test)]
mod left_out;
#[cfg(test)]
mod unreadable;

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::document::{Document, Unread, is_there};
use super::place::{api_host, https, node, secure};
use super::{Error, advice, keys};
use crate::model::node::{End, Node, Note, Route, Runtime, Schemes, Scope};
use crate::model::tls::{ClientFiles, TlsSettings, Verification};
pub(super) use hosts::hosts;

const FILE: &str = "hosts.toml";
const DEFAULT: &str = "_default";
const MAX_FOLDERS: usize = 10_000;

/// Reads all folders below `roots`, which stand in the order of `config_path`.
pub(super) fn read(roots: &[PathBuf]) -> Result<Node, Error> {
    let names: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
    let mut node = node(Runtime::Containerd, &names.join(":"));
    let mut known = HashSet::new();
    for root in roots {
        let mut folders = folders(&mut node, root)?;
        // `host_port_` is looked for before `host:port`, and `_default` last.
        folders.sort_by_key(|name| (name == DEFAULT, !name.ends_with('_'), name.clone()));
        if !folders.iter().any(|name| is_there(&root.join(name).join(FILE))) {
            node.notes.push(Note {
                place: root.display().to_string().into(),
                text: "no folder here has a hosts.toml: no mirrors".into(),
            });
        }
        if root.join(FILE).is_file() {
            node.notes.push(Note {
                place: root.join(FILE).display().to_string().into(),
                text: "not read here: containerd looks for it in a folder that is named for the registry"
                    .into(),
            });
        }
        let is_hidden = node.routes.iter().any(|route| route.scope == Scope::Any);
        for name in folders {
            let folder = root.join(&name);
            let scope = scope(&name);
            if let Some(looked_for) = never_looked_for(&name) {
                node.notes.push(Note { place: folder.display().to_string().into(), text: looked_for.into() });
                continue;
            }
            if is_hidden || !known.insert(registry(&name)) {
                node.notes.push(Note {
                    place: folder.display().to_string().into(),
                    text: "containerd never looks here: an earlier folder wins".into(),
                });
                continue;
            }
            let route = self::folder(&mut node, &folder, scope);
            node.routes.push(route);
        }
    }
    Ok(node)
}

/// Reads one `hosts.toml`; its folder's name is the registry.
pub(super) fn read_file(path: &Path) -> Result<Node, Error> {
    let document = Document::read(path)?.advising(advice::HOSTS);
    let name = path
        .canonicalize()
        .ok()
        .and_then(|path| Some(path.parent()?.file_name()?.to_string_lossy().into_owned()));
    let mut node = node(Runtime::Containerd, &document.name);
    let name = name.as_deref().unwrap_or(DEFAULT);
    let scope = scope(name);
    let route = if document.text.is_empty() {
        certificates(&mut node, &document.folder, &scope);
        bare(&document.folder, scope)
    } else {
        hosts(&mut node, &document, scope).map_err(|flaw| document.error(flaw))?
    };
    match never_looked_for(name) {
        Some(text) => node.notes.push(document.note(0, text)),
        None => node.routes.push(route),
    }
    Ok(node)
}

/// What to say of a folder that containerd never looks for: it takes the name of the registry as it stands in the image,
/// and people write that in small letters.
fn never_looked_for(folder: &str) -> Option<String> {
    let small = folder.to_ascii_lowercase();
    if small != folder {
        return Some(format!(
            "not used: containerd looks for a folder '{}', and names of files tell capitals from small letters",
            keys::shown(&small)
        ));
    }
    let registry = registry(folder);
    (folder != DEFAULT && keys::is_no_host(&registry))
        .then(|| format!("not used: the folder is named for the registry, and {}", keys::no_host(&registry)))
}

fn bare(folder: &Path, scope: Scope) -> Route {
    Route {
        place: folder.display().to_string().into(),
        scope,
        hops: Vec::new(),
        end: End::OwnRegistry,
        own: Schemes::AsWritten,
    }
}

fn folders(node: &mut Node, root: &Path) -> Result<Vec<String>, Error> {
    let name = root.display().to_string();
    let unreadable = |cause: std::io::Error| super::document::unreadable(root, &cause);
    let mut names = Vec::new();
    for entry in fs::read_dir(root).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => names.push(entry.file_name().to_string_lossy().into_owned()),
            Ok(_) => {}
            Err(error) if node.notes.len() < MAX_FOLDERS => {
                let what = super::document::unreadable(&path, &error).fault;
                let then = match error.kind() {
                    ErrorKind::NotFound => "to containerd it is not there: nothing in it is used",
                    _ => "where containerd cannot look into it either, it pulls nothing from this registry",
                };
                let text = format!("{what}; {then}").into();
                node.notes.push(Note { place: path.display().to_string().into(), text });
            }
            Err(_) => {}
        }
        if names.len() > MAX_FOLDERS {
            let why = format!("has more than {MAX_FOLDERS} folders");
            return Err(Error::unusable(&name, why, advice::TOO_LARGE));
        }
    }
    Ok(names)
}

/// `host_port_` is `host:port`; the cut is at the last one, so `[fc00:_1]_` is `[fc00::1]`.
fn registry(folder: &str) -> String {
    match folder.strip_suffix('_').and_then(|name| name.rsplit_once('_')) {
        Some((host, port)) if !host.is_empty() => format!("{host}:{port}"),
        _ => folder.to_owned(),
    }
}

fn scope(folder: &str) -> Scope {
    if folder == DEFAULT { Scope::Any } else { Scope::Registry(registry(folder).into()) }
}

fn folder(node: &mut Node, folder: &Path, scope: Scope) -> Route {
    let path = folder.join(FILE);
    let bare = bare(folder, scope.clone());
    if !is_there(&path) && !path.is_dir() {
        certificates(node, folder, &scope);
        return bare;
    }
    let read = Document::read_or_why(&path).and_then(|document| {
        // As if it was not there (`loadHostDir`).
        if document.text.is_empty() {
            return Ok(None);
        }
        // What a file that turns out invalid had said does not hold.
        let mut trial = self::node(Runtime::Containerd, &node.source);
        trial.tls.clone_from(&node.tls);
        let route = hosts(&mut trial, &document, scope.clone())
            .map_err(|flaw| (Unread::NotText, document.error(flaw)))?;
        node.tls = trial.tls;
        node.headers.extend(trial.headers);
        node.notes.extend(trial.notes);
        Ok(Some(route))
    });
    match read {
        Ok(Some(route)) => return route,
        Ok(None) => {}
        Err((why, error)) => {
            let what = error.fault;
            let text = match why {
                Unread::Missing => format!("{what}: to containerd it is not there, so there are no mirrors"),
                Unread::Unreadable => format!(
                    "{what}: where containerd cannot read it either, it pulls nothing from this registry; here as if \
                     it was not there"
                ),
                Unread::TooLarge => format!("not read, and so no mirrors are known: {what}"),
                Unread::NotText => format!(
                    "INVALID: {what}; containerd ignores this file: the mirrors in it are not used, only the default upstream is"
                ),
            };
            node.notes.push(Note { place: error.place.into(), text: text.into() });
        }
    }
    certificates(node, folder, &scope);
    bare
}

/// Files of a folder without a valid `hosts.toml`, as docker has them.
fn certificates(node: &mut Node, folder: &Path, scope: &Scope) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let with = |extension: &'static str| {
        files.iter().filter(move |path| path.extension().is_some_and(|e| e == extension))
    };
    let mut tell = |path: &Path, text: &str| {
        node.notes.push(Note { place: path.display().to_string().into(), text: text.into() });
    };
    let mut clients = Vec::new();
    for certificate in with("cert") {
        let key = certificate.with_extension("key");
        let key = if files.contains(&key) { key } else { certificate.clone() };
        clients.push(ClientFiles { certificate: certificate.clone(), key });
    }
    // Without a `.key` containerd takes the key from the certificate's file.
    let holds_key = |client: &ClientFiles| {
        client.key != client.certificate
            || Document::read(&client.key).is_ok_and(|file| file.text.contains("PRIVATE KEY-----"))
    };
    if let Some(keyless) = clients.first().filter(|client| !holds_key(client)) {
        let text = "not used: no key in it, and none in a .key of the same name; containerd fails with it at every pull \
                    from this registry";
        tell(&keyless.certificate, text);
        clients.remove(0);
    }
    if let Some(second) = clients.get(1) {
        tell(
            &second.certificate,
            "not used: only the first of several client certificates is shown by a check",
        );
    }
    for path in with("toml").filter(|path| !path.ends_with(FILE)).take(keys::MAX_TOLD) {
        tell(path, "not read: containerd reads hosts.toml");
    }
    let settings = TlsSettings {
        ca_files: with("crt").cloned().collect(),
        client: clients.into_iter().next(),
        verification: Verification::Full,
    };
    let document = Document::of(folder.display().to_string(), folder.to_owned(), "");
    match scope {
        Scope::Registry(registry) => {
            if let Some(host) = https(api_host(registry)) {
                secure(node, &document, 0, &host, settings);
            }
        }
        _ if settings != TlsSettings::default() => node
            .notes
            .push(document.note(0, "certificates for all registries are not represented: use --ca-file")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::endpoint::Accepts;
    use crate::model::node::Part;

    fn parsed(text: &str) -> Result<(Route, Node), Error> {
        let document = Document::of("hosts.toml".to_owned(), PathBuf::from("/certs"), text);
        let mut node = node(Runtime::Containerd, "certs.d");
        let scope = Scope::Registry("docker.io".into());
        let route = hosts(&mut node, &document, scope).map_err(|flaw| document.error(flaw))?;
        Ok((route, node))
    }

    /// The shape of containerd's own `TestParseHostFile`.
    const ALL_FORMS: &str = r#"
server = "https://test-default.registry"

[host."https://mirror.registry"]
  capabilities = ["pull"]
  ca = "/etc/certs/mirror.pem"
[host."https://mirror-bak.registry/us"]
  capabilities = ["PULL"]
  skip_verify = true
[host."http://mirror.registry"]
  capabilities = ["pull"]
[host."https://test-1.registry"]
  capabilities = ["pull", "resolve", "push", "referrers"]
  ca = ["a.pem", "/b.pem"]
  client = [["c", "k"], ["pem", ""]]
[host."no-referrers.registry"]
  capabilities = ["pull", "resolve", "push"]
  client = "both.pem"
[host."https://noncompliantmirror.registry/v2/namespaceprefix"]
  capabilities = ["pull"]
  override_path = true
[host."https://noprefixnoncompliant.registry"]
  override_path = true
  dial_timeout = "3s"
[host."https://onlyheader.registry".header]
  X-B = ["v1", "v2"]
  X-A = "hunter2"
"#;

    #[test]
    fn every_form_of_containerds_own_test_file_is_read() {
        let (route, node) = parsed(ALL_FORMS).unwrap();
        let seen: Vec<_> =
            route.hops.iter().map(|hop| (&*hop.endpoint.api_root, hop.endpoint.accepts)).collect();
        assert_eq!(
            seen,
            [
                ("https://mirror.registry/v2", Accepts::Digests),
                ("https://mirror-bak.registry/us/v2", Accepts::Digests),
                ("http://mirror.registry/v2", Accepts::Digests),
                ("https://test-1.registry/v2", Accepts::All),
                ("https://no-referrers.registry/v2", Accepts::All),
                ("https://noncompliantmirror.registry/v2/namespaceprefix", Accepts::Digests),
                ("https://noprefixnoncompliant.registry", Accepts::All),
                ("https://onlyheader.registry/v2", Accepts::All),
                ("https://test-default.registry/v2", Accepts::All),
            ]
        );
        assert_eq!((route.hops[8].part, route.end), (Part::Primary, End::Nothing));
        assert_eq!(*route.hops[7].headers, ["X-B".into(), "X-A".into()]);
        let tls: Vec<_> = node.tls.iter().map(|host| (&*host.authority.host, &host.settings)).collect();
        assert_eq!(tls[0].1.ca_files, [Path::new("/etc/certs/mirror.pem")]);
        assert_eq!((tls[1].0, tls[1].1.verification), ("mirror-bak.registry", Verification::Off));
        assert_eq!(tls[2].1.ca_files, [Path::new("/certs/a.pem"), Path::new("/b.pem")]);
        let client = ClientFiles { certificate: "/certs/c".into(), key: "/certs/k".into() };
        assert_eq!(tls[2].1.client, Some(client));
        let notes = format!("{:?}", node.notes);
        for part in ["hosts.toml:15", "dial_timeout is not represented"] {
            assert!(notes.contains(part), "{part}: {notes}");
        }
        let [headers] = &node.headers[..] else { panic!("{:?}", node.headers) };
        assert_eq!(&*headers.api_root, "https://onlyheader.registry/v2");
        let sent: Vec<_> = headers.headers.iter().map(|(name, value)| (&**name, value.expose())).collect();
        assert_eq!(sent, [("X-B", "v1"), ("X-B", "v2"), ("X-A", "hunter2")]);
        assert!(!format!("{node:?}{route:?}").contains("hunter2"));
    }

    #[test]
    fn a_dial_timeout_that_is_no_duration_makes_the_file_invalid() {
        for written in ["abc", "3 seconds", "3"] {
            let error = parsed(&format!("[host.\"https://m\"]\ndial_timeout = \"{written}\"\n")).unwrap_err();
            let expected = format!("hosts.toml:2: dial_timeout '{written}' is no duration, such as \"3s\"");
            assert_eq!(error.to_string(), expected);
        }
        assert!(parsed("dial_timeout = \"x\"\n").is_err(), "that of the server counts as well");
        let (_, node) = parsed("[host.\"https://m\"]\ndial_timeout = \"\"\n").unwrap();
        assert_eq!(node.notes.len(), 1);
    }

    #[test]
    fn headers_that_cannot_or_must_not_be_sent_are_told_of() {
        let (_, node) = parsed(
            "[host.\"https://h\".header]\nHost = \"other\"\n\"b d\" = \"x\"\nX = \"hunter2\\n\"\nContent-Length = \"9\"\n",
        )
        .unwrap();
        assert!(node.headers.is_empty(), "{:?}", node.headers);
        let notes: Vec<_> = node.notes.iter().map(|note| format!("{}: {}", note.place, note.text)).collect();
        for (at, part) in [
            (0, "hosts.toml:2: header 'Host' is not sent"),
            (1, "hosts.toml:3: header 'b d' cannot be sent"),
            (2, "hosts.toml:4: header 'X' cannot be sent"),
            (3, "hosts.toml:5: header 'Content-Length' is not sent"),
        ] {
            assert!(notes[at].contains(part), "{notes:#?}");
        }
        assert!(!notes.concat().contains("hunter2"));
    }

    #[test]
    fn paths_are_behind_by_v2_unless_they_end_in_it_or_override_it() {
        for (host, overridden, root) in [
            ("https://h/p", false, "https://h/p/v2"),
            ("https://h/p/", true, "https://h/p"),
            ("https://h/v2/p", false, "https://h/v2/p/v2"),
            ("https://h/p/v2", false, "https://h/p/v2"),
            ("https://h//a//b/", false, "https://h/a/b/v2"),
            ("h:5000", false, "https://h:5000/v2"),
            ("http://h", true, "http://h"),
        ] {
            let (route, _) = parsed(&format!("[host.\"{host}\"]\noverride_path = {overridden}\n")).unwrap();
            assert_eq!(&*route.hops[0].endpoint.api_root, root, "{host}");
            assert_eq!(route.end, End::OwnRegistry);
        }
    }

    #[test]
    fn folders_are_the_registries_that_containerd_looks_them_up_for() {
        for (folder, name) in [
            ("docker.io", "docker.io"),
            ("test.registry_5000_", "test.registry:5000"),
            ("test.registry:5000", "test.registry:5000"),
            ("[::1]_5000_", "[::1]:5000"),
            ("[fc00:_1]_", "[fc00::1]"),
            ("[fc00::1]", "[fc00::1]"),
        ] {
            assert_eq!(registry(folder), name, "{folder}");
        }
    }

    #[test]
    fn the_first_existing_folder_wins_even_if_it_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, host: &str| {
            let folder = dir.path().join(path);
            fs::create_dir_all(&folder).unwrap();
            if !host.is_empty() {
                fs::write(folder.join(FILE), format!("[host.\"https://{host}\"]\n")).unwrap();
            }
        };
        write("a/reg.lan_5000_", "");
        write("a/reg.lan:5000", "colon.example");
        write("a/quay.io", "first.example");
        write("b/quay.io", "second.example");
        write("b/ghcr.io", "ghcr.example");
        write("b/_default", "any.example");
        write("c/gcr.io", "hidden.example");
        let roots = ["a", "b", "c"].map(|name| dir.path().join(name));
        let node = read(&roots).unwrap();
        let first = |image: &str| {
            let route = node.route(&image.parse().unwrap()).unwrap();
            route.hops.first().map(|hop| hop.endpoint.name.to_string()).unwrap_or_default()
        };
        for (image, host) in [
            ("reg.lan:5000/x", ""),
            ("quay.io/a/b", "first.example"),
            ("ghcr.io/a/b", "ghcr.example"),
            ("gcr.io/a/b", "any.example"),
            ("nginx", "any.example"),
        ] {
            assert_eq!(first(image), host, "{image}");
        }
        assert_eq!(node.notes.len(), 3, "{:?}", node.notes);
    }

    #[test]
    fn an_invalid_file_is_ignored_as_containerd_does_and_loudly() {
        for (text, part) in [
            ("server = \"https://x\"\n[host.\"https://m\"]\ncapabilities = [\"fly\"]\n", ":3"),
            ("[host\n", ":1"),
            ("[host.\"https://m\"]\nskip_verify = \"yes\"\n", ":2"),
            ("[host.\"https://m\"]\nca = 5\n", ":2"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("docker.io")).unwrap();
            fs::write(dir.path().join("docker.io/hosts.toml"), text).unwrap();
            fs::write(dir.path().join("docker.io/ca.crt"), "").unwrap();
            let node = read(&[dir.path().to_owned()]).unwrap();
            assert_eq!((node.routes[0].hops.len(), node.routes[0].end), (0, End::OwnRegistry));
            let note = &node.notes[0];
            assert!(note.place.ends_with(part), "{note:?}");
            assert!(note.text.starts_with("INVALID") && note.text.contains("not used"), "{note:?}");
            assert_eq!(&*node.tls[0].authority.host, "registry-1.docker.io");
        }
    }
}
