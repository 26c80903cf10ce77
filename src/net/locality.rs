//! How far away a host is, as far as its name alone tells: this machine, a private network, or elsewhere.
//!
//! What a server names (a redirect, a token service) must not lead a request deeper into the user's network
//! than the user did. Pure: names are not resolved, so only address literals and `localhost` are recognised.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::model::endpoint::is_loopback;

/// How close to this machine a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locality {
    /// This machine or its link: loopback, link-local (where clouds keep their metadata service) and the
    /// unspecified address, which connects to this machine.
    Local,
    /// An address literal of a private network: RFC 1918, RFC 6598, RFC 4193, or the old site-local range.
    Private,
    /// Anything else, each name that must be resolved among it.
    Elsewhere,
}

impl Locality {
    /// The locality of `host`.
    #[must_use]
    pub fn of(host: &Host<&str>) -> Self {
        match host {
            _ if is_loopback(host) => Self::Local,
            Host::Domain(_) => Self::Elsewhere,
            Host::Ipv4(address) => Self::of_v4(*address),
            Host::Ipv6(address) => Self::of_v6(*address),
        }
    }

    /// The locality of the host of `url`; a URL without one leads nowhere and is `Elsewhere`.
    #[must_use]
    pub fn of_url(url: &Url) -> Self {
        url.host().map_or(Self::Elsewhere, |host| Self::of(&host))
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [first, second, ..] = address.octets();
        if address.is_loopback() || address.is_link_local() || first == 0 {
            Self::Local
        } else if address.is_private() || first == 100 && second & 0xc0 == 64 {
            Self::Private
        } else {
            Self::Elsewhere
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let segments = address.segments();
        if address.is_loopback() || address.is_unspecified() || address.is_unicast_link_local() {
            Self::Local
        } else if let Some(embedded) = embedded_v4(segments) {
            Self::of_v4(embedded)
        } else if address.is_unique_local() || segments[0] & 0xffc0 == 0xfec0 {
            Self::Private
        } else {
            Self::Elsewhere
        }
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible (RFC 4291) or NAT64 (RFC 6052).
fn embedded_v4(segments: [u16; 8]) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = segments;
    let carries = matches!([a, b, c, d, e, f], [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0]);
    let [first, second] = high.to_be_bytes();
    let [third, fourth] = low.to_be_bytes();
    carries.then(|| Ipv4Addr::new(first, second, third, fourth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_apart_by_their_literal() {
        use Locality::{Elsewhere, Local, Private};
        for (host, locality) in [
            ("localhost", Local),
            ("LOCALHOST.", Local),
            ("a.localhost", Local),
            ("notlocalhost", Elsewhere),
            ("localhost.example.com", Elsewhere),
            ("127.0.0.1", Local),
            ("127.255.255.254", Local),
            ("0x7f.1", Local),
            ("2130706433", Local),
            ("169.254.169.254", Local),
            ("0.0.0.0", Local),
            ("[::1]", Local),
            ("[::]", Local),
            ("[fe80::1]", Local),
            ("[febf::1]", Local),
            ("[::ffff:127.0.0.1]", Local),
            ("[::ffff:169.254.169.254]", Local),
            ("[::ffff:0.0.0.0]", Local),
            ("[::127.0.0.1]", Local),
            ("[64:ff9b::7f00:1]", Local),
            ("10.1.2.3", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("172.32.0.1", Elsewhere),
            ("192.168.0.1", Private),
            ("100.64.0.1", Private),
            ("100.100.100.200", Private),
            ("100.128.0.1", Elsewhere),
            ("[fd00:ec2::254]", Private),
            ("[fc00::1]", Private),
            ("[fec0::1]", Private),
            ("[::ffff:10.0.0.1]", Private),
            ("[::ffff:8.8.8.8]", Elsewhere),
            ("8.8.8.8", Elsewhere),
            ("[2606:4700::1111]", Elsewhere),
            ("registry.internal", Elsewhere),
            ("auth.docker.io", Elsewhere),
        ] {
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            assert_eq!(Locality::of_url(&url), locality, "{host}");
        }
    }
}
