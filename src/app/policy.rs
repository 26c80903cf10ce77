//! The policy: flags over file over default, and whether it speaks of what there is.
//!
//! A name that is mistyped in a policy would loosen the gate without a word, so it is an error before
//! anything is asked.

use std::collections::BTreeSet;

use time::{Date, OffsetDateTime};

use super::{Error, vantage};
use crate::cli::GateArgs;
use crate::config::GateSpec;
use crate::gate::{Exception, Group, Level, Policy, PolicyError, Require};
use crate::model::endpoint::{Endpoint, Role};
use crate::model::image::ImageRef;
use crate::model::plan::Plan;
use crate::report::escape;

/// The day (UTC) on which exceptions hold or are over.
pub(super) fn today() -> Date {
    OffsetDateTime::now_utc().date()
}

/// The policy of these flags and this file.
///
/// # Errors
/// Flags give a status two levels.
pub(super) fn resolve(args: &GateArgs, file: GateSpec) -> Result<Policy, PolicyError> {
    if let Some(status) = args.fail_on.iter().find(|status| args.allow.contains(status)) {
        return Err(PolicyError::Contradiction(*status));
    }
    for (one, list) in [(Level::Fail, &args.fail_on), (Level::Pass, &args.allow)] {
        if let Some(status) = list.iter().find(|status| args.warn_on.contains(status)) {
            return Err(PolicyError::TwoLevels { status: *status, one, other: Level::Warn });
        }
    }
    let mut policy = Policy {
        groups: file.groups,
        exceptions: file.exceptions,
        mirror_places: file.mirror_places,
        ..Policy::default()
    };
    if let Some((require, place)) = file.require {
        (policy.require, policy.require_place) = (require, place);
    }
    if let Some(require) = &args.require {
        (policy.require, policy.require_place) = (require.clone(), "--require".into());
    }
    let typed = [(Level::Fail, &args.fail_on), (Level::Warn, &args.warn_on), (Level::Pass, &args.allow)];
    let typed = typed.into_iter().flat_map(|(level, list)| list.iter().map(move |status| (*status, level)));
    for (status, level) in file.levels.into_iter().chain(typed) {
        policy.set_level(status, level);
    }
    if let Some(level) = args.undecided.or(file.undecided) {
        policy.set_undecided(level);
    }
    policy.latency.max = args.max_latency.or(file.max_latency);
    policy.latency.max_slowdown = args.max_slowdown.or(file.max_slowdown);
    Ok(policy)
}

/// Holds the exceptions of a policy to `today`, so that none goes on unseen once its last day is over.
///
/// # Errors
/// One has expired.
pub(super) fn hold_to_day(policy: &Policy, today: Date) -> Result<(), Error> {
    let expired = policy.exceptions.iter().filter(|exception| exception.is_expired(today));
    let faults: Vec<String> = expired
        .map(|exception| {
            let Exception { place, expires, reason, .. } = exception;
            let text = format!("{place}: the exception for {exception} expired on {expires} ({reason})");
            escape::terminal(&text).into_owned()
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Error::Expired(faults)) }
}

/// Holds the mirrors that a policy names to the `known` ones.
///
/// # Errors
/// There is no such mirror.
pub(super) fn hold_to_mirrors(policy: &Policy, known: &[&str]) -> Result<(), Error> {
    let mut faults = Vec::new();
    let mut hold = |place: &str, key: &str, names: &[Box<str>]| {
        for name in names.iter().filter(|name| !known.contains(&&***name)) {
            let key = if place == "--require" { String::new() } else { format!("{key}: ") };
            faults.push(format!("{place}: {key}{}", no_such(name, known)));
        }
    };
    if let Require::Named(names) | Require::Elsewhere(names) = &policy.require {
        hold(&policy.require_place, "require", names);
    }
    for group in &policy.groups {
        hold(&group.place, "mirrors", &group.mirrors);
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::Gate(faults)) }
}

