//! The contract of [`Store`], [`View`] and [`Log`] as tests: one suite, run on every engine.
//!
//! An engine's tests say `conformance_suite!(crate::path::to::open)`, where `open` is an async function that
//! makes a fresh, empty store as a [`Bench`]; every case becomes a test of its own. Engines keep their own
//! time, so cases use short deadlines and poll the store's clock until they have passed; bounds that a slow
//! machine could break are wide.

pub(crate) mod channel;
pub(crate) mod contested;
pub(crate) mod disabling;
pub(crate) mod ends;
pub(crate) mod equivalence;
pub(crate) mod events;
pub(crate) mod feed;
pub(crate) mod jobs;
pub(crate) mod logins;
pub(crate) mod notices;
pub(crate) mod pages;
pub(crate) mod presence;
pub(crate) mod races;
pub(crate) mod readmission;
pub(crate) mod reports;
pub(crate) mod restores;
pub(crate) mod support;
pub(crate) mod sweeps;

pub(crate) use support::Bench;

/// Makes one test of each case; `open` is the whole path of an `async fn() -> Bench`.
macro_rules! conformance_suite {
    ($open:path) => {
        $crate::store::conformance::with_cases!(conformance_tests, $open);
    };
}

macro_rules! conformance_tests {
    ($open:path; $($file:ident: $($case:ident)+;)+) => {
        $(mod $file {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let mut bench = $open().await;
                $crate::store::conformance::$file::$case(&mut bench).await;
                bench.close().await;
            })+
        })+
    };
}

/// The same with one test a file, for an engine whose ground is slow to prepare: `ground` is the whole path of an
/// `async fn` to something with an `async fn bench(&self) -> Bench` that makes it fresh and empty.
macro_rules! conformance_suite_by_file {
    ($ground:path) => {
        $crate::store::conformance::with_cases!(conformance_tests_by_file, $ground);
    };
}

macro_rules! conformance_tests_by_file {
    ($ground:path; $($file:ident: $($case:ident)+;)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $file() {
            let ground = $ground().await;
            $({
                // Shown when it fails.
                println!("{}", stringify!($case));
                let mut bench = ground.bench().await;
                $crate::store::conformance::$file::$case(&mut bench).await;
                bench.close().await;
            })+
        })+
    };
}

