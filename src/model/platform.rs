//! Platforms, normalised as container runtimes normalise them.
//!
//! Source: containerd/platforms `database.go`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

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

/// The longest name of a part of a platform that is kept, in bytes.
const MAX_PART_BYTES: usize = 64;

/// The platform that an image's config names (image-spec `config.md`); `None` where it names none.
#[must_use]
pub fn of_config(config: &[u8]) -> Option<Platform> {
    #[derive(Deserialize)]
    struct Config {
        os: String,
        architecture: String,
        variant: Option<String>,
        #[serde(rename = "os.version")]
        os_version: Option<String>,
    }
    let Config { os, architecture, variant, os_version } = serde_json::from_slice(config).ok()?;
    let [variant, os_version] = [variant, os_version].map(Option::unwrap_or_default);
    let is_told = !os.is_empty() && !architecture.is_empty();
    let is_short =
        [&os, &architecture, &variant, &os_version].iter().all(|part| part.len() <= MAX_PART_BYTES);
    (is_told && is_short).then(|| Platform::normalised(&os, &architecture, &variant, &os_version))
}

/// Why a text names no platform.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' is no platform: write OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64 or linux/arm/v7")]
pub struct PlatformError(pub String);

impl FromStr for Platform {
    type Err = PlatformError;

    /// Reads `OS/ARCH[/VARIANT]` and normalises it.
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_word = |part: &&str| {
            (1..=32).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        match parts[..] {
            [os, architecture] if parts.iter().all(is_word) => Ok(Self::normalised(os, architecture, "", "")),
            [os, architecture, variant] if parts.iter().all(is_word) => {
                Ok(Self::normalised(os, architecture, variant, ""))
            }
            _ => Err(PlatformError(
                text.chars().take(60).map(|c| if c.is_control() { '?' } else { c }).collect(),
            )),
        }
    }
}

impl Platform {
    /// Whether an offered platform is this wanted one. A Windows build matters only where one is wanted.
    #[must_use]
    pub fn is_met_by(&self, offered: &Self) -> bool {
        self.os == offered.os
            && self.architecture == offered.architecture
            && self.variant == offered.variant
            && (self.os_version.is_empty() || self.os_version == offered.os_version)
    }

