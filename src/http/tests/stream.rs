//! The live stream, with a log and a feed that the test holds.

use std::sync::PoisonError;

use axum::body::BodyDataStream;
use futures_util::StreamExt as _;

use super::*;
use crate::domain::{Partition, Timestamp};
use crate::store::{Event, EventId, EventKind, SessionPresence};

/// What comes comes within this.
const SOON: Duration = Duration::from_secs(20);
/// Long enough to see that nothing comes.
const A_WHILE: Duration = Duration::from_millis(100);

/// The reading end of a stream.
struct Reader {
    body: BodyDataStream,
    text: String,
}

/// One frame: its event, id and data.
#[derive(Debug, PartialEq)]
struct Frame {
    event: String,
    id: String,
    data: Value,
}

impl Reader {
    async fn open(node: &Node, query: &str, headers: &[(&str, &str)]) -> Self {
        let key = key();
        let mut all = vec![("authorization", key.as_str())];
        all.extend(headers);
        let request = request(Method::GET, &format!("/api/admin/stream{query}"), &all, None);
        let response = node.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next frame that is an event; `None` at the end.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let start = format!("{name}: ");
                    frame.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().to_owned()
                };
                let (event, id, data) = (field("event"), field("id"), field("data"));
                self.text = rest.to_owned();
                if !event.is_empty() {
                    return Some(Frame { event, id, data: serde_json::from_str(&data).unwrap() });
                }
                continue;
            }
            let bytes = tokio::time::timeout(SOON, self.body.next()).await.expect("a frame in time")?;
            self.text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
        }
    }

    async fn expect(&mut self, event: &str) -> Frame {
        let frame = self.next().await.expect("the stream goes on");
        assert_eq!(frame.event, event, "{frame:?}");
        frame
    }
}

/// The event of a millisecond, which is its place in the log as well.
fn event(ms: u64) -> Event {
    let at = Timestamp::from_millis(ms);
    let user = UserId::parse("user", "ann").unwrap();
    Event { id: id(ms), ..Event::new(at, EventKind::Login, Some(user)) }
}

fn id(ms: u64) -> EventId {
    EventId { ms, partition: Partition::FIRST, sequence: 0 }
}

/// Whether the feed tells of it.
#[derive(PartialEq)]
enum Feed {
    Tells,
    IsBroken,
}

/// Writes into the log and, unless that is broken, the feed.
fn happen(log: &Blank, feed: &Feed, event: Event) {
    log.events.lock().unwrap_or_else(PoisonError::into_inner).insert(0, event.clone());
    if *feed == Feed::Tells {
        log.feeder.tell(event);
    }
}

/// Every id until the stream has told this one.
async fn ids_until(reader: &mut Reader, last: u64) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.last() != Some(&id(last).to_string()) {
        ids.push(reader.expect("event").await.id);
    }
    ids
}

#[tokio::test]
async fn what_happens_is_told_as_it_happens() {
    let (node, log, _feed) = Node::on_blank().await;
    let mut reader = Reader::open(&node, "", &[]).await;
    happen(&log, &Feed::Tells, event(1_000));
    let told = reader.expect("event").await;
    assert_eq!(
        (told.id.as_str(), &told.data["type"], &told.data["user"]),
        ("1000-0-0", &json!("login"), &json!("ann"))
    );
    assert_eq!(
        (&told.data["id"], &told.data["time"]),
        (&json!("1000-0-0"), &json!("1970-01-01T00:00:01.000Z"))
    );
}

/// Cut in the middle, and back with the id that it had last: what happened meanwhile, and what was on the way, is told.
#[tokio::test]
async fn a_reader_that_was_cut_misses_nothing() {
    let (node, log, _feed) = Node::on_blank().await;
    let mut reader = Reader::open(&node, "", &[]).await;
    for ms in 10_000..10_010 {
        happen(&log, &Feed::Tells, event(ms));
    }
    let last = ids_until(&mut reader, 10_004).await.pop().unwrap();
    drop(reader);
    for ms in 10_010..10_020 {
        happen(&log, &Feed::Tells, event(ms));
    }
    for (query, headers) in
        [(String::new(), vec![("last-event-id", last.as_str())]), (format!("?after={last}"), vec![])]
    {
        let mut again = Reader::open(&node, &query, &headers).await;
        let ids = ids_until(&mut again, 10_019).await;
        let wanted: Vec<_> = (10_005..10_020).map(|ms| id(ms).to_string()).collect();
        // What it may have been told before comes first.
        assert!(ids.ends_with(&wanted), "{ids:?}");
        assert!(!ids.contains(&last), "the one that it named it has");
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "told twice in one stream: {ids:?}");
    }
}

