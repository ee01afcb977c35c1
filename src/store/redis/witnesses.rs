//! The servers that are asked where the primaries are: Sentinels, or members of a Cluster.
//!
//! Owns one connection to each, which is kept as long as it answers: a look then costs one round trip. All are asked
//! at once, and nobody is waited for long after the first has answered. What they push is a reason to look again.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, PushKind, RedisError, Value};
use tokio::time::{Instant, timeout_at};

use super::connector::Connector;
use super::finder::Doubts;
use super::layout::Address;

/// How long the others may still take when one has answered.
const GRACE: Duration = Duration::from_millis(250);
/// How many are asked at once. More know no more.
const MOST: usize = 16;

pub(super) struct Witnesses {
    connector: Connector,
    /// What is said first on a connection, such as which channel to listen to.
    opening: Option<Cmd>,
    doubts: Doubts,
    open: HashMap<Address, MultiplexedConnection>,
}

/// What each one said, or why it said nothing.
pub(super) type Answers = Vec<(Address, Result<Vec<Value>, String>)>;

impl Witnesses {
    pub(super) fn new(connector: Connector, opening: Option<Cmd>, doubts: Doubts) -> Self {
        Self { connector, opening, doubts, open: HashMap::new() }
    }

    /// Asks the first [`MOST`] of `servers` the same; the answers of one are those to the commands of `question`, an
    /// error among them makes it say nothing. The connections to all others are closed. Each may take `patience`,
    /// connecting included.
    pub(super) async fn ask(
        &mut self,
        servers: &[Address],
        question: &Pipeline,
        patience: Duration,
    ) -> Answers {
        let servers = &servers[..servers.len().min(MOST)];
        let mut known = std::mem::take(&mut self.open);
        let mut asked: FuturesUnordered<_> = servers
            .iter()
            .map(|server| {
                let (this, connection) = (&*self, known.remove(server));
                async move { (server, this.ask_one(server, connection, question).await) }
            })
            .collect();
        let mut open = HashMap::with_capacity(servers.len());
        let mut answers = Answers::with_capacity(servers.len());
        let mut deadline = Instant::now() + patience;
        while let Ok(Some((server, answer))) = timeout_at(deadline, asked.next()).await {
            let answer = answer.map_err(|error| error.to_string()).map(|(values, connection)| {
                deadline = deadline.min(Instant::now() + GRACE);
                open.insert(server.clone(), connection);
                values
            });
            answers.push((server.clone(), answer));
        }
        drop(asked);
        for server in servers {
            if !answers.iter().any(|(answered, _)| answered == server) {
                answers.push((server.clone(), Err("no answer in time".to_owned())));
            }
        }
        self.open = open;
        answers
    }

    async fn ask_one(
        &self,
        server: &Address,
        connection: Option<MultiplexedConnection>,
        question: &Pipeline,
    ) -> Result<(Vec<Value>, MultiplexedConnection), RedisError> {
        let mut connection = match connection {
            Some(connection) => connection,
            None => self.connect(server).await?,
        };
        let answers = connection.send_packed_commands(question, 0, question.len()).await?;
        let answers: Result<_, RedisError> = answers.into_iter().map(Value::extract_error).collect();
        Ok((answers?, connection))
    }

    async fn connect(&self, server: &Address) -> Result<MultiplexedConnection, RedisError> {
        let doubts = self.doubts.clone();
        let on_push = move |push: redis::PushInfo| match push.kind {
            PushKind::Message => doubts.hear(),
            PushKind::Disconnection => doubts.doubt(),
            _ => {}
        };
        let mut connection = self.connector.connect(server, on_push).await?;
        if let Some(opening) = &self.opening {
            connection.send_packed_command(opening).await?.extract_error()?;
        }
        Ok(connection)
    }
}
