//! What is said, and that Rust, Lua, JavaScript and the pages say it alike: the same word for the same thing in
//! five places is held together here.

use std::collections::BTreeMap;

use super::*;
use crate::domain::{DeviceClass, OnFull, Victim};
use crate::hub::Refusal;

const PAGE: &str = include_str!("../../docs/protocol.md");
const SDK_TABLE: &str = include_str!("../../web/sdk/protocol.js");
const SDK_TYPES: &str = include_str!("../../web/sdk/model.js");

/// The rows of the table that begins with `head`, each as its cells.
fn table<'a>(text: &'a str, head: &str) -> Vec<Vec<&'a str>> {
    let (_, rest) = text.split_once(head).unwrap_or_else(|| panic!("no table {head}"));
    let rows = rest.lines().skip(2).map_while(|line| line.trim_start_matches("//! ").strip_prefix("| "));
    rows.map(|row| row.trim_end_matches(" |").split(" | ").collect()).collect()
}

/// What a client does after each close code, in the words of the SDK.
fn closes(text: &str, head: &str) -> BTreeMap<u16, &'static str> {
    let next = |cell: &str| match cell {
        "no" => "never",
        "once, with the current cookie" => "current",
        "yes, later" => "later",
        "yes" | "yes, with full-jitter backoff" => "backoff",
        other => panic!("{other}"),
    };
    table(text, head)
        .iter()
        .flat_map(|row| row[0].split(", ").map(move |code| (code.parse().unwrap(), next(row[2]))))
        .collect()
}

/// The SDK's table: code, next step, reasons.
fn sdk_closes() -> Vec<(u16, &'static str, Vec<&'static str>)> {
    let (_, rest) = SDK_TABLE.split_once("const CLOSES = new Map([").unwrap();
    let (rows, _) = rest.split_once("]);").unwrap();
    let rows = rows.lines().filter_map(|line| line.trim().strip_prefix('['));
    rows.map(|row| {
        let (code, rest) = row.split_once(", ").unwrap();
        let mut quoted = rest.split('"').skip(1).step_by(2);
        (code.parse().unwrap(), quoted.next().unwrap(), quoted.collect())
    })
    .collect()
}

#[test]
fn the_page_this_file_and_the_sdk_have_one_table_of_close_codes() {
    let page = closes(PAGE, "| close | meaning | reconnect |");
    assert_eq!(page, closes(include_str!("../protocol.rs"), "//! | close | constant | reconnect |"));
    let sdk: BTreeMap<u16, &str> = sdk_closes().into_iter().map(|(code, next, _)| (code, next)).collect();
    // The SDK goes by backoff wherever its table is silent.
    let listed = page.into_iter().filter(|(_, next)| *next != "backoff").collect();
    assert_eq!(sdk, listed);
}

#[test]
fn the_sdk_knows_every_reason_by_its_close_code() {
    for reason in Reason::ALL {
        let row = sdk_closes().into_iter().find(|(.., reasons)| reasons.contains(&reason.as_str()));
        assert_eq!(row.map(|(code, ..)| code), Some(CloseCode::of(reason).0), "{reason}");
    }
    let union = |words: &[&str]| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" | ");
    let reasons = union(&Reason::ALL.map(Reason::as_str));
    assert!(SDK_TYPES.contains(&format!("@typedef {{{reasons}")), "{reasons}");
    let classes = union(&DeviceClass::ALL.map(DeviceClass::as_str));
    assert!(SDK_TYPES.contains(&format!("@typedef {{{classes}}} DeviceClass")), "{classes}");
}

#[test]
fn the_page_lists_every_error_with_its_close_code() {
    let refusals = [
        Refusal::Malformed,
        Refusal::Binary,
        Refusal::NotAuthenticated,
        Refusal::AlreadyAuthenticated,
        Refusal::TooLong,
        Refusal::TooManyMessages,
        Refusal::TooManyConnections,
        Refusal::InvalidToken,
        Refusal::AuthTimeout,
        Refusal::StoreUnavailable,
    ];
    let told = refusals.map(|refusal| (refusal.as_str().to_owned(), refusal.close_code().0));
    let listed: BTreeMap<String, u16> = table(PAGE, "| error | close | when |")
        .iter()
        .flat_map(|row| {
            row[0].split(", ").map(|word| (word.trim_matches('`').to_owned(), row[1].parse().unwrap()))
        })
        .collect();
    assert_eq!(listed, BTreeMap::from(told));
}

#[test]
fn the_scripts_know_the_reasons_by_their_codes() {
    let quoted: Vec<String> = Reason::ALL.iter().map(|reason| format!("'{reason}'")).collect();
    let reasons = format!("local REASONS = {{ {} }}", quoted.join(", "));
    assert!(include_str!("../store/lua/finish.lua").contains(&reasons), "{reasons}");
    // A Lua list begins with 1, as the codes do.
    assert!(Reason::ALL.iter().map(|reason| reason.code()).eq(1..=7));
    let known = [Reason::Takeover, Reason::Replaced, Reason::Disabled, Reason::Expired, Reason::Idle];
    let codes = known.map(|it| it.code().to_string());
    let constants =
        format!("local LIVE, TAKEOVER, REPLACED, DISABLED, EXPIRED, IDLE = 0, {}", codes.join(", "));
    assert!(include_str!("../store/lua/record.lua").contains(&constants), "{constants}");
}

#[test]
fn the_scripts_know_the_words_of_the_rule() {
    let scripts = include_str!("../store/lua/seats.lua");
    // The others are what is left where none of these fits.
    for word in [OnFull::KickOld.as_str(), OnFull::Choose.as_str(), Victim::Idle.as_str()] {
        assert!(scripts.contains(&format!("== '{word}'")), "{word}");
    }
}

#[test]
fn an_ended_session_is_told_why_and_not_to_come_back() {
    let end = Tombstone { reason: Reason::Takeover, at: Timestamp::from_millis(0), by: None };
    let json: serde_json::Value = serde_json::from_str(&ServerMessage::force_logout(&end).to_text()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"type": "force_logout", "reason": "takeover", "at": "1970-01-01T00:00:00.000Z",
            "by": null, "message": "Another device signed in and took this seat.", "reconnect": false})
    );
}

#[test]
fn every_reason_has_the_close_code_of_the_contract() {
    let codes = Reason::ALL.map(|reason| CloseCode::of(reason).0);
    assert_eq!(codes, [4409, 4412, 4403, 4403, 4410, 4410, 4440]);
}
