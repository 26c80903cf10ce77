//! Where docker and podman keep their files, in the order in which they are asked.
//!
//! Only names are made here; nothing is opened.

use std::path::{Path, PathBuf};

use super::document::{Named, Rules};
use super::environment::Environment;

/// A file that may hold credentials.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) rules: Rules,
    pub(super) named: Named,
}

/// The files that are looked into without being asked to, each path once.
pub(super) fn candidates(environment: &Environment) -> Vec<Candidate> {
    let home = environment.home();
    let below_home = |path: &str| home.map(|home| home.join(path));
    let variable = |name: &str| environment.variable(name).map(PathBuf::from);
    let config_home = variable("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
    // podman keeps logins until the next boot on Linux, and for good elsewhere.
    let runtime_file = match variable("XDG_RUNTIME_DIR") {
        Some(dir) => Some(dir.join("containers/auth.json")),
        None if cfg!(target_os = "linux") => {
            environment.uid().map(|uid| Path::new("/run/containers").join(uid.to_string()).join("auth.json"))
        }
        None => below_home(".config/containers/auth.json"),
    };
    // Who sets the variable does not want the other one.
    let docker = variable("DOCKER_CONFIG").or_else(|| below_home(".docker"));
    let all = [
        (docker.map(|dir| dir.join("config.json")), Rules::Docker, Named::Nobody),
        (variable("REGISTRY_AUTH_FILE"), Rules::Podman, Named::Variable),
        (runtime_file, Rules::Podman, Named::Nobody),
        (config_home.map(|dir| dir.join("containers/auth.json")), Rules::Podman, Named::Nobody),
        (below_home(".dockercfg"), Rules::Legacy, Named::Nobody),
    ];
    let mut candidates: Vec<Candidate> = Vec::new();
    for (path, rules, named) in all {
        if let Some(path) = path
            && !candidates.iter().any(|earlier| earlier.path == path)
        {
            candidates.push(Candidate { path, rules, named });
        }
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(environment: &Environment) -> Vec<String> {
        candidates(environment).iter().map(|found| found.path.to_string_lossy().into_owned()).collect()
    }

    fn bare() -> Environment {
        Environment::default().with_home("/home/u").with_uid(1000)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn without_variables_the_places_are_those_of_the_home_and_the_user_number() {
        assert_eq!(
            paths(&bare()),
            [
                "/home/u/.docker/config.json",
                "/run/containers/1000/auth.json",
                "/home/u/.config/containers/auth.json",
                "/home/u/.dockercfg"
            ]
        );
    }

    #[test]
    fn variables_move_the_places() {
        let moved = bare()
            .with_variable("DOCKER_CONFIG", "/d")
            .with_variable("REGISTRY_AUTH_FILE", "/a/auth.json")
            .with_variable("XDG_RUNTIME_DIR", "/run/user/7")
            .with_variable("XDG_CONFIG_HOME", "/x");
        assert_eq!(
            paths(&moved),
            [
                "/d/config.json",
                "/a/auth.json",
                "/run/user/7/containers/auth.json",
                "/x/containers/auth.json",
                "/home/u/.dockercfg"
            ]
        );
    }

    #[test]
    fn without_a_home_only_what_variables_name_is_left() {
        let homeless = Environment::default().with_variable("DOCKER_CONFIG", "/d");
        assert_eq!(paths(&homeless), ["/d/config.json"]);
        assert_eq!(paths(&Environment::default()), [""; 0]);
    }

    #[test]
    fn one_path_by_two_names_is_read_once() {
        let twice = bare().with_variable("REGISTRY_AUTH_FILE", "/home/u/.docker/config.json");
        let found = candidates(&twice);
        let docker = found.iter().filter(|found| found.path.ends_with(".docker/config.json"));
        assert_eq!(docker.map(|found| found.rules).collect::<Vec<_>>(), [Rules::Docker]);
    }
}
