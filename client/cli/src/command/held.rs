//! The token that is held, and whether an API can have been asked with it.

use std::time::Duration;

use prost_types::Timestamp;
use tokend_client::{Client, Token, TokenOptions};

use crate::failure::Failure;

/// Returns the token that is held: any that hasn't expired, since it needs no life, and must
/// cost no issuance.
pub(super) async fn held(client: &Client, name: &str) -> Result<Token, Failure> {
    let any = TokenOptions::new().min_ttl(Duration::ZERO);
    client.token_with(name, any).await.map_err(Failure::about(name))
}

/// Tells whether a token was held when the command began: no API can have been asked with
/// a later one yet.
pub(super) fn was_held(token: &Token, started: &Timestamp) -> bool {
    let issued_at = token.issued_at().map(Timestamp::from);
    issued_at.is_none_or(|issued| (issued.seconds, issued.nanos) < (started.seconds, started.nanos))
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::{self, AcquireTokenResponse};

    use super::*;

    #[test]
    fn a_token_that_the_command_itself_has_brought_was_not_held() {
        let at = |nanos| Timestamp { seconds: 3_600, nanos };
        let issued = |nanos| {
            let token = v1::Token { issue_time: Some(at(nanos)), ..v1::Token::default() };
            let answer =
                AcquireTokenResponse { token: Some(token), ..AcquireTokenResponse::default() };
            Token::try_from(answer).unwrap()
        };
        for (issued_at, held) in [(499, true), (500, false), (501, false)] {
            assert_eq!(was_held(&issued(issued_at), &at(500)), held, "{issued_at}");
        }
    }
}
