//! What happens to a session while its first connection is on the way to be counted.

use super::forgetful::Forgetful;
use super::healing::{Renewals, node};
use super::*;

async fn until(what: &str, so: impl Fn() -> bool) {
    let seen = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(DEADLINE, seen).await.unwrap_or_else(|_| panic!("{what}"));
}

/// Whoever heard only the message had nothing to remember the end by, and an ended session is not said goodbye to: a
/// failover that forgot the end and not the connection left it counted for as long as the session lived.
#[tokio::test]
async fn an_end_that_is_told_while_its_session_arrives_is_remembered() {
    let store = Forgetful::new();
    store.replicate();
    let rig = node(1, &store, Renewals::Off);
    let (token, record, _) = rig.login("phone", false).await;
    let id = record.session.id;
    store.attaching_hangs.store(true, Ordering::SeqCst);
    let enforcer = Arc::clone(&rig.enforcer);
    let attaching = tokio::spawn(async move { enforcer.attach(&token).await });
    until("it is counted", || store.attached.load(Ordering::SeqCst) == 1).await;
    let replica = store.cut();
    // By another node, which goes with the primary.
    store.end(&Target::Session(id), Reason::Kicked, None, &Act::NONE).await.unwrap();
    until("it is told", || matches!(rig.enforcer.here.recall(id), Ok(Recalled::Ended))).await;

    store.attaching_hangs.store(false, Ordering::SeqCst);
    let Attached::Live { mut connection, .. } = within(attaching).await.unwrap().unwrap() else {
        panic!("it was live when it was counted")
    };
    let (mut socket, mut client) = pipe(4096);
    let heard = tokio::spawn(async move { client.read_to_end().await });
    assert_eq!(within(connection.next(&mut socket)).await, Fact::Closed);
    drop(socket);
    assert_eq!(within(heard).await.unwrap().last().unwrap(), "<close 4403>");
    rig.enforcer.detach(id, connection.id).await;

    store.promote(replica).await;
    assert_eq!(store.get(id, false).await.unwrap().unwrap().connections, 1, "it has forgotten the end alone");
    store.announce().await;
    let ended = rig.until("ended again", &record, |found| !found.is_live()).await;
    assert_eq!(ended.end.unwrap().reason, Reason::Kicked);
}
