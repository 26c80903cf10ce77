//! Exports into one file, run after run, while mirrors fail and serve again.

use std::fs;
use std::sync::Arc;

use super::*;
use crate::mirrors::{MirrorSpec, build};
use crate::model::choice::{Chosen, LeftOut};
use crate::model::endpoint::Endpoint;

fn endpoint(host: &str) -> Arc<Endpoint> {
    let spec = MirrorSpec { url: format!("https://{host}"), ..MirrorSpec::default() };
    Arc::clone(&build(vec![spec], Vec::new()).unwrap().mirrors[0].endpoint)
}

/// Of the mirrors one and two, those in `out` are left out.
fn choice(registry: &str, out: &[&str]) -> Choice {
    let image = format!("{registry}/library/app:1");
    let mut choice = Choice {
        registry: registry.into(),
        images: vec![Arc::new(image.parse().unwrap())],
        upstream: None,
        chosen: Vec::new(),
        left_out: Vec::new(),
    };
    for name in ["one", "two"] {
        let endpoint = endpoint(&format!("{name}.example"));
        if out.contains(&name) {
            choice.left_out.push(LeftOut { endpoint, why: format!("stale of {image}: old").into() });
        } else {
            choice.chosen.push(Chosen { endpoint, standing: Standing::Works, part: Part::All });
        }
    }
    choice
}

/// What becomes of `text`; once more changes nothing.
fn after(target: Target, text: &str, choices: &[Choice]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (base, file) = match target {
        Target::Containerd => (dir.path().to_owned(), dir.path().join("docker.io/hosts.toml")),
        _ => (dir.path().join(target.file_name()), dir.path().join(target.file_name())),
    };
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let written = |text: &str| {
        fs::write(&file, text).unwrap();
        export(target, choices, &[], Some(&base), None).unwrap().files.remove(0).text
    };
    let once = written(text);
    assert_eq!(written(&once), once, "{target:?}");
    once
}

const ONE: &str = "# ours\n[[registry.mirror]] # first\nlocation = \"one.example\" # near\n# fast\npull-from-mirror = \"all\"\n";
const TWO: &str = "# theirs\n[[registry.mirror]]\nlocation = \"two.example\"\npull-from-mirror = \"all\"\n";
const ONE_OUT: &str = "# left out by registry-check: one.example: stale of docker.io/library/app:1: old\n# ours\n\
    # [[registry.mirror]] # first\n# location = \"one.example\" # near\n# fast\n# pull-from-mirror = \"all\"\n";
const TWO_OUT: &str = "# left out by registry-check: two.example: stale of docker.io/library/app:1: old\n# theirs\n\
    # [[registry.mirror]]\n# location = \"two.example\"\n# pull-from-mirror = \"all\"\n";
const HUB: &str = "[[registry]]\nlocation = \"docker.io\"\n";

#[test]
fn tables_of_registries_conf_are_left_out_and_come_back_whole_over_many_runs() {
    let mut text = format!("{HUB}{ONE}\n{TWO}");
    for (out, expected) in [
        (&["one"][..], format!("{HUB}\n{TWO}{ONE_OUT}")),
        // Keys that another block has too.
        (&["one", "two"], format!("{HUB}{ONE_OUT}{TWO_OUT}")),
        (&["two"], format!("{HUB}\n{ONE}{TWO_OUT}")),
        (&["one"], format!("{HUB}\n{TWO}{ONE_OUT}")),
        (&["two", "one"], format!("{HUB}{ONE_OUT}{TWO_OUT}")),
        (&[], format!("{HUB}\n{ONE}\n{TWO}")),
    ] {
        text = after(Target::RegistriesConf, &text, &[choice("docker.io", out)]);
        assert_eq!(text, expected, "{out:?}");
    }
}

#[test]
fn tables_of_a_list_are_left_out_and_come_back_whole() {
    let hub = "[[registry]]\nlocation = \"docker.io\"\n";
    let (one, two) = (
        "{ location = \"one.example\", insecure = true }",
        "{ location = \"two.example\", insecure = true }",
    );
    let out = |name: &str, words: &str| {
        format!(
            "# left out by registry-check: {name}.example: stale of docker.io/library/app:1: old\n{words}\
             # [[registry.mirror]]\n# location = \"{name}.example\"\n# insecure = true\n"
        )
    };
    let (one_out, two_out) = (out("one", "# ours\n# near\n"), out("two", ""));
    let mut text = format!("{hub}mirror = [\n  # ours\n  {one}, # near\n  {two},\n]\n");
    for (left, expected) in [
        (&["one"][..], format!("{hub}mirror = [\n  {two},\n]\n{one_out}")),
        (&["one", "two"], format!("{hub}{one_out}{two_out}")),
    ] {
        text = after(Target::RegistriesConf, &text, &[choice("docker.io", left)]);
        assert_eq!(text, expected, "{left:?}");
    }
    let text = after(
        Target::RegistriesConf,
        &format!("{hub}mirror = [{two}]\n{one_out}"),
        &[choice("docker.io", &[])],
    );
    assert_eq!(text, format!("{hub}mirror = [\n  # ours\n  # near\n  {one}, {two}]\n"));
}

