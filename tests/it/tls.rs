//! TLS and proxies as a user meets them: certificates of all kinds, `certs.d`, client certificates, HTTP/2
//! that does not work, and proxies in between. Upstream and what stands behind TLS are embedded registries.

use std::fs;
use std::path::Path;

use registry_check::demo::{ClosedPort, Registry, Store, content};
use serde_json::Value;

use crate::support::authority::{Authority, Issued, LOOPBACK};
use crate::support::nginx::Nginx;
use crate::support::proxy::Proxy;
use crate::support::tls_front::{Offer, TlsFront};
use crate::support::tool::{Output, Tool};

/// An upstream, a mirror of it over plain http, and who makes certificates.
struct World {
    upstream: Registry,
    mirror: Registry,
    ca: Authority,
    /// What the system trusts: somebody else.
    system: Authority,
}

/// What the report says of the mirror.
#[derive(Debug)]
struct Said {
    status: String,
    code: String,
    reason: String,
}

impl World {
    fn new() -> Self {
        let registry = || {
            let mut store = Store::new();
            store.put("library/app", "1", &content::index("app", &["linux/amd64", "linux/arm64"]));
            Registry::start(store).expect("an embedded registry")
        };
        Self {
            upstream: registry(),
            mirror: registry(),
            ca: Authority::new("Firm CA"),
            system: Authority::new("Public CA"),
        }
    }

    /// TLS in front of the mirror.
    fn front(&self, issued: &Issued) -> TlsFront {
        TlsFront::start(self.mirror.addr(), issued, None, Offer::Http1)
    }

    /// nginx with TLS in front of the mirror.
    fn nginx(&self, flags: &str, directives: &str) -> Nginx {
        let issued = self.ca.issue("nginx", &LOOPBACK);
        Nginx::start(
            flags,
            &format!(
                "ssl_certificate {}; ssl_certificate_key {}; {directives} location / {{ proxy_pass http://{}; }}",
                issued.certificate.display(),
                issued.key.display(),
                self.mirror.addr(),
            ),
        )
    }

    /// A check of one image on the mirror at `url`, with more lines for its entry in the configuration.
    fn check(&self, url: &str, settings: &str) -> Tool {
        self.check_with(&format!("[[mirrors]]\nname = \"m\"\nurl = \"{url}\"\n{settings}\n"))
    }

    fn check_with(&self, config: &str) -> Tool {
        let upstream = self.upstream.addr();
        let registries = format!("[[registries]]\nname = \"docker.io\"\nurl = \"http://{upstream}\"\n");
        let tool =
            Tool::new().file("images.txt", "app:1\n").file("config/c.toml", format!("{registries}{config}"));
        let args = ["images.txt", "--config", "config/c.toml", "-f", "json", "-o", "report.json"];
        tool.args(args).env("SSL_CERT_FILE", self.system.file())
    }
}

fn read(output: &Output) -> Said {
    let report: Value = serde_json::from_str(&output.file("report.json")).expect("a report");
    let results = report["results"].as_array().expect("its results");
    let result = results.iter().find(|result| result["role"] == "mirror").expect("the mirror's result");
    let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
    Said { status: text("status"), code: text("code"), reason: text("reason") }
}

/// Runs it, and wants to hear of no secured connection, for this reason.
#[track_caller]
fn refused(tool: Tool, code: &str, reason: &str) -> Output {
    let output = tool.run();
    let said = read(&output);
    assert_eq!((&*said.status, &*said.code, &*said.reason), ("unreachable", code, reason), "{output:?}");
    assert_eq!(output.code, Some(3), "{output:?}");
    output
}

/// Runs it, and wants everything to be fine.
#[track_caller]
fn served(tool: Tool) -> Output {
    let output = tool.run();
    let said = read(&output);
    assert_eq!((&*said.status, output.code), ("ok", Some(0)), "{said:?} {output:?}");
    output
}

fn ca_file(authority: &Authority) -> [String; 2] {
    ["--ca-file".to_owned(), authority.file().display().to_string()]
}

