//! Whether this Redis will do, for the operator.
//!
//! Asks each primary by itself, on a connection of its own, so that one that is in a bad way is described and not
//! merely away; and the Sentinels whether they could fail over.

use std::time::Duration;

use futures_util::future::join_all;
use redis::{ErrorKind, RedisError, ServerErrorKind};
use tokio::time::Instant;

use self::findings::Findings;
use self::sentinels::Sentinels;
use self::server::ServerInfo;
use super::Redis;
use super::connector::{Connector, RESPONSE_TIMEOUT};
use super::finder::Layouts;
use super::layout::{Address, Layout, SLOTS};
use super::rights::Rights;
use crate::config::{RedisUrl, Topology};
use crate::store::{Inspection, ServerStatus, Store as _, StoreError, StoreStatus};

mod findings;
mod sentinels;
mod server;

/// What there is to look at.
pub(super) struct Inspector {
    connector: Connector,
    layouts: Layouts,
    rights: Rights,
    /// `None` unless there are some.
    sentinels: Option<Sentinels>,
}

/// What one server says of itself.
struct Answer {
    /// What its user may not do.
    lack: Option<String>,
    /// `None` if it may not be asked.
    info: Option<ServerInfo>,
    round_trip: Duration,
}

impl Inspector {
    pub(super) fn new(url: &RedisUrl, connector: Connector, layouts: Layouts, rights: Rights) -> Self {
        let sentinels = match &url.topology {
            Topology::Sentinel { master, login } => {
                let connector = connector.for_sentinels(login.as_ref());
                Some(Sentinels::new(connector, url.servers.clone(), master.clone()))
            }
            Topology::Single | Topology::Cluster => None,
        };
        Self { connector, layouts, rights, sentinels }
    }

    async fn inspect(&self) -> Result<Inspection, StoreError> {
        self.gather().await.map(|(inspection, _)| inspection)
    }

    /// What is to be said of the store, and what each primary that answers says of itself.
    async fn gather(&self) -> Result<(Inspection, Vec<ServerStatus>), StoreError> {
        let Some(layout) = self.layouts.current.borrow().clone() else {
            let why = self.layouts.doubts.trouble();
            let why = why.unwrap_or_else(|| "the primary is not found yet".into());
            return Err(StoreError::Unavailable(why.to_string()));
        };
        let mut findings = Findings::new(layout.primaries().len() > 1);
        let answers = join_all(layout.primaries().iter().map(|primary| self.ask(primary))).await;
        let mut servers = Vec::new();
        for (primary, answer) in layout.primaries().iter().zip(answers) {
            match answer {
                Ok(Answer { lack, info, round_trip }) => {
                    if let Some(lack) = lack {
                        findings.fault(Some(primary), &lack);
                    }
                    match info {
                        Some(info) => servers.push((primary.clone(), info, round_trip)),
                        None => findings.warn(
                            Some(primary),
                            "can't be examined: its user may not run INFO (allow +info in its ACL)",
                        ),
                    }
                }
                // One server that is away is for the caller to wait for.
                Err(error) if layout.primaries().len() == 1 => {
                    return Err(StoreError::Unavailable(error.to_string()));
                }
                Err(error) => findings.fault(Some(primary), &format!("does not answer ({error})")),
            }
        }
        for (primary, info, _) in &servers {
            info.judge(primary, self.layouts.is_cluster, self.sentinels.is_some(), &mut findings);
        }
        let mut description = server::describe(servers.iter().map(|(_, info, _)| info));
        if self.layouts.is_cluster {
            judge_slots(&layout, &mut findings);
            description += " (Cluster)";
        }
        if let Some(sentinels) = &self.sentinels {
            description += &sentinels.judge(&mut findings).await;
        }
        let statuses = servers.iter().map(|(primary, info, took)| info.status(primary, *took)).collect();
        Ok((findings.into_inspection(description), statuses))
    }

    async fn ask(&self, server: &Address) -> Result<Answer, RedisError> {
        let mut connection = self.connector.connect(server, |_| {}).await?;
        connection.set_response_timeout(RESPONSE_TIMEOUT);
        let asked = Instant::now();
        let () = redis::cmd("PING").query_async(&mut connection).await?;
        let round_trip = asked.elapsed();
        let lack = self.rights.lack(&mut connection).await?;
        let info = match redis::cmd("INFO").query_async(&mut connection).await {
            Ok(info) => Some(ServerInfo(info)),
            Err(error) if is_denied(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Answer { lack, info, round_trip })
    }
}

fn is_denied(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)
}

fn judge_slots(layout: &Layout, findings: &mut Findings) {
    let unserved = (0..SLOTS).filter(|slot| layout.owner(*slot).is_none()).count();
    if unserved > 0 {
        let text = format!(
            "has {unserved} of {SLOTS} slots that no primary serves: whose users are there can't log in"
        );
        findings.fault(None, &text);
    }
}

impl Redis {
    pub(super) async fn examine(&self) -> Result<Inspection, StoreError> {
        let used = self.time_us().await;
        // Redis is there and will not do; the error says why.
        if let Err(StoreError::Corrupt(why)) = used {
            let description = "Redis".to_owned();
            return Ok(Inspection { description, faults: vec![why], ..Inspection::default() });
        }
        let inspection = self.inspector.inspect().await?;
        // What can't be used has to have a reason, or it is too early to tell.
        if inspection.faults.is_empty() { used.map(|_| inspection) } else { Ok(inspection) }
    }
}

impl Redis {
    /// As [`Self::examine`], but whatever can't be reached is a fault and no error.
    pub(super) async fn read_status(&self) -> Result<StoreStatus, StoreError> {
        let gathered = self.inspector.gather().await;
        let (mut inspection, servers) = gathered.unwrap_or_else(|error| {
            let faults = vec![format!("does not answer ({error})")];
            (Inspection { description: "Redis".to_owned(), faults, ..Inspection::default() }, Vec::new())
        });
        if let Err(error) = self.time_us().await
            && inspection.faults.is_empty()
        {
            inspection.faults.push(format!("can't be used ({error})"));
        }
        let Inspection { description, faults, warnings } = inspection;
        Ok(StoreStatus { description, servers, faults, warnings })
    }
}

#[cfg(test)]
mod tests;
