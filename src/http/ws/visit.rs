//! One WebSocket from its upgrade to its last goodbye: admitted, attended, uncounted.
//!
//! Invariant: what was attached is detached once, also when the task panics or is dropped.

use std::pin::Pin;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::claim::{Claim, first_message};
use crate::domain::{Reason, Record, SessionId, Token};
use crate::enforcer::{Attached, Enforcer};
use crate::http::App;
use crate::http::model::SessionView;
use crate::hub::socket::{self, Gone, Socket};
use crate::hub::{Command, Connection, ConnectionId, Fact, Postbox, Refusal};
use crate::protocol::{CloseCode, ServerMessage};
use crate::store::{Act, Target};

/// A client that was let in. What it holds is dropped in this order: it is cut first, for it does not wait for the store.
pub(super) struct Visit<S> {
    socket: Box<S>,
    connection: Connection,
    attendance: Attendance,
}

/// The whole life of one WebSocket: `admission` is its handshake and [`admit`]. Beginning and end are boxed, so that an
/// idle connection does not carry the room for them.
pub(super) async fn run<S: Socket>(admission: Pin<Box<impl Future<Output = Option<Visit<S>>>>>) {
    let Some(mut visit) = admission.await else { return };
    let end = visit.attend().await;
    Box::pin(visit.leave(end)).await;
}

/// Lets a client in and bids it welcome, or tells it why not and closes.
pub(super) async fn admit<S: Socket>(
    app: App,
    claim: Claim,
    stranger: Option<OwnedSemaphorePermit>,
    mut socket: Box<S>,
) -> Option<Visit<S>> {
    let (connection, attendance) = introduce(&app, claim, stranger, &mut *socket).await?;
    Some(Visit { socket, connection, attendance })
}

async fn introduce(
    app: &App,
    claim: Claim,
    stranger: Option<OwnedSemaphorePermit>,
    socket: &mut impl Socket,
) -> Option<(Connection, Attendance)> {
    let refusal = match claim {
        Claim::Token(token) => return attach(app, &token, socket).await,
        Claim::Malformed => Refusal::InvalidToken,
        Claim::ToCome => match first_message(socket).await {
            Ok(token) => {
                drop(stranger);
                return attach(app, &token, socket).await;
            }
            Err(refusal) => refusal?,
        },
    };
    socket::refuse(socket, refusal).await;
    None
}

async fn attach(app: &App, token: &Token, socket: &mut impl Socket) -> Option<(Connection, Attendance)> {
    let refusal = match app.enforcer.attach(token).await {
        Ok(Attached::Live { record, connection }) => {
            let attendance = Attendance::new(&app.enforcer, &connection);
            if welcome(app, record, socket).await.is_ok() {
                connection.welcomed();
                return Some((connection, attendance));
            }
            attendance.leave(End::Left).await;
            return None;
        }
        Ok(Attached::Ended(end)) => {
            socket::tell_ended(socket, &end, || {}).await;
            return None;
        }
        Ok(Attached::Crowded) => Refusal::TooManyConnections,
        Ok(Attached::Unknown) => Refusal::InvalidToken,
        Err(error) => {
            tracing::warn!(%error, "a connection was refused for want of the store");
            Refusal::StoreUnavailable
        }
    };
    socket::refuse(socket, refusal).await;
    None
}

async fn welcome(app: &App, record: Record, socket: &mut impl Socket) -> Result<(), Gone> {
    if app.enforcer.is_draining() {
        // It came in between the last look and the registration: nobody told it that the node goes away.
        socket::part(socket, CloseCode::RESTARTING, "restarting").await;
        return Err(Gone);
    }
    let welcome = ServerMessage::Welcome {
        session: &SessionView::from(record),
        server_time: app.enforcer.now(),
        heartbeat_s: app.enforcer.heartbeat().as_secs(),
    };
    socket::greet(socket, &welcome).await
}

/// How a client went.
#[derive(Debug, Clone, Copy)]
enum End {
    Left,
    Vanished,
}

impl<S: Socket> Visit<S> {
    /// Tells the enforcer what the client does, until it is gone.
    async fn attend(&mut self) -> End {
        let Self { socket, connection, attendance: Attendance { enforcer, session, .. } } = self;
        let mut logout = None;
        loop {
            match connection.next(&mut **socket).await {
                Fact::Activity => enforcer.note_activity(*session),
                Fact::Logout if logout.as_ref().is_none_or(JoinHandle::is_finished) => {
                    let logging_out = log_out(Arc::clone(enforcer), *session, connection.postbox());
                    logout = Some(tokio::spawn(logging_out));
                }
                // The one before is on its way.
                Fact::Logout => {}
                Fact::Closed => return End::Left,
                Fact::Vanished => return End::Vanished,
            }
        }
    }

    async fn leave(self, end: End) {
        let Self { socket, connection, attendance } = self;
        drop(socket);
        drop(connection);
        attendance.leave(end).await;
    }
}

/// Ends the session in its own name, in the time that the store takes. That it ended comes back as an eviction.
async fn log_out(enforcer: Arc<Enforcer>, session: SessionId, postbox: Postbox) {
    let ending = async {
        let by = enforcer.session(session).await?.map(|record| enforcer.by(&record));
        enforcer.end(Target::Session(session), Reason::Logout, by, &Act::NONE).await
    };
    if let Err(error) = ending.await {
        tracing::warn!(%error, "a logout was refused for want of the store");
        postbox.post(Command::Error(Refusal::StoreUnavailable));
    }
}

/// That a connection is counted. Given back once: by `leave`, or, if the task that runs it panics or is dropped,
/// by a task of its own.
struct Attendance {
    enforcer: Arc<Enforcer>,
    session: SessionId,
    connection: Option<ConnectionId>,
}

impl Attendance {
    fn new(enforcer: &Arc<Enforcer>, connection: &Connection) -> Self {
        Self { enforcer: Arc::clone(enforcer), session: connection.session, connection: Some(connection.id) }
    }

    /// Waits until the store has heard of it, or can't.
    async fn leave(mut self, end: End) {
        let Some(connection) = self.connection.take() else { return };
        match end {
            End::Left => self.enforcer.detach(self.session, connection).await,
            End::Vanished => self.enforcer.detach_vanished(self.session, connection).await,
        }
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let (Some(connection), Ok(runtime)) = (self.connection.take(), Handle::try_current()) else { return };
        let (enforcer, session) = (Arc::clone(&self.enforcer), self.session);
        runtime.spawn(async move { enforcer.detach(session, connection).await });
    }
}
