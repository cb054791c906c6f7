//! What users are to do, and where: a scenario file or one URL. Neighbours: `intent.rs` reads it, `commands/run.rs` points
//! a file with `target = "echo"` at the built-in server. Invariant: reading it sends nothing.

use crate::{
    complaint::Complaint,
    load::FileLoad,
    mask::{Mask, mask_query},
};
use loadforge_analysis::Threshold;
use loadforge_scenarios::{
    DocumentScenario, Origin, Scenario, Scheme, SingleRequest,
    document::{self, Problem, Problems, Target, ThresholdText, unknown_endpoint},
};
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

/// How long a run of a file lasts when nobody says.
const FILE_DURATION: Duration = Duration::from_secs(30);
/// How long a run of a URL lasts when nobody says: it is a first look.
const URL_DURATION: Duration = Duration::from_secs(10);

/// What users are to do, and what the file says beside it.
pub struct Aim {
    users_do: UsersDo,
    /// How many users for how long, as far as the file says.
    pub load: FileLoad,
    /// How long a run of it lasts when nobody says.
    pub default_duration: Duration,
    /// The file's own time limit of a request.
    pub time_limit: Option<Duration>,
    /// What must hold, as the file says.
    pub thresholds: Vec<Threshold>,
    /// What nobody is to see.
    pub mask: Mask,
    /// Whether the built-in server is the target.
    pub is_echo: bool,
}

enum UsersDo {
    Document(DocumentScenario),
    Single(SingleRequest),
}

/// Why there is nothing to aim at.
pub enum AimError {
    /// What was typed is no file and no URL.
    Typed(Complaint),
    /// The file is wrong.
    File(Problems),
}

impl Aim {
    /// Reads what was typed: a URL has `://` in it, all else is a file.
    ///
    /// # Errors
    /// When it is neither, or the file is wrong.
    pub fn read(typed: &str) -> Result<Aim, AimError> {
        if typed.contains("://") {
            let single = SingleRequest::get(typed).map_err(|error| {
                let shown = mask_query(&error.shown);
                let message = format!("{shown}: {}", error.fault);
                AimError::Typed(Complaint::new(message, error.fault.remedy(&shown)))
            })?;
            return Ok(Aim {
                users_do: UsersDo::Single(single),
                load: FileLoad::default(),
                default_duration: URL_DURATION,
                time_limit: None,
                thresholds: Vec::new(),
                mask: Mask::default(),
                is_echo: false,
            });
        }
        match no_such_file(typed) {
            Some(complaint) => Err(AimError::Typed(complaint)),
            None => Aim::read_file(Path::new(typed)).map_err(AimError::File),
        }
    }

