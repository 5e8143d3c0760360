//! Operators' services of the test's own.

use std::sync::{Arc, Mutex};

use futures_util::{
    StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokend_proto::{
    ERROR_DOMAIN, reason,
    v1::{
        self, AcquireTokenRequest, AcquireTokenResponse, ApplyCredentialsRequest,
        ApplyCredentialsResponse, CheckDefinitionRequest, CheckDefinitionResponse,
        CreateCredentialRequest, Credential, DeleteCredentialRequest, DeleteCredentialResponse,
        ExplainDefinitionRequest, ExplainDefinitionResponse, GetCredentialRequest,
        GetDefinitionSchemaRequest, GetDefinitionSchemaResponse, GetProviderRequest,
        GrantAccessRequest, ListCredentialsRequest, ListCredentialsResponse, ListIssuancesRequest,
        ListIssuancesResponse, ListProvidersRequest, ListProvidersResponse, ListTokensRequest,
        ListTokensResponse, LoginCredentialRequest, LoginCredentialResponse, LoginMethod, Provider,
        ProviderInput, RefreshCredentialRequest, RefreshTokenRequest, RefreshTokenResponse,
        ReplaceSecretsRequest, ReportRejectionRequest, ReportRejectionResponse,
        RevokeAccessRequest, RevokeTokenRequest, RunRemoteOperationRequest,
        RunRemoteOperationResponse, SubmitRotationRequest, SubmitRotationResponse,
        TryDefinitionRequest, TryDefinitionResponse, UpdateCredentialRequest, WatchTokensRequest,
        WatchTokensResponse,
        credential_service_server::{CredentialService, CredentialServiceServer},
        provider_service_server::{ProviderService, ProviderServiceServer},
        token_service_server::{TokenService, TokenServiceServer},
    },
};
use tokio::{net::UnixListener, sync::mpsc};
use tonic::{Code, Request, Response, Status, Streaming, body::Body};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::{Service as _, service_fn};

type Answer<T> = Result<Response<T>, Status>;

/// The daemon's side of one login.
pub(in crate::command) type Login =
    Arc<dyn Fn(Said, Saying) -> BoxFuture<'static, ()> + Send + Sync>;

/// What the command says during a login.
pub(in crate::command) type Said = Streaming<LoginCredentialRequest>;

/// What the daemon says during a login.
pub(in crate::command) type Saying = mpsc::Sender<Result<LoginCredentialResponse, Status>>;

/// A daemon that knows one provider and keeps what it is asked to create.
#[derive(Clone, Default)]
pub(in crate::command) struct Fake {
    pub(in crate::command) created: Arc<Mutex<Vec<CreateCredentialRequest>>>,
    pub(in crate::command) rejects: bool,
    pub(in crate::command) needs_login: bool,
    /// The provider's optional inputs, and whether each is a secret.
    pub(in crate::command) optional: Vec<(&'static str, bool)>,
    pub(in crate::command) login: Option<Login>,
}

/// Returns a status with a reason, as the daemon sends them.
pub(in crate::command) fn refusal(code: Code, reason: &str, message: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, []);
    Status::with_error_details(code, message, details)
}

#[tonic::async_trait]
impl ProviderService for Fake {
    type TryDefinitionStream = futures_util::stream::Empty<Result<TryDefinitionResponse, Status>>;

    async fn get_provider(&self, request: Request<GetProviderRequest>) -> Answer<Provider> {
        let input = |name: &str, secret, required| ProviderInput {
            name: name.to_owned(),
            secret,
            required,
            ..ProviderInput::default()
        };
        let needed = [("client_id", false), ("client_secret", true)];
        let needed = needed.into_iter().map(|(name, secret)| input(name, secret, true));
        let optional = self.optional.iter().map(|(name, secret)| input(name, *secret, false));
        let logins = self.needs_login.then_some(LoginMethod::AuthorizationCode.into());
        Ok(Response::new(Provider {
            name: request.into_inner().name,
            inputs: needed.chain(optional).collect(),
            logins: logins.into_iter().collect(),
            ..Provider::default()
        }))
    }

    async fn list_providers(
        &self,
        _: Request<ListProvidersRequest>,
    ) -> Answer<ListProvidersResponse> {
        Err(Status::unimplemented(""))
    }

    async fn check_definition(
        &self,
        _: Request<CheckDefinitionRequest>,
    ) -> Answer<CheckDefinitionResponse> {
        Err(Status::unimplemented(""))
    }

    async fn explain_definition(
        &self,
        _: Request<ExplainDefinitionRequest>,
    ) -> Answer<ExplainDefinitionResponse> {
        Err(Status::unimplemented(""))
    }

    async fn try_definition(
        &self,
        _: Request<TryDefinitionRequest>,
    ) -> Answer<Self::TryDefinitionStream> {
        Err(Status::unimplemented(""))
    }

    async fn get_definition_schema(
        &self,
        _: Request<GetDefinitionSchemaRequest>,
    ) -> Answer<GetDefinitionSchemaResponse> {
        Err(Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl TokenService for Fake {
    type WatchTokensStream = futures_util::stream::Empty<Result<WatchTokensResponse, Status>>;

    async fn watch_tokens(
        &self,
        _: Request<WatchTokensRequest>,
    ) -> Answer<Self::WatchTokensStream> {
        Err(Status::unimplemented(""))
    }

    async fn list_tokens(&self, _: Request<ListTokensRequest>) -> Answer<ListTokensResponse> {
        Err(Status::unimplemented(""))
    }

    async fn acquire_token(&self, _: Request<AcquireTokenRequest>) -> Answer<AcquireTokenResponse> {
        if self.rejects {
            let message = "the provider says: invalid_client";
            return Err(refusal(Code::FailedPrecondition, reason::CREDENTIAL_REJECTED, message));
        }
        if self.needs_login {
            let message = "nobody has logged in yet";
            return Err(refusal(Code::FailedPrecondition, reason::LOGIN_NEEDED, message));
        }
        Ok(Response::new(AcquireTokenResponse {
            token: Some(v1::Token::default()),
            remaining: Some(prost_types::Duration { seconds: 3540, nanos: 1 }),
            ..AcquireTokenResponse::default()
        }))
    }

    async fn submit_rotation(
        &self,
        _: Request<SubmitRotationRequest>,
    ) -> Answer<SubmitRotationResponse> {
        Err(Status::unimplemented(""))
    }

    async fn report_rejection(
        &self,
        _: Request<ReportRejectionRequest>,
    ) -> Answer<ReportRejectionResponse> {
        Err(Status::unimplemented(""))
    }

    async fn refresh_token(
        &self,
        _: Request<RefreshTokenRequest>,
    ) -> Result<Response<RefreshTokenResponse>, Status> {
        Err(Status::unimplemented("nobody refreshes here"))
    }
}

#[tonic::async_trait]
impl CredentialService for Fake {
    type LoginCredentialStream = BoxStream<'static, Result<LoginCredentialResponse, Status>>;

    async fn login_credential(
        &self,
        request: Request<Streaming<LoginCredentialRequest>>,
    ) -> Answer<Self::LoginCredentialStream> {
        let login = self.login.clone().ok_or_else(|| Status::unimplemented(""))?;
        let (saying, answers) = mpsc::channel(8);
        tokio::spawn(login(request.into_inner(), saying));
        let answers = stream::unfold(answers, async |mut answers| {
            answers.recv().await.map(|answer| (answer, answers))
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn create_credential(
        &self,
        request: Request<CreateCredentialRequest>,
    ) -> Answer<Credential> {
        let request = request.into_inner();
        self.created.lock().unwrap().push(request.clone());
        Ok(Response::new(request.credential.unwrap_or_default()))
    }

    async fn replace_secrets(&self, _: Request<ReplaceSecretsRequest>) -> Answer<Credential> {
        Err(Status::unimplemented(""))
    }

    async fn apply_credentials(
        &self,
        _: Request<ApplyCredentialsRequest>,
    ) -> Answer<ApplyCredentialsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn get_credential(&self, _: Request<GetCredentialRequest>) -> Answer<Credential> {
        Err(Status::unimplemented(""))
    }

    async fn list_credentials(
        &self,
        _: Request<ListCredentialsRequest>,
    ) -> Answer<ListCredentialsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn update_credential(&self, _: Request<UpdateCredentialRequest>) -> Answer<Credential> {
        Err(Status::unimplemented(""))
    }

    async fn delete_credential(
        &self,
        _: Request<DeleteCredentialRequest>,
    ) -> Answer<DeleteCredentialResponse> {
        Err(Status::unimplemented(""))
    }

    async fn grant_access(&self, _: Request<GrantAccessRequest>) -> Answer<Credential> {
        Err(Status::unimplemented(""))
    }

    async fn revoke_access(&self, _: Request<RevokeAccessRequest>) -> Answer<Credential> {
        Err(Status::unimplemented(""))
    }

    async fn refresh_credential(&self, _: Request<RefreshCredentialRequest>) -> Answer<Credential> {
        panic!("a refresh would spend a second issuance");
    }

    async fn revoke_token(&self, _: Request<RevokeTokenRequest>) -> Answer<Credential> {
        Err(Status::unimplemented(""))
    }

    async fn run_remote_operation(
        &self,
        _: Request<RunRemoteOperationRequest>,
    ) -> Answer<RunRemoteOperationResponse> {
        Err(Status::unimplemented(""))
    }

    async fn list_issuances(
        &self,
        _: Request<ListIssuancesRequest>,
    ) -> Answer<ListIssuancesResponse> {
        Err(Status::unimplemented(""))
    }
}

/// Serves one connection, in a task that ends with the test's runtime.
pub(in crate::command) fn serve(fake: Fake, listener: UnixListener) {
    let service = service_fn(move |request: http::Request<_>| {
        let fake = fake.clone();
        async move {
            let service = request.uri().path().split('/').nth(1).unwrap_or_default().to_owned();
            match service.as_str() {
                "tokend.v1.TokenService" => TokenServiceServer::new(fake).call(request).await,
                "tokend.v1.ProviderService" => ProviderServiceServer::new(fake).call(request).await,
                "tokend.v1.CredentialService" => {
                    CredentialServiceServer::new(fake).call(request).await
                }
                _ => Ok(Status::unimplemented(service).into_http::<Body>()),
            }
        }
    });
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TokioIo::new(stream);
        auto::Builder::new(TokioExecutor::new())
            .serve_connection(stream, TowerToHyperService::new(service))
            .await
    });
}
