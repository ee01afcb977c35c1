//! The enforcer against a store in memory.
