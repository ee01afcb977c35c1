//! Each connection runs over a pipe in memory and paused time: nothing here waits for real.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message as WsMessage;

use super::super::testing::{ClientEnd, NODE, Told, eviction, eviction_for, notice, pipe, session};
use super::super::{CLOSE_TIMEOUT, Command, Hub};
use super::*;
use crate::domain::{Reason, Timestamp};
use crate::protocol::{MAX_MESSAGE_BYTES, MAX_MESSAGES_PER_MINUTE, ServerMessage};

const HEARTBEAT: Duration = Duration::from_secs(30);
/// Enough for every message of these tests.
const ROOMY: usize = 64 * 1024;

/// A connection of session 1 that runs until it is closed, then leaves the hub, and reports all its facts.
fn run(hub: &Arc<Hub>, capacity: usize) -> (ClientEnd, JoinHandle<Vec<Fact>>) {
    let (mut socket, client) = pipe(capacity);
    let hub = Arc::clone(hub);
    let mut connection = hub.register(session(1)).connection;
    let task = tokio::spawn(async move {
        let mut facts = Vec::new();
        while !matches!(facts.last(), Some(Fact::Closed | Fact::Vanished)) {
            facts.push(connection.next(&mut socket).await);
        }
        hub.remove(connection.session, connection.id);
        facts
    });
    (client, task)
}

fn hub() -> Arc<Hub> {
    Hub::new(NODE, HEARTBEAT)
}

