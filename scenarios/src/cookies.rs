//! A user's cookies (RFC 6265). Neighbours: `exchange.rs` fills and asks. Invariant: a user that was never sent a cookie has no jar,
//! so that idle users stay small.

use crate::{Origin, Response};
use cookie_store::CookieStore;
use url::Url;

/// The most cookies that a user keeps, and the longest: what RFC 6265 §6.1 asks of a browser at least, for a few sites.
const MOST_COOKIES: usize = 200;
const MOST_BYTES: usize = 4_096;

/// The cookies of one user.
#[derive(Debug, Default)]
pub(crate) struct CookieJar {
    store: Option<Box<CookieStore>>,
}

impl CookieJar {
    /// Takes in what an answer from this place sets.
    pub(crate) fn take_from(&mut self, response: &Response, origin: &Origin, path: &str) {
        let mut set = response.headers_named("set-cookie").peekable();
        if set.peek().is_none() {
            return;
        }
        let Some(url) = url_of(origin, path) else {
            return;
        };
        let store = self.store.get_or_insert_default();
        for cookie in set {
            let is_new = || {
                let name = cookie.split('=').next().unwrap_or_default().trim();
                store.iter_any().all(|have| have.name() != name)
            };
            let is_too_much =
                cookie.len() > MOST_BYTES || (store.iter_any().count() >= MOST_COOKIES && is_new());
            if is_too_much || is_for_a_whole_registry(cookie) {
                continue;
            }
            // One that RFC 6265 refuses (another site's, malformed) is ignored, as browsers do.
            let _ = store.parse(cookie, &url);
        }
    }

    /// Whether there is any cookie at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.store.is_none()
    }

    /// The value of the `Cookie` header for a request to this place, behind what is in `header` already.
    pub(crate) fn push_header(&self, origin: &Origin, path: &str, header: &mut String) {
        let (Some(store), Some(url)) = (&self.store, url_of(origin, path)) else {
            return;
        };
        for (name, value) in store.get_request_values(&url) {
            if !header.is_empty() {
                header.push_str("; ");
            }
            header.push_str(name);
            header.push('=');
            header.push_str(value);
        }
    }

    /// The value of a cookie, wherever it is sent to; the first by domain and path when several have this name.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut found = self.store.as_ref()?.iter_unexpired();
        found
            .find(|cookie| cookie.name() == name)
            .map(|cookie| cookie.value())
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.store = None;
    }
}

/// Whether a cookie asks to be sent to all hosts under a name without a dot, such as `Domain=com`.
fn is_for_a_whole_registry(cookie: &str) -> bool {
    let domain = cookie.split(';').skip(1).find_map(|attribute| {
        let (name, value) = attribute.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("domain")
            .then(|| value.trim().trim_start_matches('.'))
    });
    domain
        .is_some_and(|domain| !domain.is_empty() && domain != "localhost" && !domain.contains('.'))
}

fn url_of(origin: &Origin, path: &str) -> Option<Url> {
    Url::parse(&format!("{origin}{path}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scheme;

    fn origin(host: &str) -> Origin {
        Origin {
            scheme: Scheme::Http,
            host: host.into(),
            port: 8080,
        }
    }

    fn header(jar: &CookieJar, host: &str, path: &str) -> String {
        let mut header = String::new();
        jar.push_header(&origin(host), path, &mut header);
        header
    }

    fn jar(lines: &[&str]) -> CookieJar {
        jar_of("127.0.0.1", lines)
    }

    fn jar_of(host: &str, lines: &[&str]) -> CookieJar {
        let mut response = Response::default();
        response.begin(200);
        response
            .head_mut()
            .extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        for line in lines {
            response
                .head_mut()
                .extend_from_slice(format!("Set-Cookie: {line}\r\n").as_bytes());
        }
        let mut jar = CookieJar::default();
        jar.take_from(&response, &origin(host), "/shop/login");
        jar
    }

    #[test]
    fn cookies_go_back_to_where_they_came_from_and_nowhere_else() {
        let jar = jar(&["sid=abc; Path=/; HttpOnly", "lang=en"]);
        assert_eq!(header(&jar, "127.0.0.1", "/x"), "sid=abc");
        let both = header(&jar, "127.0.0.1", "/shop/cart");
        assert!(both.contains("sid=abc") && both.contains("lang=en") && both.contains("; "));
        assert_eq!(header(&jar, "127.0.0.2", "/x"), "");
        assert_eq!(jar.value("lang"), Some("en"));
    }

    #[test]
    fn a_cookie_is_replaced_and_taken_back() {
        let mut jar = jar(&["sid=abc; Path=/"]);
        let mut response = Response::default();
        response.begin(200);
        response
            .head_mut()
            .extend_from_slice(b"HTTP/1.1 200 OK\r\nset-cookie: sid=; Path=/; Max-Age=0\r\n");
        jar.take_from(&response, &origin("127.0.0.1"), "/");
        assert_eq!(header(&jar, "127.0.0.1", "/x"), "");
    }

    #[test]
    fn an_answer_without_cookies_makes_no_jar() {
        assert!(jar(&[]).is_empty());
        assert!(!jar(&["a=b"]).is_empty());
    }

    #[test]
    fn secure_cookies_and_those_of_other_sites_are_not_sent_over_plain_http() {
        let lines = ["s=1; Secure; Path=/", "other=1; Domain=other.test; Path=/"];
        let jar = jar_of("shop.test", &lines);
        assert_eq!(header(&jar, "shop.test", "/"), "");
    }

    #[test]
    fn a_jar_does_not_grow_without_end_and_keeps_out_cookies_for_everybody() {
        let lines: Vec<String> = (0..MOST_COOKIES + 50)
            .map(|n| format!("c{n}=1; Path=/"))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let mut jar = jar(&lines);
        assert_eq!(
            header(&jar, "127.0.0.1", "/").matches("; ").count() + 1,
            MOST_COOKIES
        );
        // One that is known is still replaced.
        let mut response = Response::default();
        response.begin(200);
        let long = format!(
            "HTTP/1.1 200 OK\r\nset-cookie: c1=new; Path=/\r\nset-cookie: c2={}; Path=/\r\n",
            "x".repeat(5_000)
        );
        response.head_mut().extend_from_slice(long.as_bytes());
        jar.take_from(&response, &origin("127.0.0.1"), "/");
        assert_eq!((jar.value("c1"), jar.value("c2")), (Some("new"), Some("1")));
        let everybody = jar_of(
            "shop.test",
            &["a=1; Domain=test; Path=/", "b=1; domain=.shop.test; Path=/"],
        );
        assert_eq!(header(&everybody, "other.test", "/"), "");
        assert_eq!(header(&everybody, "shop.test", "/"), "b=1");
    }
}
