//! Operators' services of the test's own.

use std::sync::{Arc, Mutex};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokend_proto::{
    ERROR_DOMAIN, reason,
    v1::{
        self, AcquireTokenRequest, AcquireTokenResponse, CheckDefinitionRequest,
        CheckDefinitionResponse, CreateCredentialRequest, Credential, DeleteCredentialRequest,
        ExplainDefinitionRequest, ExplainDefinitionResponse, GetCredentialRequest,
        GetDefinitionSchemaRequest, GetDefinitionSchemaResponse, GetProviderRequest,
        GrantAccessRequest, ListCredentialsRequest, ListCredentialsResponse, ListIssuancesRequest,
        ListIssuancesResponse, ListProvidersRequest, ListProvidersResponse, Provider,
        ProviderInput, RefreshCredentialRequest, ReportRejectionRequest, ReportRejectionResponse,
        RevokeAccessRequest, RevokeTokenRequest, RunRemoteOperationRequest,
        RunRemoteOperationResponse, SubmitRotationRequest, SubmitRotationResponse,
        TryDefinitionRequest, TryDefinitionResponse, UpdateCredentialRequest,
        credential_service_server::{CredentialService, CredentialServiceServer},
        provider_service_server::{ProviderService, ProviderServiceServer},
        token_service_server::{TokenService, TokenServiceServer},
    },
};
use tokio::net::UnixListener;
use tonic::{Code, Request, Response, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::{Service as _, service_fn};

type Answer<T> = Result<Response<T>, Status>;

/// A daemon that knows one provider and keeps what it is asked to create.
#[derive(Clone, Default)]
pub(super) struct Fake {
    pub(super) created: Arc<Mutex<Vec<CreateCredentialRequest>>>,
    pub(super) rejects: bool,
}

#[tonic::async_trait]
impl ProviderService for Fake {
    type TryDefinitionStream = futures_util::stream::Empty<Result<TryDefinitionResponse, Status>>;

    async fn get_provider(&self, request: Request<GetProviderRequest>) -> Answer<Provider> {
        let input = |name: &str, secret| ProviderInput {
            name: name.to_owned(),
            secret,
            required: true,
            ..ProviderInput::default()
        };
        Ok(Response::new(Provider {
            name: request.into_inner().name,
            inputs: vec![input("client_id", false), input("client_secret", true)],
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
    async fn acquire_token(&self, _: Request<AcquireTokenRequest>) -> Answer<AcquireTokenResponse> {
        if self.rejects {
            let details =
                ErrorDetails::with_error_info(reason::CREDENTIAL_REJECTED, ERROR_DOMAIN, []);
            let message = "the provider says: invalid_client";
            return Err(Status::with_error_details(Code::FailedPrecondition, message, details));
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
}

#[tonic::async_trait]
impl CredentialService for Fake {
    async fn create_credential(
        &self,
        request: Request<CreateCredentialRequest>,
    ) -> Answer<Credential> {
        let request = request.into_inner();
        self.created.lock().unwrap().push(request.clone());
        Ok(Response::new(request.credential.unwrap_or_default()))
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

    async fn delete_credential(&self, _: Request<DeleteCredentialRequest>) -> Answer<()> {
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
pub(super) fn serve(fake: Fake, listener: UnixListener) {
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
