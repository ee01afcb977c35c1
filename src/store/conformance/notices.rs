//! What is told to people at their devices.

use super::support::{Bench, user};
use crate::store::{Audience, Level, Message, Notification};

fn notification(to: Audience) -> Notification {
    Notification { to, level: Level::Warning, text: "We close at six \u{2014} \"sharp\".".to_owned() }
}

pub(crate) async fn a_users_notice_reaches_who_holds_the_user(bench: &mut Bench) {
    let unheard = notification(Audience::User("ben".to_owned()));
    let heard = notification(Audience::User("ann".to_owned()));
    bench.store.subscribe(&user("ann")).await.unwrap();
    bench.second_log().notify(&unheard).await.unwrap();
    bench.second_log().notify(&heard).await.unwrap();
    assert_eq!(bench.message().await, Message::Notice(heard));
}

pub(crate) async fn a_notice_for_a_role_or_everybody_reaches_every_node(bench: &mut Bench) {
    // Each node hears them from its start, but for the moment that it takes to subscribe.
    let mut probe = 0;
    let first = loop {
        let told = notification(Audience::Role(format!("role{probe}")));
        bench.log.notify(&told).await.unwrap();
        probe += 1;
        let heard = async { (bench.message().await, bench.message_at_second_if_any().await) };
        match tokio::time::timeout(std::time::Duration::from_millis(500), heard).await {
            Ok((one, other)) => break (one, other),
            Err(_) => assert!(probe < 40, "nobody hears of it"),
        }
    };
    for message in [Some(first.0), first.1].into_iter().flatten() {
        assert!(
            matches!(message, Message::Notice(Notification { to: Audience::Role(_), .. })),
            "{message:?}"
        );
    }
    let everybody = notification(Audience::Everybody);
    bench.log.notify(&everybody).await.unwrap();
    loop {
        if bench.message().await == Message::Notice(everybody.clone()) {
            break;
        }
    }
}