    /// What runtimes take where this platform is not offered, best first (containerd/platforms `compare.go`).
    #[must_use]
    pub fn stand_ins(&self) -> Vec<Self> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number < 100);
        let variant = self.variant.strip_prefix('v').unwrap_or(&self.variant);
        let arm_below = |from: u32| (5..from).rev().map(|v| ("arm", format!("v{v}")));
        let mut found: Vec<(&str, String)> = Vec::new();
        match &*self.architecture {
            "amd64" => {
                let above_first = (2..number(variant).unwrap_or(1)).rev().map(|v| ("amd64", format!("v{v}")));
                found.extend(above_first);
                if !self.variant.is_empty() {
                    found.push(("amd64", String::new()));
                }
                found.push(("386", String::new()));
            }
            "arm64" => {
                let (major, minor) = match variant.split_once('.') {
                    Some((major, minor)) => (number(major), number(minor)),
                    None => (number(variant), Some(0)),
                };
                if let (Some(major @ 8..=9), Some(minor)) = (major, minor) {
                    let steps = |major: u32, below: u32| {
                        (0..below).rev().map(move |minor| match (major, minor) {
                            (8, 0) => ("arm64", String::new()),
                            (major, 0) => ("arm64", format!("v{major}")),
                            (major, minor) => ("arm64", format!("v{major}.{minor}")),
                        })
                    };
                    found.extend(steps(major, minor));
                    if major == 9 {
                        // Armv9.n has what Armv8.(n+5) has.
                        found.extend(steps(8, minor + 6));
                    }
                }
                found.extend(arm_below(9));
            }
            "arm" => found.extend(arm_below(number(variant).unwrap_or(7))),
            _ => {}
        }
        let platform = |(architecture, variant): (&str, String)| Self {
            architecture: architecture.into(),
            variant: variant.into(),
            ..self.clone()
        };
        found.into_iter().map(platform).collect()
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

    #[test]
    fn a_config_names_a_platform_in_normal_form_or_none() {
        let named = |text: &str| of_config(text.as_bytes()).map(|platform| platform.to_string());
        for (config, platform) in [
            (r#"{"os":"linux","architecture":"amd64"}"#, "linux/amd64"),
            (r#"{"os":"Linux","architecture":"arm64","variant":"v8","created":7}"#, "linux/arm64"),
            (r#"{"os":"linux","architecture":"arm","variant":"v6"}"#, "linux/arm/v6"),
            (
                r#"{"os":"windows","architecture":"amd64","os.version":"10.0.17763.1"}"#,
                "windows/amd64 (10.0.17763.1)",
            ),
        ] {
            assert_eq!(named(config).as_deref(), Some(platform));
        }
        let long = format!(r#"{{"os":"linux","architecture":"{}"}}"#, "a".repeat(65));
        for config in [
            "",
            "{}",
            "[]",
            r#"{"os":"linux"}"#,
            r#"{"os":"","architecture":"amd64"}"#,
            r#"{"os":1,"architecture":2}"#,
            &long,
        ] {
            assert_eq!(named(config), None, "{config}");
        }
    }

    #[test]
    fn a_platform_is_read_as_people_write_it() {
        let shown = |text: &str| text.parse::<Platform>().map(|platform| platform.to_string());
        assert_eq!(shown("linux/amd64").unwrap(), "linux/amd64");
        assert_eq!(shown("Linux/aarch64/v8").unwrap(), "linux/arm64");
        assert_eq!(shown("linux/arm").unwrap(), "linux/arm/v7");
        for text in ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/amd 64", "linux/a\u{1b}"] {
            let error = shown(text).unwrap_err().to_string();
            assert!(error.contains("is no platform: write OS/ARCH"), "{error}");
            assert!(!error.contains(char::is_control));
        }
    }

    #[test]
    fn a_wanted_platform_is_met_exactly_whatever_the_windows_build() {
        let wanted: Platform = "windows/amd64".parse().unwrap();
        assert!(wanted.is_met_by(&Platform::normalised("windows", "amd64", "", "10.0.20348.1")));
        assert!(!wanted.is_met_by(&Platform::normalised("windows", "amd64", "v2", "")));
        assert!(!wanted.is_met_by(&Platform::normalised("linux", "amd64", "", "")));
        let build = Platform::normalised("windows", "amd64", "", "10.0.17763.1");
        assert!(!build.is_met_by(&Platform::normalised("windows", "amd64", "", "10.0.20348.1")));
    }

    #[test]
    fn what_runtimes_take_instead_comes_best_first() {
        let taken = |text: &str| {
            let platform: Platform = text.parse().unwrap();
            platform.stand_ins().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let arm = "linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5";
        assert_eq!(taken("linux/amd64"), "linux/386");
        assert_eq!(taken("linux/amd64/v3"), "linux/amd64/v2 linux/amd64 linux/386");
        assert_eq!(taken("linux/arm64"), arm);
        assert_eq!(
            taken("linux/arm64/v9"),
            format!(
                "linux/arm64/v8.5 linux/arm64/v8.4 linux/arm64/v8.3 linux/arm64/v8.2 linux/arm64/v8.1 linux/arm64 {arm}"
            )
        );
        assert_eq!(taken("linux/arm/v7"), "linux/arm/v6 linux/arm/v5");
        assert_eq!(taken("linux/arm/v5"), "");
        for text in ["linux/riscv64", "linux/s390x"] {
            assert_eq!(taken(text), "");
        }
        assert!("linux/amd64/v4000000000".parse::<Platform>().unwrap().stand_ins().len() < 5);
    }
}
