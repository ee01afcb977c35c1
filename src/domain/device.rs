//! What a session runs on, as the login says or the user agent suggests.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::FieldError;

/// What a session runs on; limits can be set per class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum DeviceClass {
    Desktop = 1,
    Mobile = 2,
    Tablet = 3,
    Tv = 4,
    Console = 5,
    Api = 6,
    Other = 7,
}

impl DeviceClass {
    pub const ALL: [Self; 7] =
        [Self::Desktop, Self::Mobile, Self::Tablet, Self::Tv, Self::Console, Self::Api, Self::Other];

    /// The number that stands in a stored record.
    pub const fn code(self) -> u8 {
        self as u8
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.code() == code)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Tv => "tv",
            Self::Console => "console",
            Self::Api => "api",
            Self::Other => "other",
        }
    }

    /// All of them, for a sentence.
    pub(super) fn words() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for DeviceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeviceClass {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|class| class.as_str() == text);
        found.ok_or_else(|| FieldError::new("device.class", format!("must be one of {}", Self::words())))
    }
}

/// Which device a session runs on, as far as that is known: 1 to 128 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct DeviceId(String);

impl DeviceId {
    pub const MAX_BYTES: usize = 128;

    /// An id that a caller with an API key names.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        if text.is_empty() || text.len() > Self::MAX_BYTES || text.chars().any(char::is_control) {
            return Err(FieldError::new("device.id", "must have 1 to 128 bytes and no control characters"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The public id of the browser that holds the device cookie `secret`.
    ///
    /// A hash, so that the id, which a user's other sessions are shown, does not let them pose as the device.
    pub fn of_cookie(secret: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(&Sha256::digest(secret.as_bytes())[..16]))
    }

    /// An id read back from the store, which only holds valid ones.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The device of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    pub id: DeviceId,
    /// What people call it; at most 64 characters. From the user agent where the login does not say.
    pub name: String,
    pub class: DeviceClass,
}

/// A user agent kept in short form ("Firefox 128 on Windows") and the class that it suggests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent {
    /// At most 64 bytes; empty when the header is.
    pub short: String,
    pub class: DeviceClass,
}

impl UserAgent {
    /// How much of the header is looked at, in bytes.
    pub const MAX_BYTES: usize = 512;

    /// Reads a `User-Agent` header (RFC 9110, 10.1.5) by the product tokens that today's browsers send.
    pub fn parse(header: &str) -> Self {
        let text = &header[..header.floor_char_boundary(Self::MAX_BYTES)];
        let class = class_of(text);
        let short = match (product_of(text), system_of(text)) {
            (Some(product), Some(system)) => format!("{product} on {system}"),
            (Some(product), None) => product,
            (None, Some(system)) => system.to_owned(),
            (None, None) => first_product(text),
        };
        Self { short, class }
    }
}

fn class_of(text: &str) -> DeviceClass {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if text.is_empty() {
        DeviceClass::Other
    } else if has(&["PlayStation", "Xbox", "Nintendo"]) {
        DeviceClass::Console
    } else if has(&[
        "SmartTV", "SMART-TV", "Tizen", "Web0S", "webOS", "AppleTV", "BRAVIA", "CrKey", "Roku", "AFT",
    ]) {
        DeviceClass::Tv
    } else if has(&["iPad", "Tablet", "Kindle", "Silk/"]) || (has(&["Android"]) && !has(&["Mobile"])) {
        DeviceClass::Tablet
    } else if has(&["Mobile", "iPhone", "iPod", "Android"]) {
        DeviceClass::Mobile
    } else if has(&["Windows", "Macintosh", "X11", "CrOS", "Linux"]) {
        DeviceClass::Desktop
    } else if text.contains('/') {
        // Libraries and command-line clients name a product and no system: curl/8.5.0, python-httpx/0.27.
        DeviceClass::Api
    } else {
        DeviceClass::Other
    }
}

/// The browser and its major version. The order matters: Edge also calls itself Chrome, and Chrome Safari.
fn product_of(text: &str) -> Option<String> {
    const PRODUCTS: [(&str, &str); 9] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("HeadlessChrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Version/", "Safari"),
    ];
    PRODUCTS.iter().find_map(|(mark, name)| {
        let (_, rest) = text.split_once(mark)?;
        let major: String = rest.chars().take(6).take_while(char::is_ascii_digit).collect();
        Some(if major.is_empty() { (*name).to_owned() } else { format!("{name} {major}") })
    })
}

fn system_of(text: &str) -> Option<&'static str> {
    const SYSTEMS: [(&str, &str); 11] = [
        ("PlayStation", "PlayStation"),
        ("Xbox", "Xbox"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Windows", "Windows"),
        ("Macintosh", "macOS"),
        ("Tizen", "Tizen"),
        ("Web0S", "webOS"),
        ("Linux", "Linux"),
    ];
    SYSTEMS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name)
}

/// The first word of a user agent that names no browser, at most 64 bytes and printable.
fn first_product(text: &str) -> String {
    let word: String = text.chars().take_while(|c| !c.is_whitespace()).filter(|c| !c.is_control()).collect();
    word[..word.floor_char_boundary(64)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn todays_user_agents_are_understood() {
        let cases = [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Firefox 128 on Windows",
                DeviceClass::Desktop,
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
                "Edge 126 on Windows",
                DeviceClass::Desktop,
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
                 Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari 17 on iPhone",
                DeviceClass::Mobile,
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/126.0.0.0 Safari/537.36",
                "Chrome 126 on Android",
                DeviceClass::Tablet,
            ),
            (
                "Mozilla/5.0 (PlayStation; PlayStation 5/9.00) AppleWebKit/605.1.15 (KHTML, like Gecko)",
                "PlayStation",
                DeviceClass::Console,
            ),
            ("curl/8.5.0", "curl/8.5.0", DeviceClass::Api),
            ("", "", DeviceClass::Other),
            ("what ever", "what", DeviceClass::Other),
        ];
        for (header, short, class) in cases {
            assert_eq!(UserAgent::parse(header), UserAgent { short: short.to_owned(), class }, "{header}");
        }
    }

    #[test]
    fn a_hostile_user_agent_stays_short_and_printable() {
        let short = UserAgent::parse(&format!("\u{7}{}", "ä".repeat(5_000))).short;
        assert!(short.len() <= 64 && !short.chars().any(char::is_control), "{short:?}");
    }

    #[test]
    fn the_id_of_a_cookie_does_not_reveal_it() {
        let id = DeviceId::of_cookie("secret");
        assert_eq!(id, DeviceId::of_cookie("secret"));
        assert_eq!(id.as_str().len(), 22);
        assert!(!id.as_str().contains("secret"));
    }
}
