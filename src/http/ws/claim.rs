//! Whom a handshake, or a first message, says that it speaks for. What that is worth is the enforcer's to say.

use std::time::Duration;

use axum::http::HeaderMap;
use futures_util::StreamExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::domain::Token;
use crate::http::App;
use crate::http::credential::bearer;
use crate::http::origin::Origin;
use crate::http::problem::Problem;
use crate::hub::Refusal;
use crate::hub::socket::{Socket, acknowledge, blame};
use crate::protocol::{BEARER_SUBPROTOCOL, ClientMessage};

/// How long a client may take to send its first message.
const AUTH_TIMEOUT: Duration = Duration::from_secs(5);
/// How many control frames it may send before.
const MAX_FRAMES_BEFORE_AUTH: usize = 10;

/// Who a handshake says it speaks for. What a token is worth is the enforcer's to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    Token(Token),
    /// There is a credential, and it can't be a token.
    Malformed,
    /// The first message will say.
    ToCome,
}

impl Claim {
    /// The first of these that is there decides, right or wrong: bearer header, bearer subprotocol, cookie.
    ///
    /// # Errors
    /// `OriginNotAllowed`: browsers send the cookie along by themselves, so the page has to be one of ours. The
    /// others are put there on purpose by who knows the token.
    pub(super) fn read<'a>(
        app: &App,
        headers: &HeaderMap,
        mut subprotocols: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Problem> {
        if let Some(text) = bearer(headers) {
            return Ok(Self::of(text));
        }
        if let Some(text) = subprotocols.find_map(|name| name.strip_prefix(BEARER_SUBPROTOCOL)) {
            return Ok(Self::of(text));
        }
        let Some(text) = app.cookies().session(headers) else { return Ok(Self::ToCome) };
        if app.origins().judge(headers) == Origin::Foreign {
            return Err(Problem::OriginNotAllowed("this page may not open a WebSocket with the cookie"));
        }
        Ok(Self::of(&text))
    }

    fn of(text: &str) -> Self {
        Token::parse(text).map_or(Self::Malformed, Self::Token)
    }
}

/// The token of the first message, which has to be `auth`.
///
/// # Errors
/// Why not, or `None` if the client went away.
pub(super) async fn first_message(socket: &mut impl Socket) -> Result<Token, Option<Refusal>> {
    timeout(AUTH_TIMEOUT, read_auth(socket)).await.unwrap_or(Err(Some(Refusal::AuthTimeout)))
}

async fn read_auth(socket: &mut impl Socket) -> Result<Token, Option<Refusal>> {
    for _ in 0..MAX_FRAMES_BEFORE_AUTH {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                return match serde_json::from_str(&text) {
                    Ok(ClientMessage::Auth { token }) => {
                        Token::parse(&token).ok_or(Some(Refusal::InvalidToken))
                    }
                    Ok(_) => Err(Some(Refusal::NotAuthenticated)),
                    Err(_) if text.as_str() == "ping" => Err(Some(Refusal::NotAuthenticated)),
                    Err(_) => Err(Some(Refusal::Malformed)),
                };
            }
            Some(Ok(Message::Binary(_))) => return Err(Some(Refusal::Binary)),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(_))) => {
                acknowledge(socket).await;
                return Err(None);
            }
            Some(Err(error)) => return Err(blame(&error)),
            None => return Err(None),
        }
    }
    Err(Some(Refusal::TooManyMessages))
}
