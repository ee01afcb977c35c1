//! Real nodes, real Redis in every topology, real faults, and a model that judges every answer and every socket.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with other test targets, of which none uses everything")]
mod support;

mod rigs;
