use avain_adapters_aws::cognito::{Pool, username};
use avain_domain::names::{Email, Login, Mode};
use proptest::prelude::*;

use crate::shapes::{ADMIN_POOL, login, name};

fn named(email: &str, mode: Mode) -> Option<String> {
    Some(username(&Login { email: Email::parse(email)?, mode }))
}

#[test]
fn a_name_is_the_hash_of_the_address() {
    for mode in [Mode::Admin, Mode::Data] {
        assert_eq!(username(&login(mode)), name(mode));
    }
    assert_eq!(named("ANNA@example.com", Mode::Data).unwrap(), name(Mode::Data));
}

/// With `_at_` for `@` both would be `e_a_at_b_at_c__data`.
#[test]
fn two_addresses_never_share_a_name() {
    assert_ne!(named("a@b_at_c", Mode::Data).unwrap(), named("a_at_b@c", Mode::Data).unwrap());
    assert_ne!(named("a__admin@b", Mode::Data).unwrap(), named("a@b", Mode::Admin).unwrap());
}

proptest! {
    #[test]
    fn every_login_has_a_name_of_its_own(one in "[a-c_@]{3,6}|.{1,200}@.{1,60}", other in "[a-c_@]{3,6}") {
        let (Some(first), Some(second)) = (Email::parse(&one), Email::parse(&other)) else { return Ok(()) };
        let (a, b) = (named(&one, Mode::Data).unwrap(), named(&other, Mode::Data).unwrap());
        prop_assert_eq!(a == b, first == second);
        prop_assert_ne!(&a, &named(&one, Mode::Admin).unwrap());
        // Cognito takes 128 characters; whether it tells case depends on the pool.
        prop_assert!(a.len() <= 128 && a.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')));
    }
}

#[test]
fn a_pool_knows_its_issuer() {
    let pool = Pool::new(ADMIN_POOL, "client").unwrap();
    assert_eq!(pool.issuer(), "https://cognito-idp.eu-north-1.amazonaws.com/eu-north-1_Admin0001");
    for (id, client) in [
        ("", "client"),
        ("eu-north-1", "client"),
        ("_Admin", "client"),
        ("eu-north-1_", "client"),
        ("evil.example/_a", "client"),
        ("eu-north-1_a/../b", "client"),
        ("eu-north-1_Admin0001", ""),
        ("eu-north-1_Admin0001", "a b"),
    ] {
        assert_eq!(Pool::new(id, client), None, "{id} {client}");
    }
}
