//! What a plan is part of: the mark of the whole list, one shard of it, the place where it is carried out.
//!
//! A shard keeps all endpoints of the whole, asked or not, so that the reports of all shards have the same.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::model::digest::{Algorithm, Hasher};
use crate::model::endpoint::{Endpoint, Seen};
use crate::model::plan::{Plan, PlannedImage};
use crate::model::run::Place;
use crate::model::scope::{List, Part, Shard, Vantage};

/// What tells the list of `plan`, which is whole, from every other, and its settings from others.
///
/// It costs as much as some parts of the check itself: for reports that hold it, and for shards.
#[must_use]
pub fn list(plan: &Plan) -> List {
    let mut mentions = Hashed(Algorithm::Sha256.hasher());
    for Place { image, input, origin } in &plan.places {
        let document = origin.document.unwrap_or(0);
        let path = origin.path.as_deref().unwrap_or_default();
        // Lengths, so that no text can pass for the end of another.
        let image = &plan.images[*image as usize].image;
        let (line, typed, key) = (origin.line, input.len(), path.len());
        mentions.line(format_args!("{image} {typed}:{input} {line} {document} {key}:{path}"));
    }
    let mut settings = Hashed(Algorithm::Sha256.hasher());
    settings.line(format_args!("{:?} {:?}", plan.reach, plan.depths));
    for PlannedImage { options, upstream, mirrors, .. } in &plan.images {
        settings.line(format_args!("{options:?} {upstream} {mirrors:?}"));
    }
    plan.endpoints.iter().for_each(|endpoint| settings.line(format_args!("{endpoint:?}")));
    List {
        fingerprint: mentions.0.finish(),
        images: count(plan.images.len()),
        mentions: count(plan.places.len()),
        settings: settings.0.finish(),
    }
}

/// Hashes text as it is formatted.
struct Hashed(Hasher);

impl Hashed {
    fn line(&mut self, text: fmt::Arguments<'_>) {
        // Hashing takes everything.
        let _ = self.write_fmt(text);
        self.0.update(b"\n");
    }
}

impl fmt::Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// Leaves of a whole plan what belongs to `shard`: maybe nothing.
#[must_use]
pub fn cut(plan: Plan, shard: Shard) -> Plan {
    let mut left: Vec<Option<u32>> = Vec::with_capacity(plan.images.len());
    let mut images: Vec<PlannedImage> = Vec::new();
    for planned in plan.images {
        let belongs = shard.has(&planned.image);
        left.push(belongs.then_some(count(images.len())));
        if belongs {
            images.push(planned);
        }
    }
    let mut places = Vec::new();
    let mut numbers = Vec::new();
    for (number, place) in (0..).zip(plan.places) {
        if let Some(image) = left[place.image as usize] {
            places.push(Place { image, ..place });
            numbers.push(number);
        }
    }
    let mut scope = plan.scope;
    scope.part = Some(Part { shard, places: numbers });
    Plan { images, places, scope, ..plan }
}

/// Notes with every endpoint, and with the run, from where it is asked.
#[must_use]
pub fn seen_from(mut plan: Plan, vantage: &Vantage) -> Plan {
    plan.endpoints.iter_mut().for_each(|endpoint| ask_from(endpoint, vantage));
    plan.scope.vantage = Some(vantage.clone());
    plan
}

/// Notes with an endpoint from where it is asked.
pub fn ask_from(endpoint: &mut Arc<Endpoint>, vantage: &Vantage) {
    let own_name = endpoint.name.clone();
    Arc::make_mut(endpoint).seen = Some(Seen { from: vantage.clone(), own_name });
}

/// Lists are bounded in bytes long before four thousand million lines.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::depth::Depth;
    use crate::model::mirror::MirrorMap;
    use crate::model::origin::{Located, Origin};

    fn plan_of(file: &str, depth: Depth, lines: &[&str]) -> Plan {
        let located = (1..).zip(lines).map(|(line, text)| Located {
            value: text.parse().unwrap(),
            input: (*text).into(),
            origin: Origin::line(file.into(), line),
            options: None,
        });
        crate::plan::expand(located.collect(), &MirrorMap::default(), depth).unwrap()
    }

    const LINES: [&str; 8] =
        ["nginx:1", "redis:7", "quay.io/a/b:1", "docker.io/nginx:1", "mysql:8", "redis:7", "a/b:2", "c/d:3"];

    #[test]
    fn shards_take_each_mention_once_and_keep_every_endpoint() {
        let whole = plan_of("images.txt", Depth::Head, &LINES);
        for shards in [1, 2, 5, 40] {
            let mut numbers = BTreeSet::new();
            let mut images = BTreeSet::new();
            for number in 1..=shards {
                let shard = Shard::new(number, shards).unwrap();
                let part = cut(whole.clone(), shard);
                assert_eq!(part.endpoints, whole.endpoints);
                let Part { shard: noted, places } = part.scope.part.clone().unwrap();
                assert_eq!((noted, places.len()), (shard, part.places.len()));
                for (number, place) in places.into_iter().zip(&part.places) {
                    assert!(numbers.insert(number));
                    let original = &whole.places[number as usize];
                    assert_eq!((&original.input, &original.origin), (&place.input, &place.origin));
                    assert_eq!(
                        whole.images[original.image as usize].image,
                        part.images[place.image as usize].image
                    );
                }
                for planned in &part.images {
                    assert!(images.insert(planned.image.to_string()));
                }
            }
            assert_eq!((numbers.len(), images.len()), (whole.places.len(), whole.images.len()), "{shards}");
        }
    }

    #[test]
    fn a_list_is_known_by_its_mentions_and_their_lines_wherever_its_file_lies() {
        let of = |lines: &[&str]| list(&plan_of("images.txt", Depth::Head, lines));
        let list_of_all = of(&LINES);
        assert_eq!((list_of_all.images, list_of_all.mentions), (6, 8));
        assert_eq!(list(&plan_of("/builds/7/images.txt", Depth::Head, &LINES)), list_of_all);
        let mut swapped = LINES;
        swapped.swap(0, 1);
        let mut written = LINES;
        written[1] = "docker.io/redis:7";
        for (what, other) in
            [("fewer", of(&LINES[..7])), ("swapped", of(&swapped)), ("written differently", of(&written))]
        {
            assert_ne!(other.fingerprint, list_of_all.fingerprint, "{what}");
        }
    }

    #[test]
    fn settings_are_told_apart_without_the_list() {
        let head = list(&plan_of("images.txt", Depth::Head, &LINES));
        let manifest = list(&plan_of("images.txt", Depth::Manifest, &LINES));
        assert_eq!(head.fingerprint, manifest.fingerprint);
        assert_ne!(head.settings, manifest.settings);
    }

    #[test]
    fn a_vantage_point_leaves_names_as_they_are() {
        let plan = plan_of("images.txt", Depth::Head, &LINES);
        let vantage: Vantage = "cn-east".parse().unwrap();
        let names: Vec<_> = plan.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect();
        let plan = seen_from(plan, &vantage);
        assert_eq!(plan.scope.vantage.as_ref(), Some(&vantage));
        for (endpoint, name) in plan.endpoints.iter().zip(names) {
            assert_eq!((&endpoint.name, endpoint.own_name()), (&name, &*name));
            assert_eq!(endpoint.vantage(), Some(&vantage));
        }
    }
}
