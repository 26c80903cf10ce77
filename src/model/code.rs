//! The stable codes: why a check ended as it did, and what to try.
//!
//! One table for verdicts, reports and documentation. A code is never renamed or reused; each belongs to
//! exactly one status.

use std::fmt;

use super::status::Status;

/// One thing that may be behind a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What may be so.
    pub cause: &'static str,
    /// What to try then.
    pub remedy: &'static str,
}

macro_rules! codes {
    ($($variant:ident $status:ident $name:literal $meaning:literal $advice:literal
        $(=> $($cause:literal $remedy:literal),+)?;)*) => {
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

            /// What may have caused it, the likeliest first; empty where nothing needs doing.
            #[must_use]
            pub const fn causes(self) -> &'static [Cause] {
                match self {
                    $(Self::$variant => &[$($(Cause { cause: $cause, remedy: $remedy },)+)?],)*
                }
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
        "pulls by tag work; references pinned to upstream's digest will not be found on this mirror"
        => "the copying tool wrote the index anew, in its own formatting or without attestations"
              "copy with a tool that keeps bytes (crane copy, regctl image copy, skopeo copy --all --preserve-digests)";
    IndexUnwrapped SameContent "index-unwrapped"
        "Upstream has an index of one image; the mirror serves that image in place of the index."
        "pulls by tag work; references pinned to upstream's digest will not be found on this mirror"
        => "the mirror's copying tool takes the one image out of its index"
              "copy the index as it is: --all, or the tool's option for several platforms";
    ManifestReserialised SameContent "manifest-reserialised"
        "The manifest has other bytes, but names the same config and layers."
        "pulls by tag work; references pinned to upstream's digest will not be found on this mirror"
        => "the copying tool converted or reformatted the manifest"
              "copy with digests preserved; where a pin must hold, pin to the mirror's own digest";

    WantedPlatformsEqual SameContent "wanted-platforms-equal"
        "The mirror lacks platforms that upstream has, but those that are wanted (--platform) are upstream's."
        "pulls by tag work on the wanted platforms; references pinned to upstream's digest will not be found on this mirror"
        => "the copying tool took only the platforms that it was told to take"
              "copy with all platforms where a digest must hold (crane copy, regctl image copy, skopeo copy --all)";

    AgreesWithMirrors Unverified "agrees-with-mirrors"
        "Upstream could not be asked; this mirror serves what most mirrors serve."
        "see why upstream could not be asked, and check again"
        => "upstream is down, unreachable from here, or throttles"
              "look at upstream's own row and its code; check again when it answers";
    DiffersFromMirrors Unverified "differs-from-mirrors"
        "Upstream could not be asked; this mirror serves something else than most mirrors."
        "see why upstream could not be asked; until then treat this mirror's copy with care"
        => "this mirror is behind the others"
              "have it synchronise the tag",
           "this mirror is ahead, and the others are old"
              "check again when upstream answers, and trust no side until then";
    NothingToCompare Unverified "nothing-to-compare"
        "Upstream could not be asked, and there is no second mirror to compare with."
        "see why upstream could not be asked, and check again"
        => "upstream is down, unreachable from here, or throttles"
              "look at upstream's own row and its code; check again when it answers";
    UpstreamLacksIt Unverified "upstream-lacks-it"
        "The mirror serves an image that upstream does not have (any more)."
        "check the name; if upstream deleted it, the mirror's copy may vanish as well"
        => "upstream deleted or renamed the image"
              "move to the new name, or keep a copy of your own before the mirror cleans up",
           "the image was pushed to the mirror alone"
              "list it under the registry that it really belongs to";
    Schema1Unverifiable Unverified "schema1-unverifiable"
        "A schema 1 manifest: its digest is of a part of the bytes, so nothing can be compared."
        "current runtimes refuse schema 1; rebuild or re-push the image"
        => "the image was pushed years ago, or the registry converts for old clients"
              "rebuild or re-push it as schema 2 or OCI; current runtimes refuse schema 1";

    DigestUnsupported Unverified "digest-unsupported"
        "The image names a part by a digest of an algorithm that is not known here; it was not asked for."
        "runtimes know sha256, and some sha512; rebuild the image with one of these"
        => "the image was built by a tool that names content by another algorithm"
              "build it again with sha256 digests";

    DigestDiffers Stale "digest-differs"
        "The mirror serves another digest than upstream for this tag."
        "have the mirror synchronise this tag, or pin the image by digest"
        => "the mirror synchronises rarely, and upstream has moved the tag since"
              "synchronise the tag now, and more often from now on",
           "a pull-through cache keeps manifests of tags too long"
              "purge the tag there, or shorten how long the cache believes a tag",
           "somebody pushed another image to the mirror under this name"
              "compare the two digests; find out who may push there",
           "the tag is one that moves often, such as latest"
              "pin the image by digest";

    ManifestUnknown Missing "manifest-unknown"
        "The registry says clearly that it does not have this image."
        "check name and tag; if upstream has it, have the mirror copy it"
        => "the name or the tag is mistyped"
              "compare it with what upstream lists",
           "the mirror was never told to copy this image"
              "add it to the mirror's synchronisation",
           "upstream deleted the tag"
              "choose one that is there, or keep a copy of your own",
           "the mirror's path for this registry is another"
              "look at path and prefixes in registry-check.toml, and at the URL that the report names";
    TagAbsent Missing "tag-absent"
        "The mirror has upstream's image by digest, but not under this tag."
        "have the mirror copy the tag, or pin the image by digest"
        => "the mirror was filled by digest"
              "have it copy the tag as well",
           "the mirror cleans up tags and keeps content"
              "change its retention, or pin the image by digest";
    MissingUpstreamToo Missing "missing-upstream-too"
        "Neither the mirror nor upstream has this image."
        "check name and tag"
        => "the name or the tag is mistyped"
              "compare it with what upstream lists",
           "upstream deleted or renamed the image"
              "move to the new name";

    SinglePlatformCopy Incomplete "single-platform-copy"
        "Upstream has an index for several platforms; the mirror serves one of its images instead."
        "copy the image again with all platforms (crane copy, regctl image copy, skopeo copy --all)"
        => "the image was copied through docker pull, tag and push, which takes one platform"
              "copy it again with all platforms (crane copy, regctl image copy, skopeo copy --all)",
           "the mirror's synchronisation is limited to one platform"
              "widen its list of platforms, if your nodes have others";
    PlatformAbsent Incomplete "platform-absent"
        "The mirror's image lacks platforms that upstream's has."
        "copy the image again with all platforms (crane copy, regctl image copy, skopeo copy --all)"
        => "the mirror's synchronisation is limited to some platforms"
              "widen its list of platforms",
           "upstream has added platforms since the copy"
              "synchronise again";

    ChildMissing Incomplete "child-missing"
        "The index is there; a manifest that it names for a platform is not."
        "copy the image again with all platforms (crane copy, regctl image copy, skopeo copy --all)"
        => "the copying tool took the index and not all that it names"
              "copy again with all platforms (crane copy, regctl image copy, skopeo copy --all)",
           "the registry's garbage collection removed a manifest that only an index names"
              "copy again; look for untagged-manifest rules in its clean-up";
    BlobMissing Incomplete "blob-missing"
        "The manifest is there; a config or layer that it names is not."
        "copy the image again, or have the mirror fetch it anew: a pull starts there and fails"
        => "the copy ended early, or the registry's garbage collection removed the blob"
              "copy the image again; look at the log of the last clean-up",
           "a pull-through cache has lost the blob and cannot fetch it"
              "look at the cache's connection and credentials to upstream",
           "the repository is linked to a blob that its storage does not hold"
              "run the registry's integrity check, then copy again";
    ReferrerAbsent Incomplete "referrer-absent"
        "The image is upstream's; a signature, SBOM or attestation that upstream keeps beside it is not on the mirror, or only in its list."
        "copy what refers to the image too (cosign copy, regctl image copy --referrers --digest-tags, oras cp -r)"
        => "the copying tool took the image and not what refers to it"
              "copy that too (cosign copy, regctl image copy --referrers --digest-tags, oras cp -r)",
           "the mirror does not know the referrers API, or its allow-list has no cosign tags"
              "look for the sha256-… tags on the mirror, and let them in",
           "the mirror has removed what its list still names: retention rules, or a garbage collection"
              "copy it again, and keep what has no tag of its own";
    UpstreamLacksPlatform Incomplete "upstream-lacks-platform"
        "Upstream itself does not have a platform that is wanted; no mirror can."
        "ask for another tag or platform; nothing is wrong with the mirrors"
        => "the image is not built for that platform"
              "ask for another tag or platform, or build it",
           "--platform or platforms asks for more than this image needs"
              "give the image its own: platform=OS/ARCH behind its name in the list";

    HtmlAnswer Invalid "html-answer"
        "A web page with a success status stands where the manifest should be."
        "look at the page: wrong host, login, block page or captive portal; correct the mirror's url"
        => "the URL is that of a web interface, not of the registry"
              "correct the mirror's url; the registry may have a host or path of its own",
           "a login page or captive portal answers in its place"
              "sign in to the network, or leave it",
           "a proxy shows a block page"
              "ask for the host to be let through";
    EmptyAnswer Invalid "empty-answer"
        "A success status with nothing behind it."
        "check that the mirror's url is a registry's"
        => "the URL leads to something other than a registry"
              "correct the mirror's url",
           "a proxy in front answers for a registry that is down"
              "look at the proxy's log";
    ErrorDocument Invalid "error-document"
        "A success status with an error document as its body."
        "a proxy hides the registry's status; look at its configuration"
        => "a proxy turns error statuses into 200"
              "have it pass statuses on as they are";
    NotAManifest Invalid "not-a-manifest"
        "The body is neither a manifest nor an index."
        "check that the mirror's url is a registry's"
        => "the URL leads to an API that is no registry's"
              "correct the mirror's url: its path prefix, or override_path",
           "the repository holds something other than images at this tag"
              "check name and tag";
    ManifestTooLarge Invalid "manifest-too-large"
        "The manifest is larger than the 4 MiB that clients read."
        "no client will pull it; look at what the mirror serves there"
        => "something other than a manifest was pushed there, or attestations are inlined"
              "look at what the mirror serves, and push it again smaller";
    DigestMismatch Invalid "digest-mismatch"
        "Under the right digest, the mirror serves bytes that hash to something else."
        "the mirror's store or a proxy in front of it corrupts content; purge the image there"
        => "the mirror's storage is damaged"
              "purge the image there and copy it again; check the disk",
           "a proxy in front rewrites or cuts bodies"
              "switch that off for the registry",
           "somebody exchanges content on the way"
              "ask over https, and compare from another network";
    DigestHeaderWrong Invalid "digest-header-wrong"
        "The Docker-Content-Digest header is not the digest of the bytes served with it."
        "runtimes that resolve tags by this header will then not find the image; repair the mirror"
        => "a proxy keeps the header of an earlier answer"
              "exclude manifests from its cache",
           "the registry converts the manifest and keeps the old digest"
              "update or repair the registry; have it serve what was pushed";
    DigestUnservable Invalid "digest-unservable"
        "The tag is served, but the digest that it stands for is not."
        "runtimes resolve the tag and then pull by digest; have the mirror copy the image again"
        => "the mirror has the tag's name and has lost its content"
              "purge the tag there and copy it again",
           "the mirror routes tags and digests to different backends"
              "look at its routing rules for manifests";

    SizeDiffers Invalid "size-differs"
        "A manifest, config or layer is not as large as the image says."
        "runtimes refuse it; the mirror's store or a proxy in front of it corrupts content: purge the image there"
        => "the mirror's storage holds a cut or damaged file"
              "purge the image there and copy it again; check the disk",
           "a proxy in front cuts or recodes bodies"
              "switch that off for the registry";
    BlobCorrupt Invalid "blob-corrupt"
        "The bytes of a config or layer hash to another digest than the one they are served under."
        "runtimes refuse it; the mirror's store or a proxy in front of it corrupts content: purge the image there"
        => "the mirror's storage is damaged"
              "purge the image there and copy it again; check the disk",
           "a proxy in front answers with something else under status 200"
              "exclude blobs from its rules",
           "somebody exchanges content on the way"
              "ask over https, and compare from another network";
    DescriptorUnusable Invalid "descriptor-unusable"
        "The image names a part by something that is no digest, or with a size that nothing can have."
        "no client will pull it; rebuild the image, or look at what the mirror made of it"
        => "the tool that wrote the manifest is broken"
              "rebuild the image with another version of it",
           "the manifest was made to do harm"
              "do not pull it; look who pushed it";

    AccessDenied Denied "access-denied"
        "The registry answered 403."
        "the message says why: an allow-list, a missing permission, or an address that is locked out"
        => "the mirror serves only what stands on its allow-list"
              "have the image added to it",
           "these credentials lack the permission to pull"
              "grant it, or use others; registry-check auth shows which are used",
           "the registry is closed to this network or country"
              "ask from an address that is let in",
           "an account or plan has run out"
              "look at the account's state";
    Unauthorized Denied "unauthorized"
        "The registry answered 401 although a token was sent: private, or not there (many registries do not tell)."
        "check the name; if the repository is private, this host needs credentials"
        => "the image is private, and nobody in particular is asking"
              "give credentials: docker login or --auth-file",
           "the repository does not exist, which many registries answer so"
              "check the name",
           "the credentials are of somebody who may not pull this"
              "registry-check auth shows which are used";
    NoChallenge Denied "no-challenge"
        "The registry answered 401 and did not say how to authenticate."
        "check the repository's path on this host; some registries answer so for unknown projects"
        => "the path is none of the registry's projects"
              "check the mirror's url and path",
           "a proxy strips the WWW-Authenticate header"
              "have it pass the header on";
    CredentialsNeeded Denied "credentials-needed"
        "The registry wants credentials, and there are none for this host."
        "docker login, --auth-file or REGISTRY_CHECK_AUTH_<HOST>; registry-check auth shows what is found"
        => "nobody has logged in to this host on this machine"
              "docker login HOST, --auth-file, or REGISTRY_CHECK_AUTH_<HOST>",
           "the login is stored under another name of the host"
              "registry-check auth shows where is looked";
    CredentialsRejected Denied "credentials-rejected"
        "The credentials for this host were refused, and without them there is no access."
        "log in again where the reason says that they come from; registry-check auth shows what is found"
        => "the password or token has expired or was changed"
              "log in again where the reason says that they come from",
           "a robot account was disabled or limited to other repositories"
              "look at it in the registry's administration";
    TokenRefused Denied "token-refused"
        "The registry's token service refused: private, or not there (many registries do not tell)."
        "check the name; if the repository is private, this host needs credentials"
        => "the image is private, and nobody in particular is asking"
              "give credentials: docker login or --auth-file",
           "the repository does not exist, which many registries answer so"
              "check the name",
           "the account may not pull this repository"
              "grant it, or use another account";
    RealmRefused Denied "realm-refused"
        "The registry names a token service that is not safe to ask."
        "correct the registry's token realm (its external URL setting)"
        => "the registry's external URL is set to http or to an address inside its network"
              "correct that setting (realm, external_url, host name)",
           "something else answers in the registry's place"
              "compare the address of the host with the right one";
    HiddenDenied Denied "hidden-denied"
        "404 for the tag, but asked for upstream's digest the mirror says that it was refused."
        "give the mirror credentials for upstream, or look at its allow-list"
        => "the mirror has no or wrong credentials for upstream"
              "set them in the mirror",
           "the mirror's allow-list does not have this image"
              "have it added";

    RateLimited RateLimited "rate-limited"
        "429 to the end."
        "wait, ask less often (--per-host), or authenticate for a higher limit"
        => "too many requests at once from this address"
              "lower --per-host, or set requests_per_minute for this host",
           "the pull quota of this address or account is used up"
              "wait until it is renewed, or authenticate for a larger one",
           "others behind the same address use it up"
              "authenticate, so that the quota is your own";
    HiddenRateLimit RateLimited "hidden-rate-limit"
        "404 for the tag, but asked for upstream's digest the mirror says that it is being throttled."
        "the mirror has used up upstream's limit: give it credentials for upstream, or wait"
        => "the mirror asks upstream anonymously and has used up its quota"
              "give it credentials for upstream",
           "many images are new to the cache at once"
              "warm it more slowly, and check again later";

    ServerError ServerError "server-error"
        "5xx to the end."
        "look at the server's log; check again later"
        => "the registry or something behind it is failing"
              "look at its log and status page; check again later",
           "a gateway in front does not reach the registry (502, 504)"
              "look at the gateway's log and at the registry behind it";
    HiddenServerError ServerError "hidden-server-error"
        "404 for the tag, but asked for upstream's digest the mirror fails: it could not get the image."
        "a pull-through cache that cannot reach its upstream: look at its log and its network"
        => "a pull-through cache cannot reach its upstream"
              "look at its log, its network and its proxy settings",
           "its storage is full or read-only"
              "make room";
    TruncatedBody ServerError "truncated-body"
        "The body ended before its announced length, again and again."
        "a proxy or the server cuts answers; look at its log"
        => "a proxy or load balancer cuts answers"
              "look at its limits on time and size",
           "the server crashes while it answers"
              "look at its log";
    HttpBroken ServerError "http-broken"
        "What came back is not valid HTTP."
        "check scheme and port of the url: plain http sent to a TLS port, or the reverse"
        => "plain http is sent to a port that speaks something else"
              "check scheme and port of the url",
           "another service listens there"
              "check the port";
    RedirectLoop ServerError "redirect-loop"
        "Redirected more than ten times."
        "look at the redirects of the proxy in front of this host"
        => "a proxy redirects to a URL that redirects back, such as http to https and back"
              "look at the redirect rules in front of this host";
    RedirectRefused ServerError "redirect-refused"
        "A redirect that is not safe to follow: from https to plain http, from elsewhere to this machine or its link, or without a target."
        "correct the server's external URL setting"
        => "the registry's external URL is set to http or to an internal address"
              "correct that setting",
           "a storage backend is handed out under its internal name"
              "set its public address, or have the registry serve content itself";
    NotARegistry ServerError "not-a-registry"
        "404 with a page that no registry writes: the path is probably not a registry's."
        "check the mirror's url: its path prefix, or /v2 in it (see override_path)"
        => "the mirror's url has a path prefix too many or too few"
              "try it without its path, or with /v2 in it (see override_path)",
           "the registry listens on another host or port"
              "ask whoever runs it for the address that docker uses";
    OddStatus ServerError "odd-status"
        "A status that says nothing of the image."
        "the message says what the server did not like"
        => "a proxy or firewall answers with a status of its own"
              "read the message; look at what stands in front of the registry",
           "the registry does not support this kind of request"
              "look for its documented restrictions";
    TokenBroken ServerError "token-broken"
        "The token service answered, but not with a token."
        "look at the token service's log"
        => "the token service fails, or a login page stands in its place"
              "look at the service's log and its address",
           "a proxy changes its answer"
              "exclude the service from it";

    DnsFailed Unreachable "dns-failed"
        "The host's name could not be resolved."
        "check the name and the resolver; some networks block or poison registry names"
        => "the host name is mistyped"
              "check it",
           "the name is known only inside another network"
              "check from there, or use its resolver",
           "the resolver is down, or the network blocks the name"
              "try another resolver; some networks block or poison registry names";
    ConnectRefused Unreachable "connect-refused"
        "Nothing listens on that port."
        "check host and port; whoever the reason names may be down"
        => "the registry is not running"
              "start it, or look why it stopped",
           "it listens on another port"
              "put the port into the url",
           "a firewall rejects the connection"
              "have the port opened";
    ConnectFailed Unreachable "connect-failed"
        "No connection could be made."
        "check routes, firewall and proxy settings"
        => "there is no route to the host"
              "check routes, VPN and IPv6",
           "a firewall is in the way"
              "have host and port opened",
           "a proxy would be needed"
              "set HTTPS_PROXY or HTTP_PROXY";
    TlsFailed Unreachable "tls-failed"
        "The TLS handshake failed for a reason that has no code of its own."
        "the reason says what went wrong; look at the server's TLS settings and log"
        => "server and client have no TLS version or cipher in common"
              "enable TLS 1.2 or 1.3 on the server",
           "the server expects another name (SNI)"
              "check the host name in the url";
    TlsExpired Unreachable "tls-expired"
        "The server's certificate, or one that it rests on, has expired."
        "renew the certificate; clients of this host fail as well"
        => "the certificate was not renewed in time"
              "renew it; look why that did not happen by itself",
           "the server still serves an old certificate"
              "reload it",
           "this machine's clock is wrong"
              "set it";
    TlsNotYetValid Unreachable "tls-not-yet-valid"
        "The server's certificate is not valid yet."
        "look at this machine's clock first, then at the certificate"
        => "this machine's clock is behind"
              "set it",
           "the certificate was issued for later"
              "wait, or issue it again";
    TlsSelfSigned Unreachable "tls-self-signed"
        "The server's certificate is signed by itself, and nothing says that it is to be trusted."
        "trust it with --ca-file, ca_file or a certs.d folder; is this the right host, not a portal?"
        => "the registry uses a certificate of its own making"
              "trust it: --ca-file, ca_file, or a certs.d folder",
           "a login portal or another device answers in its place"
              "check the network and the host name";
    TlsWrongHost Unreachable "tls-wrong-host"
        "The server's certificate is for other host names."
        "check the host name; a portal or a poisoned name server may answer in its place"
        => "the url names the host in a way that its certificate does not"
              "use one of the names that the reason lists",
           "another host answers: a portal, a default site, a poisoned resolver"
              "compare the address with the right one";
    TlsUnknownIssuer Unreachable "tls-unknown-issuer"
        "Nobody who is trusted here has issued the server's certificate."
        "a private CA: --ca-file, ca_file or a certs.d folder; an intercepting proxy: its CA; else the server leaves out the intermediate certificate"
        => "a private certificate authority issued it"
              "trust it: --ca-file, ca_file, or a certs.d folder",
           "a proxy opens TLS on the way"
              "trust the proxy's authority, or exclude this host",
           "the server leaves out the intermediate certificate"
              "have it serve the whole chain";
    TlsClientCertificate Unreachable "tls-client-certificate"
        "The server wants a client certificate, or does not accept the one it was shown."
        "set client_cert and client_key for this host, or put NAME.cert and NAME.key into its certs.d folder"
        => "no client certificate is configured for this host"
              "set client_cert and client_key, or put NAME.cert and NAME.key into its certs.d folder",
           "the one shown is of another authority, or has expired"
              "have it issued again";
    WrongScheme Unreachable "wrong-scheme"
        "Plain http was spoken to a TLS port, or TLS to a plain http port."
        "write the other scheme: https://, or http:// (plain_http)"
        => "the url says https and the port speaks plain http"
              "write http://, or plain_http = true",
           "the url says http and the port speaks TLS"
              "write https://";
    ProxyFailed Unreachable "proxy-failed"
        "No connection could be made through the proxy."
        "is the proxy up, and may it connect to this host? see HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY"
        => "the proxy is down or its address is wrong"
              "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY",
           "the proxy may not connect to this host or port"
              "have it allowed, or put the host into NO_PROXY",
           "the proxy wants credentials"
              "put them into its URL";
    TimeoutConnect Unreachable "timeout-connect"
        "No connection in time."
        "a firewall that drops packets, or a host that is down; --connect-timeout sets the time"
        => "a firewall drops packets"
              "have host and port opened",
           "the host is down"
              "start it",
           "the line is slow"
              "raise --connect-timeout";
    TimeoutFirstByte Unreachable "timeout-first-byte"
        "Connected, and then no answer in time."
        "the server hangs, or fetches slowly from upstream; --first-byte-timeout sets the time"
        => "a pull-through cache fetches from a slow upstream before it answers"
              "check again once it is warm, or raise --first-byte-timeout",
           "the server hangs or is overloaded"
              "look at its log and load; lower --per-host";
    TimeoutBody Unreachable "timeout-body"
        "The answer began and did not end in time; a blob came more slowly than 10 KiB a second, or took too long in all."
        "the line is slow or throttled; --timeout sets the time, for blobs --first-byte-timeout how long it may be so slow, --blob-timeout the whole"
        => "the line is slow or throttled"
              "raise --timeout; for blobs, --first-byte-timeout or --blob-timeout",
           "the server stops in the middle"
              "look at its log";
    ConnectionReset Unreachable "connection-reset"
        "The connection was closed before an answer came."
        "a firewall or proxy that cuts connections, or a server that crashes"
        => "a firewall or proxy cuts connections"
              "have the host let through",
           "the server crashes or restarts"
              "look at its log",
           "too many connections at once"
              "lower --per-host";

    Interrupted NotChecked "interrupted"
        "The run was interrupted before this was asked."
        "run again"
        => "somebody or something stopped the run: Ctrl-C, SIGTERM, a job's time limit"
              "run again, with more time";
    PullQuotaReserved NotChecked "pull-quota-reserved"
        "Asking would have cost a pull, and what is left of the host's pull quota is to be kept (--reserve)."
        "wait until the quota is renewed, authenticate for a larger one, or lower --reserve"
        => "the host's pull quota is nearly used up"
              "wait until it is renewed, or authenticate for a larger one",
           "--reserve keeps more than is needed"
              "lower it";
    NoFilesLeft NotChecked "no-files-left"
        "This machine let the program open no further file or socket, for as long as one request may take."
        "raise the limit on open files (ulimit -n), or lower --concurrency and --per-host"
        => "the limit on open files is low, or other files of the process use it up"
              "raise it (ulimit -n; a service's LimitNOFILE), or lower --concurrency",
           "all processes together have opened as many files as the system allows"
              "end what holds them, or raise the system's limit (fs.file-max)";
    TooManyParts NotChecked "too-many-parts"
        "The image leads to more manifests or blobs, or deeper, or to a larger blob, than one image is asked for."
        "narrow the check with --platform; if that does not help, look at what is served there"
        => "an index names thousands of manifests, or leads to ever more indexes"
              "narrow the check with --platform",
           "somebody serves a document made to keep checkers busy"
              "look at what is served there";
    PlatformUnknown NotChecked "platform-unknown"
        "It is not known for which platform the image is, whether upstream has one that is wanted, or what is in an index within upstream's that the mirror's does not name."
        "look at the image's config (crane config, skopeo inspect --config); rebuild it, or do not ask for a platform"
        => "the tool that built the image left os or architecture out of its config"
              "rebuild the image with another version of it",
           "the config is above 4 MiB, and is not looked into"
              "look who pushed it; configs have some kilobytes",
           "the mirror's index leaves out an index within upstream's, which was not read, or not served"
              "check with --depth platforms, which reads it at upstream; copy the image again with all of it";
    NameNotExpressible NotChecked "name-not-expressible"
        "The mirror's path rule makes no legal repository name of this image's name."
        "change the mirror's path or for (a registry's port cannot stand in a path)"
        => "path has {registry}, and the registry's name has a port"
              "use prefixes for it, or another path",
           "the rule leaves nothing of the name, or makes it too long"
              "change path, or leave the registry out of for";
    NotUsedForTags NotChecked "not-used-for-tags"
        "The runtime's configuration uses this mirror for digests at most, so not for this image's tag."
        "pin the image by digest, or have the mirror resolve tags (containerd: capabilities; registries.conf: pull-from-mirror)"
        => "containerd's hosts.toml lacks the capability to resolve"
              "add resolve to the capabilities of this host",
           "registries.conf limits the mirror to digests (pull-from-mirror, mirror-by-digest-only)"
              "lift that, or pin the image by digest";
    NotUsedForDigests NotChecked "not-used-for-digests"
        "The runtime's configuration does not use this mirror for images that are pinned by digest."
        "registries.conf: pull-from-mirror; containerd: capabilities"
        => "registries.conf limits the mirror to tags (pull-from-mirror)"
              "lift that, or refer to the image by tag",
           "containerd's hosts.toml lacks the capability to pull"
              "add pull to the capabilities of this host";
}

impl Code {
    /// The code that is called so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// The code that `name` is likely to be meant for.
    #[must_use]
    pub fn nearest(name: &str) -> Option<Self> {
        nearest(name, Self::ALL, |code| code.as_str())
    }
}

/// The one of `all` that `typed` is likely to be meant for.
#[must_use]
pub fn nearest<T: Copy + Ord>(typed: &str, all: &[T], name: impl Fn(&T) -> &'static str) -> Option<T> {
    let typed: String = typed.chars().take(100).collect::<String>().to_ascii_lowercase().replace('_', "-");
    all.iter()
        .map(|one| (strsim::damerau_levenshtein(&typed, name(one)), *one))
        .min()
        .filter(|(distance, one)| *distance <= name(one).len() / 3)
        .map(|(_, one)| one)
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
            // What a user is told to explain must be explained: add causes to a new code.
            assert_eq!(code.causes().is_empty(), code.status() == Status::Ok, "{code} has no causes");
            for Cause { cause, remedy } in code.causes() {
                assert!(!cause.is_empty() && !remedy.is_empty() && !remedy.ends_with('.'), "{code}: {cause}");
            }
        }
        assert!(Code::ALL.is_sorted_by_key(|code| code.status()));
    }

    #[test]
    fn codes_are_found_by_name_and_mistyped_ones_by_likeness() {
        for code in Code::ALL {
            assert_eq!(Code::from_name(code.as_str()), Some(*code));
            assert_eq!(Code::nearest(&code.as_str().to_uppercase()), Some(*code));
        }
        for (typed, meant) in [
            ("digest-difers", Some(Code::DigestDiffers)),
            ("tag_absent", Some(Code::TagAbsent)),
            ("manifest-unkown", Some(Code::ManifestUnknown)),
            ("", None),
            ("E1234", None),
            (&"x".repeat(100_000), None),
        ] {
            assert_eq!((Code::from_name(typed), Code::nearest(typed)), (None, meant), "{typed:.40}");
        }
    }
}
