//! The main job with the real binaries: a credential is stored, a provider
//! issues a token, other processes read it.

mod support;

use std::{
    os::unix::{fs::MetadataExt, net::UnixStream, process::CommandExt},
    process::{Command, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use support::{
    Place, assert_output, contains, disguises,
    provider::{Provider, Reply},
    text,
};
use tokend_proto::v1::{AcquireTokenRequest, token_service_client::TokenServiceClient};

const SECRET: &str = "s3cret-Horse_Battery";

/// The daemon promises to end within this, whatever clients do.
const END: Duration = Duration::from_secs(5);

#[test]
fn a_stored_credential_gives_every_process_a_token_and_asks_the_provider_once() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    let added = place.add("api", provider.url(), SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));

    for _ in 0..3 {
        assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    }
    let header = place.run(["get", "api", "--header"]);
    assert_output(&header, 0, "Authorization: Bearer token-1-c0ffee\n", "");
    let json = place.run(["get", "api", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["value"], "token-1-c0ffee");
    assert_eq!(json["token_type"], "Bearer");

    let [request] = &provider.requests()[..] else { panic!("{:?}", provider.requests()) };
    assert_eq!(request.path, "/token");
    assert_eq!(request.body, "grant_type=client_credentials");
    let basic = "Basic dGVzdGVyOnMzY3JldC1Ib3JzZV9CYXR0ZXJ5";
    assert_eq!(request.headers["authorization"], basic);
}

#[test]
fn without_a_command_it_says_how_tokend_is_and_what_comes_next() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let told = || {
        let output = place.run::<&str>([]);
        let told = text(&output.stdout);
        assert_output(&output, 0, &told, "");
        assert!(told.contains("tokend-cli add NAME"), "{told}");
        told
    };
    let without = told();
    assert!(without.contains("tokend isn't running") && without.contains("start"), "{without}");
    let _daemon = place.start();
    let empty = told();
    assert!(empty.contains("no credential yet that you may read"), "{empty}");
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let filled = told();
    assert!(filled.contains("shows the credential that you may read"), "{filled}");
}

#[test]
fn after_kill_9_a_stored_token_is_served_while_the_provider_is_down() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    daemon.kill();
    drop(provider);

    let daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    let ended = daemon.end();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(!ended.log.contains("no token"), "nothing was asked for:\n{}", ended.log);
}

#[test]
fn two_hundred_cold_callers_make_one_request() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let mut daemon = place.start();
    provider.close();
    // `add` waits for the first token too; it is one of the crowd.
    let adding = std::thread::scope(|scope| {
        let adding = scope.spawn(|| place.add("api", provider.url(), SECRET));
        provider.wait_for_requests(1);
        let callers: Vec<_> = (0..200)
            .map(|_| {
                let mut get = place.cli();
                get.args(["get", "api"]).stdout(Stdio::piped()).stderr(Stdio::piped());
                get.spawn().unwrap()
            })
            .collect();
        for _ in 0..=200 {
            daemon.wait_for_log("a caller waits");
        }
        provider.open();
        for caller in callers {
            assert_output(&caller.wait_with_output().unwrap(), 0, "token-1-c0ffee\n", "");
        }
        adding.join().unwrap()
    });
    assert!(adding.status.success(), "{}", text(&adding.stderr));
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn no_secret_is_in_the_state_directory_or_the_log() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let running = place.stored();
    let log = daemon.end().log;
    let stopped = place.stored();
    for secret in [SECRET, "token-1-c0ffee"] {
        for disguise in disguises(secret) {
            for (path, bytes) in running.iter().chain(&stopped) {
                assert!(!contains(bytes, &disguise), "{secret} is in {}", path.display());
            }
            assert!(!contains(log.as_bytes(), &disguise), "{secret} is in the log:\n{log}");
        }
    }
    for name in ["tester", "oauth2-client-credentials"] {
        for (path, bytes) in running.iter().chain(&stopped) {
            assert!(!contains(bytes, name.as_bytes()), "{name} is in {}", path.display());
        }
    }
}

