//! The fuzz targets: what each does with arbitrary bytes, through the public interface alone.
//!
//! None may panic, hang or eat memory, and the laws that are asserted hold for any input. This file is part
//! of the fuzz crate and, by its path, of `tests/it`, which runs every target over its seeds.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use registry_check::config::read_earlier;
use registry_check::gate::{Policy, Terms, decide};
use registry_check::inputs::stream::Stream;
use registry_check::inputs::{self, AnyImageKey, Built, Inputs, Kind, Options, Source};
use registry_check::mirrors;
use registry_check::model::age;
use registry_check::model::compare::relate;
use registry_check::model::digest::Digest;
use registry_check::model::image::ImageRef;
use registry_check::model::manifest::{Manifest, MediaType};
use registry_check::model::platform::{self, Platform};
use registry_check::probe::oci::{challenge, error_body};
use registry_check::report::{Format, TableStyle, View, render};
use registry_check::stored::{self, Saved};

/// A target's name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them; the fuzz crate has a binary for each.
pub const TARGETS: [Target; 13] = [
    ("image", image),
    ("list", list),
    ("stream", stream),
    ("yaml", yaml),
    ("dockerfile", dockerfile),
    ("challenge", challenge),
    ("error_body", error_body),
    ("manifest", manifest),
    ("hosts_toml", hosts_toml),
    ("registries_conf", registries_conf),
    ("report", report),
    ("earlier", earlier),
    ("config", config),
];

/// An image reference: what is read is written so that the same is read again.
pub fn image(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(image) = text.parse::<ImageRef>() else { return };
    let shown = image.to_string();
    assert_eq!(shown.parse::<ImageRef>().as_ref(), Ok(&image), "{shown:?}");
    assert!(!shown.contains(char::is_control) && !shown.contains(char::is_whitespace), "{shown:?}");
    // Where it can be asked at all, it has a name to be asked under.
    if image.registry_fault().is_none() {
        assert!(!image.registry_key().is_empty());
    }
}

/// A list of images.
pub fn list(data: &[u8]) {
    if let Some(inputs) = read(data, Some(Kind::List)) {
        hold(&inputs);
        assert!(inputs.dynamic.is_empty());
    }
}

/// The same as it comes on standard input: no other images, no other lines.
pub fn stream(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let bytes = std::io::Cursor::new(data.to_vec());
    let streamed = runtime.block_on(async {
        let mut stream = Stream::of(bytes).expect("a thread");
        let mut all = Inputs::default();
        loop {
            match stream.batch().await {
                Ok(Some(batch)) => {
                    all.images.extend(batch.images);
                    all.bad.extend(batch.bad);
                }
                Ok(None) => break Some(all),
                Err(_) => break None,
            }
        }
    });
    if let (Some(streamed), Some(whole)) = (streamed, read(data, Some(Kind::List))) {
        assert_eq!((streamed.images, streamed.bad), (whole.images, whole.bad));
    }
}

/// YAML and JSON of every kind; the first byte chooses which, or that the content tells.
pub fn yaml(data: &[u8]) {
    const KINDS: [Option<Kind>; 7] = [
        None,
        Some(Kind::Compose),
        Some(Kind::Kubernetes),
        Some(Kind::Workflow),
        Some(Kind::Gitlab),
        Some(Kind::Bake),
        Some(Kind::Sync),
    ];
    let Some((choice, text)) = data.split_first() else { return };
    // Letters choose as well, so that seeds are readable.
    let kind = KINDS[usize::from(*choice) % KINDS.len()];
    let options = Options { kind, any_image_key: any(*choice), built: Built::Take, ..Options::default() };
    if let Ok(inputs) = inputs::read(&[Source::Stdin], text, &options) {
        hold(&inputs);
    }
}

fn any(choice: u8) -> AnyImageKey {
    if choice & 0x80 == 0 { AnyImageKey::No } else { AnyImageKey::Yes }
}

/// A Dockerfile.
pub fn dockerfile(data: &[u8]) {
    if let Some(inputs) = read(data, Some(Kind::Dockerfile)) {
        hold(&inputs);
    }
}

/// The lines of a `WWW-Authenticate` header.
pub fn challenge(data: &[u8]) {
    let challenges = challenge::parse(data.split(|byte| *byte == b'\n'));
    if let Some(preferred) = challenge::preferred(&challenges) {
        assert!(challenges.contains(preferred));
        assert_eq!(*preferred.scheme, *preferred.scheme.to_lowercase());
        let _ = (preferred.param("realm"), preferred.param("scope"), preferred.is_verdict());
    } else {
        assert!(challenges.is_empty());
    }
}

/// The body of an error; its first line is the content type, where there are two.
pub fn error_body(data: &[u8]) {
    let (content_type, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (Some(&data[..end]), &data[end + 1..]),
        None => (None, data),
    };
    let status = 400 + u16::from(body.first().copied().unwrap_or_default());
    let read = error_body::parse(status, content_type, body);
    assert_eq!(read.answer.status, status);
    assert!(read.inner_codes.len() <= 64, "{:?}", read.inner_codes);
    let _ = error_body::html_title(body);
}