#[test]
fn a_certificate_of_an_unknown_issuer_is_told_with_it_and_taken_once_it_is_trusted() {
    let world = World::new();
    let front = world.front(&world.ca.issue("m", &LOOPBACK));
    let host = format!("127.0.0.1:{}", front.port());
    let url = format!("https://{host}");
    let reason = format!("{host}: the certificate was issued by CN=Firm CA, which is not trusted here");
    refused(world.check(&url, ""), "tls-unknown-issuer", &reason);

    served(world.check(&url, "").args(ca_file(&world.ca)));
    served(world.check(&url, "").env("SSL_CERT_FILE", world.ca.file()));
    served(world.check(&url, &format!("ca_file = \"{}\"", world.ca.file().display())));
    // From the folder of the configuration on, not from where the program was started.
    let pem = fs::read_to_string(world.ca.file()).unwrap();
    served(world.check(&url, "ca_file = \"ca.pem\"").file("config/ca.pem", &pem));
    // What the system trusts stays trusted.
    let other = Authority::new("Third CA");
    served(world.check(&url, "").env("SSL_CERT_FILE", world.ca.file()).args(ca_file(&other)));
}

#[test]
fn an_expired_certificate_is_told_with_its_last_day_whoever_issued_it() {
    let world = World::new();
    let front = world.front(&world.ca.issue_expired("old.example"));
    let url = format!("https://localhost:{}", front.port());
    let reason = format!(
        "localhost:{}: the certificate of CN=old.example expired on 2021-03-01T00:00:00Z",
        front.port()
    );
    refused(world.check(&url, ""), "tls-expired", &reason);
    refused(world.check(&url, "").args(ca_file(&world.ca)), "tls-expired", &reason);
}

#[test]
fn a_certificate_for_other_hosts_is_told_with_their_names() {
    let world = World::new();
    let front = world.front(&world.ca.issue("m", &["portal.example", "*.cdn.example"]));
    let host = format!("127.0.0.1:{}", front.port());
    let reason =
        format!("{host}: the certificate is not for 127.0.0.1 but for portal.example, *.cdn.example");
    let tool = world.check(&format!("https://{host}"), "").args(ca_file(&world.ca));
    refused(tool, "tls-wrong-host", &reason);
}

#[test]
fn a_self_signed_certificate_is_refused_until_it_is_trusted_itself() {
    let world = World::new();
    let issued = world.ca.self_signed("registry");
    let front = world.front(&issued);
    let host = format!("127.0.0.1:{}", front.port());
    let url = format!("https://{host}");
    let reason = format!("{host}: the certificate of CN=registry is signed by itself and not trusted");
    refused(world.check(&url, ""), "tls-self-signed", &reason);
    served(world.check(&url, &format!("ca_file = \"{}\"", issued.certificate.display())));
}

#[test]
fn plain_http_and_tls_on_the_wrong_port_are_told_with_the_right_scheme() {
    let world = World::new();
    let plain = world.mirror.addr();
    let reason = format!("{plain}: the server does not speak TLS on this port; for plain http say http://");
    refused(world.check(&format!("https://{plain}"), ""), "wrong-scheme", &reason);

    let nginx = world.nginx("ssl", "");
    let host = nginx.authority();
    let reason = format!("{host}: plain http was sent to a port that speaks TLS; for TLS say https://");
    refused(world.check(&format!("http://{host}"), ""), "wrong-scheme", &reason);
}

#[test]
fn insecure_holds_for_one_host_and_the_flag_names_those_it_holds_for() {
    let world = World::new();
    let front = world.front(&world.ca.issue_expired("old"));
    let second = world.front(&world.ca.issue("m", &["else.example"]));
    let url = |front: &TlsFront| format!("https://127.0.0.1:{}", front.port());
    let quiet = served(world.check(&url(&front), "insecure = true"));
    assert!(!quiet.stderr.contains("insecure"), "{quiet:?}");

    let others = format!(
        "[[registries]]\nname = \"other.example\"\nurl = \"{}\"\ninsecure = true\n\
         [[mirrors]]\nname = \"m\"\nurl = \"{}\"\n",
        url(&second),
        url(&front)
    );
    let output = world.check_with(&others).run();
    assert_eq!(read(&output).code, "tls-expired", "{output:?}");

    let output = served(world.check(&url(&front), "").args(["--insecure"]));
    let warnings: Vec<_> = output.stderr.lines().filter(|line| line.starts_with("warn")).collect();
    let host = format!("127.0.0.1:{}", front.port());
    let wanted = format!("warn: --insecure: the certificates of these hosts are not verified: {host}");
    assert_eq!(warnings, [wanted]);
}

