//! The kinds of files that images are read from, by the names that the command line has for them.

/// A kind of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One image a line.
    List,
    /// Compose files.
    Compose,
    /// Kubernetes manifests, Helm's output, kustomizations.
    Kubernetes,
    /// Dockerfiles and Containerfiles.
    Dockerfile,
    /// Workflows and actions of GitHub, Forgejo and Gitea.
    Workflow,
    /// GitLab pipelines.
    Gitlab,
    /// docker buildx bake files in JSON.
    Bake,
    /// skopeo-sync and regsync files.
    Sync,
    /// CycloneDX and SPDX in JSON.
    Sbom,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::List,
        Self::Compose,
        Self::Kubernetes,
        Self::Dockerfile,
        Self::Workflow,
        Self::Gitlab,
        Self::Bake,
        Self::Sync,
        Self::Sbom,
    ];

    /// The name on the command line, and what it stands for.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::List => ("list", "One image a line"),
            Self::Compose => ("compose", "Compose files"),
            Self::Kubernetes => ("kubernetes", "Kubernetes manifests, Helm's output, kustomizations"),
            Self::Dockerfile => ("dockerfile", "Dockerfiles and Containerfiles"),
            Self::Workflow => ("workflow", "Workflows and actions of GitHub, Forgejo and Gitea"),
            Self::Gitlab => ("gitlab", "GitLab pipelines"),
            Self::Bake => ("bake", "docker buildx bake files in JSON"),
            Self::Sync => ("sync", "skopeo-sync and regsync files"),
            Self::Sbom => ("sbom", "CycloneDX and SPDX in JSON"),
        }
    }
}
