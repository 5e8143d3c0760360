//! `Debug` for the messages that carry secrets, without the secrets.

use std::fmt::{Debug, Formatter, Result};

use crate::v1::{CreateCredentialRequest, Placement, Token, placement::Target};

const REDACTED: &str = "[redacted]";

impl Debug for Token {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Token")
            .field("value", &REDACTED)
            .field("token_id", &self.token_id)
            .field("token_type", &self.token_type)
            .field("issue_time", &self.issue_time)
            .field("expire_time", &self.expire_time)
            .field("refresh_time", &self.refresh_time)
            .field("extras", &self.extras.keys().collect::<Vec<_>>())
            .field("placements", &self.placements)
            .field("hosts", &self.hosts)
            .field("rejection", &self.rejection)
            .finish()
    }
}

impl Debug for Placement {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Placement").field("target", &self.target).field("value", &REDACTED).finish()
    }
}

// Skipping `Placement` skips what is nested in it.
impl Debug for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (kind, name) = match self {
            Self::Header(name) => ("Header", name),
            Self::Query(name) => ("Query", name),
            Self::Cookie(name) => ("Cookie", name),
        };
        f.debug_tuple(kind).field(name).finish()
    }
}

impl Debug for CreateCredentialRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("CreateCredentialRequest")
            .field("credential", &self.credential)
            .field("secrets", &self.secrets.keys().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_secret() {
        let token = Token {
            value: "s3cret".to_owned(),
            extras: [("csrf".to_owned(), "s3cret".to_owned())].into(),
            placements: vec![Placement {
                target: Some(Target::Header("Authorization".to_owned())),
                value: "Bearer s3cret".to_owned(),
            }],
            ..Token::default()
        };
        let request = CreateCredentialRequest {
            credential: None,
            secrets: [("password".to_owned(), "s3cret".to_owned())].into(),
        };
        let shown = format!("{token:?} {request:?}");
        assert!(shown.contains("Authorization") && shown.contains("password"));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