/// What mirrors may be called in a policy.
pub(super) fn names<'a>(endpoints: impl Iterator<Item = &'a Endpoint> + Clone) -> Vec<&'a str> {
    let mirrors = endpoints.filter(|endpoint| endpoint.role == Role::Mirror);
    let own = mirrors.clone().map(Endpoint::own_name);
    own.chain(mirrors.map(|mirror| &*mirror.name)).collect()
}

fn no_such(name: &str, known: &[&str]) -> String {
    let mut seen = BTreeSet::new();
    let known: Vec<&str> = known.iter().copied().filter(|name| seen.insert(*name)).collect();
    if let Some((own, place)) = vantage::parts(name).filter(|(own, _)| known.contains(own)) {
        return format!(
            "no mirror is called '{}' (that is '{}' from {place}: check from there with --vantage {place}, and merge that report too)",
            name.escape_debug(),
            own.escape_debug()
        );
    }
    let nearest = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), *known)).min();
    let hint = match nearest {
        Some((distance, known)) if distance <= known.len().max(3) / 2 => {
            format!(" (did you mean '{known}'?)")
        }
        Some(_) => format!(" (there are: {})", known.join(", ")),
        None => " (there are no mirrors)".to_owned(),
    };
    format!("no mirror is called '{}'{hint}", name.escape_debug())
}

/// Holds the exceptions of a policy to the images and endpoints of a plan or run.
///
/// # Errors
/// One matches no image, or none that its mirror is asked for.
pub(super) fn hold_to_images<'a>(
    policy: &Policy,
    images: impl Iterator<Item = &'a ImageRef> + Clone,
    endpoints: impl Iterator<Item = &'a Endpoint> + Clone,
) -> Result<(), Error> {
    let mut faults = Vec::new();
    for exception in &policy.exceptions {
        let place = &exception.place;
        if let Some(glob) = &exception.image
            && !images.clone().any(|image| glob.matches(image))
        {
            faults.push(format!(
                "{place}: image: '{}' matches no image of the list",
                glob.as_str().escape_debug()
            ));
        }
        if let Some(name) = &exception.mirror
            && !endpoints.clone().any(|endpoint| endpoint.is_called(name))
        {
            faults.push(format!("{place}: mirror: {}", no_such(name, &names(endpoints.clone()))));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::Gate(faults)) }
}

/// The registry of each image of a plan, and the mirrors that are asked for it.
pub(super) fn asked(plan: &Plan) -> impl Iterator<Item = (&str, Vec<&Endpoint>)> + Clone {
    let of = |mirrors: &[u32]| mirrors.iter().map(|mirror| &*plan.endpoints[*mirror as usize]).collect();
    plan.images.iter().map(move |planned| (planned.image.registry(), of(&planned.mirrors)))
}

/// A requirement that no answer could meet is a mistake, and better told before asking.
///
/// `asked` tells of each image its registry and its mirrors.
///
/// # Errors
/// Fewer mirrors are there than must be fine.
pub(super) fn hold_to_requirement<'a>(
    policy: &Policy,
    asked: impl Iterator<Item = (&'a str, Vec<&'a Endpoint>)> + Clone,
) -> Result<(), Error> {
    let has = |group: &Group, mirror: &Endpoint| group.mirrors.iter().any(|name| mirror.is_called(name));
    let check = |place: &dyn Fn() -> String, require: &Require, is_meant: &dyn Fn(&Endpoint) -> bool| {
        let Require::AtLeast(required) = require else { return Ok(()) };
        for (registry, mirrors) in asked.clone() {
            let available = mirrors.iter().filter(|mirror| is_meant(mirror)).count();
            if available > 0 && available < required.get() {
                return Err(Error::Require {
                    place: place(),
                    required: required.get(),
                    available,
                    registry: registry.to_owned(),
                });
            }
        }
        Ok(())
    };
    let place = || match &*policy.require_place {
        flag @ "--require" => flag.to_owned(),
        line => format!("{line}: require ="),
    };
    check(&place, &policy.require, &|mirror| !policy.groups.iter().any(|group| has(group, mirror)))?;
    policy.groups.iter().try_for_each(|group| {
        let place = || format!("{}: group '{}' requires", group.place, group.name.escape_debug());
        check(&place, &group.require, &|mirror| has(group, mirror))
    })
}
