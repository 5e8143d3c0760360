//! What callers and operators are told of failures, by a provider that tells all it knows.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use prost::Message as _;
use tokend_proto::v1::{
    AcquireTokenRequest, GetStatusRequest, ListCredentialsRequest, ListIssuancesRequest,
    RefreshCredentialRequest, ReportRejectionRequest, SubmitRotationRequest, WatchTokensRequest,
    admin_service_client::AdminServiceClient, credential_service_client::CredentialServiceClient,
    token_service_client::TokenServiceClient,
};
use tonic::{Code, Status};

use crate::{
    SECRETS, each,
    support::{
        Place, canary,
        provider::{Provider, Reply},
        text,
    },
};

/// Searches all that a client can find in a refusal.
#[track_caller]
fn search(what: &str, status: &Status) {
    let metadata = status.metadata().clone().into_headers();
    for (name, value) in &metadata {
        canary::assert_none(&format!("{what}: {name}"), value.as_bytes());
    }
    canary::assert_none(&format!("{what}: the details"), status.details());
    canary::assert_none(&format!("{what}: the status"), format!("{status:?}").as_bytes());
    canary::assert_none(&format!("{what}: the message"), status.message().as_bytes());
}

/// Returns answers that refuse a login and repeat its secrets in many ways.
fn answers() -> Vec<Reply> {
    let [secret, token] = SECRETS.map(canary::real);
    let pair = format!("tester:{secret}");
    let hex = each(&secret, |byte| format!("{byte:02x}"));
    let escaped = each(&secret, |byte| format!("%{byte:02X}"));
    let mut answers = Vec::new();
    for said in [
        secret.clone(),
        format!("{secret}{secret}"),
        STANDARD.encode(&secret),
        URL_SAFE_NO_PAD.encode(&secret),
        hex.to_uppercase(),
        hex,
        escaped,
        format!("Authorization: Basic {}", STANDARD.encode(&pair)),
        format!("{}{secret}", "x".repeat(190)),
    ] {
        let body = serde_json::json!({"error": "invalid_client", "error_description": said});
        answers.push(Reply::json(401, body.to_string()));
        answers.push(Reply::json(503, body.to_string()));
    }
    let error = |status, body: String| Reply::json(status, body);
    answers.extend([
        error(400, format!(r#"{{"error":"{secret}"}}"#)),
        error(429, format!(r#"{{"error":"slow down {secret}"}}"#)).with("retry-after", "0"),
        error(302, String::new()).with("location", format!("https://files.example/?{secret}")),
        // Successes that aren't legible.
        error(200, format!(r#"{{"access_token":["{token}"],"expires_in":3600}}"#)),
        error(200, format!(r#"{{"access_token":"{token}","expires_in":"{token}"}}"#)),
        error(200, format!(r#"{{"access_token":"{token}","expires_in":0}}"#)),
        error(200, format!(r#"{{"access_token":"{token}\u0000\r\nx: y","expires_in":9}}"#)),
        error(200, format!(r#"{{"access_token":"{token}"#)),
        error(200, format!("<token>{token}</token>")),
        error(200, format!(r#"{{"token":"{token}"}}"#)),
    ]);
    answers
}

#[test]
fn no_refusal_that_a_client_sees_tells_a_secret_whatever_the_provider_says() {
    let place = Place::new();
    let answers = answers();
    let daemon = place.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let admin = place.runtime().join("admin.sock");
    for (number, answer) in answers.into_iter().enumerate() {
        let said = text(&answer.body);
        let provider = Provider::scripted(move |_, _| answer.clone());
        let name = format!("api-{number}");
        let added = place.add(&name, provider.url(), SECRETS[0]);
        assert!(!added.status.success(), "{said}");
        runtime.block_on(async {
            let mut tokens = TokenServiceClient::new(tokend_client::channel(place.socket()));
            let request = AcquireTokenRequest { name: name.clone(), ..Default::default() };
            search(&said, &tokens.acquire_token(request).await.unwrap_err());
            let request = RefreshCredentialRequest { name: name.clone() };
            let channel = tokend_client::channel(&admin);
            let mut credentials = CredentialServiceClient::new(channel.clone());
            search(&said, &credentials.refresh_credential(request).await.unwrap_err());

            let request = ListCredentialsRequest::default();
            let listed = credentials.list_credentials(request).await.unwrap().into_inner();
            canary::assert_none(&said, &listed.encode_to_vec());
            let request = ListIssuancesRequest::default();
            let listed = credentials.list_issuances(request).await.unwrap().into_inner();
            canary::assert_none(&said, &listed.encode_to_vec());
            let mut status = AdminServiceClient::new(channel);
            let status = status.get_status(GetStatusRequest::default()).await.unwrap().into_inner();
            canary::assert_none(&said, &status.encode_to_vec());
            let request = WatchTokensRequest { names: vec![name.clone()] };
            let mut watch = tokens.watch_tokens(request).await.unwrap().into_inner();
            let told = watch.message().await.unwrap().unwrap();
            canary::assert_none(&said, &told.encode_to_vec());
        });
        assert!(place.run(["remove", &name, "--yes"]).status.success());
    }
    daemon.end();
}

#[test]
fn no_refusal_repeats_what_a_caller_hands_in() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    assert!(place.add("api", provider.url(), SECRETS[0]).status.success());
    let token = canary::real("t0ken-c0ffee");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut tokens = TokenServiceClient::new(tokend_client::channel(place.socket()));
        // As by a program that mixes up what goes where.
        let request = AcquireTokenRequest { name: "api".into(), ..Default::default() };
        let held = tokens.acquire_token(request).await.unwrap().into_inner().token.unwrap();
        for value in [String::new(), format!("{token}\n{token}"), token.repeat(100_000)] {
            let id = tokend_proto::v1::submit_rotation_request::PreviousToken::TokenId;
            let request = SubmitRotationRequest {
                name: "api".into(),
                value,
                previous_token: Some(id(held.token_id.clone())),
                ..Default::default()
            };
            let refused = tokens.submit_rotation(request).await.unwrap_err();
            assert_ne!(refused.code(), Code::Ok);
            search("a rotation", &refused);
        }
        let rejected = tokend_proto::v1::report_rejection_request::Token::TokenId;
        let request = ReportRejectionRequest {
            name: "api".into(),
            token: Some(rejected(token.repeat(100))),
            ..Default::default()
        };
        if let Err(refused) = tokens.report_rejection(request).await {
            search("a report", &refused);
        }
    });
}