    /// Reads a scenario file, its thresholds included.
    ///
    /// # Errors
    /// When anything is wrong with it; all of it is told.
    pub fn read_file(path: &Path) -> Result<Aim, Problems> {
        let document = document::load(path)?;
        let mut problems = Vec::new();
        let mut thresholds = Vec::new();
        for ThresholdText {
            expr,
            endpoint,
            place,
        } in document.thresholds
        {
            match Threshold::parse(&expr, endpoint.as_deref()) {
                Ok(threshold) => match missing_endpoint(&threshold, &document.scenario) {
                    None => thresholds.push(threshold),
                    Some((message, remedy)) => {
                        problems.push(Problem::at(place, "threshold.expr", message, remedy));
                    }
                },
                Err(error) => problems.push(Problem::at(
                    place,
                    "threshold.expr",
                    error.to_string(),
                    "docs/scenarios.md lists all that a threshold can say",
                )),
            }
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        Ok(Aim {
            users_do: UsersDo::Document(document.scenario),
            load: FileLoad {
                users: document.load.pattern,
                duration: document.load.duration,
                max_requests: document.load.max_requests,
            },
            default_duration: FILE_DURATION,
            time_limit: document.time_limit,
            thresholds,
            mask: Mask::new(&document.secrets),
            is_echo: document.target == Target::Echo,
        })
    }

    /// What users do.
    pub fn scenario(&self) -> &dyn Scenario {
        match &self.users_do {
            UsersDo::Document(document) => document,
            UsersDo::Single(single) => single,
        }
    }

    /// What users do, for the engine.
    pub fn into_scenario(self) -> Arc<dyn Scenario> {
        match self.users_do {
            UsersDo::Document(document) => Arc::new(document),
            UsersDo::Single(single) => Arc::new(single),
        }
    }

    /// Points plain paths at the built-in server.
    pub fn set_echo_address(&mut self, address: SocketAddr) {
        if let UsersDo::Document(document) = &mut self.users_do {
            let (host, port) = (address.ip().to_string(), address.port());
            document.set_first_origin(Origin {
                scheme: Scheme::Http,
                host,
                port,
            });
        }
    }
}

/// What is wrong, and what to do, when a threshold speaks of an endpoint that the scenario does not have.
pub fn missing_endpoint(
    threshold: &Threshold,
    scenario: &dyn Scenario,
) -> Option<(String, String)> {
    let wanted = threshold.endpoint()?;
    let remedy = unknown_endpoint(wanted, scenario.endpoints())?;
    Some((
        format!("threshold \"{threshold}\": no request is named {wanted:?}"),
        remedy,
    ))
}

/// What is wrong when what was typed names no scenario file.
fn no_such_file(typed: &str) -> Option<Complaint> {
    if typed.trim().is_empty() {
        return Some(Complaint::new(
            "what is to be run is empty: neither a scenario file nor a URL",
            "name one, such as loadforge run shop.toml or loadforge run http://127.0.0.1:8080/",
        ));
    }
    let path = Path::new(typed);
    let extension = path.extension().and_then(|extension| extension.to_str());
    if extension == Some("rs") {
        return Some(Complaint::new(
            format!("{typed}: scenarios written in Rust cannot be run yet by this version"),
            "write the scenario as a TOML file: docs/scenarios.md shows how",
        ));
    }
    if path.exists() {
        return None;
    }
    // `localhost:8080/x` and `10.0.0.7` are slips for a URL, `shop.toml` is a slip for a file.
    let like_a_host = extension != Some("toml") && typed.contains([':', '.'])
        || typed == "localhost"
        || typed.starts_with("localhost/");
    let typed = mask_query(typed);
    let remedy = match like_a_host {
        true => format!("did you mean http://{typed}?"),
        false => "check the name; scenarios/examples has files to begin with".to_owned(),
    };
    Some(Complaint::new(format!("there is no file {typed}"), remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(typed: &str) -> String {
        match Aim::read(typed) {
            Err(AimError::Typed(complaint)) => complaint.to_string(),
            Err(AimError::File(problems)) => problems.to_string(),
            Ok(_) => panic!("{typed} was taken"),
        }
    }

    #[test]
    fn slips_get_the_remedy_that_fits_them() {
        for (typed, remedy) in [
            ("localhost:8080/x", "did you mean http://localhost:8080/x?"),
            ("localhost", "did you mean http://localhost?"),
            ("localhost/x?key=hidden", "did you mean http://localhost/x?"),
            ("https://a.test/?token=hidden", "http"),
            ("", "loadforge run shop.toml"),
            ("10.0.0.7", "did you mean http://10.0.0.7?"),
            ("no-such-file.toml", "scenarios/examples"),
            ("no-such-file", "scenarios/examples"),
            ("shop.rs", "TOML"),
            ("https://a.test/", "http"),
            ("http://me:hidden@a.test/", "header"),
        ] {
            let said = refusal(typed);
            assert!(said.contains(remedy), "{typed}: {said}");
            assert!(!said.contains("hidden"), "{said}");
        }
    }

    #[test]
    fn a_threshold_on_an_endpoint_that_does_not_exist_is_shown_with_what_was_meant() {
        let dir = tempfile::tempdir().expect("a directory for the test");
        let file = dir.path().join("a.toml");
        let text = "target = \"echo\"\n[[task]]\nname = \"product\"\nget = \"/\"\n[[threshold]]\nexpr = \"p99 < 5ms @ EXPR\"\n";
        let read = |endpoint| {
            let text = text.replace("EXPR", endpoint);
            std::fs::write(&file, text).expect("the directory is ours");
            Aim::read_file(&file).map_or_else(|problems| problems.to_string(), |_| String::new())
        };
        let said = read("prodct");
        assert!(
            said.contains("a.toml:6:8") && said.contains("did you mean \"product\"?"),
            "{said}"
        );
        for good in ["product", "GET product"] {
            assert_eq!(read(good), "");
        }
    }

    #[test]
    fn a_threshold_that_makes_no_sense_is_shown_at_its_place() {
        let dir = tempfile::tempdir().expect("a directory for the test");
        let file = dir.path().join("a.toml");
        let text = "target = \"echo\"\n[[task]]\nname = \"a\"\nget = \"/\"\n[[threshold]]\nexpr = \"p98 < 5ms\"\n";
        std::fs::write(&file, text).expect("the directory is ours");
        let said = refusal(file.to_str().expect("a path of ours is UTF-8"));
        assert!(
            said.contains("a.toml:6:8") && said.contains("p98"),
            "{said}"
        );
    }
}
