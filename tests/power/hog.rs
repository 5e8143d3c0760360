//! Opens connections, and on each of them streams, until it gets no more of them: for
//! `tests/power/run`. Says how many it has and why there are no more, and holds them.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

use std::{env, future::pending, path::PathBuf};

use tokend_proto::v1::{WatchTokensRequest, token_service_client::TokenServiceClient};

/// How many a connection may have open.
const STREAMS: usize = 1_000;

/// So many connections in a row have to bring nothing.
const VAIN: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = env::args().skip(1);
    let (socket, name) = (PathBuf::from(arguments.next().unwrap()), arguments.next().unwrap());
    let (mut held, mut vain) = (Vec::new(), 0);
    let mut reason = String::new();
    while vain < VAIN {
        // Each has a connection of its own.
        let mut client = TokenServiceClient::new(tokend_client::channel(&socket));
        vain += 1;
        for _ in 0..STREAMS {
            let request = WatchTokensRequest { names: vec![name.clone()] };
            match client.watch_tokens(request).await {
                Ok(stream) => held.push(stream),
                Err(status) => {
                    status.message().clone_into(&mut reason);
                    break;
                }
            }
            vain = 0;
        }
    }
    println!("HOG {} streams, then: {reason}", held.len());
    pending::<()>().await;
}
