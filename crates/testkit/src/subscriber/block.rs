//! One block of an event stream, as it stands on the wire.

use serde_json::Value;

use crate::Position;

/// A block, read strictly: exactly what the protocol says that a gateway writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The text of a comment, which is a block of its own.
    pub comment: Option<String>,
    /// The event's name; empty when the block has none.
    pub name: String,
    /// The data, its lines joined by LF; `None` when the block has none.
    pub data: Option<String>,
    /// The block's own id; `None` also when an earlier one is in force.
    pub id: Option<Position>,
    /// The block's own `retry` in milliseconds.
    pub retry: Option<u64>,
}

impl Block {
    /// Reads a block without its empty line.
    ///
    /// # Panics
    /// When a line is none that a gateway writes, or stands in the wrong place.
    #[must_use]
    pub(super) fn read(text: &str) -> Self {
        let mut block = Self::default();
        for line in text.split('\n') {
            let (field, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} in {text:?}"));
            assert!(block.comment.is_none() && !line.contains('\r'), "{line:?} in {text:?}");
            match field {
                "" if block == Self::default() => block.comment = Some(value.to_owned()),
                "event" if block.name.is_empty() && block.data.is_none() && block.id.is_none() => {
                    block.name = value.to_owned();
                }
                "data" if block.id.is_none() => block.add_line(value),
                "id" if block.id.is_none() && block.data.is_some() => block.id = Some(Position::read(value)),
                "retry" if block.retry.is_none() => {
                    block.retry = Some(value.parse().expect("milliseconds"));
                }
                _ => panic!("{line:?} has no place in {text:?}"),
            }
        }
        assert!(block.comment.is_some() || block.data.is_some(), "nothing to dispatch: {text:?}");
        block
    }

    /// The data as text.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn text(&self) -> &str {
        self.data.as_deref().unwrap_or_else(|| panic!("no data: {self:?}"))
    }

    /// The data as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The block's own id.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn position(&self) -> &Position {
        self.id.as_ref().unwrap_or_else(|| panic!("no id: {self:?}"))
    }

    fn add_line(&mut self, line: &str) {
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(line);
            }
            None => self.data = Some(line.to_owned()),
        }
    }
}
