//! The users of `deploy/redis`: they may do everything that Hotseat does, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value, cmd};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::redis_cluster::{ClusterOptions, RedisCluster};
use super::redis_sentinel::{RedisSentinel, SentinelOptions};
use super::redis_server::RedisServer;
use super::{Redis, events_of, gap, login, message_about, seated, user};
use crate::chance::Chance;
use crate::config::{RedisConfig, RedisUrl, WaitConfig};
use crate::domain::{Generation, NodeId, Presence, Reason, Timestamp};
use crate::store::conformance::jobs::job;
use crate::store::conformance::support::rank_of;
use crate::store::{
    Act, Audience, EventFilter, EventKind, Fed, Filter, Image, Level, Log as _, Message, NewEvent, Notice,
    Notification, Period, Renewal, Restore, Said, Store as _, StoreError, Target, View as _,
};

const USERS: &str = include_str!("../../../../deploy/redis/hotseat.acl");
const SENTINELS: &str = include_str!("../../../../deploy/redis/sentinel.acl");

/// The rules of a user of the file, with a password.
fn rules<'a>(file: &'a str, user: &str) -> impl Iterator<Item = String> + use<'a> {
    let start = format!("user {user} ");
    let line = file.lines().find_map(|line| line.strip_prefix(&start)).expect("a line of that user");
    line.split(' ').map(|rule| rule.replace("CHANGE-ME", "secret"))
}

/// The arguments by which a server has the user.
fn arguments() -> Vec<String> {
    ["--user", "hotseat"].map(str::to_owned).into_iter().chain(rules(USERS, "hotseat")).collect()
}

async fn server_with_user() -> RedisServer {
    let arguments = arguments();
    let arguments: Vec<&str> =
        ["--save", ""].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    RedisServer::start_with(&arguments).await
}

fn as_hotseat(url: &str) -> String {
    url.replacen("://", "://hotseat:secret@", 1)
}

fn open(url: &str, wait_replicas: u8) -> (Arc<Redis>, mpsc::Receiver<Notice>) {
    let wait = WaitConfig { replicas: wait_replicas, timeout: Duration::from_secs(2) };
    let config = RedisConfig { wait, ..RedisConfig::of(RedisUrl::parse(url).unwrap()) };
    Redis::open_with(&config, Arc::new(Chance::system())).unwrap()
}

/// What was refused, as the server says.
async fn refusals(server: &RedisServer) -> String {
    let log: Vec<Value> = server.query(cmd("ACL").arg("LOG")).await.unwrap();
    format!("{log:?}")
}

