use super::*;

fn error(text: &str) -> String {
    let source = Source::File("/etc/tokend/providers.d/acme.toml".into());
    Definition::parse("acme", source, text).unwrap_err().to_string()
}

/// Prepends what every definition needs, in two lines.
fn error_in(text: &str) -> String {
    error(&format!("title = 'Acme'\noutput.token = 'body.token'\n{text}"))
}

#[test]
fn an_unknown_key_is_shown_with_its_line_and_the_key_that_was_meant() {
    let text = "title = \"Acme\"\n\n[oauth2]\ntokn_url = \"https://auth.acme.example/token\"\n";
    assert_eq!(
        error(text),
        "\
/etc/tokend/providers.d/acme.toml:4:1: unknown key `tokn_url`, did you mean `token_url`?
4 | tokn_url = \"https://auth.acme.example/token\"
  | ^^^^^^^^"
    );
}

#[test]
fn an_undeclared_variable_is_shown_with_its_line_and_the_one_that_was_meant() {
    let text = "\
[variables.client_id]
description = \"\"
[issue]
url = \"https://auth.acme.example\"
\tform = { id = \"{{ var.clientid }}\" }";
    assert_eq!(
        error_in(text),
        "\
/etc/tokend/providers.d/acme.toml:7:16: variable `clientid` is not declared, did you mean `client_id`?
7 | \tform = { id = \"{{ var.clientid }}\" }
  | \t              ^^^^^^^^^^^^^^^^^^^^"
    );
}

#[test]
fn a_fault_of_the_whole_is_shown_without_a_line() {
    assert_eq!(
        error("title = 'Acme'"),
        "/etc/tokend/providers.d/acme.toml: \
         a definition needs [oauth2] or [issue]: how to ask for a token"
    );
    assert!(error("title = 'Acme'\nissue = []").ends_with(": how to ask for a token"));
    let error = Definition::parse("no name", Source::BuiltIn, "").unwrap_err();
    assert_eq!(error.line(), None);
    assert_eq!(
        error.to_string(),
        "built-in: `no name` is not a name: \
         use a-z, 0-9, - and _, and start with a letter or a digit"
    );
}

#[test]
fn columns_count_characters() {
    let text = "title = 'Ünïcödé'\nhosts = ['é', 5]";
    let error = Definition::parse("acme", Source::BuiltIn, text).unwrap_err();
    assert_eq!((error.line(), error.column()), (Some(2), Some(15)));
}

const ISSUE: &str = "[issue]\nurl = 'https://a.example/t'\n";
const OAUTH2: &str = "[oauth2]\ntoken_url = 'https://a.example/t'\ngrant = 'client_credentials'\n";
const INPUTS: &str = "[variables.client_id]\ndescription = ''\n[secrets.s]\ndescription = ''\n";
const INSECURE: &str = "must start with https:// (http:// is for loopback addresses only)";

/// Checks what is said of the last lines of a definition, and that it is said
/// with a line.
fn check(text: &str, expected: &str) {
    let shown = error_in(text);
    let first = shown.lines().next().unwrap_or_default();
    let fault = first.splitn(4, ':').nth(3).unwrap_or(first).trim_start();
    assert_eq!(fault, expected, "{text}");
    assert_eq!(shown.lines().count(), 3, "{shown}");
}

#[test]
fn a_wrong_type_is_told_from_the_right_one() {
    for (text, expected) in [
        ("account = 5", "invalid type: integer `5`, expected a text in quotes"),
        ("issue", "key with no value, expected `=`"),
        ("hosts = 'a.example'", "invalid type: string \"a.example\", expected an array, `[..]`"),
        ("variables.a = 'x'", "invalid type: string \"x\", expected a table"),
        ("[limits]\ncount = 5", "invalid type: table, expected an array of tables, `[[..]]`"),
        ("[variables.a]", "missing key `description`"),
        ("[issue]\nmethod = 'GET'", "missing key `url`"),
    ] {
        check(text, expected);
    }
    for (keys, expected) in [
        ("form = 5", "invalid type: integer `5`, expected a table"),
        ("form = { a = [[1]] }", "only texts, numbers and booleans work here"),
        ("json = { a = 1979-05-27 }", "write a date as a text, in quotes"),
        ("[lifetime]\ndefault = '5'", "`5` is not a duration: write `90s`, `12h` or `1d`"),
        ("[[limits]]\ncount = 0\nwindow = '1d'", "a limit counts at least 1"),
        ("[[limits]]\ncount = 'x'\nwindow = '1d'", "a limit counts at least 1"),
    ] {
        check(&format!("{ISSUE}{keys}"), expected);
    }
}

#[test]
fn a_limit_has_one_window() {
    for (keys, expected) in [
        ("", "a limit needs `window = \"12h\"`, or `per = \"day\"` if it counts by the calendar"),
        (
            "window = '1d'\nper = 'day'",
            "a limit has either `window` or `per`: write two [[limits]] if both hold",
        ),
        (
            "window = '1d'\nzone = 'UTC'",
            "`zone` goes with `per`: a window that slides is the same everywhere",
        ),
        ("per = 'week'", "unknown value `week`, expected one of `hour`, `day`, `month`"),
        (
            "per = 'day'\nzone = 'Europe/Berln'",
            "unknown time zone `Europe/Berln`, did you mean `Europe/Berlin`?",
        ),
        (
            "per = 'day'\nzone = 'here'",
            "unknown time zone `here`, write one such as `Europe/Berlin`",
        ),
    ] {
        check(&format!("{ISSUE}[[limits]]\ncount = 5\n{keys}"), expected);
    }
}

#[test]
fn what_tokens_do_is_checked() {
    let endless = "`max_live` needs `default`, a duration, or `idle`: how long a token lives that isn't deleted";
    for (keys, expected) in [
        ("idle = '0s'", "`0s` is not a duration: write `90s`, `12h` or `1d`"),
        ("ends_old_after = 'now'", "`now` is not a duration: write `90s`, `12h` or `1d`"),
        ("max_live = 0\ndefault = '1h'", "`max_live` is a whole number of at least 1"),
        ("max_live = 5", endless),
        ("max_live = 5\ndefault = 'never'", endless),
        ("max_refreshes = 0", "`max_refreshes` is a whole number of at least 1"),
        ("max_refreshes = '3'", "invalid type: string \"3\", expected a whole number"),
    ] {
        check(&format!("{ISSUE}[lifetime]\n{keys}"), expected);
    }
}

#[test]
fn inputs_are_checked_where_they_are_declared() {
    check(
        "[variables.A]\ndescription = ''",
        "`A` is not a name: use a-z, 0-9 and _, and start with a letter",
    );
    check(
        &format!("{INPUTS}[secrets.client_id]\ndescription = ''"),
        "`client_id` is both a variable and a secret",
    );
    let variable = "[variables.a]\ndescription = ''\n";
    check(&format!("{variable}kind = 'uri'"), "unknown value `uri`, did you mean `url`?");
    check(
        &format!("{variable}choices = ['b']\ndefault = 'c'"),
        "the default doesn't fit: `a` must be one of `b`",
    );
    check(
        &format!("{variable}kind = 'url'\ndefault = 'http://a.example'"),
        &format!("the default doesn't fit: `a` {INSECURE}"),
    );
}

#[test]
fn oauth2_is_checked() {
    check(&format!("{INPUTS}{OAUTH2}{ISSUE}"), "a definition has either [oauth2] or [issue]");
    check(OAUTH2, "variable `client_id` is not declared, add [variables.client_id]");
    check(
        &OAUTH2.replace("credentials", "credential"),
        "unknown value `client_credential`, did you mean `client_credentials`?",
    );
    check(
        &format!("{INPUTS}{OAUTH2}client_secret = 'hunter2'"),
        "a secret must come from an input: write `{{ secret.NAME }}`",
    );
    check(
        &format!("{INPUTS}{OAUTH2}client_secret = '{{{{ secret.s }}}}'\nclient_auth = 'bsic'"),
        "unknown value `bsic`, did you mean `basic`?",
    );
    let declared = format!("{INPUTS}[secrets.client_secret]\ndescription = ''\n");
    for (keys, expected) in [
        ("revoke = true", "`revoke` needs `issuer`"),
        ("refresh_url = 'https://a.example/r'", "`refresh_url` goes with `refresh = true`"),
        ("client_auth = 'tls_client_auth'", "`tls_client_auth` needs `http.client_certificate`"),
    ] {
        check(&format!("{declared}{OAUTH2}{keys}"), expected);
    }
    let bearer = OAUTH2.replace("client_credentials", "jwt_bearer");
    let own = "[sign.assertion]\nkey = '{{ secret.s }}'\nalgorithm = 'HS256'\ntext = 'x'\n";
    check(
        &format!("{declared}{own}{bearer}client_auth = 'none'\nassertion.algorithm = 'HS256'"),
        "[oauth2] makes `sign.assertion` itself: give yours another name",
    );
}

#[test]
fn a_renewal_is_checked() {
    let refresh = "[refresh]\nurl = 'https://a.example/r'\n";
    let oauth2 = format!("{INPUTS}{OAUTH2}client_secret = '{{{{ secret.s }}}}'\n");
    check(
        &format!("{oauth2}refresh = true\n{refresh}"),
        "[oauth2] refreshes already: take out `refresh = true` or [refresh]",
    );
    check(
        &format!("{}refresh = true", oauth2.replace("client_credentials", "refresh_token")),
        "the grant `refresh_token` refreshes with each request: take out `refresh = true`",
    );
    for (keys, expected) in [
        (
            "form = { a = '{{ refresh_token }}' }",
            "no refresh token is ever held: say in `output.refresh_token` where answers have it",
        ),
        ("form = { a = '{{ extra.x }}' }", "extra `x` is not declared, add [output.extras.x]"),
        (
            "form = { a = '{{ body.x }}' }",
            "`body` means nothing here, expected one of `extra`, `nonce`, `now`, `now_ms`, `refresh_token`, \
             `secret`, `token`, `uuid`, `var`",
        ),
        (
            "tokn = ''",
            "unknown key `tokn`, expected one of `when`, `name`, `steps`, `local`, `method`, \
             `url`, `query`, `headers`, `cookies`, `basic`, `form`, `json`, `xml`, `graphql`, \
             `body`, `answer`, `limited`, `denied`, `ok`, `output`",
        ),
    ] {
        check(&format!("{ISSUE}{refresh}{keys}"), expected);
    }
    let host = "the host of a URL can't depend on a secret or on a token";
    let reach = "a host that an answer tells needs `allow_hosts` in [http]: where it may be";
    for (url, expected) in [
        ("{{ token }}", host),
        ("https://{{ token }}.example/", host),
        ("{{ extra.url }}/refresh", reach),
    ] {
        let text = format!("{ISSUE}[output.extras]\nurl = 'body.url'\n[refresh]\nurl = '{url}'");
        check(&text, expected);
    }
    check(
        &format!("{ISSUE}[keepalive]\nurl = 'https://a.example/ping'"),
        "[keepalive] needs `idle` in [lifetime]: how long a token lives that nobody uses",
    );
}

#[test]
fn a_url_is_checked_as_far_as_it_is_known() {
    let base = "after an expression that starts a URL comes a text that starts with /";
    let host = "the host of a URL can't depend on a secret or on a token";
    for (url, expected) in [
        ("http://a.example", format!("the URL {INSECURE}").as_str()),
        ("a.example", "the URL is not a URL (relative URL without a base)"),
        ("a.{{ var.client_id }}", "a URL template must start with https:// or with `{{ .. }}`"),
        ("https://{{ secret.s }}.example/", host),
        ("https://a.example{{ secret.s }}/", host),
        ("{{ secret.s }}", host),
        ("{{ var.client_id }}.example", base),
        ("{{ var.client_id }}{{ secret.s }}", base),
    ] {
        check(&format!("{INPUTS}[issue]\nurl = '{url}'"), expected);
    }
}

#[test]
fn a_request_is_checked() {
    for (keys, expected) in [
        (
            "method = 'CONNECT'",
            "unknown value `CONNECT`, expected one of `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD`",
        ),
        ("headers = { 'a b' = '' }", "`a b` is not a header name"),
        ("headers = { Host = 'b' }", "header `Host` is set by the HTTP client"),
        (
            "headers = { authorization = 'b' }\nbasic = { username = '', password = '' }",
            "`basic` sets the header `Authorization` already",
        ),
        (
            "form = { }\njson = { }",
            "a request has `form` already, so it has no `json`; for a choice write it twice, with `when`",
        ),
        (
            "json = { a = 'x{{ secret.s }}' }",
            "a template is a whole value here: join texts inside it, `{{ 'a' ~ var.b }}`",
        ),
        (
            "json = { a = '{{ body }}' }",
            "`body` means nothing here, expected one of `nonce`, `now`, `now_ms`, `refresh_token`, `secret`, \
             `uuid`, `var`",
        ),
        ("form = { a = '{{ 1' }", "`{{` without `}}`"),
        (
            "form = { a = '{% if 1 %}' }",
            "only expressions work here, `{{ .. }}` without `-`: write text as `{{ '{%' }}`",
        ),
    ] {
        check(&format!("{INPUTS}{ISSUE}{keys}"), expected);
    }
}

#[test]
fn what_an_answer_and_a_token_are_used_for_is_checked() {
    for (keys, expected) in [
        (
            "[verdict]\nok = 'status =='",
            "not an expression: unexpected end of input, expected expression",
        ),
        (
            "[output.extras]\na = '{{ body.a }}'",
            "an expression stands here by itself: write it without `{{` and `}}`",
        ),
        (
            "[present.headers]\nA = '{{ extra.x }}'",
            "extra `x` is not declared, add [output.extras.x]",
        ),
        ("[present.cookies]\n'a;b' = ''", "`a;b` is not a cookie name"),
    ] {
        check(&format!("{ISSUE}{keys}"), expected);
    }
    check(
        &format!("hosts = ['https://a']\n{ISSUE}"),
        "`https://a` is not a host: write `api.example.com`, or `.example.com` for all below it",
    );
    check(
        &format!("account = '{{{{ secret.s }}}}'\n{ISSUE}"),
        "`secret` means nothing here, expected `var`",
    );
}

#[test]
fn what_a_rejection_looks_like_is_checked() {
    let path = |path: &str| {
        let write = "write `errors.0.message`, with `\\.` for a dot in a name";
        (
            format!("[[rejected.body]]\npath = '{path}'\nvalues = ['x']"),
            format!("`{path}` is not a path: {write}"),
        )
    };
    let rule = "[[rejected.body]]\npath = 'a'\nvalues = ";
    for (keys, expected) in [
        (
            "[rejected]\nstatuses = [401, 200]".to_owned(),
            "`200` is not the status of a refusal, which is 300 to 599".to_owned(),
        ),
        (
            "[rejected]\nstatuses = [-401]".to_owned(),
            "`-401` is not the status of a refusal, which is 300 to 599".to_owned(),
        ),
        (
            "[rejected]\nstatuses = ['401']".to_owned(),
            "invalid type: string \"401\", expected a whole number".to_owned(),
        ),
        path(""),
        path("a..b"),
        path(".a"),
        path("a."),
        path("a\\b"),
        path("a\\"),
        (
            format!("{rule}[]"),
            "`values` needs one at least: what stands there if the token is refused".to_owned(),
        ),
        (format!("{rule}[1.5]"), "only texts, whole numbers and booleans work here".to_owned()),
        (
            "[[rejected.body]]\npath = 'a'".to_owned(),
            "missing key `rejected.body.values` or `contains`".to_owned(),
        ),
    ] {
        check(&format!("{ISSUE}{keys}"), &expected);
    }
}

#[test]
fn what_a_rotation_looks_like_is_checked() {
    let (one, needs) = (
        "one [[rotated]] has one of `header`, `cookie` and `body`: write two if both hold",
        "[[rotated]] needs `header`, `cookie` or `body`: where the newer token is",
    );
    let path = "`a..b` is not a path: write `errors.0.message`, with `\\.` for a dot in a name";
    for (keys, expected) in [
        ("strip_prefix = 'Bearer '", needs),
        ("header = 'X-A'\nbody = 'a'", one),
        ("cookie = 'a'\nheader = 'X-A'", one),
        ("header = 'X A'", "`X A` is not a header name"),
        ("cookie = 'a;b'", "`a;b` is not a cookie name"),
        ("body = 'a..b'", path),
        (
            "header = 'X-A'\nextra = 'csrf'",
            "extra `csrf` is not declared, add [output.extras.csrf]",
        ),
        ("haeder = 'X-A'", "unknown key `haeder`, did you mean `header`?"),
    ] {
        check(&format!("{ISSUE}[[rotated]]\n{keys}"), expected);
    }
}

#[test]
fn a_definition_without_a_token_selector_is_refused() {
    let text = "title = 'Acme'\n[issue]\nurl = 'https://a.example'";
    assert!(error(text).ends_with(": missing key `output.token`"));
}

#[test]
fn inputs_keep_the_order_of_the_file_with_secrets_last() {
    let definition = crate::sample::definition(
        "title = 'Acme'\noutput.token = 'body'\n\
         [secrets.z]\ndescription = 'last'\n\
         [variables.c]\ndescription = ''\noptional = true\n\
         [variables.a]\ndescription = ''\ndefault = 'x'\n\
         [issue]\nurl = 'https://a.example'",
    );
    let inputs: Vec<_> = definition
        .inputs()
        .iter()
        .map(|input| (input.name.as_str(), input.secret, input.required))
        .collect();
    assert_eq!(inputs, [("c", false, false), ("a", false, false), ("z", true, true)]);
}

mod any {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_never_panics(text in "(title = 'a'\n)?(\\[(issue|oauth2|output)\\]\n)?[ -~\n{}'\"\\[\\]=.]{0,60}") {
            let _ = Definition::parse("acme", Source::BuiltIn, &text);
        }

        #[test]
        fn template_never_panics(template in "[ -~{}%#'\"\\\\éß|.]{0,40}") {
            let template = template.replace('"', "\\\"");
            let text = format!(
                "title = 'a'\noutput.token = 'body'\n\
                 [issue]\nurl = \"https://a.example/{template}\"\nform.a = \"{template}\""
            );
            let _ = Definition::parse("acme", Source::BuiltIn, &text);
        }
    }
}
