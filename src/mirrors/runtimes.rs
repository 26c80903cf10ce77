//! `--mirrors-from`: which runtime a path belongs to, by its name and shape, and its importer.
//!
//! Folders of containerd are the roots of one containerd, in the order given; files of `registries.conf`
//! are one configuration. All others stand for themselves.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::docker_daemon::Store;
use super::document::{Document, get, is_there, unreadable};
use super::folder::{self, ReadAs};
use super::place::node;
use super::{Error, advice, buildkit, containerd, containers, docker_daemon, k3s};
use crate::model::endpoint::Endpoint;
use crate::model::image::DOCKER_HUB;
use crate::model::mirror::MirrorMap;
use crate::model::node::{Node, Note, Part, Route, Runtime, Scope};

enum Kind {
    CertsFolder,
    HostsFile,
    Docker,
    RegistriesConf,
    DropIns,
    K3s,
    Buildkit,
}

/// Reads what runtimes were told, in the order of `paths`.
///
/// # Errors
/// Every path that cannot be read or made out, and every fault in the files.
pub fn import(paths: &[PathBuf]) -> Result<Vec<Node>, Vec<Error>> {
    let (mut nodes, mut errors) = (Vec::new(), Vec::new());
    let (mut roots, mut beside_certs) = (Vec::new(), Vec::new());
    let (mut confs, mut unread) = (Vec::new(), Vec::new());
    for path in paths {
        let inside = within(path);
        if inside.is_some() {
            unread.extend(folder::unread(path, ReadAs::Conf, paths));
        }
        let path = inside.as_ref().unwrap_or(path);
        let read = match kind(path) {
            Ok(Kind::CertsFolder) => {
                beside_certs.extend(folder::unread(path, ReadAs::Certs, paths));
                roots.push(path.clone());
                continue;
            }
            Ok(Kind::DropIns) => match containers::drop_ins(path) {
                Ok(files) => {
                    if inside.is_none() {
                        unread.extend(folder::unread(path, ReadAs::DropIns, paths));
                    }
                    confs.extend(files);
                    continue;
                }
                Err(error) => Err(vec![unreadable(path, &error)]),
            },
            Ok(Kind::RegistriesConf) => {
                confs.push(path.clone());
                // As the runtime does: the folder beside the file belongs to it.
                match beside(path) {
                    Ok(files) => {
                        confs.extend(files);
                        continue;
                    }
                    Err(error) => Err(vec![error]),
                }
            }
            Ok(Kind::HostsFile) => containerd::read_file(path).map_err(|error| vec![error]),
            Ok(Kind::Docker) => docker_daemon::read(path).map(|read| with_certs_d(read, path, paths)),
            Ok(Kind::K3s) => k3s::read(path),
            Ok(Kind::Buildkit) => buildkit::read(path).map_err(|error| vec![error]),
            Err(error) => Err(vec![error]),
        };
        match read {
            Ok(node) => nodes.push(node),
            Err(faults) => errors.extend(faults),
        }
    }
    let mut seen = HashSet::new();
    confs.retain(|path: &PathBuf| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    let with = |notes: Vec<Note>| {
        move |mut node: Node| {
            node.notes.splice(0..0, notes);
            node
        }
    };
    let together = [
        (!roots.is_empty()).then(|| containerd::read(&roots).map(with(beside_certs))),
        (!confs.is_empty()).then(|| containers::read(&confs).map(with(unread))),
    ];
    for read in together.into_iter().flatten() {
        match read {
            Ok(node) => nodes.push(node),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(nodes) } else { Err(errors) }
}

/// A node whose runtime was told nothing: containerd, as kubeadm has it by default.
#[must_use]
pub fn unconfigured() -> Node {
    node(Runtime::Containerd, "no configuration")
}

/// Adds what runtimes were told to our own mirrors: one name for each endpoint, one TLS setting for each
/// host. What our own configuration says of a host counts; where the two differ there is a note.
pub fn join(map: &mut MirrorMap, mut nodes: Vec<Node>) {
    let own = map.mirrors.iter().map(|mirror| (mirror.endpoint.name.clone(), Arc::clone(&mirror.endpoint)));
    let mut known: HashMap<Box<str>, Arc<Endpoint>> = own.collect();
    for node in &mut nodes {
        for hop in node.routes.iter_mut().flat_map(|route| &mut route.hops) {
            let plain = hop.endpoint.name.clone();
            for number in 1_u32.. {
                let name = match number {
                    1 => plain.clone(),
                    2 => format!("{plain} ({})", node.runtime.as_str()).into(),
                    _ => format!("{plain} ({} {})", node.runtime.as_str(), number - 1).into(),
                };
                let endpoint = Endpoint { name: name.clone(), ..Endpoint::clone(&hop.endpoint) };
                let found = known.entry(name).or_insert_with(|| Arc::new(endpoint.clone()));
                if **found == endpoint {
                    hop.endpoint = Arc::clone(found);
                    break;
                }
            }
        }
        for host in &node.tls {
            match map.tls.iter().find(|known| known.authority == host.authority) {
                None => map.tls.push(host.clone()),
                Some(known) if known.settings == host.settings => {}
                Some(known) => node.notes.push(Note {
                    place: host.place.clone(),
                    text: format!(
                        "{} has other TLS settings at {}: those are used",
                        host.authority, known.place
                    )
                    .into(),
                }),
            }
        }
    }
    map.nodes.extend(nodes);
}

fn unknown(path: &Path) -> Error {
    Error::unusable(path.display().to_string(), UNKNOWN, advice::UNKNOWN)
}

/// The `certs.d` beside a `daemon.json` and its `hosts.toml` of Docker Hub, where that names hosts: dockerd asks
/// those and no registry-mirrors (moby `daemon/hosts.go: mergeLegacyConfig`).
pub(super) fn hub_beside(path: &Path) -> Option<(PathBuf, Node)> {
    let folder = path.parent().unwrap_or(Path::new("")).join("certs.d");
    let file = folder.join(DOCKER_HUB).join("hosts.toml");
    // An invalid file is ignored by dockerd as well.
    let node = file.is_file().then(|| containerd::read_file(&file).ok()).flatten()?;
    let mut hops = node.routes.iter().flat_map(|route| &route.hops);
    hops.any(|hop| hop.part == Part::Mirror).then_some((folder, node))
}

/// What dockerd makes of `node`, its `daemon.json` at `path`, with the certs.d beside it.
fn with_certs_d((mut node, store): (Node, Store), path: &Path, named: &[PathBuf]) -> Node {
    let Some((folder, mut hosts)) = hub_beside(path) else { return node };
    let file = hosts.source.clone();
    let same = |one: &Path| {
        one.canonicalize().is_ok_and(|one| folder.canonicalize().is_ok_and(|folder| one == folder))
    };
    let is_named = named.iter().any(|path| same(path));
    let is_hub = |route: &Route| route.scope == Scope::Registry(DOCKER_HUB.into());
    let found = hosts.routes.pop();
    let known = node.routes.iter_mut().find(|route| is_hub(route) && !route.hops.is_empty());
    let (Some(found), Some(known)) = (found, known) else { return node };
    if store == Store::Own {
        let text = format!(
            "with \"containerd-snapshotter\": false dockerd reads no hosts.toml: registry-mirrors count, {file} does not"
        );
        let place = known.place.clone();
        node.notes.extend(is_named.then(|| Note { place, text: text.into() }));
        return node;
    }
    if is_named {
        let place = std::mem::replace(known, found).place;
        node.tls.extend(hosts.tls);
        node.headers.extend(hosts.headers);
        node.notes.push(Note {
            place,
            text: format!("registry-mirrors are not used: dockerd asks the hosts of {file} for docker.io")
                .into(),
        });
        return node;
    }
    let text = format!(
        "dockerd ignores registry-mirrors where its certs.d names hosts for docker.io, and {file} does: \
         if it is dockerd's, name {} with --mirrors-from too",
        folder.display()
    );
    let place = known.place.clone();
    node.notes.push(Note { place, text: text.into() });
    node
}

/// A folder like `/etc/containers`: it stands for the `registries.conf` in it, with the drop-ins that belong to that.
fn within(path: &Path) -> Option<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".conf.d") || name == "certs.d" {
        return None;
    }
    let (file, folder) = (path.join("registries.conf"), path.join("registries.conf.d"));
    let has_drop_ins = |folder: &PathBuf| containers::drop_ins(folder).is_ok_and(|files| !files.is_empty());
    if is_there(&file) { Some(file) } else { Some(folder).filter(has_drop_ins) }
}