/// Every operation of the store at least once.
async fn do_everything(store: &Redis, notices: &mut mpsc::Receiver<Notice>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(error) = store.time_us().await {
        assert!(Instant::now() < deadline, "{error}");
        sleep(Duration::from_millis(20)).await;
    }
    let (ann, node) = (user("ann"), NodeId::from_bytes([1; 8]));
    store.subscribe(&ann).await.unwrap();
    seated(store.login(&login(&ann)).await.unwrap());
    let (live, replaced) = seated(store.login(&login(&ann)).await.unwrap());
    assert_eq!(replaced.len(), 1);
    message_about(notices, &ann).await;
    let id = live.session.id;
    let presence = |count, sequence| Presence { node, count, sequence };
    store.attach(id, presence(1, 1), 60_000).await.unwrap();
    store.set_data(id, Some("{}")).await.unwrap();
    assert!(store.get(id, true).await.unwrap().unwrap().data.is_some());
    let renewal = Renewal { id, seen_ago_ms: Some(1), presence: Some(presence(1, 2)) };
    store.renew(node, id.partition(), &[renewal], 60_000).await.unwrap();
    store.detach(id, presence(0, 3)).await.unwrap();
    assert_eq!(store.sessions_of(&ann, 60_000).await.unwrap().len(), 1);
    let request = login(&ann);
    let live_at = Timestamp::from_millis(store.time_us().await.unwrap() / 1_000);
    let restore = Restore { image: Image::of(&live), live_at, limits: request.limits, by: request.by };
    store.restore(&restore).await.unwrap();
    store.acknowledge(&ann, Generation(1), node).await.unwrap();
    assert_eq!(store.census(10, 60_000).await.unwrap().count, 1);
    store.sweep(id.partition(), node).await.unwrap();
    store.throttle("bucket", 1, 60_000, 1).await.unwrap();
    store.end(&Target::User(ann.clone()), Reason::Kicked, None, &Act::NONE).await.unwrap();
    store.set_disabled(&ann, true, Said::Now, &Act::NONE).await.unwrap();
    store.set_disabled(&ann, false, Said::Now, &Act::NONE).await.unwrap();
    assert!(!events_of(store, &ann, 100).await.is_empty());
    view_everything(store, node).await;
    store.follow().await.unwrap();
    let event = NewEvent::new(EventKind::Job, None, Act::NONE);
    store.record(&event).await.unwrap();
    // The first time; it is handed out once.
    if let Some(mut feed) = store.feed() {
        while !matches!(feed.recv().await, Some(Fed::Event(event)) if event.kind == EventKind::Job) {}
    }
    assert!(!store.events(&EventFilter::default(), 100, None).await.unwrap().events.is_empty());
    store.unfollow();
    let told = Notification { to: Audience::Everybody, level: Level::Info, text: "t".to_owned() };
    store.notify(&told).await.unwrap();
    while !matches!(super::next(notices).await, Notice::Message(Message::Notice(_))) {}
    store.unsubscribe(&ann);
    store.inspect().await.unwrap();
}

async fn view_everything(store: &Redis, node: NodeId) {
    let ann = user("ann");
    let filter = Filter { node: Some(node), ..Filter::default() };
    store.page(&filter, 10, None, 60_000).await.unwrap();
    assert_eq!(store.contested(Period::Day, 10).await.unwrap()[0].user, ann);
    assert!(rank_of(store, &ann, Period::Week).await.is_some());
    assert!(store.disabled_at(&ann).await.unwrap().is_none());
    store.report(node, "{}", "{}").await.unwrap();
    assert!(!store.reports(true).await.unwrap().1.is_empty());
    let job = job(u128::from(store.time_us().await.unwrap()));
    store.begin_job(&job).await.unwrap().unwrap();
    let taken = store.take_job(node).await.unwrap().unwrap();
    assert!(store.step_job(&taken).await.unwrap());
    assert!(store.put_off_job(&taken, 1_000).await.unwrap());
    store.cancel_job(taken.id).await.unwrap().unwrap();
    assert!(!store.jobs().await.unwrap().jobs.is_empty());
    assert!(store.status().await.unwrap().servers.iter().all(|server| server.version.is_some()));
}

#[tokio::test]
async fn hotseats_user_may_do_all_that_hotseat_does() {
    let server = server_with_user().await;
    let (store, mut notices) = open(&as_hotseat(&server.url()), 0);
    do_everything(&store, &mut notices).await;
    server.command("CLIENT KILL TYPE normal").await;
    server.command("CLIENT KILL TYPE pubsub").await;
    gap(&mut notices, true).await;
    do_everything(&store, &mut notices).await;
    let (elsewhere, mut notices) = open(&format!("{}/3", as_hotseat(&server.url())), 0);
    do_everything(&elsewhere, &mut notices).await;
    assert_eq!(refusals(&server).await, "[]");
}

