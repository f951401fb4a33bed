//! The TOML file: the settings' names in lower case, values as TOML writes them.

use std::path::Path;

use super::setting::Mistake;
use super::{Origin, Values, settings};

/// Reads a file into values, and what is wrong with it: that it cannot be read, that it is no TOML,
/// or each key that is no setting or has no plain value. The other keys' values stand all the same,
/// so that their mistakes are found in the same run.
#[must_use]
pub fn read_file(path: &Path) -> (Values, Vec<Mistake>) {
    let shown = path.display();
    let mut values = Values::new();
    let mut mistakes = Vec::new();
    let table = std::fs::read_to_string(path)
        .map_err(|error| format!("{shown}: cannot be read: {error}"))
        .and_then(|text| text.parse().map_err(|error| no_toml(&shown.to_string(), &error)));
    let table: toml::Table = table.unwrap_or_else(|mistake| {
        mistakes.push(Mistake::new(mistake));
        toml::Table::new()
    });
    for (key, value) in table {
        match (settings::named(&key.to_ascii_uppercase()), plain(&value)) {
            (Some(name), Some(text)) if key == name.to_ascii_lowercase() => {
                values.insert(name, (text, Origin::File));
            }
            (Some(_), None) => {
                mistakes
                    .push(Mistake::new(format!("{key}: must be a string, an integer or a list ({shown})")));
            }
            _ => mistakes.push(Mistake::unknown(&key, &shown.to_string())),
        }
    }
    (values, mistakes)
}

fn no_toml(file: &str, error: &toml::de::Error) -> String {
    format!("{file}: no TOML: {}", error.message())
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            items.iter().map(plain).collect::<Option<Vec<_>>>().map(|items| items.join(","))
        }
        _ => None,
    }
}
