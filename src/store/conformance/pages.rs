//! The walk over all sessions.

use super::support::{Bench, GHOST_AFTER_MS, held, ids, login, login_of, neighbours, node, of_class, user};
use crate::domain::{DeviceClass, Partition, Reason, Record, Role, SessionId, UserId};
use crate::store::{Act, Filter, Login, Place, Target};

/// A whole walk in pages of at most `limit`. Every cursor goes through its text.
async fn walk(bench: &Bench, filter: &Filter, limit: usize) -> Vec<Record> {
    let (mut after, mut all) = (None, Vec::new());
    for _ in 0..2_000 {
        let page = bench.view.page(filter, limit, after.as_ref(), GHOST_AFTER_MS).await.unwrap();
        assert!(page.sessions.len() <= limit, "{} of {limit}", page.sessions.len());
        all.extend(page.sessions);
        match page.next {
            None => return all,
            Some(next) => after = Some(Place::decode(&next.encode()).unwrap()),
        }
    }
    panic!("the walk does not come to an end");
}

/// By partition, user and id.
fn key(record: &Record) -> (Partition, UserId, SessionId) {
    (record.session.id.partition(), record.session.user.clone(), record.session.id)
}

/// Some users with one session, some with several.
async fn crowd(bench: &Bench) -> Vec<Login> {
    let mut logins = Vec::new();
    for number in 0..60 {
        let user = user(&format!("user{number}"));
        for _ in 0..=number % 3 {
            logins.push(login_of(&user, 9));
        }
    }
    let (_, neighbours) = neighbours(30);
    logins.extend(neighbours.iter().map(login));
    for login in &logins {
        bench.seat(login).await;
    }
    logins
}

pub(crate) async fn a_walk_has_every_session_once_in_its_order_whatever_the_page(bench: &mut Bench) {
    assert!(walk(bench, &Filter::default(), 10).await.is_empty());
    let mut expected: Vec<SessionId> = crowd(bench).await.iter().map(|login| login.id).collect();
    expected.sort_unstable();
    for limit in [1, 7, 100, 1_000] {
        let all = walk(bench, &Filter::default(), limit).await;
        assert!(all.is_sorted_by_key(key), "pages of {limit}");
        let mut all = ids(&all);
        all.sort_unstable();
        assert_eq!(all, expected, "pages of {limit}");
    }
}

/// Its partitions are nearly all empty, and to ask each with a script took longer than a page may.
pub(crate) async fn a_page_has_all_of_a_store_that_holds_few(bench: &mut Bench) {
    let users: Vec<_> = (0..12).map(|number| user(&format!("user{number}"))).collect();
    for user in &users {
        bench.seat(&login(user)).await;
    }
    let page = bench.view.page(&Filter::default(), 1_000, None, GHOST_AFTER_MS).await.unwrap();
    assert_eq!((page.sessions.len(), page.next), (users.len(), None));
}

pub(crate) async fn a_page_is_full_where_there_is_more(bench: &mut Bench) {
    let (_, users) = neighbours(20);
    for user in &users {
        bench.seat(&login(user)).await;
    }
    let first = bench.view.page(&Filter::default(), 8, None, GHOST_AFTER_MS).await.unwrap();
    // All are in one partition; those in front of it may use up the time on a slow machine.
    assert!(first.next.is_some() && (first.sessions.len() == 8 || first.sessions.is_empty()));
    let alone = Filter { user: Some(users[3].clone()), ..Filter::default() };
    let page = bench.view.page(&alone, 8, None, GHOST_AFTER_MS).await.unwrap();
    assert_eq!((page.sessions.len(), page.next), (1, None));
}

