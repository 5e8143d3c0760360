//! Calls of the daemon that `TOKEND_SOCKET` names.

use std::hint::black_box;

use tokend_client::Client;
use tokio::runtime::Builder;

/// Asks for the token `api`, each time anew and by the same connection.
pub(crate) fn hit(times: usize) {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let client = Client::builder().cache(false).build().expect("the environment is sound");
        for _ in 0..times {
            black_box(client.token("api").await.expect("the daemon has a token"));
        }
    });
}
