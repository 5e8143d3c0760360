//! `rotated`: hands over a newer token that an API's answer has brought.

mod answer;

use std::{
    fs::File,
    io::{self, Read, Write as _},
    path::Path,
};

use prost_types::Timestamp;
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use tokend_client::{Client, Rotation, Submission, Token};

use crate::{
    arguments::Rotated,
    command::{
        held::{held, was_held},
        rotated::answer::{Answer, Unclear},
    },
    failure::Failure,
    output::printable,
    secret::{self, Place},
};

/// Of a longer answer the head counts, and a body that is cut off brings nothing.
const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;

/// What may be piped in.
const INPUT: &str = "the answer or the newer token";

/// What was piped in.
enum Given {
    Answer(Answer),
    Token(SecretString),
}

pub(super) async fn run(
    client: &Client,
    rotated: Rotated,
    started: &Timestamp,
) -> Result<(), Failure> {
    let Rotated { name, token_id, token_env, body } = rotated;
    let body = body.map(|path| file(&path)).transpose()?;
    let given = read(&mut io::stdin(), body)?;
    let sent = token_env.map(|variable| variable_of(&variable)).transpose()?;
    if let (Given::Token(value), Some(id)) = (&given, &token_id) {
        let rotation = Rotation::of_id(id, value.clone());
        return if submit(client, &name, rotation).await? {
            Ok(())
        } else {
            too_late(&given, name)
        };
    }
    let token = held(client, &name).await?;
    let rotation = match &given {
        Given::Token(value) => Some(Rotation::of_id(token.id(), value.clone())),
        Given::Answer(answer) => Rotation::of(&token, &answer.headers, Some(&answer.body)),
    };
    let Some(rotation) = rotation else { return Ok(()) };
    let is_it = was_sent(&token, token_id.as_deref(), sent.as_ref(), started);
    if is_it && submit(client, &name, rotation).await? { Ok(()) } else { too_late(&given, name) }
}

/// Tells whether a token is the one that the API was asked with. Times are gone by only
/// where nothing says which that was: clocks are set back, too.
fn was_sent(
    token: &Token,
    token_id: Option<&str>,
    sent: Option<&SecretString>,
    started: &Timestamp,
) -> bool {
    match (token_id, sent) {
        (Some(id), _) => id == token.id(),
        (None, Some(sent)) => sent.expose_secret() == token.value().expose_secret(),
        (None, None) => was_held(token, started),
    }
}

/// Reads the file of a body.
fn file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(path).and_then(|file| file.take(LONGEST_ANSWER).read_to_end(&mut bytes));
    let failed = |source| {
        let input = "the answer's body".to_owned();
        secret::Problem::File { input, path: path.to_owned(), source }
    };
    read.map_err(failed)?;
    Ok(bytes)
}

/// Reads what is piped in: an answer's head, perhaps with its body, or else a token. With
/// the body in a file, there may be nothing else.
fn read(stdin: &mut impl Read, body: Option<Zeroizing<Vec<u8>>>) -> Result<Given, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let failed = |source| secret::Problem::Stdin { input: INPUT.to_owned(), source };
    stdin.take(LONGEST_ANSWER).read_to_end(&mut bytes).map_err(failed)?;
    // Whoever writes more isn't to fail of it.
    io::copy(stdin, &mut io::sink()).map_err(failed)?;
    let answer = Answer::read(&bytes, body.is_some()).map_err(|Unclear| Failure::TwoHeads)?;
    match (answer, body) {
        (Some(answer), None) => Ok(Given::Answer(answer)),
        (Some(answer), Some(body)) => Ok(Given::Answer(Answer { body, ..answer })),
        (None, Some(body)) if bytes.is_empty() => {
            Ok(Given::Answer(Answer { body, ..Answer::default() }))
        }
        (None, Some(_)) => Err(Failure::NoAnswer),
        (None, None) => {
            let value = secret::read(INPUT, &Place::Stdin, &mut &bytes[..])?;
            let value = token_in(value.expose_secret()).ok_or(Failure::NoAnswer)?;
            Ok(Given::Token(value.into()))
        }
    }
}

/// Returns the token of a line: by itself, behind its scheme or in a whole header. Nobody is
/// to get the last word of a page or of a body in its place.
fn token_in(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let token = match words[..] {
        [token] | [_, token] => token,
        [name, _, token] if name.ends_with(':') => token,
        _ => return None,
    };
    let is_text = line.starts_with(['{', '[', '<', '"']) || line.contains(char::is_control);
    (!is_text).then_some(token)
}

/// Reads the token that the API was asked with.
fn variable_of(variable: &str) -> Result<SecretString, Failure> {
    let place = Place::Variable(variable.to_owned());
    let value = secret::read("the token", &place, &mut io::empty())?;
    Ok(secret::bare(value.expose_secret()).into())
}

/// Hands over a newer token, and tells whether it counts.
async fn submit(client: &Client, name: &str, rotation: Rotation) -> Result<bool, Failure> {
    let submission = client.submit_rotation(name, rotation).await.map_err(Failure::about(name))?;
    Ok(submission != Submission::Superseded)
}

/// Says that another token has taken the previous one's place already. A script that hands
/// over each answer has failed in nothing then: others were faster.
fn too_late(given: &Given, name: String) -> Result<(), Failure> {
    let failure = Failure::Superseded(name);
    if let Given::Token(_) = given {
        return Err(failure);
    }
    let _ = writeln!(io::stderr(), "tokend-cli: {}", printable(&failure.to_string()));
    Ok(())
}

#[cfg(test)]
mod tests;
