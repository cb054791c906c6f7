//! Why a request or an iteration failed. Neighbours: the engine makes transport failures, `user.rs` makes
//! status and check failures, records carry the kind's code, the report shows kind and detail.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The kind of a failure; its `u8` value is the code in a request record (0 means "ok").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ErrorKind {
    /// A time limit passed: of the connect, or of the whole request.
    Timeout = 1,
    /// The connection could not be made.
    Connect = 2,
    /// The connection was closed or reset before the answer was whole.
    Reset = 3,
    /// The TLS handshake or a TLS record failed.
    Tls = 4,
    /// The peer did not speak HTTP as the RFCs have it.
    Protocol = 5,
    /// The status is not one that the scenario accepts (by default: below 400).
    Status = 6,
    /// A check on the answer failed.
    Check = 7,
    /// A name could not be resolved.
    Dns = 8,
    /// The scenario's own code panicked.
    Panic = 9,
    /// In flight when the run ended: its answer was not waited for any longer.
    Interrupted = 10,
    /// The generator itself could not do it (no descriptor, no port left).
    Generator = 11,
    /// Not an error and never recorded: the run is draining, nothing new is sent.
    Stopped = 12,
}

impl ErrorKind {
    /// Every kind, in the order of the codes.
    pub const ALL: [ErrorKind; 12] = [
        ErrorKind::Timeout,
        ErrorKind::Connect,
        ErrorKind::Reset,
        ErrorKind::Tls,
        ErrorKind::Protocol,
        ErrorKind::Status,
        ErrorKind::Check,
        ErrorKind::Dns,
        ErrorKind::Panic,
        ErrorKind::Interrupted,
        ErrorKind::Generator,
        ErrorKind::Stopped,
    ];

    /// The word used in files and on screens, such as `timeout`.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Timeout => "timeout",
            ErrorKind::Connect => "connect",
            ErrorKind::Reset => "reset",
            ErrorKind::Tls => "tls",
            ErrorKind::Protocol => "protocol",
            ErrorKind::Status => "status",
            ErrorKind::Check => "check",
            ErrorKind::Dns => "dns",
            ErrorKind::Panic => "panic",
            ErrorKind::Interrupted => "interrupted",
            ErrorKind::Generator => "generator",
            ErrorKind::Stopped => "stopped",
        }
    }

    /// The kind with this record code, if there is one.
    pub fn from_code(code: u8) -> Option<ErrorKind> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// A failure: its kind and what happened, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", kind.as_str())]
pub struct Failure {
    /// The kind it is counted under.
    pub kind: ErrorKind,
    /// What happened, in words; failures with equal detail are counted together, so it holds no request's own data.
    pub detail: Cow<'static, str>,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: ErrorKind, detail: impl Into<Cow<'static, str>>) -> Failure {
        Failure {
            kind,
            detail: detail.into(),
        }
    }

    /// What `User` returns once the run drains; the scenario passes it on with `?`.
    pub const fn stopped() -> Failure {
        Failure {
            kind: ErrorKind::Stopped,
            detail: Cow::Borrowed("the run is draining"),
        }
    }
}

/// How a setup, a task or a teardown ended.
pub type Outcome = Result<(), Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_to_its_kind() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_code(kind as u8), Some(kind));
        }
        assert_eq!(ErrorKind::from_code(0), None);
    }
}
