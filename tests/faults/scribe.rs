//! Writes the history of one user down as it happens, by the one clock of the run.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::history::{Call, Heard, History, OnFull, SocketLife, Us, What};

/// The run's time.
#[derive(Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(self) -> Us {
        self.at(Instant::now())
    }

    pub fn at(self, instant: Instant) -> Us {
        Us::try_from(instant.duration_since(self.0).as_micros()).unwrap_or(Us::MAX)
    }
}

#[derive(Clone)]
pub struct Scribe {
    clock: Clock,
    history: Arc<Mutex<History>>,
}

impl Scribe {
    pub fn new(clock: Clock, user: String, seats: usize, on_full: OnFull) -> Self {
        let history = History { user, seats, on_full, calls: Vec::new(), sockets: Vec::new() };
        Self { clock, history: Arc::new(Mutex::new(history)) }
    }

    pub fn now(&self) -> Us {
        self.clock.now()
    }

    pub fn call(&self, began: Us, what: What) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = self.clock.now();
        history.calls.push(Call { began, ended, what });
    }

    /// A new socket; its place.
    pub fn open_socket(&self, session: &str) -> usize {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.sockets.push(SocketLife::new(session, self.clock.now()));
        history.sockets.len() - 1
    }

    pub fn hear(&self, socket: usize, heard: Heard) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.sockets[socket].heard.push((self.clock.now(), heard));
    }

    pub fn is_out(&self, socket: usize) -> bool {
        self.look(|history| history.sockets[socket].out().is_some())
    }

    pub fn look<T>(&self, look: impl FnOnce(&History) -> T) -> T {
        look(&self.history.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
