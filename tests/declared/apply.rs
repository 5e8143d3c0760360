//! `tokend-cli apply`: files that declare credentials once, after a look at what changes.

use std::fs;

use tokend_proto::v1::{
    ApplyCredentialsRequest, credential_service_client::CredentialServiceClient,
};

use super::{
    NEW, OLD, bearer, declare, file, keep, oauth, place, succeeded,
    support::{assert_output, canary, provider::Provider, text},
};

#[test]
fn a_file_is_applied_after_a_look_at_what_changes() {
    let (place, provider) = (place(), Provider::issuing());
    let _daemon = place.start();
    let secret = keep(&place, "secret", OLD);
    let path = place.path().join("mine.toml");
    let source = format!("file {}", secret.display());
    fs::write(&path, oauth("one", provider.url(), &secret, "readers = ['uid:1']")).unwrap();
    let apply = |more: &[&str]| {
        let arguments = [&["apply", "-f", path.to_str().unwrap()], more].concat();
        place.run(arguments)
    };
    let created = format!(
        "+ api\n    provider:  + oauth2-client-credentials\n    variables.client_id:  + one\n    \
         variables.token_url:  + {}/token\n    secrets.client_secret:  + {source}\n    readers:  \
         + uid:1\n",
        provider.url()
    );
    assert_output(&apply(&["--dry-run"]), 7, &created, "");
    assert_eq!(place.run(["get", "api"]).status.code(), Some(3), "nothing has changed");
    let unasked = apply(&[]);
    assert_eq!(unasked.status.code(), Some(2));
    assert!(text(&unasked.stderr).contains("needs a confirmation"), "{}", text(&unasked.stderr));
    assert_output(&apply(&["--yes"]), 0, &format!("{created}applied\n"), "");
    let first = succeeded(&place.run(["get", "api"]));
    assert_output(&apply(&["--dry-run"]), 0, "= api unchanged\n", "");

    // It is an ordinary one, which is changed by hand.
    succeeded(&place.run(["grant", "api", "uid:2"]));
    let changed = "~ api\n    readers:  - uid:2\n";
    assert_output(&apply(&["--dry-run"]), 7, changed, "");
    let by_stdin = fs::read_to_string(&path).unwrap();
    let applied = place.run_with_input(["apply", "-f", "-", "--yes"], &by_stdin);
    assert_output(&applied, 0, &format!("{changed}applied\n"), "");
    assert_eq!(succeeded(&place.run(["get", "api"])), first);

    fs::write(&path, oauth("two", provider.url(), &secret, "readers = ['uid:1']")).unwrap();
    let told = succeeded(&apply(&["--yes", "--json"]));
    assert!(told.contains(r#""action": "recreate""#) && told.contains(r#""applied": true"#));
    assert_ne!(succeeded(&place.run(["get", "api"])), first);
}

#[test]
fn what_is_applied_takes_secrets_from_the_commands_own_environment_and_none_from_the_file() {
    let place = place();
    let _daemon = place.start();
    let path = place.path().join("mine.toml");
    fs::write(&path, bearer("api", "{ env = 'API_TOKEN' }", "")).unwrap();
    let apply = || {
        let mut cli = place.cli();
        cli.args(["apply", "--yes", "-f", path.to_str().unwrap()]);
        cli
    };
    let unset = apply().output().unwrap();
    assert_eq!(unset.status.code(), Some(1));
    assert!(text(&unset.stderr).contains("API_TOKEN"), "{}", text(&unset.stderr));
    succeeded(&apply().env("API_TOKEN", OLD).output().unwrap());
    assert_output(&place.run(["get", "api"]), 0, &format!("{OLD}\n"), "");
    let same = apply().env("API_TOKEN", OLD).output().unwrap();
    assert_output(&same, 0, "= api unchanged\n", "");
    succeeded(&apply().env("API_TOKEN", NEW).output().unwrap());
    assert_output(&place.run(["get", "api"]), 0, &format!("{NEW}\n"), "");

    fs::write(&path, canary::real(&bearer("b", &format!("'{OLD}'"), "reader = []"))).unwrap();
    let refused = apply().output().unwrap();
    let shown = path.display();
    let stderr = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    for mistake in [
        format!("{shown}:3:1: unknown key `reader`, did you mean `readers`?\n"),
        format!("{shown}:5:17: a secret can't stand in this file"),
    ] {
        assert!(stderr.contains(&mistake), "{stderr}");
    }
    fs::write(
        &path,
        "[credential.c]\nprovider = 'static-bearer'\n\
        variables = { url = 'https://api.example', user = 'ann' }\n",
    )
    .unwrap();
    let asked = apply().output().unwrap();
    assert!(text(&asked.stderr).contains("nothing refers to c.token"), "{}", text(&asked.stderr));
}

#[test]
fn what_has_changed_since_it_was_looked_at_is_not_applied() {
    let place = place();
    let kept = keep(&place, "kept", OLD);
    declare(&place, "bound.toml", &bearer("bound", &file(&kept), ""));
    let _daemon = place.start();
    let text = [bearer("a", &file(&kept), ""), bearer("b", &file(&kept), "")].concat();
    let admin = place.runtime().join("admin.sock");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let apply = |request: ApplyCredentialsRequest| {
        runtime.block_on(async {
            let channel = tokend_client::channel(&admin);
            let answer = CredentialServiceClient::new(channel).apply_credentials(request).await;
            answer.map(tonic::Response::into_inner)
        })
    };
    let plan = ApplyCredentialsRequest { text, dry_run: true, ..Default::default() };
    let planned = apply(plan.clone()).unwrap().credentials;
    assert_eq!(planned.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["a", "b"]);
    let etags = planned.into_iter().map(|it| (it.name, it.etag)).collect();
    // Someone else makes the second one.
    let other = ApplyCredentialsRequest {
        text: bearer("b", &file(&kept), "readers = ['uid:1']"),
        ..Default::default()
    };
    apply(other).unwrap();
    let late = apply(ApplyCredentialsRequest { dry_run: false, etags, ..plan }).unwrap_err();
    assert_eq!(late.code(), tonic::Code::Aborted, "{late}");
    assert_eq!(place.run(["get", "a"]).status.code(), Some(3), "nothing is applied in part");

    let text = bearer("bound", &file(&kept), "readers = ['uid:1']");
    let bound = apply(ApplyCredentialsRequest { text, ..Default::default() }).unwrap_err();
    assert_eq!(bound.code(), tonic::Code::FailedPrecondition, "{bound}");
}

#[test]
fn what_show_prints_as_a_declaration_declares_the_same() {
    let place = place();
    let kept = keep(&place, "kept", OLD);
    let _daemon = place.start();
    let path = place.path().join("mine.toml");
    let command = format!("{{ command = ['/bin/cat', '{}'], max_age = '2m' }}", kept.display());
    let more = "readers = ['uid:1']\nrefresh = 'on-demand'\nlimits = ['24/day', '3/1h']";
    fs::write(&path, bearer("api", &command, more)).unwrap();
    succeeded(&place.run(["apply", "--yes", "-f", path.to_str().unwrap()]));
    fs::write(&path, succeeded(&place.run(["show", "api", "--toml"]))).unwrap();
    let same = place.run(["apply", "--dry-run", "-f", path.to_str().unwrap()]);
    assert_output(&same, 0, "= api unchanged\n", "");
}
