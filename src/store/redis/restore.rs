//! Putting back what Redis has forgotten: one script, the rule in it.

use super::Redis;
use super::reply::Reply;
use super::script::{Call, RESTORE};
use crate::store::{Image, Restore, Restored, StoreError, codec};

impl Redis {
    /// Sent again when its answer was lost: a second run finds what the first one did.
    pub(super) async fn restore_session(&self, restore: &Restore) -> Result<Restored, StoreError> {
        let Restore { image, live_at, limits, by } = restore;
        let (id, user) = (image.id(), image.record()?.session.user);
        let limit = |max: Option<u32>| max.map_or(-1, i64::from);
        let call = Call::new(&RESTORE, self.keys.of_partition(id.partition()))
            .key(self.keys.session(id))
            .key(self.keys.data(id))
            .key(self.keys.disabled(&user))
            .arg(image.bytes())
            .arg(image.data().unwrap_or_default())
            .arg(live_at.as_millis())
            .arg(Image::LIVE_FOR_MS)
            .arg(limit(limits.of_class))
            .arg(limit(limits.in_all))
            .arg(codec::by_bytes(Some(by)))
            .arg(&self.log_bounds[..]);
        let mut reply = Reply::of(self.commands.run_idempotent(&call).await?)?;
        let word = reply.bytes()?;
        match word.as_slice() {
            b"live" => Ok(Restored::Live),
            b"too old" => Ok(Restored::TooOld),
            b"ended" => {
                let snapshot = reply.snapshot(None)?;
                snapshot.record(codec::decode(id, &reply.bytes()?)?, None).map(Restored::Ended)
            }
            b"yields" => {
                let snapshot = reply.snapshot(None)?;
                let (bytes, winner) = (reply.bytes()?, reply.session_id()?);
                snapshot.record(codec::decode(winner, &bytes)?, None).map(Restored::Yields)
            }
            _ => Err(StoreError::Corrupt("a session was restored in an unknown way".to_owned())),
        }
    }
}
