//! The bookkeeping against a table of cases, and against servers that do what servers do, in any order.

use std::time::Duration;

use super::*;

mod generated;

const MOST: usize = 10;

fn address(port: u16) -> Address {
    Address { host: "h".to_owned(), port }
}

/// The lower half of the slots belongs to the first, the upper to the second.
fn halves(lower: u16, upper: u16) -> Arc<Layout> {
    Arc::new(Layout::of_ranges([(0, SLOTS / 2 - 1, address(lower)), (SLOTS / 2, SLOTS - 1, address(upper))]))
}

fn single(port: u16) -> Arc<Layout> {
    Arc::new(Layout::single(address(port)))
}

/// Of slot 12,182, in the upper half.
fn upper() -> Channel {
    Channel::from(b"foo".as_slice())
}

/// Of slot 5,061, in the lower half.
fn lower() -> Channel {
    Channel::from(b"bar".as_slice())
}

fn wanted(layout: Arc<Layout>) -> Wanted {
    let mut wanted = Wanted::new(Instant::now());
    wanted.follow(layout, Instant::now());
    wanted
}

fn connect(wanted: &mut Wanted, port: u16) -> Source {
    let source = Source { server: address(port), connection: wanted.number() };
    wanted.connected(&source).unwrap();
    assert!(wanted.take(&source, 0).is_empty());
    source
}

/// One round in which the server does all that it is asked.
fn obey(wanted: &mut Wanted, source: &Source) -> Work {
    let work = wanted.take(source, MOST);
    work.unsubscribe.iter().for_each(|channel| assert!(!wanted.unsubscribed(source, channel)));
    work.subscribe.iter().for_each(|channel| wanted.subscribed(source, channel));
    assert!(!wanted.settle(source, &work));
    work
}

/// A channel that somebody was promised.
fn promise(wanted: &mut Wanted, source: &Source, channel: &Channel) {
    let mut waiter = wanted.want(channel).unwrap();
    assert_eq!(obey(wanted, source).subscribe, [Arc::clone(channel)]);
    waiter.try_recv().unwrap();
    assert!(wanted.take(source, MOST).is_empty());
}

/// Two primaries that are heard, with a promise at each.
fn two() -> (Wanted, Source, Source) {
    let mut wanted = wanted(halves(1, 2));
    let (one, two) = (connect(&mut wanted, 1), connect(&mut wanted, 2));
    assert_eq!(wanted.news(), None, "whole from the start");
    promise(&mut wanted, &one, &lower());
    promise(&mut wanted, &two, &upper());
    assert_eq!(wanted.news(), None);
    (wanted, one, two)
}

#[test]
fn a_channel_is_asked_of_the_owner_of_its_slot_once_and_then_known() {
    let (mut wanted, one, two) = two();
    assert!(wanted.want(&lower()).is_none());
    assert!(wanted.want(&upper()).is_none());
    assert!(wanted.take(&one, MOST).is_empty());
    assert!(wanted.take(&two, MOST).is_empty());
}

#[test]
fn a_channel_forgotten_while_the_server_was_asked_is_unsubscribed() {
    let mut wanted = wanted(single(1));
    let source = connect(&mut wanted, 1);
    let _waiter = wanted.want(&upper());
    let work = wanted.take(&source, MOST);
    wanted.forget(&upper());
    wanted.subscribed(&source, &upper());
    assert!(!wanted.settle(&source, &work));
    assert_eq!(obey(&mut wanted, &source).unsubscribe, [upper()]);
    assert!(wanted.channels.is_empty());
}

#[test]
fn a_channel_wanted_again_while_it_is_being_left_is_subscribed_anew() {
    let (mut wanted, one, _) = two();
    wanted.forget(&lower());
    let work = wanted.take(&one, MOST);
    assert_eq!(work.unsubscribe, [lower()]);
    let mut waiter = wanted.want(&lower()).expect("what is being left is not promised");
    assert!(!wanted.unsubscribed(&one, &lower()), "asked for, so no loss");
    assert!(!wanted.settle(&one, &work));
    assert_eq!(obey(&mut wanted, &one).subscribe, [lower()]);
    waiter.try_recv().unwrap();
}

#[test]
fn a_channel_wanted_again_before_it_is_left_stays() {
    let (mut wanted, one, _) = two();
    wanted.forget(&lower());
    assert!(wanted.want(&lower()).is_none(), "the server still holds it");
    assert!(wanted.take(&one, MOST).is_empty());
}

