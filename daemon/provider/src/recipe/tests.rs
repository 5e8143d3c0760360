use secrecy::ExposeSecret;

use crate::sample::{accept, definition, inputs, start};
use crate::{InputError, Request};

/// Makes the request of an `[issue]` with the variables `a`, `b` (an integer)
/// and `none`, and the secret `s`.
fn request(issue: &str, a: &str) -> Result<Request, InputError> {
    let definition = definition(&format!(
        "title = 'Acme'\noutput.token = 'body.token'\n\
         variables.a.description = ''\n\
         variables.b = {{ description = '', kind = 'integer', default = '7' }}\n\
         variables.none = {{ description = '', optional = true }}\n\
         secrets.s.description = ''\n\
         [issue]\n{issue}"
    ));
    let accepted = definition.accept(inputs(&[("a", a)], &[("s", "hunter2")]))?;
    Ok(start(&definition, &accepted.into()).1)
}

fn body(issue: &str, a: &str) -> String {
    let request = request(&format!("url = 'https://a.example/'\n{issue}"), a).unwrap();
    String::from_utf8(request.body.unwrap().to_vec()).unwrap()
}

#[test]
fn what_is_not_given_is_left_out() {
    let none = "'{{ var.none }}'";
    assert_eq!(body(&format!("form = {{ a = '{{{{ var.a }}}}', n = {none} }}"), "x"), "a=x");
    assert_eq!(
        body(&format!("json = {{ l = [{none}, 1], t = {{ n = {none} }}, n = {none} }}"), "x"),
        r#"{"l":[1],"t":{}}"#
    );
    let issue = format!("url = 'https://a.example/'\nquery = {{ n = {none} }}\nheaders.N = {none}");
    let request = request(&issue, "x").unwrap();
    assert_eq!(request.url.as_str(), "https://a.example/");
    assert!(!request.headers.contains_key("n"));
    assert_eq!(request.body, None);
}

#[test]
fn json_keeps_types_and_the_order_of_the_file() {
    assert_eq!(
        body(
            "json = { z = '{{ var.b }}', y = '{{ var.b > 5 }}', x = '{{ none }}', w = 1.5, \
             v = ['{{ var.a }}', true], u = '{{ {\"k\": var.a} }}' }",
            "é\"\\",
        ),
        r#"{"z":7,"y":true,"x":null,"w":1.5,"v":["é\"\\",true],"u":{"k":"é\"\\"}}"#
    );
}

#[test]
fn a_value_cannot_break_out_of_a_form_a_query_or_json() {
    let evil = "x&admin=1#?=%26 +\"}";
    assert_eq!(
        body("form = { a = '{{ var.a }}', b = 'n:{{ var.a }}' }", evil),
        "a=x%26admin%3D1%23%3F%3D%2526+%2B%22%7D&b=n%3Ax%26admin%3D1%23%3F%3D%2526+%2B%22%7D"
    );
    assert_eq!(
        body("json = { query = 'mutation{a(x:\"}}\")}', variables = { a = '{{ var.a }}' } }", evil),
        r#"{"query":"mutation{a(x:\"}}\")}","variables":{"a":"x&admin=1#?=%26 +\"}"}}"#
    );
    let issue = "url = 'https://a.example/t?k={{ var.a }}'\nquery = { q = '{{ var.a }}' }";
    assert_eq!(
        request(issue, evil).unwrap().url.query(),
        Some(
            "k=x%26admin%3D1%23%3F%3D%2526%20%2B%22%7D\
             &q=x%26admin%3D1%23%3F%3D%2526+%2B%22%7D"
        )
    );
}

