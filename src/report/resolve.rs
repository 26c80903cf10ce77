//! The report of `registry-check resolve`: a table for people, an object a line for programs.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::{escape, pull};
use crate::model::node::{Step, Use, Walk};
use crate::model::observation::AskedAs;
use crate::model::pull::{Pull, Trial};
use crate::model::tls::Verification;

/// One image and one configuration: as it would be asked for, or as it was.
#[derive(Clone, Copy, Debug)]
pub enum Resolved<'a> {
    /// Nobody was asked.
    Offline(&'a Walk),
    /// Everybody was.
    Tried(&'a Pull),
}

impl<'a> Resolved<'a> {
    const fn walk(self) -> &'a Walk {
        match self {
            Self::Offline(walk) => walk,
            Self::Tried(pull) => &pull.walk,
        }
    }

    const fn pull(self) -> Option<&'a Pull> {
        match self {
            Self::Offline(_) => None,
            Self::Tried(pull) => Some(pull),
        }
    }

    fn steps(self) -> impl Iterator<Item = (&'a Step, Option<&'a Trial>)> {
        let trials = self.pull().map_or(&[][..], |pull| &pull.trials);
        let trials = trials.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        self.walk().steps.iter().zip(trials)
    }
}

#[derive(Serialize)]
struct Line<'a> {
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled_as: Option<String>,
    runtime: &'static str,
    source: &'a str,
    refused: Option<&'a str>,
    endpoints: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull: Option<pull::Ended<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<pull::Found<'a>>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plain_url: Option<&'a str>,
    role: &'static str,
    used: bool,
    why: &'a str,
    name: &'a str,
    repository: Option<&'a str>,
    headers: &'a [Box<str>],
    credentials: Option<Credentials<'a>>,
    tls: Option<Tls<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<pull::Answer<'a>>,
}

#[derive(Serialize)]
struct Credentials<'a> {
    user: &'a str,
    source: &'a str,
}

#[derive(Serialize)]
struct Tls<'a> {
    verified: bool,
    ca_files: Vec<String>,
    client_cert: Option<String>,
    client_key: Option<String>,
    source: &'a str,
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn entry<'a>(step: &'a Step, trial: Option<&'a Trial>) -> Entry<'a> {
    Entry {
        url: step.url.as_deref(),
        plain_url: step.plain.as_ref().map(|plain| &*plain.url),
        role: step.role.as_str(),
        used: step.use_ == Use::Asked,
        why: &step.why,
        name: &step.endpoint.name,
        repository: step.repository.as_deref(),
        headers: &step.headers,
        credentials: match &step.asked_as {
            AskedAs::User { user, source } => Some(Credentials { user, source }),
            AskedAs::Nobody | AskedAs::Anonymous => None,
        },
        tls: step.tls.as_ref().map(|host| Tls {
            verified: host.settings.verification == Verification::Full,
            ca_files: host.settings.ca_files.iter().map(|path| shown(path)).collect(),
            client_cert: host.settings.client.as_ref().map(|client| shown(&client.certificate)),
            client_key: host.settings.client.as_ref().map(|client| shown(&client.key)),
            source: &host.place,
        }),
        answer: trial.map(pull::answer),
    }
}

/// Writes one JSON object a line, one for each image and configuration.
///
/// # Errors
/// `out` cannot be written to.
pub fn json(resolved: &[Resolved<'_>], out: &mut dyn io::Write) -> io::Result<()> {
    for one in resolved {
        let walk = one.walk();
        let line = Line {
            image: walk.image.to_string(),
            pulled_as: walk.renamed.as_ref().map(ToString::to_string),
            runtime: walk.runtime.as_str(),
            source: &walk.source,
            refused: walk.refused.as_deref(),
            endpoints: one.steps().map(|(step, trial)| entry(step, trial)).collect(),
            pull: one.pull().map(pull::ended),
            findings: one.pull().map(pull::findings),
        };
        serde_json::to_writer(&mut *out, &line)?;
        writeln!(out)?;
    }
    Ok(())
}

/// Writes the endpoints of each image in order, with what is known of each.
///
/// # Errors
/// `out` cannot be written to.
pub fn table(resolved: &[Resolved<'_>], out: &mut dyn io::Write) -> io::Result<()> {
    let cell = |text: &str| escape::terminal(&escape::bounded(text, escape::MAX_REMOTE_CHARS)).into_owned();
    for one in resolved {
        let walk = one.walk();
        let (image, runtime) = (cell(&walk.image.to_string()), walk.runtime.as_str());
        writeln!(out, "{image}  ({runtime}: {})", cell(&walk.source))?;
        if let Some(renamed) = &walk.renamed {
            writeln!(out, "  pulled as {}", cell(&renamed.to_string()))?;
        }
        if let Some(why) = &walk.refused {
            writeln!(out, "  refused: {}", cell(why))?;
        }
        let mut number = 0;
        for (step, trial) in one.steps() {
            let mark = match step.use_ {
                Use::Asked => {
                    number += 1;
                    format!("{number}.")
                }
                Use::PassedOver => "-".to_owned(),
            };
            let url = step.url.as_deref().unwrap_or(&step.endpoint.name);
            writeln!(out, "  {mark:<3} {:<8}  {}", step.role.as_str(), cell(url))?;
            writeln!(out, "      {}", cell(&step.why))?;
            for line in details(step) {
                writeln!(out, "      {}", cell(&line))?;
            }
            if let Some(trial) = trial {
                writeln!(out, "      {}", cell(&pull::answer_line(trial)))?;
                writeln!(out, "      {}: {}", trial.reaction.as_str().replace('_', " "), cell(&trial.why))?;
            }
        }
        for line in one.pull().map(pull::end_lines).unwrap_or_default() {
            writeln!(out, "  {}", cell(&line))?;
        }
    }
    Ok(())
}

fn details(step: &Step) -> Vec<String> {
    let entry = entry(step, None);
    let mut lines = Vec::new();
    if let Some(url) = entry.plain_url {
        lines.push(format!("where https does not work: {url}"));
    }
    if !step.headers.is_empty() {
        lines.push(format!("headers: {}", step.headers.join(", ")));
    }
    if let Some(Credentials { user, source }) = entry.credentials {
        lines.push(format!("credentials: {user}, from {source}"));
    }
    if let Some(tls) = entry.tls {
        let mut parts = Vec::new();
        if !tls.verified {
            parts.push("certificate not verified".to_owned());
        }
        parts.extend(tls.ca_files.iter().map(|file| format!("trusts {file}")));
        parts.extend(tls.client_cert.iter().map(|file| format!("shows {file}")));
        lines.push(format!("TLS: {} ({})", parts.join(", "), tls.source));
    }
    lines
}