/// A manifest, index or config; compared with itself it is the same.
pub fn manifest(data: &[u8]) {
    let (first, body) = data.split_first().map_or((0, data), |(first, body)| (*first, body));
    let types = [
        None,
        MediaType::parse("application/vnd.oci.image.index.v1+json"),
        MediaType::parse("application/vnd.oci.image.manifest.v1+json"),
        MediaType::parse("application/vnd.docker.distribution.manifest.list.v2+json"),
        MediaType::parse("application/vnd.docker.distribution.manifest.v2+json"),
    ];
    let Ok(manifest) = Manifest::parse(body, types[usize::from(first) % types.len()]) else { return };
    assert!(manifest.images().count() <= body.len());
    let digest = Digest::sha256(body);
    assert!(digest.matches(body));
    assert_eq!(digest.to_string().parse::<Digest>().as_ref(), Ok(&digest));
    let _ = relate(&manifest, &digest, &manifest);
}

/// containerd's `hosts.toml`, in the folder of a registry.
pub fn hosts_toml(data: &[u8]) {
    imported("certs.d/quay.io/hosts.toml", "certs.d", data);
}

/// `registries.conf`.
pub fn registries_conf(data: &[u8]) {
    imported("registries.conf", "registries.conf", data);
}

/// A saved report: what is read is written so that the same is read again, and in the other formats.
pub fn report(data: &[u8]) {
    let Ok(saved) = stored::read(data) else { return };
    let written = told(&saved, Format::Json);
    let again = stored::read(&written).unwrap_or_else(|error| panic!("{error}: {written:?}"));
    assert_eq!(told(&again, Format::Json), written);
    for format in [Format::Table, Format::Markdown, Format::Junit, Format::Prometheus] {
        told(&saved, format);
    }
}

fn told(saved: &Saved, format: Format) -> Vec<u8> {
    let policy = Policy::default();
    let terms = Terms { policy: &policy, baseline: None };
    let decision = decide(&terms, &saved.run);
    let tool_version = &saved.tool_version;
    let view = View { run: &saved.run, decision: &decision, policy: &policy, exit_code: 0, tool_version };
    let mut out = Vec::new();
    render(format, &view, &TableStyle::default(), &mut out).expect("room");
    out
}

/// An earlier report, as `--since` reads it.
pub fn earlier(data: &[u8]) {
    match read_earlier(Path::new("earlier.json"), data) {
        Ok(history) => assert!(history.0.len() <= data.len()),
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    }
}

/// The config of an image: when it was made, and for which platform.
pub fn config(data: &[u8]) {
    if let Some(created) = age::created(data) {
        assert!(created.offset().is_utc() && created.year() >= 2000, "{created}");
    }
    if let Some(platform) = platform::of_config(data) {
        let Platform { os, architecture, variant, os_version } = &platform;
        assert!(
            platform.is_met_by(&Platform::normalised(os, architecture, variant, os_version)),
            "{platform:?}"
        );
        assert!(platform.stand_ins().len() < 100, "{platform:?}");
    }
}

fn imported(file: &str, named: &str, data: &[u8]) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join(file);
    fs::create_dir_all(path.parent().unwrap_or(dir.path())).expect("a folder");
    fs::File::create(&path).and_then(|mut file| file.write_all(data)).expect("a file");
    let paths: [PathBuf; 1] = [dir.path().join(named)];
    let Ok(nodes) = mirrors::import(&paths) else { return };
    let mut map = mirrors::build(Vec::new(), Vec::new()).expect("nothing to be wrong");
    mirrors::join(&mut map, nodes);
    for name in ["nginx", "quay.io/org/app:1"] {
        let image: ImageRef = name.parse().expect("an image");
        for node in &map.nodes {
            let _ = registry_check::plan::walk::walk(node, &image);
        }
    }
}

fn read(data: &[u8], kind: Option<Kind>) -> Option<Inputs> {
    let options = Options { kind, ..Options::default() };
    inputs::read(&[Source::Stdin], data, &options).ok()
}

/// What holds for whatever was found in anything.
fn hold(inputs: &Inputs) {
    for image in &inputs.images {
        let shown = image.value.to_string();
        assert_eq!(shown.parse::<ImageRef>().as_ref(), Ok(&image.value), "{shown:?}");
        assert!(image.origin.line >= 1);
    }
    for line in &inputs.bad {
        assert!(!line.to_string().contains(char::is_control), "{line:?}");
    }
    for entry in &inputs.dynamic {
        assert!(!entry.to_string().contains(char::is_control), "{entry:?}");
    }
    for warning in &inputs.warnings {
        assert!(!warning.contains(char::is_control), "{warning:?}");
    }
}
