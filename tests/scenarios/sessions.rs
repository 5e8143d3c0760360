//! Refresh tokens, and sessions that end for lack of use.

use tokend::engine::{Error, NewCredential};
use tokend_core::{Cause, Refusal, Setback};
use tokend_provider::Operation::{self, Issue, KeepAlive, Refresh};

use super::*;
use crate::world::caller::{credential, limits, secs};

const REFRESHABLE: &str = "
title = 'Test'
[variables.client_id]
description = 'Who'
[secrets.client_secret]
description = 'What'
[oauth2]
token_url = 'https://auth.example.com/token'
grant = 'client_credentials'
client_auth = 'post'
refresh = true
";

const LOGGED_IN: &str = "
title = 'Test'
[variables.client_id]
description = 'Who'
[secrets.client_secret]
description = 'What'
[secrets.refresh_token]
description = 'What the login left'
[oauth2]
token_url = 'https://auth.example.com/token'
grant = 'refresh_token'
client_auth = 'post'
";

const SESSION: &str = "
title = 'Test'
account = '{{ var.client_id }}'
[variables.client_id]
description = 'Who'
[secrets.client_secret]
description = 'What'
[issue]
url = 'https://auth.example.com/login'
json = { secret = '{{ secret.client_secret }}' }
[keepalive]
method = 'GET'
url = 'https://auth.example.com/ping'
headers = { X-Session = '{{ token }}' }
[output]
token = 'body.access_token'
expires_in = 'body.expires_in'
[lifetime]
idle = '20m'
";

fn defined() -> NewCredential {
    let mut new = NewCredential { provider: "test".to_owned(), ..credential("api") };
    new.variables.retain(|name, _| name == "client_id");
    new
}

fn logged_in() -> NewCredential {
    let mut new = defined();
    new.secrets.insert("refresh_token".to_owned(), "r0".to_owned().into());
    new
}

/// A token with a refresh token of the same number.
fn pair(attempt: &Attempt) -> Arrival {
    let number = attempt.number;
    let body =
        format!(r#"{{"access_token":"t{number}","refresh_token":"r{number}","expires_in":3600}}"#);
    Arrival::json(200, body)
}

fn denied() -> Arrival {
    Arrival::json(400, r#"{"error":"invalid_grant"}"#)
}

fn operations(world: &World) -> Vec<Operation> {
    world.attempts.iter().map(|attempt| attempt.operation).collect()
}

#[test]
fn each_refresh_token_is_used_once_and_survives_restarts() {
    let mut world = World::with(1, &[("test", REFRESHABLE)], pair);
    world.add(defined());
    for _ in 0..48 {
        world.run_for(HOUR / 2);
        world.restart();
        read(&mut world, "api", 3_600);
    }
    assert!(world.attempts.len() > 30);
    for attempt in &world.attempts[1..] {
        assert_eq!(attempt.operation, Refresh);
        let last = format!("refresh_token=r{}", attempt.number - 1);
        assert!(attempt.body.contains(&last), "{}", attempt.body);
    }
}

#[test]
fn a_refused_refresh_token_costs_one_login_where_there_is_something_to_log_in_with() {
    let mut world = World::with(1, &[("test", REFRESHABLE)], |attempt| {
        if attempt.number == 3 { denied() } else { pair(attempt) }
    });
    world.add(defined());
    world.run_for(4 * HOUR);
    assert_eq!(operations(&world)[..6], [Issue, Refresh, Refresh, Issue, Refresh, Refresh]);
    let pause = pauses(&world)[2];
    assert!(pause < secs(1), "it isn't waited for: {pause:?}");
    read(&mut world, "api", 3_600);
}

#[test]
fn without_anything_to_log_in_with_a_refused_refresh_token_needs_a_person_and_all_is_quiet() {
    let mut world = World::with(1, &[("test", LOGGED_IN)], |attempt| {
        if attempt.number == 3 { denied() } else { pair(attempt) }
    });
    world.add(logged_in());
    world.run_for(2 * HOUR);
    assert_eq!(world.attempts.len(), 3);
    assert!(world.attempts[0].body.contains("refresh_token=r0"));
    assert!(world.attempts[2].body.contains("refresh_token=r2"));
    for _ in 0..7 {
        world.run_for(DAY);
        let told = world.get("api").unwrap_err();
        assert!(matches!(told, Error::Refused(Refusal::LoginNeeded { .. })), "{told}");
        let (setback, _) = world.look("api").setback.unwrap();
        assert!(matches!(setback, Setback::LoginNeeded(_)), "{setback}");
        world.restart();
    }
    assert_eq!(world.attempts.len(), 3);
}

#[test]
fn a_refresh_token_that_serves_so_many_times_is_followed_by_a_login() {
    let text = format!("{REFRESHABLE}[lifetime]\nmax_refreshes = 3\n");
    let mut world = World::with(1, &[("test", &text)], pair);
    world.add(defined());
    world.run_for(12 * HOUR);
    world.restart();
    world.run_for(12 * HOUR);
    let operations = operations(&world);
    assert!(operations.len() > 30);
    for (position, operation) in operations.into_iter().enumerate() {
        assert_eq!(operation, if position % 4 == 0 { Issue } else { Refresh }, "{position}");
    }
}

#[test]
fn a_session_is_kept_alive_all_day_and_that_spends_nothing() {
    let mut world = World::with(1, &[("test", SESSION)], |attempt| match attempt.operation {
        KeepAlive => Arrival::json(200, "{}"),
        // It ends after eight hours whatever is done.
        _ => Arrival::token(format!("t{}", attempt.number), 8 * 3_600),
    });
    world.add(NewCredential { limits: limits(&["5/1d"]), ..defined() });
    world.run_for(secs(1));
    for _ in 0..24 * 60 {
        assert!(world.served("api").is_some(), "{}", world.truth());
        world.run_for(MINUTE);
        assert!(pauses(&world).iter().all(|pause| *pause < 20 * MINUTE));
    }
    let logins = operations(&world).iter().filter(|o| **o == Issue).count();
    assert!((3..=4).contains(&logins), "{logins}");
    let kept: Vec<_> = world.attempts.iter().filter(|a| a.operation == KeepAlive).collect();
    assert!((60..200).contains(&kept.len()), "{}", kept.len());
    assert!(kept.iter().all(|attempt| attempt.cause == Cause::KeepAlive));
}

#[test]
fn a_session_that_has_ended_all_the_same_is_followed_by_another() {
    let mut world = World::with(1, &[("test", SESSION)], |attempt| match attempt.operation {
        KeepAlive if attempt.number == 10 => Arrival::status(401),
        KeepAlive => Arrival::json(200, "{}"),
        _ => Arrival::token(format!("t{}", attempt.number), 86_400),
    });
    world.add(defined());
    world.run_for(4 * HOUR);
    assert_eq!(world.served("api").as_deref(), Some("t11"));
    let logins = world.attempts.iter().filter(|a| a.operation == Issue);
    assert_eq!(logins.map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 11]);
    assert!(pauses(&world)[9] < secs(1), "it isn't waited for");
}
