//! The word to every connection that the server stops.
//!
//! Owns that waiting for it costs a connection nothing: the future of a cancellation token takes two locks with each poll,
//! which all connections share, and a connection is polled several times a request.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub(super) struct Stop {
    /// Set before anybody is woken.
    given: AtomicBool,
    wake: CancellationToken,
}

impl Stop {
    pub(super) fn give(&self) {
        self.given.store(true, Ordering::Release);
        self.wake.cancel();
    }

    /// Runs `work` to its end, unless the word comes before: `None` then. To be awaited where a task is spawned, and
    /// nowhere within: the waker that it leaves the first time is that of the task, and is not renewed.
    pub(super) async fn before<F: Future>(&self, mut work: Pin<&mut F>) -> Option<F::Output> {
        let mut woken = pin!(self.wake.cancelled());
        let mut waits = false;
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if waits && !self.given.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            waits = true;
            woken.as_mut().poll(cx).map(|()| None)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::Arc;

    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_woken_whenever_the_word_comes() {
        let stop = Arc::new(Stop::default());
        let waiting: Vec<_> = (0..10)
            .map(|polls| {
                let stop = Arc::clone(&stop);
                tokio::spawn(async move {
                    let work = pin!(async move {
                        for _ in 0..polls {
                            yield_now().await;
                        }
                        pending::<()>().await;
                    });
                    stop.before(work).await
                })
            })
            .collect();
        for _ in 0..5 {
            yield_now().await;
        }
        stop.give();
        for task in waiting {
            assert_eq!(task.await.unwrap(), None);
        }
        assert_eq!(stop.before(pin!(ready(7))).await, Some(7), "what is done is done");
        assert_eq!(stop.before(pin!(pending::<()>())).await, None);
    }
}
