//! Platforms, normalised as container runtimes normalise them.
//!
//! Source: containerd/platforms `database.go`.

use std::fmt;

/// Operating system, architecture and variant, in normal form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: Box<str>,
    /// `amd64`, `arm64`, …
    pub architecture: Box<str>,
    /// `v7`, …; empty where the architecture has only one or the default is meant.
    pub variant: Box<str>,
    /// Windows build (`10.0.17763.1879`); empty elsewhere.
    pub os_version: Box<str>,
}

impl Platform {
    /// Brings the four parts to the form in which they are compared.
    #[must_use]
    pub fn normalised(os: &str, architecture: &str, variant: &str, os_version: &str) -> Self {
        let os = match os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        let architecture = architecture.to_ascii_lowercase();
        let variant = variant.to_ascii_lowercase();
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "" | "8" | "v8" | "8.0" | "v8.0") => ("arm64", ""),
            ("aarch64" | "arm64", "9" | "9.0" | "v9" | "v9.0") => ("arm64", "v9"),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            ("arm", "8") => ("arm", "v8"),
            ("i386", _) => ("386", ""),
            (architecture, variant) => (architecture, variant),
        };
        Self {
            os: os.into(),
            architecture: architecture.into(),
            variant: variant.into(),
            os_version: os_version.into(),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        if !self.os_version.is_empty() {
            write!(f, " ({})", self.os_version)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_normalised_as_runtimes_do() {
        for (os, arch, variant, shown) in [
            ("Linux", "x86_64", "", "linux/amd64"),
            ("linux", "x86-64", "v1", "linux/amd64"),
            ("linux", "amd64", "v3", "linux/amd64/v3"),
            ("linux", "aarch64", "v8", "linux/arm64"),
            ("linux", "arm64", "8.0", "linux/arm64"),
            ("linux", "arm64", "9.0", "linux/arm64/v9"),
            ("linux", "armhf", "", "linux/arm/v7"),
            ("linux", "armel", "", "linux/arm/v6"),
            ("linux", "arm", "", "linux/arm/v7"),
            ("linux", "arm", "8", "linux/arm/v8"),
            ("linux", "i386", "v2", "linux/386"),
            ("macOS", "arm64", "", "darwin/arm64"),
        ] {
            assert_eq!(Platform::normalised(os, arch, variant, "").to_string(), shown);
        }
    }
}
