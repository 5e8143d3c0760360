//! The flags that say what a token must be good for.

use std::time::Duration;

use clap::Args;
use tokend_client::TokenOptions;

use crate::span;

#[derive(Debug, Args)]
pub(crate) struct Need {
    /// The life that the token must still have (30s, 5m, 1h30m)
    #[arg(long, value_name = "SPAN", value_parser = span::parse)]
    pub(super) min_ttl: Option<Duration>,
    /// How long to wait for the token
    #[arg(long, value_name = "SPAN", value_parser = span::parse, default_value = "60s")]
    pub(super) timeout: Duration,
}

impl Need {
    /// Returns what is needed if no flag says otherwise.
    pub(super) fn usual() -> Self {
        Self { min_ttl: None, timeout: Duration::from_secs(60) }
    }

    /// Returns what tokend is asked for.
    pub(crate) fn options(&self) -> TokenOptions {
        let options = TokenOptions::new().timeout(self.timeout);
        self.min_ttl.map_or(options, |life| options.min_ttl(life))
    }
}
