//! What is said over a WebSocket, whoever's it is by then: bounded writes, refusals and farewells.
//!
//! Invariants: every function here returns within [`CLOSE_TIMEOUT`], whether the peer reads or not; after a
//! farewell nothing is left to do but to drop the socket, which cuts the TCP connection.

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};

use super::{CLOSE_TIMEOUT, Refusal};
use crate::domain::Tombstone;
use crate::protocol::{CloseCode, ServerMessage};

/// A WebSocket, or what stands for it in tests.
pub(crate) trait Socket:
    Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Unpin + Send
{
    /// Sends a text for which no room is kept afterwards.
    fn send_once(&mut self, text: Utf8Bytes) -> impl Future<Output = Result<(), WsError>> + Send {
        self.send(Message::Text(text))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for WebSocketStream<S> {
    /// Past the library's buffer, which never shrinks: it would keep the room for the longest message that went through
    /// it for as long as the connection lives.
    async fn send_once(&mut self, text: Utf8Bytes) -> Result<(), WsError> {
        let mut frame = Vec::new();
        Frame::message(text, OpCode::Data(Data::Text), true).format(&mut frame)?;
        // What is in the buffer goes first, and whole.
        self.flush().await?;
        let wire = self.get_mut();
        wire.write_all(&frame).await?;
        Ok(wire.flush().await?)
    }
}

/// What the server says that carries no session.
pub(crate) type Plain<'a> = ServerMessage<'a, ()>;

/// The peer is gone, or has not read for [`CLOSE_TIMEOUT`]: cut it.
#[derive(Debug)]
pub(crate) struct Gone;

pub(crate) fn text<S: Serialize>(message: &ServerMessage<'_, S>) -> Message {
    Message::text(message.to_text())
}

pub(crate) async fn say(socket: &mut impl Socket, message: Message) -> Result<(), Gone> {
    match timeout(CLOSE_TIMEOUT, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}

/// The first and longest word to everybody. The bound is that of [`say`].
pub(crate) async fn greet<S: Serialize>(
    socket: &mut impl Socket,
    welcome: &ServerMessage<'_, S>,
) -> Result<(), Gone> {
    match timeout(CLOSE_TIMEOUT, socket.send_once(welcome.to_text().into())).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}

/// Says why, closes with the code of the refusal, waits for the peer.
pub(crate) async fn refuse(socket: &mut impl Socket, refusal: Refusal) {
    let error = text(&Plain::Error { code: refusal.as_str() });
    bounded(async {
        if last_word(socket, error, refusal.close_code(), refusal.as_str()).await.is_ok() {
            hang_up(socket).await;
        }
    })
    .await;
}

/// Tells an ended session why it ended, closes with the code of the reason and nothing between, waits for the
/// peer. `told` runs as soon as the message has left; it does not if the peer is gone or never reads.
pub(crate) async fn tell_ended(socket: &mut impl Socket, end: &Tombstone, told: impl FnOnce() + Send) {
    bounded(async {
        let message = text(&ServerMessage::force_logout(end));
        if last_word(socket, message, CloseCode::of(end.reason), end.reason.as_str()).await.is_ok() {
            told();
            hang_up(socket).await;
        }
    })
    .await;
}

/// Closes, waits for the peer. `word` is what the close frame says to people who look at it.
pub(crate) async fn part(socket: &mut impl Socket, code: CloseCode, word: &'static str) {
    bounded(async {
        if socket.send(close_frame(code, word)).await.is_ok() {
            hang_up(socket).await;
        }
    })
    .await;
}

/// Closes without waiting for a peer from whom nothing comes: that would only keep its place for longer.
pub(crate) async fn dismiss(socket: &mut impl Socket, code: CloseCode, word: &'static str) {
    let _ = say(socket, close_frame(code, word)).await;
}

/// Answers the peer's close frame, which the library does as it is read on.
pub(crate) async fn acknowledge(socket: &mut impl Socket) {
    bounded(async { while let Some(Ok(_)) = socket.next().await {} }).await;
}

/// Whose fault it is that reading failed: the client's, which is told so, or nobody's that could be told.
pub(crate) fn blame(error: &WsError) -> Option<Refusal> {
    match error {
        WsError::Capacity(_) => Some(Refusal::TooLong),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        WsError::Protocol(_) | WsError::Utf8(_) => Some(Refusal::Malformed),
        _ => None,
    }
}

/// On a time-out the peer is cut, which is what the bound is for.
async fn bounded(farewell: impl Future<Output = ()>) {
    let _ = timeout(CLOSE_TIMEOUT, farewell).await;
}

fn close_frame(code: CloseCode, word: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code: code.0.into(), reason: Utf8Bytes::from_static(word) }))
}

/// A message and the close right behind it, in one write: the peer wakes once for both.
async fn last_word(
    socket: &mut impl Socket,
    message: Message,
    code: CloseCode,
    word: &'static str,
) -> Result<(), WsError> {
    // What the library still owes, the answer to a ping, would else go out between them.
    socket.flush().await?;
    socket.feed(message).await?;
    socket.send(close_frame(code, word)).await
}

/// Waits for the peer's close, which keeps ours from being lost: closing a TCP connection with unread bytes resets it, and
/// a reset may overtake what was sent before.
async fn hang_up(socket: &mut impl Socket) {
    loop {
        match socket.next().await {
            Some(Ok(Message::Close(_)) | Err(_)) => return,
            Some(Ok(_)) => {}
            // The reader gave up earlier, as it does at a frame that is too long, and can't tell when the peer
            // has gone. The bound ends this.
            None => std::future::pending().await,
        }
    }
}
