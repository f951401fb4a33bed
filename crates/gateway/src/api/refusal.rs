//! What the log refuses, in the words of an answer.

use sse_gateway_engine::log::Refused;
use sse_gateway_protocol::code::Code;
use sse_gateway_protocol::send::Rejection;

use crate::log::Unavailable;

pub(super) fn by_log(refused: Refused) -> Rejection {
    let message = match refused {
        Refused::TopicsFull => "Too many topics (TOPICS_MAX)",
        Refused::Completed => "Topic is complete",
        Refused::KeyReused => "Idempotency key was used with another body",
        Refused::TooLarge => {
            "Event is larger than a topic may keep (TOPIC_BYTES_MAX) or a stream may hold (OUTBOX_BYTES_MAX)"
        }
        Refused::NotFound => "Topic not found",
        Refused::Ended => "Token not found",
    };
    Rejection { code: refused.code(), message }
}

pub(super) fn unavailable(unavailable: Unavailable) -> Rejection {
    match unavailable {
        Unavailable::ShuttingDown => SHUTTING_DOWN,
        Unavailable::NotWritten => NOT_WRITTEN,
    }
}

pub(super) const SHUTTING_DOWN: Rejection =
    Rejection { code: Code::ShuttingDown, message: "Gateway is shutting down" };

const NOT_WRITTEN: Rejection =
    Rejection { code: Code::LogFull, message: "The log cannot be written: its disk is full or fails (LOG)" };
