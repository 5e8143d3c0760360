//! Which variable of an `.env` file is which input of a provider definition.

use tokend_proto::v1::Provider;

use crate::import::{Field, File, Problem, env::Variable};

/// What `--map` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    variable: String,
    input: String,
}

impl Map {
    /// Reads `VARIABLE=INPUT`.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        match text.split_once('=') {
            Some((variable, input)) if !variable.is_empty() && !input.is_empty() => {
                Ok(Self { variable: variable.to_owned(), input: input.to_owned() })
            }
            // It may be a value that was meant for elsewhere.
            _ => Err(Problem::MapNoEquals),
        }
    }
}

/// Says which input each variable stands for, if it stands for one: by `--map`, by its name,
/// or by the longest end of its name. Inputs that are `given` elsewhere are passed over.
pub(crate) fn fit(
    variables: Vec<Variable>,
    provider: &Provider,
    maps: &[Map],
    given: &[String],
    file: &File,
) -> Result<Vec<Field>, Problem> {
    check(&variables, provider, maps, file)?;
    let inputs: Vec<&str> = provider.inputs.iter().map(|input| input.name.as_str()).collect();
    let meant = |variable: &Variable| {
        if let Some(map) = maps.iter().find(|map| map.variable == variable.name) {
            return Some((map.input.as_str(), Fit::Mapped));
        }
        let is_taken = |input: &str| maps.iter().any(|map| map.input == input);
        let is_free = |input: &&&str| !given.iter().any(|it| it == **input) && !is_taken(input);
        // An empty one is one that is to be filled in.
        let is_set = !secrecy::ExposeSecret::expose_secret(&variable.value).is_empty();
        let name = fold(&variable.name);
        let ends = |input: &&&str| name == **input || name.ends_with(&format!("_{input}"));
        let longest = inputs.iter().filter(ends).max_by_key(|input| input.len());
        let input = longest.filter(is_free).filter(|_| is_set)?;
        Some((*input, if name == *input { Fit::Same } else { Fit::End }))
    };
    let meant: Vec<_> = variables.iter().map(meant).collect();
    let mut chosen = vec![None; variables.len()];
    for input in &inputs {
        let of = |fit: Fit| -> Vec<usize> {
            let is_one =
                |(_, meant): &(usize, &Option<(&str, Fit)>)| **meant == Some((*input, fit));
            meant.iter().enumerate().filter(is_one).map(|(at, _)| at).collect()
        };
        let best = [Fit::Mapped, Fit::Same, Fit::End].into_iter().map(of).find(|it| !it.is_empty());
        match best.as_deref() {
            None | Some([]) => {}
            Some([at]) => chosen[*at] = Some((*input).to_owned()),
            Some(several) => {
                let variables = several.iter().map(|at| variables[*at].name.clone()).collect();
                return Err(Problem::Ambiguous { input: (*input).to_owned(), variables });
            }
        }
    }
    let fields = variables.into_iter().zip(chosen);
    let fields =
        fields.map(|(Variable { name, value }, input)| Field { name, input, value: Some(value) });
    Ok(fields.collect())
}

/// How a variable was found to stand for an input; the first is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Mapped,
    Same,
    End,
}

fn check(
    variables: &[Variable],
    provider: &Provider,
    maps: &[Map],
    file: &File,
) -> Result<(), Problem> {
    for (at, Map { variable, input }) in maps.iter().enumerate() {
        if !variables.iter().any(|it| it.name == *variable) {
            return Err(Problem::MapNoVariable { of: file.name(), name: variable.clone() });
        }
        if !provider.inputs.iter().any(|it| it.name == *input) {
            return Err(Problem::MapNoInput {
                provider: provider.name.clone(),
                name: input.clone(),
                known: provider.inputs.iter().map(|input| input.name.clone()).collect(),
            });
        }
        if maps[..at].iter().any(|before| before.input == *input || before.variable == *variable) {
            return Err(Problem::MapTwice { input: input.clone() });
        }
    }
    Ok(())
}