#[test]
fn comments_of_people_around_a_block_stay() {
    let mine = "# [[registry.mirror]]\n# location = \"spare.example\"\n# insecure = true\n# see the wiki\n";
    let text = after(
        Target::RegistriesConf,
        &format!("{HUB}\n{TWO}# mine\n{ONE_OUT}{mine}"),
        &[choice("docker.io", &[])],
    );
    assert_eq!(text, format!("{HUB}\n{ONE}\n{TWO}# mine\n{mine}"));
    // It was put back by hand, and otherwise.
    let by_hand = "[[registry.mirror]]\nlocation = \"one.example\"\n";
    let text = after(
        Target::RegistriesConf,
        &format!("{HUB}\n{by_hand}\n{TWO}{ONE_OUT}"),
        &[choice("docker.io", &[])],
    );
    assert_eq!(text, format!("{HUB}\n{by_hand}\n{TWO}# ours\n"));
}

#[test]
fn a_block_belongs_to_the_registry_that_its_reason_names() {
    let quay_out = TWO_OUT.replace("docker.io", "quay.io").replace("theirs", "of quay");
    let text = format!("{HUB}\n{ONE}\n[[registry]]\nlocation = \"quay.io\"\n{TWO_OUT}{quay_out}");
    let hub = [choice("docker.io", &["two"])];
    assert_eq!(after(Target::RegistriesConf, &text, &hub), text);
    let back = after(Target::RegistriesConf, &text, &[choice("docker.io", &[])]);
    assert_eq!(back, format!("{HUB}\n{ONE}\n{TWO}\n[[registry]]\nlocation = \"quay.io\"\n{quay_out}"));
    let both = [choice("docker.io", &["two"]), choice("quay.io", &["one", "two"])];
    let told = after(Target::RegistriesConf, &text, &both);
    let one = "# left out by registry-check: one.example: stale of quay.io/library/app:1: old\n";
    assert_eq!(told, format!("{text}{one}"));
}

#[test]
fn hosts_of_containerd_are_left_out_and_come_back_whole() {
    let one = "# ours\n[host.\"https://one.example\"] # first\n  capabilities = [\n    \"pull\",\n    \"resolve\",\n  ]\n  [host.\"https://one.example\".header]\n    X = \"y\"\n";
    let two = "[host.\"https://two.example\"]\n  capabilities = [\"pull\", \"resolve\"]\n";
    let out = |name: &str, table: &str| {
        let table = table.replace("\n", "\n# ").replace("# # ", "# ");
        let table = table.strip_suffix("# ").unwrap();
        let first = if table.starts_with('#') { "" } else { "# " };
        format!(
            "# left out by registry-check: https://{name}.example: stale of docker.io/library/app:1: old\n{first}{table}"
        )
    };
    let (one_out, two_out) = (out("one", one), out("two", two));
    let mut text = format!("server = \"https://registry-1.docker.io\"\n\n{one}\n{two}");
    let server = "server = \"https://registry-1.docker.io\"\n";
    for (left, expected) in [
        (&["one"][..], format!("{server}\n{two}{one_out}")),
        (&["one", "two"], format!("{server}{one_out}{two_out}")),
        (&["two"], format!("{server}\n{one}{two_out}")),
        (&[], format!("{server}\n{one}\n{two}")),
    ] {
        text = after(Target::Containerd, &text, &[choice("docker.io", left)]);
        assert_eq!(text, expected, "{left:?}");
    }
}

#[test]
fn endpoints_of_k3s_come_back_with_what_was_written_behind_them() {
    let list = "mirrors:\n  docker.io:\n    endpoint:\n";
    let (one, two) =
        ("      # ours\n      - \"https://one.example\" # near\n", "      - \"https://two.example\"\n");
    let one_out = "      # ours\n      # - \"https://one.example\" # near\n      # left out by registry-check: https://one.example: stale of docker.io/library/app:1: old\n";
    let two_out =
        "      # left out by registry-check: https://two.example: stale of docker.io/library/app:1: old\n";
    let mut text = format!("{list}{one}{two}");
    for (left, expected) in [
        (&["one"][..], format!("{list}{two}{one_out}")),
        (&["one", "two"], format!("{list}{two_out}{one_out}")),
        // It stays where it stands.
        (&["two"], format!("{list}{two_out}{one}")),
        (&[], format!("{list}{one}{two}")),
    ] {
        text = after(Target::K3s, &text, &[choice("docker.io", left)]);
        assert_eq!(text, expected, "{left:?}");
    }
}
