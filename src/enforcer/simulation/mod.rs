//! Deterministic simulation: real enforcers and hubs under paused time, over one store that delays, forgets and loses.
//!
//! | part | owns |
//! | --- | --- |
//! | `plan` | what a seed stands for |
//! | `fate` | chance, by what is asked and not by when |
//! | `server` | the store: the embedded engine's operations, and what goes wrong with it |
//! | `line` | a node's way to the store |
//! | `wire` | a WebSocket without bytes |
//! | `world` | the nodes and what people do |
//! | `judge` | whether what they were told can be true |
//! | `verdict` | what has to hold in the end |
//! | `tally` | how often each fault happened |
//! | `flaw` | faults put in on purpose, which the judge has to find |
//!
//! A seed that fails prints what its store did, and the command that has it again (`HOTSEAT_SEED=7`). A seed gives the same history each time: the
//! fate of a call goes by who asks what and how often before, so it does not matter in which order a hash map hands out
//! the sessions of a node.

mod fate;
mod flaw;
mod judge;
mod line;
mod plan;
mod server;
mod tally;
mod tests;
mod verdict;
mod wire;
mod world;
