//! What each command does. A command prints its product to standard output and everything else to standard error.

mod bench;
mod check;
mod client;
mod hash;
mod serve;
mod sessions;

use anyhow::anyhow;
pub(crate) use bench::bench;
pub(crate) use check::check;
pub(crate) use hash::{hash_key, hash_password};
use hotseat::config::{self, Loaded, Sources};
pub(crate) use serve::serve;
pub(crate) use sessions::sessions;

use crate::cli::Settings;

/// The configuration that the command line, the environment and the file make together.
fn load(settings: &Settings) -> anyhow::Result<Loaded> {
    let sources = Sources::of_process(settings.config.as_deref(), settings.flags());
    sources.and_then(|sources| config::load(&sources)).map_err(|error| {
        anyhow!("the configuration is refused:\n  {}", error.to_string().replace('\n', "\n  "))
    })
}