/// Puts files into `certs/HOST` of the directory where `tool` will run.
fn certs_d(tool: &Tool, root: &str, host: &str, files: &[(&str, &Path)]) {
    let folder = tool.dir().join(root).join(host);
    fs::create_dir_all(&folder).unwrap();
    for (name, from) in files {
        fs::copy(from, folder.join(name)).unwrap();
    }
}

#[test]
fn what_docker_and_podman_were_told_is_known_here() {
    let world = World::new();
    let front =
        TlsFront::start(world.mirror.addr(), &world.ca.issue("m", &LOOPBACK), Some(&world.ca), Offer::Http1);
    let host = format!("127.0.0.1:{}", front.port());
    let url = format!("https://{host}");
    let me = world.ca.issue("me", &[]);
    let ca = world.ca.file();
    let all: [(&str, &Path); 3] = [("firm.crt", &ca), ("me.cert", &me.certificate), ("me.key", &me.key)];
    let tool = world.check(&url, "").args(["--certs-dir", "certs"]);
    certs_d(&tool, "certs", &host, &all);
    served(tool);

    // Without the flag, where the user's programs keep it.
    for (variable, root) in [(None, ".config/containers/certs.d"), (Some("set"), "set/docker/certs.d")] {
        let mut tool = world.check(&url, "").args(["-v"]);
        certs_d(&tool, root, &host, &all);
        if let Some(folder) = variable {
            let folder = tool.dir().join(folder);
            tool = tool.env("XDG_CONFIG_HOME", folder);
        }
        let output = served(tool);
        assert!(output.stderr.contains(&format!("info: {host}: TLS settings of ")), "{output:?}");
    }

    // Half a pair is named and not used.
    let tool = world.check(&url, "").args(["--certs-dir", "certs"]);
    certs_d(&tool, "certs", &host, &[("firm.crt", &ca), ("me.cert", &me.certificate)]);
    let reason = format!("{host}: the server wants a client certificate");
    let output = refused(tool, "tls-client-certificate", &reason);
    let warning =
        format!("warn: {host}: certs/{host}/me.cert: there is no key certs/{host}/me.key for it: not used\n");
    assert_eq!(output.stderr.matches(&warning).count(), 1, "{output:?}");
}

#[test]
fn a_client_certificate_is_shown_to_the_host_it_is_for() {
    let world = World::new();
    let nginx = world.nginx(
        "ssl http2",
        &format!("ssl_client_certificate {}; ssl_verify_client on;", world.ca.file().display()),
    );
    let host = nginx.authority();
    let url = format!("https://{host}");
    let client = |issued: &Issued| {
        format!(
            "client_cert = \"{}\"\nclient_key = \"{}\"",
            issued.certificate.display(),
            issued.key.display()
        )
    };
    let check = |settings: &str| world.check(&url, settings).args(ca_file(&world.ca));
    let reason = format!("{host}: the server wants a client certificate");
    refused(check(""), "tls-client-certificate", &reason);
    served(check(&client(&world.ca.issue("me", &[]))));
    let stranger = client(&world.system.issue("me", &[]));
    let reason =
        format!("{host}: the server does not accept the client certificate: it answered with an error page");
    refused(check(&stranger), "tls-client-certificate", &reason);
}

