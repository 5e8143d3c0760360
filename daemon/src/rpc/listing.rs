//! What a caller may read, without the tokens themselves.

use tokend_core::{Moment, Name};
use tokend_proto::{
    reason,
    v1::{ListTokensRequest, ListTokensResponse, list_tokens_response::Entry},
};
use tokio::task::yield_now;
use tonic::{Code, Status};

use super::{Context, Peer, absence, access, status};
use crate::published::{Slot, timestamp};

/// The most entries of one answer.
const LONGEST_PAGE: u32 = 1_000;

/// How many credentials are looked at before other callers have their turn.
const AT_ONCE: usize = 100;

/// Returns a page of what `peer` may read.
pub(super) async fn page(
    context: &Context,
    peer: &Peer,
    request: ListTokensRequest,
) -> Result<ListTokensResponse, Status> {
    let ListTokensRequest { page_size, page_token } = request;
    let limit = match page_size {
        0 => LONGEST_PAGE,
        size => size.min(LONGEST_PAGE),
    };
    let mut after: Option<Name> = match page_token.as_str() {
        "" => None,
        token => Some(token.parse().map_err(|_| {
            let message = "page_token isn't one that ListTokens gave";
            status::new(Code::InvalidArgument, reason::INVALID_PAGE_TOKEN, message)
        })?),
    };
    let operator = access::is_operator(peer, context.about.uid);
    let mut answer = ListTokensResponse::default();
    loop {
        let slots = context.slots.after(after.as_ref(), AT_ONCE);
        let Some(last) = slots.last() else { return Ok(answer) };
        after = Some(last.name().clone());
        let now = context.clock.now();
        for slot in &slots {
            if access::decide(peer, context.about.uid, &slot.access()).is_none() {
                continue;
            }
            if answer.tokens.len() == limit as usize {
                let last = answer.tokens.last().map(|entry| entry.name.clone());
                return Ok(ListTokensResponse {
                    next_page_token: last.unwrap_or_default(),
                    ..answer
                });
            }
            answer.tokens.push(entry(slot, operator, now));
        }
        yield_now().await;
    }
}

fn entry(slot: &Slot, operator: bool, now: Moment) -> Entry {
    let name = slot.name();
    match absence::held(slot, now) {
        Ok(held) => Entry {
            name: name.to_string(),
            token_id: held.token().id.to_string(),
            expire_time: held.token().expires_at.map(timestamp),
            remaining: held.remaining(now),
            absence: None,
        },
        Err(absence) => Entry {
            name: name.to_string(),
            absence: Some(absence::message(&absence.status(name, operator))),
            ..Entry::default()
        },
    }
}

#[cfg(test)]
mod tests;
