//! Other keys for the store, as the contract shows them.

use secrecy::SecretString;
use tokend_proto::v1::{
    ChangeKeySourceRequest, ChangeKeySourceResponse, RotateDataKeyRequest, RotateDataKeyResponse,
};
use tonic::Status;

use super::{About, status};
use crate::ports::{Rekey, Rekeyed};

/// Takes a wish for a new data key.
pub(super) fn rotate(RotateDataKeyRequest { passphrase }: RotateDataKeyRequest) -> Rekey {
    Rekey::Rotate { passphrase: given(passphrase) }
}

/// Takes a wish for another key from outside.
pub(super) fn change(request: ChangeKeySourceRequest) -> Rekey {
    let ChangeKeySourceRequest { to, passphrase, new_passphrase } = request;
    let (passphrase, new_passphrase) = (given(passphrase), given(new_passphrase));
    Rekey::ChangeSource { to, passphrase, new_passphrase }
}

fn given(passphrase: String) -> Option<SecretString> {
    (!passphrase.is_empty()).then(|| passphrase.into())
}

/// Says that everything is sealed with a new data key.
pub(super) fn rotated(rekeyed: &Rekeyed, about: &About) -> Result<RotateDataKeyResponse, Status> {
    match rekeyed {
        Rekeyed::Rotated { damaged } => Ok(RotateDataKeyResponse {
            damaged: u64::try_from(*damaged).unwrap_or(u64::MAX),
            state_directory: about.state_dir.display().to_string(),
        }),
        Rekeyed::Moved { .. } => Err(status::internal("another change of keys was made")),
    }
}

/// Says where the store's key is.
pub(super) fn moved(rekeyed: Rekeyed, about: &About) -> Result<ChangeKeySourceResponse, Status> {
    match rekeyed {
        Rekeyed::Moved { from, to, is_new, advice } => Ok(ChangeKeySourceResponse {
            configured: to == about.key_source,
            source: to,
            former_source: from,
            changed: is_new,
            advice: advice.unwrap_or_default().to_owned(),
            state_directory: about.state_dir.display().to_string(),
        }),
        Rekeyed::Rotated { .. } => Err(status::internal("another change of keys was made")),
    }
}