/// What the feed brings while the log is read is told once.
#[tokio::test]
async fn the_log_and_the_feed_overlap_without_a_double() {
    let (node, log, _feed) = Node::on_blank().await;
    happen(&log, &Feed::IsBroken, event(10_000));
    let headers = [("last-event-id", "9999-0-0")];
    let mut reader = Reader::open(&node, "", &headers).await;
    // Subscribed before the log is read: it is in both.
    happen(&log, &Feed::Tells, event(10_001));
    happen(&log, &Feed::Tells, event(10_002));
    assert_eq!(ids_until(&mut reader, 10_002).await, ["10000-0-0", "10001-0-0", "10002-0-0"]);
}

#[tokio::test]
async fn who_was_away_for_too_long_reads_anew() {
    let (node, log, _feed) = Node::on_blank().await;
    for ms in 10_000..11_500 {
        happen(&log, &Feed::IsBroken, event(ms));
    }
    let mut reader = Reader::open(&node, "", &[("last-event-id", "10000-0-0")]).await;
    reader.expect("reset").await;
    let ids = ids_until(&mut reader, 11_499).await;
    assert_eq!((ids.len(), ids[0].as_str()), (1_000, "10500-0-0"), "the newest 1,000, oldest first");
}

#[tokio::test]
async fn after_a_gap_the_log_tells_what_was_lost() {
    let (node, log, feed) = Node::on_blank().await;
    let mut reader = Reader::open(&node, "", &[("last-event-id", "9999-0-0")]).await;
    happen(&log, &Feed::Tells, event(10_000));
    reader.expect("event").await;
    feed.send(Notice::Gap { connected: false }).await.unwrap();
    assert_eq!(reader.expect("gap").await.data, json!({"connected": false}));
    happen(&log, &Feed::IsBroken, event(10_001));
    // The log can't be read at first, as it is where the store was away.
    log.is_away.store(true, std::sync::atomic::Ordering::Relaxed);
    feed.send(Notice::Gap { connected: true }).await.unwrap();
    assert_eq!(reader.expect("gap").await.data, json!({"connected": true}));
    tokio::time::timeout(A_WHILE, reader.next()).await.expect_err("nothing is told out of order");
    log.is_away.store(false, std::sync::atomic::Ordering::Relaxed);
    happen(&log, &Feed::Tells, event(10_002));
    assert_eq!(ids_until(&mut reader, 10_002).await, ["10001-0-0", "10002-0-0"]);
}

/// 10,000 events while nobody reads: some are told, all others are counted, and nothing is kept of them.
#[tokio::test]
async fn a_slow_reader_is_told_how_much_it_missed() {
    let (node, log, _feed) = Node::on_blank().await;
    let mut reader = Reader::open(&node, "", &[]).await;
    for ms in 10_000..20_000 {
        log.feeder.tell(event(ms));
        tokio::task::yield_now().await;
    }
    let mut told = 0;
    let mut skipped = 0;
    while told + skipped < 10_000 {
        match reader.next().await.unwrap() {
            frame if frame.event == "summary" => skipped += frame.data["skipped"]["login"].as_u64().unwrap(),
            frame => {
                assert_eq!(frame.event, "event");
                told += 1;
            }
        }
    }
    assert_eq!(told + skipped, 10_000, "each is told or counted");
    assert!((1..=256).contains(&told), "{told}");
    let metrics = node.get("/metrics", &[]).await;
    assert_eq!(metrics.status, StatusCode::OK);
}

#[tokio::test]
async fn only_what_is_asked_for_is_told() {
    let (node, log, _feed) = Node::on_blank().await;
    let mut reader = Reader::open(&node, "?types=kicked,failed&user=ann", &[]).await;
    for (ms, kind, reason) in [
        (1, EventKind::Login, None),
        (2, EventKind::Ended, Some(crate::domain::Reason::Kicked)),
        (3, EventKind::Ended, Some(crate::domain::Reason::Idle)),
        (4, EventKind::Failed, None),
    ] {
        happen(&log, &Feed::Tells, Event { kind, reason, ..event(ms) });
    }
    assert_eq!(ids_until(&mut reader, 4).await, ["2-0-0", "4-0-0"]);
    for (query, field) in [("?types=fridge", "types"), ("?after=x", "after"), ("?since=1", "since")] {
        let key = key();
        let refused = node.get(&format!("/api/admin/stream{query}"), &[("authorization", &key)]).await;
        assert_eq!((refused.word(), &refused.body["field"]), ("invalid-request", &json!(field)));
    }
}

/// The log is followed while somebody watches, and no longer.
#[tokio::test]
async fn the_log_is_followed_only_while_somebody_watches() {
    let (node, log, _feed) = Node::on_blank().await;
    let followed = || log.followed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let first = Reader::open(&node, "", &[]).await;
    let second = Reader::open(&node, "", &[]).await;
    drop(first);
    assert_eq!(followed(), [true, true]);
    drop(second);
    assert_eq!(followed(), [true, true, false]);
    drop(Reader::open(&node, "", &[]).await);
    assert_eq!(followed(), [true, true, false, true, false]);
}

