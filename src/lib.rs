//! Hotseat: the realtime enforcer of "one account, N seats".
//!
//! One direction: `http → enforcer → {domain, store, hub}`. See ARCHITECTURE.md.

pub mod accounts;
pub mod chance;
pub mod config;
pub mod domain;
pub mod enforcer;
pub mod http;
pub mod hub;
pub mod logging;
pub mod metrics;
pub mod node;
pub mod password;
pub mod protocol;
pub mod store;
pub mod sweeper;
