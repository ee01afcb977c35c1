//! One run: against whom, as whom, and until when.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hotseat::chance::Chance;
use hyper::header::HeaderValue;
use tokio_util::sync::CancellationToken;

use super::fault::Faults;
use crate::cli::bench::{Aim, Peer};
use crate::commands::client::{Failure, Place, access};

pub(super) struct Run {
    nodes: Vec<Place>,
    pub authorization: HeaderValue,
    pub peer: Peer,
    /// Somebody wants it to end.
    pub stop: CancellationToken,
    pub chance: Chance,
    /// What no other run has.
    word: String,
    /// Whom it has logged in, or tried to: so many of each [`Role`].
    users: [AtomicUsize; Role::ALL.len()],
    /// Whether anybody was ever logged in.
    has_made: AtomicBool,
    faults: Mutex<Faults>,
}

/// What a user is in a run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// Of a worker, for as long as the run lasts.
    Worker,
    /// With a connection that idles.
    Idler,
    /// Logged in once.
    Fresh,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Worker, Self::Idler, Self::Fresh];

    fn letter(self) -> char {
        match self {
            Self::Worker => 'w',
            Self::Idler => 'i',
            Self::Fresh => 'f',
        }
    }
}

impl Run {
    pub async fn new(aim: &Aim, peer: Peer) -> Result<Self, Failure> {
        let mut nodes = Vec::new();
        for url in &aim.urls {
            nodes.push(Place::new(access::parse(url)?)?.pinned().await?);
        }
        let key = access::key(aim.key.as_deref(), aim.key_file.as_deref())?;
        let chance = Chance::system();
        let word = chance.bytes::<4>().iter().fold(String::new(), |mut word, byte| {
            // Writing to a String cannot fail.
            let _ = write!(word, "{byte:02x}");
            word
        });
        Ok(Self {
            nodes,
            authorization: access::bearer(&key)?,
            peer,
            stop: CancellationToken::new(),
            chance,
            word,
            users: Default::default(),
            has_made: AtomicBool::new(false),
            faults: Mutex::default(),
        })
    }

    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes in turns.
    pub fn node(&self, index: usize) -> &Place {
        &self.nodes[index % self.nodes.len()]
    }

    /// The id of the user with this number.
    pub fn user(&self, role: Role, number: usize) -> String {
        self.users[role as usize].fetch_max(number + 1, Ordering::Relaxed);
        self.name(role, number)
    }

    /// A login was answered.
    pub fn note_login(&self) {
        self.has_made.store(true, Ordering::Relaxed);
    }

    /// All whom it may have logged in: also those whose answers were lost.
    pub fn users(&self) -> impl Iterator<Item = String> {
        let has_made = self.has_made.load(Ordering::Relaxed);
        Role::ALL.into_iter().filter(move |_| has_made).flat_map(move |role| {
            let count = self.users[role as usize].load(Ordering::Relaxed);
            (0..count).map(move |number| self.name(role, number))
        })
    }

    fn name(&self, role: Role, number: usize) -> String {
        format!("bench-{}-{}{number}", self.word, role.letter())
    }

    /// What all its users' ids begin with, and no others.
    pub fn prefix(&self) -> String {
        format!("bench-{}-", self.word)
    }

    /// Errors so far.
    pub fn faults(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, unless it is to end; whether it may go on.
    pub async fn pause(&self, time: Duration) -> bool {
        self.stop.run_until_cancelled(tokio::time::sleep(time)).await.is_some()
    }
}
