//! One node's line to the store: calls take their time, get lost on the way there or back, and are sent again where
//! that does no harm.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

use super::flaw::Flaw;
use super::plan::{PATIENCE, STRAGGLING};
use super::server::Server;
use super::tally::Fault;
use crate::domain::{By, Generation, NodeId, Partition, Presence, Reason, Record, SessionId, UserId};
use crate::store::embedded::Bare;
use crate::store::{
    Act, Attach, Census, Disabling, Inspection, Login, LoginOutcome, Message, Renewal, Renewed, Restore,
    Restored, Said, Store, StoreError, Swept, Target,
};

/// Of a hundred calls that are given up, how many still come through, as what lies in the buffers of a connection that was
/// closed; and how long after the node can reach the store again at most.
const LATE: u64 = 50;
const LATEST_MS: u64 = 200;

/// How long a node tries before it finds the store away.
const DIALLING: Duration = Duration::from_millis(20);

/// Of a hundred answers that are on their way from a primary when it goes, how many arrive all the same.
const STRAGGLERS: u64 = 50;

pub(super) struct Line {
    pub server: Arc<Server>,
    pub node: usize,
}

/// What is asked of the store, to be sent once or again.
type Answer<T> = (Result<T, StoreError>, Vec<Message>);

impl Line {
    /// Sends a call once; a second time if its answer was lost and it may be sent again.
    async fn call<T>(
        &self,
        name: &str,
        subject: &[u8],
        again: bool,
        mut operation: impl FnMut(&mut Bare, u64) -> Answer<T> + Send,
    ) -> Result<T, StoreError> {
        match self.send(name, subject, &mut operation).await {
            Err(StoreError::OutcomeUnknown(_)) if again => {
                self.server.count(Fault::CallDoubled);
                self.send(name, subject, &mut operation).await
            }
            answer => answer,
        }
    }

    /// The same of what a store carries out however late it comes (`store/redis/punctual.rs`).
    async fn call_at_any_time<T: 'static>(
        &self,
        name: &str,
        subject: &[u8],
        operation: impl FnMut(&mut Bare, u64) -> Answer<T> + Clone + Send + 'static,
    ) -> Result<T, StoreError> {
        let sent_to = self.server.reach(self.node);
        let answer = self.call(name, subject, true, operation.clone()).await;
        if let (Err(StoreError::OutcomeUnknown(_) | StoreError::Unavailable(_)), Ok(reign)) =
            (&answer, sent_to)
        {
            self.come_late(reign, name, subject, operation);
        }
        answer
    }

    /// Has a call come through that was given up, if that primary is still there.
    fn come_late<T: 'static>(
        &self,
        reign: u64,
        name: &str,
        subject: &[u8],
        mut operation: impl FnMut(&mut Bare, u64) -> Answer<T> + Send + 'static,
    ) {
        let number = [name.as_bytes(), &[u8::try_from(self.node).unwrap_or_default()], subject].concat();
        let mut draws = self.server.fate.next("late", &number);
        if !draws.percent(LATE) {
            return;
        }
        let late = Duration::from_millis(draws.below(LATEST_MS));
        let (server, node, name, subject) =
            (Arc::clone(&self.server), self.node, format!("late {name}"), seen(subject));
        tokio::spawn(async move {
            while server.reach(node).is_err() {
                sleep(DIALLING).await;
            }
            sleep(late).await;
            if server.reach(node).is_ok_and(|now| now == reign) {
                server.count(Fault::CallLate);
                // Nobody waits for it.
                let _ = server.step(node, &name, || subject, &mut operation);
            }
        });
    }

    async fn send<T>(
        &self,
        name: &str,
        subject: &[u8],
        operation: &mut (impl FnMut(&mut Bare, u64) -> Answer<T> + Send),
    ) -> Result<T, StoreError> {
        let plan = &self.server.plan;
        let number = [&[u8::try_from(self.node).unwrap_or_default()], subject].concat();
        let mut draws = self.server.fate.next(name, &number);
        let mut way = || Duration::from_millis(draws.below(plan.delay_ms + 1));
        let (there, back) = (way(), way());
        let lost_calls = self.server.lost_calls();
        let (lost_there, lost_back) = (draws.percent(lost_calls), draws.percent(lost_calls));

        if let Err(error) = self.server.reach(self.node) {
            self.server.count(Fault::CallRefused);
            sleep(DIALLING).await;
            return Err(error);
        }
        if !(there + back).is_zero() {
            self.server.count(Fault::CallDelayed);
        }
        sleep(there).await;
        let reign = match self.server.reach(self.node) {
            Ok(reign) if !lost_there => reign,
            _ => return self.lost(Fault::CallLost).await,
        };
        let answer = self.server.step(self.node, name, || seen(subject), operation);
        if lost_back {
            return self.lost(Fault::AnswerLost).await;
        }
        sleep(back).await;
        if self.server.reach(self.node).is_ok_and(|now| now == reign) {
            return answer;
        }
        // The line breaks with the primary at its other end; what it had answered may be found later.
        if draws.percent(STRAGGLERS) {
            self.server.count(Fault::AnswerLate);
            sleep(STRAGGLING.mul_f64(0.01) * u32::try_from(draws.below(100)).unwrap_or_default()).await;
            return answer;
        }
        self.lost(Fault::AnswerLost).await
    }

    async fn lost<T>(&self, fault: Fault) -> Result<T, StoreError> {
        self.server.count(fault);
        sleep(PATIENCE).await;
        Err(StoreError::OutcomeUnknown("nobody answered".to_owned()))
    }
}