#[test]
fn a_token_service_is_verified_for_itself_and_named() {
    let world = World::new();
    let front = world.front(&world.ca.issue_expired("auth"));
    let service = format!("localhost:{}", front.port());
    let challenge = format!("Bearer realm=\"https://{service}/token\",service=\"s\"");
    let nginx = Nginx::start("", &format!("add_header WWW-Authenticate '{challenge}' always; return 401;"));
    let url = format!("http://{}", nginx.authority());
    let reason = format!(
        "the token service {service} of m: the certificate of CN=auth expired on 2021-03-01T00:00:00Z"
    );
    refused(world.check(&url, ""), "tls-expired", &reason);
    refused(world.check(&url, "").args(["--insecure"]), "tls-expired", &reason);
}

#[test]
fn settings_hold_for_hosts_that_are_only_redirected_to() {
    let world = World::new();
    let front = world.front(&world.ca.issue("cdn", &LOOPBACK));
    let cdn = format!("https://localhost:{}", front.port());
    let nginx = Nginx::start("", &format!("return 307 {cdn}$request_uri;"));
    let mirror = format!("[[mirrors]]\nname = \"m\"\nurl = \"http://{}\"\n", nginx.authority());
    let trust = format!(
        "[[registries]]\nname = \"cdn.test\"\nurl = \"{cdn}\"\nca_file = \"{}\"\n",
        world.ca.file().display()
    );
    let output = world.check_with(&mirror).run();
    assert_eq!(read(&output).code, "tls-unknown-issuer", "{output:?}");
    served(world.check_with(&(mirror + &trust)));
}

#[test]
fn files_that_cannot_be_used_end_the_run_before_anything_is_asked() {
    let world = World::new();
    let (me, other) = (world.ca.issue("me", &[]), world.ca.issue("other", &[]));
    let settings =
        format!("client_cert = \"{}\"\nclient_key = \"{}\"", me.certificate.display(), other.key.display());
    let output = world.check("https://localhost:1", &settings).args(["--ca-file", "absent.pem"]).run();
    assert_eq!(output.code, Some(2), "{output:?}");
    let wanted = format!(
        "--ca-file: absent.pem: No such file or directory (os error 2)\n\
         config/c.toml:4: {}: is not the key of the certificate in {}\n\
         error: 2 TLS files that cannot be used\n",
        other.key.display(),
        me.certificate.display()
    );
    assert_eq!(output.stderr, wanted);
    assert_eq!(world.upstream.hits().len(), 0);

    let output = world.check("http://localhost:1", "ca_file = \"x\"").run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("for localhost:1, which is plain http"), "{output:?}");
}

#[test]
fn http2_is_spoken_where_it_is_offered() {
    let world = World::new();
    let nginx = world.nginx("ssl http2", "if ($server_protocol != \"HTTP/2.0\") { return 505; }");
    served(world.check(&format!("https://{}", nginx.authority()), "").args(ca_file(&world.ca)));
}

#[test]
fn a_host_that_answers_421_over_http2_is_asked_over_http1() {
    let world = World::new();
    let nginx = world.nginx("ssl http2", "if ($server_protocol = \"HTTP/2.0\") { return 421; }");
    let tool = world.check(&format!("https://{}", nginx.authority()), "").args(ca_file(&world.ca));
    let output = served(tool.args(["-v", "--depth", "manifest"]));
    let told = format!("info: {}: HTTP/2 does not work; asking over HTTP/1.1\n", nginx.authority());
    assert_eq!(output.stderr.matches(&told).count(), 1, "{output:?}");
}

#[test]
fn a_host_that_breaks_http2_is_asked_over_http1_from_then_on() {
    let world = World::new();
    let front =
        TlsFront::start(world.mirror.addr(), &world.ca.issue("m", &LOOPBACK), None, Offer::BrokenHttp2);
    let tool = world.check(&format!("https://localhost:{}", front.port()), "").args(ca_file(&world.ca));
    served(tool.args(["--depth", "manifest", "--per-host", "1"]));
    assert_eq!(front.connections(), (1, 1));
}

