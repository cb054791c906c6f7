//! Who may see and who may steer. Neighbours: `live.rs` and `saved.rs` ask before each request, `door.rs` has the token.
//! Invariants: to steer takes the token, to view takes it unless only this machine reaches the server; a page of another site can do
//! neither, whatever its visitor's browser reaches. `docs/live-page.md` gives the reasons.

use crate::{
    door::{Door, Token},
    reply::Refusal,
};
use axum::http::{HeaderMap, StatusCode, header};
use std::net::IpAddr;

/// The rules of one server.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    token: Token,
    name: Option<String>,
    /// Whether to view takes the token.
    pub(crate) needs_token: bool,
}

impl Access {
    pub(crate) fn of(door: &Door) -> Access {
        Access {
            token: door.token.clone(),
            name: door.name.clone(),
            needs_token: !door.is_loopback(),
        }
    }

    /// Whether the request carries the token, in its head or, where a head cannot be had, in the query.
    pub(crate) fn has_token(&self, headers: &HeaderMap, query: Option<&str>) -> bool {
        let words = headers.get(header::AUTHORIZATION);
        let bearer = words.and_then(|words| words.to_str().ok()?.strip_prefix("Bearer "));
        bearer
            .or(query)
            .is_some_and(|token| self.token.is(token.trim()))
    }

    /// Refuses a request that was sent to a name that is not ours: another site's name that leads to this machine (DNS rebinding)
    /// would make its pages and ours one site.
    pub(crate) fn check_host(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = one(headers, header::HOST).map(host_of);
        let is_ours = host.is_some_and(|host| {
            let bare = host
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            let is_ip = bare.unwrap_or(host).parse::<IpAddr>().is_ok();
            let is_named = |name: &str| host.eq_ignore_ascii_case(name);
            is_ip || is_named("localhost") || self.name.as_deref().is_some_and(is_named)
        });
        match is_ours {
            true => Ok(()),
            false => Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "this server does not answer to that host name",
                "use the address that was printed; for a name, start with --dashboard NAME:PORT",
            )),
        }
    }

    /// Refuses a request that a page of another site made.
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if !headers.contains_key(header::ORIGIN) {
            return Ok(());
        }
        let origin = one(headers, header::ORIGIN);
        let authority = origin.and_then(|origin| Some(origin.split_once("://")?.1));
        let host = one(headers, header::HOST);
        match (authority, host) {
            (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host) => Ok(()),
            _ => Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "this came from a page of another site",
                "open the address that was printed, and steer from there",
            )),
        }
    }

    /// Refuses a request without the token.
    pub(crate) fn check_token(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<(), Refusal> {
        match self.has_token(headers, query) {
            true => Ok(()),
            false => Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "this needs the token of the run",
                "open the whole address that was printed when the run began, #token=… included",
            )),
        }
    }
}

/// The header's value when it stands there once.
fn one(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// The host of `host:port`.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(address: &str) -> (Access, Door) {
        let door = Door::open(&address.parse().expect("a good address")).expect("a free port");
        (Access::of(&door), door)
    }

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value.parse().expect("a header's value"));
        }
        headers
    }

    #[test]
    fn hosts_are_addresses_localhost_or_the_name_that_was_given() {
        let (plain, _door) = access("127.0.0.1:0");
        let (named, _door) = access("localhost:0");
        let named = Access {
            name: Some("generator-1".to_owned()),
            ..named
        };
        for (host, by_plain, by_named) in [
            ("127.0.0.1:8080", true, true),
            ("127.0.0.1", true, true),
            ("[::1]:8080", true, true),
            ("10.0.0.7:8080", true, true),
            ("localhost:8080", true, true),
            ("LOCALHOST", true, true),
            ("generator-1:8080", false, true),
            ("Generator-1", false, true),
            ("attacker.example:8080", false, false),
            ("127.0.0.1.attacker.example", false, false),
            ("localhost.attacker.example:80", false, false),
            ("", false, false),
        ] {
            let headers = headers(&[(header::HOST, host)]);
            assert_eq!(plain.check_host(&headers).is_ok(), by_plain, "{host}");
            assert_eq!(named.check_host(&headers).is_ok(), by_named, "{host}");
        }
        assert!(plain.check_host(&HeaderMap::new()).is_err());
        let two = headers(&[(header::HOST, "127.0.0.1"), (header::HOST, "localhost")]);
        assert!(plain.check_host(&two).is_err());
    }

    #[test]
    fn an_origin_is_the_same_site_or_none() {
        let (access, _door) = access("127.0.0.1:0");
        let host = (header::HOST, "127.0.0.1:8080");
        assert!(
            access
                .check_origin(&headers(std::slice::from_ref(&host)))
                .is_ok()
        );
        for (origin, fits) in [
            ("http://127.0.0.1:8080", true),
            ("https://127.0.0.1:8080", true),
            ("http://127.0.0.1:8081", false),
            ("http://127.0.0.1", false),
            ("http://attacker.example", false),
            ("http://127.0.0.1:8080.attacker.example", false),
            ("null", false),
            ("", false),
        ] {
            let headers = headers(&[host.clone(), (header::ORIGIN, origin)]);
            assert_eq!(access.check_origin(&headers).is_ok(), fits, "{origin}");
        }
    }

    #[test]
    fn the_token_comes_in_the_head_or_in_the_query() {
        let (access, door) = access("0.0.0.0:0");
        assert!(access.needs_token);
        let url = door.url();
        let token = url.split_once("#token=").expect("it is in the address").1;
        let bearer = format!("Bearer {token}");
        let right = headers(&[(header::AUTHORIZATION, &bearer)]);
        let wrong = headers(&[(
            header::AUTHORIZATION,
            "Bearer 00000000000000000000000000000000",
        )]);
        assert!(access.has_token(&right, None));
        assert!(access.has_token(&HeaderMap::new(), Some(token)));
        assert!(!access.has_token(&wrong, None));
        assert!(!access.has_token(&HeaderMap::new(), Some("")));
        assert!(!access.has_token(&HeaderMap::new(), None));
        // Who sends two is held to the first place.
        assert!(!access.has_token(&wrong, Some(token)));
    }
}
