//! Holds docs/provider-reference.md to the schema of definitions.

use std::{fs, path::Path};

#[expect(dead_code, reason = "the example's own entry isn't used here")]
#[path = "../examples/reference/main.rs"]
mod reference;

#[test]
fn the_page_is_what_the_example_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/provider-reference.md");
    let page = fs::read_to_string(path).expect("the page is in docs");
    assert!(
        page == reference::page::page(),
        "docs/provider-reference.md isn't what `cargo run -p tokend-provider --example reference` \
         prints now"
    );
}