#[test]
fn a_value_cannot_change_where_a_request_goes() {
    let url = |template: &str, a: &str| {
        let request = request(&format!("url = '{template}'"), a);
        request.map(|request| request.url.to_string()).map_err(|error| error.to_string())
    };
    let unfit = || Err("`var.a` doesn't fit into the URL where it stands".to_owned());
    for (template, a, expected) in [
        ("https://{{ var.a }}.acme.example/t", "eu", Ok("https://eu.acme.example/t")),
        ("https://{{ var.a }}.acme.example/t", "evil.example/", unfit()),
        ("https://{{ var.a }}.acme.example/t", "evil.example#", unfit()),
        ("https://{{ var.a }}.acme.example/t", "evil.example\\", unfit()),
        ("https://{{ var.a }}.acme.example/t", "u@evil.example?", unfit()),
        (
            "https://a.example/{{ var.a }}/t",
            "x/../../y?z#",
            Ok("https://a.example/x%2F..%2F..%2Fy%3Fz%23/t"),
        ),
        ("https://a.example/{{ var.a }}/t", "..", unfit()),
        ("https://a.example/{{ var.a }}/t", "%2e%2e", Ok("https://a.example/%252e%252e/t")),
        ("{{ var.a }}/t", "https://a.example/v1/", Ok("https://a.example/v1/t")),
        ("{{ var.a }}/t", "https://a.example?x=", unfit()),
        ("{{ var.a }}", "https://a.example/t?tenant=1", Ok("https://a.example/t?tenant=1")),
        (
            "{{ var.a }}/t",
            "http://a.example",
            Err("the URL must start with https:// (http:// is for loopback addresses only)"
                .to_owned()),
        ),
        ("{{ var.a }}", "http://127.0.0.1:8080/t", Ok("http://127.0.0.1:8080/t")),
        ("https://a.example/{{ secret.s }}/t", "", Err("`a` is missing: ".to_owned())),
    ] {
        assert_eq!(url(template, a), expected.map(str::to_owned), "{template} {a}");
    }
}

#[test]
fn a_header_never_carries_a_line_break() {
    let definition = definition(
        "title = 'Acme'\noutput.token = 'body.token'\nsecrets.s.description = ''\n\
         [issue]\nurl = 'https://a.example/'\nheaders = { X-Key = 'k {{ secret.s }}' }",
    );
    for secret in ["a\r\nHost: evil", "a\nb", "a\0", "é"] {
        let error = definition.accept(inputs(&[], &[("s", secret)])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the value for header `x-key` has line breaks or characters other than ASCII"
        );
    }
}

#[test]
fn basic_is_form_encoded_only_where_oauth_wants_it() {
    let header = |issue: &str, a: &str| {
        let request = request(&format!("url = 'https://a.example/'\n{issue}"), a);
        request.map(|request| request.headers["authorization"].to_str().unwrap().to_owned())
    };
    let plain = "basic = { username = '{{ var.a }}', password = '{{ secret.s }}' }";
    let encoded =
        "basic = { username = '{{ var.a }}', password = '{{ secret.s }}', form_encoded = true }";
    // "a b:hunter2" and "a%20b%3A%2B:hunter2".
    assert_eq!(header(plain, "a b").unwrap(), "Basic YSBiOmh1bnRlcjI=");
    assert_eq!(header(encoded, "a b:+").unwrap(), "Basic YSUyMGIlM0ElMkI6aHVudGVyMg==");
    assert_eq!(
        header(plain, "a:b").unwrap_err().to_string(),
        "the user name has a colon in it, which HTTP Basic can't carry"
    );
}

#[test]
fn nothing_secret_shows_in_debug() {
    let request = request(
        "url = 'https://a.example/{{ secret.s }}'\nquery = { q = '{{ secret.s }}' }\n\
         headers = { X-Key = '{{ secret.s }}', Cookie = 'a={{ secret.s }}' }\n\
         form = { a = '{{ secret.s }}' }",
        "x",
    )
    .unwrap();
    let shown = format!("{request:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains(r#"url: "https://a.example""#), "{shown}");
    assert!(request.headers["x-key"].is_sensitive());
    assert!(!request.headers["accept"].is_sensitive());
}

#[test]
fn a_request_of_no_use_with_these_inputs_is_refused_when_they_are_given() {
    let issue = "when = 'var.none'\nurl = 'https://a.example'";
    assert_eq!(
        request(issue, "x").unwrap_err().to_string(),
        "these inputs don't fit: the definition asks for `var.none`"
    );
    let issue = "url = 'https://a.example/{{ var.none }}'";
    assert_eq!(request(issue, "x").unwrap_err().to_string(), "url: `var.none` isn't given");
}

#[test]
fn an_answer_belongs_to_the_inputs_that_were_accepted() {
    let definition = definition(crate::sample::PLAIN);
    let accepted = accept(&definition, inputs(&[], &[("password", "hunter2")]));
    assert_eq!(accepted.secrets()["password"].expose_secret(), "hunter2");
    let (_, request) = start(&definition, &accepted);
    assert_eq!(request.body.as_deref(), Some(&b"password=hunter2"[..]));
}
