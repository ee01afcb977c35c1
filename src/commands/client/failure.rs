//! Why a command did not do what it was asked, and the exit status that says so to scripts.

use std::fmt;
use std::process::ExitCode;

/// Each has what there is to say, for people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The node refused, or something broke here.
    Refused(String),
    /// It was asked for wrongly, so that asking again is of no use.
    Wrong(String),
    /// There is nothing of the kind, or it is over already.
    Nothing(String),
    /// The node or its store can't be reached. What was sent may have been done.
    Unavailable(String),
    /// Whoever read the output has enough of it (`| head`), which is no failure.
    Unread,
}

impl Failure {
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused(_) => 1,
            // As clap ends what it can't make sense of.
            Self::Wrong(_) => 2,
            Self::Nothing(_) => 3,
            Self::Unavailable(_) => 4,
            Self::Unread => 0,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(what) | Self::Wrong(what) | Self::Nothing(what) | Self::Unavailable(what) => {
                f.write_str(what)
            }
            Self::Unread => f.write_str("nobody reads the output"),
        }
    }
}

/// Of standard input and output.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Refused(format!("the terminal can't be read or written: {error}")),
        }
    }
}