#[test]
fn a_host_that_only_claims_to_speak_http2_is_asked_over_http1() {
    let world = World::new();
    let front =
        TlsFront::start(world.mirror.addr(), &world.ca.issue("m", &LOOPBACK), None, Offer::FalseHttp2);
    let tool = world.check(&format!("https://localhost:{}", front.port()), "").args(ca_file(&world.ca));
    served(tool.args(["--retries", "0"]));
    assert_eq!(front.connections().0, 1);
}

#[test]
fn an_http_proxy_is_used_told_and_shown_no_more_than_the_name() {
    let world = World::new();
    let front = world.front(&world.ca.issue("m", &["mirror.test"]));
    let proxy = Proxy::http(front.address());
    let tool = world.check("https://mirror.test", "").args(ca_file(&world.ca)).args(["-vv"]);
    let output = served(tool.env("HTTPS_PROXY", format!("http://me:hunter2@{}", proxy.authority())));
    let heard = proxy.heard();
    assert!(heard[0].starts_with("CONNECT mirror.test:443 HTTP/1.1\r\n"), "{heard:?}");
    // me:hunter2
    assert!(heard[0].contains("\r\nproxy-authorization: Basic bWU6aHVudGVyMg==\r\n"), "{heard:?}");
    let told = format!("info: mirror.test: asked through the proxy http://{}\n", proxy.authority());
    assert_eq!(output.stderr.matches(&told).count(), 1, "{output:?}");
    assert!(!output.stderr.contains("hunter2") && !output.file("report.json").contains("hunter2"));
    // Upstream is on this machine and was not asked through any proxy.
    assert_eq!(heard.len(), 1, "{heard:?}");
}

#[test]
fn plain_http_goes_through_its_proxy_and_no_proxy_keeps_hosts_out() {
    let world = World::new();
    let proxy = Proxy::http(world.mirror.addr());
    let through = |url: &str| world.check(url, "").env("http_proxy", proxy.authority());
    served(through("http://mirror.test:5000"));
    let heard = proxy.heard();
    assert!(heard[0].starts_with("HEAD http://mirror.test:5000/v2/library/app/manifests/1 "), "{heard:?}");
    // An address of this machine that is not loopback by its name.
    let here = format!("http://0.0.0.0:{}", world.mirror.addr().port());
    served(through(&here));
    assert_eq!(proxy.heard().len(), 2);
    served(through(&here).env("NO_PROXY", "other.test, 0.0.0.0/8"));
    assert_eq!(proxy.heard().len(), 2);
}

#[test]
fn a_socks_proxy_resolves_the_name() {
    let world = World::new();
    let front = world.front(&world.ca.issue("m", &["mirror.test"]));
    let proxy = Proxy::socks5(front.address());
    let tool = world.check("https://mirror.test:5443", "").args(ca_file(&world.ca));
    served(tool.env("ALL_PROXY", format!("socks5h://{}", proxy.authority())));
    assert_eq!(proxy.heard(), ["mirror.test:5443"]);
}

#[test]
fn faults_on_the_way_through_a_proxy_name_the_proxy() {
    let world = World::new();
    let closed = ClosedPort::take().unwrap().addr();
    let check = |proxy: &str| world.check("https://mirror.test", "").env("HTTPS_PROXY", proxy);
    let reason = format!("mirror.test: no connection through the proxy http://{closed}: connection refused");
    refused(check(&format!("http://me:hunter2@{closed}")), "proxy-failed", &reason);

    let busy = Proxy::refusing("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
    let reason = format!(
        "mirror.test: no connection through the proxy http://{}: tunnel error: unsuccessful",
        busy.authority()
    );
    refused(check(&busy.authority()), "proxy-failed", &reason);

    let output = refused_outright(check("ftp://me:hunter2@proxy.test"));
    assert!(
        output.stderr.contains("error: cannot set up the HTTP client: HTTPS_PROXY is not the URL of a proxy")
    );
    assert!(!output.stderr.contains("hunter2"), "{output:?}");
}

fn refused_outright(tool: Tool) -> Output {
    let output = tool.run();
    assert_eq!(output.code, Some(2), "{output:?}");
    output
}
