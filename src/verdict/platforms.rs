//! Which platforms matter where a mirror's image is not upstream's, which of them upstream itself lacks, and why that is
//! not always known.

use super::parts::gravity;
use super::{blobs, unserved, verdict, wanted_are_equal};
use crate::model::blob::Blob;
use crate::model::code::Code;
use crate::model::depth::Depth;
use crate::model::digest::Digest;
use crate::model::evidence::{Evidence, MirrorEvidence};
use crate::model::manifest::{Child, Manifest};
use crate::model::observation::{Facts, Observation};
use crate::model::plan::Who;
use crate::model::platform::Platform;
use crate::model::run::Verdict;
use crate::plan::dropped;
use crate::plan::single::{self, Said};
use crate::plan::tree::{self, Met, first_document};

/// The mirror's index names less than upstream's.
pub(super) fn lacks(
    evidence: &Evidence,
    mirror: &MirrorEvidence,
    facts: &Facts,
    names: &[Box<str>],
) -> Verdict {
    let documents = [&mirror.document, &mirror.answer].into_iter().flatten();
    let own = documents.filter_map(Observation::manifest).next();
    let named: Vec<_> = own.into_iter().flat_map(|index| index.images()).collect();
    let named: Vec<_> = named.iter().filter_map(|child| child.platform.as_ref()).collect();
    let Lacking { wanted, open } = wanted(evidence, &named, names);
    let list = |names: &[Box<str>]| {
        let more = names.len().saturating_sub(8);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", names[..names.len().min(8)].join(", "))
    };
    let not_known = || format!("what is in it could not be found out: {}", why_open(evidence, &open));
    match (wanted.is_empty(), open.is_empty()) {
        (true, true) => wanted_are_equal(facts),
        (false, true) => {
            verdict(Code::PlatformAbsent, format!("the index lacks {}", list(&wanted)), Some(facts))
        }
        (false, false) => {
            let reason = format!(
                "the index lacks {}; it lacks {} too, and {}",
                list(&wanted),
                list(&open),
                not_known()
            );
            verdict(Code::PlatformAbsent, reason, Some(facts))
        }
        (true, false) => {
            let reason = format!("the index lacks {} of upstream's, and {}", list(&open), not_known());
            verdict(Code::PlatformUnknown, reason, Some(facts))
        }
    }
}

/// What a mirror's index does not name of upstream's, as far as it matters here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lacking {
    /// Platforms that are wanted, and entries for no platform, by digest.
    wanted: Vec<Box<str>>,
    /// Entries of which it is not known whether anything in them is wanted.
    open: Vec<Box<str>>,
}

/// What is wanted of the platforms that a mirror lacks, by name, and of what is that not known. `named` are those that
/// its own index names.
fn wanted(evidence: &Evidence, named: &[&Platform], lacking: &[Box<str>]) -> Lacking {
    let mut found = Lacking::default();
    // What is there exactly is pulled, whatever else there may be.
    let is_met = |wanted: &Platform| named.iter().any(|platform| wanted.is_met_by(platform));
    if !evidence.platforms.is_empty() && evidence.platforms.iter().all(is_met) {
        return found;
    }
    for name in lacking {
        match dropped::entry(evidence, name) {
            Some(entry) if dropped::is_index(evidence, entry) => {
                let digest: Option<Digest> = name.parse().ok();
                match digest.and_then(|digest| tree::platforms_below(evidence, &digest)) {
                    // Where all are wanted, also images that are for no platform are lacked.
                    Some(below) if below.is_empty() && evidence.platforms.is_empty() => {
                        found.sort(None, evidence, name.clone());
                    }
                    Some(below) => {
                        for platform in below {
                            found.sort(Some(platform), evidence, platform.to_string().into());
                        }
                    }
                    None => found.open.push(name.clone()),
                }
            }
            Some(entry) => found.sort(told(evidence, entry), evidence, name.clone()),
            None => {
                let offered = tree::upstream_platforms(evidence).unwrap_or_default();
                let direct =
                    first_document(evidence, Who::Upstream).into_iter().flat_map(|(_, index)| index.images());
                let mut all = direct.filter_map(|child| child.platform.as_ref()).chain(offered);
                found.sort(all.find(|platform| platform.to_string() == **name), evidence, name.clone());
            }
        }
    }
    found
}

impl Lacking {
    /// Adds one that the mirror lacks, by name, if it is wanted or may be.
    fn sort(&mut self, platform: Option<&Platform>, evidence: &Evidence, name: Box<str>) {
        let list = match is_wanted(evidence, platform) {
            Some(true) => &mut self.wanted,
            Some(false) => return,
            None => &mut self.open,
        };
        if !list.contains(&name) {
            list.push(name);
        }
    }
}

/// For which platform an entry is that does not say so, as far as its config has told.
fn told<'a>(evidence: &'a Evidence, entry: &Child) -> Option<&'a Platform> {
    let digest: Digest = entry.digest.as_deref()?.parse().ok()?;
    let (document, _) = evidence.document(&digest)?;
    match single::said(evidence, &digest, document) {
        Said::For(platform) => Some(platform),
        Said::Config(_) | Said::Nothing => None,
    }
}

/// Whether the one platform that is served is all that is wanted of upstream's.
pub(super) fn suffices(evidence: &Evidence, served: Option<&Platform>) -> bool {
    let Some(served) = served else { return false };
    if evidence.platforms.is_empty() {
        return false;
    }
    if evidence.platforms.iter().all(|wanted| wanted.is_met_by(served)) {
        return true;
    }
    let Some(offered) = tree::upstream_platforms(evidence) else { return false };
    let chosen = tree::choice(&evidence.platforms, &offered);
    offered.iter().all(|platform| *platform == served || !tree::is_chosen(&chosen, platform))
}

