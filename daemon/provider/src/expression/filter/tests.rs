use minijinja::{Value, context};

use crate::expression::{EvaluationError, Expression, Names, Scope};

fn scope() -> Scope {
    Names::default().answer()
}

fn evaluate(text: &str, body: impl Into<Value>) -> Result<Value, EvaluationError> {
    let context = context! { body => body.into(), now => 59 };
    Expression::new(text, &scope()).unwrap().evaluate(&context)
}

fn text(expression: &str, body: impl Into<Value>) -> String {
    let value = evaluate(expression, body).unwrap();
    value.as_str().unwrap_or_else(|| panic!("{expression}")).to_owned()
}

#[test]
fn texts_bytes_and_numbers_are_encoded() {
    for (expression, expected) in [
        ("'a?>b' | base64", "YT8+Yg=="),
        ("'a?>b' | base64url", "YT8-Yg"),
        ("5 | base64", "NQ=="),
        ("'YT8-Yg' | base64_decode", "a?>b"),
        ("'YT8+Yg==' | base64_decode", "a?>b"),
        ("'YT8+\nYg==\n' | base64_decode", "a?>b"),
        ("'é' | hex", "c3a9"),
        ("'C3a9' | hex_decode", "é"),
        ("'/wA=' | base64_decode | hex", "ff00"),
        ("'a b/é' | percent", "a%20b%2F%C3%A9"),
        ("'a b/é' | form", "a+b%2F%C3%A9"),
        ("'<&>' | xml", "&lt;&amp;&gt;"),
        ("{'a': [1, none, 'b\"']} | json", r#"{"a":[1,null,"b\""]}"#),
        ("'</a>' | json", r#""</a>""#),
    ] {
        assert_eq!(text(expression, ()), expected, "{expression}");
    }
}

#[test]
fn digests_are_those_of_their_standards() {
    // RFC 1321 §A.5, RFC 3174 §7.3, FIPS 180-4, and RFC 2202 and RFC 4231, case 2.
    let key = "'what do ya want for nothing?' | hmac_";
    for (expression, expected) in [
        ("'abc' | md5 | hex".to_owned(), "900150983cd24fb0d6963f7d28e17f72"),
        ("'abc' | sha1 | hex".to_owned(), "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "'abc' | sha256 | hex".to_owned(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            "'abc' | sha384 | hex".to_owned(),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            "'abc' | sha512 | hex".to_owned(),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (format!("{key}sha1('Jefe') | hex"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (
            format!("{key}sha256('Jefe') | hex"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            format!("{key}sha384('Jefe') | hex"),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e\
             8e2240ca5e69e2c78b3239ecfab21649",
        ),
        (
            format!("{key}sha512('Jefe') | hex"),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
        (
            format!("{key}sha256('4a656665' | hex_decode) | base64"),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=",
        ),
    ] {
        assert_eq!(text(&expression, ()), expected, "{expression}");
    }
}

#[test]
fn codes_of_times_are_those_of_the_rfc() {
    // RFC 6238, appendix B, whose seeds are as long as the digests.
    let seeds = [
        ("sha1", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
        ("sha256", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq gezd gnbv gy3t qojq geza"),
        (
            "sha512",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA=",
        ),
    ];
    for (now, codes) in [
        (59, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (20_000_000_000_u64, ["65353130", "77737706", "47863826"]),
    ] {
        for ((algorithm, seed), code) in seeds.iter().zip(codes) {
            let source = format!("body | totp(digits=8, algorithm='{algorithm}')");
            let expression = Expression::new(&source, &scope()).unwrap();
            let value = expression.evaluate(&context! { body => *seed, now });
            assert_eq!(value, Ok(Value::from(code)), "{algorithm} at {now}");
        }
    }
    assert_eq!(text("body | totp", seeds[0].1), "287082");
    assert_eq!(text("body | totp(period=60)", seeds[0].1), "755224");
}

#[test]
fn a_code_needs_a_seed_and_the_time() {
    let expression = Expression::new("body | totp", &scope()).unwrap();
    for context in [
        context! { body => "MZXW6YTB" },
        context! { body => "MZXW6YTB", now => "soon" },
        context! { body => "MZXW6YTB", now => -1 },
        context! { body => "0189", now => 59 },
        context! { now => 59 },
    ] {
        assert!(expression.evaluate(&context).is_err(), "{context}");
    }
}

#[test]
fn times_are_written_as_requests_want_them() {
    for (expression, expected) in [
        ("body | date('%Y%m%dT%H%M%SZ')", "20250601T121000Z"),
        ("body | date('rfc3339')", "2025-06-01T12:10:00Z"),
        ("body | date('rfc3339', 'Europe/Berlin')", "2025-06-01T14:10:00+02:00"),
        ("body | date('rfc3339', zone='Europe/Berlin')", "2025-06-01T14:10:00+02:00"),
        ("body | date('%F %H:%M', zone='America/New_York')", "2025-06-01 08:10"),
        ("body | date('http', zone='Europe/Berlin')", "Sun, 01 Jun 2025 12:10:00 GMT"),
        ("(body + 0.123) | date('%s%.3f')", "1748779800.123"),
        ("-1 | date('rfc3339')", "1969-12-31T23:59:59Z"),
    ] {
        assert_eq!(text(expression, 1_748_779_800), expected, "{expression}");
    }
    for body in [Value::from("soon"), Value::from(f64::NAN), Value::from(1e300), Value::from(())] {
        assert!(evaluate("body | date('rfc3339')", body).is_err());
    }
}

#[test]
fn parts_of_texts_are_cut_out_and_off() {
    let page = "var token = 'abc'; next";
    for (expression, expected) in [
        ("body | capture(\"token = '([^']+)'\")", "abc"),
        ("body | capture('[0-9a-c]{3}')", "abc"),
        ("body | capture('(x)?next') | default('none')", "none"),
        ("'Bearer abc' | without('bearer ')", "abc"),
        ("'abc' | without('bearer ')", "abc"),
        ("'é' | without('e')", "é"),
        ("{'b_1': 'x', 'a_1': 'y'} | starting('b_')", "x"),
        ("{'b': 'x', 'a': 5} | cookie", "a=5; b=x"),
        ("{'a': '\"x y\"'} | cookie", "a=\"x y\""),
    ] {
        assert_eq!(text(expression, page), expected, "{expression}");
    }
    for expression in [
        "body | capture('missing')",
        "body.x | capture('(a)')",
        "body.x | param('a')",
        "body.x | without('a')",
        "body.x | starting('a')",
        "{'a': 1} | starting('b')",
        "{} | cookie",
    ] {
        assert!(evaluate(expression, page).unwrap().is_undefined(), "{expression}");
    }
}

#[test]
fn what_is_not_there_has_no_digest_and_no_encoding() {
    for filter in [
        "base64",
        "base64url",
        "base64_decode",
        "hex",
        "hex_decode",
        "percent",
        "form",
        "xml",
        "json",
        "sha1",
        "sha256",
        "sha384",
        "sha512",
        "md5",
        "hmac_sha1('k')",
        "hmac_sha256('k')",
        "hmac_sha384('k')",
        "hmac_sha512('k')",
        "totp",
        "cookie",
        "date('%s')",
    ] {
        assert!(evaluate(&format!("body.x | {filter}"), context! {}).is_err(), "{filter}");
    }
    assert!(evaluate("'a' | hmac_sha256(body.x)", context! {}).is_err());
    assert!(evaluate("{'a': body.x} | cookie", context! {}).is_err());
}

#[test]
fn what_an_alphabet_does_not_have_is_refused() {
    for expression in [
        "'a' | base64_decode",
        "'a*==' | base64_decode",
        "'abc' | hex_decode",
        "'xy' | hex_decode",
        "'\\u0001' | xml",
        "('/w==' | base64_decode) | percent",
        "('/w==' | base64_decode) | json",
        "[1] | base64",
        "true | sha256",
        "{'a b': 'x'} | cookie",
        "{'a': 'x; b=y'} | cookie",
        "{'a': 'x\\r\\nb'} | cookie",
        "'a=b' | cookie",
        "'a' | starting('a')",
    ] {
        assert!(evaluate(expression, ()).is_err(), "{expression}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_found_when_the_definition_is_read() {
    for (expression, expected) in [
        ("body | capture('(')", "not an expression: syntax error: not a pattern: "),
        ("body | capture('(a{900}){900}')", "not an expression: syntax error: not a pattern: "),
        ("body | date('%!')", "not an expression: syntax error: not a format for dates"),
        (
            "body | date('%F', zone='Berlin')",
            "not an expression: syntax error: unknown time zone `Berlin`, \
             did you mean `Europe/Berlin`?",
        ),
        (
            "body | totp(algorithm='md5')",
            "not an expression: syntax error: expected one of `sha1`, `sha256`, `sha512`",
        ),
        ("body | totp(digits=4)", "not an expression: syntax error: a one-time code has 6 to"),
        ("body | sha255", "not an expression: unknown filter: filter sha255 is unknown"),
    ] {
        let fault = Expression::new(expression, &scope()).unwrap_err().to_string();
        assert!(fault.starts_with(expected), "{fault}");
    }
    let long = format!("body | capture('{}')", "a".repeat(501));
    assert!(Expression::new(&long, &scope()).is_err());
}
