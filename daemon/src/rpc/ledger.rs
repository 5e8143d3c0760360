//! Issuances and budgets, as the contract shows them.

use tokend_core::{Bound, Cause, Failure, Usage, Verdict, after};
use tokend_proto::{
    reason,
    v1::{self, ListIssuancesRequest, accept_budget_request, issuance},
};
use tonic::{Code, Status};

use super::{status, token::parse_name};
use crate::{
    engine::{AccountBudget, Accounts, Issuance, limit_text},
    ports::Number,
    published::timestamp,
};

/// The longest page of issuances.
const LONGEST_PAGE: u32 = 1_000;

/// What a request for issuances asks for.
pub(super) struct Page {
    pub(super) name: Option<tokend_core::Name>,
    pub(super) before: Option<Number>,
    pub(super) limit: usize,
}

impl Page {
    pub(super) fn read(request: &ListIssuancesRequest) -> Result<Self, Status> {
        let ListIssuancesRequest { name, page_size, page_token } = request;
        let limit = match page_size {
            0 => LONGEST_PAGE,
            size => LONGEST_PAGE.min(*size),
        };
        let before = match page_token.as_str() {
            "" => None,
            token => Some(Number(token.parse().map_err(|_| {
                let message = "page_token isn't one that ListIssuances gave";
                status::new(Code::InvalidArgument, reason::INVALID_PAGE_TOKEN, message)
            })?)),
        };
        Ok(Self {
            name: Some(name.as_str())
                .filter(|name| !name.is_empty())
                .map(parse_name)
                .transpose()?,
            before,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        })
    }
}

/// Returns an issuance as the contract shows it.
pub(super) fn issuance(issuance: &Issuance) -> v1::Issuance {
    use issuance::Outcome;
    let entry = &issuance.entry;
    let (outcome, message) = match &entry.end {
        None => (Outcome::Unknown, ""),
        Some(Ok(())) => (Outcome::Issued, ""),
        Some(Err(Failure { verdict, message, .. })) => {
            let outcome = match verdict {
                Verdict::Limited => Outcome::Limited,
                Verdict::Denied => Outcome::Denied,
                Verdict::Transient | Verdict::Local => Outcome::Transient,
            };
            (outcome, message.as_str())
        }
    };
    v1::Issuance {
        credential: issuance.credential.as_ref().map(ToString::to_string).unwrap_or_default(),
        time: Some(timestamp(entry.at)),
        cause: entry.cause.map_or(issuance::Cause::Unspecified, cause).into(),
        outcome: outcome.into(),
        message: message.to_owned(),
        latency: entry.took.and_then(|took| took.try_into().ok()),
        counted: entry.counts,
    }
}

pub(super) fn cause(cause: Cause) -> issuance::Cause {
    match cause {
        Cause::Absent => issuance::Cause::Absent,
        Cause::Aging => issuance::Cause::Aging,
        Cause::MinTtl => issuance::Cause::MinTtl,
        Cause::Rejected => issuance::Cause::Rejected,
        Cause::Wanted => issuance::Cause::Wanted,
        Cause::Forced => issuance::Cause::Forced,
        Cause::Login => issuance::Cause::Login,
        Cause::KeepAlive => issuance::Cause::KeepAlive,
    }
}

/// Returns the accounts that a request is about.
pub(super) fn accounts(
    accounts: Option<accept_budget_request::Accounts>,
) -> Result<Accounts, Status> {
    use accept_budget_request::Accounts as Wanted;
    match accounts {
        Some(Wanted::Account(account)) => Ok(Accounts::Named(account)),
        Some(Wanted::Credential(name)) => parse_name(&name).map(Accounts::Of),
        Some(Wanted::All(())) => Ok(Accounts::All),
        None => {
            let message = "the request doesn't say of which accounts";
            Err(status::new(Code::InvalidArgument, reason::INVALID_INPUT, message))
        }
    }
}

/// Returns the limits of an account as the contract shows them; one entry without
/// a limit if none is known.
pub(super) fn budgets(budget: &AccountBudget) -> Vec<v1::Budget> {
    let bare = v1::Budget {
        account: budget.account.clone(),
        credentials: budget.credentials.iter().map(ToString::to_string).collect(),
        issued_last_day: budget.last_day,
        ..v1::Budget::default()
    };
    if budget.usages.is_empty() {
        return vec![v1::Budget { used: budget.last_day, ..bare }];
    }
    let time = |wait: Option<_>| wait.map(|wait| timestamp(after(budget.at, wait)));
    let one = |usage: &Usage| v1::Budget {
        limit: limit(&usage.bound),
        used: usage.used,
        count: usage.limit.map_or(0, std::num::NonZero::get),
        remaining: usage.remaining,
        reserved: usage.reserved,
        reset_time: time(usage.frees_in),
        exhaustion_time: time(usage.lasts),
        unknown: usage.unknown,
        ..bare.clone()
    };
    budget.usages.iter().map(one).collect()
}

fn limit(bound: &Bound) -> String {
    match bound {
        Bound::Told(_) => "told by the provider".to_owned(),
        Bound::Stated(limit) => limit_text(limit),
    }
}
