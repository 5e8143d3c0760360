use minijinja::context;

use super::*;

fn names() -> Names {
    Names {
        variables: vec!["client_id".to_owned(), "url".to_owned()],
        secrets: vec!["client_secret".to_owned()],
        extras: vec!["tenant".to_owned()],
        ..Names::default()
    }
}

fn fault(text: &str) -> String {
    Expression::new(text, &names().answer()).unwrap_err().to_string()
}

#[test]
fn names_that_nothing_declares_are_refused_with_the_one_that_was_meant() {
    for (text, expected) in [
        ("var.client_idd", "variable `client_idd` is not declared, did you mean `client_id`?"),
        ("secret.pass", "secret `pass` is not declared, expected `client_secret`"),
        ("client_id", "`client_id` means nothing here, did you mean `var.client_id`?"),
        ("header.x", "`header` means nothing here, did you mean `headers`?"),
        ("var['client_id']", "`var` needs a name: write `var.NAME`"),
        (
            "token",
            "`token` means nothing here, expected one of `body`, `cookies`, `headers`, `held`, `nonce`, `now`, `now_ms`, `secret`, `status`, `uuid`, `var`",
        ),
    ] {
        assert_eq!(fault(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_expression_is_refused() {
    assert!(fault("body.").starts_with("not an expression: "));
    assert!(fault("").starts_with("not an expression: "));
    assert!(fault("body | shout").starts_with("not an expression: unknown filter"));
    assert!(fault("body is loud").starts_with("not an expression: unknown test"));
    assert_eq!(
        fault("range(9)"),
        "`range` means nothing here, did you mean nothing?".replace(
            ", did you mean nothing?",
            ", expected one of `body`, `cookies`, `headers`, `held`, `nonce`, `now`, `now_ms`, `secret`, `status`, `uuid`, `var`"
        )
    );
}

#[test]
fn what_is_called_is_looked_up_even_where_nothing_gets_to_it() {
    for text in [
        "status == 200 and body.code | uper == 'X'",
        "headers['set-cookie'] | split(';') | frist",
        "'a' if body.x is definde else body.y",
    ] {
        assert!(fault(text).starts_with("not an expression: unknown "), "{text}");
    }
}

#[test]
fn a_part_by_positions_is_refused_wherever_it_would_hide_a_name() {
    for text in ["secret.client_secret[:8]", "bdoy.token[7:]", "body.list[1:2]"] {
        assert_eq!(
            fault(text),
            "a part by positions, `[a:b]`, can't be taken in an expression: \
             write `| capture('^.{20}')` for the first 20 characters"
        );
    }
    assert!(Expression::new("body['a:b']", &names().answer()).is_ok());
}

#[test]
fn a_number_of_nothing_is_nothing() {
    let number = |text: &str, body| {
        let expression = Expression::new(text, &names().answer()).unwrap();
        expression.find(&context! { body => body })
    };
    for filter in ["int", "float"] {
        assert_eq!(number(&format!("body.x | {filter}"), context! {}), Ok(None));
        assert_eq!(number(&format!("body.x | {filter}"), context! { x => () }), Ok(None));
        assert!(number(&format!("body.x | {filter}(7)"), context! {}).unwrap().is_some());
        assert!(number(&format!("body.x | {filter}"), context! { x => "60" }).unwrap().is_some());
        assert!(number(&format!("body.x | {filter} * 60"), context! {}).is_err());
    }
}

#[test]
fn what_is_not_there_is_nothing_however_deep() {
    let expression = Expression::new("body.a.b[0].c", &names().answer()).unwrap();
    assert_eq!(expression.find(&context! { body => "text" }), Ok(None));
    assert_eq!(expression.find(&context! { body => context! { a => () } }), Ok(None));
}

#[test]
fn an_error_never_quotes_a_value() {
    let expression = Expression::new("secret.client_secret - 1", &names().answer()).unwrap();
    let context = context! { secret => context! { client_secret => "hunter2" } };
    let error = expression.evaluate(&context).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`secret.client_secret - 1` can't be evaluated: invalid operation"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn an_expression_that_does_too_much_runs_out_of_fuel() {
    let expression = Expression::new("body | upper | lower", &names().answer()).unwrap();
    let evaluate = |kib: usize| expression.evaluate(&context! { body => "x".repeat(kib * 1024) });
    assert!(evaluate(64).is_ok());
    let error = evaluate(256).unwrap_err().to_string();
    assert_eq!(error, "`body | upper | lower` can't be evaluated: engine ran out of fuel");
}

#[test]
fn the_longest_chains_fit_the_stack() {
    for link in ["-", "not ", "[", "("] {
        let chain = link.repeat((LONGEST - 4) / link.len());
        let _ = Expression::new(&format!("{chain}body"), &names().answer());
    }
    let chain = format!("body{}", "+1".repeat((LONGEST - 4) / 2));
    let expression = Expression::new(&chain, &names().answer()).unwrap();
    assert_eq!(expression.evaluate(&context! { body => 2 }), Ok(Value::from(500)));
    assert_eq!(fault(&format!("{chain}+1")), "an expression has at most 1000 characters");
}
