//! The program as an operator meets it: what it prints, where, and how it exits.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs `hotseat` in `dir` with nothing of this environment.
fn hotseat(dir: &Path, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hotseat"))
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have gone without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn an_unknown_key_is_refused_by_name_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hotseat.toml"), "on_fulll = \"choose\"\nvictim = \"newest\"\n").unwrap();
    for command in ["serve", "check"] {
        let output = hotseat(dir.path(), &[command, "--config", "hotseat.toml"], &[], "");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = err(&output);
        assert!(text.contains("on_fulll is no key; did you mean on_full? (in hotseat.toml)"), "{text}");
        assert!(
            text.contains("victim must be one of oldest, idle, not \"newest\" (in hotseat.toml)"),
            "{text}"
        );
    }
    assert!(!dir.path().join("data").exists(), "the store was not touched");
}

#[test]
fn a_file_is_read_only_where_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hotseat.toml"), "nonsense = true\n").unwrap();
    let unnamed = hotseat(dir.path(), &["check"], &[], "");
    assert!(!err(&unnamed).contains("nonsense"), "{unnamed:?}");
    let named = hotseat(dir.path(), &["check"], &[("HOTSEAT_CONFIG", "hotseat.toml")], "");
    assert!(err(&named).contains("nonsense is no key"), "{named:?}");
    let empty = hotseat(dir.path(), &["check"], &[("HOTSEAT_CONFIG", "")], "");
    assert!(out(&empty).contains("ok: the configuration can be used"), "{empty:?}");
    let missing = hotseat(dir.path(), &["check", "--config", "elsewhere.toml"], &[], "");
    assert!(err(&missing).contains("elsewhere.toml can't be read"), "{missing:?}");
    assert_eq!(missing.status.code(), Some(1));
}

#[test]
fn the_demo_refuses_to_listen_elsewhere_and_names_the_flag() {
    let dir = tempfile::tempdir().unwrap();
    let output = hotseat(dir.path(), &["serve", "--demo", "--listen", "0.0.0.0:8000"], &[], "");
    assert_eq!(output.status.code(), Some(1));
    let text = err(&output);
    assert!(text.contains("listen must be a loopback address with demo"), "{text}");
    assert!(text.contains("(in --listen)"), "{text}");
}

#[test]
fn check_warns_of_unknown_variables_and_fails_where_no_store_answers() {
    let dir = tempfile::tempdir().unwrap();
    // Port 1 is reserved (tcpmux) and refuses at once.
    let url = "redis://user:secret@127.0.0.1:1";
    let output = hotseat(dir.path(), &["check", "--store", url], &[("HOTSEAT_ON_FUL", "choose")], "");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(out(&output).contains("warning: HOTSEAT_ON_FUL is ignored"), "{output:?}");
    let text = out(&output) + &err(&output);
    assert!(text.contains("redis://…@127.0.0.1:1") && !text.contains("secret"), "{text}");
}

#[test]
fn hash_password_prints_a_salted_argon2id_hash_of_a_line_of_input() {
    let dir = tempfile::tempdir().unwrap();
    let hash = || {
        let output = hotseat(dir.path(), &["hash-password"], &[], "correct horse\n");
        assert!(output.status.success(), "{output:?}");
        out(&output)
    };
    let (first, second) = (hash(), hash());
    assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
    assert_ne!(first, second, "each has a salt of its own");
    for input in ["", "\n", &"x".repeat(2_000)] {
        let output = hotseat(dir.path(), &["hash-password"], &[], input);
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains("the password must have 1 to 1024 bytes"), "{output:?}");
    }
}

#[test]
fn a_printed_hash_is_one_that_the_configuration_takes() {
    let dir = tempfile::tempdir().unwrap();
    let hash = out(&hotseat(dir.path(), &["hash-password"], &[], "correct horse\r\n"));
    let key = out(&hotseat(dir.path(), &["hash-key"], &[], ""));
    let key_hash = key.lines().find_map(|line| line.strip_prefix("hash ")).unwrap();
    let file = format!(
        "[[accounts]]\nusername = \"ann\"\npassword_hash = \"{}\"\n[[api_keys]]\nname = \"shop\"\nhash = \
         \"{key_hash}\"\nscopes = [\"sessions\"]\n",
        hash.trim()
    );
    std::fs::write(dir.path().join("hotseat.toml"), file).unwrap();
    let output = hotseat(dir.path(), &["check", "--config", "hotseat.toml"], &[], "");
    assert!(out(&output).contains("ok: the configuration can be used"), "{output:?}");
}

#[test]
fn hash_key_makes_a_key_or_hashes_the_given_one() {
    let dir = tempfile::tempdir().unwrap();
    let hash_of = |key: &str| {
        let output = hotseat(dir.path(), &["hash-key", key], &[], "");
        assert!(output.status.success(), "{output:?}");
        out(&output).trim().to_owned()
    };
    // echo -n demo-key | sha256sum
    let known = "c48a01f49fd0f2cc404bc3cbbc80e91457a3d41bb429a695243de4c61794155c";
    assert_eq!(hash_of("demo-key"), known);
    let piped = hotseat(dir.path(), &["hash-key", "-"], &[], "demo-key\n");
    assert_eq!(out(&piped).trim(), known);
    assert!(err(&piped).contains("may be guessed"), "{piped:?}");

    let made = out(&hotseat(dir.path(), &["hash-key"], &[], ""));
    let (key, hash) = made.trim().split_once("\nhash ").unwrap();
    let key = key.strip_prefix("key  ").unwrap();
    assert!(key.starts_with("hsk_") && key.len() == 47, "{made}");
    assert_eq!(hash_of(key), hash);
}

#[test]
fn help_and_version_are_there_and_a_wrong_command_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let help = out(&hotseat(dir.path(), &["--help"], &[], ""));
    for command in ["serve", "check", "hash-password", "hash-key", "sessions"] {
        assert!(help.contains(command), "{help}");
    }
    let version = out(&hotseat(dir.path(), &["--version"], &[], ""));
    assert_eq!(version.trim(), concat!("hotseat ", env!("CARGO_PKG_VERSION")));
    assert_eq!(hotseat(dir.path(), &["dance"], &[], "").status.code(), Some(2));
}

#[test]
fn check_passes_where_a_store_answers_and_says_which() {
    let dir = tempfile::tempdir().unwrap();
    let output = hotseat(dir.path(), &["check", "--demo", "--store", "embedded:./sessions"], &[], "");
    assert!(output.status.success(), "{output:?}");
    assert!(out(&output).contains("ok: the store at embedded:./sessions is SQLite"), "{output:?}");
    assert!(!out(&output).contains("warning"), "{output:?}");
}

#[test]
fn why_a_store_is_not_opened_is_said_once() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("sessions"), "a file where a directory has to be").unwrap();
    let output = hotseat(dir.path(), &["check", "--demo", "--store", "embedded:./sessions"], &[], "");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(err(&output).matches("os error").count(), 1, "{output:?}");
}