#[test]
fn what_nobody_waits_for_any_more_leaves_nothing_behind() {
    let mut wanted = wanted(single(1));
    let source = connect(&mut wanted, 1);
    drop(wanted.want(&upper()));
    assert!(wanted.take(&source, MOST).is_empty());
    let waiter = wanted.want(&upper());
    let work = wanted.take(&source, MOST);
    drop(waiter);
    wanted.subscribed(&source, &upper());
    wanted.settle(&source, &work);
    assert_eq!(obey(&mut wanted, &source).unsubscribe, [upper()]);
    assert!(wanted.channels.is_empty() && wanted.missing.is_empty());
}

#[test]
fn a_lost_connection_is_a_gap_and_brings_back_what_was_promised() {
    let (mut wanted, one, _) = two();
    wanted.lost(&one, Instant::now());
    assert_eq!(wanted.news(), Some(false));
    assert!(!wanted.is_hearing());
    wanted.subscribed(&one, &lower());
    let _waiter = wanted.want(&lower()).expect("a push of the old connection confirms nothing");

    let again = connect(&mut wanted, 1);
    assert_eq!(wanted.news(), None, "there is a connection, and nothing on it yet");
    assert_eq!(obey(&mut wanted, &again).subscribe, [lower()]);
    assert!(wanted.take(&again, MOST).is_empty());
    assert!(wanted.is_hearing());
    assert_eq!(wanted.news(), Some(true));
}

#[test]
fn a_late_word_of_an_earlier_connection_confirms_and_takes_nothing() {
    let (mut wanted, one, _) = two();
    wanted.lost(&one, Instant::now());
    let again = connect(&mut wanted, 1);
    wanted.subscribed(&one, &lower());
    assert_eq!(obey(&mut wanted, &again).subscribe, [lower()], "still to be asked for");
    assert!(!wanted.unsubscribed(&one, &lower()));
    wanted.lost(&one, Instant::now());
    assert!(wanted.want(&lower()).is_none(), "still held");
}

#[test]
fn of_several_losses_the_first_opens_the_gap_and_the_last_to_heal_ends_it() {
    let (mut wanted, one, two) = two();
    wanted.lost(&one, Instant::now());
    assert_eq!(wanted.news(), Some(false));
    wanted.lost(&two, Instant::now());
    assert_eq!(wanted.news(), None);
    for (port, news) in [(1, None), (2, Some(true))] {
        let source = connect(&mut wanted, port);
        obey(&mut wanted, &source);
        assert!(wanted.take(&source, MOST).is_empty());
        assert_eq!(wanted.news(), news);
    }
}

#[test]
fn a_slot_that_is_taken_away_unasked_is_a_gap_until_its_new_owner_has_confirmed() {
    let (mut wanted, one, two) = two();
    assert!(wanted.unsubscribed(&one, &lower()), "a loss");
    assert_eq!(wanted.news(), Some(false));
    assert!(wanted.is_hearing(), "all connections are there");
    assert!(wanted.take(&one, MOST).is_empty(), "not asked again at once");
    let mut waiter = wanted.want(&lower()).expect("not confirmed");

    wanted.follow(halves(2, 2), Instant::now());
    assert!(wanted.take(&one, MOST).is_empty());
    assert_eq!(obey(&mut wanted, &two).subscribe, [lower()], "and only what moved");
    waiter.try_recv().unwrap();
    assert_eq!(wanted.news(), Some(true));
}

#[test]
fn a_layout_that_comes_before_the_server_says_so_moves_the_channel_and_leaves_the_old_owner() {
    let (mut wanted, one, two) = two();
    wanted.follow(halves(2, 1), Instant::now());
    assert_eq!(wanted.news(), Some(false));
    let (left, joined) = (obey(&mut wanted, &one), obey(&mut wanted, &two));
    assert_eq!((left.subscribe, left.unsubscribe), (vec![upper()], vec![lower()]));
    assert_eq!((joined.subscribe, joined.unsubscribe), (vec![lower()], vec![upper()]));
    assert_eq!(wanted.news(), Some(true));
    assert!(!wanted.unsubscribed(&one, &lower()), "a late word of the old owner changes nothing");
    assert_eq!(wanted.news(), None);
}