/// Every case there is. One that is missing here is dead code, which the compiler refuses.
macro_rules! with_cases {
    ($callback:ident, $open:path) => {
        $crate::store::conformance::$callback! { $open;
            logins:
                a_login_is_seated_and_can_be_read
                a_session_unknown_to_the_store_is_none
                a_newer_login_ends_the_oldest_and_says_by_whom
                under_victim_idle_the_longest_unseen_goes
                a_class_limit_is_filled_within_the_class
                the_same_device_replaces_itself_whatever_on_full_says
                deny_new_refuses_with_the_holders_newest_first_and_changes_nothing
                deny_new_is_not_blocked_by_a_ghost
                deny_new_is_blocked_by_a_session_that_is_present
                choose_ends_what_was_picked
                choose_that_falls_short_ends_nothing
                what_a_login_ended_comes_in_order_of_generation_with_its_data
                sessions_past_their_deadline_hold_no_seat_and_are_not_replaced
                generations_rise_above_the_floor
                ;
            races:
                a_login_sent_again_answers_as_the_first
                a_login_sent_again_after_it_ended_answers_as_it_ended
                a_login_sent_twice_at_once_counts_once
                of_two_thousand_logins_at_once_the_highest_generation_survives
                of_many_logins_at_once_the_three_highest_survive
                under_deny_new_the_first_three_of_many_are_seated
                generations_of_simultaneous_logins_are_distinct
                ;
            presence:
                an_attached_connection_is_counted_and_is_a_use
                attaching_to_an_ended_or_unknown_session_is_refused
                sixteen_connections_are_all_over_every_node
                a_node_that_stopped_renewing_does_not_count
                a_late_goodbye_does_not_undo_a_newer_count
                a_late_attach_does_not_undo_a_goodbye_whoever_spoke_between
                a_late_attach_does_not_undo_a_goodbye_that_a_renewal_said
                the_latest_connections_node_comes_last
                a_goodbye_is_a_use
                a_renewal_reports_what_is_not_live
                a_renewal_ends_what_is_past_its_deadline
                a_renewal_extends_what_was_used
                a_renewal_corrects_the_presence
                a_renewal_stamps_the_node
                ;
            ends:
                ending_one_session_leaves_the_others
                ending_all_of_a_user_or_all_but_one
                a_session_that_has_ended_ends_no_others
                only_live_sessions_are_ended_and_only_once
                ending_a_lapsed_session_leaves_it_lapsed
                an_idle_session_is_over_at_its_deadline
                ended_never_becomes_live
                data_are_replaced_and_cleared
                data_of_an_ended_session_are_not_touched
                ;
            disabling:
                disabling_ends_every_session
                a_disabled_user_is_refused_until_enabled
                every_word_is_later_than_the_one_before
                an_older_word_said_again_changes_nothing
                a_forgotten_word_said_again_holds
                a_settled_disabling_ends_also_who_came_in_meanwhile
                a_settled_word_that_is_not_the_last_changes_nothing
                a_settled_word_that_was_forgotten_is_only_said_again
                who_is_disabled_is_listed_until_enabled
                the_list_of_the_disabled_has_each_once_in_its_order_whatever_the_page
                a_search_among_the_disabled_finds_those_that_begin_so
                ;
            readmission:
                two_thousand_restored_from_two_nodes_leave_the_three_newest
                two_nodes_restoring_the_same_in_different_orders_agree
                whoever_comes_first_what_one_node_knows_as_ended_is_not_live_in_the_end
                every_session_is_readmitted_as_the_rule_says
                ;
            restores:
                a_forgotten_session_is_live_again_with_all_that_it_had
                restoring_again_changes_nothing
                what_has_ended_is_not_restored_as_live
                of_two_ends_the_earlier_one_stays
                the_end_of_an_earlier_generation_does_not_end_a_later_one
                a_live_session_that_is_known_as_ended_ends_as_known
                a_lapsed_session_that_is_known_as_ended_ends_as_known
                a_forgotten_end_is_known_again
                a_tombstone_that_would_have_lapsed_is_not_written
                it_yields_to_the_newest_that_holds_its_seat_and_nothing_changes
                by_wider_limits_it_sits_beside_the_newer_one
                older_ones_end_where_there_is_no_seat_for_both
                of_one_device_the_newer_one_stays
                a_disabled_users_session_ends_as_disabled
                who_was_forgotten_when_the_user_was_disabled_is_out_also_once_it_is_enabled
                who_logged_in_after_the_user_was_enabled_again_is_restored
                who_was_only_enabled_is_restored
                who_logged_in_after_a_disabling_stays_when_that_is_said_again
                a_session_past_its_deadline_ends_as_lapsed
                a_session_that_was_live_lately_is_not_idle
                a_session_last_known_live_a_day_ago_is_too_old
                generations_rise_above_what_was_restored
                who_is_past_the_deadline_holds_no_seat_against_it
                a_restored_session_keeps_its_deadlines
                a_login_sent_again_after_it_was_restored_answers_as_seated
                ;
            sweeps:
                a_census_is_exact_and_newest_first
                a_census_does_not_count_what_is_past_its_deadline
                a_sweep_ends_at_most_fifty_and_says_that_there_is_more
                a_swept_session_keeps_its_reason
                a_sweep_leaves_a_session_whose_deadline_was_extended
                a_sweep_of_a_clean_partition_does_nothing
                ;
            events:
                a_login_is_one_event_with_what_it_ended
                ends_are_events_with_reason_and_by_whom
                events_are_newest_first_and_limited
                events_of_a_user_are_nobody_elses
                who_acted_and_why_is_part_of_the_event
                a_login_says_from_where_and_on_what_also_if_it_is_refused
                an_end_says_on_which_device_and_from_where_unless_somebody_acted
                what_no_step_has_written_is_recorded
                the_log_is_one_over_all_partitions_page_by_page
                the_log_is_filtered_by_user_kind_reason_and_age
                ;
            feed:
                who_follows_hears_of_every_event_as_the_log_has_it
                expiry_disabling_and_restoring_are_told_as_well
                who_no_longer_follows_hears_of_none
                who_follows_hears_how_sessions_are_connected
                how_a_session_is_connected_is_heard_beside_what_is_written_at_that_moment
                nobody_hears_how_sessions_are_connected_who_does_not_follow
                ;
            notices:
                a_users_notice_reaches_who_holds_the_user
                a_notice_for_a_role_or_everybody_reaches_every_node
                ;
            channel:
                a_takeover_tells_who_ended_and_by_whom
                other_ends_are_told_without_confirmation
                nobody_hears_of_users_that_they_did_not_subscribe_to
                a_login_that_ends_nothing_is_not_told
                an_acknowledgement_reaches_the_subscribed
                a_bucket_empties_and_refills
                looking_at_a_bucket_takes_nothing
                the_store_tells_the_time_and_what_it_is
                a_closed_store_is_unavailable
                ;
            pages:
                a_walk_has_every_session_once_in_its_order_whatever_the_page
                a_page_has_all_of_a_store_that_holds_few
                a_page_is_full_where_there_is_more
                what_stands_still_is_neither_missed_nor_repeated_while_others_come_and_go
                a_listed_session_has_its_data_and_connections
                what_has_ended_or_lapsed_is_not_listed
                filters_by_user_and_by_the_beginning_of_its_id
                a_search_finds_each_once_in_its_order_whatever_the_page
                filters_by_class_role_and_node
                a_node_that_stopped_renewing_is_no_sessions_node
                ;
            contested:
                the_most_contested_come_first_and_of_equals_the_lower_id
                the_top_may_all_lie_in_one_partition
                a_login_counts_once_however_many_it_took_over_and_a_replacement_does_not
                ;
            reports:
                every_nodes_last_word_and_its_samples_are_read
                only_the_newest_samples_are_kept
                of_too_many_nodes_those_that_spoke_last_are_listed
                the_store_says_how_it_is_doing
                ;
            jobs:
                a_job_is_kept_taken_stepped_and_finished
                a_leased_job_is_no_other_nodes_and_the_oldest_free_one_is_taken
                jobs_take_turns
                a_job_that_rests_is_nobodys_until_its_pause_is_over
                a_job_that_has_failed_is_over_and_says_why
                a_cancelled_job_is_stepped_no_more
                beginning_a_job_again_changes_nothing
                a_job_more_takes_the_place_of_the_oldest_finished_one_or_is_refused
                ;
            equivalence:
                every_login_is_decided_as_the_rule_says
                ;
        }
    };
}

pub(crate) use {
    conformance_suite, conformance_suite_by_file, conformance_tests, conformance_tests_by_file, with_cases,
};
