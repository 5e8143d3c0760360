//! Paths to places in JSON bodies.

use serde_json::Value;

/// Returns what stands where a path leads; `*` is any position in an array.
pub(crate) fn values<'a>(body: &'a Value, path: &str) -> Vec<&'a Value> {
    names(path).iter().fold(vec![body], |places, name| {
        let step = |place: &'a Value| -> Vec<&'a Value> {
            match place {
                Value::Array(items) if name == "*" => items.iter().collect(),
                Value::Array(items) => {
                    name.parse().ok().and_then(|at: usize| items.get(at)).into_iter().collect()
                }
                place => place.get(name).into_iter().collect(),
            }
        };
        places.into_iter().flat_map(step).collect()
    })
}

/// Returns the names that a path is made of: those between its dots; `\.` is a dot in a name
/// and `\\` a backslash.
pub(crate) fn names(path: &str) -> Vec<String> {
    let (mut names, mut name, mut characters) = (Vec::new(), String::new(), path.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => name.extend(characters.next()),
            '.' => names.push(std::mem::take(&mut name)),
            other => name.push(other),
        }
    }
    names.push(name);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_keeps_a_dot_in_its_name() {
        for (path, expected) in [
            ("a", &["a"][..]),
            ("a.0.*", &["a", "0", "*"]),
            (r"a\.b.c\\", &["a.b", r"c\"]),
            (r"a\\.b", &[r"a\", "b"]),
        ] {
            assert_eq!(names(path), expected, "{path}");
        }
    }
}
