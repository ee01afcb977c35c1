//! What a request shows to be let in: a bearer credential, else a cookie.
//!
//! Only reads headers; what a credential is worth is `caller`'s to find out.

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};

use super::App;
use super::problem::Problem;
use crate::config::ApiKey;
use crate::domain::Token;

/// Where a session token came from. A cookie goes along by itself, which is why pages must be asked for their
/// origin; a bearer token was put there on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Bearer,
    Cookie,
}

/// A credential that has the form of one, or is a configured key.
pub(crate) enum Credential<'a> {
    Token(Token, Source),
    Key(&'a ApiKey),
}

/// The credential of a request.
///
/// # Errors
/// `CredentialsRequired` without any, `InvalidToken` for one that can't be right. A wrong bearer credential is
/// not overruled by a cookie.
pub(crate) fn credential<'a>(app: &'a App, headers: &HeaderMap) -> Result<Credential<'a>, Problem> {
    if let Some(text) = bearer(headers) {
        if let Some(token) = Token::parse(text) {
            return Ok(Credential::Token(token, Source::Bearer));
        }
        return find_key(&app.config.api_keys, text).map(Credential::Key).ok_or(Problem::InvalidToken);
    }
    let text = app.cookies().session(headers).ok_or(Problem::CredentialsRequired)?;
    let token = Token::parse(&text).ok_or(Problem::InvalidToken)?;
    Ok(Credential::Token(token, Source::Cookie))
}

/// The bearer credential (RFC 6750, 2.1). Another scheme is none of ours: a proxy's Basic goes along with our
/// cookie.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or("Bearer ?");
    let (scheme, text) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
}

/// The key whose SHA-256 is that of `text`. Every hash is compared in whole: time tells nothing of the list.
fn find_key<'a>(keys: &'a [ApiKey], text: &str) -> Option<&'a ApiKey> {
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let differs = |key: &ApiKey| key.hash.iter().zip(hash).fold(0, |sum, (a, b)| sum | (a ^ b));
    keys.iter().fold(None, |found, key| if differs(key) == 0 { Some(key) } else { found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing;

    #[test]
    fn only_the_bearer_scheme_is_ours() {
        let with = |value: &str| bearer(&testing::headers(&[("authorization", value)])).map(str::to_owned);
        assert_eq!(with("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(with("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(with("Bearer").as_deref(), Some(""));
        assert_eq!(with("Basic abc"), None);
        assert_eq!(with("Bearerabc"), None);
        assert_eq!(bearer(&testing::headers(&[])), None);
    }

    #[test]
    fn a_key_is_found_by_its_hash() {
        let keys = testing::config().api_keys;
        assert_eq!(find_key(&keys, testing::ADMIN_KEY).map(|key| key.name.as_str()), Some("admin"));
        assert!(find_key(&keys, "").is_none());
        assert!(find_key(&keys, &testing::ADMIN_KEY[1..]).is_none());
    }
}
