//! The Lua scripts, each with its preludes in front, and one invocation of one.

use std::sync::LazyLock;

use redis::{Cmd, ToRedisArgs};

use super::channels::Channels;
use super::layout::slot_of;
use crate::store::{Act, codec};

/// A script as Redis gets it.
pub(super) struct Script {
    plain: Text,
    sharded: Text,
}

struct Text {
    source: String,
    sha: String,
}

impl Script {
    pub(super) fn new(parts: &[&str]) -> Self {
        Self { plain: Text::new(Channels::Plain, parts), sharded: Text::new(Channels::Sharded, parts) }
    }

    const fn text(&self, channels: Channels) -> &Text {
        match channels {
            Channels::Plain => &self.plain,
            Channels::Sharded => &self.sharded,
        }
    }
}

impl Text {
    fn new(channels: Channels, parts: &[&str]) -> Self {
        // A constant and no argument: which channels there are does not change under a running node.
        let mut source =
            format!("local PUBLISH, NUMSUB = '{}', '{}'\n", channels.publish(), channels.count_subscribers());
        // Every test of the engine runs its scripts under a guard that refuses a read after the first write.
        #[cfg(test)]
        source.push_str(include_str!("../lua/guard.lua"));
        parts.iter().for_each(|part| source.push_str(part));
        let sha = redis::Script::new(&source).get_hash().to_owned();
        Self { source, sha }
    }
}

macro_rules! script {
    ($name:ident = $($file:literal)+) => {
        pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(&[$(include_str!(concat!("../lua/", $file, ".lua"))),+]));
    };
}

script!(LOGIN = "record" "user" "nodes" "log" "finish" "mark" "seating" "seats" "takeover" "login");
script!(RESTORE = "record" "user" "nodes" "log" "finish" "mark" "seating" "seats" "readmit" "restore");
script!(ATTACH = "record" "nodes" "presence" "attach");
script!(DETACH = "record" "nodes" "presence" "detach");
script!(RENEW = "record" "nodes" "presence" "log" "finish" "renew");
script!(END = "record" "user" "nodes" "log" "act" "finish" "ending" "end");
script!(SET_DISABLED = "record" "user" "nodes" "log" "act" "finish" "ending" "mark" "seating" "set_disabled");
script!(SET_DATA = "record" "nodes" "set_data");
script!(SWEEP = "record" "nodes" "log" "finish" "sweep");
script!(EVENT = "record" "log" "act" "event");
script!(CENSUS = "record" "census");
script!(PAGE = "any" "record" "nodes" "page");
script!(LIST = "record" "user" "nodes" "list");
script!(REPORT = "report");
script!(JOB = "job");
script!(THROTTLE = "throttle");
script!(PROBE = "probe");

/// A script with its keys and arguments. All keys are of one slot.
pub(super) struct Call {
    script: &'static Script,
    keys: Vec<Vec<u8>>,
    args: Vec<Vec<u8>>,
}

impl Call {
    pub(super) fn new(script: &'static Script, keys: Vec<Vec<u8>>) -> Self {
        Self { script, keys, args: Vec::new() }
    }

    pub(super) fn key(mut self, key: Vec<u8>) -> Self {
        self.keys.push(key);
        self
    }

    pub(super) fn arg(mut self, arg: impl ToRedisArgs) -> Self {
        arg.write_redis_args(&mut self.args);
        self
    }

    /// Who acts, as `lua/act.lua` reads it: four arguments.
    pub(super) fn act(self, act: &Act) -> Self {
        self.arg(act.actor.as_deref().unwrap_or_default())
            .arg(act.note.as_deref().unwrap_or_default())
            .arg(codec::ip_bytes(act.ip))
            .arg(act.session.as_ref().map_or(&[][..], |session| session.as_bytes()))
    }

    /// By its hash, which Redis knows unless it was restarted since.
    pub(super) fn by_hash(&self, channels: Channels) -> Cmd {
        self.command("EVALSHA", &self.script.text(channels).sha)
    }

    /// With its text, which also teaches Redis the hash.
    pub(super) fn by_source(&self, channels: Channels) -> Cmd {
        self.command("EVAL", &self.script.text(channels).source)
    }

    /// The slot of all its keys.
    pub(super) fn slot(&self) -> u16 {
        self.keys.first().map_or(0, |key| slot_of(key))
    }

    /// Whether it touches one key and no other.
    pub(super) fn is_of_one_key(&self) -> bool {
        self.keys.len() == 1
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.args);
        command
    }
}

#[cfg(test)]
mod tests {
    /// The bounds of the house, so that a script stays something that a reviewer can hold in mind.
    #[test]
    fn no_lua_file_is_longer_than_eighty_lines() {
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/lua")).unwrap() {
            let path = entry.unwrap().path();
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= 80, "{} has {lines} lines", path.display());
        }
    }
}
