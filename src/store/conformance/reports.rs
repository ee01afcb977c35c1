//! What nodes say of themselves, and the store of itself.

use super::support::{Bench, node};
use crate::domain::NodeId;
use crate::store::Report;

pub(crate) async fn every_nodes_last_word_and_its_samples_are_read(bench: &mut Bench) {
    let (before, none) = bench.view.reports(true).await.unwrap();
    assert!(none.is_empty());
    for round in 0..3 {
        for number in [2, 1] {
            let (body, sample) = (format!("{{\"round\":{round}}}"), format!("[{number},{round}]"));
            bench.view.report(node(number), &body, &sample).await.unwrap();
        }
    }
    let (now, mut reports) = bench.view.reports(true).await.unwrap();
    reports.sort_by_key(|report| *report.node.as_bytes());
    assert_eq!(reports.iter().map(|report| report.node).collect::<Vec<_>>(), [node(1), node(2)]);
    for (number, report) in (1..).zip(&reports) {
        assert_eq!(report.body, "{\"round\":2}");
        assert!(before <= report.at && report.at <= now);
        let samples: Vec<&str> = report.recent.iter().map(|(_, sample)| sample.as_str()).collect();
        assert_eq!(samples, [0, 1, 2].map(|round| format!("[{number},{round}]")));
        assert!(report.recent.is_sorted_by_key(|(at, _)| *at));
        assert_eq!(report.coarse, report.recent[..1], "one in five minutes");
    }
    let (_, plain) = bench.view.reports(false).await.unwrap();
    assert!(plain.iter().all(|report| report.recent.is_empty() && report.coarse.is_empty()), "{plain:?}");
    assert_eq!(plain.len(), 2);
}

pub(crate) async fn only_the_newest_samples_are_kept(bench: &mut Bench) {
    for number in 0..Report::RECENT + 5 {
        bench.view.report(node(1), "{}", &number.to_string()).await.unwrap();
    }
    let (_, reports) = bench.view.reports(true).await.unwrap();
    assert_eq!(reports[0].recent.len(), Report::RECENT);
    assert_eq!(reports[0].recent[0].1, "5");
}

pub(crate) async fn of_too_many_nodes_those_that_spoke_last_are_listed(bench: &mut Bench) {
    let node = |number: usize| NodeId::from_bytes((number as u64).to_be_bytes());
    bench.view.report(node(1), "{}", "{}").await.unwrap();
    bench.tick().await;
    for number in 2..=Report::MAX_COUNT + 1 {
        bench.view.report(node(number), "{}", "{}").await.unwrap();
    }
    let (_, reports) = bench.view.reports(true).await.unwrap();
    assert_eq!(reports.len(), Report::MAX_COUNT);
    assert!(reports.iter().all(|report| report.node != node(1)), "the first is the one that is dropped");
    assert_eq!(reports.iter().filter(|report| !report.recent.is_empty()).count(), Report::MAX_SAMPLED);
}

pub(crate) async fn the_store_says_how_it_is_doing(bench: &mut Bench) {
    let status = bench.view.status().await.unwrap();
    assert!(status.faults.is_empty(), "{status:?}");
    assert!(!status.description.is_empty() && !status.servers.is_empty());
    for server in &status.servers {
        assert!(!server.name.is_empty() && server.version.is_some(), "{server:?}");
        assert!(server.memory_bytes.or(server.disk_bytes).is_some_and(|bytes| bytes > 0), "{server:?}");
        assert!(server.round_trip_us.is_some(), "{server:?}");
    }
}
