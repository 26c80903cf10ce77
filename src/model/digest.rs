//! Content digests: `algorithm:hex`, checked once and then carried as bytes.
//!
//! Source: OCI image-spec `descriptor.md` (digests) and opencontainers/go-digest for the check order.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;
use thiserror::Error;

/// A digest of known algorithm and right length.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digest {
    /// `sha256:` and 64 hex digits.
    Sha256([u8; 32]),
    /// `sha384:` and 96 hex digits.
    Sha384(Box<[u8; 48]>),
    /// `sha512:` and 128 hex digits.
    Sha512(Box<[u8; 64]>),
}

/// The hash functions that can be verified here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-256, the one in general use.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Why a text is no digest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DigestError {
    /// Not `algorithm:lower-case-hex`.
    #[error("invalid digest format")]
    Format,
    /// The algorithm is not one of sha256, sha384 and sha512.
    #[error("unsupported digest algorithm")]
    Algorithm,
    /// The algorithm is known, the number of hex digits is not its.
    #[error("invalid digest length: {algorithm} has {expected} hex digits, not {found}")]
    Length {
        /// Name of the algorithm.
        algorithm: &'static str,
        /// Digits that it has.
        expected: usize,
        /// Digits found.
        found: usize,
    },
}

impl Algorithm {
    /// The name used in front of the colon.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    const fn hex_digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha384" => Some(Self::Sha384),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Hashes what comes piece by piece.
    #[must_use]
    pub fn hasher(self) -> Hasher {
        Hasher(match self {
            Self::Sha256 => State::Sha256(sha2::Sha256::new()),
            Self::Sha384 => State::Sha384(Box::new(sha2::Sha384::new())),
            Self::Sha512 => State::Sha512(Box::new(sha2::Sha512::new())),
        })
    }

    /// The digest of `bytes`.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> Digest {
        match self {
            Self::Sha256 => Digest::Sha256(sha2::Sha256::digest(bytes).into()),
            Self::Sha384 => Digest::Sha384(Box::new(sha2::Sha384::digest(bytes).into())),
            Self::Sha512 => Digest::Sha512(Box::new(sha2::Sha512::digest(bytes).into())),
        }
    }
}

/// A digest that is being computed.
#[derive(Clone, Debug)]
pub struct Hasher(State);

#[derive(Clone, Debug)]
enum State {
    Sha256(sha2::Sha256),
    Sha384(Box<sha2::Sha384>),
    Sha512(Box<sha2::Sha512>),
}

impl Hasher {
    /// These bytes come next.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all that came.
    #[must_use]
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => Digest::Sha256(state.finalize().into()),
            State::Sha384(state) => Digest::Sha384(Box::new(state.finalize().into())),
            State::Sha512(state) => Digest::Sha512(Box::new(state.finalize().into())),
        }
    }
}

impl Digest {
    /// The sha256 digest of `bytes`.
    #[must_use]
    pub fn sha256(bytes: &[u8]) -> Self {
        Algorithm::Sha256.digest(bytes)
    }

    /// The sha256 digest of `parts`, one behind the other, without a copy of the whole.
    pub fn sha256_of(parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let mut hash = sha2::Sha256::new();
        parts.into_iter().for_each(|part| hash.update(part.as_ref()));
        Self::Sha256(hash.finalize().into())
    }

