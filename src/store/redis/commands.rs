//! Sending commands to whom they belong, and what their failures mean.
//!
//! Owns the rule of outcomes: what was never sent is `Unavailable`, and so is what Redis refused because of its own
//! or the Cluster's state; what was sent and not answered is `OutcomeUnknown` (`line.rs`); any other error is
//! `Corrupt`. Follows a slot that has moved or is on the move, within the operation's bound, with a pause of full
//! jitter between two tries. Refuses to queue, and never subscribes.
//!
//! A script of several keys never follows `ASK`: at the slot's new owner a key that is still at the old one looks
//! as if there were none, and what a script reads beyond its declared keys (a user's other sessions) would be
//! missing without an error. It waits until the slot has moved. Single commands and scripts of one key follow it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{Cmd, Pipeline, ServerErrorKind, Value};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::channels::Channels;
use super::connector::RESPONSE_TIMEOUT;
use super::finder::Doubts;
use super::layout::Address;
use super::line::{PATIENCE, Wire};
use super::lines::Routes;
use super::redirect::Redirect;
use super::script::Call;
use crate::chance::Chance;
use crate::domain::Partition;
use crate::store::StoreError;

/// The pause before a try that follows a redirect: at most so long at first, doubling to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);
/// More tries than fit into an operation's bound, unless servers send each other the command in a circle.
const MOST_TRIES: u32 = 200;

pub(super) struct Commands {
    pub(super) routes: watch::Receiver<Arc<Routes>>,
    pub(super) doubts: Doubts,
    pub(super) channels: Channels,
    pub(super) chance: Arc<Chance>,
    /// The engine is closed.
    pub(super) stop: CancellationToken,
}

/// A command, its slot, and whether it may follow `ASK`.
struct Routed<'a> {
    slot: u16,
    command: &'a Cmd,
    asks: bool,
}

impl Commands {
    /// Runs a script, once.
    pub(super) async fn run(&self, call: &Call) -> Result<Value, StoreError> {
        self.run_until(call, Instant::now() + RESPONSE_TIMEOUT).await
    }

    /// Runs a script that may run twice without harm, a second time if the first answer was lost.
    pub(super) async fn run_idempotent(&self, call: &Call) -> Result<Value, StoreError> {
        match self.run(call).await {
            Err(StoreError::OutcomeUnknown(_)) => self.run(call).await,
            answer => answer,
        }
    }

    /// Runs a script, once, and waits for its answer until `deadline`.
    pub(super) async fn run_until(&self, call: &Call, deadline: Instant) -> Result<Value, StoreError> {
        let (slot, asks) = (call.slot(), call.is_of_one_key());
        let by_hash = call.by_hash(self.channels);
        let mut answer = self.follow(&Routed { slot, command: &by_hash, asks }, deadline).await?;
        if is_no_script(&answer) {
            let by_source = call.by_source(self.channels);
            answer = self.follow(&Routed { slot, command: &by_source, asks }, deadline).await?;
        }
        checked(answer)
    }

    /// Sends reads, each with its slot, in one round trip to each primary concerned, and answers in their order.
    pub(super) async fn read_all(&self, commands: &[(u16, Cmd)]) -> Result<Vec<Value>, StoreError> {
        let deadline = Instant::now() + RESPONSE_TIMEOUT;
        let bundles = self.by_owner(commands.iter().map(|(slot, _)| *slot));
        let bundles = bundles.iter().map(|indices| async move {
            let mut pipeline = Pipeline::with_capacity(indices.len());
            indices.iter().for_each(|index| _ = pipeline.add_command(commands[*index].1.clone()));
            let wire = self.reach(commands[indices[0]].0, None, deadline).await?;
            let mut answers = Vec::with_capacity(indices.len());
            for (index, mut answer) in indices.iter().zip(wire.send_all(&pipeline).await?) {
                if self.redirect(&answer, &wire).is_some() {
                    let (slot, command) = &commands[*index];
                    answer = self.follow(&Routed { slot: *slot, command, asks: true }, deadline).await?;
                }
                answers.push((*index, checked(answer)?));
            }
            Ok::<_, StoreError>(answers)
        });
        Ok(in_order(try_join_all(bundles).await?))
    }

    /// Which of the slots are thought to have the same owner.
    fn by_owner(&self, slots: impl Iterator<Item = u16>) -> Vec<Vec<usize>> {
        let mut by_owner: Vec<(Option<Address>, Vec<usize>)> = Vec::new();
        for (index, slot) in slots.enumerate() {
            let owner = self.routes.borrow().owner(slot).map(|line| line.address().clone());
            match by_owner.iter_mut().find(|(known, _)| *known == owner) {
                Some((_, indices)) => indices.push(index),
                None => by_owner.push((owner, vec![index])),
            }
        }
        by_owner.into_iter().map(|(_, indices)| indices).collect()
    }

