//! The service that tells which provider definitions there are.

use std::sync::Arc;

use tokend_proto::v1::{
    GetProviderRequest, ListProvidersRequest, ListProvidersResponse, Provider, ProviderInput,
    provider_service_server::ProviderService,
};
use tokend_provider::{Definition, Library};
use tonic::{Request, Response, Status};

use super::status;
use crate::engine::Error;

/// `tokend.v1.ProviderService`.
#[derive(Clone)]
pub(super) struct Providers(Arc<Library>);

impl Providers {
    pub(super) fn new(library: Arc<Library>) -> Self {
        Self(library)
    }
}

#[tonic::async_trait]
impl ProviderService for Providers {
    async fn list_providers(
        &self,
        _: Request<ListProvidersRequest>,
    ) -> Result<Response<ListProvidersResponse>, Status> {
        let providers = self.0.iter().map(|definition| message(definition)).collect();
        Ok(Response::new(ListProvidersResponse { providers }))
    }

    async fn get_provider(
        &self,
        request: Request<GetProviderRequest>,
    ) -> Result<Response<Provider>, Status> {
        let name = &request.get_ref().name;
        let Some(definition) = self.0.get(name) else {
            return Err(status::of(&Error::ProviderNotFound {
                name: name.clone(),
                suggestion: self.0.suggest(name).map(str::to_owned),
            }));
        };
        let text = definition.text().to_owned();
        Ok(Response::new(Provider { definition: text, ..message(&definition) }))
    }
}

fn message(definition: &Definition) -> Provider {
    let inputs = definition.inputs().iter();
    Provider {
        name: definition.name().to_owned(),
        title: definition.title().to_owned(),
        documentation: definition.documentation().unwrap_or_default().to_owned(),
        source: definition.source().to_string(),
        inputs: inputs
            .map(|input| ProviderInput {
                name: input.name.clone(),
                description: input.description.clone(),
                secret: input.secret,
                required: input.required,
                default_value: input.default.clone().unwrap_or_default(),
                choices: input.choices.clone(),
            })
            .collect(),
        definition: String::new(),
    }
}
