//! Views of members that have not all heard the same.

use super::*;

fn at(port: u16) -> Address {
    Address { host: "h".to_owned(), port }
}

fn primary(port: u16, epoch: u64, slots: &[(u16, u16)]) -> Member {
    Member { address: at(port), is_primary: true, is_well: true, epoch, slots: slots.to_vec() }
}

fn view(epoch: u64, members: &[Member]) -> View {
    View { serves: true, epoch, members: members.to_vec() }
}

#[test]
fn members_that_agree_make_the_layout_that_they_all_see() {
    let members = [primary(1, 1, &[(0, 99)]), primary(2, 2, &[(100, 199), (300, 300)])];
    let layout = merge(&[view(2, &members), view(2, &members)]).unwrap();
    assert_eq!(layout.primaries(), [at(1), at(2)]);
    assert_eq!(
        (layout.owner(99), layout.owner(100), layout.owner(300)),
        (Some(&at(1)), Some(&at(2)), Some(&at(2)))
    );
    assert_eq!(layout.owner(200), None);
}

#[test]
fn of_two_claims_to_a_slot_the_one_with_the_higher_epoch_is_right() {
    // Slot 5 has moved from 1 to 2, which 1 does not know yet.
    let stale = view(2, &[primary(1, 1, &[(0, 9)]), primary(2, 2, &[(10, 19)])]);
    let fresh = view(3, &[primary(1, 1, &[(0, 4), (6, 9)]), primary(2, 3, &[(5, 5), (10, 19)])]);
    for views in [[stale.clone(), fresh.clone()], [fresh.clone(), stale.clone()]] {
        let layout = merge(&views).unwrap();
        assert_eq!(
            (layout.owner(4), layout.owner(5), layout.owner(6)),
            (Some(&at(1)), Some(&at(2)), Some(&at(1)))
        );
    }
    assert_eq!(merge(&[stale.clone(), fresh.clone()]), merge(&[fresh, stale]), "whoever answers first");
}

#[test]
fn an_old_primary_that_was_cut_off_owns_nothing_and_is_no_primary() {
    let old = view(1, &[primary(1, 1, &[(0, 9)])]);
    let mut demoted = primary(1, 4, &[(0, 9)]);
    demoted.is_primary = false;
    let new = view(4, &[primary(2, 4, &[(0, 9)]), demoted]);
    let layout = merge(&[old, new]).unwrap();
    assert_eq!(layout.primaries(), [at(2)]);
}

#[test]
fn a_member_for_which_the_cluster_is_down_counts_only_if_it_is_for_all() {
    let down = View { serves: false, ..view(9, &[primary(1, 9, &[(0, 9)])]) };
    let up = view(3, &[primary(2, 3, &[(0, 9)])]);
    assert_eq!(merge(&[down.clone(), up]).unwrap().primaries(), [at(2)]);
    assert_eq!(merge(&[down]).unwrap().primaries(), [at(1)]);
    assert_eq!(merge(&[]), None);
}

#[test]
fn a_primary_without_slots_is_in_the_layout_unless_it_has_failed() {
    let mut dead = primary(4, 0, &[]);
    dead.is_well = false;
    let layout = merge(&[view(1, &[primary(1, 1, &[(0, 9)]), primary(3, 0, &[]), dead])]).unwrap();
    assert_eq!(layout.primaries(), [at(1), at(3)]);
}

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn map(pairs: Vec<(&str, Value)>) -> Value {
    Value::Map(pairs.into_iter().map(|(name, value)| (text(name), value)).collect())
}

fn answers(endpoint: Value) -> Vec<Value> {
    let node = |id: &str, role: &str, health: &str, endpoint: Value| {
        let names = vec![("id", text(id)), ("ip", text("10.0.0.1")), ("endpoint", endpoint)];
        let rest = vec![("port", Value::Int(7000)), ("role", text(role)), ("health", text(health))];
        map([names, rest].concat())
    };
    let nodes = vec![node("a", "master", "online", endpoint), node("b", "replica", "fail", text("r"))];
    let slots = Value::Array([0, 99, 200, 200].map(Value::Int).into());
    vec![
        text("cluster_state:ok\r\ncluster_current_epoch:7\r\n"),
        text("a 10.0.0.1:7000@17000 myself,master - 0 0 5 connected 0-99 200\nb x slave a 0 0 5 connected\n"),
        Value::Array(vec![map(vec![("slots", slots), ("nodes", Value::Array(nodes))])]),
    ]
}

#[test]
fn a_view_has_epochs_slots_and_the_endpoints_that_members_are_to_be_reached_by() {
    let asked = Address { host: "seed".to_owned(), port: 1 };
    for (endpoint, host) in [
        (text("n1.example"), "n1.example"),
        (text("?"), "10.0.0.1"),
        (text(""), "seed"),
        (Value::Nil, "seed"),
    ] {
        let view = View::read(&asked, false, answers(endpoint)).unwrap();
        assert!(view.serves && view.epoch == 7);
        let [first, second] = view.members.try_into().unwrap();
        let address = Address { host: host.to_owned(), port: 7000 };
        let slots = vec![(0, 99), (200, 200)];
        assert_eq!(first, Member { address, is_primary: true, is_well: true, epoch: 5, slots });
        assert!(!second.is_primary && !second.is_well && second.address.host == "r");
    }
}

#[test]
fn a_strange_answer_is_no_view() {
    let asked = at(1);
    assert!(View::read(&asked, false, vec![]).is_err());
    assert!(View::read(&asked, false, vec![text(""), text(""), Value::Int(1)]).is_err());
    let empty = View::read(&asked, false, vec![text(""), text("\n"), Value::Array(vec![])]).unwrap();
    assert!(!empty.serves && empty.members.is_empty());
}
