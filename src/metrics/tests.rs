//! What is shown, and under which names.

use super::*;

#[tokio::test]
async fn what_is_counted_is_shown_under_its_name() {
    let metrics = Metrics::new();
    metrics.login("seated");
    metrics.ended(Reason::Takeover);
    metrics.restored("yielded");
    let lost = metrics.store_call::<()>("login", async { Err(StoreError::OutcomeUnknown(String::new())) });
    assert!(lost.await.is_err());
    let text = metrics.encode();
    for line in [
        "hotseat_logins_total{result=\"seated\"} 1",
        "hotseat_sessions_ended_total{reason=\"takeover\"} 1",
        "hotseat_store_calls_total{call=\"login\",result=\"unknown\"} 1",
        "hotseat_takeover_seconds_count 0",
        "hotseat_pubsub_gaps_total 0",
        "hotseat_brakes_total{kind=\"api_key\"} 0",
        "hotseat_entries_damaged_total{kind=\"event\"} 0",
        "hotseat_failovers_total 0",
        "hotseat_sessions_restored_total{result=\"yielded\"} 1",
        "hotseat_heal_seconds_count 0",
        "hotseat_journal_facts 0",
        "hotseat_journal_dropped_total 0",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_is_told_of_under_the_usual_names() {
    let text = Metrics::new().encode();
    for name in [
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_start_time_seconds",
        "process_open_fds",
        "process_max_fds",
    ] {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value: f64 = value.unwrap_or_else(|| panic!("{name} is missing in {text}")).parse().unwrap();
        assert!(value >= 0.0, "{name} {value}");
    }
    // The EOF stands once, at the end.
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
}
