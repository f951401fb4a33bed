//! The TOML file: the settings' names in lower case, values as TOML writes them.

use std::path::Path;

use super::setting::Mistake;
use super::{Origin, Values, settings};

/// Reads a file into values.
///
/// # Errors
/// That it cannot be read or is no TOML, or every key that is no setting or has no plain value.
pub fn read_file(path: &Path) -> Result<Values, Vec<Mistake>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| vec![Mistake::new(format!("{shown}: cannot be read: {error}"))])?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        vec![Mistake::new(format!("{shown}: no TOML: {}", error.message()))]
    })?;
    let mut values = Values::new();
    let mut mistakes = Vec::new();
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
    if mistakes.is_empty() { Ok(values) } else { Err(mistakes) }
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