fn beside(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut folder = path.as_os_str().to_owned();
    folder.push(".d");
    let folder = Path::new(&folder);
    match containers::drop_ins(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unreadable(folder, &error)),
        files => Ok(files.unwrap_or_default()),
    }
}

fn kind(path: &Path) -> Result<Kind, Error> {
    let found = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if found.is_dir() {
        let has_drop_ins = || containers::drop_ins(path).is_ok_and(|files| !files.is_empty());
        return Ok(if name.ends_with(".conf.d") || name != "certs.d" && has_drop_ins() {
            Kind::DropIns
        } else {
            Kind::CertsFolder
        });
    }
    if !found.is_file() {
        // Its own words for what it is.
        return Document::read(path).and_then(|_| Err(unknown(path)));
    }
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        _ if name == "hosts.toml" => Ok(Kind::HostsFile),
        "json" => Ok(Kind::Docker),
        "yaml" | "yml" if name == "registries.yaml" || k3s::is_it(&Document::read(path)?) => Ok(Kind::K3s),
        "yaml" | "yml" => Err(Error::unusable(path.display().to_string(), NO_NODE, advice::UNKNOWN)),
        "conf" => Ok(Kind::RegistriesConf),
        "toml" => by_content(path),
        _ => Err(unknown(path)),
    }
}