#[tokio::test(start_paused = true)]
async fn an_evicted_connection_is_told_why_and_then_only_closed() {
    for reason in Reason::ALL {
        let (hub, told) = (hub(), Told::default());
        let (mut client, task) = run(&hub, ROOMY);
        assert_eq!(hub.send(session(1), &notice("before")), 1);
        assert_eq!(hub.evict(session(1), &eviction_for(&told, reason)), 1);
        assert_eq!(hub.send(session(1), &notice("after")), 0);

        let seen = client.read_to_end().await;
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen[0].contains(&format!(r#""reason":"{reason}""#)), "{seen:?}");
        assert_eq!(seen[1], format!("<close {}>", CloseCode::of(reason).0));
        assert_eq!(task.await.unwrap(), [Fact::Closed]);
        assert_eq!((told.written(), told.delivered()), (1, 1));
        assert!(hub.is_empty());
    }
}

/// The library answers a ping when it writes next, after what it is given to write.
#[tokio::test(start_paused = true)]
async fn the_answer_to_a_ping_does_not_come_between_the_reason_and_the_close() {
    let (mut socket, mut client) = pipe(ROOMY);
    client.send_frame(WsMessage::Ping(Vec::new().into())).await;
    assert!(matches!(socket.next().await, Some(Ok(Message::Ping(_)))));
    evict(&mut socket, eviction(&Told::default())).await;
    drop(socket);
    let seen = client.read_to_end().await;
    assert_eq!((seen[0].as_str(), seen[2].as_str()), ("<pong>", "<close 4409>"), "{seen:?}");
}

/// The welcome goes past the library's buffer, which it would fill for good, but not past what lies in it.
#[tokio::test(start_paused = true)]
async fn the_welcome_comes_after_what_waits_and_in_one_piece() {
    let (mut socket, mut client) = pipe(64);
    let data = "x".repeat(70_000);
    let welcome =
        ServerMessage::Welcome { session: &data, server_time: Timestamp::from_millis(1), heartbeat_s: 30 };
    client.send_frame(WsMessage::Ping(Vec::new().into())).await;
    assert!(matches!(socket.next().await, Some(Ok(Message::Ping(_)))));
    let text = welcome.to_text();
    let telling = async move {
        socket::greet(&mut socket, &welcome).await.unwrap();
        socket::part(&mut socket, CloseCode::RESTARTING, "").await;
    };
    let (seen, ()) = tokio::join!(client.read_to_end(), telling);
    assert_eq!(seen, ["<pong>", text.as_str(), "<close 1012>"]);
}

#[tokio::test(start_paused = true)]
async fn two_evictions_are_told_once() {
    let (hub, first, second) = (hub(), Told::default(), Told::default());
    let (mut client, task) = run(&hub, ROOMY);
    hub.evict(session(1), &eviction(&first));
    hub.evict(session(1), &eviction_for(&second, Reason::Kicked));
    assert_eq!(second.delivered(), 1, "nobody has to be told of it any more");
    let seen = client.read_to_end().await;
    assert_eq!(seen.last().unwrap(), "<close 4409>");
    assert_eq!(seen.len(), 2, "{seen:?}");
    task.await.unwrap();
    assert_eq!((first.written(), second.written()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn delivery_is_reported_once_when_all_tabs_were_told_or_are_gone() {
    let (hub, told) = (hub(), Told::default());
    let (mut reads, reader) = run(&hub, ROOMY);
    let (_never_reads, deaf) = run(&hub, 16);
    let (leaves, gone) = run(&hub, ROOMY);
    drop(leaves);
    gone.await.unwrap();

    let begin = Instant::now();
    assert_eq!(hub.evict(session(1), &eviction(&told)), 2);
    reads.read_to_end().await;
    reader.await.unwrap();
    assert_eq!((told.written(), told.delivered()), (1, 0), "one tab has yet to be told");
    deaf.await.unwrap();
    assert_eq!((told.written(), told.delivered()), (1, 1));
    assert_eq!(begin.elapsed(), CLOSE_TIMEOUT);
    assert!(hub.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_but_never_closes_is_cut() {
    let (hub, told) = (hub(), Told::default());
    // Room for both messages, and nobody who answers the close.
    let (client, task) = run(&hub, ROOMY);
    let begin = Instant::now();
    hub.evict(session(1), &eviction(&told));
    task.await.unwrap();
    assert_eq!(begin.elapsed(), CLOSE_TIMEOUT);
    assert_eq!((told.written(), told.delivered()), (1, 1));
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn delivery_does_not_wait_for_the_close() {
    let (hub, told) = (hub(), Told::default());
    let (mut client, task) = run(&hub, ROOMY);
    hub.evict(session(1), &eviction(&told));
    assert!(client.text().await.contains("force_logout"));
    assert_eq!(told.delivered(), 1);
    assert!(!task.is_finished());
    drop(client);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn evicted_while_a_write_is_stuck_it_is_out_within_two_seconds() {
    let (hub, told) = (hub(), Told::default());
    let (_never_reads, task) = run(&hub, 16);
    hub.send(session(1), &notice("longer than the pipe"));
    tokio::time::advance(Duration::from_secs(1)).await;
    let begin = Instant::now();
    assert_eq!(hub.evict(session(1), &eviction(&told)), 1);
    task.await.unwrap();
    assert!(begin.elapsed() <= CLOSE_TIMEOUT, "{:?}", begin.elapsed());
    assert_eq!((told.written(), told.delivered()), (0, 1), "not told, but gone");
}

#[tokio::test(start_paused = true)]
async fn evicted_while_a_write_is_slow_it_is_told_after_it() {
    let (hub, told) = (hub(), Told::default());
    let (mut client, task) = run(&hub, 16);
    hub.send(session(1), &notice("longer than the pipe"));
    tokio::time::advance(Duration::from_secs(1)).await;
    hub.evict(session(1), &eviction(&told));
    let seen = client.read_to_end().await;
    assert!(seen[0].contains("notice") && seen[1].contains("force_logout"), "{seen:?}");
    assert_eq!(seen[2..], ["<close 4409>"]);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_cuts_the_connection() {
    let hub = hub();
    let (_never_reads, task) = run(&hub, 16);
    let begin = Instant::now();
    while hub.send(session(1), &notice("and again")) == 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(task.await.unwrap(), [Fact::Closed]);
    assert!(begin.elapsed() <= CLOSE_TIMEOUT);
    assert!(hub.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_half_open_socket_is_found_by_the_second_heartbeat() {
    let hub = hub();
    let begin = Instant::now();
    // Its pipe takes the pings, but nobody answers them.
    let (mut client, task) = run(&hub, ROOMY);
    assert_eq!(task.await.unwrap(), [Fact::Vanished]);
    assert!(
        begin.elapsed() <= 2 * HEARTBEAT,
        "nobody waits for its answer to the close: {:?}",
        begin.elapsed()
    );
    // Read raw, because tungstenite would want to answer.
    let mut raw = Vec::new();
    client.0.get_mut().read_to_end(&mut raw).await.unwrap();
    let (ping, close) = raw.split_at(2);
    assert_eq!(ping, [0x89, 0]);
    assert_eq!(close[2..4], 4408_u16.to_be_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_pings_stays_and_pays_nothing_for_it() {
    let hub = hub();
    let (mut client, task) = run(&hub, ROOMY);
    let begin = Instant::now();
    let mut pings = 0;
    while pings < 3 * MAX_MESSAGES_PER_MINUTE {
        pings += u32::from(client.0.next().await.unwrap().unwrap().is_ping());
    }
    assert!(!task.is_finished());
    let due = HEARTBEAT * (pings - 1);
    assert!(begin.elapsed() >= due && begin.elapsed() <= due + HEARTBEAT + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_slept_does_not_take_its_clients_for_silent() {
    let hub = hub();
    let (mut client, task) = run(&hub, ROOMY);
    for _ in 0..3 {
        while !client.0.next().await.unwrap().unwrap().is_ping() {}
        client.send("ping").await;
        tokio::time::advance(20 * HEARTBEAT).await;
    }
    assert!(!task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_welcomed_late_has_a_whole_heartbeat_to_answer() {
    let hub = hub();
    let (mut socket, mut client) = pipe(ROOMY);
    let mut connection = hub.register(session(1)).connection;
    // Connection 0 is due with the first tick of each round. The store takes its time.
    tokio::time::sleep(HEARTBEAT - Duration::from_millis(1)).await;
    connection.welcomed();
    let task = tokio::spawn(async move { connection.next(&mut socket).await });
    for _ in 0..3 {
        while !client.0.next().await.unwrap().unwrap().is_ping() {}
        let pinged = Instant::now();
        tokio::time::sleep(HEARTBEAT / 2).await;
        assert!(!task.is_finished(), "put out {:?} after a ping", pinged.elapsed());
        client.send("ping").await;
    }
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn the_101st_message_of_a_minute_is_too_many() {
    let hub = hub();
    let (mut client, task) = run(&hub, ROOMY);
    for frame in 0..=MAX_MESSAGES_PER_MINUTE {
        let ping = WsMessage::Ping(Bytes::new());
        client.send_frame(if frame % 2 == 0 { WsMessage::text("ping") } else { ping }).await;
    }
    let seen = client.read_to_end().await;
    assert_eq!(seen.iter().filter(|said| *said == "pong").count(), 50);
    assert_eq!(seen[seen.len() - 2..], [r#"{"type":"error","code":"too-many-messages"}"#, "<close 4429>"]);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hundred_messages_each_minute_are_fine() {
    let hub = hub();
    let (mut client, task) = run(&hub, ROOMY);
    for _ in 0..3 {
        for _ in 0..MAX_MESSAGES_PER_MINUTE {
            client.send("ping").await;
            assert_eq!(client.text().await, "pong");
        }
        tokio::time::advance(Quota::WINDOW).await;
    }
    assert!(!task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_protocol_is_refused_by_name() {
    let long = format!(r#"{{"type":"ping","pad":"{}"}}"#, "x".repeat(5000));
    let cases = [
        (WsMessage::text("{"), "malformed-message", 1008),
        (WsMessage::text("PING"), "malformed-message", 1008),
        (WsMessage::text(r#"{"type":"dance"}"#), "malformed-message", 1008),
        (WsMessage::text(r#"{"type":"auth"}"#), "malformed-message", 1008),
        (WsMessage::text(r#"{"type":"auth","token":"hs1.x"}"#), "already-authenticated", 1008),
        (WsMessage::binary(vec![0_u8, 1]), "binary-message", 1008),
        (WsMessage::text(long), "message-too-long", 1009),
    ];
    for (frame, word, code) in cases {
        let hub = hub();
        let (mut client, task) = run(&hub, ROOMY);
        client.send_frame(frame).await;
        let seen = client.read_to_end().await;
        let expected = [format!(r#"{{"type":"error","code":"{word}"}}"#), format!("<close {code}>")];
        assert_eq!(seen[..2], expected);
        assert_eq!(task.await.unwrap(), [Fact::Closed]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_just_the_allowed_length_is_read() {
    let hub = hub();
    let (mut client, _task) = run(&hub, ROOMY);
    let pad = "x".repeat(MAX_MESSAGE_BYTES - r#"{"type":"ping","pad":""}"#.len());
    client.send(&format!(r#"{{"type":"ping","pad":"{pad}"}}"#)).await;
    assert_eq!(client.text().await, r#"{"type":"pong"}"#);
}

#[tokio::test(start_paused = true)]
async fn what_people_do_is_reported_and_a_close_is_answered() {
    let hub = hub();
    let (mut client, task) = run(&hub, ROOMY);
    client.send(r#"{"type":"activity"}"#).await;
    client.send(r#"{"type":"logout","why":"unknown members are ignored"}"#).await;
    client.0.close(None).await.unwrap();
    assert_eq!(client.read_to_end().await.len(), 1, "the answer to the close and no more");
    assert_eq!(task.await.unwrap(), [Fact::Activity, Fact::Logout, Fact::Closed]);
    assert!(hub.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_told_at_once_and_closed_later() {
    let hub = hub();
    let (mut client, task) = run(&hub, ROOMY);
    let begin = Instant::now();
    let (retry_after, close_in) = (Duration::from_millis(1500), Duration::from_secs(7));
    hub.send_all(|| Command::Restart { retry_after, close_in });
    assert_eq!(client.text().await, r#"{"type":"restarting","retry_after_ms":1500}"#);
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert_eq!(client.read_to_end().await.last().unwrap(), "<close 1012>");
    assert_eq!(begin.elapsed(), close_in);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_eviction_during_a_restart_still_comes_through() {
    let (hub, told) = (hub(), Told::default());
    let (mut client, _task) = run(&hub, ROOMY);
    hub.send_all(|| Command::Restart { retry_after: Duration::ZERO, close_in: Duration::from_secs(7) });
    client.text().await;
    hub.evict(session(1), &eviction(&told));
    assert_eq!(client.read_to_end().await.last().unwrap(), "<close 4409>");
}

#[tokio::test(start_paused = true)]
async fn a_fenced_node_closes_with_the_code_it_is_given() {
    let hub = hub();
    let (mut client, _task) = run(&hub, ROOMY);
    hub.send_all(|| Command::Close(CloseCode::STORE_LOST));
    assert_eq!(client.read_to_end().await, ["<close 1013>"]);
}

#[tokio::test(start_paused = true)]
async fn an_eviction_between_registration_and_the_first_turn_is_kept() {
    let (hub, told) = (hub(), Told::default());
    let (mut socket, mut client) = pipe(ROOMY);
    let mut connection = hub.register(session(1)).connection;
    hub.evict(session(1), &eviction(&told));
    // As the handler does: the welcome is under way when the eviction comes.
    socket::say(&mut socket, Message::text("welcome")).await.unwrap();
    let task = tokio::spawn(async move { connection.next(&mut socket).await });
    let seen = client.read_to_end().await;
    assert_eq!(seen[0], "welcome");
    assert!(seen[1].contains("force_logout"));
    assert_eq!(task.await.unwrap(), Fact::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_connection_dropped_half_way_lets_go_of_its_eviction() {
    let (hub, told) = (hub(), Told::default());
    let registered = hub.register(session(1));
    hub.evict(session(1), &eviction(&told));
    assert_eq!(told.delivered(), 0);
    // As when the task that runs it panics.
    drop(registered.connection);
    assert_eq!((told.written(), told.delivered()), (0, 1));
    assert_eq!(hub.evict(session(1), &eviction(&told)), 0);
}