    /// Runs scripts that may run twice, in one round trip to each primary concerned, and answers in their order.
    pub(super) async fn run_all(&self, calls: &[Call]) -> Result<Vec<Value>, StoreError> {
        let deadline = Instant::now() + RESPONSE_TIMEOUT;
        let bundles = self.by_owner(calls.iter().map(Call::slot));
        let bundles = bundles.iter().map(|indices| self.run_bundle(calls, indices, deadline));
        Ok(in_order(try_join_all(bundles).await?))
    }

    /// Those of the calls that were thought to have one owner; each that had not goes its own way.
    async fn run_bundle(
        &self,
        calls: &[Call],
        indices: &[usize],
        deadline: Instant,
    ) -> Result<Vec<(usize, Value)>, StoreError> {
        let mut pipeline = Pipeline::with_capacity(indices.len());
        for index in indices {
            pipeline.add_command(calls[*index].by_hash(self.channels));
        }
        let wire = self.reach(calls[indices[0]].slot(), None, deadline).await?;
        let mut answers = Vec::with_capacity(indices.len());
        for (index, answer) in indices.iter().zip(wire.send_all(&pipeline).await?) {
            let answer = if is_no_script(&answer) || self.redirect(&answer, &wire).is_some() {
                self.run_until(&calls[*index], deadline).await?
            } else {
                checked(answer)?
            };
            answers.push((*index, answer));
        }
        Ok(answers)
    }

    /// Sends a command of that slot that may be sent twice.
    pub(super) async fn send_to(&self, slot: u16, command: Cmd) -> Result<Value, StoreError> {
        let routed = Routed { slot, command: &command, asks: true };
        let deadline = || Instant::now() + RESPONSE_TIMEOUT;
        let answer = match self.follow(&routed, deadline()).await {
            Err(StoreError::OutcomeUnknown(_)) => self.follow(&routed, deadline()).await?,
            answer => answer?,
        };
        checked(answer)
    }

    /// Sends commands of one slot that may be sent twice, in one round trip. None is carried out before the one in
    /// front of it, wherever their keys are.
    pub(super) async fn send_all(&self, slot: u16, pipeline: &Pipeline) -> Result<Vec<Value>, StoreError> {
        match self.send_all_once(slot, pipeline).await {
            Err(StoreError::OutcomeUnknown(_)) => self.send_all_once(slot, pipeline).await,
            answers => answers,
        }
    }

    async fn send_all_once(&self, slot: u16, pipeline: &Pipeline) -> Result<Vec<Value>, StoreError> {
        let deadline = Instant::now() + RESPONSE_TIMEOUT;
        let wire = self.reach(slot, None, deadline).await?;
        let mut answers = wire.send_all(pipeline).await?;
        if let Some(first) = answers.iter().position(|answer| self.redirect(answer, &wire).is_some()) {
            answers.truncate(first);
            for command in pipeline.cmd_iter().skip(first) {
                answers.push(self.follow(&Routed { slot, command, asks: true }, deadline).await?);
            }
        }
        answers.into_iter().map(checked).collect()
    }

    /// Asks every primary that owns slots, by a script about one of its partitions, or by a command without a key
    /// where it has none; answers what each said.
    ///
    /// # Errors
    /// When there is a slot that nobody serves, or one of them has no answer.
    pub(super) async fn ask_each(
        &self,
        script: impl Fn(Partition) -> Call,
        otherwise: &Cmd,
    ) -> Result<Vec<(Address, Value)>, StoreError> {
        let deadline = Instant::now() + RESPONSE_TIMEOUT;
        // Waits for the first layout.
        self.reach(0, None, deadline).await?;
        let routes = Arc::clone(&self.routes.borrow());
        let owners = routes.owners().map_err(|slot| self.unserved(slot))?;
        let answers = owners.iter().map(|owner| {
            let call = owner.partition.map(&script);
            async move {
                let answer = match &call {
                    Some(call) => self.run_until(call, deadline).await,
                    None => match self.reach(owner.slot, None, deadline).await {
                        Ok(wire) => wire.send(otherwise).await.and_then(checked),
                        Err(error) => Err(error),
                    },
                };
                let address = owner.line.address();
                answer.map(|answer| (address.clone(), answer)).map_err(|error| naming(&error, address))
            }
        });
        try_join_all(answers).await
    }

