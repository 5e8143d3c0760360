use super::*;
use crate::sample::{accept, definition, inputs};
use crate::{Definition, Source};

const REST: &str = "title = 'Acme'
output.token = 'body.token'
issue.url = 'https://acme.example/login'
variables.certificate = { description = '', optional = true }
variables.proxy = { description = '', optional = true }
variables.user = { description = '', optional = true }
secrets.identity = { description = '', optional = true }
secrets.key = { description = '', optional = true }
secrets.password = { description = '', optional = true }
[http]
";

const SECRETS: &str = "client_certificate = '{{ secret.identity | default(var.certificate) }}'
client_key = '{{ secret.key }}'
proxy = '{{ var.proxy }}'
proxy_username = '{{ var.user }}'
proxy_password = '{{ secret.password }}'
";

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIC\n-----END PRIVATE KEY-----\n";
const OLD: &str = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIC\n";

fn fault(http: &str) -> String {
    let text = format!("{REST}{http}");
    let error = Definition::parse("acme", Source::BuiltIn, &text).unwrap_err().to_string();
    let first = error.lines().next().unwrap();
    first.splitn(4, ':').nth(3).unwrap().trim().to_owned()
}

fn transport(http: &str) -> Transport {
    let definition = definition(&format!("{REST}{http}"));
    accept(&definition, inputs(&[], &[])).transport().clone()
}

fn given(variables: &[(&str, &str)], secrets: &[(&str, &str)]) -> Result<Transport, String> {
    let definition = definition(&format!("{REST}{SECRETS}"));
    let accepted = definition.accept(inputs(variables, secrets));
    accepted.map(|accepted| accepted.transport().clone()).map_err(|error| error.to_string())
}

#[test]
fn a_definition_that_says_nothing_has_the_defaults() {
    let Transport { ca_file, identity, proxy, timeout, connect_timeout, max_answer, .. } =
        transport("");
    assert!(ca_file.is_none() && identity.is_none() && proxy.is_none());
    assert_eq!((timeout, connect_timeout), (Duration::from_secs(30), Duration::from_secs(10)));
    assert_eq!(max_answer, 65_536);
    assert!(
        !transport("").allow_link_local && transport("allow_link_local = true").allow_link_local
    );
}

#[test]
fn a_connection_takes_less_time_than_a_request() {
    assert_eq!(transport("timeout = '5s'").connect_timeout, Duration::from_millis(2_500));
    assert_eq!(transport("connect_timeout = '29s'").connect_timeout, Duration::from_secs(29));
    assert_eq!(transport("timeout = '40s'").timeout, Duration::from_secs(40));
    let shorter = "`connect_timeout` must be shorter than `timeout`";
    assert_eq!(fault("connect_timeout = '30s'"), shorter);
    assert_eq!(fault("timeout = '2s'\nconnect_timeout = '2s'"), shorter);
    assert_eq!(fault("timeout = '41s'"), "`timeout` is 40s at most");
    assert_eq!(fault("timeout = 'soon'"), "`soon` is not a duration: write `90s`, `12h` or `1d`");
}

#[test]
fn an_answers_size_is_a_number_of_kib_or_a_text_with_its_unit() {
    for (text, bytes) in
        [("1", 1_024), ("256", 262_144), ("'256KiB'", 262_144), ("'1 MiB'", 1 << 20)]
    {
        assert_eq!(transport(&format!("max_answer = {text}")).max_answer, bytes, "{text}");
    }
    for bad in ["0", "-1", "1025", "'2MiB'", "'64'", "'64kb'", "'-1KiB'", "1.5", "true"] {
        let expected = "`max_answer` is a size of at most 1MiB: write `\"256KiB\"`, or 256 for it";
        assert_eq!(fault(&format!("max_answer = {bad}")), expected, "{bad}");
    }
}

#[test]
fn what_goes_with_something_needs_it() {
    for (http, expected) in [
        ("client_key = '/key.pem'", "`client_key` needs `client_certificate`"),
        ("proxy_username = 'u'", "`proxy_username` needs `proxy`"),
        (
            "proxy = 'http://p.example'\nproxy_password = '{{ secret.password }}'",
            "`proxy_password` needs `proxy_username`",
        ),
    ] {
        assert_eq!(fault(http), expected);
    }
}

