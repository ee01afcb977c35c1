//! The words of Hotseat and the rule of who keeps a seat.
//!
//! Pure: no tokio, no Redis, no clock, no randomness. Time and chance come in as parameters. Everything
//! else depends on this module; it depends on nothing of ours.

mod device;
mod error;
mod id;
mod limits;
mod partition_set;
mod policy;
mod session;
mod time;
mod token;

pub use device::{Device, DeviceClass, DeviceId, UserAgent};
pub use error::FieldError;
pub use id::{Generation, NodeId, Partition, SessionId, UserId};
pub use limits::{LimitRule, SeatLimits};
pub use partition_set::PartitionSet;
pub use policy::{Decision, Holder, OnFull, Question, Readmission, Returning, Victim, decide, readmit};
pub use session::{By, Presence, Reason, Record, Role, Session, Tombstone};
pub use time::Timestamp;
pub use token::{Token, TokenHash};
