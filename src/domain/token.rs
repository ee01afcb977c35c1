//! The secret of a session, and the hash by which it is known. Neither shows itself in `Debug`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::SessionId;

const PREFIX: &str = "hs1.";
/// 16 bytes of session id and 32 random bytes in base64url.
const ENCODED_LEN: usize = 64;

/// The secret of a session: `hs1.` and base64url of the session id and 256 random bits.
///
/// Its `Debug` hides it; `reveal` is the only way to the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    session: SessionId,
}

impl Token {
    /// A token for `session`; `secret` are 32 bytes from a cryptographic source.
    pub fn new(session: SessionId, secret: [u8; 32]) -> Self {
        let mut bytes = [0_u8; 48];
        bytes[..16].copy_from_slice(session.as_bytes());
        bytes[16..].copy_from_slice(&secret);
        Self { text: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)), session }
    }

    /// The token in `text`, if it has the form of one. Whether it is known is the store's to say.
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX).filter(|rest| rest.len() == ENCODED_LEN)?;
        let mut bytes = [0_u8; 48];
        URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes).ok()?;
        let session = SessionId::from_bytes(bytes[..16].try_into().ok()?)?;
        Some(Self { text: text.to_owned(), session })
    }

    pub fn session(&self) -> SessionId {
        self.session
    }

    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.text.as_bytes()).into())
    }

    /// The secret itself, to be handed to its owner and to nobody else.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, …)", self.session)
    }
}

/// SHA-256 of a token: what the store holds. The token has 256 random bits, so a plain hash is enough, and
/// comparing two hashes leaks nothing that helps to find the token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Partition, Timestamp, UserId};

    fn token() -> Token {
        let partition = Partition::of(&UserId::parse("user_id", "user1").unwrap());
        Token::new(SessionId::new(partition, Timestamp::from_millis(1), [7; 8]), [9; 32])
    }

    #[test]
    fn survives_its_text() {
        assert_eq!(Token::parse(token().reveal()), Some(token()));
    }

    #[test]
    fn one_changed_bit_is_another_hash_or_no_token() {
        let text = token().reveal().to_owned();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            if let Some(parsed) = Token::parse(&changed) {
                assert_ne!(parsed.hash(), token().hash());
            }
        }
    }

    #[test]
    fn debug_hides_the_secret() {
        let shown = format!("{:?} {:?}", token(), token().hash());
        assert!(!shown.contains(&token().reveal()[30..]), "{shown}");
    }

    #[test]
    fn other_forms_are_refused() {
        let good = token().reveal().to_owned();
        for bad in ["", "hs1.", &good[1..], &good[..67], &format!("{good}="), &good.replace("hs1", "hs2")] {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
    }
}
