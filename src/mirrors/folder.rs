//! What else is in a folder that was named with `--mirrors-from`: a folder is read as one thing, and what looks like the
//! configuration of another runtime, or of another place, is told of.

use std::path::{Path, PathBuf};

use super::containers;
use super::keys::MAX_TOLD;
use crate::model::node::Note;

const HOSTS: &str = "hosts.toml";

/// What a folder was read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadAs {
    /// containerd's certs.d.
    Certs,
    /// The `registries.conf` in it, with its drop-ins.
    Conf,
    /// Drop-ins.
    DropIns,
}

/// A note for each file in `folder` that might have been meant too and is not in `named`.
pub(super) fn unread(folder: &Path, read_as: ReadAs, named: &[PathBuf]) -> Vec<Note> {
    let mut found = other_runtimes(folder);
    if read_as == ReadAs::Certs {
        found.extend(containers::drop_ins(folder).unwrap_or_default());
        found.extend(containers::drop_ins(&folder.join("registries.conf.d")).unwrap_or_default());
    } else {
        found.extend(Some(folder.join(HOSTS)).filter(|path| path.is_file()));
        found.extend(hosts_files(folder));
    }
    found.extend(hosts_files(&folder.join("certs.d")));
    let named: Vec<_> = named.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let is_named = |path: &Path| path.canonicalize().is_ok_and(|path| named.contains(&path));
    let is_left = |path: &PathBuf| !path.ancestors().take_while(|above| *above != folder).any(is_named);
    found.retain(is_left);
    let what = match read_as {
        ReadAs::Certs => "containerd's certs.d",
        ReadAs::Conf => "registries.conf and its drop-ins",
        ReadAs::DropIns => "drop-ins of registries.conf",
    };
    let text =
        format!("not read: the folder is read as {what}; name this with --mirrors-from too if it counts");
    let left = found.len().saturating_sub(MAX_TOLD);
    let mut notes: Vec<_> = found.iter().take(MAX_TOLD).map(|path| note(path, &text)).collect();
    notes.extend((left > 0).then(|| note(folder, &format!("{left} more files that are not read"))));
    if read_as == ReadAs::Conf {
        notes.extend(neighbours(folder));
    }
    notes
}

fn note(path: &Path, text: &str) -> Note {
    Note { place: path.display().to_string().into(), text: text.into() }
}

/// What runtimes call their files.
fn other_runtimes(folder: &Path) -> Vec<PathBuf> {
    let names = ["daemon.json", "registries.yaml", "buildkitd.toml"].iter();
    names.map(|name| folder.join(name)).filter(|path| path.is_file()).collect()
}

/// The `hosts.toml` of containerd's folders in `root`.
fn hosts_files(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let mut found: Vec<_> = entries.flatten().map(|entry| entry.path().join(HOSTS)).collect();
    found.retain(|path| path.is_file());
    found.sort();
    found
}

/// Files beside a `registries.conf` that might have been meant for drop-ins. Its usual neighbours say nothing of mirrors.
fn neighbours(folder: &Path) -> Vec<Note> {
    const USUAL: [&str; 4] = ["registries.conf", "containers.conf", "storage.conf", "mounts.conf"];
    let files = containers::drop_ins(folder).unwrap_or_default();
    let is_other =
        |path: &&PathBuf| path.file_name().is_none_or(|name| USUAL.iter().all(|known| name != *known));
    let text = "not read: beside a registries.conf only those of registries.conf.d are";
    files.iter().filter(is_other).take(MAX_TOLD).map(|path| note(path, text)).collect()
}
