//! Reads JSON members without building a tree.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The wanted members of a JSON object, each still as JSON text.
///
/// A member that is repeated counts by its last value, as in `JSON.parse`; the others are skipped.
/// `None` is an absent member; `null` is present.
pub(crate) struct Members<'a, const N: usize>([Option<&'a RawValue>; N]);

impl<'a, const N: usize> Members<'a, N> {
    /// Reads an object; anything else is `None`.
    pub(crate) fn read(text: &'a str, names: [&'static str; N]) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let members = (&mut deserializer).deserialize_map(Wanted(names)).ok()?;
        deserializer.end().ok()?;
        Some(members)
    }

    pub(crate) fn into_array(self) -> [Option<&'a RawValue>; N] {
        self.0
    }
}

struct Wanted<const N: usize>([&'static str; N]);

impl<'de, const N: usize> Visitor<'de> for Wanted<N> {
    type Value = Members<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(Text(key)) = map.next_key()? {
            match self.0.iter().position(|name| *name == key) {
                Some(index) => found[index] = Some(map.next_value()?),
                None => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        Ok(Members(found))
    }
}

/// A JSON string, borrowed from the body unless it has escapes.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'a> Text<'a> {
    /// Reads a string; another type is `None`.
    pub(crate) fn read(value: &'a RawValue) -> Option<Cow<'a, str>> {
        serde_json::from_str::<Text<'a>>(value.get()).ok().map(|text| text.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;
        impl<'de> Visitor<'de> for AsText {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(AsText)
    }
}

/// Tells whether a value is an object or an array, by its first character.
pub(crate) fn opens_with(value: &RawValue, bracket: char) -> bool {
    value.get().starts_with(bracket)
}
