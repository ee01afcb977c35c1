//! Socket.IO 4 over Engine.IO 4 (<https://socket.io/docs/v4/engine-io-protocol/>,
//! <https://socket.io/docs/v4/socket-io-protocol/>), as far as a device needs it that speaks WebSocket alone.
//!
//! A message is an Engine.IO packet: one digit of its kind, then, of a message packet, a digit of Socket.IO's kind and
//! JSON. Namespaces other than `/`, acknowledgements and binary attachments are not understood.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Where a server of that kind is asked for a WebSocket.
pub(super) const PATH: &str = "/socket.io/?EIO=4&transport=websocket";
/// The answer to [`Packet::Ping`].
pub(super) const PONG: &str = "3";
/// Leaves the namespace.
pub(super) const DISCONNECT: &str = "41";

/// What a server says.
#[derive(Debug, PartialEq)]
pub(super) enum Packet<'a> {
    /// The transport is open; the client connects to the namespace now.
    Open,
    Ping,
    /// The namespace is connected to.
    Connected,
    /// It refuses to be.
    Refused,
    /// The event's name, and its first argument as JSON.
    Event(Cow<'a, str>, Option<&'a str>),
    /// The server has closed the namespace, or the transport.
    Over,
    /// Nothing that matters here.
    Other,
}

/// The first message of a client, which shows its token.
pub(super) fn connect(token: &str) -> String {
    format!("40{}", serde_json::json!({ "token": token }))
}

pub(super) fn parse(message: &str) -> Packet<'_> {
    match message.as_bytes() {
        [b'0', ..] => Packet::Open,
        [b'1'] => Packet::Over,
        [b'2', ..] => Packet::Ping,
        [b'4', b'0', ..] => Packet::Connected,
        [b'4', b'1', ..] => Packet::Over,
        [b'4', b'2', ..] => event(&message[2..]).unwrap_or(Packet::Other),
        [b'4', b'4', ..] => Packet::Refused,
        _ => Packet::Other,
    }
}

fn event(json: &str) -> Option<Packet<'_>> {
    #[derive(Deserialize)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
    let parts: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let Name(name) = serde_json::from_str(parts.first()?.get()).ok()?;
    Some(Packet::Event(name, parts.get(1).map(|argument| argument.get())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packet_is_known_by_its_digits() {
        for (message, packet) in [
            (r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#, Packet::Open),
            ("1", Packet::Over),
            ("2", Packet::Ping),
            (r#"40{"sid":"b"}"#, Packet::Connected),
            ("41", Packet::Over),
            (r#"44{"message":"no"}"#, Packet::Refused),
            (
                r#"42["force_logout",{"reason":"takeover"}]"#,
                event_of("force_logout", Some(r#"{"reason":"takeover"}"#)),
            ),
            (r#"42["hello"]"#, event_of("hello", None)),
            // An acknowledgement is wanted, another namespace, not JSON, nothing, and not ASCII.
            (r#"4217["hello"]"#, Packet::Other),
            (r#"42/admin,["hello"]"#, Packet::Other),
            ("42{", Packet::Other),
            ("42[]", Packet::Other),
            ("", Packet::Other),
            ("é2", Packet::Other),
            ("6", Packet::Other),
        ] {
            assert_eq!(parse(message), packet, "{message}");
        }
    }

    fn event_of<'a>(name: &'a str, argument: Option<&'a str>) -> Packet<'a> {
        Packet::Event(Cow::Borrowed(name), argument)
    }

    #[test]
    fn a_token_can_not_break_out_of_the_first_message() {
        assert_eq!(connect("a\"b"), r#"40{"token":"a\"b"}"#);
    }
}
