//! `hotseat serve`: a node, until it is asked to stop.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use hotseat::logging;
use tokio_util::sync::CancellationToken;

use super::load;
use crate::cli::Settings;

/// What may still hold a thread after the node has drained, such as a password hash, is not waited for longer.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Runs a node until the process is asked to stop.
pub(crate) fn serve(settings: &Settings) -> anyhow::Result<ExitCode> {
    let loaded = load(settings)?;
    logging::init(&loaded.config.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ran = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let mut signals = Signals::listen().context("signals can't be listened to")?;
        let asked = shutdown.clone();
        tokio::spawn(async move {
            signals.next().await;
            tracing::info!("stopping; a second signal stops at once");
            asked.cancel();
            signals.next().await;
            std::process::exit(1);
        });
        hotseat::node::run(loaded.config, shutdown).await.context("the node stopped")
    });
    runtime.shutdown_timeout(LAST_WAIT);
    ran.map(|()| ExitCode::SUCCESS)
}

/// The ways in which a process is asked to stop.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // Nothing can ask any more; the process is ended from outside.
            std::future::pending::<()>().await;
        }
    }
}
