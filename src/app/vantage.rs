//! One policy for the runs at each place and for what is merged of them: `harbor (cn)` is `harbor` in a run from `cn`,
//! and about nothing in one from `eu`.
//!
//! A name that is mistyped stays as it is, for `app/policy.rs` to refuse. What hangs on other places in part is never judged by
//! the rest alone, but where that can only fail for what is seen here.

use crate::gate::{Policy, Require, Unjudged};
use crate::model::scope::Vantage;

/// What a name of the policy means in a run at one place.
enum Meaning<'a> {
    /// A mirror of this run, by this name; or none at all.
    Here(&'a str),
    /// A mirror as it is seen from another place.
    Elsewhere,
}

/// The mirror's own name and the place, of `harbor (cn)`.
pub(super) fn parts(name: &str) -> Option<(&str, Vantage)> {
    let (own, vantage) = name.strip_suffix(')')?.rsplit_once(" (")?;
    Some((own, vantage.parse().ok()?))
}

fn meaning<'a>(name: &'a str, here: &Vantage, known: &[&str]) -> Meaning<'a> {
    match parts(name).filter(|(own, _)| !known.contains(&name) && known.contains(own)) {
        Some((own, vantage)) if vantage == *here => Meaning::Here(own),
        Some(_) => Meaning::Elsewhere,
        None => Meaning::Here(name),
    }
}

/// Those that are meant here, and those that are not.
fn split(names: &[Box<str>], here: &Vantage, known: &[&str]) -> (Vec<Box<str>>, Vec<Box<str>>) {
    let (mut of_here, mut elsewhere) = (Vec::new(), Vec::new());
    for name in names {
        match meaning(name, here, known) {
            Meaning::Here(own) => of_here.push(own.into()),
            Meaning::Elsewhere => elsewhere.push(name.clone()),
        }
    }
    (of_here, elsewhere)
}

/// These and no others, or these and some that are seen from elsewhere.
fn named(of_here: Vec<Box<str>>, elsewhere: &[Box<str>]) -> Require {
    if elsewhere.is_empty() { Require::Named(of_here) } else { Require::Elsewhere(of_here) }
}

/// What a policy requires, as far as it is about a run at this place; `known` are its mirrors.
pub(super) fn require_here(policy: &mut Policy, here: Option<&Vantage>, known: &[&str]) {
    let Some(here) = here else { return };
    if let Require::Named(names) = &policy.require {
        let (of_here, elsewhere) = split(names, here, known);
        if of_here.is_empty() {
            let (what, place) = ("require".into(), policy.require_place.clone());
            policy.unjudged.push(Unjudged { what, place, elsewhere: elsewhere.clone() });
        }
        policy.require = named(of_here, &elsewhere);
    }
    let unjudged = &mut policy.unjudged;
    policy.groups.retain_mut(|group| {
        let (of_here, elsewhere) = split(&group.mirrors, here, known);
        group.mirrors = of_here;
        group.require = match &group.require {
            Require::Named(names) => {
                let (of_here, elsewhere) = split(names, here, known);
                named(of_here, &elsewhere)
            }
            // How many are fine is known only with the others; that each must be, without.
            Require::Any | Require::AtLeast(_) if !elsewhere.is_empty() => Require::Elsewhere(Vec::new()),
            other => other.clone(),
        };
        let is_unjudged = matches!(&group.require, Require::Elsewhere(names) if names.is_empty());
        if is_unjudged || group.mirrors.is_empty() {
            let what = format!("group '{}'", group.name).into();
            unjudged.push(Unjudged { what, place: group.place.clone(), elsewhere });
        }
        // Its mirrors stay its own: they are not held to what is required of the rest.
        !group.mirrors.is_empty()
    });
}

/// The exceptions of a policy that are about a run at this place; `known` are all that may be named.
pub(super) fn except_here(policy: &mut Policy, here: Option<&Vantage>, known: &[&str]) {
    let Some(here) = here else { return };
    policy.exceptions.retain_mut(|exception| {
        let Some(name) = exception.mirror.take() else { return true };
        let meant = meaning(&name, here, known);
        if let Meaning::Here(own) = meant {
            exception.mirror = Some(own.into());
        }
        matches!(meant, Meaning::Here(_))
    });
}
