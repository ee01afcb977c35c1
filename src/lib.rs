//! Hotseat: the realtime enforcer of "one account, N seats".
//!
//! One direction: `http → enforcer → {domain, store, hub}`. See ARCHITECTURE.md.
//! Public is what the program and the benches use. The rest is not, so that the compiler finds what nobody uses.

mod accounts;
pub mod chance;
pub mod config;
pub mod domain;
mod enforcer;
mod http;
mod hub;
pub mod logging;
mod metrics;
pub mod node;
pub mod password;
pub mod process;
mod protocol;
pub mod store;
mod sweeper;

/// What the micro-benchmarks look at, and nobody else may use.
#[doc(hidden)]
pub mod inside {
    pub use crate::enforcer::CheckCache;
    pub use crate::http::SessionView;
    pub use crate::hub::{Connection, Eviction, Hub};
    pub use crate::protocol::ServerMessage;
}