/// Whether anybody wants it; `None` where that is not known.
fn is_wanted(evidence: &Evidence, platform: Option<&Platform>) -> Option<bool> {
    let wanted = &evidence.platforms;
    if wanted.is_empty() {
        return Some(true);
    }
    // For which platform it is, nobody has told.
    let platform = platform?;
    if wanted.iter().any(|wanted| wanted.is_met_by(platform)) {
        return Some(true);
    }
    match tree::upstream_platforms(evidence) {
        Some(offered) => Some(tree::is_chosen(&tree::choice(wanted, &offered), platform)),
        // Something better may stand in what was not read.
        None => {
            let taken = |wanted: &Platform| wanted.stand_ins().iter().any(|other| other.is_met_by(platform));
            if wanted.iter().any(taken) { None } else { Some(false) }
        }
    }
}

/// Why it is not known what is in entries that a mirror's index does not name.
fn why_open(evidence: &Evidence, open: &[Box<str>]) -> String {
    let children = &evidence.upstream.parts.children;
    let digests = open.iter().filter_map(|name| name.parse::<Digest>().ok());
    let asked = digests.filter_map(|digest| children.get(&digest)?.bytes.as_ref()).next();
    match asked {
        Some(answer) if answer.facts().is_none() => {
            unserved::explain(answer, &evidence.upstream.endpoint.name).reason.into_owned()
        }
        Some(_) => "not all of it could be read".to_owned(),
        None => "it was not read (--depth platforms reads indexes)".to_owned(),
    }
}

/// Wanted platforms for which upstream has nothing; none where that is not known.
pub(super) fn upstream_lacks(evidence: &Evidence) -> Vec<&Platform> {
    if evidence.platforms.is_empty() {
        return Vec::new();
    }
    let Some(offered) = tree::upstream_platforms(evidence) else { return Vec::new() };
    let chosen = tree::choice(&evidence.platforms, &offered);
    chosen.into_iter().filter(|(_, met)| *met == Met::Not).map(|(platform, _)| platform).collect()
}

/// What upstream has, as the end of a sentence that says what it has not.
pub(super) fn offered(evidence: &Evidence) -> String {
    let offered = tree::upstream_platforms(evidence).unwrap_or_default();
    let names: Vec<_> = offered.iter().take(8).map(ToString::to_string).collect();
    match offered.len().saturating_sub(names.len()) {
        _ if names.is_empty() => String::new(),
        0 => format!(" (it has {})", names.join(", ")),
        more => format!(" (it has {} and {more} more)", names.join(", ")),
    }
}

/// Why it is not known for which platform an image is that says so only in its config, where one is wanted. That the
/// config is not there, or is another, is no finding here: blobs are judged by what each mirror is asked of them.
pub(super) fn unknown(
    evidence: &Evidence,
    (who, host): (Who, &str),
    (digest, document): (&Digest, &Manifest),
) -> Option<(Blob, (Code, String))> {
    let Said::Config(config) = single::said(evidence, digest, document) else { return None };
    let answer = evidence.parts_at(who).configs.get(&config.digest);
    let silent =
        |why: &str| (Code::PlatformUnknown, format!("for which platform the image is, is not known: {why}"));
    let found = match answer {
        _ if single::is_read(evidence, &config.digest) => silent("its config does not say"),
        _ if !single::is_readable(&config) => {
            silent("its config is too large to be looked into, or has no size")
        }
        Some(answer) => {
            let found = blobs::explain(answer, host)
                .or_else(|| blobs::wrong_size(config.size, blobs::served_bytes(answer)));
            match found {
                Some((code, why)) if gravity(code) > gravity(Code::PlatformUnknown) => silent(&why),
                Some(found) => found,
                None => silent("its config could not be read"),
            }
        }
        None => (Code::Interrupted, "not asked for: the run was interrupted".to_owned()),
    };
    Some((config, found))
}

/// Why it is not known for which platform an image without an index is, where nobody asked for one: no fault of it.
pub(super) fn untold(evidence: &Evidence, who: Who) -> Option<String> {
    if !evidence.platforms.is_empty() || evidence.depth_at(who) < Depth::Platforms {
        return None;
    }
    let host = match who {
        Who::Upstream => &*evidence.upstream.endpoint.name,
        Who::Mirror(index) => &*evidence.mirrors[index].endpoint.name,
    };
    let (_, (_, why)) = unknown(evidence, (who, host), tree::first_document(evidence, who)?)?;
    let told = "for which platform the image is, is not known";
    Some(if why.starts_with(told) { why } else { format!("{told}: {why}") })
}

/// Upstream's verdict, where it is known to lack a platform that is wanted.
pub(super) fn of_upstream(evidence: &Evidence, found: Verdict) -> Verdict {
    let lacking = upstream_lacks(evidence);
    if lacking.is_empty() || found.code != Code::Served {
        return found;
    }
    let names: Vec<_> = lacking.iter().take(8).map(ToString::to_string).collect();
    let reason = format!("upstream itself has nothing for {}{}", names.join(", "), offered(evidence));
    Verdict {
        digest: found.digest,
        expected: found.expected,
        ..verdict(Code::UpstreamLacksPlatform, reason, None)
    }
}
