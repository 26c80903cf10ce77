//! One stored credential, and how the texts that hold it are read.
//!
//! Nothing here knows where a text came from; faults say what is wrong without repeating it.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::fault::EntryFault;
use crate::model::access::HostLogin;
use crate::model::secret::Secret;

/// The user name with which Azure's registries mark a refresh token (Azure/acr `docs/AAD-OAuth.md`).
pub const ACR_NULL_USER: &str = "00000000-0000-0000-0000-000000000000";

/// Stands where a user name would be, when there is only a token.
const TOKEN_USER: &str = "<token>";

/// Writers leave the padding out, or stray bits in the last letter; Go's readers accept both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What proves who we are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A user name and a password, for Basic or for a token endpoint.
    Basic {
        /// Holds no colon.
        user: String,
        /// May hold colons; may be empty.
        password: Secret,
    },
    /// A refresh token: to be exchanged for access tokens by the POST form.
    Identity {
        /// The refresh token.
        token: Secret,
        /// The name stored with it.
        user: Option<String>,
    },
    /// A ready bearer token, sent as it is.
    Registry {
        /// The access token.
        token: Secret,
    },
}

impl Credential {
    /// What a user name and a secret mean together.
    pub(super) fn from_pair(user: &str, secret: &str) -> Self {
        match user {
            TOKEN_USER => Self::Identity { token: Secret::new(secret), user: None },
            ACR_NULL_USER => Self::Identity { token: Secret::new(secret), user: Some(user.to_owned()) },
            _ => Self::Basic { user: user.to_owned(), password: Secret::new(secret) },
        }
    }

    /// As whom we ask: the user name, or `<token>` where there is none. Not escaped.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            // DigitalOcean's logins have the API token for a name as well.
            Self::Basic { user, password } if user == password.expose() => TOKEN_USER,
            Self::Basic { user, .. } | Self::Identity { user: Some(user), .. } => user,
            Self::Identity { user: None, .. } | Self::Registry { .. } => TOKEN_USER,
        }
    }
}

/// One value of `auths`. It holds secrets in the open and has no `Debug`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl Fields {
    /// What a runtime of a node was told.
    pub(super) fn of(login: &HostLogin) -> Self {
        let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        Self {
            auth: text(&login.auth),
            username: login.user.as_deref().map(str::to_owned),
            password: text(&login.password),
            identitytoken: text(&login.identity_token),
            registrytoken: None,
        }
    }

    /// The credential that the fields hold; `None` for an empty entry, as a `credsStore` leaves them.
    pub(super) fn credential(self) -> Result<Option<Credential>, EntryFault> {
        let filled = |field: Option<String>| field.filter(|text| !text.is_empty());
        let (identity, registry) = (filled(self.identitytoken), filled(self.registrytoken));
        if let Some(token) = registry {
            return Ok(Some(Credential::Registry { token: Secret::new(token) }));
        }
        let pair = match filled(self.auth) {
            Some(auth) => decode_pair(&auth).map(Some),
            None => match (filled(self.username), filled(self.password)) {
                (Some(user), Some(password)) => Ok(Some((user, password))),
                (None, None) => Ok(None),
                // The name alone goes with an identity token.
                (Some(user), None) if identity.is_some() => Ok(Some((user, String::new()))),
                (Some(_), None) => Err(EntryFault::NoPassword),
                (None, Some(_)) => Err(EntryFault::NoUser),
            },
        };
        if let Some(token) = identity {
            // A spoilt `auth` beside a token costs only the name.
            let user = pair.ok().flatten().map(|(user, _)| user).filter(|user| user != TOKEN_USER);
            return Ok(Some(Credential::Identity { token: Secret::new(token), user }));
        }
        Ok(pair?.map(|(user, password)| Credential::from_pair(&user, &password)))
    }
}

/// Base64 of any padding, blanks and line ends left out.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    BASE64.decode(text).ok()
}

/// `auth`: base64 of `user:password`.
fn decode_pair(auth: &str) -> Result<(String, String), EntryFault> {
    let bytes = decode_base64(auth).ok_or(EntryFault::NotBase64)?;
    split_pair(&String::from_utf8(bytes).map_err(|_| EntryFault::NotUtf8)?)
}