#[test]
fn who_waits_while_the_slot_moves_is_answered_by_the_new_owner() {
    let (mut wanted, one, two) = two();
    wanted.forget(&lower());
    obey(&mut wanted, &one);
    let mut waiter = wanted.want(&lower()).unwrap();
    let work = wanted.take(&one, MOST);
    wanted.follow(halves(2, 2), Instant::now());
    assert!(!wanted.settle(&one, &work), "no longer its business");
    assert_eq!(obey(&mut wanted, &two).subscribe, [lower()]);
    waiter.try_recv().unwrap();
}

#[test]
fn another_primary_behind_sentinels_takes_over_everything() {
    let mut wanted = wanted(single(1));
    let old = connect(&mut wanted, 1);
    promise(&mut wanted, &old, &lower());
    promise(&mut wanted, &old, &upper());
    wanted.news();
    let since = Instant::now() + Duration::from_secs(5);
    wanted.follow(single(2), since);
    assert_eq!(wanted.news(), Some(false));
    assert_eq!(wanted.outlook(&lower()), Outlook::Away { since });
    wanted.lost(&old, since);
    let new = connect(&mut wanted, 2);
    assert_eq!(wanted.outlook(&lower()), Outlook::Connected);
    assert_eq!(obey(&mut wanted, &new).subscribe.len(), 2);
    assert!(wanted.take(&new, MOST).is_empty());
    assert_eq!(wanted.news(), Some(true));
}

#[test]
fn what_is_refused_waits_for_a_retry_and_keeps_the_gap_open() {
    let (mut wanted, one, _) = two();
    wanted.lost(&one, Instant::now());
    let again = connect(&mut wanted, 1);
    let work = wanted.take(&again, MOST);
    assert!(wanted.settle(&again, &work), "refused");
    assert!(wanted.take(&again, MOST).is_empty());
    assert!(wanted.has_parked(&again));
    assert!(!wanted.is_hearing());
    let _waiter = wanted.want(&lower());
    assert!(wanted.take(&again, MOST).is_empty(), "a caller does not make it storm");
    assert_eq!(wanted.news(), Some(false));
    wanted.retry(&again, MOST);
    assert_eq!(obey(&mut wanted, &again).subscribe, [lower()]);
    assert!(wanted.take(&again, MOST).is_empty());
    assert_eq!(wanted.news(), Some(true));
}

#[test]
fn what_could_not_be_left_is_left_later() {
    let (mut wanted, one, _) = two();
    wanted.forget(&lower());
    let work = wanted.take(&one, MOST);
    assert!(wanted.settle(&one, &work), "refused");
    assert!(wanted.take(&one, MOST).is_empty());
    wanted.retry(&one, MOST);
    assert_eq!(obey(&mut wanted, &one).unsubscribe, [lower()]);
    assert_eq!(wanted.news(), None);
}

#[test]
fn a_slot_without_an_owner_is_not_heard_and_its_promises_are_kept() {
    let (mut wanted, _, two) = two();
    wanted.follow(Arc::new(Layout::of_ranges([(SLOTS / 2, SLOTS - 1, address(2))])), Instant::now());
    assert_eq!(wanted.news(), Some(false));
    assert!(!wanted.is_hearing());
    wanted.follow(halves(2, 2), Instant::now());
    assert_eq!(obey(&mut wanted, &two).subscribe, [lower()]);
    assert_eq!(wanted.news(), Some(true));
}

#[test]
fn a_primary_without_slots_is_nothing_to_wait_for() {
    let (mut wanted, ..) = two();
    let layout = Layout::of_ranges([
        (0, 0, address(3)),
        (0, SLOTS / 2 - 1, address(1)),
        (SLOTS / 2, SLOTS - 1, address(2)),
    ]);
    assert_eq!(layout.primaries().len(), 3);
    wanted.follow(Arc::new(layout), Instant::now());
    assert!(wanted.is_hearing());
    assert_eq!(wanted.news(), None);
}

#[test]
fn a_first_connection_that_does_not_come_is_no_gap_and_one_that_breaks_is() {
    let mut wanted = wanted(halves(1, 2));
    let one = connect(&mut wanted, 1);
    assert_eq!(wanted.news(), None, "the node has nothing to miss yet");
    promise(&mut wanted, &one, &lower());
    assert_eq!(wanted.news(), None);
    wanted.lost(&one, Instant::now());
    assert_eq!(wanted.news(), Some(false), "now it has");
}
