use super::*;
use crate::sample::inputs;
use crate::{AcceptedInputs, Source};

mod print;
mod recorded;

#[test]
fn each_built_in_definition_tells_what_it_is_and_where_that_was_read() {
    for definition in Library::built_in().iter() {
        let name = definition.name();
        assert!(definition.documentation().is_some(), "{name}");
        assert_eq!(definition.source().to_string(), "built-in");
        assert!(definition.text().starts_with("# "), "{name} has no doc line");
        for input in definition.inputs() {
            assert!(!input.description.is_empty(), "{name}: {}", input.name);
        }
    }
}

#[test]
fn the_generic_definition_passes_the_private_ca_on() {
    let definition = Library::built_in().get("oauth2-client-credentials").unwrap();
    let variables =
        [("token_url", "https://a.example/t"), ("client_id", "c"), ("ca_file", "/etc/ca.pem")];
    let accepted = definition.accept(inputs(&variables, &[("client_secret", "s")])).unwrap();
    assert_eq!(accepted.transport().ca_file.as_deref(), Some("/etc/ca.pem".as_ref()));
}

#[test]
fn toggle_needs_an_email_address_or_a_user_name() {
    let definition = Library::built_in().get("toggle").unwrap();
    let given = inputs(&[("url", "https://a.example/graphql")], &[("password", "hunter2")]);
    assert_eq!(
        definition.accept(given).unwrap_err().to_string(),
        "these inputs don't fit: the definition asks for `var.email or var.username`"
    );
}

#[test]
fn a_definition_takes_the_place_of_a_built_in_one_with_its_name() {
    let mut library = Library::built_in();
    let text = "title = 'Mine'\n[issue]\nurl = 'https://a.example'\n[output]\ntoken = 'body.t'";
    library.insert(Definition::parse("fyma", Source::File("fyma.toml".into()), text).unwrap());
    assert_eq!(library.get("fyma").unwrap().title(), "Mine");
    assert_eq!(library.iter().count(), Library::built_in().iter().count());
}

#[test]
fn a_misspelt_name_is_recognised() {
    let library = Library::built_in();
    assert_eq!(library.suggest("causly"), Some("causely"));
    assert_eq!(library.suggest("oauth2-client-credential"), Some("oauth2-client-credentials"));
    assert_eq!(library.suggest("github"), None);
    assert!(library.get("causly").is_none());
}

#[test]
fn definitions_and_inputs_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Library>();
    shared::<AcceptedInputs>();
    shared::<crate::Exchange>();
}
