//! What a callback's outcome means for the client who waits (protocol 1.1).

use http::StatusCode;
use sse_gateway_protocol::callback::{ConnectAnswer, Defect};
use sse_gateway_protocol::code::Code;

use super::refusal::Refusal;
use crate::callbacks::Outcome;

/// The backend's word on a connect.
#[derive(Debug)]
pub(super) enum Judgement {
    /// The stream opens.
    Accepted { answer: ConnectAnswer, defect: Option<Defect> },
    /// It does not.
    Refused(Refusal),
}

impl Judgement {
    pub(super) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted(body) => match ConnectAnswer::read(&body) {
                Ok((answer, defect)) => Self::Accepted { answer, defect },
                Err(error) => Self::Refused(Refusal {
                    detail: Some(error.to_string()),
                    ..invalid("Backend answer is invalid")
                }),
            },
            Outcome::Refused(status) => Self::Refused(by_backend(status)),
            Outcome::TooLarge => Self::Refused(invalid("Backend answer is too large")),
            Outcome::TimedOut { seen } => Self::Refused(Refusal {
                perhaps_accepted: seen,
                ..Refusal::ours(Code::GatewayTimeout, "Gateway timeout", "timeout")
            }),
            Outcome::Failed { seen, error } => Self::Refused(Refusal {
                perhaps_accepted: seen,
                detail: Some(error),
                ..Refusal::ours(Code::BackendUnavailable, "Backend unavailable", "unavailable")
            }),
        }
    }
}

/// The backend has answered 2xx, so it may have accepted, but not with what it says there.
fn invalid(message: &str) -> Refusal {
    let refusal = Refusal::ours(Code::InvalidCallbackAnswer, message, "invalid_answer");
    Refusal { perhaps_accepted: true, ..refusal }
}

fn by_backend(status: StatusCode) -> Refusal {
    let (code, outcome) = match status {
        StatusCode::UNAUTHORIZED => (Code::BackendAuthFailed, "unauthorized"),
        StatusCode::FORBIDDEN => (Code::BackendForbidden, "forbidden"),
        _ => (Code::BackendError, "refused"),
    };
    // An interim status cannot end an exchange, and 204 to 304 would forbid the error body.
    let sendable = status.as_u16() >= 300 && status != StatusCode::NOT_MODIFIED;
    Refusal {
        status: if sendable { status } else { StatusCode::BAD_GATEWAY },
        message: format!("Backend returned {}", status.as_u16()),
        code,
        outcome,
        perhaps_accepted: false,
        detail: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(outcome: Outcome) -> (u16, &'static str, String, bool) {
        match Judgement::of(outcome) {
            Judgement::Refused(it) => (it.status.as_u16(), it.code.as_str(), it.message, it.perhaps_accepted),
            Judgement::Accepted { .. } => panic!("accepted"),
        }
    }

    #[test]
    fn a_status_of_the_backend_is_passed_on_and_is_no_acceptance() {
        for (status, expected, code) in [
            (401, 401, "BACKEND_AUTH_FAILED"),
            (403, 403, "BACKEND_FORBIDDEN"),
            (400, 400, "BACKEND_ERROR"),
            (302, 302, "BACKEND_ERROR"),
            (503, 503, "BACKEND_ERROR"),
            (599, 599, "BACKEND_ERROR"),
            (101, 502, "BACKEND_ERROR"),
            (304, 502, "BACKEND_ERROR"),
        ] {
            let outcome = Outcome::Refused(StatusCode::from_u16(status).expect("a status"));
            assert_eq!(refusal(outcome), (expected, code, format!("Backend returned {status}"), false));
        }
    }

    #[test]
    fn a_backend_that_may_have_accepted_must_hear_of_the_end() {
        for seen in [true, false] {
            let timeout = refusal(Outcome::TimedOut { seen });
            assert_eq!(timeout, (504, "GATEWAY_TIMEOUT", "Gateway timeout".to_owned(), seen));
            let failed = refusal(Outcome::Failed { seen, error: "reset".to_owned() });
            assert_eq!(failed, (503, "BACKEND_UNAVAILABLE", "Backend unavailable".to_owned(), seen));
        }
        let (status, code, _, perhaps_accepted) = refusal(Outcome::TooLarge);
        assert_eq!((status, code, perhaps_accepted), (502, "INVALID_CALLBACK_ANSWER", true));
    }
}
