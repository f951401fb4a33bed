//! Why events are lost.

/// Why events do not reach whoever comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Loss {
    /// A bound made them go.
    Full,
    /// A story grew longer than is kept, so its oldest progress went; whoever watches has seen it,
    /// unless the gateway was away.
    Trimmed,
    /// They waited too long for a client, or for the gateway.
    Expired,
    /// The gateway never takes them, and they have no fallback.
    Rejected,
    /// Somebody else has completed their topic.
    Completed,
}

impl Loss {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Loss::Full => "full",
            Loss::Trimmed => "trimmed",
            Loss::Expired => "expired",
            Loss::Rejected => "rejected",
            Loss::Completed => "completed",
        }
    }
}