#[test]
fn what_is_secret_comes_from_an_input_and_tells_nowhere_where_to_go() {
    let literal = "a secret must come from an input: write `{{ secret.NAME }}`";
    let proxy = "proxy = 'http://p.example'\nproxy_username = 'u'\nproxy_password = 'p'";
    assert_eq!(fault(proxy), literal);
    let key = format!("client_certificate = '/c.pem'\nclient_key = '''{KEY}'''");
    assert_eq!(fault(&key), literal);
    assert!(fault("proxy = '{{ secret.password }}'").starts_with("`secret` means nothing here"));
}

#[test]
fn a_proxy_is_a_host_reached_by_http_with_its_login_apart() {
    for (proxy, reason) in [
        ("socks5://p.example", "must start with http:// or https://"),
        ("p.example:3128", "must start with http:// or https://"),
        ("p.example", "is not a URL (relative URL without a base)"),
        (
            "http://u:hunter2@p.example",
            "must not contain a user name or password: use `proxy_username` and `proxy_password`",
        ),
        ("http://p.example/x", "must be a host and a port, as in http://proxy.example:3128"),
    ] {
        assert_eq!(fault(&format!("proxy = '{proxy}'")), format!("the proxy {reason}"));
        let refused = given(&[("proxy", proxy)], &[]).unwrap_err();
        assert_eq!(refused, format!("http.proxy: {reason}"));
    }
    let proxy = ("proxy", "https://p.example:3128");
    let with_login = given(&[proxy, ("user", "u")], &[("password", "hunter2")]).unwrap();
    assert!(!format!("{with_login:?}").contains("hunter2"));
    assert_eq!(with_login.proxy.unwrap().login.unwrap().username, "u");
    assert!(given(&[proxy], &[]).unwrap().proxy.unwrap().login.is_none());
    let colon = given(&[proxy, ("user", "u:v")], &[]).unwrap_err();
    assert_eq!(colon, "http.proxy: can't be given a user name with a colon in it");
    // Nothing is told to nobody.
    assert!(given(&[("user", "u")], &[("password", "p")]).unwrap().proxy.is_none());
}

#[test]
fn an_identity_is_pem_or_a_path_with_its_key_beside_it_or_apart() {
    let both = format!("{CERTIFICATE}{KEY}");
    let identity = |secrets: &[_]| given(&[], secrets).unwrap().identity.unwrap();
    assert!(matches!(
        identity(&[("identity", &both)]),
        Identity { certificate: Pem::Text(_), key: None }
    ));
    assert!(matches!(
        identity(&[("identity", CERTIFICATE), ("key", KEY)]),
        Identity { certificate: Pem::Text(_), key: Some(Pem::Text(_)) }
    ));
    let files = given(&[("certificate", "/c.pem")], &[("key", KEY)]).unwrap().identity.unwrap();
    assert!(matches!(files, Identity { certificate: Pem::File(_), key: Some(Pem::Text(_)) }));
    assert!(!format!("{files:?}").contains("MIIC"));
}

#[test]
fn an_identity_that_is_none_is_refused_without_being_shown() {
    let not_pem = "must be a PEM text, -----BEGIN .., or an absolute path";
    let encrypted =
        "the client's private key is encrypted: give what `openssl pkey -in KEY` makes of it";
    for (identity, key, expected) in [
        ("", KEY, "http.client_key: is given, but http.client_certificate isn't".to_owned()),
        ("hunter2", "", format!("http.client_certificate: {not_pem}")),
        (CERTIFICATE, "hunter2", format!("http.client_key: {not_pem}")),
        (KEY, "", "http.client_certificate: there is no certificate in it".to_owned()),
        (CERTIFICATE, CERTIFICATE, "http.client_key: there is no private key in it".to_owned()),
        (
            CERTIFICATE,
            "",
            "http.client_certificate: there is no private key in it, and no http.client_key"
                .to_owned(),
        ),
        (CERTIFICATE, ENCRYPTED, encrypted.to_owned()),
        (CERTIFICATE, OLD, encrypted.to_owned()),
    ] {
        let refused = given(&[], &[("identity", identity), ("key", key)]).unwrap_err();
        assert_eq!(refused, expected);
    }
}
