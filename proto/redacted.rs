//! `Debug` for the messages that carry secrets, without the secrets.

use std::fmt::{Debug, Formatter, Result};

use crate::v1::{
    ApplyCredentialsRequest, ChangeKeySourceRequest, CreateCredentialRequest,
    LoginCredentialRequest, Placement, ReplaceSecretsRequest, RestoreBegin, RotateDataKeyRequest,
    RunRemoteOperationResponse, SubmitRotationRequest, Token, TryDefinitionRequest, UnlockRequest,
    login_credential_request::{Listening, Start, Step},
    login_credential_response::{EnterCode, OpenUrl},
    placement::Target,
    submit_rotation_request::PreviousToken,
};

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
            .field("base_url", &self.base_url)
            .field("rejection", &self.rejection)
            .field("rotations", &self.rotations)
            .finish()
    }
}

impl Debug for Placement {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Placement")
            .field("target", &self.target)
            .field("value", &REDACTED)
            .field("writes_only", &self.writes_only)
            .finish()
    }
}

// Skipping `Placement` skips what is nested in it.
impl Debug for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (kind, name) = match self {
            Self::Header(name) => ("Header", name),
            Self::Query(name) => ("Query", name),
            Self::Cookie(name) => ("Cookie", name),
            Self::Body(path) => ("Body", path),
        };
        f.debug_tuple(kind).field(name).finish()
    }
}

impl Debug for CreateCredentialRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("CreateCredentialRequest")
            .field("credential", &self.credential)
            .field("secrets", &self.secrets.keys().collect::<Vec<_>>())
            .field("expire_times", &self.expire_times)
            .field("sources", &self.sources.keys().collect::<Vec<_>>())
            .finish()
    }
}

// Who writes a secret into the text hasn't read why not to.
impl Debug for ApplyCredentialsRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("ApplyCredentialsRequest")
            .field("text", &REDACTED)
            .field("file", &self.file)
            .field("dry_run", &self.dry_run)
            .field("etags", &self.etags)
            .field("environment", &self.environment.keys().collect::<Vec<_>>())
            .field("secrets", &self.secrets.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl Debug for ReplaceSecretsRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("ReplaceSecretsRequest")
            .field("name", &self.name)
            .field("secrets", &self.secrets.keys().collect::<Vec<_>>())
            .field("expire_times", &self.expire_times)
            .field("sources", &self.sources.keys().collect::<Vec<_>>())
            .field("etag", &self.etag)
            .finish()
    }
}

impl Debug for LoginCredentialRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("LoginCredentialRequest").field("step", &self.step).finish()
    }
}

// Skipping the request skips what is nested in it.
impl Debug for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Start(Start { name, method }) => {
                f.debug_struct("Start").field("name", name).field("method", method).finish()
            }
            Self::Listening(Listening { redirect_uri }) => {
                f.debug_struct("Listening").field("redirect_uri", redirect_uri).finish()
            }
            Self::RedirectUrl(_) => f.debug_tuple("RedirectUrl").field(&REDACTED).finish(),
        }
    }
}

// It holds the state, by which a redirect is known to be of this login.
impl Debug for OpenUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("OpenUrl")
            .field("url", &REDACTED)
            .field("expire_time", &self.expire_time)
            .finish()
    }
}

// Whoever knows the code can log in with it as someone else.
impl Debug for EnterCode {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("EnterCode")
            .field("verification_uri", &self.verification_uri)
            .field("verification_uri_complete", &REDACTED)
            .field("user_code", &REDACTED)
            .field("expire_time", &self.expire_time)
            .field("interval", &self.interval)
            .finish()
    }
}

impl Debug for RunRemoteOperationResponse {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("RunRemoteOperationResponse").field("result_json", &REDACTED).finish()
    }
}

impl Debug for TryDefinitionRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("TryDefinitionRequest")
            .field("name", &self.name)
            .field("path", &self.path)
            .field("variables", &self.variables)
            .field("secrets", &self.secrets.keys().collect::<Vec<_>>())
            .field("validate_only", &self.validate_only)
            .finish_non_exhaustive()
    }
}

impl Debug for UnlockRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("UnlockRequest").field("passphrase", &REDACTED).finish()
    }
}

impl Debug for RestoreBegin {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("RestoreBegin").field("passphrase", &REDACTED).finish()
    }
}

impl Debug for RotateDataKeyRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("RotateDataKeyRequest").field("passphrase", &REDACTED).finish()
    }
}

impl Debug for ChangeKeySourceRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("ChangeKeySourceRequest")
            .field("to", &self.to)
            .field("passphrase", &REDACTED)
            .field("new_passphrase", &REDACTED)
            .finish()
    }
}

impl Debug for SubmitRotationRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("SubmitRotationRequest")
            .field("name", &self.name)
            .field("previous_token", &self.previous_token)
            .field("value", &REDACTED)
            .field("extras", &self.extras.keys().collect::<Vec<_>>())
            .finish()
    }
}

// Skipping the request skips what is nested in it.
impl Debug for PreviousToken {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::TokenId(id) => f.debug_tuple("TokenId").field(id).finish(),
            Self::ValueSha256(_) => f.debug_tuple("ValueSha256").finish_non_exhaustive(),
        }
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
                ..Placement::default()
            }],
            ..Token::default()
        };
        let request = CreateCredentialRequest {
            credential: None,
            secrets: [("password".to_owned(), "s3cret".to_owned())].into(),
            ..CreateCredentialRequest::default()
        };
        let replaced = ReplaceSecretsRequest {
            secrets: [("client_secret".to_owned(), "s3cret".to_owned())].into(),
            ..ReplaceSecretsRequest::default()
        };
        let rotation = SubmitRotationRequest {
            previous_token: Some(PreviousToken::TokenId("t-1".to_owned())),
            value: "s3cret".to_owned(),
            extras: [("csrf".to_owned(), "s3cret".to_owned())].into(),
            ..SubmitRotationRequest::default()
        };
        let done = RunRemoteOperationResponse { result_json: "s3cret".to_owned() };
        let trial = TryDefinitionRequest {
            secrets: [("password".to_owned(), "s3cret".to_owned())].into(),
            ..TryDefinitionRequest::default()
        };
        let step = Step::RedirectUrl("http://127.0.0.1/?code=s3cret".to_owned());
        let open = OpenUrl { url: "https://a.example/?state=s3cret".to_owned(), expire_time: None };
        let enter = EnterCode {
            verification_uri_complete: "https://a.example/?code=s3cret".to_owned(),
            user_code: "s3cret".to_owned(),
            ..EnterCode::default()
        };
        let restore = RestoreBegin { passphrase: "s3cret".to_owned() };
        assert_eq!(format!("{restore:?}"), "RestoreBegin { passphrase: \"[redacted]\" }");
        let unlock = UnlockRequest { passphrase: "s3cret".to_owned() };
        let rotate = RotateDataKeyRequest { passphrase: "s3cret".to_owned() };
        let change = ChangeKeySourceRequest {
            to: "passphrase".to_owned(),
            passphrase: "s3cret".to_owned(),
            new_passphrase: "s3cret".to_owned(),
        };
        let login = format!("{step:?} {open:?} {enter:?} {unlock:?} {rotate:?} {change:?}");
        let shown =
            format!("{token:?} {request:?} {replaced:?} {rotation:?} {done:?} {trial:?} {login}");
        assert!(shown.contains("Authorization") && shown.contains("password"));
        assert!(shown.contains("client_secret"));
        assert!(shown.contains("t-1") && shown.contains("csrf"));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
