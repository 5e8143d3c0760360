//! Files as other programs write them, and others.

use secrecy::ExposeSecret as _;

use super::*;

/// As `oidc-gen --print` prints it.
const ACCOUNT: &str = r#"{
    "name": "work",
    "client_name": "oidc-agent:work-laptop",
    "issuer_url": "https://login.example/realms/acme/",
    "device_authorization_endpoint": "https://login.example/realms/acme/device",
    "daeSetByUser": 0,
    "client_id": "4c1b5f9e",
    "client_secret": "s3cret-of-client",
    "refresh_token": "s3cret-of-login",
    "cert_path": "/etc/ssl/certs/ca-certificates.crt",
    "scope": "openid offline_access",
    "redirect_uris": ["edu.kit.data.oidc-agent:/redirect", "http://localhost:8080", "http://localhost:4242"],
    "username": "",
    "password": ""
}"#;

fn seen(found: Found) -> Vec<(String, Option<String>, Option<String>)> {
    let seen = |it: Field| (it.name, it.input, it.value.map(|it| it.expose_secret().to_owned()));
    found.fields.into_iter().map(seen).collect()
}

fn taken<'a>(
    name: &'a str,
    input: &'a str,
    value: &'a str,
) -> (String, Option<String>, Option<String>) {
    (name.to_owned(), Some(input.to_owned()), Some(value.to_owned()))
}

fn left(name: &str) -> (String, Option<String>, Option<String>) {
    (name.to_owned(), None, None)
}

#[test]
fn reads_an_account_of_oidc_agent() {
    let found = oidc_agent(ACCOUNT, &File::stdin(), "a").unwrap();
    assert_eq!(found.provider, "oidc-login");
    assert_eq!(
        seen(found),
        [
            taken("issuer_url", "issuer", "https://login.example/realms/acme/"),
            taken("client_id", "client_id", "4c1b5f9e"),
            taken("client_secret", "client_secret", "s3cret-of-client"),
            taken("scope", "scope", "openid offline_access"),
            taken("redirect_uris", "redirect_uri", "http://localhost:8080"),
            taken("refresh_token", "refresh_token", "s3cret-of-login"),
            left("cert_path"),
            left("client_name"),
            left("daeSetByUser"),
            left("device_authorization_endpoint"),
            left("name"),
        ]
    );
}

#[test]
fn an_encrypted_account_is_answered_with_the_command_to_pipe() {
    let by_password = "1234\nbm9uY2U=\nc2FsdA==\n24:32:16:1:2:67108864:2\nY2lwaGVy\n\
        Generated using version: 4.2.6\n";
    let by_gpg = "-----BEGIN PGP MESSAGE-----\n\nhQIMA\n-----END PGP MESSAGE-----\n";
    for text in [by_password, by_gpg] {
        let problem = oidc_agent(text, &File::stdin(), "work").unwrap_err();
        assert_eq!(
            problem.remedy("work").unwrap(),
            "oidc-gen --print work | tokend-cli import work --oidc-agent -"
        );
    }
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join("oidc-agent");
    std::fs::create_dir(&own).unwrap();
    for (path, account) in
        [(own.join("kit"), "kit".to_owned()), (directory.path().join("x"), String::new())]
    {
        std::fs::write(&path, by_password).unwrap();
        let (file, text) = File::read(&path).unwrap();
        let hint = oidc_agent(&text, &file, "a").unwrap_err().remedy("a").unwrap();
        let whole = path.canonicalize().unwrap().display().to_string();
        let account = if account.is_empty() { whole } else { account };
        assert_eq!(
            hint,
            format!("oidc-gen --print {account} | tokend-cli import a --oidc-agent -")
        );
    }
}

#[test]
fn reads_the_key_of_a_service_account() {
    let key = r#"{
        "type": "service_account", "project_id": "p", "private_key_id": "k1",
        "private_key": "-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----\n",
        "client_email": "a@p.iam.gserviceaccount.com", "client_id": "1",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token", "universe_domain": "googleapis.com"
    }"#;
    let found = google(key, &File::stdin()).unwrap();
    assert_eq!(found.provider, "google-service-account");
    let pem = "-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----\n";
    assert_eq!(
        seen(found),
        [
            taken("client_email", "client_email", "a@p.iam.gserviceaccount.com"),
            taken("private_key_id", "private_key_id", "k1"),
            taken("private_key", "private_key", pem),
            taken("token_uri", "token_url", "https://oauth2.googleapis.com/token"),
            left("auth_uri"),
            left("client_id"),
            left("project_id"),
            left("universe_domain"),
        ]
    );
}

#[test]
fn reads_what_a_login_by_gcloud_leaves_behind() {
    let file = r#"{
        "account": "", "client_id": "7640.apps.googleusercontent.com", "client_secret": "d-FL",
        "quota_project_id": "p", "refresh_token": "1//0e", "type": "authorized_user",
        "universe_domain": "googleapis.com"
    }"#;
    let found = google(file, &File::stdin()).unwrap();
    assert_eq!(found.provider, "google");
    assert_eq!(
        seen(found),
        [
            taken("client_id", "client_id", "7640.apps.googleusercontent.com"),
            taken("client_secret", "client_secret", "d-FL"),
            taken("refresh_token", "refresh_token", "1//0e"),
            left("quota_project_id"),
            left("universe_domain"),
        ]
    );
}

#[test]
fn other_kinds_are_named_with_what_can_be_imported() {
    for kind in ["external_account", "impersonated_service_account", "gdch_service_account"] {
        let problem = google(&format!(r#"{{"type": "{kind}"}}"#), &File::stdin()).unwrap_err();
        assert!(problem.to_string().contains(kind), "{problem}");
        let remedy = problem.remedy("a").unwrap();
        assert!(remedy.contains("service_account") && remedy.contains("authorized_user"));
    }
}

#[test]
fn what_is_wrong_is_told_without_what_stands_there() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for text in [
        "",
        "s3cret",
        "\"s3cret\"",
        "[\"s3cret\"]",
        "{\"client_id\": \"s3cret\"",
        "{\"client_id\": s3cret}",
        "{\"client_id\": \"s3cret\"}",
        "{\"type\": \"authorized_user\", \"client_id\": \"x\", \"client_secret\": 1}",
        "{\"type\": \"service_account\", \"client_email\": \"x\"}",
        "{\"type\": {\"s3cret\": 1}}",
        &deep,
    ] {
        let file = File::stdin();
        let google = google(text, &file).unwrap_err();
        let agent = oidc_agent(text, &file, "a").unwrap_err();
        let told = format!("{google} {agent} {google:?} {agent:?}");
        assert!(!told.contains("s3cret"), "{told}");
    }
    let long = format!(r#"{{"type": "{}"}}"#, "x".repeat(100_000));
    assert!(google(&long, &File::stdin()).unwrap_err().to_string().len() < 200);
}
