//! The life of one stream.
//!
//! ```text
//!                 refused, or outcome unknown
//!   Opening ------------------------------------------> gone
//!      | accepted                                         ^
//!      |        client left, slow, stalled, failed        |
//!      +--> Open ---------------------------------------->|
//!      |      | close:true, shutdown                      |
//!      |      v       client left, stalled, failed        |
//!      +--> Ending -------------------------------------->|
//!             | everything is written                     |
//!             v       client's end, or the drain limit    |
//!           Draining ------------------------------------>+
//! ```
//!
//! *Opening*: the backend is being asked; sends are kept. *Open*: sends go to the outbox.
//! *Ending*: unknown to senders; the outbox and the last chunk are still to be written.
//! *Draining*: the disconnect is issued; input is discarded so that no reset destroys the end.

use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::CloseReason;
use sse_gateway_protocol::sse::{Frame, Framing};

use crate::Time;
use crate::heartbeat::Place;
use crate::outbox::Outbox;
use crate::standing::{Listening, Standing};

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) token: Token,
    pub(crate) generation: u32,
    pub(crate) request: Box<str>,
    pub(crate) life: Life,
}

#[derive(Debug)]
pub(crate) enum Life {
    Opening(Kept),
    /// With topics or the like it has a standing.
    Open {
        outbox: Outbox,
        heartbeat: Place,
        standing: Option<Box<Standing>>,
    },
    Ending {
        outbox: Outbox,
    },
    Draining {
        since: Time,
    },
}

/// What waits for the backend's answer.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) outbox: Outbox,
    /// A kept `close`: nothing is kept after it.
    pub(crate) close: bool,
    /// Why the stream cannot open any more, even if the backend accepts it.
    pub(crate) departed: Option<CloseReason>,
}

impl Kept {
    pub(crate) fn new(departed: Option<CloseReason>) -> Self {
        // Counted as if chunked; the client's framing is known on opening.
        Self { outbox: Outbox::new(Framing::Chunked), close: false, departed }
    }
}

impl Stream {
    /// Gives what is to be written to the client's socket; a stream without a socket has none.
    pub(crate) fn outbox(&self) -> Option<&Outbox> {
        match &self.life {
            Life::Open { outbox, .. } | Life::Ending { outbox } => Some(outbox),
            Life::Opening(_) | Life::Draining { .. } => None,
        }
    }

    pub(crate) fn outbox_mut(&mut self) -> Option<&mut Outbox> {
        match &mut self.life {
            Life::Open { outbox, .. } | Life::Ending { outbox } => Some(outbox),
            Life::Opening(_) | Life::Draining { .. } => None,
        }
    }

    pub(crate) fn standing(&self) -> Option<&Standing> {
        match &self.life {
            Life::Open { standing, .. } => standing.as_deref(),
            Life::Opening(_) | Life::Ending { .. } | Life::Draining { .. } => None,
        }
    }

    pub(crate) fn standing_mut(&mut self) -> Option<&mut Standing> {
        match &mut self.life {
            Life::Open { standing, .. } => standing.as_deref_mut(),
            Life::Opening(_) | Life::Ending { .. } | Life::Draining { .. } => None,
        }
    }

    pub(crate) fn listening_mut(&mut self) -> Option<&mut Listening> {
        self.standing_mut()?.listening.as_mut()
    }

    /// Puts what the client is to be told first into the frame, if it is the one to carry it.
    pub(crate) fn lead(&mut self, frame: Frame) -> Frame {
        let Life::Open { standing: place @ Some(_), .. } = &mut self.life else { return frame };
        let Some(standing) = place else { return frame };
        let frame = standing.lead(frame);
        if standing.is_bare() {
            *place = None;
        }
        frame
    }

    /// Gives what it holds for its client, also before there is a socket.
    pub(crate) fn held(&self) -> Option<&Outbox> {
        match &self.life {
            Life::Opening(kept) => Some(&kept.outbox),
            Life::Open { .. } | Life::Ending { .. } | Life::Draining { .. } => self.outbox(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_stream_costs_at_most_72_bytes_besides_its_request() {
        let bytes = size_of::<Stream>();
        assert!(bytes <= 72, "{bytes} bytes, of which {} are its life", size_of::<Life>());
    }
}
