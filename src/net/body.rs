//! Bodies with a limit: what was received, with its content coding undone.
//!
//! Answers are asked for as `identity`; some servers compress all the same, and some say that they did and
//! did not. Digests are over the decoded bytes. Decoding is pure, and its output is capped: a few bytes can
//! stand for gigabytes.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use thiserror::Error;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// A body without content coding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The content.
    pub bytes: Bytes,
    /// How it had come.
    pub encoding: Encoding,
}

/// How a body had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// Compressed.
    Gzip,
    /// As it is, although the header says gzip (docker-archive/docker-registry#369).
    FalseGzip,
}

/// A body that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BodyFault {
    /// Larger than permitted, once decoded.
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// A content coding that was not asked for and is not known. Not escaped; at most 64 characters.
    #[error("unknown content encoding {0:?}")]
    UnknownEncoding(Box<str>),
    /// It begins as gzip and does not go on so.
    #[error("the body is broken gzip: {0}")]
    Corrupt(Box<str>),
}

/// Undoes `content_encoding` (the header's value) on `body`; at most `cap` bytes come out.
///
/// # Errors
/// The content is larger than `cap`, in an unknown coding, or broken.
pub fn decode(
    content_encoding: Option<&[u8]>,
    body: impl Into<Bytes>,
    cap: usize,
) -> Result<Decoded, BodyFault> {
    let body = body.into();
    let coding = coding(content_encoding.unwrap_or_default())?;
    // The answer to a HEAD carries the header and has no body.
    if coding == Coding::Identity || body.is_empty() {
        return as_it_is(body, cap, Encoding::Identity);
    }
    if !body.starts_with(GZIP_MAGIC) {
        return as_it_is(body, cap, Encoding::FalseGzip);
    }
    Ok(Decoded { bytes: gunzip(&body, cap)?, encoding: Encoding::Gzip })
}

fn as_it_is(bytes: Bytes, cap: usize, encoding: Encoding) -> Result<Decoded, BodyFault> {
    if bytes.len() > cap {
        return Err(BodyFault::TooLarge { limit_bytes: cap });
    }
    Ok(Decoded { bytes, encoding })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
}

/// The one coding in the header (RFC 9110 section 8.4). Nobody compresses twice with good intent.
fn coding(header: &[u8]) -> Result<Coding, BodyFault> {
    let text = String::from_utf8_lossy(header);
    let mut coding = Coding::Identity;
    for name in text.split(',').map(str::trim) {
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => {}
            "gzip" | "x-gzip" if coding == Coding::Identity => coding = Coding::Gzip,
            _ => return Err(BodyFault::UnknownEncoding(text.trim().chars().take(64).collect())),
        }
    }
    Ok(coding)
}