#[tokio::test]
async fn one_watcher_too_many_is_sent_elsewhere() {
    let (node, _, _feed) = Node::on_blank().await;
    let mut readers = Vec::new();
    for _ in 0..100 {
        readers.push(Reader::open(&node, "", &[]).await);
    }
    let key = key();
    let refused = node.get("/api/admin/stream", &[("authorization", &key)]).await;
    assert_eq!((refused.word(), refused.status.as_u16()), ("overloaded", 503));
    readers.pop();
    readers.push(Reader::open(&node, "", &[]).await);
}

/// Whoever loses the session that watches sees nothing more, at once and not at the next look.
#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let (node, log, _feed) = Node::on_blank().await;
    let token = node.token("admin").await;
    let session: crate::domain::Token = crate::domain::Token::parse(&token).unwrap();
    let credential = bearer(&token);
    let request = request(Method::GET, "/api/admin/stream", &[("authorization", &credential)], None);
    let response = node.router.clone().oneshot(request).await.unwrap();
    let mut reader = Reader { body: response.into_body().into_data_stream(), text: String::new() };
    log.feeder.tell(event(1));
    reader.expect("event").await;
    let ended = Event { kind: EventKind::Ended, session: Some(session.session()), ..event(2) };
    log.feeder.tell(ended);
    assert_eq!(reader.next().await, None);
}

/// Also while the log is read for it, which may take long.
#[tokio::test]
async fn a_stream_ends_with_its_session_while_the_log_is_read() {
    let (node, log, _feed) = Node::on_blank().await;
    let token = node.token("admin").await;
    let session = crate::domain::Token::parse(&token).unwrap().session();
    log.is_slow.store(true, std::sync::atomic::Ordering::Relaxed);
    let credential = bearer(&token);
    let headers = [("authorization", credential.as_str()), ("last-event-id", "1-0-0")];
    let request = request(Method::GET, "/api/admin/stream", &headers, None);
    let response = node.router.clone().oneshot(request).await.unwrap();
    let mut reader = Reader { body: response.into_body().into_data_stream(), text: String::new() };
    tokio::time::timeout(A_WHILE, reader.next()).await.expect_err("the log is being read");
    log.feeder.tell(Event { kind: EventKind::Ended, session: Some(session), ..event(2) });
    assert_eq!(reader.next().await, None);
}

/// What finds no room on its way to the watchers is a gap, which the log fills.
#[tokio::test]
async fn a_feed_that_was_too_much_is_a_gap_that_the_log_fills() {
    let (node, log, _feed) = Node::on_blank().await;
    let mut reader = Reader::open(&node, "?user=ann", &[("last-event-id", "9999-0-0")]).await;
    happen(&log, &Feed::Tells, event(10_000));
    reader.expect("event").await;
    let other = || Event { user: None, ..event(1) };
    (0..5_000).for_each(|_| log.feeder.tell(other()));
    happen(&log, &Feed::Tells, event(10_001));
    assert_eq!(reader.expect("gap").await.data, json!({"connected": true}));
    assert_eq!(reader.expect("event").await.id, "10001-0-0");
}

#[tokio::test]
async fn a_node_that_goes_sends_its_watchers_away() {
    let (node, _, _feed) = Node::on_blank().await;
    let mut reader = Reader::open(&node, "", &[]).await;
    node.enforcer.drain();
    assert_eq!(reader.next().await, None);
    let key = key();
    assert_eq!(node.get("/api/admin/stream", &[("authorization", &key)]).await.word(), "overloaded");
}

#[tokio::test]
async fn who_asks_for_it_is_told_how_sessions_are_connected() {
    let (node, log, _feed) = Node::on_blank().await;
    let mut asks = Reader::open(&node, "?presence=true", &[]).await;
    let mut does_not = Reader::open(&node, "", &[]).await;
    let presence = |number: u8, connections| SessionPresence {
        id: crate::domain::SessionId::new(Partition::FIRST, Timestamp::from_millis(1), [number; 8]),
        connections,
        node: (connections > 0).then(|| NodeId::from_bytes([2; 8])),
        seen_at: Timestamp::from_millis(1_000),
    };
    log.feeder.tell_presence(|| vec![presence(1, 2)]);
    let told = asks.expect("presence").await;
    let id = presence(1, 2).id.to_string();
    let session = json!({
        "id": id, "node": "0202020202020202", "connections": 2, "last_seen_at": "1970-01-01T00:00:01.000Z",
    });
    assert_eq!((told.id.as_str(), told.data), ("", json!({"sessions": [session], "more": false})));

    // More than a screen holds: so many, and that there were more.
    let many: Vec<_> = (0..=u8::MAX).map(|number| presence(number, 0)).collect();
    log.feeder.tell_presence(|| many);
    let told = asks.expect("presence").await;
    assert_eq!((told.data["sessions"].as_array().unwrap().len(), &told.data["more"]), (200, &json!(true)));

    happen(&log, &Feed::Tells, event(1_000));
    does_not.expect("event").await;
    let refused = node.get("/api/admin/stream?presence=2", &[("authorization", &key())]).await;
    assert_eq!((refused.word(), &refused.body["field"]), ("invalid-request", &json!("presence")));
}
