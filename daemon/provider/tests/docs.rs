//! Parses the examples of docs/providers.md, so that they are what they claim.

use std::path::PathBuf;

use tokend_provider::{Definition, Source};

const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/providers.md");

/// What a fragment needs to be a definition, each with the tables that take its
/// place.
const REST: [(&[&str], &str); 5] = [
    (&[], "title = 'Acme'"),
    (
        &["[issue]", "[[issue]]", "[[issue.steps]]", "[oauth2]", "[exec]"],
        "issue.url = 'https://api.acme.example/login'",
    ),
    (&["[output]"], "output.token = 'body.token'"),
    (&["[variables.username]"], "variables.username.description = 'The user'"),
    (&["[secrets.password]"], "secrets.password.description = 'The password'"),
];

/// A fenced block of the manual.
struct Block {
    line: usize,
    language: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let manual = std::fs::read_to_string(MANUAL).expect("the manual is in docs");
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (index, line) in manual.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                let language = language.to_owned();
                blocks.push(Block { line: index + 1, language, text: String::new() });
                inside = true;
            }
            None if inside => {
                let block = blocks.last_mut().expect("a block has begun");
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(!inside, "the last block has no end");
    blocks
}

fn parse(text: &str) -> Result<Definition, String> {
    let source = Source::File(PathBuf::from("/etc/tokend/providers.d/acme.toml"));
    Definition::parse("acme", source, text).map_err(|error| error.to_string())
}

fn completed(fragment: &str) -> String {
    let has = |table: &&str| fragment.lines().any(|line| line == *table);
    let rest = REST.iter().filter(|(tables, _)| !tables.iter().any(has));
    let rest: Vec<&str> = rest.map(|(_, text)| *text).collect();
    format!("{}\n{fragment}", rest.join("\n"))
}

#[test]
fn every_example_is_a_definition() {
    let mut examples = 0;
    for Block { line, language, text } in blocks() {
        let text = match language.as_str() {
            "toml" => text,
            "toml,fragment" => completed(&text),
            "toml,wrong" | "text" | "sh" => continue,
            other => panic!("{MANUAL}:{line}: no rule for `{other}`"),
        };
        if let Err(error) = parse(&text) {
            panic!("{MANUAL}:{line}: {error}");
        }
        examples += 1;
    }
    assert!(examples >= 5, "only {examples} examples were found");
}

#[test]
fn the_example_of_a_mistake_is_reported_as_shown() {
    let blocks = blocks();
    let wrong = blocks.iter().position(|block| block.language == "toml,wrong").unwrap();
    let error = parse(&blocks[wrong].text).unwrap_err();
    assert_eq!(blocks[wrong + 1].text, format!("tokend: {error}\n"));
}
