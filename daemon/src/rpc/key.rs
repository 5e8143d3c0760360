//! Other keys for the store, as the contract shows them.

use tokend_proto::v1::{ChangeKeySourceResponse, RotateDataKeyResponse};
use tonic::Status;

use super::{About, status};
use crate::ports::Rekeyed;

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
        Rekeyed::Moved { from, to, is_new } => Ok(ChangeKeySourceResponse {
            configured: to == about.key_source,
            source: to,
            former_source: from,
            changed: is_new,
            state_directory: about.state_dir.display().to_string(),
        }),
        Rekeyed::Rotated { .. } => Err(status::internal("another change of keys was made")),
    }
}
