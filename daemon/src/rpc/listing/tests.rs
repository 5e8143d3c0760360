//! Lists, of slots that the tests write to.

use tokend_proto::v1::ListTokensRequest;

use super::*;
use crate::rpc::{
    Door,
    bench::{ANN, Bench, OWN, access_of, token},
};

impl Bench {
    /// Returns a page for a user, as text, and the next page's token.
    async fn page(&self, uid: u32, size: u32, after: &str) -> (Vec<String>, String) {
        let peer =
            Peer { uid, gid: uid, groups: Vec::new(), unit: None, pid: None, door: Door::Callers };
        let request = ListTokensRequest { page_size: size, page_token: after.to_owned() };
        let ListTokensResponse { tokens, next_page_token } =
            page(&self.context, &peer, request).await.unwrap();
        (tokens.into_iter().map(text).collect(), next_page_token)
    }
}

fn text(entry: Entry) -> String {
    let Entry { name, token_id, remaining, absence, .. } = entry;
    match absence {
        None => format!("{name} {} {}s", !token_id.is_empty(), remaining.unwrap().seconds),
        Some(absence) => format!("{name} {token_id}{}", absence.reason),
    }
}

#[tokio::test]
async fn a_caller_sees_what_it_may_read_and_no_more_and_no_token() {
    let bench = Bench::new();
    for name in ["c", "a", "b"] {
        bench.make(name).publish(token("1"));
    }
    bench.context.slots.get("b").unwrap().set_access(access_of(&[]));
    bench.pass(60);
    bench.context.slots.get("c").unwrap().withdraw();
    let (seen, _) = bench.page(ANN, 0, "").await;
    assert_eq!(seen, ["a true 3540s", "c NO_TOKEN"]);
    assert_eq!(bench.page(ANN + 1, 0, "").await, (Vec::new(), String::new()));
    let (seen, _) = bench.page(OWN, 0, "").await;
    assert_eq!(seen, ["a true 3540s", "b true 3540s", "c NO_TOKEN"]);
}

#[tokio::test]
async fn it_counts_as_no_use() {
    let bench = Bench::new();
    let slot = bench.make("a");
    slot.publish(token("1"));
    bench.page(ANN, 0, "").await;
    assert_eq!(slot.last_use(), None);
}

#[tokio::test]
async fn pages_follow_each_other_in_the_order_of_the_names() {
    let bench = Bench::new();
    for number in 0..250 {
        let slot = bench.make(&format!("n{number:03}"));
        if number % 2 == 1 {
            slot.set_access(access_of(&[]));
        }
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    let mut pages = 0;
    loop {
        let (page, next) = bench.page(ANN, 50, &after).await;
        seen.extend(page);
        pages += 1;
        after = next;
        if after.is_empty() {
            break;
        }
    }
    let expected: Vec<_> = (0..125).map(|n| format!("n{:03} NO_TOKEN", 2 * n)).collect();
    assert_eq!((seen, pages), (expected, 3));
}

#[tokio::test]
async fn a_token_of_another_list_is_refused() {
    let bench = Bench::new();
    let peer =
        Peer { uid: ANN, gid: ANN, groups: Vec::new(), unit: None, pid: None, door: Door::Callers };
    let request = ListTokensRequest { page_size: 0, page_token: "No Name".to_owned() };
    let status = page(&bench.context, &peer, request).await.unwrap_err();
    assert_eq!(status::reason(&status), reason::INVALID_PAGE_TOKEN);
}
