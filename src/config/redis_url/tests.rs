//! What is taken, what is refused, and that nothing secret is ever shown.

use proptest::prelude::*;

use super::*;

fn servers(text: &str) -> Vec<String> {
    RedisUrl::parse(text).unwrap().servers.iter().map(ToString::to_string).collect()
}

fn login(user: Option<&str>, password: &str) -> Option<Login> {
    Some(Login { user: user.map(str::to_owned), password: password.to_owned() })
}

#[test]
fn one_server_has_an_address_and_a_database() {
    let url = RedisUrl::parse("rediss://u:p%40%2F%3A%23s+@example.org:7000/3").unwrap();
    assert!(url.tls && url.topology == Topology::Single);
    assert_eq!((url.login, url.database), (login(Some("u"), "p@/:#s+"), 3));
    assert_eq!(servers("redis://example.org/"), ["example.org:6379"]);
    assert_eq!(servers("redis://[::1]"), ["[::1]:6379"]);
    assert_eq!(RedisUrl::parse("redis://:secret@h").unwrap().login, login(None, "secret"));
    assert_eq!(RedisUrl::parse("redis://u:p@ss@h").unwrap().login, login(Some("u"), "p@ss"));
}

#[test]
fn sentinels_name_a_master_and_may_have_a_password_of_their_own() {
    let url = RedisUrl::parse(
        "redis+sentinel://u:p@a:1,b,[::2]:3/my-master/5?sentinel_user=s&sentinel_password=q%26",
    )
    .unwrap();
    assert_eq!(
        url.servers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["a:1", "b:26379", "[::2]:3"]
    );
    assert!(
        url.topology == Topology::Sentinel { master: "my-master".to_owned(), login: login(Some("s"), "q&") }
    );
    assert_eq!((url.login, url.database), (login(Some("u"), "p"), 5));
    assert!(RedisUrl::parse("rediss+sentinel://a/m").unwrap().tls);
}

#[test]
fn a_cluster_has_servers_and_no_database() {
    let url = RedisUrl::parse("rediss+cluster://a:1,b:2/0").unwrap();
    assert!(url.tls && url.is_cluster());
    assert_eq!(servers("redis+cluster://a,b:2"), ["a:6379", "b:2"]);
    let refusal = RedisUrl::parse("redis+cluster://a:1/1").unwrap_err().to_string();
    assert!(refusal.contains("a Cluster has no databases"), "{refusal}");
}

#[test]
fn what_is_no_url_is_refused_without_repeating_any_of_it() {
    for url in [
        "secret",
        "redis://",
        "redis:secret@h",
        "redis+magic://secret@h",
        "redis://u:secret@",
        "redis://secret@h",
        "redis://u:secret@h:port",
        "redis://u:secret@h:0",
        "redis://u:secret@h:65536",
        "redis://u:secret@h/no-number",
        "redis://u:secret@h/-1",
        "redis://u:1/secret@h",
        "redis://u:1?secret@h",
        "redis://u:1#secret@h",
        "redis://u:secret%zz@h",
        "redis://u:secret%ff@h",
        "redis://u:secret@a,b",
        "redis://u:secret@[h]",
        "redis://u:secret@h?insecure=true",
        "redis+sentinel://u:secret@h:1",
        "redis+sentinel://u:1/secret@h:2/main",
        "redis+sentinel://h/main?secret=x",
        "redis+sentinel://h/main?sentinel_user=secret",
        "redis+cluster://u:secret@h,",
    ] {
        let refusal = RedisUrl::parse(url).expect_err(url).to_string();
        assert!(!refusal.contains("secret") && refusal.starts_with(" must "), "{url}: {refusal}");
    }
}

#[test]
fn a_shown_url_has_no_secret() {
    for (url, shown) in [
        ("redis://user:p@ss@host:1/2", "redis://…@host:1/2"),
        ("redis://host:1", "redis://host:1"),
        ("rediss+sentinel://u:p@a,b:2/main?sentinel_password=secret", "rediss+sentinel://…@a:26379,b:2/main"),
    ] {
        let url = RedisUrl::parse(url).unwrap();
        assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".*", scheme in "redis(s)?(\\+(sentinel|cluster))?://") {
        let _ = RedisUrl::parse(&text);
        let _ = RedisUrl::parse(&format!("{scheme}{text}"));
    }

    /// Whatever stands where a password does, encoded or not: neither what is taken nor what is refused shows it.
    #[test]
    fn no_secret_is_ever_shown(
        scheme in "redis(s)?(\\+(sentinel|cluster))?",
        before in "[a-z0-9:%/?#@,]{0,6}",
        after in "[a-z0-9:%/?#@,\\[\\]]{0,6}",
        rest in "(@h(:1)?(,h2)?)?(/m|/0|/m/1)?(\\?sentinel_password=[%a-z&]{0,5}SECRET)?",
    ) {
        let url = format!("{scheme}://u:{before}!SECRET!{after}{rest}");
        match RedisUrl::parse(&url) {
            Ok(taken) => {
                let shown = format!("{taken} {taken:?}");
                prop_assert!(!shown.contains("SECRET"), "{}", shown);
            }
            Err(refused) => prop_assert!(!refused.to_string().contains("SECRET")),
        }
    }

    #[test]
    fn a_password_of_any_text_comes_back_when_every_byte_is_encoded(password in ".{0,20}") {
        let encoded: String = password.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let url = RedisUrl::parse(&format!("redis://:{encoded}@h")).unwrap();
        prop_assert_eq!(url.login.unwrap().password, password);
    }
}
