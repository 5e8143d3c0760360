//! The service that tells which provider definitions there are, and helps to write them.

mod message;
mod trial;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use secrecy::SecretString;
use tokend_proto::{
    reason,
    v1::{
        CheckDefinitionRequest, CheckDefinitionResponse, ExplainDefinitionRequest,
        ExplainDefinitionResponse, GetDefinitionSchemaRequest, GetDefinitionSchemaResponse,
        GetProviderRequest, ListProvidersRequest, ListProvidersResponse, Provider,
        TryDefinitionRequest, provider_service_server::ProviderService,
    },
};
use tokend_provider::{Definition, DefinitionError, InputError, Inputs, Source};
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Request, Response, Status};

use super::{Context, apart, status, token::peer};
use crate::{
    audit,
    engine::{Candidate, Command, Error},
};

/// No definition is longer; the longest built-in one has 4 KiB.
const LONGEST_DEFINITION: usize = 256 * 1_024;

/// `tokend.v1.ProviderService`.
#[derive(Clone)]
pub(super) struct Providers(Context);

/// A definition as a request gives it.
struct Draft {
    name: String,
    text: String,
    path: String,
}

impl Providers {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }

    fn known(&self, name: &str) -> Result<Arc<Definition>, Status> {
        let library = self.0.definitions.now();
        library.get(name).ok_or_else(|| {
            status::of(&Error::ProviderNotFound {
                name: name.to_owned(),
                suggestion: library.suggest(name).map(str::to_owned),
            })
        })
    }

    /// Returns the definition that is meant: the one that is given, or one that is known.
    fn meant(&self, draft: &Draft) -> Result<Arc<Definition>, Status> {
        if draft.text.is_empty() {
            return self.known(&draft.name);
        }
        draft.parse()?.map(Arc::new).map_err(|error| invalid(error.to_string()))
    }
}

impl Draft {
    fn parse(&self) -> Result<Result<Definition, DefinitionError>, Status> {
        if self.text.len() > LONGEST_DEFINITION {
            let size = self.text.len();
            return Err(invalid(format!("a text of {size} bytes is no provider definition")));
        }
        let path = match self.path.as_str() {
            "" => PathBuf::from(format!("{}.toml", self.name)),
            path => PathBuf::from(path),
        };
        Ok(Definition::parse(&self.name, Source::File(path), &self.text))
    }
}

#[tonic::async_trait]
impl ProviderService for Providers {
    type TryDefinitionStream = trial::Report;

    async fn list_providers(
        &self,
        _: Request<ListProvidersRequest>,
    ) -> Result<Response<ListProvidersResponse>, Status> {
        let library = self.0.definitions.now();
        let providers = move || library.iter().map(|it| message::provider(it)).collect();
        let providers = apart(move || Ok(providers())).await?;
        Ok(Response::new(ListProvidersResponse { providers }))
    }

    async fn get_provider(
        &self,
        request: Request<GetProviderRequest>,
    ) -> Result<Response<Provider>, Status> {
        let definition = self.known(&request.get_ref().name)?;
        let text = definition.text().to_owned();
        Ok(Response::new(Provider { definition: text, ..message::provider(&definition) }))
    }

    async fn check_definition(
        &self,
        request: Request<CheckDefinitionRequest>,
    ) -> Result<Response<CheckDefinitionResponse>, Status> {
        let CheckDefinitionRequest { name, definition, path } = request.into_inner();
        let draft = Draft { name, text: definition, path };
        let parsed = apart(move || draft.parse()).await?;
        Ok(Response::new(CheckDefinitionResponse {
            problem: parsed.as_ref().err().map(message::problem),
            provider: parsed.ok().as_ref().map(message::provider),
        }))
    }

    async fn explain_definition(
        &self,
        request: Request<ExplainDefinitionRequest>,
    ) -> Result<Response<ExplainDefinitionResponse>, Status> {
        let ExplainDefinitionRequest { name, definition, path, variables } = request.into_inner();
        let (this, draft) = (self.clone(), Draft { name, text: definition, path });
        let variables: BTreeMap<String, String> = variables.into_iter().collect();
        let explain = move || {
            this.meant(&draft)?.explain(variables).map_err(|error| status::of(&error.into()))
        };
        let explained = apart(explain).await?;
        let explanations = explained.into_iter().map(message::explanation).collect();
        Ok(Response::new(ExplainDefinitionResponse { explanations }))
    }

    async fn try_definition(
        &self,
        request: Request<TryDefinitionRequest>,
    ) -> Result<Response<trial::Report>, Status> {
        let caller = peer(&request)?;
        let author = caller.author();
        let TryDefinitionRequest { name, definition, path, variables, secrets, validate_only } =
            request.into_inner();
        let (this, draft) = (self.clone(), Draft { name, text: definition, path });
        let secrets = secrets.into_iter().map(|(name, value)| (name, SecretString::from(value)));
        let inputs =
            Inputs { variables: variables.into_iter().collect(), secrets: secrets.collect() };
        let given = inputs.clone();
        let accept = move || {
            let definition = this.meant(&draft)?;
            let unfit = |error: InputError| status::of(&error.into());
            let accepted = definition.accept(given).map_err(unfit)?;
            definition.try_keys(&accepted).map_err(unfit)?;
            Ok((definition, accepted))
        };
        let (definition, accepted) = apart(accept).await?;
        let account = accepted.account().as_str();
        if validate_only {
            return Ok(Response::new(trial::account(account)));
        }
        audit::asked("try", caller.who());
        let (watcher, spoken) = mpsc::unbounded_channel();
        let (reply, end) = oneshot::channel();
        let candidate = Candidate { definition, inputs, watcher };
        let command = Command::Try { candidate, author, reply };
        let sent = self.0.engine.send(command).await;
        sent.map_err(|_| status::of(&Error::Stopping))?;
        Ok(Response::new(trial::report(account, spoken, end)))
    }

    async fn get_definition_schema(
        &self,
        _: Request<GetDefinitionSchemaRequest>,
    ) -> Result<Response<GetDefinitionSchemaResponse>, Status> {
        let schema_json = format!("{:#}", tokend_provider::schema());
        Ok(Response::new(GetDefinitionSchemaResponse { schema_json }))
    }
}

fn invalid(message: String) -> Status {
    status::new(Code::InvalidArgument, reason::INVALID_DEFINITION, message)
}
