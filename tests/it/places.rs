//! One configuration for the runs at each place and for what is merged of them: a policy that names mirrors by place.

use registry_check::demo::Registry;

use crate::support::report;
use crate::support::small::registry;
use crate::support::tool::{Output, Tool};

const IMAGES: [&str; 2] = ["one:1.0", "two:1.0"];

/// An upstream and its mirrors `alpha` and `beta`, seen alike from everywhere.
struct World([Registry; 3]);

impl World {
    /// Of these images, `alpha` lacks `two`.
    fn new() -> Self {
        let world = Self([(); 3].map(|()| registry(&["library/one", "library/two"])));
        world.0[1].store().remove_repository("library/two");
        world
    }

    fn config(&self, policy: &str) -> String {
        let [upstream, alpha, beta] = &self.0;
        format!(
            "[[registries]]\nname = 'docker.io'\nurl = '{}'\n[[mirrors]]\nname = 'alpha'\nurl = '{}'\n\
             [[mirrors]]\nname = 'beta'\nurl = '{}'\n{policy}",
            upstream.url(),
            alpha.url(),
            beta.url()
        )
    }

    fn check(&self, policy: &str, flags: &str) -> Output {
        let list = IMAGES.join("\n");
        let tool = Tool::new().file("registry-check.toml", self.config(policy)).file("images.txt", list);
        tool.line("images.txt -f json").line(flags).run()
    }

    /// The report of a run at this place without any policy, judged by one.
    fn render(&self, policy: &str, place: &str) -> Output {
        let report = self.check("", &format!("--vantage {place}")).stdout;
        let tool = Tool::new().file("registry-check.toml", self.config(policy)).file("r.json", report);
        tool.line("render r.json -f json").run()
    }

    fn merge(&self, policy: &str) -> Output {
        let tool = ["cn", "eu"].iter().fold(Tool::new(), |tool, place| {
            let name = format!("{place}.json");
            tool.file(&name, self.check("", &format!("--vantage {place}")).stdout)
        });
        tool.file("registry-check.toml", self.config(policy)).line("merge cn.json eu.json -f json").run()
    }
}

/// What the gate found that is neither good nor bad.
fn notes(output: &Output) -> Vec<String> {
    let report = report::json(&output.stdout);
    let found = report["decision"]["findings"].as_array().cloned().unwrap_or_default();
    let of_kind = found.iter().filter(|finding| finding["kind"] == "judged-elsewhere");
    of_kind.map(|finding| finding["text"].as_str().unwrap().to_owned()).collect()
}

fn excepted(mirror: &str) -> String {
    format!(
        "[[gate.exception]]\nmirror = \"{mirror}\"\nstatus = 'missing'\nlevel = 'pass'\nreason = 'x'\nexpires = 9999-12-31\n"
    )
}

/// Groups are named after their place.
fn group(name: &str, mirrors: &str, require: &str) -> String {
    format!("[[gate.group]]\nname = '{name}'\nmirrors = {mirrors}\nrequire = {require}\n")
}

