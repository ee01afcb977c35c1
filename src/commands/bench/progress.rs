//! A bar on standard error while something takes long; nothing where that is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const COUNT: &str = "{msg:12} [{bar:40}] {pos}/{len} {per_sec}";
const OPEN: &str = "{msg:12} {pos} {per_sec}";
const TIME: &str = "{msg:12} [{bar:40}] {elapsed}/{len} ms";
/// Enough for an eye.
const LOOKS_A_SECOND: u8 = 5;

/// Gone when it is dropped.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Of so many things.
    pub fn of(what: &'static str, count: usize) -> Self {
        Self::new(what, count as u64, COUNT)
    }

    /// Of things of which nobody knows how many there are.
    pub fn of_some(what: &'static str) -> Self {
        Self::new(what, 0, OPEN)
    }

    /// Of time that passes, told by [`Progress::at`].
    pub fn during(what: &'static str, time: Duration) -> Self {
        Self::new(what, millis(time), TIME)
    }

    fn new(what: &'static str, length: u64, template: &str) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(LOOKS_A_SECOND);
        let bar = ProgressBar::with_draw_target(Some(length), target).with_message(what);
        // The templates are right, or the bar is a plain one.
        Self(match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    pub fn one_more(&self) {
        self.0.inc(1);
    }

    /// So many of them.
    pub fn is_at(&self, count: usize) {
        self.0.set_position(count as u64);
    }

    pub fn at(&self, time: Duration) {
        self.0.set_position(millis(time));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
