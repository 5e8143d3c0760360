//! `add` against operators' services of the test's own.

use std::sync::{Arc, Mutex};

use clap::Parser as _;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokend_proto::{
    ERROR_DOMAIN, reason,
    v1::{
        self, AcquireTokenResponse, DeleteCredentialRequest, GetCredentialRequest,
        GrantAccessRequest, ListCredentialsRequest, ListCredentialsResponse, ListIssuancesRequest,
        ListIssuancesResponse, ListProvidersRequest, ListProvidersResponse, Provider,
        RefreshCredentialRequest, ReportRejectionRequest, ReportRejectionResponse,
        RevokeAccessRequest, UpdateCredentialRequest,
        credential_service_server::{CredentialService, CredentialServiceServer},
        provider_service_server::{ProviderService, ProviderServiceServer},
        token_service_server::{TokenService, TokenServiceServer},
    },
};
use tokio::net::UnixListener;
use tonic::{Code, Request, Response, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::{Service as _, service_fn};

use super::*;
use crate::{
    arguments::{Arguments, Command},
    exit::Exit,
};

type Answer<T> = Result<Response<T>, Status>;

/// A daemon that knows one provider and keeps what it is asked to create.
#[derive(Clone, Default)]
struct Fake {
    created: Arc<Mutex<Vec<CreateCredentialRequest>>>,
    rejects: bool,
}

#[tonic::async_trait]
impl ProviderService for Fake {
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

    async fn list_issuances(
        &self,
        _: Request<ListIssuancesRequest>,
    ) -> Answer<ListIssuancesResponse> {
        Err(Status::unimplemented(""))
    }
}

/// Serves one connection, in a task that ends with the test's runtime.
fn serve(fake: Fake, listener: UnixListener) {
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

async fn run_add(fake: &Fake, flags: &[&str]) -> (Result<(), Failure>, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    serve(fake.clone(), UnixListener::bind(&path).unwrap());
    let words = ["tokend-cli", "add", "a", "--provider", "acme"].iter().chain(flags);
    let Some(Command::Add(add)) = Arguments::try_parse_from(words).unwrap().command else {
        panic!("not read as add");
    };
    // A user who can't own the socket that the test made.
    let caller = Caller { uid: u32::MAX - 1, user: "alice".to_owned(), ..Caller::default() };
    let mut output = Output::of_a_test(Vec::new(), false);
    let done = run(&Daemon::at(path), add, &caller, &mut output).await;
    (done, String::from_utf8(output.into_writer()).unwrap())
}

const COMPLETE: [&str; 4] =
    ["--var", "client_id=c1", "--secret-command", "client_secret=echo s3cret"];

#[tokio::test]
async fn stores_a_credential_and_tells_of_its_first_token() {
    let fake = Fake::default();
    let (done, shown) = run_add(&fake, &COMPLETE).await;
    done.unwrap();
    assert_eq!(
        shown,
        "added a (acme)\n\
         first token: ok, expires in 59m\n\
         print a token: tokend-cli get a\n\
         only root and tokend's own user may read it yet; to let others:\n  \
           tokend-cli grant a user:alice\n"
    );
    let created = fake.created.lock().unwrap();
    let [request] = created.as_slice() else { panic!("{created:?}") };
    let credential = request.credential.as_ref().unwrap();
    assert_eq!((credential.name.as_str(), credential.provider.as_str()), ("a", "acme"));
    assert_eq!(credential.variables, [("client_id".to_owned(), "c1".to_owned())].into());
    assert_eq!(request.secrets, [("client_secret".to_owned(), "s3cret".to_owned())].into());
}

#[tokio::test]
async fn with_a_reader_no_grant_is_missing() {
    let fake = Fake::default();
    let (done, shown) = run_add(&fake, &[&COMPLETE[..], &["--reader", "user:bob"]].concat()).await;
    done.unwrap();
    assert!(!shown.contains("grant"), "{shown}");
    let created = fake.created.lock().unwrap();
    assert_eq!(created[0].credential.as_ref().unwrap().readers, ["user:bob"]);
}

#[tokio::test]
async fn a_first_token_that_is_refused_leaves_the_credential_stored() {
    let fake = Fake { rejects: true, ..Fake::default() };
    let (done, shown) = run_add(&fake, &COMPLETE).await;
    let failure = done.unwrap_err();
    assert_eq!(shown, "added a (acme)\n");
    assert_eq!(
        failure.to_string(),
        "a is stored, but has no token yet: the provider says: invalid_client"
    );
    assert_eq!(failure.exit(), Exit::PersonNeeded);
}

#[tokio::test]
async fn nothing_is_stored_if_a_flag_or_a_secret_is_wrong() {
    for flags in [
        vec!["--var", "client_secret=s3cret"],
        vec!["--var", "client_id=c1", "--secret-command", "client_secret=exit 7"],
        [&COMPLETE[..], &["--reader", "bob"]].concat(),
    ] {
        let fake = Fake::default();
        let (done, shown) = run_add(&fake, &flags).await;
        let failure = done.unwrap_err();
        assert!(fake.created.lock().unwrap().is_empty(), "{flags:?}");
        assert!(shown.is_empty() && !failure.to_string().contains("s3cret"), "{failure}");
    }
}
