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
    /// Reads a body that is an object; anything else is `None`.
    ///
    /// A byte order mark may lead: some writers put one, and readers may ignore it (RFC 8259, 8.1).
    pub(crate) fn read_body(body: &'a [u8], names: [&'static str; N]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        Self::read(text.strip_prefix('\u{feff}').unwrap_or(text), names)
    }

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
        match serde_json::from_str::<Text<'a>>(value.get()) {
            Ok(text) => Some(text.0),
            Err(_) => serde_json::from_str::<Halved>(value.get()).ok().map(|halved| Cow::Owned(halved.0)),
        }
    }
}

/// A JSON string that escapes half of a surrogate pair, as JavaScript does for a text that was cut
/// within a character; each half becomes U+FFFD, as when it writes such a text as UTF-8.
struct Halved(String);

impl<'de> Deserialize<'de> for Halved {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsBytes;
        impl Visitor<'_> for AsBytes {
            type Value = Halved;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Halved(replace_halves(bytes)))
            }
        }
        deserializer.deserialize_bytes(AsBytes)
    }
}

/// A half is three bytes, in UTF-8's own scheme but outside of it; all else is UTF-8 already.
fn replace_halves(bytes: &[u8]) -> String {
    const HALF_BYTES: usize = 3;
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Err(error) = std::str::from_utf8(rest) {
        let (good, bad) = rest.split_at(error.valid_up_to());
        text.push_str(&String::from_utf8_lossy(good));
        text.push(char::REPLACEMENT_CHARACTER);
        rest = bad.get(HALF_BYTES..).unwrap_or_default();
    }
    text.push_str(&String::from_utf8_lossy(rest));
    text
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