#[test]
fn exit_codes_and_messages_tell_failures_apart() {
    let place = Place::new();
    let daemon = place.start();

    let unknown = place.run(["get", "nothing"]);
    let expected = "tokend-cli: there is no credential nothing\n\
                    hint: `tokend-cli list` shows all there are\n";
    assert_output(&unknown, 3, "", expected);
    assert_eq!(place.run(["get", "No Name"]).status.code(), Some(2));
    assert_eq!(place.run(["frobnicate"]).status.code(), Some(2));

    let down = Provider::scripted(|_, _| Reply::json(503, "{}"));
    assert_eq!(place.add("down", down.url(), SECRET).status.code(), Some(4));
    assert_eq!(place.run(["get", "down"]).status.code(), Some(4));

    let refusing = Provider::scripted(|_, _| {
        Reply::json(401, r#"{"error":"invalid_client","error_description":"who are you?"}"#)
    });
    assert_eq!(place.add("refused", refusing.url(), SECRET).status.code(), Some(5));
    let refused = place.run(["get", "refused"]);
    assert_eq!(refused.status.code(), Some(5));
    assert!(text(&refused.stderr).contains("who are you?"), "{}", text(&refused.stderr));
    assert_eq!(refusing.requests().len(), 1, "a refused credential isn't tried again");

    assert_eq!(daemon.end().code, Some(0));
    let stopped = place.run(["get", "refused"]);
    assert_eq!(stopped.status.code(), Some(4));
    assert!(text(&stopped.stderr).contains("isn't running"), "{}", text(&stopped.stderr));
}

#[test]
fn a_spent_budget_has_an_exit_code_of_its_own_and_outlives_a_restart() {
    let place = Place::new();
    let provider = Provider::issuing();
    let definition = format!(
        "title = \"Two a day\"\n[secrets.key]\ndescription = \"the key\"\n\
         [issue]\nurl = \"{}/token\"\n[issue.json]\nkey = \"{{{{ secret.key }}}}\"\n\
         [output]\ntoken = \"body.access_token\"\nexpires_in = \"body.expires_in\"\n\
         [[limits]]\ncount = 2\nwindow = \"1d\"\n",
        provider.url()
    );
    place.define("two-a-day", &definition);

    let daemon = place.start();
    let added = place
        .run_with_input(["add", "api", "--provider", "two-a-day", "--secret-stdin", "key"], SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));
    assert!(place.run(["refresh", "api"]).status.success());
    let spent = place.run(["refresh", "api"]);
    assert_eq!(spent.status.code(), Some(6), "{}", text(&spent.stderr));
    daemon.kill();

    let _daemon = place.start();
    let spent = place.run(["refresh", "api"]);
    assert_eq!(spent.status.code(), Some(6), "{}", text(&spent.stderr));
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn the_daemon_ends_in_time_whatever_clients_do() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());

    let _silent = UnixStream::connect(place.socket()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut watch = runtime.block_on(async {
        let mut health = health(&place);
        let request = tonic_health::pb::HealthCheckRequest { service: "api".to_owned() };
        let mut watch = health.watch(request).await.unwrap().into_inner();
        watch.message().await.unwrap().expect("the first status comes at once");
        watch
    });
    provider.close();
    let refreshing = place.cli().args(["refresh", "api"]).stderr(Stdio::null()).spawn().unwrap();
    provider.wait_for_requests(2);

    let ended = daemon.end_within(END);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(ended.log.contains("shut down"), "{}", ended.log);
    assert!(!place.socket().exists(), "the socket is gone");
    let more = runtime.block_on(watch.message());
    assert!(!matches!(more, Ok(Some(_))), "the stream has ended: {more:?}");
    assert!(!refreshing.wait_with_output().unwrap().status.success());
}

#[test]
fn an_issuance_that_is_under_way_at_the_end_is_still_stored() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    provider.close();
    let refreshing = place.cli().args(["refresh", "api"]).stderr(Stdio::null()).spawn().unwrap();
    provider.wait_for_requests(2);
    daemon.signal(Signal::SIGTERM);
    provider.open();
    assert_eq!(daemon.end().code, Some(0));
    refreshing.wait_with_output().unwrap();

    let _daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "token-2-c0ffee\n", "");
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn errors_carry_reasons_for_programs() {
    let place = Place::new();
    let _daemon = place.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let status = runtime.block_on(async {
        let channel = tokend_client::channel(place.socket());
        let request =
            AcquireTokenRequest { name: "nothing".to_owned(), ..AcquireTokenRequest::default() };
        TokenServiceClient::new(channel).acquire_token(request).await.unwrap_err()
    });
    let info = tonic_types::StatusExt::get_details_error_info(&status).unwrap();
    assert_eq!(status.code(), tonic::Code::NotFound);
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("tokend", "CREDENTIAL_NOT_FOUND"));
}