#[tokio::test]
async fn hotseats_user_may_do_all_that_hotseat_does_on_a_cluster() {
    let options = ClusterOptions { primaries: 1, extra: arguments(), ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    let (store, mut notices) = open(&as_hotseat(&cluster.url()), 0);
    do_everything(&store, &mut notices).await;
    for index in 0..cluster.len() {
        assert_eq!(refusals(cluster.server(index)).await, "[]");
    }
}

#[tokio::test]
async fn hotseats_users_may_do_all_that_hotseat_does_behind_sentinels() {
    let options = SentinelOptions { replicas: 1, extra: arguments(), ..SentinelOptions::default() };
    let rig = RedisSentinel::start_with(options).await;
    let mut set_user = cmd("ACL");
    set_user.arg("SETUSER").arg("hotseat").arg(rules(SENTINELS, "hotseat").collect::<Vec<_>>());
    for index in 0..3 {
        let _: () = rig.sentinel(index).query(&set_user).await.unwrap();
    }
    let url = format!("{}?sentinel_user=hotseat&sentinel_password=secret", as_hotseat(&rig.url()));
    let (store, mut notices) = open(&url, 1);
    do_everything(&store, &mut notices).await;
    let inspection = store.inspect().await.unwrap();
    assert!(inspection.faults.is_empty(), "{inspection:?}");
    assert!(
        inspection.description.ends_with("1 replica, behind 3 Sentinels (master hotseat, quorum 2)"),
        "{inspection:?}"
    );
    for index in 0..rig.len() {
        assert_eq!(refusals(rig.server(index)).await, "[]");
    }
    for index in 0..3 {
        assert_eq!(refusals(rig.sentinel(index)).await, "[]");
    }
}

#[tokio::test]
async fn hotseats_user_may_do_nothing_else() {
    let server = server_with_user().await;
    let client = redis::Client::open(as_hotseat(&server.url())).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for line in [
        "FLUSHALL",
        "FLUSHDB",
        "KEYS *",
        "SCAN 0",
        "RANDOMKEY",
        "DBSIZE",
        "CONFIG GET requirepass",
        "CONFIG SET maxmemory 1",
        "ACL LIST",
        "CLIENT LIST",
        "MONITOR",
        "SHUTDOWN",
        "REPLICAOF NO ONE",
        "CLUSTER FORGET x",
        "MIGRATE 127.0.0.1 1 hs:x 0 1",
        "SCRIPT FLUSH",
        "FUNCTION LIST",
        "GET other",
        "SET other 1",
        "GET hsx:1",
        "PUBLISH other 1",
        "SUBSCRIBE other",
        "PSUBSCRIBE hs:*",
    ] {
        let answer: Result<Value, _> = words(line).query_async(&mut connection).await;
        let error = answer.expect_err(line);
        assert_eq!(error.code(), Some("NOPERM"), "{line}: {error}");
    }
    let mut script = cmd("EVAL");
    script.arg("return redis.call('GET', KEYS[1])").arg(1).arg("other");
    let answer: Result<Value, _> = script.query_async(&mut connection).await;
    assert!(answer.is_err(), "nor by a script");
}

#[tokio::test]
async fn who_has_no_password_may_only_ask_whether_redis_is_there() {
    let server = RedisServer::start_with(&["--save", ""]).await;
    let mut set_user = cmd("ACL");
    set_user.arg("SETUSER").arg("default").arg(rules(USERS, "default").collect::<Vec<_>>());
    let _: () = server.query(&set_user).await.unwrap();
    assert!(server.command("PING").await.contains("PONG"));
    for line in ["GET hs:meta", "INFO", "ACL WHOAMI", "SUBSCRIBE hs:x", "CONFIG GET *"] {
        assert!(server.command(line).await.contains("NOPERM"), "{line}");
    }
}

/// The files are read by Redis as they lie, but for the password.
#[tokio::test]
async fn the_files_are_what_redis_takes() {
    let text = USERS.replace("CHANGE-ME", "secret");
    // Without the line for everybody, by which the test asks.
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("user default ")).collect();
    let address = super::redis_server::with_bus(super::redis_server::own_host());
    let files = [("users.acl", format!("{}\n", lines.join("\n")))];
    let server = RedisServer::start_at(address, &["--aclfile", "users.acl"], &files).await.unwrap();
    let users: Vec<String> = server.query(cmd("ACL").arg("USERS")).await.unwrap();
    assert_eq!(users, ["default", "hotseat"]);
    assert_eq!((USERS.lines().count(), SENTINELS.lines().count()), (2, 1), "and nothing else is in them");
}

