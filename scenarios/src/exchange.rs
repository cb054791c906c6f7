//! One request of a scenario, from its cookies to the answer that counts: cookies put in and taken out, redirects followed, the
//! status judged. Neighbours: `user.rs` and `document/` call it. Invariant: a request without cookies and redirects goes out as
//! it was built, with nothing copied and nothing allocated.

use crate::{
    Accepted, Body, Client, ErrorKind, Failure, Method, Origin, OriginId, Outcome, Request,
    Response, Seat, User, UserDefaults, address, cookies::CookieJar,
};
use std::future::poll_fn;
use url::Url;

/// What is sent.
pub(crate) enum What<'r> {
    /// A request that stands elsewhere.
    Built(&'r Request),
    /// What stands in the user's own buffer.
    Own,
}

impl User {
    /// Sends a request and fills the user's response with the answer, judged by its status.
    pub(crate) async fn exchange(
        &mut self,
        what: What<'_>,
        accepted: &Accepted,
        redirects: u8,
    ) -> Outcome {
        let User {
            client,
            seat,
            request: own,
            response,
            defaults,
            jar,
            sent,
            ..
        } = self;
        let (client, seat) = (&**client, *seat);
        let origins = defaults.origins.len();
        let has_cookies_of_its_own = match what {
            What::Built(built) => has_own_cookies(built),
            What::Own => has_own_cookies(own),
        };
        let asked = match what {
            What::Built(built) => built.origin,
            What::Own => own.origin,
        };
        // Without origins nothing is known of the scenario: its client knows.
        if origins > 0 && usize::from(asked.0) >= origins {
            let detail = format!(
                "the scenario has {origins} origins, and a request is for number {}",
                asked.0
            );
            let failure = Failure::new(ErrorKind::Check, detail);
            client.note_failure(seat, &failure);
            return Err(failure);
        }
        let mut built = match what {
            What::Built(built) if jar.is_empty() || has_own_cookies(built) => Some(built),
            What::Built(built) => {
                let mut text = String::new();
                push_cookies(jar, defaults, built, &mut text);
                if text.is_empty() {
                    Some(built)
                } else {
                    own.copy_from(built);
                    own.fixed = None;
                    put_cookies(own, &text)?;
                    None
                }
            }
            What::Own => {
                refresh_cookies(jar, defaults, own)?;
                None
            }
        };
        let mut followed = 0;
        loop {
            let request: &Request = built.unwrap_or(own);
            *sent += 1;
            send(client, seat, request, response).await?;
            if defaults.cookies && response.has_head() {
                let origin = defaults.origins.get(usize::from(request.origin.0));
                if let Some(origin) = origin {
                    jar.take_from(response, origin, &request.path);
                }
            }
            let status = response.status();
            if redirects > 0 && !accepted.names(status) && leads_on(response) {
                if followed == redirects {
                    let detail = format!("more than {redirects} redirects in a row");
                    return Err(judge(client, seat, ErrorKind::Check, detail));
                }
                followed += 1;
                let next = match next_place(response, request, defaults) {
                    Ok(next) => next,
                    Err(detail) => return Err(judge(client, seat, ErrorKind::Check, detail)),
                };
                if let Some(built) = built.take() {
                    own.copy_from(built);
                }
                redirect(own, status, has_cookies_of_its_own, next);
                refresh_cookies(jar, defaults, own)?;
                continue;
            }
            if accepted.contains(status) {
                return Ok(());
            }
            let detail = format!("HTTP {status}");
            return Err(judge(client, seat, ErrorKind::Status, detail));
        }
    }
}

/// A redirect that leads nowhere is a check that failed: the words of a status are its number alone.
fn judge(client: &dyn Client, seat: Seat, kind: ErrorKind, detail: String) -> Failure {
    let failure = Failure::new(kind, detail);
    client.judge(seat, Some(&failure));
    failure
}

async fn send(
    client: &dyn Client,
    seat: Seat,
    request: &Request,
    response: &mut Response,
) -> Outcome {
    client.submit(seat, request);
    poll_fn(|cx| client.poll_response(seat, request, response, cx)).await
}