    /// The first eight bytes, as a big-endian number.
    #[must_use]
    pub fn first_bytes(&self) -> u64 {
        self.bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The algorithm in front of the colon.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha384(_) => Algorithm::Sha384,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Whether `bytes` hash to this digest.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.algorithm().digest(bytes) == *self
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha384(bytes) => &bytes[..],
            Self::Sha512(bytes) => &bytes[..],
        }
    }

    /// `sha256:` and the first twelve hex digits: enough for people to tell two digests apart.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(self.algorithm().name().len() + 1 + 12);
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0u8; 128];
        let mut used = 0;
        for byte in self.bytes() {
            text[used] = HEX[usize::from(byte >> 4)];
            text[used + 1] = HEX[usize::from(byte & 15)];
            used += 2;
        }
        let hex = std::str::from_utf8(&text[..used]).map_err(|_| fmt::Error)?;
        write!(f, "{}:{hex}", self.algorithm().name())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    /// Reads `algorithm:hex`; the hex digits must be lower case, as go-digest demands.
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (name, hex) = text.split_once(':').ok_or(DigestError::Format)?;
        let algorithm = match Algorithm::from_name(name) {
            Some(algorithm) if !hex.is_empty() => algorithm,
            None if !hex.is_empty() && is_algorithm(name) => return Err(DigestError::Algorithm),
            _ => return Err(DigestError::Format),
        };
        // To the end, whatever was found: several bytes are then looked at in one step.
        if !hex.bytes().fold(true, |all, b| all & matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError::Format);
        }
        let expected = algorithm.hex_digits();
        if hex.len() != expected {
            return Err(DigestError::Length { algorithm: algorithm.name(), expected, found: hex.len() });
        }
        Ok(match algorithm {
            Algorithm::Sha256 => Self::Sha256(decode(hex)),
            Algorithm::Sha384 => Self::Sha384(Box::new(decode(hex))),
            Algorithm::Sha512 => Self::Sha512(Box::new(decode(hex))),
        })
    }
}

/// `component *( ("+" | "." | "_" | "-") component )` with components of letters and digits.
fn is_algorithm(name: &str) -> bool {
    name.split(['+', '.', '_', '-'])
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// `hex` holds exactly `2 * N` lower-case hex digits: checked by the caller.
fn decode<const N: usize>(hex: &str) -> [u8; N] {
    // ASCII: letters, and no digits, have 0x40.
    let value = |b: u8| (b & 0x0f) + 9 * (b >> 6);
    let mut bytes = [0u8; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = value(pair[0]) << 4 | value(pair[1]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_read() {
        for text in [
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a".to_owned(),
            format!("sha384:{}", "0a".repeat(48)),
            format!("sha512:{}", "f9".repeat(64)),
        ] {
            assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn each_fault_has_its_own_error() {
        let cases = [
            (String::new(), DigestError::Format),
            ("sha256".into(), DigestError::Format),
            ("sha256:".into(), DigestError::Format),
            (":ff".into(), DigestError::Format),
            (format!("sha256:{}", "F".repeat(64)), DigestError::Format),
            (format!("sha-:{}", "f".repeat(64)), DigestError::Format),
            (format!("md5:{}", "f".repeat(32)), DigestError::Algorithm),
            (format!("SHA256:{}", "f".repeat(64)), DigestError::Algorithm),
            (
                format!("sha256:{}", "f".repeat(63)),
                DigestError::Length { algorithm: "sha256", expected: 64, found: 63 },
            ),
            (
                format!("sha512:{}", "f".repeat(64)),
                DigestError::Length { algorithm: "sha512", expected: 128, found: 64 },
            ),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Digest>().unwrap_err(), error, "{text:?}");
        }
    }

    #[test]
    fn pieces_hash_as_the_whole_does() {
        // NIST's example messages: "abc" (FIPS 180-4).
        for (algorithm, digest) in [
            (
                Algorithm::Sha256,
                "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned(),
            ),
            (
                Algorithm::Sha384,
                "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                 8086072ba1e7cc2358baeca134c825a7"
                    .to_owned(),
            ),
            (
                Algorithm::Sha512,
                "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
                    .to_owned(),
            ),
        ] {
            let mut hasher = algorithm.hasher();
            for piece in [&b"a"[..], b"", b"bc"] {
                hasher.update(piece);
            }
            assert_eq!(hasher.finish().to_string(), digest);
            assert_eq!(algorithm.digest(b"abc").to_string(), digest);
        }
    }

    #[test]
    fn the_empty_descriptor_hashes_as_the_image_spec_says() {
        let digest = Digest::sha256(b"{}");
        assert_eq!(
            digest.to_string(),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        assert!(digest.matches(b"{}"));
        assert!(!digest.matches(b"{} "));
    }
}