#[test]
fn health_tells_of_the_daemon_its_services_and_its_credentials() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let check = |service: &str| {
        let request = tonic_health::pb::HealthCheckRequest { service: service.to_owned() };
        let answer = runtime.block_on(async { health(&place).check(request).await });
        answer.map(|answer| answer.into_inner().status().as_str_name()).map_err(|e| e.code())
    };
    for service in ["", "tokend.v1.TokenService", "api"] {
        assert_eq!(check(service), Ok("SERVING"), "{service:?}");
    }
    for service in ["nothing", "tokend.v1.AdminService"] {
        assert_eq!(check(service), Err(tonic::Code::NotFound), "{service:?}");
    }
}

fn health(
    place: &Place,
) -> tonic_health::pb::health_client::HealthClient<tonic::transport::Channel> {
    tonic_health::pb::health_client::HealthClient::new(tokend_client::channel(place.socket()))
}

#[test]
fn another_user_reads_what_was_granted_and_cannot_tell_the_rest_from_nothing() {
    const STRANGER: u32 = 54_321;
    const GROUP: u32 = 54_322;
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can become someone else; continuous integration is");
        return;
    }
    let (place, provider) = (Place::new(), Provider::issuing());
    // The group that the test's own group is: sockets are made for it.
    place.configure("socket_group = \"daemon\"");
    let _daemon = place.start();
    assert!(place.add("mine", provider.url(), SECRET).status.success());
    assert!(place.add("ours", provider.url(), SECRET).status.success());
    let group = std::fs::metadata(place.socket()).unwrap().gid();
    // The checkout may be where strangers don't get.
    let own = place.path().join("tokend-cli");
    // Not by this process: what another test starts meanwhile would inherit the file that
    // is written, and a file that is open for writing can't be run (ETXTBSY, execve(2)).
    let copied = Command::new("cp").arg(support::binary("tokend-cli")).arg(&own).status().unwrap();
    assert!(copied.success());
    let cli = || {
        let mut command = Command::new(&own);
        command.env("TOKEND_SOCKET", place.socket()).env_remove("TOKEND_ADMIN_SOCKET");
        command
    };
    let as_stranger = |arguments: &[&str]| {
        let mut command = cli();
        command.args(arguments).uid(STRANGER).gid(group);
        command.output().unwrap()
    };

    let hidden = as_stranger(&["get", "mine"]);
    let nothing = as_stranger(&["get", "nothing"]);
    assert_eq!(hidden.status.code(), Some(3));
    assert_eq!(
        text(&hidden.stderr).replace("mine", "nothing"),
        text(&nothing.stderr),
        "forbidden and absent look alike"
    );
    assert_eq!(as_stranger(&["status"]).status.code(), Some(4), "no operator");
    let nothing = "no credential's tokens are yours to read; an operator lets you in by \
                   `tokend-cli grant`\n";
    assert_output(&as_stranger(&["list"]), 0, nothing, "");

    assert!(place.run(["grant", "ours", &format!("uid:{STRANGER}")]).status.success());
    assert_output(&as_stranger(&["get", "ours"]), 0, "token-2-c0ffee\n", "");
    let listed: serde_json::Value =
        serde_json::from_slice(&as_stranger(&["list", "--json"]).stdout).unwrap();
    assert_eq!(listed[0]["name"], "ours");
    assert!(listed[0]["token_id"].is_string() && listed.get(1).is_none(), "{listed}");
    assert!(!listed.to_string().contains("c0ffee"), "{listed}");
    assert!(place.run(["revoke-access", "ours", &format!("uid:{STRANGER}")]).status.success());
    assert_eq!(as_stranger(&["get", "ours"]).status.code(), Some(3));
    assert!(place.run(["grant", "ours", &format!("gid:{group}")]).status.success());
    assert_output(&as_stranger(&["get", "ours"]), 0, "token-2-c0ffee\n", "");

    let mut outsider = cli();
    outsider.args(["get", "ours"]).uid(STRANGER).gid(GROUP);
    let outsider = outsider.output().unwrap();
    assert_eq!(outsider.status.code(), Some(4));
    let message = text(&outsider.stderr);
    assert!(message.contains("group daemon") && message.contains("log in again"), "{message}");
}