fn words(line: &str) -> Cmd {
    let mut words = line.split(' ');
    let mut command = cmd(words.next().unwrap_or_default());
    command.arg(words.collect::<Vec<_>>());
    command
}

/// The file's rules, but for one right.
async fn take_away(server: &RedisServer, right: &str) {
    let mut set_user = cmd("ACL");
    set_user.arg("SETUSER").arg("hotseat").arg("reset").arg(rules(USERS, "hotseat").collect::<Vec<_>>());
    let _: () = server.query(set_user.arg(right)).await.unwrap();
}

async fn until_usable(store: &Redis, wanted: bool) {
    let start = Instant::now();
    while store.time_us().await.is_ok() != wanted {
        assert!(start.elapsed() < Duration::from_secs(20), "usable is not {wanted}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// A script whose user may not publish ended the old session, failed, and seated nobody, at every login.
#[tokio::test]
async fn a_user_that_lacks_a_right_ends_nobody_and_what_it_lacks_is_named() {
    let server = server_with_user().await;
    let ann = user("ann");
    let old = login(&ann);
    let (whole, _notices) = open(&as_hotseat(&server.url()), 0);
    until_usable(&whole, true).await;
    seated(whole.login(&old).await.unwrap());
    drop(whole);
    for (right, named) in [
        ("-publish", "PUBLISH hs:{0}:u:x"),
        ("resetchannels", "PUBLISH hs:{0}:u:x"),
        ("-xadd", "XADD hs:{0}:e"),
        ("-pexpire", "PEXPIRE hs:{0}:e"),
        ("-pexpireat", "PEXPIREAT hs:{0}:l"),
        ("-zadd", "ZADD hs:{0}:l"),
        ("-hgetall", "HGETALL hs:{0}:n"),
        ("-getex", "GETEX hs:meta"),
        ("-evalsha", "EVALSHA x"),
        ("-eval", "EVAL"),
        ("resetkeys", "GET hs:{0}:s:x"),
        ("-subscribe", "SUBSCRIBE hs:{0}:u:x"),
    ] {
        take_away(&server, right).await;
        let (store, _notices) = open(&as_hotseat(&server.url()), 0);
        let refused = store.login(&login(&ann)).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{right}: {refused:?}");
        let unusable = store.time_us().await;
        assert!(matches!(unusable, Err(StoreError::Unavailable(_))), "{right}: {unusable:?}");
        let faults = store.inspect().await.unwrap().faults;
        assert!(faults.iter().any(|fault| fault.contains(named)), "{right}: {faults:?}");
    }
    take_away(&server, "+ping").await;
    let (whole, _notices) = open(&as_hotseat(&server.url()), 0);
    until_usable(&whole, true).await;
    assert!(whole.get(old.id, false).await.unwrap().unwrap().is_live(), "nothing was half done");
    assert_eq!(whole.inspect().await.unwrap().faults, [""; 0]);
}

#[tokio::test]
async fn a_right_that_is_revoked_is_missed_with_the_next_heartbeat() {
    let server = server_with_user().await;
    let config = RedisConfig {
        look_every: Duration::from_millis(100),
        ..RedisConfig::of(RedisUrl::parse(&as_hotseat(&server.url())).unwrap())
    };
    let (store, _notices) = Redis::open_with(&config, Arc::new(Chance::system())).unwrap();
    until_usable(&store, true).await;
    take_away(&server, "-xadd").await;
    until_usable(&store, false).await;
    take_away(&server, "+ping").await;
    until_usable(&store, true).await;
}

#[tokio::test]
async fn a_user_that_may_not_wait_for_replicas_is_missed_where_logins_do() {
    let server = server_with_user().await;
    take_away(&server, "-wait").await;
    let (store, _notices) = open(&as_hotseat(&server.url()), 1);
    let faults = store.inspect().await.unwrap().faults;
    assert!(faults.iter().any(|fault| fault.contains("WAIT 1")), "{faults:?}");
    let (indifferent, _notices) = open(&as_hotseat(&server.url()), 0);
    until_usable(&indifferent, true).await;
}
