//! Whether this Redis will do, for the operator.

use std::collections::HashMap;

use redis::Value;

use super::Redis;
use super::reply::{self, Reply};
use crate::store::{Inspection, StoreError};

const OLDEST_MAJOR: u32 = 7;

impl Redis {
    pub(super) async fn examine(&self) -> Result<Inspection, StoreError> {
        let mut inspection = Inspection { description: "Redis".to_owned(), ..Inspection::default() };
        match self.commands.send(redis::cmd("INFO")).await {
            Ok(info) => {
                let info = String::from_utf8_lossy(&reply::bytes(info)?).into_owned();
                let info = fields(&info);
                judge(&info, &mut inspection);
                if info.get("aof_enabled") == Some(&"0") {
                    inspection.warnings.push(self.persistence_warning().await?);
                }
            }
            Err(error) if is_denied(&error) => inspection
                .warnings
                .push("can't be examined: its user may not run INFO (allow +info in its ACL)".to_owned()),
            // Redis is there and will not do; the error says why.
            Err(StoreError::Corrupt(why)) => inspection.faults.push(why),
            Err(error) => return Err(error),
        }
        Ok(inspection)
    }

    async fn persistence_warning(&self) -> Result<String, StoreError> {
        let mut get = redis::cmd("CONFIG");
        get.arg("GET").arg("save");
        let save = match self.commands.send(get).await {
            Ok(answer @ (Value::Map(_) | Value::Array(_))) => {
                let mut pair = Reply::of(answer)?;
                pair.bytes()?;
                pair.bytes()?
            }
            // Not allowed, or renamed away, as hosted ones do.
            Ok(_) | Err(StoreError::Corrupt(_)) => b"unknown".to_vec(),
            Err(error) if is_denied(&error) => b"unknown".to_vec(),
            Err(error) => return Err(error),
        };
        Ok(if save.is_empty() {
            "keeps nothing on disk: a restart forgets every session; set appendonly yes".to_owned()
        } else {
            "keeps no append-only file: a crash forgets the logins since the last snapshot; set appendonly yes"
                .to_owned()
        })
    }
}

fn is_denied(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(why) if why.contains("NoPerm"))
}

/// What is wrong with the version in the text of INFO, if anything is.
pub(super) fn version_fault(info: &str) -> Option<String> {
    let version = *fields(info).get("redis_version")?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    (major < OLDEST_MAJOR).then(|| format!("is Redis {version}; 7.0 or newer is needed"))
}

fn fields(info: &str) -> HashMap<&str, &str> {
    info.lines().filter_map(|line| line.split_once(':')).collect()
}

fn judge(info: &HashMap<&str, &str>, inspection: &mut Inspection) {
    let field = |name: &str| info.get(name).copied().unwrap_or_default();
    inspection.description = format!("Redis {} ({})", field("redis_version"), field("redis_mode"));
    if field("role") == "slave" {
        inspection.faults.push("is a replica, which takes no writes: name the primary".to_owned());
    }
    if field("cluster_enabled") == "1" {
        inspection.faults.push("is a node of a Redis Cluster: name it as redis+cluster://".to_owned());
    }
    let policy = field("maxmemory_policy");
    if !matches!(field("maxmemory"), "" | "0") && policy != "noeviction" {
        inspection
            .faults
            .push(format!("may throw sessions away: maxmemory-policy is {policy} and must be noeviction"));
    }
    for name in ["rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"] {
        if field(name) == "err" {
            inspection.warnings.push(format!("failed to write to disk ({name} is err)"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(info: &str) -> Inspection {
        let mut inspection = Inspection::default();
        judge(&fields(info), &mut inspection);
        inspection
    }

    #[test]
    fn an_old_redis_is_refused_and_an_unknown_one_is_not() {
        assert!(version_fault("redis_version:6.2.14\r\n").unwrap().contains("6.2.14"));
        for fine in ["redis_version:7.0.0", "redis_version:8.2.1", "redis_version:unstable", ""] {
            assert_eq!(version_fault(fine), None, "{fine}");
        }
    }

    #[test]
    fn what_would_lose_sessions_is_a_fault() {
        let sound = "redis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\nmaxmemory:0\r\n\
                     maxmemory_policy:allkeys-lru\r\n";
        assert_eq!(judged(sound).description, "Redis 7.0.15 (standalone)");
        assert!(judged(sound).faults.is_empty());
        for (fault, word) in [
            ("maxmemory:1000000\nmaxmemory_policy:allkeys-lru", "noeviction"),
            ("role:slave", "replica"),
            ("cluster_enabled:1", "Cluster"),
        ] {
            assert!(judged(fault).faults[0].contains(word), "{fault}");
        }
        assert_eq!(judged("aof_last_write_status:err").warnings.len(), 1);
    }
}
