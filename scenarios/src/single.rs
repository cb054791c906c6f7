//! The scenario behind `loadforge run http://host/path`: one GET, over and over.
//! Neighbours: built on `document/`'s machinery, so that a URL and a file of one request cost the same.

use crate::{
    DocumentScenario, Origin, Scenario, User, UserFuture,
    address::{self, AddressFault},
    document::folder_name,
};
use std::sync::Arc;

/// A URL that cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}`: {fault}: {}", fault.remedy(shown))]
pub struct UrlError {
    /// The URL without user name and password.
    pub shown: String,
    /// What is wrong with it.
    pub fault: AddressFault,
}

/// One GET, over and over.
#[derive(Debug)]
pub struct SingleRequest(Arc<DocumentScenario>);

impl SingleRequest {
    /// A GET of an absolute `http://` URL.
    ///
    /// # Errors
    /// When the URL has no scheme or another one than http, or holds credentials, a fragment or no host.
    pub fn get(url: &str) -> Result<SingleRequest, UrlError> {
        let (origin, path) = address::split(url).map_err(|fault| {
            // Whatever stands before an @ may be a password.
            let shown = match url.rsplit_once('@') {
                Some((_, after)) => format!("…@{after}"),
                None => url.to_owned(),
            };
            UrlError { shown, fault }
        })?;
        let name = folder_name(&origin.host);
        Ok(SingleRequest(Arc::new(DocumentScenario::of_one_get(
            name, origin, path,
        ))))
    }
}

impl Scenario for SingleRequest {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn origins(&self) -> &[Origin] {
        self.0.origins()
    }

    fn endpoints(&self) -> &[String] {
        self.0.endpoints()
    }

    fn fixed_requests(&self) -> u32 {
        self.0.fixed_requests()
    }

    fn start_user(self: Arc<Self>, user: User) -> UserFuture {
        self.0.clone().start_user(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_one_fixed_get_counted_under_its_path() {
        let single = SingleRequest::get("http://[::1]:8080/a?b=c d").unwrap();
        assert_eq!(single.name(), "1");
        assert_eq!(single.origins()[0].to_string(), "http://[::1]:8080");
        assert_eq!(single.endpoints(), ["/a"]);
        assert_eq!(single.fixed_requests(), 1);
        let requests: Vec<_> = single.0.requests().collect();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].path, "/a?b=c%20d");
        assert!(requests[0].headers.contains("user-agent"));
        assert!(!requests[0].keep_body && !requests[0].keep_head);
        assert_eq!(
            SingleRequest::get("http://a-b.test").unwrap().name(),
            "a-b.test"
        );
    }

    #[test]
    fn a_bad_url_is_refused_with_a_remedy_and_without_its_password() {
        let say = |url| SingleRequest::get(url).unwrap_err().to_string();
        assert_eq!(
            say("localhost:8080/x"),
            "`localhost:8080/x`: the address has no scheme: did you mean http://localhost:8080/x?"
        );
        assert!(say("https://a.test").contains("https is not supported yet"));
        for url in [
            "http://me:geheim@a.test/",
            "me:geheim@a.test",
            "https://me:geheim@a.test",
        ] {
            assert!(!say(url).contains("geheim"), "{url}");
        }
    }
}
