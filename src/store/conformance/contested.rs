//! Who was taken over most.

use super::support::{Bench, login, login_of, neighbours, on_device, rank_of, user};
use crate::domain::UserId;
use crate::store::{Contested, Period};

const PERIODS: [Period; 2] = [Period::Day, Period::Week];

async fn take_over(bench: &Bench, user: &UserId, times: usize) {
    for _ in 0..=times {
        bench.seat(&login(user)).await;
    }
}

async fn top(bench: &Bench, period: Period, top: usize) -> Vec<(String, u64)> {
    let all = bench.view.contested(period, top).await.unwrap();
    all.into_iter().map(|Contested { user, takeovers }| (user.to_string(), takeovers)).collect()
}

pub(crate) async fn the_most_contested_come_first_and_of_equals_the_lower_id(bench: &mut Bench) {
    assert!(top(bench, Period::Day, 10).await.is_empty());
    for (name, times) in [("ann", 1), ("bob", 3), ("carl", 0), ("dora", 1), ("eve", 2)] {
        take_over(bench, &user(name), times).await;
    }
    let expected = [("bob", 3), ("eve", 2), ("ann", 1), ("dora", 1)].map(|(name, n)| (name.to_owned(), n));
    for period in PERIODS {
        // All of it in one running day, or over again in another.
        assert_eq!(top(bench, period, 10).await, expected, "{period:?}");
        assert_eq!(top(bench, period, 3).await, expected[..3], "{period:?}");
        for (name, rank) in [("bob", 1), ("eve", 2), ("ann", 3), ("dora", 3)] {
            let takeovers = expected.iter().find(|(known, _)| known == name).unwrap().1;
            assert_eq!(rank_of(&*bench.view, &user(name), period).await, Some((takeovers, rank)));
        }
        for name in ["carl", "nobody"] {
            assert_eq!(rank_of(&*bench.view, &user(name), period).await, None);
        }
    }
}

pub(crate) async fn the_top_may_all_lie_in_one_partition(bench: &mut Bench) {
    let (_, mut users) = neighbours(12);
    for user in &users {
        take_over(bench, user, 2).await;
    }
    take_over(bench, &user("elsewhere"), 1).await;
    users.sort_unstable();
    let expected: Vec<(String, u64)> = users.iter().map(|user| (user.to_string(), 2)).collect();
    assert_eq!(top(bench, Period::Day, 10).await, expected[..10]);
    assert_eq!(top(bench, Period::Week, 100).await.len(), 13);
}

pub(crate) async fn a_login_counts_once_however_many_it_took_over_and_a_replacement_does_not(
    bench: &mut Bench,
) {
    let ann = user("ann");
    for _ in 0..3 {
        bench.seat(&login_of(&ann, 3)).await;
    }
    let taking = login(&ann);
    assert_eq!(bench.seat(&taking).await.replaced.len(), 3);
    bench.seat(&taking).await;
    let again = on_device(login(&ann), &taking.device);
    assert_eq!(bench.seat(&again).await.replaced.len(), 1);
    assert_eq!(rank_of(&*bench.view, &ann, Period::Day).await, Some((1, 1)));
}
