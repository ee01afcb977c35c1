//! How a refusal of the configuration reads: the key, what would be right, where it stands.

use std::fmt;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    File(String),
    Variable(String),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name) | Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Why a value can't stand: the place below its key (`[1].hash`, mostly nothing) and the rest of the sentence
/// "`key` …", which says what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    below: String,
    problem: String,
}

impl Refusal {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { below: String::new(), problem: problem.into() }
    }

    /// The same, one level further down.
    pub(super) fn under(mut self, place: &str) -> Self {
        self.below.insert_str(0, place);
        self
    }

    pub(super) fn of(self, key: &str, origin: Option<&Origin>) -> Problem {
        Problem { key: format!("{key}{}", self.below), problem: self.problem, origin: origin.cloned() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.below, self.problem)
    }
}

/// A refused key, with its name, what would be right, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    key: String,
    problem: String,
    origin: Option<Origin>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.problem)?;
        self.origin.as_ref().map_or(Ok(()), |origin| write!(f, " (in {origin})"))
    }
}

/// Everything that is wrong with a configuration, a line each; never empty, never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub(super) Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
