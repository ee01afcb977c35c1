//! What the operator decided, read once at the start.
//!
//! A struct a concern (`settings.rs`); defaults with their reasons in `defaults.rs`; the table of keys in `keys.rs`;
//! reading and layering in `load.rs`; relations between keys in `validate.rs`. It refuses by name whatever it does
//! not understand, before anything starts. Secrets are hidden in `Debug` and never stand in a refusal.
//!
//! Invariant: a [`Config`] that [`load`] has answered is whole and keeps every relation; nobody checks it again.

mod defaults;
mod demo;
mod keys;
mod lists;
mod load;
mod nearest;
mod parse;
mod problem;
mod redis_url;
mod settings;
mod store_url;
#[cfg(test)]
mod tests;
mod validate;

pub use load::{Flags, Loaded, Sources, load};
pub use problem::ConfigError;
pub use redis_url::RedisUrl;
pub(crate) use redis_url::{Address, Login, Topology};
pub use settings::*;
pub use store_url::StoreUrl;

/// Ends the refusal of what the contract has and this version has not.
const LATER: &str = "comes in a later version";
