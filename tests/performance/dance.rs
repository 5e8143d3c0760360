//! One definition's request and answer: OAuth 2 client credentials, which is most of what
//! providers are asked.

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use jiff::Timestamp;
use tokend_core::{Random as _, SplitMix};
use tokend_provider::{
    AcceptedInputs, Ambient, Answer, Definition, Exchange, Inputs, Library, Operation, Outcome,
    Request, Step,
};

/// How many requests are made before answers are read, however many answers that is.
const REQUESTS: usize = 100;

const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// What tokens are made of.
const DIGITS: [u8; 64] = *b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/// Makes a request.
pub(crate) fn request(times: usize) {
    let dance = prepare();
    for _ in 0..times {
        black_box(start(black_box(&dance)));
    }
}

/// Reads an answer.
pub(crate) fn answer(times: usize) {
    let dance = prepare();
    let mut waiting: Vec<_> = (0..REQUESTS).map(|_| start(&dance).0).collect();
    assert!(times <= waiting.len(), "so many requests wait for an answer");
    let mut bytes = [0; 1_024];
    SplitMix::new(1).fill(&mut bytes);
    let token: String =
        bytes.map(|byte| char::from(DIGITS[usize::from(byte % 64)])).iter().collect();
    let body = format!(
        r#"{{"access_token": "{token}", "token_type": "Bearer", "expires_in": 3600, "scope": "read"}}"#
    );
    let json = HeaderValue::from_static("application/json");
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
    let answer = Answer { status: StatusCode::OK, headers, body: body.into() };
    for exchange in waiting.drain(REQUESTS - times..) {
        let step = exchange.answer(black_box(&answer), NOW);
        assert!(matches!(black_box(step), Step::Done(Outcome::Issued(_))), "a token is in it");
    }
    // To drop those that still wait would count, too.
    std::mem::forget(waiting);
}

/// A definition, and what a user says to it.
type Dance = (Arc<Definition>, Arc<AcceptedInputs>);

fn prepare() -> Dance {
    let definition = Library::built_in().get("oauth2-client-credentials");
    let definition = definition.expect("it is built in");
    let variables = [
        ("token_url", "https://auth.example.com/oauth/token"),
        ("client_id", "reporting"),
        ("scope", "read"),
        ("audience", "https://api.example.com"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let secrets = BTreeMap::from([("client_secret".to_owned(), "hunter2".into())]);
    let inputs = Inputs { variables: BTreeMap::from(variables), secrets };
    let inputs = definition.accept(inputs).expect("all is said that it needs");
    (definition, Arc::new(inputs))
}

fn start((definition, inputs): &Dance) -> (Box<Exchange>, Request) {
    let ambient = Ambient { now: NOW, entropy: [7; 32] };
    match Exchange::start(definition, inputs, Operation::Issue, None, ambient) {
        Ok(Step::Send(exchange, request)) => (exchange, request),
        other => panic!("it begins with a request: {other:?}"),
    }
}
