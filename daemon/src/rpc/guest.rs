//! Callers in the same process, who are let do no more than whoever calls at a socket.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture, stream::BoxStream};
use tokend_core::Name;
use tokend_proto::v1::{AcquireTokenRequest, WatchTokensRequest};
use tonic::{Request, Status};

use super::{
    Connection, Context, Peer,
    prepared::Prepared,
    token::Tokens,
    watch::{self, Update},
};
use crate::published::Published;

/// One who calls without a connection: what is promised to callers can be tried without a socket.
pub struct Guest {
    context: Context,
    connection: Arc<Connection>,
}

/// How things are with one credential, as one who watches is told.
pub type News = (Name, Result<Arc<Published>, Status>);

impl Guest {
    /// Makes one of whom this is known.
    pub fn new(context: &Context, peer: Peer) -> Self {
        let (context, user) = (context.at(&peer.door), peer.uid);
        Self { context, connection: Arc::new(Connection::shared(peer, user)) }
    }

    /// Gets a token as `AcquireToken` does.
    ///
    /// # Errors
    ///
    /// It fails as the method does.
    pub fn acquire(
        &self,
        request: AcquireTokenRequest,
    ) -> BoxFuture<'static, Result<Arc<Published>, Status>> {
        let (tokens, request) = (Tokens::new(self.context.clone()), self.asks(request));
        Box::pin(async { tokens.acquire(request).await.map(Prepared::into_published) })
    }

    /// Watches tokens as `WatchTokens` does.
    ///
    /// # Errors
    ///
    /// It fails as the method does, at once or, when the daemon ends, later.
    pub fn watch(
        &self,
        request: WatchTokensRequest,
    ) -> Result<BoxStream<'static, Result<News, Status>>, Status> {
        let updates = watch::open(self.context.clone(), &self.asks(request))?.into_inner();
        Ok(updates.map_ok(Update::into_news).boxed())
    }

    fn asks<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(Arc::clone(&self.connection));
        request
    }
}