    /// Sends a command and follows it to where it is carried out. The answer may be an error, but no redirect.
    async fn follow(&self, routed: &Routed<'_>, deadline: Instant) -> Result<Value, StoreError> {
        let (mut patience, mut pause) = (deadline, FIRST_PAUSE);
        let mut named = None;
        for tries in 0..MOST_TRIES {
            let wire = self.reach(routed.slot, named.take().as_ref(), patience).await?;
            let mut answer = wire.send(routed.command).await?;
            let mut redirect = self.redirect(&answer, &wire);
            if let (Some(Redirect::Ask(Some(to))), true) = (&redirect, routed.asks) {
                let wire = self.reach(routed.slot, Some(to), patience).await?;
                // Together, because it is the next command that the permission holds for.
                let mut pipeline = Pipeline::with_capacity(2);
                pipeline.cmd("ASKING").add_command(routed.command.clone());
                answer = wire.send_all(&pipeline).await?.pop().unwrap_or(Value::Nil);
                redirect = self.redirect(&answer, &wire);
            }
            match redirect {
                None => return Ok(answer),
                // Mostly right, and then there is nothing to wait for.
                Some(Redirect::Moved(to)) if tries == 0 && to.is_some() => {
                    named = to;
                    continue;
                }
                Some(Redirect::Moved(to)) => named = to,
                Some(Redirect::Ask(_) | Redirect::Later) => {}
                Some(Redirect::Demoted | Redirect::Down) => {
                    patience = patience.min(Instant::now() + PATIENCE)
                }
            }
            let resume = Instant::now() + self.chance.up_to(pause);
            if resume >= patience {
                return Err(StoreError::Unavailable(refusal(answer)));
            }
            sleep_until(resume).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(StoreError::Unavailable("no primary takes it: each names another".to_owned()))
    }

    /// Whether an answer sends the command elsewhere; what that says about the layout is passed on.
    fn redirect(&self, answer: &Value, wire: &Wire) -> Option<Redirect> {
        let redirect = Redirect::of(answer, wire.address())?;
        match redirect {
            Redirect::Moved(_) | Redirect::Down => self.doubts.doubt(),
            Redirect::Demoted => wire.report_demoted(),
            Redirect::Ask(_) | Redirect::Later => {}
        }
        Some(redirect)
    }

    /// The line to the owner of a slot, or to `named` if there is one, waited for while there is hope.
    async fn reach(&self, slot: u16, named: Option<&Address>, deadline: Instant) -> Result<Wire, StoreError> {
        let closed = || StoreError::Unavailable("the store is closed".to_owned());
        if self.stop.is_cancelled() {
            return Err(closed());
        }
        if named.is_none()
            && let Some(wire) = self.routes.borrow().owner(slot).and_then(|line| line.wire_now(deadline))
        {
            return Ok(wire);
        }
        let mut routes = self.routes.clone();
        loop {
            let now = Arc::clone(&routes.borrow_and_update());
            let Some(line) = named.and_then(|address| now.to(address)).or_else(|| now.owner(slot)) else {
                match timeout_at(deadline.min(now.since + PATIENCE), routes.changed()).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(_)) => return Err(closed()),
                    Err(_) => return Err(self.unserved(slot)),
                }
            };
            tokio::select! {
                biased;
                wire = line.wire(deadline) => return wire.map_err(|error| self.explained(error)),
                changed = routes.changed() => changed.map_err(|_| closed())?,
                () = self.stop.cancelled() => return Err(closed()),
                () = sleep_until(deadline) => return Err(self.unserved(slot)),
            }
        }
    }

    /// While nobody can be found that takes writes, that is the reason; how the one was lost that did is an old story.
    fn explained(&self, error: StoreError) -> StoreError {
        match (error, self.doubts.trouble()) {
            (StoreError::Unavailable(_), Some(why)) => StoreError::Unavailable(why.to_string()),
            (error, _) => error,
        }
    }

    fn unserved(&self, slot: u16) -> StoreError {
        let why = self.doubts.trouble().map_or_else(String::new, |why| format!(": {why}"));
        StoreError::Unavailable(format!("no primary is known for slot {slot}{why}"))
    }
}

/// The answers of all bundles as they were asked for.
fn in_order(bundles: Vec<Vec<(usize, Value)>>) -> Vec<Value> {
    let mut answers: Vec<(usize, Value)> = bundles.into_iter().flatten().collect();
    answers.sort_unstable_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// An answer of Redis that may itself be an error.
fn checked(answer: Value) -> Result<Value, StoreError> {
    answer.extract_error().map_err(|error| {
        if error.code().is_some_and(is_refusal) {
            StoreError::Unavailable(error.to_string())
        } else {
            StoreError::Corrupt(error.to_string())
        }
    })
}

fn refusal(answer: Value) -> String {
    answer.extract_error().err().map_or_else(String::new, |error| error.to_string())
}

/// Says of which primary an error is.
fn naming(error: &StoreError, address: &Address) -> StoreError {
    let name = |why: &str| format!("{address}: {why}");
    match error {
        StoreError::Unavailable(why) => StoreError::Unavailable(name(why)),
        StoreError::OutcomeUnknown(why) => StoreError::OutcomeUnknown(name(why)),
        StoreError::Corrupt(why) => StoreError::Corrupt(name(why)),
    }
}

fn is_no_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}

/// The error codes by which Redis says that it is in no state to carry the command out, and did not.
fn is_refusal(code: &str) -> bool {
    matches!(
        code,
        "BUSY"
            | "CLUSTERDOWN"
            | "LOADING"
            | "MASTERDOWN"
            | "MISCONF"
            | "NOAUTH"
            | "NOPERM"
            | "NOREPLICAS"
            | "OOM"
            | "READONLY"
            | "TRYAGAIN"
            | "UNKILLABLE"
            | "WRONGPASS"
    )
}
