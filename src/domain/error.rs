//! The one form of refusal for values from outside.

/// A value from outside that is not what its field allows.
///
/// `field` is the dotted path that the sender used (`device.name`), `problem` completes the sentence
/// "`field` …" ("must have at most 64 characters").
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct FieldError {
    pub field: &'static str,
    pub problem: String,
}

impl FieldError {
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }
}
