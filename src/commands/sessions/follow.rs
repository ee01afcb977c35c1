//! `hotseat sessions events --follow`: the log up to now, then what happens, on all nodes.
//!
//! The stream is opened before the log is read, so that nothing falls in between, and events are known by their id, so
//! that what both tell is printed once. A stream that ends is taken up behind its last event. Invariant: standard
//! output has events alone; what is missing is told on standard error.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use hotseat::chance::Chance;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, timeout};

use super::admin::Admin;
use super::events::filter;
use super::output::Output;
use super::pages::Pages;
use super::sse::{Frame, Parser};
use super::wire::Event;
use crate::cli::sessions::Events;
use crate::commands::client::Failure;

/// A node says something every 15 s; whoever says nothing for three times that is gone.
const QUIET: Duration = Duration::from_secs(45);
/// How long nodes that are away are asked again before it is given up: longer than a restart.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries, half of it by chance: who follows through one balancer does not come back as one.
const PAUSE: Duration = Duration::from_secs(2);
/// More than a stream tells again when it is taken up.
const MAX_TOLD: usize = 4096;

pub(super) async fn follow(admin: &Admin, wanted: &Events, out: &mut Output) -> Result<(), Failure> {
    let mut told = Told::default();
    let mut stream = admin.stream(&stream_filter(wanted), None).await?;
    loop {
        // Nothing was told yet, so that the stream does not know where to go on.
        if told.last().is_none() {
            for row in past(admin, wanted).await? {
                tell(row, &mut told, out)?;
            }
        }
        listen(stream, &mut told, out).await?;
        stream = come_back(admin, wanted, &told).await?;
    }
}

/// What the log has, oldest first.
async fn past(admin: &Admin, wanted: &Events) -> Result<Vec<Box<RawValue>>, Failure> {
    let mut pages = Pages::new(admin, "events", filter(wanted)?, &wanted.amount);
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await? {
        rows.extend(page);
    }
    rows.reverse();
    Ok(rows)
}

/// Until the stream ends, breaks or falls silent.
async fn listen(mut stream: Incoming, told: &mut Told, out: &mut Output) -> Result<(), Failure> {
    let mut parser = Parser::default();
    while let Ok(Some(Ok(part))) = timeout(QUIET, stream.frame()).await {
        let Some(bytes) = part.data_ref() else { continue };
        let strange = |_| Failure::Refused("the node tells what is not understood".to_owned());
        for frame in parser.push(bytes).map_err(strange)? {
            hear(frame, told, out)?;
        }
    }
    Ok(())
}

fn hear(Frame { event, data, .. }: Frame, told: &mut Told, out: &mut Output) -> Result<(), Failure> {
    match event.as_str() {
        "event" => {
            let strange = |error| Failure::Refused(format!("the node tells what is not understood: {error}"));
            tell(RawValue::from_string(data).map_err(strange)?, told, out)?;
        }
        "summary" => eprintln!("too much happens to tell it all; left out: {data}"),
        "gap" => eprintln!("events may be missing: {data}"),
        "reset" => eprintln!("more has happened meanwhile than is told again; the log has it"),
        // Of a newer node.
        _ => {}
    }
    Ok(())
}

fn tell(row: Box<RawValue>, told: &mut Told, out: &mut Output) -> Result<(), Failure> {
    #[derive(serde::Deserialize)]
    struct Known {
        id: String,
    }
    let known = serde_json::from_str::<Known>(row.get())
        .map_err(|error| Failure::Refused(format!("the node tells what is not understood: {error}")))?;
    if told.is_new(known.id) { out.rows::<Event>(&[row]) } else { Ok(()) }
}

/// The stream again. Who may no longer watch is not asked twice.
async fn come_back(admin: &Admin, wanted: &Events, told: &Told) -> Result<Incoming, Failure> {
    let (chance, deadline) = (Chance::system(), Instant::now() + PATIENCE);
    loop {
        sleep(PAUSE / 2 + chance.up_to(PAUSE / 2)).await;
        match admin.stream(&stream_filter(wanted), told.last()).await {
            Err(Failure::Unavailable(_)) if Instant::now() < deadline => {}
            done => return done,
        }
    }
}

fn stream_filter(wanted: &Events) -> Vec<(&'static str, String)> {
    let types = (!wanted.types.is_empty()).then(|| wanted.types.join(","));
    let wanted = [("user", wanted.user.clone()), ("types", types)];
    wanted.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Which events were told, of the latest.
#[derive(Default)]
struct Told {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Told {
    fn is_new(&mut self, id: String) -> bool {
        if !self.ids.insert(id.clone()) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > MAX_TOLD
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }

    fn last(&self) -> Option<&str> {
        self.order.back().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_new_once_and_not_too_many_are_remembered() {
        let mut told = Told::default();
        assert!(told.is_new("0".to_owned()) && !told.is_new("0".to_owned()));
        for id in 1..=MAX_TOLD {
            assert!(told.is_new(id.to_string()));
        }
        assert_eq!((told.ids.len(), told.order.len()), (MAX_TOLD, MAX_TOLD));
        assert_eq!(told.last(), Some(MAX_TOLD.to_string().as_str()));
    }
}