#[test]
fn one_policy_serves_the_run_at_each_place_and_the_merged_report() {
    let world = World::new();
    let both = group("china", "['alpha (cn)', 'beta (cn)']", "'any'")
        + &group("europe", "['alpha (eu)', 'beta (eu)']", "'all'");
    // Policy; exit codes at cn, at eu and merged; what is not judged at cn.
    for (policy, codes, unjudged) in [
        // An exception of the other place is about nothing here, and so is not unused.
        (excepted("alpha (cn)") + &excepted("alpha (eu)"), [0, 0, 0], None),
        (excepted("alpha (cn)"), [0, 1, 1], None),
        (excepted("alpha (eu)"), [1, 0, 1], None),
        // A group for each place.
        (
            both,
            [0, 1, 1],
            Some("group 'europe' hangs on 'alpha (eu)', 'beta (eu)', seen from elsewhere: not judged here"),
        ),
        // How many of a group are fine hangs on all of it; that each is, does not.
        (
            group("g", "['alpha (cn)', 'alpha (eu)', 'beta (eu)']", "1"),
            [0, 0, 0],
            Some("group 'g' hangs on 'alpha (eu)', 'beta (eu)', seen from elsewhere: not judged here"),
        ),
        (group("g", "['alpha (cn)', 'beta (eu)']", "'all'"), [1, 1, 1], None),
        (
            group("g", "['alpha (cn)', 'beta (eu)']", "['beta (eu)']"),
            [0, 1, 1],
            Some("group 'g' hangs on 'beta (eu)', seen from elsewhere: not judged here"),
        ),
        // What is required by name.
        ("[gate]\nrequire = ['beta (cn)', 'alpha (eu)']\n".to_owned(), [0, 1, 1], None),
        (
            "[gate]\nrequire = ['alpha (eu)']\n".to_owned(),
            [0, 1, 1],
            Some("require hangs on 'alpha (eu)', seen from elsewhere: not judged here"),
        ),
    ] {
        for (place, code) in ["cn", "eu"].into_iter().zip(codes) {
            let check = world.check(&policy, &format!("--vantage {place}"));
            assert_eq!(check.code, Some(code), "{place}: {policy}{check:?}");
            assert!(!check.stdout.contains("exception-unused"), "{check:?}");
            let again = world.render(&policy, place);
            assert_eq!(
                (again.code, notes(&again)),
                (check.code, notes(&check)),
                "{place}: {policy}{again:?}"
            );
            if place == "cn" {
                let told = notes(&check);
                assert_eq!(told.len(), usize::from(unjudged.is_some()), "{policy}{told:?}");
                if let (Some(told), Some(wanted)) = (told.first(), unjudged) {
                    assert!(
                        told.starts_with("registry-check.toml:") && told.ends_with(&format!(": {wanted}")),
                        "{told}"
                    );
                    assert!(check.stderr.contains(told), "{check:?}");
                }
            }
        }
        let merged = world.merge(&policy);
        assert_eq!((merged.code, notes(&merged).len()), (Some(codes[2]), 0), "{policy}{merged:?}");
    }
    let typed = world.check("", "--vantage cn --require alpha");
    let placed = Tool::new()
        .file("registry-check.toml", world.config(""))
        .file("images.txt", IMAGES.join("\n"))
        .args(["images.txt", "--vantage", "cn", "--require", "alpha (cn),beta (eu)"])
        .run();
    assert_eq!((typed.code, placed.code), (Some(1), Some(1)), "{placed:?}");
}

#[test]
fn a_place_in_a_policy_is_told_where_nobody_says_from_where_a_run_is_made() {
    let world = World::new();
    let asked = |world: &World| world.0.iter().map(|registry| registry.hits().len()).sum::<usize>();
    let of_place = "no mirror is called 'alpha (cn)' (that is 'alpha' from cn: check from there with --vantage cn, and merge that report too)\n";
    for (policy, flags, told) in [
        (excepted("alpha (cn)"), "", format!("registry-check.toml:10: mirror: {of_place}")),
        (
            "[gate]\nrequire = ['alpha (cn)']\n".to_owned(),
            "",
            format!("registry-check.toml:11: require: {of_place}"),
        ),
        // A mistyped name is a mistake wherever it is meant to be.
        (
            excepted("alhpa (eu)"),
            "--vantage cn",
            "registry-check.toml:10: mirror: no mirror is called 'alhpa (eu)' (".to_owned(),
        ),
        (
            group("g", "['alpha (cn)', 'alhpa (eu)']", "'any'"),
            "--vantage cn",
            "registry-check.toml:10: mirrors: no mirror is called 'alhpa (eu)' (".to_owned(),
        ),
        (
            "[gate]\nrequire = ['alhpa (cn)']\n".to_owned(),
            "--vantage cn",
            "registry-check.toml:11: require: no mirror is called 'alhpa (cn)' (".to_owned(),
        ),
    ] {
        let output = world.check(&policy, flags);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{policy}{output:?}");
        assert!(output.stderr.starts_with(&told), "{policy}{output:?}");
    }
    assert_eq!(asked(&world), 0);
}

#[test]
fn a_list_without_end_tells_what_is_not_judged_of_it() {
    let world = World::new();
    let output = Tool::new()
        .file("registry-check.toml", world.config("[gate]\nrequire = ['alpha (eu)']\n"))
        .stdin(IMAGES.join("\n"))
        .line("- -f ndjson --vantage cn")
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let told = "registry-check.toml:11: require hangs on 'alpha (eu)', seen from elsewhere: not judged here";
    assert!(output.stderr.contains(told), "{output:?}");
}
