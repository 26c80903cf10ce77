//! What containerd makes of folders and files that are there and cannot be read, or say nothing.

use std::fs;
use std::path::Path;

use super::{FILE, read, read_file};
use crate::model::node::{End, Node};

fn notes(node: &Node) -> String {
    node.notes.iter().map(|note| format!("{}: {}\n", note.place, note.text)).collect()
}

fn folder(root: &Path, name: &str, text: Option<&str>) -> std::path::PathBuf {
    let folder = root.join(name);
    fs::create_dir_all(&folder).unwrap();
    if let Some(text) = text {
        fs::write(folder.join(FILE), text).unwrap();
    }
    folder
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_and_what_is_no_file_are_told_with_what_containerd_does() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    folder(root, "quay.io", Some("[host.\"https://m.example\"]\n"));
    let link = |to: &Path, at: &str| std::os::unix::fs::symlink(to, root.join(at)).unwrap();
    folder(root, "loop.io", None);
    link(&root.join("loop.io/hosts.toml"), "loop.io/hosts.toml");
    folder(root, "gone.io", None);
    link(Path::new("/nonexistent"), "gone.io/hosts.toml");
    link(Path::new("/nonexistent"), "gone-folder.io");
    folder(root, "folder.io/hosts.toml", None);
    folder(root, "device.io", None);
    link(Path::new("/dev/null"), "device.io/hosts.toml");
    let node = read(&[root.to_owned()]).unwrap();
    let told = notes(&node);
    for part in [
        "gone.io/hosts.toml: is a link that leads nowhere: to containerd it is not there, so there are no mirrors",
        "gone-folder.io: is a link that leads nowhere; to containerd it is not there: nothing in it is used",
        "folder.io/hosts.toml: is a folder, not a file: where containerd cannot read it either, it pulls nothing",
        "device.io/hosts.toml: is a device, not a file: where containerd cannot read it either",
        "loop.io/hosts.toml: cannot be read: ",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("ignores"), "{told}");
    assert_eq!(node.notes.len(), 5, "{told}");
    let route = |image: &str| node.route(&image.parse().unwrap()).unwrap();
    assert_eq!(route("quay.io/a/b").hops.len(), 1);
    for image in ["loop.io/a", "gone.io/a", "folder.io/a"] {
        assert_eq!((route(image).hops.len(), route(image).end), (0, End::OwnRegistry), "{image}");
    }
}

#[test]
fn a_file_without_a_byte_leaves_the_certificates_beside_it_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let at = folder(dir.path(), "docker.io", Some(""));
    fs::write(at.join("ca.crt"), "").unwrap();
    for node in [read(&[dir.path().to_owned()]).unwrap(), read_file(&at.join(FILE)).unwrap()] {
        let [tls] = &node.tls[..] else { panic!("{:?}", node.tls) };
        assert_eq!(tls.settings.ca_files, [at.join("ca.crt")]);
        assert_eq!(&*tls.authority.host, "registry-1.docker.io");
        assert_eq!(node.routes.len(), 1);
    }
    fs::write(at.join(FILE), "# nothing\n").unwrap();
    assert!(read(&[dir.path().to_owned()]).unwrap().tls.is_empty());
}

#[test]
fn a_certificate_without_a_key_file_holds_its_key_or_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let at = folder(dir.path(), "docker.io", None);
    let certificate = at.join("client.cert");
    fs::write(&certificate, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let node = read(&[dir.path().to_owned()]).unwrap();
    assert!(node.tls.is_empty(), "{:?}", node.tls);
    assert!(
        notes(&node).contains("client.cert: not used: no key in it, and none in a .key"),
        "{}",
        notes(&node)
    );
    fs::write(&certificate, "-----BEGIN CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\n").unwrap();
    let node = read(&[dir.path().to_owned()]).unwrap();
    let client = node.tls[0].settings.client.as_ref().unwrap();
    assert_eq!((&client.certificate, &client.key), (&certificate, &certificate));
    assert!(!notes(&node).contains("client.cert"), "{}", notes(&node));
}

#[test]
fn a_folder_with_capital_letters_is_not_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[host.\"https://m.example\"]\n";
    let at = folder(dir.path(), "Quay.io", Some(text));
    folder(dir.path(), "ghcr.io", Some(text));
    let node = read(&[dir.path().to_owned()]).unwrap();
    assert!(node.route(&"quay.io/a/b".parse().unwrap()).is_none());
    assert!(node.route(&"ghcr.io/a/b".parse().unwrap()).is_some());
    let told = notes(&node);
    assert!(told.contains("Quay.io: not used: containerd looks for a folder 'quay.io'"), "{told}");
    let node = read_file(&at.join(FILE)).unwrap();
    assert!(
        node.routes.is_empty() && notes(&node).contains("looks for a folder 'quay.io'"),
        "{}",
        notes(&node)
    );
}
