//! What is asked of each row, and the answers to that.

/// One thing that a definition has to express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dimension {
    Asking,
    Extracting,
    Expiry,
    Refresh,
    Presentation,
    Rejection,
    Limits,
}

/// Whether a row's way can be expressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It was written down and came out as the row says.
    Yes,
    /// The row doesn't say it; what is usual came out.
    Unknown,
    /// It can't, or it didn't come out as the row says.
    No(String),
}

impl Dimension {
    pub(crate) const ALL: [Self; 7] = [
        Self::Asking,
        Self::Extracting,
        Self::Expiry,
        Self::Refresh,
        Self::Presentation,
        Self::Rejection,
        Self::Limits,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Asking => "asking",
            Self::Extracting => "extracting",
            Self::Expiry => "expiry",
            Self::Refresh => "refresh",
            Self::Presentation => "presentation",
            Self::Rejection => "rejection",
            Self::Limits => "limits",
        }
    }
}

impl Mark {
    /// What came out well, of a row that says it or doesn't.
    pub(crate) fn of(is_said: bool) -> Self {
        if is_said { Self::Yes } else { Self::Unknown }
    }
}
