//! The request methods a scenario can use. Neighbours: `request.rs` carries one, records carry its code.

use serde::{Deserialize, Serialize};

/// An HTTP request method; its `u8` value is the code in a request record (0 means "none").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[repr(u8)]
pub enum Method {
    /// GET
    Get = 1,
    /// POST
    Post = 2,
    /// PUT
    Put = 3,
    /// PATCH
    Patch = 4,
    /// DELETE
    Delete = 5,
    /// HEAD: the answer has no body, whatever its headers say.
    Head = 6,
    /// OPTIONS
    Options = 7,
}

impl Method {
    /// Every method, in the order of the codes.
    pub const ALL: [Method; 7] = [
        Method::Get,
        Method::Post,
        Method::Put,
        Method::Patch,
        Method::Delete,
        Method::Head,
        Method::Options,
    ];

    /// The token on the request line, such as `GET`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
        }
    }

    /// The method with this record code, if there is one.
    pub fn from_code(code: u8) -> Option<Method> {
        Self::ALL.into_iter().find(|method| *method as u8 == code)
    }

    /// Whether sending the request twice means the same as sending it once (RFC 9110 §9.2.2), so that it
    /// may be sent again when the server closed an idle connection under it.
    pub const fn is_idempotent(self) -> bool {
        !matches!(self, Method::Post | Method::Patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_to_its_method() {
        for method in Method::ALL {
            assert_eq!(Method::from_code(method as u8), Some(method));
        }
        assert_eq!(Method::from_code(0), None);
        assert_eq!(Method::from_code(8), None);
    }
}
