//! What Redis says of the commands that held it up, for the benches that must not.

use std::time::Duration;

use super::redis_server::RedisServer;

const MOST_MICROS: u64 = 5_000;
/// Everything above a tenth of a millisecond is listed, and what a bench is made of is below that or is counted.
pub const LISTED_MICROS: u64 = 100;

/// Forgets what was, and notes what is to come.
pub async fn begin(server: &RedisServer) {
    server.command(&format!("CONFIG SET slowlog-log-slower-than {LISTED_MICROS}")).await;
    server.command("CONFIG SET slowlog-max-len 100000").await;
    server.command("SLOWLOG RESET").await;
}

/// Prints what was slow, and answers the slowest; fails if anything was too slow, unless whoever asked for JSON judges.
pub fn report(what: &str, micros: &[u64]) -> u64 {
    let slowest = micros.iter().copied().max().unwrap_or(0);
    println!("{what}: {} commands above {LISTED_MICROS} µs, the slowest {slowest} µs", micros.len());
    assert!(slowest <= MOST_MICROS || super::load::wants_json(), "a command held Redis for {slowest} µs");
    slowest
}

/// How long each command in Redis's slow log took, in microseconds; our own looking at it left out.
pub async fn read(server: &RedisServer) -> Vec<u64> {
    let client = redis::Client::open(server.url()).expect("a URL");
    // A long log takes long to tell.
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(60)));
    let mut connection =
        client.get_multiplexed_async_connection_with_config(&patient).await.expect("a connection");
    let mut get = redis::cmd("SLOWLOG");
    let entries: Vec<redis::Value> =
        get.arg("GET").arg(-1).query_async(&mut connection).await.expect("the slow log");
    entries
        .into_iter()
        .filter_map(|entry| {
            // Its number, when, how long, the command and its arguments, who.
            let redis::Value::Array(fields) = entry else { return None };
            let [_, _, redis::Value::Int(micros), redis::Value::Array(command), ..] = fields.as_slice()
            else {
                return None;
            };
            let is_script =
                matches!(command.first(), Some(redis::Value::BulkString(name)) if name.starts_with(b"EVAL"));
            is_script.then(|| micros.cast_unsigned())
        })
        .collect()
}

/// How much of a processor Redis has used, in microseconds.
pub async fn cpu_micros(server: &RedisServer) -> f64 {
    let info = server.command("INFO cpu").await;
    let used = |name| {
        info.lines().find_map(|line| line.strip_prefix(name)).and_then(|used| used.parse::<f64>().ok())
    };
    (used("used_cpu_user:").unwrap_or(0.0) + used("used_cpu_sys:").unwrap_or(0.0)) * 1e6
}

/// How long Redis was at these commands until now, in microseconds by its own account. What a script calls is in the
/// script's time, and counts for itself as well.
#[allow(dead_code, reason = "each bench uses its part")]
pub async fn command_micros(server: &RedisServer, commands: &[&str]) -> f64 {
    let info = server.command("INFO commandstats").await;
    let micros = |line: &str| {
        let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let usec = figures.split(',').find_map(|figure| figure.strip_prefix("usec="))?;
        usec.parse::<f64>().ok().filter(|_| commands.contains(&name))
    };
    info.lines().filter_map(micros).sum()
}