fn gunzip(body: &[u8], cap: usize) -> Result<Bytes, BodyFault> {
    let mut bytes = Vec::new();
    // One byte more than permitted tells "just fits" from "too large".
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    let outcome = MultiGzDecoder::new(body).take(limit).read_to_end(&mut bytes);
    if bytes.len() > cap {
        return Err(BodyFault::TooLarge { limit_bytes: cap });
    }
    outcome.map_err(|error| BodyFault::Corrupt(error.to_string().into()))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::io::Write;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn each_coding_yields_the_content_and_says_how_it_came() {
        let content = br#"{"schemaVersion":2}"#;
        let twice = [gzip(&content[..5]), gzip(&content[5..])].concat();
        for (header, body, encoding) in [
            (None, content.to_vec(), Encoding::Identity),
            (Some(""), content.to_vec(), Encoding::Identity),
            (Some("identity"), content.to_vec(), Encoding::Identity),
            (Some("gzip"), gzip(content), Encoding::Gzip),
            (Some("GZip"), gzip(content), Encoding::Gzip),
            (Some(" x-gzip "), gzip(content), Encoding::Gzip),
            (Some("identity, gzip"), gzip(content), Encoding::Gzip),
            (Some("gzip"), twice, Encoding::Gzip),
            (Some("gzip"), content.to_vec(), Encoding::FalseGzip),
        ] {
            let decoded = decode(header.map(str::as_bytes), body, content.len()).unwrap();
            assert_eq!((&decoded.bytes[..], decoded.encoding), (&content[..], encoding), "{header:?}");
        }
    }

    #[test]
    fn a_body_said_to_be_gzip_and_without_its_magic_is_taken_as_it_is() {
        for (body, encoding) in [
            (&b"\n {}"[..], Encoding::FalseGzip),
            (b"<html>", Encoding::FalseGzip),
            (b"\x1f", Encoding::FalseGzip),
            (b"", Encoding::Identity),
        ] {
            let decoded = decode(Some(b"gzip"), body.to_vec(), 100).unwrap();
            assert_eq!((&decoded.bytes[..], decoded.encoding), (body, encoding));
        }
    }

    #[test]
    fn unmarked_gzip_is_content() {
        let body = gzip(b"layer");
        assert_eq!(decode(None, body.clone(), 1000).unwrap().bytes, body);
    }

    #[test]
    fn the_limit_is_on_what_comes_out() {
        let too_large = Err(BodyFault::TooLarge { limit_bytes: 9 });
        assert_eq!(decode(None, vec![b' '; 10], 9), too_large);
        assert_eq!(decode(Some(b"gzip"), vec![b' '; 10], 9), too_large);
        assert_eq!(decode(Some(b"gzip"), gzip(&[b' '; 10]), 9), too_large);
        assert_eq!(decode(Some(b"gzip"), gzip(&[b' '; 9]), 9).unwrap().bytes.len(), 9);
        assert_eq!(decode(Some(b"gzip"), gzip(b""), 0).unwrap().bytes.len(), 0);
        assert!(decode(Some(b"gzip"), gzip(b"a"), usize::MAX).is_ok());
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let bomb = gzip(&vec![0; 32 << 20]);
        assert!(bomb.len() < 64 << 10);
        let fault = decode(Some(b"gzip"), bomb, 4 << 20).unwrap_err();
        assert_eq!(fault, BodyFault::TooLarge { limit_bytes: 4 << 20 });
    }

    #[test]
    fn a_bomb_with_a_broken_end_is_still_too_large() {
        let mut bomb = gzip(&[0; 10_000]);
        bomb.truncate(bomb.len() - 4);
        assert_eq!(decode(Some(b"gzip"), bomb, 100), Err(BodyFault::TooLarge { limit_bytes: 100 }));
    }

    #[test]
    fn broken_gzip_is_a_fault() {
        let whole = gzip(b"some content that is long enough to be cut");
        let mut wrong_sum = whole.clone();
        wrong_sum[whole.len() - 8] ^= 1;
        for body in [whole[..whole.len() - 9].to_vec(), whole[..5].to_vec(), wrong_sum] {
            assert!(matches!(decode(Some(b"gzip"), body, 1000), Err(BodyFault::Corrupt(_))));
        }
    }

    #[test]
    fn an_unknown_coding_is_named() {
        for (header, named) in
            [("br", "br"), (" zstd ", "zstd"), ("gzip, br", "gzip, br"), ("gzip,gzip", "gzip,gzip")]
        {
            let fault = decode(Some(header.as_bytes()), b"x".to_vec(), 10).unwrap_err();
            assert_eq!(fault, BodyFault::UnknownEncoding(named.into()));
        }
        let fault = decode(Some(&[0xff; 500]), b"x".to_vec(), 10).unwrap_err();
        assert!(matches!(fault, BodyFault::UnknownEncoding(name) if name.chars().count() == 64));
    }

    proptest! {
        #[test]
        fn any_body_is_survived_within_the_limit(
            header in prop::sample::select(vec!["", "gzip", "br", ","]),
            mut body in prop::collection::vec(any::<u8>(), 0..200), magic in any::<bool>(), cap in 0usize..100,
        ) {
            if magic {
                body.splice(0..0, [0x1f, 0x8b, 8, 0]);
            }
            if let Ok(decoded) = decode(Some(header.as_bytes()), body, cap) {
                prop_assert!(decoded.bytes.len() <= cap);
            }
        }

        #[test]
        fn what_was_compressed_comes_out_again(content in prop::collection::vec(any::<u8>(), 0..300)) {
            let decoded = decode(Some(b"gzip"), gzip(&content), content.len()).unwrap();
            prop_assert_eq!(&decoded.bytes[..], &content[..]);
        }
    }
}