/// A subject as people read it.
fn seen(subject: &[u8]) -> Vec<u8> {
    let id = <[u8; 16]>::try_from(subject).ok().and_then(SessionId::from_bytes);
    id.map_or_else(|| subject.to_vec(), |id| id.to_string().into_bytes())
}

fn of_target(target: &Target) -> Vec<u8> {
    match target {
        Target::Session(id) => id.as_bytes().to_vec(),
        Target::User(user) | Target::Others(user, _) => user.as_str().as_bytes().to_vec(),
    }
}

#[async_trait]
impl Store for Line {
    async fn login(&self, login: &Login) -> Result<LoginOutcome, StoreError> {
        let login = self.server.flaw.seats(login);
        self.call("login", login.id.as_bytes(), true, |engine, now| engine.login(now, &login)).await
    }

    async fn get(&self, id: SessionId, with_data: bool) -> Result<Option<Record>, StoreError> {
        let found =
            self.call("get", id.as_bytes(), true, |engine, now| engine.get(now, id, with_data)).await?;
        Ok(self.server.flaw.read(found))
    }

    async fn attach(&self, id: SessionId, presence: Presence, ttl: u64) -> Result<Attach, StoreError> {
        let attach = move |engine: &mut Bare, now| engine.attach(now, id, presence, ttl);
        self.call_at_any_time("attach", id.as_bytes(), attach).await
    }

    async fn detach(&self, id: SessionId, presence: Presence) -> Result<(), StoreError> {
        if self.server.flaw == Flaw::PresenceIsNotNoted {
            return Ok(());
        }
        let detach = move |engine: &mut Bare, now| engine.detach(now, id, presence);
        self.call_at_any_time("detach", id.as_bytes(), detach).await
    }

    async fn renew(
        &self,
        node: NodeId,
        partition: Partition,
        sessions: &[Renewal],
        ttl: u64,
    ) -> Result<Renewed, StoreError> {
        let mut sessions = sessions.to_vec();
        if self.server.flaw == Flaw::PresenceIsNotNoted {
            sessions.iter_mut().for_each(|renewal| renewal.presence = None);
        }
        let renew = move |engine: &mut Bare, now| engine.renew(now, node, partition, &sessions, ttl);
        let renewed = self.call_at_any_time("renew", &partition.index().to_be_bytes(), renew).await?;
        Ok(self.server.flaw.renewed(renewed))
    }

    async fn restore(&self, restore: &Restore) -> Result<Restored, StoreError> {
        let (id, flaw, restore) = (restore.image.id(), self.server.flaw, restore.clone());
        let restoring = move |engine: &mut Bare, now| engine.restore(now, &flaw.restore(&restore, now + 1));
        self.call_at_any_time("restore", id.as_bytes(), restoring).await
    }

    async fn end(
        &self,
        target: &Target,
        reason: Reason,
        by: Option<&By>,
        act: &Act,
    ) -> Result<Vec<Record>, StoreError> {
        self.call("end", &of_target(target), false, |engine, now| engine.end(now, target, reason, by, act))
            .await
    }

    async fn sessions_of(&self, user: &UserId, ttl: u64) -> Result<Vec<Record>, StoreError> {
        let list = |engine: &mut Bare, now| (Ok(engine.sessions_of(now, user, ttl)), Vec::new());
        self.call("sessions_of", user.as_str().as_bytes(), true, list).await
    }

    async fn set_data(&self, id: SessionId, data: Option<&str>) -> Result<Option<Record>, StoreError> {
        self.call("set_data", id.as_bytes(), false, |engine, now| engine.set_data(now, id, data)).await
    }

    async fn set_disabled(
        &self,
        user: &UserId,
        disabled: bool,
        said: Said,
        act: &Act,
    ) -> Result<Disabling, StoreError> {
        let set = |engine: &mut Bare, now| engine.set_disabled(now, user, disabled, said, act);
        self.call("set_disabled", user.as_str().as_bytes(), said != Said::Now, set).await
    }

    async fn census(&self, _: usize, _: u64) -> Result<Census, StoreError> {
        Ok(Census::default())
    }

    async fn sweep(&self, _: Partition, _: NodeId) -> Result<Swept, StoreError> {
        Ok(Swept::default())
    }

    async fn throttle(&self, _: &str, _: u32, _: u64, _: u32) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    async fn subscribe(&self, user: &UserId) -> Result<(), StoreError> {
        self.call("subscribe", user.as_str().as_bytes(), true, |_, _| (Ok(()), Vec::new())).await?;
        self.server.subscribe(self.node, user);
        Ok(())
    }

    fn unsubscribe(&self, user: &UserId) {
        self.server.unsubscribe(self.node, user);
    }

    fn is_hearing(&self) -> bool {
        true
    }

    async fn acknowledge(&self, user: &UserId, login: Generation, node: NodeId) -> Result<(), StoreError> {
        let ack =
            || Message::Ack { user: user.as_str().to_owned(), generation: login, node: node.to_string() };
        self.call("acknowledge", user.as_str().as_bytes(), false, |_, _| (Ok(()), vec![ack()])).await
    }

    async fn time_us(&self) -> Result<u64, StoreError> {
        self.call("time", b"", true, |_, now| (Ok(now), Vec::new())).await
    }

    async fn inspect(&self) -> Result<Inspection, StoreError> {
        Ok(Inspection::default())
    }

    async fn close(&self) {}
}