/// Returns a name as definitions write them.
fn fold(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '.'], "_")
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::ProviderInput;

    use super::*;

    fn fitted(
        variables: &[&str],
        inputs: &[&str],
        maps: &[&str],
        given: &[&str],
    ) -> Result<Vec<Option<String>>, Problem> {
        let variable = |name: &&str| Variable { name: (*name).to_owned(), value: "x".into() };
        let input =
            |name: &&str| ProviderInput { name: (*name).to_owned(), ..ProviderInput::default() };
        let provider = Provider {
            name: "acme".to_owned(),
            inputs: inputs.iter().map(input).collect(),
            ..Provider::default()
        };
        let maps = maps.iter().map(|text| Map::read(text)).collect::<Result<Vec<_>, _>>()?;
        let given: Vec<_> = given.iter().map(|name| (*name).to_owned()).collect();
        let variables = variables.iter().map(variable).collect();
        let fields = fit(variables, &provider, &maps, &given, &File::stdin())?;
        Ok(fields.into_iter().map(|field| field.input).collect())
    }

    fn to(inputs: &[Option<&str>]) -> Vec<Option<String>> {
        inputs.iter().map(|input| input.map(str::to_owned)).collect()
    }

    #[test]
    fn a_variable_stands_for_the_input_that_its_name_ends_with() {
        let variables = ["ACME_CLIENT_ID", "acme.client-secret", "DEBUG", "SCOPE", "MYSCOPE"];
        let inputs = ["id", "client_id", "client_secret", "scope"];
        let fields = fitted(&variables, &inputs, &[], &[]).unwrap();
        let expected = [Some("client_id"), Some("client_secret"), None, Some("scope"), None];
        assert_eq!(fields, to(&expected));
    }

    #[test]
    fn the_same_name_is_better_than_an_end_and_a_map_than_both() {
        let variables = ["ACME_CLIENT_ID", "CLIENT_ID", "OTHER"];
        let fields = fitted(&variables, &["client_id"], &[], &[]).unwrap();
        assert_eq!(fields, to(&[None, Some("client_id"), None]));
        let fields = fitted(&variables, &["client_id"], &["OTHER=client_id"], &[]).unwrap();
        assert_eq!(fields, to(&[None, None, Some("client_id")]));
    }

    #[test]
    fn two_that_fit_as_well_are_an_error_that_says_what_to_write() {
        let variables = ["A_CLIENT_ID", "B_CLIENT_ID"];
        let problem = fitted(&variables, &["client_id"], &[], &[]).unwrap_err();
        assert_eq!(problem.to_string(), "client_id could be A_CLIENT_ID or B_CLIENT_ID");
        assert_eq!(
            problem.remedy("a").unwrap(),
            "say which: --map A_CLIENT_ID=client_id or --map B_CLIENT_ID=client_id"
        );
        let fields = fitted(&variables, &["client_id"], &["B_CLIENT_ID=client_id"], &[]).unwrap();
        assert_eq!(fields, to(&[None, Some("client_id")]));
        let fields = fitted(&variables, &["client_id"], &[], &["client_id"]).unwrap();
        assert_eq!(fields, to(&[None, None]));
    }

    #[test]
    fn a_map_names_what_is_there_once() {
        for (maps, message) in [
            (&["X=client_id"][..], "standard input has no variable \"X\""),
            (&["A=x"], "acme has no input \"x\""),
            (&["A=client_id", "B=client_id"], "client_id is mapped twice"),
            (&["A=client_id", "A=scope"], "scope is mapped twice"),
            (&["s3cret"], "--map takes VARIABLE=INPUT"),
            (&["A="], "--map takes VARIABLE=INPUT"),
        ] {
            let problem = fitted(&["A", "B"], &["client_id", "scope"], maps, &[]).unwrap_err();
            assert_eq!(problem.to_string(), message);
        }
    }
}
