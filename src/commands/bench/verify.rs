//! `hotseat bench verify`: checks of live sessions, as a gateway makes them.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request};
use tokio::time::Instant;

use super::api::{Api, request};
use super::fault::Fault;
use super::load::{self, Work};
use super::report::Report;
use super::run::{Role, Run};
use super::{descriptors, sessions};
use crate::cli::bench::Verify;
use crate::commands::client::{Failure, access};

pub(super) async fn verify(run: &Arc<Run>, wishes: &Verify) -> Result<Report, Failure> {
    let (count, sessions) = (wishes.pace.workers as usize, wishes.sessions as usize);
    descriptors::allow(count + sessions::LINES)?;
    let tokens: Vec<_> =
        sessions::make(run, Role::Fresh, sessions, None).await?.into_iter().map(|made| made.token).collect();
    let mut workers = Vec::new();
    for number in 0..count {
        workers.push(Worker::new(run, wishes, &tokens, number)?);
    }
    let measured = load::run(run, &wishes.pace, workers).await?;
    let report = Report::new("verify", run.faults().clone())
        .figure("nodes", run.nodes())
        .figure("sessions", tokens.len());
    Ok(measured.tell(report, &wishes.pace))
}

struct Worker {
    api: Api,
    /// One for each session that it asks about, in turns.
    requests: Vec<Request<Full<Bytes>>>,
    turn: usize,
}

impl Worker {
    /// Each asks about its share of the sessions, and about one at least.
    fn new(run: &Arc<Run>, wishes: &Verify, tokens: &[String], number: usize) -> Result<Self, Failure> {
        let count = wishes.pace.workers as usize;
        let own = (number % tokens.len().max(1)..tokens.len()).step_by(count);
        let requests = own.map(|index| {
            let bearer = access::bearer(&tokens[index])?;
            request(run, number, Method::GET, &wishes.path, &bearer).map_err(|fault| fault.at_start(run))
        });
        let requests = requests.collect::<Result<_, _>>()?;
        let api = Api::new(run, number).map_err(|fault| fault.at_start(run))?;
        Ok(Self { api, requests, turn: number })
    }
}

impl Work<1> for Worker {
    const TIMES: [&'static str; 1] = ["verify"];

    async fn prepare(&mut self) -> Result<(), Fault> {
        self.api.ready().await
    }

    async fn turn(&mut self) -> Result<[Duration; 1], Fault> {
        self.api.ready().await?;
        let Some(request) = self.requests.get(self.turn % self.requests.len().max(1)) else {
            return Err(Fault::Missing);
        };
        self.turn += 1;
        let began = Instant::now();
        let answer = self.api.call(request).await?;
        let took = began.elapsed();
        match answer.status {
            200 => Ok([took]),
            401 => Err(Fault::LoginLost),
            status => Err(Fault::Status(status)),
        }
    }
}
