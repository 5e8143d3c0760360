//! Prints docs/provider-reference.md:
//!
//! ```sh
//! cargo run -p tokend-provider --example reference > docs/provider-reference.md
//! ```

pub(crate) mod page;
mod table;

fn main() {
    print!("{}", page::page());
}
