//! What an embedded registry holds: repositories with tags, manifests and blobs, all in memory.
//!
//! A store may be damaged on purpose (a tag without its manifest, an index without a child): nothing here
//! insists that what is named is also there.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::content::{Document, Image};
use crate::model::digest::Digest;

/// Repositories by name. A clone is independent: a mirror starts as a clone of its upstream.
#[derive(Clone, Debug, Default)]
pub struct Store {
    repositories: HashMap<String, Repository>,
    /// Entries on a page of the referrers API; `None` where there is no such API.
    referrers_page: Option<usize>,
}

#[derive(Clone, Debug, Default)]
struct Repository {
    tags: BTreeMap<String, Digest>,
    manifests: HashMap<Digest, Document>,
    blobs: HashMap<Digest, Bytes>,
    /// By what they refer to.
    referrers: HashMap<Digest, Vec<Document>>,
}

impl Store {
    /// A store without repositories.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `image` with all that it names, and points `tag` at it. What the tag named before stays
    /// reachable by its digest.
    pub fn put(&mut self, repository: &str, tag: &str, image: &Image) {
        self.put_untagged(repository, image);
        self.retag(repository, tag, image.digest());
    }

    /// Adds `image` with all that it names, by digest alone.
    pub fn put_untagged(&mut self, repository: &str, image: &Image) {
        let held = self.repository(repository);
        held.blobs.extend(image.blobs.iter().map(|blob| (blob.digest.clone(), blob.bytes.clone())));
        held.manifests.insert(image.document.digest.clone(), image.document.clone());
        for child in &image.children {
            self.put_untagged(repository, child);
        }
    }

    /// Adds a document under the digest that it claims, whatever its bytes are.
    pub fn put_raw(&mut self, repository: &str, document: Document) {
        self.repository(repository).manifests.insert(document.digest.clone(), document);
    }

    /// Has a referrers API, with so many entries on a page.
    pub const fn serve_referrers(&mut self, page: usize) {
        self.referrers_page = Some(page);
    }

    /// Whether there is a referrers API.
    #[must_use]
    pub const fn has_referrers(&self) -> bool {
        self.referrers_page.is_some()
    }

    /// Adds a document that refers to `subject`.
    pub fn refer(&mut self, repository: &str, subject: &Digest, document: Document) {
        let held = self.repository(repository);
        held.manifests.insert(document.digest.clone(), document.clone());
        held.referrers.entry(subject.clone()).or_default().push(document);
    }

    /// What refers to `subject`, and how many entries are on a page; `None` without the API.
    #[must_use]
    pub fn referrers(&self, repository: &str, subject: &Digest) -> Option<(&[Document], usize)> {
        let page = self.referrers_page?;
        let known = self.repositories.get(repository).and_then(|held| held.referrers.get(subject));
        Some((known.map_or(&[], Vec::as_slice), page))
    }

    /// Points `tag` at `digest`, whether or not that is there.
    pub fn retag(&mut self, repository: &str, tag: &str, digest: &Digest) {
        self.repository(repository).tags.insert(tag.to_owned(), digest.clone());
    }

    /// Forgets a tag; what it named stays.
    pub fn remove_tag(&mut self, repository: &str, tag: &str) {
        self.repository(repository).tags.remove(tag);
    }

    /// Forgets a manifest or index; tags that name it dangle.
    pub fn remove_manifest(&mut self, repository: &str, digest: &Digest) {
        self.repository(repository).manifests.remove(digest);
    }

    /// Forgets a config or layer.
    pub fn remove_blob(&mut self, repository: &str, digest: &Digest) {
        self.repository(repository).blobs.remove(digest);
    }

    /// Forgets a repository with all that it holds.
    pub fn remove_repository(&mut self, repository: &str) {
        self.repositories.remove(repository);
    }

    /// Whether there is such a repository.
    #[must_use]
    pub fn has_repository(&self, repository: &str) -> bool {
        self.repositories.contains_key(repository)
    }

    /// What `tag` points at.
    #[must_use]
    pub fn tagged(&self, repository: &str, tag: &str) -> Option<&Digest> {
        self.repositories.get(repository)?.tags.get(tag)
    }

    /// The tags of a repository, sorted; `None` where there is no such repository.
    pub fn tags(&self, repository: &str) -> Option<impl Iterator<Item = (&str, &Digest)>> {
        let held = self.repositories.get(repository)?;
        Some(held.tags.iter().map(|(tag, digest)| (tag.as_str(), digest)))
    }

    /// A manifest or index by digest.
    #[must_use]
    pub fn manifest(&self, repository: &str, digest: &Digest) -> Option<&Document> {
        self.repositories.get(repository)?.manifests.get(digest)
    }

    /// A config or layer by digest.
    #[must_use]
    pub fn blob(&self, repository: &str, digest: &Digest) -> Option<&Bytes> {
        self.repositories.get(repository)?.blobs.get(digest)
    }

    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::content;
    use super::*;

    #[test]
    fn an_index_brings_its_children_and_their_blobs() {
        let index = content::index("a", &["linux/amd64", "linux/arm64"]);
        let mut store = Store::new();
        store.put("library/a", "1", &index);
        assert_eq!(store.tagged("library/a", "1"), Some(index.digest()));
        for child in &index.children {
            assert_eq!(store.manifest("library/a", child.digest()), Some(&child.document));
            assert!(child.blobs.iter().all(|blob| store.blob("library/a", &blob.digest).is_some()));
        }
        assert!(store.manifest("library/b", index.digest()).is_none(), "nothing is shared");
    }

    #[test]
    fn a_moved_tag_leaves_the_old_manifest_reachable_by_digest() {
        let [old, new] = ["old", "new"].map(|seed| content::image(seed, "linux/amd64"));
        let mut store = Store::new();
        store.put("a", "1", &old);
        store.put("a", "1", &new);
        assert_eq!(store.tagged("a", "1"), Some(new.digest()));
        assert!(store.manifest("a", old.digest()).is_some());
    }

    #[test]
    fn a_store_can_be_damaged_piece_by_piece() {
        let image = content::image("a", "linux/amd64");
        let mut store = Store::new();
        store.put("a", "1", &image);
        store.remove_blob("a", &image.blobs[0].digest);
        assert!(store.blob("a", &image.blobs[0].digest).is_none());
        assert!(store.blob("a", &image.blobs[1].digest).is_some());
        store.remove_manifest("a", image.digest());
        assert_eq!(store.tagged("a", "1"), Some(image.digest()), "the tag dangles");
        store.remove_tag("a", "1");
        assert_eq!(store.tags("a").unwrap().count(), 0);
        store.remove_repository("a");
        assert!(store.tags("a").is_none());
    }
}
