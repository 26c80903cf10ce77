//! Readers of single values. Each error says what would be right.

use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::gate::Level;
use crate::model::image_repository::ImageRepository;
use crate::model::kind::Kind;
use crate::model::status::Status;
use crate::report::Format;

/// `[UPSTREAM=]URL`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorArg {
    /// As typed.
    pub text: String,
    /// Before the `=`.
    pub upstream: Option<String>,
    /// Behind it.
    pub url: String,
}

pub(super) fn mirror(text: &str) -> Result<MirrorArg, String> {
    // A `=` behind `://` or `/` belongs to the URL.
    let split = text.split_once('=').filter(|(upstream, _)| !upstream.contains("://"));
    let (upstream, url) = match split {
        Some((upstream, url)) => (Some(upstream), url),
        None => (None, text),
    };
    if url.is_empty() || upstream == Some("") {
        return Err("expected [UPSTREAM=]URL, such as quay.io=https://mirror.example".to_owned());
    }
    Ok(MirrorArg { text: text.to_owned(), upstream: upstream.map(str::to_owned), url: url.to_owned() })
}

/// `NAME=VALUE`
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

pub(super) fn status(text: &str) -> Result<Status, String> {
    text.trim().parse().map_err(|error| {
        let names: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        format!("{error} (known: {})", names.join(", "))
    })
}

pub(super) fn level() -> impl TypedValueParser<Value = Level> {
    PossibleValuesParser::new(["fail", "warn", "pass"]).map(|text| match &*text {
        "fail" => Level::Fail,
        "warn" => Level::Warn,
        _ => Level::Pass,
    })
}

pub(super) fn image_repository(text: &str) -> Result<ImageRepository, String> {
    ImageRepository::new(text).map_err(|error| format!("{error} (expected registry[/path])"))
}

pub(super) fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::as_str)).try_map(|text| text.parse::<Format>())
}

/// Those of `formats` only.
pub(super) fn format_of(formats: &[Format]) -> impl TypedValueParser<Value = Format> {
    let names: Vec<&'static str> = formats.iter().map(|format| format.as_str()).collect();
    PossibleValuesParser::new(names).try_map(|text| text.parse::<Format>())
}

pub(super) fn input_kind() -> impl TypedValueParser<Value = Kind> {
    let value = |kind: Kind| {
        let (name, meaning) = kind.words();
        PossibleValue::new(name).help(meaning)
    };
    // No other text comes through.
    let named =
        |text: String| Kind::ALL.into_iter().find(|kind| kind.words().0 == text).unwrap_or(Kind::List);
    PossibleValuesParser::new(Kind::ALL.map(value)).map(named)
}

pub(super) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=100_000) => Ok(count),
        _ => Err("expected a number from 1 to 100000".to_owned()),
    }
}

/// Reads a time: `300ms`, `5s`, `1.5s`, `2m`; a bare number is seconds.
///
/// # Errors
/// It is none, or not above zero and up to a day.
pub fn duration(text: &str) -> Result<Duration, String> {
    let fault = || "expected a time such as 300ms, 5s or 2m, above zero and up to a day".to_owned();
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let scale = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(fault()),
    };
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds = number.parse::<f64>().ok().filter(|_| is_number).map(|number| number * scale);
    match seconds {
        Some(seconds) if (0.001..=86_400.0).contains(&seconds) => {
            Duration::try_from_secs_f64(seconds).map_err(|_| fault())
        }
        _ => Err(fault()),
    }
}

/// `500MB`, `10GiB`, `1.5GB`; a bare number is bytes.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let fault = || "expected a size such as 500MB, 10GiB or 1.5GB, above zero".to_owned();
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "B"),
    };
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(fault()),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |text: &str| (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) {
        return Err(fault());
    }
    let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(unit));
    let digits = u32::try_from(part.len()).unwrap_or(u32::MAX);
    let part = part.parse::<u128>().map_err(|_| fault())? * u128::from(unit) / 10u128.pow(digits);
    let part = u64::try_from(part).map_err(|_| fault())?;
    whole.and_then(|whole| whole.checked_add(part)).filter(|bytes| *bytes > 0).ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_bounds() {
        for (text, size) in [
            ("1", 1),
            ("500MB", 500_000_000),
            ("10GiB", 10 << 30),
            ("1.5gb", 1_500_000_000),
            ("0.5KiB", 512),
            ("2t", 2_000_000_000_000),
        ] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "0", "0GB", "-1", "1.", ".5GB", "1e3", "GB", "1 GB", "1XB", "99999999999TB", "1.0.0"]
        {
            let fault = bytes(text).unwrap_err();
            assert_eq!(fault, "expected a size such as 500MB, 10GiB or 1.5GB, above zero", "{text}");
        }
    }

    #[test]
    fn times_have_units_and_bounds() {
        for (text, millis) in [("300ms", 300), ("5s", 5000), ("1.5s", 1500), ("2m", 120_000), ("7", 7000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "0", "0s", "-1s", "1d", "5 s", "1e3s", "inf", "nan", "99h", "1.2.3s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mirror_may_name_its_upstream() {
        let parsed = |text| mirror(text).map(|arg| (arg.upstream, arg.url));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parsed("https://m.example"), Ok((None, "https://m.example".to_owned())));
        assert_eq!(parsed("m.example:5000/a"), Ok((None, "m.example:5000/a".to_owned())));
        assert_eq!(parsed("quay.io=https://m"), Ok((some("quay.io"), "https://m".to_owned())));
        assert_eq!(parsed("a.io/b=m.example"), Ok((some("a.io/b"), "m.example".to_owned())));
        assert_eq!(parsed("https://m/a=b"), Ok((None, "https://m/a=b".to_owned())));
        assert!(parsed("").is_err() && parsed("=x").is_err() && parsed("quay.io=").is_err());
    }
}
