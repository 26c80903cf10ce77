//! Error pages of web servers that are not about the image but about the connection: the wrong scheme, or a
//! client certificate. They come with status 400 and would pass for a registry that dislikes the question.

use crate::model::tls::TlsFault;

/// nginx, Go, Apache, Tomcat.
const TLS_EXPECTED: [&str; 4] = [
    "plain HTTP request was sent to HTTPS port",
    "Client sent an HTTP request to an HTTPS server",
    "speaking plain HTTP to an SSL-enabled server port",
    "This combination of host and port requires TLS",
];

/// nginx; its own statuses 495 and 496 are sent as 400.
const CERTIFICATE_WANTED: &str = "No required SSL certificate was sent";
const CERTIFICATE_REFUSED: &str = "The SSL certificate error";

/// What an answer to a request over `scheme` says of the connection, if it says anything of it.
pub(super) fn fault(scheme: &str, status: u16, body: &[u8]) -> Option<TlsFault> {
    if status != 400 {
        return None;
    }
    let text = String::from_utf8_lossy(body);
    let says = |words: &str| text.contains(words);
    match scheme {
        "http" if TLS_EXPECTED.into_iter().any(says) => Some(TlsFault::TlsExpected),
        "https" if says(CERTIFICATE_WANTED) => Some(TlsFault::ClientCertificateWanted),
        "https" if says(CERTIFICATE_REFUSED) => {
            Some(TlsFault::ClientCertificateRefused("it answered with an error page".into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_about_the_connection_are_known_by_scheme_and_words() {
        let plain = b"<center>The plain HTTP request was sent to HTTPS port</center>";
        let go = b"Client sent an HTTP request to an HTTPS server.\n";
        let wanted = b"<center>No required SSL certificate was sent</center>";
        let refused = b"<title>400 The SSL certificate error</title>";
        assert_eq!(fault("http", 400, plain), Some(TlsFault::TlsExpected));
        assert_eq!(fault("http", 400, go), Some(TlsFault::TlsExpected));
        assert_eq!(fault("https", 400, wanted), Some(TlsFault::ClientCertificateWanted));
        let text = fault("https", 400, refused).map(|fault| fault.to_string()).unwrap_or_default();
        assert_eq!(text, "the server does not accept the client certificate: it answered with an error page");
        for (scheme, status, body) in [
            ("https", 400, &plain[..]),
            ("http", 400, wanted),
            ("http", 404, plain),
            ("http", 400, b""),
            ("https", 400, b"\xff\xfe"),
        ] {
            assert_eq!(fault(scheme, status, body), None, "{scheme} {status}");
        }
    }
}
