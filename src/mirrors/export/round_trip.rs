//! What is exported and imported again is asked at the same places in the same order.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::mirrors::{MirrorSpec, PathMeaning, build, import};
use crate::model::choice::{Chosen, LeftOut, Standing};
use crate::model::endpoint::{Accepts, Endpoint};
use crate::model::image::ImageRef;

const TARGETS: [Target; 4] = [Target::Containerd, Target::Docker, Target::RegistriesConf, Target::K3s];

/// A mirror on a host of its own: scheme and port, path, template, and what the path is.
fn endpoint() -> impl Strategy<Value = (String, Option<&'static str>, PathMeaning, Accepts)> {
    let host = prop_oneof![Just(""), Just(":5000"), Just(":443")];
    let path =
        prop_oneof![Just(""), Just("/v2"), Just("/hub"), Just("/v2/hub"), Just("/a/v2"), Just("/v2/a/b")];
    let template = prop_oneof![Just(None), Just(Some("proj/{repository}")), Just(Some("{last}"))];
    let meaning = prop_oneof![Just(PathMeaning::Prefix), Just(PathMeaning::ApiRoot)];
    let accepts = prop_oneof![3 => Just(Accepts::All), 1 => Just(Accepts::Digests), 1 => Just(Accepts::Tags)];
    (host, path, template, meaning, accepts).prop_map(|(host, path, template, meaning, accepts)| {
        (format!("{host}{path}"), template, meaning, accepts)
    })
}

fn made(
    number: usize,
    (rest, template, path_meaning, accepts): (String, Option<&str>, PathMeaning, Accepts),
) -> Endpoint {
    let spec = MirrorSpec {
        url: format!("https://h{number}.example{rest}"),
        path: template.map(str::to_owned),
        path_meaning,
        ..MirrorSpec::default()
    };
    let map = build(vec![spec], Vec::new()).unwrap();
    Endpoint { accepts, ..Endpoint::clone(&map.mirrors[0].endpoint) }
}

fn choice(registry: &str, endpoints: &[Arc<Endpoint>]) -> Choice {
    let images = ["library/app:1", "team/part/app:2"];
    let chosen = |endpoint: &Arc<Endpoint>| Chosen {
        endpoint: Arc::clone(endpoint),
        standing: Standing::Works,
        part: Part::All,
    };
    Choice {
        registry: registry.into(),
        images: images.map(|name| Arc::new(format!("{registry}/{name}").parse().unwrap())).to_vec(),
        upstream: None,
        chosen: endpoints.iter().map(chosen).collect(),
        left_out: Vec::new(),
    }
}

/// Writes what is exported, and gives the path to import it from.
fn written(target: Target, dir: &Path, choices: &[Choice]) -> PathBuf {
    let path = dir.join(if target == Target::Containerd { "certs.d" } else { target.file_name() });
    let base = path.exists().then_some(path.as_path());
    let export = export(target, choices, &[], base, None).unwrap();
    for file in &export.files {
        let place = if file.name.as_os_str().is_empty() { path.clone() } else { path.join(&file.name) };
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, &file.text).unwrap();
    }
    path
}

fn places(path: &Path, image: &ImageRef) -> Vec<String> {
    let nodes = import(&[path.to_owned()]).unwrap();
    let hops = nodes[0].route(image).map_or(&[][..], |route| &route.hops);
    let mirrors = hops.iter().filter(|hop| hop.part == HopPart::Mirror);
    mirrors.map(|hop| entry::place(&hop.endpoint, image).unwrap()).collect()
}

fn wanted_places(target: Target, choice: &Choice, image: &ImageRef) -> Vec<String> {
    let endpoints = choice.chosen.iter().map(|chosen| &chosen.endpoint);
    let can = endpoints.filter(|endpoint| Entry::of(target, endpoint, choice).is_ok());
    can.map(|endpoint| entry::place(endpoint, image).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn exported_mirrors_are_imported_at_the_same_places_in_the_same_order(
        hub in prop::collection::vec(endpoint(), 1..5),
        other in prop::collection::vec(endpoint(), 0..3),
        target in 0..4_usize,
        gone in any::<prop::sample::Index>(),
    ) {
        let target = TARGETS[target];
        let hub: Vec<_> = hub.into_iter().enumerate().map(|(at, one)| Arc::new(made(at, one))).collect();
        let other: Vec<_> = other.into_iter().enumerate().map(|(at, one)| Arc::new(made(at, one))).collect();
        let dir = tempfile::tempdir().unwrap();
        let first = [choice("docker.io", &hub), choice("reg.example:5000", &other)];
        let path = written(target, dir.path(), &first);
        let holds = |choices: &[Choice]| {
            for choice in choices {
                for image in &choice.images {
                    assert_eq!(places(&path, image), wanted_places(target, choice, image), "{target:?}");
                }
            }
        };
        if path.exists() {
            holds(&first);
        }
        // The other way round, and without one of them.
        let mut turned = hub.clone();
        turned.reverse();
        let left = turned.remove(gone.index(turned.len()));
        let mut second = [choice("docker.io", &turned), choice("reg.example:5000", &other)];
        second[0].left_out.push(LeftOut { endpoint: left, why: "digest-differs: \u{1b}[31m\nold".into() });
        let again = written(target, dir.path(), &second);
        prop_assert_eq!(&again, &path);
        if path.exists() {
            holds(&second);
            // Once more changes nothing.
            let base = Some(path.as_path());
            for file in export(target, &second, &[], base, None).unwrap().files {
                let place = if file.name.as_os_str().is_empty() { path.clone() } else { path.join(&file.name) };
                prop_assert_eq!(fs::read_to_string(place).unwrap(), file.text, "{:?}", target);
            }
        }
    }
}

#[test]
fn a_new_entry_of_registries_conf_holds_where_it_is_longer_than_a_wildcard() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registries.conf");
    let mirror = Arc::new(made(0, (String::new(), None, PathMeaning::Prefix, Accepts::All)));
    let wild = "[[registry]]\nprefix = \"*.example.com\"\nlocation = \"wild.example\"\n";
    for (registry, old, outcome) in [
        ("reg.example.com", wild, Ok("h0.example:443")),
        // As long as the wildcard, which the runtime takes then.
        (
            "x.example.com",
            wild,
            Err("registries.conf:1: another entry decides for x.example.com/library/app:1"),
        ),
        ("reg.example.com", "[[registry]]\nlocation = \"REG.example.com\"\n", Ok("h0.example:443")),
        (
            "REG.example.com",
            "",
            Err(
                "registries.conf:1: letter case counts: no entry of a registry in lower case is for REG.example.com/",
            ),
        ),
    ] {
        fs::write(&path, old).unwrap();
        let mut choice = choice(registry, &[Arc::clone(&mirror)]);
        choice.registry = registry.to_ascii_lowercase().into();
        let found = export(Target::RegistriesConf, std::slice::from_ref(&choice), &[], Some(&path), None);
        match (found, outcome) {
            (Ok(export), Ok(place)) => {
                fs::write(&path, &export.files[0].text).unwrap();
                let image = &choice.images[0];
                assert_eq!(
                    places(&path, image),
                    [format!("{place}/v2/{}", image.repository())],
                    "{registry}"
                );
                assert!(export.files[0].text.starts_with(old), "{}", export.files[0].text);
            }
            (Err(errors), Err(words)) => assert!(errors[0].to_string().contains(words), "{errors:?}"),
            (found, _) => panic!("{registry}: {found:?}"),
        }
    }
}
