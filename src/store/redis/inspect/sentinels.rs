//! Whether the Sentinels could fail over.

use std::collections::HashMap;

use futures_util::future::join_all;
use redis::RedisError;

use super::super::connector::Connector;
use super::super::layout::Address;
use super::findings::Findings;

/// Fewer can't agree when one of them dies.
const FEWEST: usize = 3;

pub(super) struct Sentinels {
    connector: Connector,
    /// Of the URL.
    named: Vec<Address>,
    master: String,
}

/// What one of them says.
struct State {
    others: usize,
    quorum: String,
    /// Why it could not fail over.
    no_quorum: Option<String>,
}

impl Sentinels {
    pub(super) fn new(connector: Connector, named: Vec<Address>, master: String) -> Self {
        Self { connector, named, master }
    }

    /// Adds what is wrong to the findings, and describes them for after the description of Redis.
    pub(super) async fn judge(&self, findings: &mut Findings) -> String {
        let states = join_all(self.named.iter().map(|sentinel| self.ask(sentinel))).await;
        let mut best: Option<State> = None;
        for (sentinel, state) in self.named.iter().zip(states) {
            match state {
                Ok(state) => {
                    if let Some(why) = &state.no_quorum {
                        findings
                            .fault(None, &format!("could not fail over, says Sentinel {sentinel}: {why}"));
                    }
                    if best.as_ref().is_none_or(|best| best.others < state.others) {
                        best = Some(state);
                    }
                }
                Err(error) => {
                    findings.warn(None, &format!("has a Sentinel {sentinel} that can't be asked: {error}"))
                }
            }
        }
        let Some(State { others, quorum, .. }) = best else { return String::new() };
        let count = others + 1;
        if count < FEWEST {
            let text =
                format!("has {count} Sentinels: {FEWEST} are needed to agree on a failover when one dies");
            findings.warn(None, &text);
        }
        let plural = if count == 1 { "Sentinel" } else { "Sentinels" };
        format!(", behind {count} {plural} (master {}, quorum {quorum})", self.master)
    }

    async fn ask(&self, sentinel: &Address) -> Result<State, RedisError> {
        let mut connection = self.connector.connect(sentinel, |_| {}).await?;
        let command = |word: &str| redis::cmd("SENTINEL").arg(word).arg(&self.master).to_owned();
        let fields: HashMap<String, String> = command("MASTER").query_async(&mut connection).await?;
        let no_quorum = match command("CKQUORUM").query_async::<String>(&mut connection).await {
            Ok(_) => None,
            Err(error) if error.code() == Some("NOQUORUM") => Some(error.to_string()),
            Err(error) => return Err(error),
        };
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let others = field("num-other-sentinels").parse().unwrap_or(0);
        Ok(State { others, quorum: field("quorum"), no_quorum })
    }
}