/// Whether the answer is a redirect that says where to (RFC 9110 §15.4).
fn leads_on(response: &Response) -> bool {
    matches!(response.status(), 301 | 302 | 303 | 307 | 308)
        && response.header("location").is_some()
}

/// Where a redirect leads: one of the scenario's origins, and the path there.
fn next_place(
    response: &Response,
    request: &Request,
    defaults: &UserDefaults,
) -> Result<(OriginId, String), String> {
    let status = response.status();
    let location = response.header("location").unwrap_or_default();
    let here = defaults
        .origins
        .get(usize::from(request.origin.0))
        .and_then(|origin| Url::parse(&format!("{origin}{}", request.path)).ok());
    let there = here.and_then(|here| here.join(location).ok());
    let Some(mut there) = there else {
        return Err(format!("HTTP {status} leads to no address"));
    };
    there.set_fragment(None);
    let path = match there.query() {
        Some(query) => format!("{}?{query}", there.path()),
        None => there.path().to_owned(),
    };
    let is_there = |origin: &Origin| {
        there.scheme() == origin.scheme.as_str()
            && there
                .host_str()
                .is_some_and(|host| host.trim_matches(['[', ']']) == origin.host)
            && there.port_or_known_default() == Some(origin.port)
    };
    match defaults.origins.iter().position(is_there) {
        Some(at) => Ok((OriginId(at as u16), path)),
        None => {
            let (scheme, host) = (there.scheme(), there.host_str().unwrap_or("nowhere"));
            Err(format!(
                "HTTP {status} leads to {scheme}://{host}, which the scenario does not name"
            ))
        }
    }
}

/// Turns a request into the one that follows a redirect, as browsers do: 303 asks with GET, and so do 301 and 302 after a POST.
fn redirect(
    request: &mut Request,
    status: u16,
    keeps_cookies: bool,
    (origin, path): (OriginId, String),
) {
    let drops_body = match status {
        303 => request.method != Method::Head,
        301 | 302 => request.method == Method::Post,
        _ => false,
    };
    if drops_body {
        request.method = Method::Get;
        request.body = Body::Empty;
        request.headers.remove("content-type");
    }
    if request.origin != origin {
        // What was meant for one host is not told to another.
        for header in ["authorization", "cookie", "host"] {
            request.headers.remove(header);
        }
    }
    if !keeps_cookies {
        request.headers.remove("cookie");
    }
    request.fixed = None;
    request.origin = origin;
    request.path = path;
}

fn has_own_cookies(request: &Request) -> bool {
    request.headers.contains("cookie")
}

fn push_cookies(jar: &CookieJar, defaults: &UserDefaults, request: &Request, text: &mut String) {
    if let Some(origin) = defaults.origins.get(usize::from(request.origin.0)) {
        jar.push_header(origin, &request.path, text);
    }
}

fn put_cookies(request: &mut Request, text: &str) -> Outcome {
    request.headers.push("cookie", text).map_err(|_| {
        Failure::new(
            ErrorKind::Check,
            "a cookie of the server holds a control character",
        )
    })
}

/// Puts the user's cookies into a request that has none of its own.
fn refresh_cookies(jar: &CookieJar, defaults: &UserDefaults, request: &mut Request) -> Outcome {
    if jar.is_empty() || has_own_cookies(request) {
        return Ok(());
    }
    let mut text = String::new();
    push_cookies(jar, defaults, request, &mut text);
    match text.is_empty() {
        true => Ok(()),
        false => put_cookies(request, &text),
    }
}

/// Takes a whole address apart: one of these origins, and path and query. `None`: it is none of them.
pub(crate) fn place_among(origins: &[Origin], text: &str) -> Option<(OriginId, String)> {
    let (origin, path) = address::split(text).ok()?;
    let at = origins.iter().position(|have| *have == origin)?;
    Some((OriginId(at as u16), path))
}
