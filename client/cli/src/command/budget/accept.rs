//! `budget accept`: how many tokens were asked for that a restored backup doesn't know of.

use std::io::Write;

use serde_json::Value;
use tokend_proto::v1::{AcceptBudgetRequest, accept_budget_request::Accounts};

use crate::{
    arguments::Accept,
    clock,
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::Output,
};

pub(super) async fn run(
    daemon: &Daemon,
    Accept { used, account, credential, all: _, form }: Accept,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let named = credential.clone();
    let accounts = match (account, credential) {
        (Some(account), _) => Accounts::Account(account),
        (None, Some(name)) => Accounts::Credential(name),
        (None, None) => Accounts::All(()),
    };
    let request = AcceptBudgetRequest { accounts: Some(accounts), used };
    let accepted = answer(daemon.admin().accept_budget(request)).await;
    let budgets = accepted.map_err(|error| Failure::Daemon { error, credential: named })?.budgets;
    if form.json {
        let values = budgets.iter().map(json::budget).collect();
        return Ok(json::write(output, &Value::Array(values))?);
    }
    Ok(super::write(output, &budgets, &clock::now(), &clock::zone())?)
}