const NO_NODE: &str =
    "is not a node's configuration: neither `mirrors` nor `configs` of a registries.yaml is in it";

const UNKNOWN: &str = "is of no known kind: certs.d (folder), hosts.toml, daemon.json, registries.conf, \
registries.conf.d (folder), registries.yaml or buildkitd.toml";

fn by_content(path: &Path) -> Result<Kind, Error> {
    let document = Document::read(path)?;
    let root = document.toml().map_err(|flaw| document.error(flaw))?;
    let is_buildkit = path.file_name().is_some_and(|name| name == "buildkitd.toml");
    match get(&root, "registry") {
        Some(value) if value.get_ref().is_table() => Ok(Kind::Buildkit),
        Some(value) if value.get_ref().is_array() => Ok(Kind::RegistriesConf),
        _ if is_buildkit => Ok(Kind::Buildkit),
        _ if get(&root, "host").is_some() || get(&root, "server").is_some() => Ok(Kind::HostsFile),
        _ => Err(unknown(path)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::mirrors::{MirrorSpec, build};
    use crate::model::endpoint::Namespace;
    use crate::model::tls::TlsSettings;

    fn imported(files: &[(&str, &str)], paths: &[&str]) -> Vec<Node> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        import(&paths.iter().map(|path| dir.path().join(path)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn each_path_goes_to_its_importer_and_parts_of_one_configuration_together() {
        let files = [
            ("a/docker.io/hosts.toml", ""),
            ("b/quay.io/hosts.toml", ""),
            ("daemon.json", "{}"),
            ("registries.yaml", "mirrors: {}"),
            ("buildkitd.toml", ""),
            ("my.toml", "[registry.\"docker.io\"]\n"),
            ("registries.conf", "[[registry]]\nlocation='a.io'\n"),
            ("registries.conf.d/1.conf", "[[registry]]\nlocation='b.io'\n"),
            ("registries.conf.d/2.txt", "no TOML"),
            ("other/registries.conf.d/3.conf", "[[registry]]\nlocation='c.io'\n"),
        ];
        let paths = [
            "a",
            "daemon.json",
            "registries.conf",
            "registries.conf.d",
            "other/registries.conf.d",
            "registries.yaml",
            "buildkitd.toml",
            "my.toml",
            "b",
        ];
        let nodes = imported(&files, &paths);
        let found: Vec<_> = nodes.iter().map(|node| (node.runtime.as_str(), node.routes.len())).collect();
        let expected = [
            ("docker", 1),
            ("k3s", 0),
            ("buildkit", 0),
            ("buildkit", 1),
            ("containerd", 2),
            ("containers", 3),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_folder_with_registries_conf_is_that_file_and_its_drop_ins() {
        let own = ("c/registries.conf", "[[registry]]\nlocation='a.io'\n");
        let drop_in = ("c/registries.conf.d/1.conf", "[[registry]]\nlocation='b.io'\n");
        let others = [("c/storage.conf", "[storage]\n"), ("c/mine.conf", "[[registry]]\nlocation='c.io'\n")];
        let all = [&[own, drop_in], &others[..]].concat();
        for (files, routes, told) in
            [(&all[..], 2, 1), (&[own, drop_in], 2, 0), (&[drop_in], 1, 0), (&[own], 1, 0)]
        {
            let [node] = &imported(files, &["c"])[..] else { panic!("{files:?}") };
            assert_eq!(
                (node.runtime.as_str(), node.routes.len(), node.notes.len()),
                ("containers", routes, told)
            );
            for note in &node.notes {
                assert!(note.place.ends_with("mine.conf") && note.text.starts_with("not read"), "{note:?}");
            }
        }
    }

    #[test]
    fn what_a_folder_holds_besides_what_it_is_read_as_is_told_unless_it_is_named_itself() {
        let (conf, json) = ("[[registry]]\nlocation='a.io'\n", "{}");
        let (conf_text, certs) = ("registries.conf and its drop-ins", "containerd's certs.d");
        for (folder, files, read_as, left) in [
            ("a", &["registries.conf", "quay.io/hosts.toml"][..], conf_text, &["quay.io/hosts.toml"][..]),
            (
                "a",
                &["registries.conf", "certs.d/quay.io/hosts.toml"],
                conf_text,
                &["certs.d/quay.io/hosts.toml"],
            ),
            ("a", &["registries.conf", "daemon.json"], conf_text, &["daemon.json"]),
            (
                "a",
                &["1.conf", "_default/hosts.toml"],
                "drop-ins of registries.conf",
                &["_default/hosts.toml"],
            ),
            (
                "a",
                &["quay.io/hosts.toml", "registries.yaml", "buildkitd.toml"],
                certs,
                &["registries.yaml", "buildkitd.toml"],
            ),
            ("certs.d", &["quay.io/hosts.toml", "registries.conf"], certs, &["registries.conf"]),
            (
                "certs.d",
                &["quay.io/hosts.toml", "registries.conf.d/1.conf"],
                certs,
                &["registries.conf.d/1.conf"],
            ),
        ] {
            let files: Vec<_> = files.iter().map(|name| format!("{folder}/{name}")).collect();
            let files: Vec<_> = files
                .iter()
                .map(|name| {
                    (
                        name.as_str(),
                        if name.ends_with(".conf") {
                            conf
                        } else if name.ends_with(".json") {
                            json
                        } else {
                            ""
                        },
                    )
                })
                .collect();
            let told = |paths: &[&str]| {
                let nodes = imported(&files, paths);
                let notes = nodes.iter().flat_map(|node| &node.notes);
                notes.filter(|note| note.text.contains("not read")).cloned().collect::<Vec<_>>()
            };
            let notes = told(&[folder]);
            assert_eq!(notes.len(), left.len(), "{files:?}: {notes:?}");
            for (note, left) in notes.iter().zip(left) {
                assert!(note.place.ends_with(&format!("{folder}/{left}")), "{note:?}");
                assert!(
                    note.text.contains(&format!("the folder is read as {read_as}; name this")),
                    "{note:?}"
                );
            }
            let named: Vec<_> = left.iter().map(|left| format!("{folder}/{left}")).collect();
            let named: Vec<_> =
                named.iter().map(String::as_str).filter(|name| !name.ends_with(".yaml")).collect();
            if named.len() == left.len() {
                assert!(told(&[&[folder], &named[..]].concat()).is_empty(), "{files:?}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_refused_unread_and_a_link_that_leads_nowhere_is_an_error() {
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let error = |name: &str| import(&[at(name)]).unwrap_err()[0].to_string();
        fs::create_dir_all(at("c/registries.conf.d")).unwrap();
        fs::create_dir(at("d")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("p.conf")).status().unwrap().success());
        assert!(error("p.conf").ends_with("p.conf: is a pipe, not a file"), "{}", error("p.conf"));
        let _socket = UnixListener::bind(at("s.conf")).unwrap();
        for name in
            ["f.conf", "daemon.json", "registries.yaml", "buildkitd.toml", "x.yaml", "hosts.toml", "63"]
        {
            symlink("/dev/null", at(name)).unwrap();
            assert!(error(name).ends_with(&format!("{name}: is a device, not a file")), "{}", error(name));
        }
        assert!(error("s.conf").ends_with("s.conf: is a socket, not a file"), "{}", error("s.conf"));
        symlink("/nonexistent", at("c/registries.conf.d/a.conf")).unwrap();
        symlink("/nonexistent", at("d/registries.conf")).unwrap();
        symlink("/nonexistent", at("gone.conf")).unwrap();
        for (named, place) in [
            ("c", "a.conf"),
            ("c/registries.conf.d", "a.conf"),
            ("d", "registries.conf"),
            ("gone.conf", "gone.conf"),
        ] {
            let told = error(named);
            assert!(told.ends_with(&format!("{place}: is a link that leads nowhere")), "{told}");
        }
    }

    #[test]
    fn yaml_that_is_no_nodes_configuration_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["foo: bar\n", "- a\n", "image: x\n---\nimage: y\n"] {
            let path = dir.path().join("deploy.yaml");
            fs::write(&path, text).unwrap();
            let errors = import(std::slice::from_ref(&path)).unwrap_err();
            let shown = errors[0].to_string();
            assert!(errors.len() == 1 && !shown.contains("k3s"), "{text}: {shown}");
        }
        fs::write(dir.path().join("deploy.yaml"), "foo: bar\n").unwrap();
        let errors = import(&[dir.path().join("deploy.yaml")]).unwrap_err();
        assert!(errors[0].to_string().contains("deploy.yaml: is not a node's configuration"), "{errors:?}");
        let named = imported(&[("k.yml", "configs: {}\n")], &["k.yml"]);
        assert_eq!(named[0].runtime.as_str(), "k3s");
    }

    #[test]
    fn hosts_of_a_certs_d_beside_daemon_json_win_over_registry_mirrors() {
        let files = [
            ("daemon.json", "{\"registry-mirrors\": [\"https://a.example\"]}"),
            ("certs.d/docker.io/hosts.toml", "[host.\"https://b.example\"]\nca = \"b.pem\"\n"),
        ];
        let asked = |nodes: &[Node]| {
            let node = nodes.iter().find(|node| node.runtime.as_str() == "docker").unwrap();
            let route = node.route(&"nginx".parse().unwrap()).unwrap();
            let names: Vec<_> = route.hops.iter().map(|hop| hop.endpoint.name.to_string()).collect();
            (names.join(" "), format!("{:?}", node.notes))
        };
        let (names, notes) = asked(&imported(&files, &["daemon.json"]));
        assert_eq!(names, "a.example");
        assert!(notes.contains("dockerd ignores registry-mirrors where"), "{notes}");
        let (names, notes) = asked(&imported(&files, &["daemon.json", "certs.d"]));
        assert_eq!(names, "b.example");
        assert!(notes.contains("registry-mirrors are not used: dockerd asks the hosts of"), "{notes}");
        for (snapshotter, names_then) in [(false, "a.example"), (true, "b.example")] {
            let json = format!(
                "{{\"registry-mirrors\": [\"https://a.example\"], \"features\": {{\"containerd-snapshotter\": {snapshotter}}}}}"
            );
            let said = [("daemon.json", &*json), files[1]];
            let (names, notes) = asked(&imported(&said, &["daemon.json", "certs.d"]));
            assert_eq!(names, names_then);
            assert_eq!(notes.contains("dockerd reads no hosts.toml"), !snapshotter, "{notes}");
            let (_, notes) = asked(&imported(&said, &["daemon.json"]));
            assert_eq!(notes.contains("dockerd ignores registry-mirrors where"), snapshotter, "{notes}");
            let nodes = imported(&said, &["daemon.json", "certs.d"]);
            let docker = nodes.iter().find(|node| node.runtime.as_str() == "docker").unwrap();
            let namespace = docker.routes[0].hops[0].endpoint.namespace;
            assert_eq!(namespace == Namespace::Never, !snapshotter);
        }
        let one = [files[0], ("certs.d/docker.io/hosts.toml", "server = \"https://b.example\"\n")];
        let (names, notes) = asked(&imported(&one, &["daemon.json", "certs.d"]));
        assert_eq!((&*names, &*notes), ("a.example", "[]"));
    }

    #[test]
    fn a_hosts_toml_in_a_folder_that_is_named_for_no_registry_is_told_and_not_used() {
        let host = "[host.\"https://m.example\"]\n";
        for (paths, place) in [(&["etc/harbor/hosts.toml"], "harbor/hosts.toml:1"), (&["etc"], "etc/harbor")]
        {
            let [node] = &imported(&[("etc/harbor/hosts.toml", host)], paths)[..] else { panic!() };
            let [note] = &node.notes[..] else { panic!("{:?}", node.notes) };
            assert!(note.place.ends_with(place), "{note:?}");
            assert!(note.text.starts_with("not used: the folder is named for the registry"), "{note:?}");
            assert!(node.routes.is_empty());
        }
        for folder in ["docker.io", "localhost", "reg_5000_", "_default"] {
            let file = format!("etc/{folder}/hosts.toml");
            let nodes = imported(&[(&file, host)], &[&file]);
            assert_eq!((nodes[0].notes.len(), nodes[0].routes.len()), (0, 1), "{folder}");
        }
    }

    #[test]
    fn a_folder_that_holds_no_mirrors_is_told_of() {
        let nodes = imported(&[("empty/x/y.txt", "")], &["empty"]);
        assert!(nodes[0].notes[0].text.contains("has a hosts.toml: no mirrors"), "{:?}", nodes[0].notes);
    }

    #[test]
    fn endpoints_that_differ_get_names_that_differ_and_our_own_tls_settings_count() {
        let host = "[host.\"https://m.example\"]\nca = \"theirs.pem\"\n";
        let nodes = imported(
            &[
                ("a/docker.io/hosts.toml", host),
                ("a/quay.io/hosts.toml", host),
                ("a/ghcr.io/hosts.toml", "[host.\"https://m.example\"]\ncapabilities = [\"pull\"]\n"),
            ],
            &["a"],
        );
        let tls = TlsSettings { ca_files: vec!["ours.pem".into()], ..TlsSettings::default() };
        let url = "https://m.example".to_owned();
        let own = MirrorSpec { url, tls, place: "c.toml:1".to_owned(), ..MirrorSpec::default() };
        let mut map = build(vec![own], Vec::new()).unwrap();
        join(&mut map, nodes);
        let name = |image: &str| {
            let route = map.nodes[0].route(&image.parse().unwrap()).unwrap();
            route.hops[0].endpoint.name.to_string()
        };
        assert_eq!(name("nginx"), name("quay.io/a/b"));
        let names = [name("nginx"), name("ghcr.io/a/b"), map.mirrors[0].endpoint.name.to_string()];
        let different: HashSet<_> = names.iter().collect();
        assert_eq!(different.len(), 3, "{names:?}");
        assert!(names[0].starts_with("m.example (containerd"), "{names:?}");
        assert_eq!(map.tls.len(), 1);
        let notes = format!("{:?}", map.nodes[0].notes);
        assert!(notes.contains("other TLS settings at c.toml:1"), "{notes}");
    }
}
