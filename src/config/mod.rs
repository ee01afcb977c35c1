//! What the operator decided, read once at the start.
//!
//! A struct a concern; defaults with their reasons in `defaults.rs`; reading and layering in `load.rs`;
//! relations between keys in `validate.rs`. Secrets are hidden in `Debug`.

mod settings;

pub use settings::*;
