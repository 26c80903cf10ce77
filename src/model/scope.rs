//! Which part of which list a run covers, and where it was made: what parts of one whole are put together by.
//!
//! A list can be split into shards, each checked by a run of its own, and one list can be checked from several
//! vantage points. The reports of both say here to what they belong.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use super::digest::Digest;
use super::dynamic::DynamicNames;
use super::image::ImageRef;

/// Most shards of a list.
const MOST_SHARDS: u32 = 10_000;
/// Most bytes in the name of a vantage point.
const MOST_VANTAGE_BYTES: usize = 64;

/// To what a run belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The whole list; `None` where it had no end, or nobody noted it.
    pub list: Option<List>,
    /// Which part of the list; `None` for the whole.
    pub part: Option<Part>,
    /// Where the run was made; `None` if nobody said, or if it is put together from several places.
    pub vantage: Option<Vantage>,
    /// The names of the whole list that nobody could ask for, since they cannot be known offline.
    pub dynamic: DynamicNames,
}

/// A whole list, and what it is checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Hash of every mention: the image, the text as typed, and its line, but not the name of the file.
    pub fingerprint: Digest,
    /// Images, each once.
    pub images: u32,
    /// Mentions of images.
    pub mentions: u32,
    /// Hash of how far is looked and of who stands in for whom; the same only in the same version.
    pub settings: Digest,
}

/// One shard of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub shard: Shard,
    /// Where in the whole list each of its mentions stands, from 0, ascending.
    pub places: Vec<u32>,
}

/// One of several parts into which a list is split: `2/5`.
///
/// An image belongs to a shard whole, wherever it is named, and to the same one in every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard {
    /// Of how many.
    count: NonZeroU32,
    /// Which, from 1.
    number: NonZeroU32,
}

/// A text that is no shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "expected NUMBER/COUNT, such as 2/5: both from 1 to {MOST_SHARDS}, the number no larger than the count"
)]
pub struct ShardError;

impl Shard {
    /// Shard `number` (from 1) of `count`.
    ///
    /// # Errors
    /// There is no such shard.
    pub fn new(number: u32, count: u32) -> Result<Self, ShardError> {
        match (NonZeroU32::new(number), NonZeroU32::new(count)) {
            (Some(number), Some(count)) if number <= count && count.get() <= MOST_SHARDS => {
                Ok(Self { count, number })
            }
            _ => Err(ShardError),
        }
    }

    /// Which, from 1.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number.get()
    }

    /// Of how many.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count.get()
    }

    /// Whether `image` belongs to it.
    ///
    /// The first eight bytes of the SHA-256 of the normalised reference (its registry in lower case), read as
    /// a big-endian number, modulo the count, from 0: the documents promise this.
    #[must_use]
    pub fn has(self, image: &ImageRef) -> bool {
        let text = image.to_string();
        let (registry, rest) = text.split_at(image.registry().len());
        let hash = Digest::sha256_of([registry.to_ascii_lowercase().as_str(), rest]);
        let number = hash.first_bytes() % u64::from(self.count.get());
        number + 1 == u64::from(self.number.get())
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let number = |text: &str| {
            // `+1` would parse as well.
            Some(text).filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
        };
        let (first, second) = text.split_once('/').ok_or(ShardError)?;
        match (number(first), number(second)) {
            (Some(first), Some(second)) => Self::new(first, second),
            _ => Err(ShardError),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

/// The name of a place from which registries are asked, such as `cn-east`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Vantage(Arc<str>);

/// A text that names no vantage point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "expected a name of letters, digits, '.', '_' and '-', such as cn-east: at most {MOST_VANTAGE_BYTES}, \
     the first a letter or digit"
)]
pub struct VantageError;

impl Vantage {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Vantage {
    type Err = VantageError;

    fn from_str(text: &str) -> Result<Self, VantageError> {
        let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let is_name = text.len() <= MOST_VANTAGE_BYTES
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(is_part);
        if is_name { Ok(Self(text.into())) } else { Err(VantageError) }
    }
}

impl fmt::Display for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shards_are_written_as_number_and_count() {
        for (text, number, count) in
            [("2/5", 2, 5), ("1/1", 1, 1), ("10000/10000", 10_000, 10_000), ("02/5", 2, 5)]
        {
            let shard: Shard = text.parse().unwrap();
            assert_eq!((shard.number(), shard.count()), (number, count), "{text}");
        }
        for text in
            ["", "2", "/", "2/", "/5", "0/5", "6/5", "1/0", "+1/5", "1/10001", "-1/5", "1/5/6", "1 /5", "a/b"]
        {
            assert_eq!(text.parse::<Shard>(), Err(ShardError), "{text}");
        }
        assert_eq!(Shard::new(2, 5).unwrap().to_string(), "2/5");
    }

    #[test]
    fn an_image_is_in_the_same_shard_in_every_version() {
        for (image, of_2, of_5, of_64) in VECTORS {
            let image: ImageRef = image.parse().unwrap();
            for (count, number) in [(2, of_2), (5, of_5), (64, of_64)] {
                let found = (1..=count).find(|n| Shard::new(*n, count).unwrap().has(&image));
                assert_eq!(found, Some(*number), "{image} of {count}");
            }
        }
    }

    /// Made with `printf %s REFERENCE | sha256sum`.
    const VECTORS: &[(&str, u32, u32, u32)] = &[
        ("docker.io/library/nginx:latest", 2, 2, 16),
        ("docker.io/library/nginx:1.25", 1, 1, 55),
        ("docker.io/bitnami/redis:7.2", 1, 4, 53),
        ("quay.io/prometheus/node-exporter:v1.8.0", 1, 2, 47),
        ("registry.example.com:5000/internal/app:2", 2, 4, 44),
        (
            "ghcr.io/acme/tool@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            1,
            4,
            29,
        ),
        ("localhost/x:1@sha256:0000000000000000000000000000000000000000000000000000000000000000", 2, 4, 32),
        ("[2001:db8::1]:5000/a/b:c", 1, 3, 7),
    ];

    #[test]
    fn however_an_image_is_written_it_is_in_one_shard() {
        let image = |text: &str| text.parse::<ImageRef>().unwrap();
        for number in 1..=7 {
            let shard = Shard::new(number, 7).unwrap();
            for (one, other) in [
                ("nginx", "docker.io/library/nginx:latest"),
                ("index.docker.io/library/nginx:1", "nginx:1"),
                ("REG.example.com/a:1", "reg.example.com/a:1"),
            ] {
                assert_eq!(shard.has(&image(one)), shard.has(&image(other)), "{one} {shard}");
            }
        }
    }

    #[test]
    fn vantage_points_have_plain_names() {
        for text in ["cn-east", "1", "eu.west_2", "A"] {
            assert_eq!(text.parse::<Vantage>().unwrap().as_str(), text);
        }
        for text in ["", "-a", ".a", "a b", "a/b", "é", "a\n", &"x".repeat(65)] {
            assert_eq!(text.parse::<Vantage>(), Err(VantageError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn each_image_is_in_exactly_one_shard(name in "[a-z]{1,8}(/[a-z]{1,8})?:[a-z0-9]{1,5}", count in 1u32..50) {
            let image: ImageRef = name.parse().unwrap();
            let having = (1..=count).filter(|number| Shard::new(*number, count).unwrap().has(&image)).count();
            prop_assert_eq!(having, 1);
        }
    }
}
