//! One login: one script, and the patience to learn how it was decided.

use std::time::Duration;

use redis::Value;
use tokio::time::{Instant, sleep};

use super::reply::Reply;
use super::script::{Call, LOGIN};
use super::{PAUSE, Redis};
use crate::domain::{Generation, Partition, Session, SessionId, Timestamp};
use crate::store::codec::{self, Stored};
use crate::store::{Login, LoginOutcome, StoreError};

/// How long a login may take before its outcome is given up as unknown.
const BOUND: Duration = Duration::from_secs(3);

impl Redis {
    /// Sends the same login, by its id, until its answer arrives or the bound is reached: whichever try was
    /// carried out first decides, all others are answered the same. A connection on which answers still come is
    /// waited for; only one that is lost or silent has the login sent again, so that a busy Redis gets no more to do.
    pub(super) async fn decide_login(&self, login: &Login) -> Result<LoginOutcome, StoreError> {
        let partition = Partition::of(&login.user);
        let deadline = Instant::now() + BOUND;
        let mut unknown = None;
        loop {
            let sent = Instant::now();
            let call = |not_after| self.login_call(login, not_after);
            match self.run_punctual(partition, deadline, call).await {
                Ok(answer) => return self.outcome(login, answer, sent),
                Err(StoreError::OutcomeUnknown(why)) => unknown = Some(why),
                // Once a try may have been carried out, "not carried out" is only true of the later ones.
                Err(StoreError::Unavailable(_)) if unknown.is_some() => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= deadline {
                return Err(StoreError::OutcomeUnknown(unknown.unwrap_or_default()));
            }
            sleep(self.chance.up_to(PAUSE)).await;
        }
    }

    fn login_call(&self, login: &Login, not_after: Timestamp) -> Call {
        Call::new(&LOGIN, self.keys.of_partition(Partition::of(&login.user)))
            .key(self.keys.session(login.id))
            .key(self.keys.data(login.id))
            .key(self.keys.disabled(&login.user))
            .arg(codec::encode(&newcomer(login)))
            .arg(login.data.as_deref().unwrap_or_default())
            .arg(self.terms(login, not_after))
    }

    /// All else that the script is told, in the order of its `TERMS`: one argument, for each costs Redis as much as
    /// reading all of these out of one.
    fn terms(&self, login: &Login, not_after: Timestamp) -> Vec<u8> {
        let limit = |max: Option<u32>| max.map_or(-1, i64::from).to_be_bytes();
        let mut terms = Vec::with_capacity(320);
        for number in [login.ttl_ms, login.ghost_after_ms, login.generation_floor.0, not_after.as_millis()] {
            terms.extend(number.to_be_bytes());
        }
        terms.extend(limit(login.limits.of_class));
        terms.extend(limit(login.limits.in_all));
        terms.push(login.confirm.into());
        let replace: Vec<u8> = login.replace.iter().flat_map(SessionId::as_bytes).copied().collect();
        let by = codec::by_bytes(Some(&login.by));
        let (on_full, victim) = (login.on_full.as_str().as_bytes(), login.victim.as_str().as_bytes());
        let [log_length, log_kept_ms] = self.log_bounds.each_ref().map(|bound| bound.as_bytes());
        for bytes in [on_full, victim, &by, &replace, log_length, log_kept_ms] {
            codec::put_bytes(&mut terms, bytes);
        }
        terms
    }

    fn outcome(&self, login: &Login, answer: Value, sent: Instant) -> Result<LoginOutcome, StoreError> {
        let mut reply = Reply::of(answer)?;
        let word = reply.bytes()?;
        if word == b"disabled" {
            return Ok(LoginOutcome::Disabled);
        }
        let snapshot = reply.snapshot(Some(login.ghost_after_ms))?;
        self.learn_time(Partition::of(&login.user), snapshot.now, sent);
        match word.as_slice() {
            b"seated" => {
                let stored = codec::decode(login.id, &reply.bytes()?)?;
                let session = snapshot.record(stored, reply.optional()?)?;
                Ok(LoginOutcome::Seated { session, replaced: snapshot.records_with_data(reply.list()?)? })
            }
            b"full" => Ok(LoginOutcome::Full { sessions: snapshot.records(reply.list()?)? }),
            _ => Err(StoreError::Corrupt("a login was decided in an unknown way".to_owned())),
        }
    }
}

/// The record as the script gets it: generation and times are its to fill in.
fn newcomer(login: &Login) -> Stored {
    let session = Session {
        id: login.id,
        user: login.user.clone(),
        generation: Generation(0),
        token_hash: login.token_hash,
        device: login.device.clone(),
        user_agent: login.user_agent.clone(),
        ip: login.ip,
        roles: login.roles.clone(),
        created_at: Timestamp::default(),
        seen_at: Timestamp::default(),
        absolute_at: Timestamp::default(),
        idle_ttl_ms: login.idle_ttl_ms,
        presence: Vec::new(),
    };
    Stored { session, end: None, replaced: Vec::new(), has_data: login.data.is_some() }
}