/// `user:password`, split at the first colon.
pub(super) fn split_pair(pair: &str) -> Result<(String, String), EntryFault> {
    let (user, password) = pair.split_once(':').ok_or(EntryFault::NoColon)?;
    if user.is_empty() {
        return Err(EntryFault::NoUser);
    }
    // Old writers filled the buffer up with NULs.
    Ok((user.to_owned(), password.trim_end_matches('\0').to_owned()))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD as PADDED;

    use super::*;

    fn read(json: &str) -> Result<Option<Credential>, EntryFault> {
        serde_json::from_str::<Fields>(json).unwrap().credential()
    }

    fn auth(pair: &[u8]) -> Result<Option<Credential>, EntryFault> {
        read(&format!("{{\"auth\":\"{}\"}}", PADDED.encode(pair)))
    }

    fn basic(user: &str, password: &str) -> Credential {
        Credential::Basic { user: user.into(), password: Secret::new(password) }
    }

    fn identity(token: &str, user: Option<&str>) -> Credential {
        Credential::Identity { token: Secret::new(token), user: user.map(str::to_owned) }
    }

    #[test]
    fn auth_is_split_at_the_first_colon_and_loses_trailing_nuls() {
        for (pair, user, password) in [
            ("u:p", "u", "p"),
            ("u:p:w", "u", "p:w"),
            ("u:", "u", ""),
            ("org+robot:t", "org+robot", "t"),
            ("u:p\0\0", "u", "p"),
            ("u:\0p\0", "u", "\0p"),
            ("用户:密码", "用户", "密码"),
            ("AWS:x", "AWS", "x"),
            ("_json_key:{\"type\":\"service_account\"}", "_json_key", "{\"type\":\"service_account\"}"),
        ] {
            assert_eq!(auth(pair.as_bytes()), Ok(Some(basic(user, password))), "{pair}");
        }
    }

    #[test]
    fn padding_and_line_ends_in_auth_do_not_matter() {
        for text in ["dTpw", "dTpwdw==", "dTpwdw", "dTpw\\n", "dT\\r\\npw", "dTpwdx"] {
            let read = read(&format!("{{\"auth\":\"{text}\"}}")).unwrap().unwrap();
            assert_eq!(read.user(), "u", "{text}");
        }
    }

    #[test]
    fn what_auth_cannot_be_is_told_apart() {
        assert_eq!(read(r#"{"auth":"!!"}"#), Err(EntryFault::NotBase64));
        assert_eq!(read(r#"{"auth":"dTp"}"#), Ok(Some(basic("u", ""))));
        assert_eq!(read(r#"{"auth":"d"}"#), Err(EntryFault::NotBase64));
        assert_eq!(auth(b"no colon"), Err(EntryFault::NoColon));
        assert_eq!(auth(b":password"), Err(EntryFault::NoUser));
        assert_eq!(auth(b"u:\xff"), Err(EntryFault::NotUtf8));
    }

    #[test]
    fn entries_without_a_credential_are_empty() {
        for json in [
            "{}",
            r#"{"auth":""}"#,
            r#"{"auth":null,"username":""}"#,
            r#"{"email":"a@b","serveraddress":"h"}"#,
            r#"{"identitytoken":"","registrytoken":""}"#,
        ] {
            assert_eq!(read(json), Ok(None), "{json}");
        }
    }

    #[test]
    fn every_field_has_its_meaning_and_its_rank() {
        for (json, expected) in [
            (r#"{"username":"u","password":"p:w"}"#, basic("u", "p:w")),
            (r#"{"auth":"dTpw","username":"x","password":"y"}"#, basic("u", "p")),
            (r#"{"identitytoken":"t"}"#, identity("t", None)),
            (r#"{"identitytoken":"t","auth":"dTo="}"#, identity("t", Some("u"))),
            (r#"{"identitytoken":"t","auth":"!"}"#, identity("t", None)),
            (r#"{"identitytoken":"t","username":"u"}"#, identity("t", Some("u"))),
            (r#"{"identitytoken":"t","username":"<token>"}"#, identity("t", None)),
            (r#"{"username":"<token>","password":"t"}"#, identity("t", None)),
            (
                r#"{"username":"00000000-0000-0000-0000-000000000000","password":"t"}"#,
                identity("t", Some(ACR_NULL_USER)),
            ),
            (
                r#"{"registrytoken":"t","identitytoken":"i","auth":"dTpw"}"#,
                Credential::Registry { token: Secret::new("t") },
            ),
        ] {
            assert_eq!(read(json), Ok(Some(expected)), "{json}");
        }
        assert_eq!(read(r#"{"username":"u"}"#), Err(EntryFault::NoPassword));
        assert_eq!(read(r#"{"password":"p"}"#), Err(EntryFault::NoUser));
    }

    #[test]
    fn the_name_is_shown_and_the_secret_never() {
        for (credential, name) in [
            (basic("u", "hunter2"), "u"),
            (identity("hunter2", None), "<token>"),
            (identity("hunter2", Some("me")), "me"),
            (Credential::Registry { token: Secret::new("hunter2") }, "<token>"),
        ] {
            assert_eq!(credential.user(), name);
            assert!(!format!("{credential:?} {credential:#?}").contains("hunter2"));
        }
        // Both the token.
        assert_eq!(basic("hunter2", "hunter2").user(), "<token>");
    }
}
