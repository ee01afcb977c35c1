//! `hotseat check`: could a node run with these settings.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hotseat::chance::Chance;
use hotseat::config::Config;
use hotseat::store::{self, Inspection, Store, StoreError};
use tokio::time::{Instant, sleep, timeout_at};

use super::load;
use crate::cli::Settings;

/// How long the store may take to answer.
const REACHED_WITHIN: Duration = Duration::from_secs(5);
/// How often it is asked meanwhile: an engine that connects in the background answers `Unavailable` until it has.
const ASKED_EACH: Duration = Duration::from_millis(100);

/// Says whether a node could run with these settings.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<ExitCode> {
    let loaded = load(settings)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ok: the configuration can be used")?;
    for warning in &loaded.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    let store = &loaded.config.store;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let inspection = runtime.block_on(inspect(&loaded.config));
    runtime.shutdown_timeout(ASKED_EACH);
    let inspection = inspection?;

    for fault in &inspection.faults {
        writeln!(out, "fault: the store {fault}")?;
    }
    for warning in &inspection.warnings {
        writeln!(out, "warning: the store {warning}")?;
    }
    if inspection.faults.is_empty() {
        writeln!(out, "ok: the store at {} is {}", store.url, inspection.description)?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

async fn inspect(config: &Config) -> anyhow::Result<Inspection> {
    let url = &config.store.url;
    let deadline = Instant::now() + REACHED_WITHIN;
    let late = || format!("the store {url} did not answer within {} s", REACHED_WITHIN.as_secs());
    // The notices of a node that takes part in nothing; held, so that the engine does not take it for stopped.
    let opening = store::open(&config.store, config.renew_every(), Arc::new(Chance::system()));
    let opened = timeout_at(deadline, opening).await.with_context(late)?;
    let (store, _notices) = opened.with_context(|| format!("the store {url} can't be opened"))?;
    let answer = timeout_at(deadline, answer(store.as_ref(), deadline)).await.with_context(late)?;
    // Its lock on the directory or its connections end with the process anyway.
    let _ = timeout_at(deadline.max(Instant::now() + ASKED_EACH), store.close()).await;
    answer.with_context(|| format!("the store {url} can't be used"))
}

/// The first answer that is more than "not yet", or the last before the deadline.
async fn answer(store: &dyn Store, deadline: Instant) -> Result<Inspection, StoreError> {
    loop {
        match store.inspect().await {
            Err(StoreError::Unavailable(_)) if Instant::now() + 2 * ASKED_EACH < deadline => {
                sleep(ASKED_EACH).await;
            }
            answer => return answer,
        }
    }
}
