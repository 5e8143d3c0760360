//! `rotate`: hands over a newer token that an API's answer has brought.

use std::{
    io::{self, Read},
    time::Duration,
};

use prost_types::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokend_client::{Client, Rotation, Submission, Token, TokenOptions};

use crate::{
    arguments::Rotate,
    failure::Failure,
    secret::{self, Place},
};

pub(super) async fn run(
    client: &Client,
    rotate: Rotate,
    started: &Timestamp,
) -> Result<(), Failure> {
    let Rotate { name, token_id } = rotate;
    let value = value(&mut io::stdin())?;
    let token_id = if let Some(token_id) = token_id {
        Some(token_id)
    } else {
        // Any that hasn't expired: it must cost no issuance.
        let any = TokenOptions::new().min_ttl(Duration::ZERO);
        let token = client.token_with(&name, any).await.map_err(Failure::about(&name))?;
        previous(&token, started)
    };
    let Some(token_id) = token_id else { return Err(Failure::Superseded(name)) };
    let rotation = Rotation::of_id(token_id, value);
    match client.submit_rotation(&name, rotation).await.map_err(Failure::about(&name))? {
        Submission::Superseded => Err(Failure::Superseded(name)),
        _ => Ok(()),
    }
}

fn value(stdin: &mut impl Read) -> Result<SecretString, Failure> {
    let value = secret::read("the newer token", &Place::Stdin, stdin)?;
    Ok(secret::bare(value.expose_secret()).into())
}

/// Returns the id of a token, but `None` if it was asked for after the command began: no
/// API can have been asked with that one yet.
fn previous(token: &Token, started: &Timestamp) -> Option<String> {
    let issued_at = token.issued_at().map(Timestamp::from);
    let is_newer = issued_at
        .is_some_and(|issued| (issued.seconds, issued.nanos) >= (started.seconds, started.nanos));
    (!is_newer).then(|| token.id().to_owned())
}
