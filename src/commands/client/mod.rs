//! What the commands share that are clients of running nodes: whom they ask with which key, how they reach it, what
//! they say when it fails, and the tables that they print.
//!
//! It knows no call of the API; those are the commands' own.

pub(crate) mod access;
mod failure;
pub(crate) mod table;
mod transport;

pub(crate) use self::failure::Failure;
pub(crate) use self::transport::{Place, Wire};
