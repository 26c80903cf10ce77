//! The stable codes: why a check ended as it did, and what to try.
//!
//! One table for verdicts, reports and documentation. A code is never renamed or reused; each belongs to
//! exactly one status.

use std::fmt;

use super::status::Status;

macro_rules! codes {
    ($($variant:ident $status:ident $name:literal $meaning:literal $advice:literal;)*) => {
        /// Why a check ended as it did.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Every code, grouped by status.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The kebab-case name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The status that it belongs to.
            #[must_use]
            pub const fn status(self) -> Status {
                match self { $(Self::$variant => Status::$status,)* }
            }

            /// What it means, in one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What to try; empty where nothing needs doing.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

codes! {
    DigestEqual Ok "digest-equal"
        "The digest is upstream's, or the one that the image is pinned to."
        "";
    Served Ok "served"
        "Upstream itself serves the image; no mirror is configured for its registry, or this is upstream's own row."
        "";
    UpstreamMoved Ok "upstream-moved"
        "Upstream moved the tag while it was being checked; the mirror serves what upstream serves now."
        "";

    IndexReserialised SameContent "index-reserialised"
        "The index has other bytes, but names the same images for the same platforms (attestations aside)."
        "pulls by tag work; references pinned to upstream's digest will not be found on this mirror";
    IndexUnwrapped SameContent "index-unwrapped"
        "Upstream has an index of one image; the mirror serves that image in place of the index."
        "pulls by tag work; references pinned to upstream's digest will not be found on this mirror";
    ManifestReserialised SameContent "manifest-reserialised"
        "The manifest has other bytes, but names the same config and layers."
        "pulls by tag work; references pinned to upstream's digest will not be found on this mirror";

    WantedPlatformsEqual SameContent "wanted-platforms-equal"
        "The mirror lacks platforms that upstream has, but those that are wanted (--platform) are upstream's."
        "pulls by tag work on the wanted platforms; references pinned to upstream's digest will not be found on this mirror";

    AgreesWithMirrors Unverified "agrees-with-mirrors"
        "Upstream could not be asked; this mirror serves what most mirrors serve."
        "see why upstream could not be asked, and check again";
    DiffersFromMirrors Unverified "differs-from-mirrors"
        "Upstream could not be asked; this mirror serves something else than most mirrors."
        "see why upstream could not be asked; until then treat this mirror's copy with care";
    NothingToCompare Unverified "nothing-to-compare"
        "Upstream could not be asked, and there is no second mirror to compare with."
        "see why upstream could not be asked, and check again";
    UpstreamLacksIt Unverified "upstream-lacks-it"
        "The mirror serves an image that upstream does not have (any more)."
        "check the name; if upstream deleted it, the mirror's copy may vanish as well";
    Schema1Unverifiable Unverified "schema1-unverifiable"
        "A schema 1 manifest: its digest is of a part of the bytes, so nothing can be compared."
        "current runtimes refuse schema 1; rebuild or re-push the image";

    DigestUnsupported Unverified "digest-unsupported"
        "The image names a part by a digest of an algorithm that is not known here; it was not asked for."
        "runtimes know sha256, and some sha512; rebuild the image with one of these";

    DigestDiffers Stale "digest-differs"
        "The mirror serves another digest than upstream for this tag."
        "have the mirror synchronise this tag, or pin the image by digest";

    ManifestUnknown Missing "manifest-unknown"
        "The registry says clearly that it does not have this image."
        "check name and tag; if upstream has it, have the mirror copy it";
    TagAbsent Missing "tag-absent"
        "The mirror has upstream's image by digest, but not under this tag."
        "have the mirror copy the tag, or pin the image by digest";
    MissingUpstreamToo Missing "missing-upstream-too"
        "Neither the mirror nor upstream has this image."
        "check name and tag";

    SinglePlatformCopy Incomplete "single-platform-copy"
        "Upstream has an index for several platforms; the mirror serves one of its images instead."
        "copy the image again with all platforms (crane copy, regctl image copy, skopeo copy --all)";
    PlatformAbsent Incomplete "platform-absent"
        "The mirror's index lacks platforms that upstream's has."
        "copy the image again with all platforms (crane copy, regctl image copy, skopeo copy --all)";

    ChildMissing Incomplete "child-missing"
        "The index is there; a manifest that it names for a platform is not."
        "copy the image again with all platforms (crane copy, regctl image copy, skopeo copy --all)";
    BlobMissing Incomplete "blob-missing"
        "The manifest is there; a config or layer that it names is not."
        "copy the image again, or have the mirror fetch it anew: a pull starts there and fails";
    ReferrerAbsent Incomplete "referrer-absent"
        "The image is upstream's; a signature, SBOM or attestation that upstream keeps beside it is not on the mirror."
        "copy what refers to the image too (cosign copy, regctl image copy --referrers --digest-tags, oras cp -r)";
    UpstreamLacksPlatform Incomplete "upstream-lacks-platform"
        "Upstream's own index does not have a platform that is wanted; no mirror can."
        "ask for another tag or platform; nothing is wrong with the mirrors";

    HtmlAnswer Invalid "html-answer"
        "A web page with a success status stands where the manifest should be."
        "look at the page: wrong host, login, block page or captive portal; correct the mirror's url";
    EmptyAnswer Invalid "empty-answer"
        "A success status with nothing behind it."
        "check that the mirror's url is a registry's";
    ErrorDocument Invalid "error-document"
        "A success status with an error document as its body."
        "a proxy hides the registry's status; look at its configuration";
    NotAManifest Invalid "not-a-manifest"
        "The body is neither a manifest nor an index."
        "check that the mirror's url is a registry's";
    ManifestTooLarge Invalid "manifest-too-large"
        "The manifest is larger than the 4 MiB that clients read."
        "no client will pull it; look at what the mirror serves there";
    DigestMismatch Invalid "digest-mismatch"
        "Under the right digest, the mirror serves bytes that hash to something else."
        "the mirror's store or a proxy in front of it corrupts content; purge the image there";
    DigestHeaderWrong Invalid "digest-header-wrong"
        "The Docker-Content-Digest header is not the digest of the bytes served with it."
        "runtimes that resolve tags by this header will then not find the image; repair the mirror";
    DigestUnservable Invalid "digest-unservable"
        "The tag is served, but the digest that it stands for is not."
        "runtimes resolve the tag and then pull by digest; have the mirror copy the image again";

    SizeDiffers Invalid "size-differs"
        "A manifest, config or layer is not as large as the image says."
        "runtimes refuse it; the mirror's store or a proxy in front of it corrupts content: purge the image there";
    BlobCorrupt Invalid "blob-corrupt"
        "The bytes of a config or layer hash to another digest than the one they are served under."
        "runtimes refuse it; the mirror's store or a proxy in front of it corrupts content: purge the image there";
    DescriptorUnusable Invalid "descriptor-unusable"
        "The image names a part by something that is no digest, or with a size that nothing can have."
        "no client will pull it; rebuild the image, or look at what the mirror made of it";

    AccessDenied Denied "access-denied"
        "The registry answered 403."
        "the message says why: an allow-list, a missing permission, or an address that is locked out";
    Unauthorized Denied "unauthorized"
        "The registry answered 401 although a token was sent: private, or not there (many registries do not tell)."
        "check the name; if the repository is private, this host needs credentials";
    NoChallenge Denied "no-challenge"
        "The registry answered 401 and did not say how to authenticate."
        "check the repository's path on this host; some registries answer so for unknown projects";
    CredentialsNeeded Denied "credentials-needed"
        "The registry wants credentials, and there are none for this host."
        "docker login, --auth-file or REGISTRY_CHECK_AUTH_<HOST>; registry-check auth shows what is found";
    CredentialsRejected Denied "credentials-rejected"
        "The credentials for this host were refused, and without them there is no access."
        "log in again where the reason says that they come from; registry-check auth shows what is found";
    TokenRefused Denied "token-refused"
        "The registry's token service refused: private, or not there (many registries do not tell)."
        "check the name; if the repository is private, this host needs credentials";
    RealmRefused Denied "realm-refused"
        "The registry names a token service that is not safe to ask."
        "correct the registry's token realm (its external URL setting)";
    HiddenDenied Denied "hidden-denied"
        "404 for the tag, but asked for upstream's digest the mirror says that it was refused."
        "give the mirror credentials for upstream, or look at its allow-list";

    RateLimited RateLimited "rate-limited"
        "429 to the end."
        "wait, ask less often (--per-host), or authenticate for a higher limit";
    HiddenRateLimit RateLimited "hidden-rate-limit"
        "404 for the tag, but asked for upstream's digest the mirror says that it is being throttled."
        "the mirror has used up upstream's limit: give it credentials for upstream, or wait";

    ServerError ServerError "server-error"
        "5xx to the end."
        "look at the server's log; check again later";
    HiddenServerError ServerError "hidden-server-error"
        "404 for the tag, but asked for upstream's digest the mirror fails: it could not get the image."
        "a pull-through cache that cannot reach its upstream: look at its log and its network";
    TruncatedBody ServerError "truncated-body"
        "The body ended before its announced length, again and again."
        "a proxy or the server cuts answers; look at its log";
    HttpBroken ServerError "http-broken"
        "What came back is not valid HTTP."
        "check scheme and port of the url: plain http sent to a TLS port, or the reverse";
    RedirectLoop ServerError "redirect-loop"
        "Redirected more than ten times."
        "look at the redirects of the proxy in front of this host";
    RedirectRefused ServerError "redirect-refused"
        "A redirect that is not safe to follow: from https to plain http, from elsewhere to this machine or its link, or without a target."
        "correct the server's external URL setting";
    NotARegistry ServerError "not-a-registry"
        "404 with a page that no registry writes: the path is probably not a registry's."
        "check the mirror's url: its path prefix, or /v2 in it (see override_path)";
    OddStatus ServerError "odd-status"
        "A status that says nothing of the image."
        "the message says what the server did not like";
    TokenBroken ServerError "token-broken"
        "The token service answered, but not with a token."
        "look at the token service's log";

    DnsFailed Unreachable "dns-failed"
        "The host's name could not be resolved."
        "check the name and the resolver; some networks block or poison registry names";
    ConnectRefused Unreachable "connect-refused"
        "Nothing listens on that port."
        "check host and port; the mirror may be down";
    ConnectFailed Unreachable "connect-failed"
        "No connection could be made."
        "check routes, firewall and proxy settings";
    TlsFailed Unreachable "tls-failed"
        "The TLS handshake failed for a reason that has no code of its own."
        "the reason says what went wrong; look at the server's TLS settings and log";
    TlsExpired Unreachable "tls-expired"
        "The server's certificate, or one that it rests on, has expired."
        "renew the certificate; clients of this host fail as well";
    TlsNotYetValid Unreachable "tls-not-yet-valid"
        "The server's certificate is not valid yet."
        "look at this machine's clock first, then at the certificate";
    TlsSelfSigned Unreachable "tls-self-signed"
        "The server's certificate is signed by itself, and nothing says that it is to be trusted."
        "trust it with --ca-file, ca_file or a certs.d folder; is this the right host, not a portal?";
    TlsWrongHost Unreachable "tls-wrong-host"
        "The server's certificate is for other host names."
        "check the host name; a portal or a poisoned name server may answer in its place";
    TlsUnknownIssuer Unreachable "tls-unknown-issuer"
        "Nobody who is trusted here has issued the server's certificate."
        "a private CA: --ca-file, ca_file or a certs.d folder; an intercepting proxy: its CA; else the server leaves out the intermediate certificate";
    TlsClientCertificate Unreachable "tls-client-certificate"
        "The server wants a client certificate, or does not accept the one it was shown."
        "set client_cert and client_key for this host, or put NAME.cert and NAME.key into its certs.d folder";
    WrongScheme Unreachable "wrong-scheme"
        "Plain http was spoken to a TLS port, or TLS to a plain http port."
        "write the other scheme: https://, or http:// (plain_http)";
    ProxyFailed Unreachable "proxy-failed"
        "No connection could be made through the proxy."
        "is the proxy up, and may it connect to this host? see HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY";
    TimeoutConnect Unreachable "timeout-connect"
        "No connection in time."
        "a firewall that drops packets, or a host that is down; --connect-timeout sets the time";
    TimeoutFirstByte Unreachable "timeout-first-byte"
        "Connected, and then no answer in time."
        "the server hangs, or fetches slowly from upstream; --first-byte-timeout sets the time";
    TimeoutBody Unreachable "timeout-body"
        "The answer began and did not end in time; a blob came more slowly than 10 KiB a second."
        "the line is slow or throttled; --timeout sets the time, for blobs --first-byte-timeout how long it may be so slow";
    ConnectionReset Unreachable "connection-reset"
        "The connection was closed before an answer came."
        "a firewall or proxy that cuts connections, or a server that crashes";

    Interrupted NotChecked "interrupted"
        "The run was interrupted before this was asked."
        "run again";
    PullQuotaReserved NotChecked "pull-quota-reserved"
        "Asking would have cost a pull, and what is left of the host's pull quota is to be kept (--reserve)."
        "wait until the quota is renewed, authenticate for a larger one, or lower --reserve";
    TooManyParts NotChecked "too-many-parts"
        "The image leads to more manifests or blobs, or deeper, than one image is asked for."
        "narrow the check with --platform; if that does not help, look at what is served there";
    NameNotExpressible NotChecked "name-not-expressible"
        "The mirror's path rule makes no legal repository name of this image's name."
        "change the mirror's path or for (a registry's port cannot stand in a path)";
    NotUsedForTags NotChecked "not-used-for-tags"
        "The runtime's configuration uses this mirror for digests at most, so not for this image's tag."
        "pin the image by digest, or have the mirror resolve tags (containerd: capabilities; registries.conf: pull-from-mirror)";
    NotUsedForDigests NotChecked "not-used-for-digests"
        "The runtime's configuration does not use this mirror for images that are pinned by digest."
        "registries.conf: pull-from-mirror; containerd: capabilities";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_kebab_case_and_grouped_by_status() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            assert_eq!(code.advice().is_empty(), code.status() == Status::Ok, "{code}");
        }
        assert!(Code::ALL.is_sorted_by_key(|code| code.status()));
    }
}
