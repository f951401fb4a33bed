//! Reads an event stream as a browser does (WHATWG HTML, 9.2.6).

/// Bounds one block by default; past it the block is dropped and reported as [`Item::TooLong`].
pub const BLOCK_BYTES_MAX: usize = 16 << 20;

/// What a decoder finds, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A block with data: what a client dispatches.
    Event {
        /// The event's type; empty when the block names none (browsers dispatch `message`).
        event: String,
        /// Its lines, joined by LF.
        data: String,
        /// The last event id in force, also from earlier blocks.
        id: String,
    },
    /// A comment line, without the colon and one leading space.
    Comment(String),
    /// A new reconnection time in milliseconds.
    Retry(u64),
    /// A block over the decoder's bound was dropped.
    TooLong,
}

/// Decodes bytes as they arrive, cut anywhere; an unfinished block at the end is not dispatched.
#[derive(Debug)]
pub struct Decoder {
    block_bytes_max: usize,
    line: Vec<u8>,
    after_cr: bool,
    begun: bool,
    block: Block,
    last_id: String,
}

#[derive(Debug, Default)]
struct Block {
    event: String,
    data: String,
    has_data: bool,
    too_long: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::with_block_bytes_max(BLOCK_BYTES_MAX)
    }
}

impl Decoder {
    /// Makes a decoder that drops blocks with more data than this.
    #[must_use]
    pub fn with_block_bytes_max(block_bytes_max: usize) -> Self {
        Self {
            block_bytes_max,
            line: Vec::new(),
            after_cr: false,
            begun: false,
            block: Block::default(),
            last_id: String::new(),
        }
    }

    /// Takes the next bytes and gives what they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' if std::mem::take(&mut self.after_cr) => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    self.end_line(&mut items);
                }
                _ => {
                    self.after_cr = false;
                    self.extend_line(byte);
                }
            }
        }
        items
    }

    fn extend_line(&mut self, byte: u8) {
        if self.line.len() + self.block.data.len() < self.block_bytes_max {
            self.line.push(byte);
        } else {
            self.block.too_long = true;
        }
    }

    fn end_line(&mut self, items: &mut Vec<Item>) {
        let line = std::mem::take(&mut self.line);
        let mut text = String::from_utf8_lossy(&line);
        if !std::mem::replace(&mut self.begun, true)
            && let Some(rest) = text.strip_prefix('\u{feff}')
        {
            text = rest.to_owned().into();
        }
        if text.is_empty() {
            return self.end_block(items);
        }
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => items.push(Item::Comment(value.to_owned())),
            "event" => value.clone_into(&mut self.block.event),
            "data" => self.block.add_data(value),
            "id" if !value.contains('\0') => value.clone_into(&mut self.last_id),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                items.extend(value.parse().map(Item::Retry));
            }
            _ => {}
        }
    }

    fn end_block(&mut self, items: &mut Vec<Item>) {
        let block = std::mem::take(&mut self.block);
        if block.too_long {
            items.push(Item::TooLong);
        } else if block.has_data {
            items.push(Item::Event { event: block.event, data: block.data, id: self.last_id.clone() });
        }
    }
}

impl Block {
    fn add_data(&mut self, value: &str) {
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push('\n');
        }
        self.data.push_str(value);
    }
}
