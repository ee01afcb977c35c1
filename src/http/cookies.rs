//! The two cookies: the session's token, and the secret by which a browser is known as the same device.
//!
//! Behind HTTPS (`public_url`) both are `Secure` and carry the `__Host-` prefix (RFC 6265bis, 4.1.3.2), so that
//! neither a sibling domain nor plain HTTP can plant them. Scripts never see them.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite, time};

use crate::chance::Chance;
use crate::config::HttpConfig;
use crate::domain::{Session, Token};

/// How long a device is known: the longest that browsers keep a cookie, and renewed by each login.
const DEVICE_MAX_AGE: time::Duration = time::Duration::days(400);

/// Names and attributes, decided once by the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    secure: bool,
}

/// The secret of a device cookie: 256 random bits in base64url.
pub(crate) struct DeviceSecret(String);

impl DeviceSecret {
    pub(crate) fn random(chance: &Chance) -> Self {
        Self(URL_SAFE_NO_PAD.encode(chance.bytes::<32>()))
    }

    /// Takes only what this server hands out, so that nobody picks an easy one.
    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl Cookies {
    pub(crate) fn new(config: &HttpConfig) -> Self {
        let https = |url: &String| url.len() > 8 && url[..8].eq_ignore_ascii_case("https://");
        Self { secure: config.public_url.as_ref().is_some_and(https) }
    }

    pub(crate) const fn session_name(self) -> &'static str {
        if self.secure { "__Host-hotseat" } else { "hotseat" }
    }

    const fn device_name(self) -> &'static str {
        if self.secure { "__Host-hotseat_device" } else { "hotseat_device" }
    }

    /// The text of the session cookie, whatever it is.
    pub(crate) fn session(self, headers: &HeaderMap) -> Option<String> {
        read(headers, self.session_name())
    }

    pub(crate) fn device(self, headers: &HeaderMap) -> Option<DeviceSecret> {
        read(headers, self.device_name()).and_then(|text| DeviceSecret::parse(&text))
    }

    /// Hands the token to a browser for as long as the session can last at most.
    pub(crate) fn set_session(self, token: &Token, session: &Session) -> HeaderValue {
        let lifetime_ms = session.absolute_at.millis_since(session.created_at);
        let max_age = time::Duration::milliseconds(i64::try_from(lifetime_ms).unwrap_or(i64::MAX));
        self.header(self.session_name(), token.reveal(), max_age)
    }

    pub(crate) fn clear_session(self) -> HeaderValue {
        self.header(self.session_name(), "", time::Duration::ZERO)
    }

    pub(crate) fn set_device(self, secret: &DeviceSecret) -> HeaderValue {
        self.header(self.device_name(), secret.reveal(), DEVICE_MAX_AGE)
    }

    fn header(self, name: &'static str, value: &str, max_age: time::Duration) -> HeaderValue {
        let cookie = Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(max_age)
            .build();
        let mut header = HeaderValue::try_from(cookie.to_string())
            // Names are ours and values base64url: there is nothing that a header could not hold.
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }
}

/// The first cookie of that name: browsers send the one of the longest path and greatest age first.
fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| Cookie::split_parse(value.to_owned()))
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing;

    fn cookies(public_url: Option<&str>) -> Cookies {
        let mut config = testing::config().http;
        config.public_url = public_url.map(str::to_owned);
        Cookies::new(&config)
    }

    #[test]
    fn behind_https_a_cookie_is_secure_and_bound_to_the_host() {
        let session = testing::record("user1").session;
        let header = cookies(Some("https://hotseat.example")).set_session(&testing::token("user1"), &session);
        let text = header.to_str().unwrap();
        assert!(text.starts_with("__Host-hotseat=hs1."), "{text}");
        for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
            assert!(text.contains(attribute), "{attribute} is missing: {text}");
        }
        assert!(!text.contains("Domain"), "{text}");
        assert!(!format!("{header:?}").contains("hs1."), "its Debug is for logs");
    }

    #[test]
    fn without_https_the_cookie_has_its_plain_name() {
        let session = testing::record("user1").session;
        for url in [None, Some("http://localhost:8000")] {
            let header = cookies(url).set_session(&testing::token("user1"), &session);
            let text = header.to_str().unwrap();
            assert!(text.starts_with("hotseat=hs1.") && !text.contains("Secure"), "{text}");
        }
    }

    #[test]
    fn a_cleared_cookie_is_gone_at_once() {
        let header = cookies(None).clear_session();
        assert!(header.to_str().unwrap().contains("Max-Age=0"), "{header:?}");
    }

    #[test]
    fn cookies_are_read_from_all_headers_by_name() {
        let headers =
            testing::headers(&[("cookie", "a=b; =; hotseat_x=1"), ("cookie", "hotseat=hs1.x; hotseat=2")]);
        assert_eq!(cookies(None).session(&headers).as_deref(), Some("hs1.x"));
        assert_eq!(cookies(Some("https://a.example")).session(&headers), None);
        assert_eq!(cookies(None).session(&testing::headers(&[])), None);
    }

    #[test]
    fn only_a_device_secret_of_our_own_form_is_taken() {
        let secret = DeviceSecret::random(&Chance::seeded(1));
        let with = |value: &str| {
            let cookie = format!("hotseat_device={value}");
            cookies(None).device(&testing::headers(&[("cookie", &cookie)])).map(|secret| secret.0)
        };
        assert_eq!(with(secret.reveal()).as_deref(), Some(secret.reveal()));
        for easy in ["", "1", "aaaa", &"a".repeat(44), &format!("{}=", secret.reveal())] {
            assert_eq!(with(easy), None, "{easy}");
        }
    }
}
