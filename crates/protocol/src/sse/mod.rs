//! The event stream format: `text/event-stream` of the WHATWG HTML standard, section 9.2.
//!
//! The encoder emits the small subset that every client reads alike: LF only, one space after each
//! colon, `event` before `data` before `id` before `retry`. The decoder reads all of the format, as
//! browsers do.

mod chunk;
mod decode;
mod draft;
mod encode;
mod fields;
mod frame;

pub use decode::{BLOCK_BYTES_MAX, Decoder, Item};
pub use draft::Draft;
pub use encode::Encoder;
pub use frame::{Frame, Framing};