pub(crate) async fn what_stands_still_is_neither_missed_nor_repeated_while_others_come_and_go(
    bench: &mut Bench,
) {
    let (_, users) = neighbours(60);
    let (standing, coming) = users.split_at(30);
    let mut expected = Vec::new();
    for user in standing {
        let login = login(user);
        bench.seat(&login).await;
        expected.push(login.id);
    }
    let (mut after, mut seen, mut others) = (None, Vec::new(), coming.iter());
    for round in 0.. {
        assert!(round < 2_000, "the walk does not come to an end");
        let page = bench.view.page(&Filter::default(), 2, after.as_ref(), GHOST_AFTER_MS).await.unwrap();
        seen.extend(ids(&page.sessions).into_iter().filter(|id| expected.contains(id)));
        // Whoever the cursor names goes, and somebody comes before or behind it.
        if let Some(last) = page.sessions.last().filter(|last| !expected.contains(&last.session.id)) {
            let target = Target::Session(last.session.id);
            bench.store.end(&target, Reason::Kicked, None, &Act::NONE).await.unwrap();
        }
        if let Some(user) = others.next() {
            bench.seat(&login(user)).await;
        }
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

pub(crate) async fn a_listed_session_has_its_data_and_connections(bench: &mut Bench) {
    let request = Login { data: Some("{\"a\":1}".into()), ..login(&user("user1")) };
    bench.seat(&request).await;
    bench.store.attach(request.id, held(node(1), 2, 1), GHOST_AFTER_MS).await.unwrap();
    let all = walk(bench, &Filter::default(), 10).await;
    assert_eq!(all, [bench.get(request.id).await]);
    assert_eq!((all[0].connections, all[0].node()), (2, Some(node(1))));
}

pub(crate) async fn what_has_ended_or_lapsed_is_not_listed(bench: &mut Bench) {
    let [live, ended, lapsed] = ["user1", "user2", "user3"].map(|name| login(&user(name)));
    let lapsed = Login { ttl_ms: 20, ..lapsed };
    for login in [&live, &ended] {
        bench.seat(login).await;
    }
    let over = bench.seat(&lapsed).await.session.session.absolute_at;
    bench.store.end(&Target::Session(ended.id), Reason::Kicked, None, &Act::NONE).await.unwrap();
    bench.pass(over).await;
    assert_eq!(ids(&walk(bench, &Filter::default(), 10).await), [live.id]);
}

pub(crate) async fn filters_by_user_and_by_the_beginning_of_its_id(bench: &mut Bench) {
    let names = ["ann", "anna", "bob", "ängström", "an"];
    for name in names {
        for _ in 0..2 {
            bench.seat(&login_of(&user(name), 9)).await;
        }
    }
    let by_user = async |name: &str| {
        let filter = Filter { user: Some(user(name)), ..Filter::default() };
        users_of(&walk(bench, &filter, 1).await)
    };
    assert_eq!(by_user("ann").await, ["ann", "ann"]);
    assert!(by_user("annab").await.is_empty());
    let by_prefix = async |prefix: &str| {
        let filter = Filter { prefix: Some(prefix.to_owned()), ..Filter::default() };
        let mut users = users_of(&walk(bench, &filter, 3).await);
        users.dedup();
        users.sort_unstable();
        users
    };
    assert_eq!(by_prefix("an").await, ["an", "ann", "anna"]);
    assert_eq!(by_prefix("ann").await, ["ann", "anna"]);
    assert_eq!(by_prefix("ä").await, ["ängström"]);
    assert_eq!(by_prefix("").await.len(), names.len());
    assert!(by_prefix("x").await.is_empty());
    let both = Filter { user: Some(user("bob")), prefix: Some("an".into()), ..Filter::default() };
    assert!(walk(bench, &both, 10).await.is_empty());
}

pub(crate) async fn a_search_finds_each_once_in_its_order_whatever_the_page(bench: &mut Bench) {
    let logins = crowd(bench).await;
    for prefix in ["user", "user1", "user59", "nobody"] {
        let wanted = logins.iter().filter(|login| login.user.as_str().starts_with(prefix));
        let mut expected: Vec<SessionId> = wanted.map(|login| login.id).collect();
        expected.sort_unstable();
        let filter = Filter { prefix: Some(prefix.to_owned()), ..Filter::default() };
        for limit in [1, 7, 1_000] {
            let found = walk(bench, &filter, limit).await;
            assert!(found.is_sorted_by_key(key), "{prefix} in pages of {limit}");
            let mut found = ids(&found);
            found.sort_unstable();
            assert_eq!(found, expected, "{prefix} in pages of {limit}");
        }
    }
}

fn users_of(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.session.user.to_string()).collect()
}

pub(crate) async fn filters_by_class_role_and_node(bench: &mut Bench) {
    let pro = Role::parse("pro").unwrap();
    let phone = of_class(login(&user("user1")), DeviceClass::Mobile);
    let desk = Login { roles: vec![Role::parse("member").unwrap(), pro.clone()], ..login(&user("user2")) };
    let bare = Login { roles: Vec::new(), ip: None, user_agent: String::new(), ..login(&user("user3")) };
    for login in [&phone, &desk, &bare] {
        bench.seat(login).await;
    }
    let attach = async |id, number, sequence| {
        bench.store.attach(id, held(node(number), 1, sequence), GHOST_AFTER_MS).await.unwrap();
    };
    attach(phone.id, 1, 1).await;
    attach(desk.id, 1, 1).await;
    attach(desk.id, 2, 1).await;
    attach(bare.id, 3, 1).await;
    bench.store.detach(bare.id, held(node(3), 0, 2)).await.unwrap();

    let found = async |filter: Filter| ids(&walk(bench, &filter, 10).await);
    let class = |class| Filter { class: Some(class), ..Filter::default() };
    assert_eq!(found(class(DeviceClass::Mobile)).await, [phone.id]);
    assert!(found(class(DeviceClass::Tv)).await.is_empty());
    let role = |name| Filter { role: Some(Role::parse(name).unwrap()), ..Filter::default() };
    assert_eq!(found(role("pro")).await, [desk.id]);
    assert_eq!(found(role("member")).await.len(), 2);
    assert!(found(role("pr")).await.is_empty());
    let on = |number| Filter { node: Some(node(number)), ..Filter::default() };
    assert_eq!(found(on(1)).await, [phone.id]);
    assert_eq!(found(on(2)).await, [desk.id], "of the latest connection");
    assert!(found(on(3)).await.is_empty(), "which it no longer holds");
    let all = Filter { class: Some(DeviceClass::Mobile), role: Some(pro), ..Filter::default() };
    assert!(found(all).await.is_empty(), "all that is set has to hold");
}

pub(crate) async fn a_node_that_stopped_renewing_is_no_sessions_node(bench: &mut Bench) {
    let request = login(&user("user1"));
    bench.seat(&request).await;
    bench.store.attach(request.id, held(node(1), 1, 1), GHOST_AFTER_MS).await.unwrap();
    let at = bench.now().await;
    bench.pass(at.plus_millis(5)).await;
    let on = Filter { node: Some(node(1)), ..Filter::default() };
    let page = bench.view.page(&on, 10, None, 1).await.unwrap();
    assert!(page.sessions.is_empty());
    assert_eq!(walk(bench, &on, 10).await.len(), 1);
}
