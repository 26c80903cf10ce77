//! A snapshot of what the process was told by its surroundings.
//!
//! Everything in this room reads this and never the process itself, so that tests set no variables.
//! Values may be secrets: none is printed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

/// Variables, home directory and user number.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    home: Option<PathBuf>,
    uid: Option<u32>,
}

impl Environment {
    /// As this process has it.
    #[must_use]
    pub fn from_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            uid: own_uid(),
        }
    }

    /// With one more variable.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// With this home directory.
    #[must_use]
    pub fn with_home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// With this user number.
    #[must_use]
    pub const fn with_uid(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    pub(super) const fn variables(&self) -> &BTreeMap<OsString, OsString> {
        &self.variables
    }

    pub(super) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    pub(super) const fn uid(&self) -> Option<u32> {
        self.uid
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.len())
            .field("home", &self.home)
            .field("uid", &self.uid)
            .finish()
    }
}

/// Whose process this is, without a system call of our own.
fn own_uid() -> Option<u32> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata("/proc/self").ok().map(|process| process.uid())
    }
    #[cfg(not(target_os = "linux"))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snapshot_of_the_process_has_its_path_and_its_user() {
        let environment = Environment::from_process();
        assert_eq!(environment.variable("PATH"), std::env::var_os("PATH").as_deref());
        assert_eq!(environment.uid().is_some(), cfg!(target_os = "linux"));
    }

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let environment = Environment::default().with_variable("DOCKER_CONFIG", "");
        assert_eq!(environment.variable("DOCKER_CONFIG"), None);
    }

    #[test]
    fn values_of_variables_are_never_printed() {
        let environment = Environment::default().with_variable("TOKEN", "hunter2");
        assert_eq!(format!("{environment:?}"), "Environment { variables: 1, home: None, uid: None }");
    }
}
