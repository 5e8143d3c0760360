//! The operators' services of the daemon.

use std::{
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};

use tokend_client::{Error, socket};
use tokend_proto::v1::{
    admin_service_client::AdminServiceClient, credential_service_client::CredentialServiceClient,
    provider_service_client::ProviderServiceClient, token_service_client::TokenServiceClient,
};
use tonic::{Response, Status, transport::Channel};

/// The daemon answers such a call from its memory or after one write to disk; a
/// person shouldn't wait longer to hear that it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// The status of many thousands of credentials is beyond the usual 4 MiB.
const LARGEST_ANSWER: usize = 256 * 1024 * 1024;

/// The daemon as operators see it.
pub(crate) struct Daemon {
    path: PathBuf,
    channel: Channel,
}

impl Daemon {
    /// Finds the operators' socket; the first call connects.
    pub(crate) fn find() -> Result<Self, Error> {
        Ok(Self::at(socket::operators(&socket::Process)?))
    }

    /// Takes the operators' socket at `path`.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { channel: tokend_client::channel(&path), path }
    }

    /// Returns the path of the operators' socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.path
    }

    pub(crate) fn tokens(&self) -> TokenServiceClient<Channel> {
        TokenServiceClient::new(self.channel.clone())
    }

    pub(crate) fn credentials(&self) -> CredentialServiceClient<Channel> {
        CredentialServiceClient::new(self.channel.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn providers(&self) -> ProviderServiceClient<Channel> {
        ProviderServiceClient::new(self.channel.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }
}

/// Waits for the answer to a call that the daemon answers by itself.
pub(crate) async fn answer<T>(
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Error> {
    answer_within(PATIENCE, call).await
}

/// Waits for the answer to a call, but no longer than so long.
pub(crate) async fn answer_within<T>(
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Error> {
    let response = tokio::time::timeout(limit, call).await.map_err(|_| Error::TimedOut)??;
    Ok(response.into_inner())
}
