//! What users are to do, and where: a scenario file or one URL. Neighbours: `intent.rs` reads it, `commands/run.rs` points
//! a file with `target = "echo"` at the built-in server. Invariant: reading it sends nothing.

use crate::{
    args::LoadArgs,
    complaint::Complaint,
    fingerprint,
    load::{FilePart, Load, LoadSpec, by_weight, decide_together},
    mask::{Mask, mask_query},
    rust_source,
};
use loadforge_analysis::Threshold;
use loadforge_scenarios::{
    Demand, DocumentScenario, Origin, RustScenario, Scenario, Scheme, SingleRequest,
    document::{
        self, Document, Loaded, Problems, SideBySide, SidePart, Target, ThresholdText,
        endpoint_beside,
    },
    rust_scenario::{BaseUrlError, Offered, OutlineTarget},
};
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

/// How long a run of a file lasts when nobody says.
pub const FILE_DURATION: Duration = Duration::from_secs(30);
/// How long a run of a URL lasts when nobody says: it is a first look.
const URL_DURATION: Duration = Duration::from_secs(10);

/// What users are to do, and what the file says beside it.
pub struct Aim {
    /// What the run is called.
    pub name: String,
    /// Scenarios side by side; at least one.
    pub parts: Vec<AimPart>,
    /// What the file says of all scenarios together; nothing when there is one alone.
    pub whole: LoadSpec,
    /// How long a run of it lasts when nobody says.
    pub default_duration: Duration,
    /// The file's own time limit of a request.
    pub time_limit: Option<Duration>,
    /// The file's own seed.
    pub seed: Option<u64>,
    /// Equal for runs whose users do the same, as far as that can be known.
    pub fingerprint: Option<String>,
    /// What must hold, as the file says.
    pub thresholds: Vec<Threshold>,
    /// What the user should know about how the files were read.
    pub notes: Vec<String>,
    /// What nobody is to see.
    pub mask: Mask,
}

/// One scenario.
pub struct AimPart {
    users_do: UsersDo,
    /// What it is called beside others.
    pub name: String,
    /// How much load for how long, as far as the file says.
    pub load: LoadSpec,
    /// Whether the built-in server is the target.
    pub is_echo: bool,
    /// Its part of a load that all scenarios share; `None` where each has a load of its own.
    weight: Option<u32>,
}

enum UsersDo {
    Document(DocumentScenario),
    Single(SingleRequest),
    Rust(RustScenario),
}

/// Why there is nothing to aim at.
pub enum AimError {
    /// What was typed is no file and no URL.
    Typed(Complaint),
    /// The program's own scenarios cannot be run as they are.
    Several(Vec<Complaint>),
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
            let name = single.name().to_owned();
            let part = AimPart {
                users_do: UsersDo::Single(single),
                name: name.clone(),
                load: LoadSpec::default(),
                is_echo: false,
                weight: None,
            };
            return Ok(Aim {
                name,
                parts: vec![part],
                whole: LoadSpec::default(),
                default_duration: URL_DURATION,
                time_limit: None,
                seed: None,
                fingerprint: Some(fingerprint::of_url(typed)),
                thresholds: Vec::new(),
                notes: Vec::new(),
                mask: Mask::default(),
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
        Ok(match document::open(path, threshold_endpoint)? {
            Loaded::One(document) => Aim::of_one(*document),
            Loaded::SideBySide(several) => Aim::of_several(*several),
        })
    }

    fn of_one(document: Document) -> Aim {
        let name = document.scenario.name().to_owned();
        let seed = document.load.seed;
        let part = AimPart {
            users_do: UsersDo::Document(document.scenario),
            name: name.clone(),
            load: document.load,
            is_echo: document.target == Target::Echo,
            weight: None,
        };
        Aim {
            name,
            parts: vec![part],
            whole: LoadSpec::default(),
            default_duration: FILE_DURATION,
            time_limit: document.time_limit,
            seed,
            fingerprint: Some(document.fingerprint),
            thresholds: thresholds_of(document.thresholds, None),
            notes: Vec::new(),
            mask: Mask::new(&document.secrets),
        }
    }

    /// Thresholds of the scenarios' own files that name an endpoint hold; one for all requests of a scenario cannot be
    /// told from those of the others, and is left out aloud.
    fn of_several(several: SideBySide) -> Aim {
        let fingerprint = Some(several.fingerprint());
        let mut thresholds = thresholds_of(several.thresholds, None);
        let (mut time_limit, mut notes) = (None, Vec::new());
        let mut parts = Vec::new();
        for SidePart { name, document } in several.parts {
            let (own, of_all): (Vec<_>, Vec<_>) = document
                .thresholds
                .into_iter()
                .partition(|threshold| threshold.endpoint.is_some());
            notes.extend(of_all.iter().map(|threshold| {
                format!(
                    "the threshold {:?} of {name} is for all its requests and is left out beside other scenarios: \
                     give it an endpoint, or write it into the file that names them",
                    threshold.expr
                )
            }));
            thresholds.extend(thresholds_of(own, Some(&name)));
            notes.extend(document.load.run_wide_keys().iter().map(|key| {
                format!(
                    "`{key}` of {name} is left out beside other scenarios: write it into the file that names them"
                )
            }));
            time_limit = time_limit.max(document.time_limit);
            parts.push(AimPart {
                users_do: UsersDo::Document(document.scenario),
                name,
                load: document.load,
                is_echo: document.target == Target::Echo,
                weight: None,
            });
        }
        Aim {
            name: several.name,
            parts,
            seed: several.load.seed,
            whole: several.load,
            default_duration: FILE_DURATION,
            time_limit,
            fingerprint,
            thresholds,
            notes,
            mask: Mask::new(&several.secrets),
        }
    }

    /// A program's own scenarios, whose load is shared by weight. `target` is a URL or `echo`, and wins over what they say.
    ///
    /// # Errors
    /// When nothing says where requests go, or what does is no address; all of it is told.
    pub fn of_program(
        program: &str,
        own: Vec<Offered>,
        target: Option<&str>,
    ) -> Result<Aim, AimError> {
        let several = own.len() > 1;
        let mut complaints: Vec<Complaint> = target.and_then(no_target).into_iter().collect();
        let mut parts: Vec<AimPart> = Vec::new();
        let mut time_limit = None;
        for Offered { scenario, weight } in own {
            let name = scenario.name().to_owned();
            if parts.iter().any(|other| other.name == name) {
                complaints.push(Complaint::new(
                    format!("two scenarios of {program} are called {name}"),
                    "give one of them another name: #[scenario(name = \"…\")]",
                ));
            }
            time_limit = time_limit.max(scenario.outline().time_limit);
            let mut part = AimPart {
                users_do: UsersDo::Rust(scenario),
                name,
                load: LoadSpec::default(),
                is_echo: false,
                weight: Some(weight),
            };
            // What is wrong with the target itself has been told once.
            if complaints.is_empty() || target.is_none() {
                complaints.extend(part.take_target(target, program));
            }
            parts.push(part);
        }
        if !complaints.is_empty() {
            return Err(AimError::Several(complaints));
        }
        Ok(Aim {
            name: match several {
                true => program.to_owned(),
                false => parts[0].name.clone(),
            },
            parts,
            whole: LoadSpec::default(),
            default_duration: FILE_DURATION,
            time_limit,
            seed: None,
            fingerprint: fingerprint::of_program(),
            thresholds: Vec::new(),
            notes: Vec::new(),
            mask: Mask::default(),
        })
    }

    /// Whether requests may have names that nobody knows before the run: those of scenarios written in Rust.
    pub fn names_are_open(&self) -> bool {
        let is_open = |part: &AimPart| matches!(part.users_do, UsersDo::Rust(_));
        self.parts.iter().any(is_open)
    }

    /// Whether a request may have a check; scenarios written in Rust keep theirs to themselves.
    pub fn may_check(&self) -> bool {
        self.parts.iter().any(|part| match &part.users_do {
            UsersDo::Document(document) => document.has_checks(),
            UsersDo::Single(_) => false,
            UsersDo::Rust(_) => true,
        })
    }

    /// What the user should know about how the load was divided.
    pub fn notes_on(&self, load: &Load) -> Vec<String> {
        let without = load.demands.iter().filter(
            |asked| matches!(&asked.demand, Demand::Users(users) if users.peak().round() < 1.0),
        );
        without
            .filter(|_| self.shares().is_some())
            .map(|asked| {
                format!(
                    "{} does nothing in this run: its part of the users is less than one; ask for more users, or give it more weight",
                    asked.name
                )
            })
            .collect()
    }

    /// The names and weights of scenarios that share one load.
    fn shares(&self) -> Option<Vec<(String, u32)>> {
        let share = |part: &AimPart| Some((part.name.clone(), part.weight?));
        self.parts
            .iter()
            .map(share)
            .collect::<Option<Vec<_>>>()
            .filter(|parts| parts.len() > 1)
    }

    /// Whether the built-in server is a target.
    pub fn is_echo(&self) -> bool {
        self.parts.iter().any(|part| part.is_echo)
    }

    /// Where requests go: each origin once, in the order of the scenarios.
    pub fn origins(&self) -> Vec<Origin> {
        let mut origins: Vec<Origin> = Vec::new();
        for origin in self.parts.iter().flat_map(|part| part.scenario().origins()) {
            if !origins.contains(origin) {
                origins.push(origin.clone());
            }
        }
        origins
    }

    /// The names of all endpoints as figures show them.
    pub fn endpoints(&self) -> Vec<String> {
        (0..self.parts.len())
            .flat_map(|part| self.endpoints_of(part))
            .collect()
    }

    /// The names of one scenario's endpoints as figures show them: beside other scenarios, with its own name before them.
    pub fn endpoints_of(&self, part: usize) -> Vec<String> {
        let (several, part) = (self.parts.len() > 1, &self.parts[part]);
        let names = part.scenario().endpoints().iter();
        names
            .map(|endpoint| match several {
                true => endpoint_beside(&part.name, endpoint),
                false => endpoint.clone(),
            })
            .collect()
    }

    /// Points plain paths at the built-in server, in the scenarios that ask for it.
    pub fn set_echo_address(&mut self, address: SocketAddr) {
        for part in self.parts.iter_mut().filter(|part| part.is_echo) {
            part.set_first_origin(address);
        }
    }

    /// The load that is asked, with these flags over what the file says; everything wrong goes to `complaints`.
    pub fn decide_load(&self, args: &LoadArgs, complaints: &mut Vec<Complaint>) -> Load {
        match self.parts.as_slice() {
            [part] => Load::decide(args, &part.load, self.default_duration, complaints),
            parts => {
                if let Some(shares) = self.shares() {
                    let whole = Load::decide(args, &self.whole, self.default_duration, complaints);
                    return by_weight(whole, &shares);
                }
                let parts: Vec<FilePart> = parts
                    .iter()
                    .map(|part| FilePart {
                        name: part.name.clone(),
                        load: part.load.clone(),
                    })
                    .collect();
                decide_together(args, &parts, &self.whole, self.default_duration, complaints)
            }
        }
    }
}

impl AimPart {
    /// What users do.
    pub fn scenario(&self) -> &dyn Scenario {
        match &self.users_do {
            UsersDo::Document(document) => document,
            UsersDo::Single(single) => single,
            UsersDo::Rust(rust) => rust,
        }
    }

    /// What users do, as a file says it; nothing when it says it otherwise.
    pub fn into_document(self) -> Option<DocumentScenario> {
        match self.users_do {
            UsersDo::Document(document) => Some(document),
            UsersDo::Single(_) | UsersDo::Rust(_) => None,
        }
    }

    /// What users do, for the engine.
    pub fn into_scenario(self) -> Arc<dyn Scenario> {
        match self.users_do {
            UsersDo::Document(document) => Arc::new(document),
            UsersDo::Single(single) => Arc::new(single),
            UsersDo::Rust(rust) => Arc::new(rust),
        }
    }

    fn set_first_origin(&mut self, address: SocketAddr) {
        let origin = Origin {
            scheme: Scheme::Http,
            host: address.ip().to_string(),
            port: address.port(),
        };
        match &mut self.users_do {
            UsersDo::Document(document) => document.set_first_origin(origin),
            UsersDo::Rust(rust) => rust.set_first_origin(origin),
            UsersDo::Single(_) => {}
        }
    }

    /// Points a scenario in Rust at what was typed, or else at what its attribute says; gives what is wrong with that.
    fn take_target(&mut self, typed: Option<&str>, program: &str) -> Vec<Complaint> {
        let UsersDo::Rust(scenario) = &mut self.users_do else {
            return Vec::new();
        };
        let name = &self.name;
        let outline = scenario.outline();
        let mut complaints = Vec::new();
        let mut refused = |address: &str, error: BaseUrlError| {
            let shown = mask_query(address);
            let message = format!("{shown}: {error}");
            complaints.push(Complaint::new(message, error.remedy(&shown)));
        };
        let target = match (typed, outline.target) {
            (Some("echo"), _) | (None, OutlineTarget::Echo) => Ok(None),
            (Some(address), _) | (None, OutlineTarget::At(address)) => Ok(Some(address)),
            (None, OutlineTarget::Unsaid) => Err(Complaint::new(
                format!("nothing says where the requests of {name} go"),
                format!(
                    "name a target, as in {program} run http://127.0.0.1:8080 (or `echo`, the built-in server), or write #[scenario(base_url = \"…\")]"
                ),
            )),
        };
        match target {
            Ok(None) => self.is_echo = true,
            Ok(Some(address)) => {
                if let Err(error) = scenario.set_base_url(address) {
                    refused(address, error);
                }
            }
            Err(_) => {}
        }
        for address in outline.origins {
            if let Err(error) = scenario.add_origin(address) {
                refused(address, error);
            }
        }
        if let Err(errors) = scenario.open_data(&rust_source::data_folder()) {
            let told = errors.iter();
            complaints.extend(told.map(|error| Complaint::new(error.to_string(), error.remedy())));
        }
        complaints.extend(target.err());
        complaints
    }
}

/// The endpoint that a threshold of a scenario file is for, or what is wrong with it.
///
/// # Errors
/// When it is no expression of a threshold.
pub fn threshold_endpoint(expr: &str, endpoint: Option<&str>) -> Result<Option<String>, String> {
    match Threshold::parse(expr, endpoint) {
        Ok(threshold) => Ok(threshold.endpoint().map(str::to_owned)),
        Err(error) => Err(error.to_string()),
    }
}

/// The thresholds of a file; those of a scenario `beside` others name its own endpoints without its name.
fn thresholds_of(texts: Vec<ThresholdText>, beside: Option<&str>) -> Vec<Threshold> {
    let parse = |text: ThresholdText| {
        let endpoint = text.endpoint.map(|endpoint| match beside {
            Some(scenario) => endpoint_beside(scenario, &endpoint),
            None => endpoint,
        });
        Threshold::parse(&text.expr, endpoint.as_deref())
            .expect("the expression was found good when the file was read")
    };
    texts.into_iter().map(parse).collect()
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
            format!(
                "{typed} is a scenario in Rust, which only `run` takes: it is built first, and says nothing of the load"
            ),
            format!(
                "loadforge run {typed}; to draw a load, preview its flags alone, such as loadforge preview --users 20 --ramp-to 200"
            ),
        ));
    }
    if path.exists() {
        return None;
    }
    let like_a_host = is_like_a_host(typed);
    let typed = mask_query(typed);
    let remedy = match like_a_host {
        true => format!("did you mean http://{typed}?"),
        false => "check the name; scenarios/examples has files to begin with".to_owned(),
    };
    Some(Complaint::new(format!("there is no file {typed}"), remedy))
}

/// `localhost:8080/x` and `10.0.0.7` are slips for a URL, `shop.toml` is a slip for a file.
fn is_like_a_host(typed: &str) -> bool {
    let is_file = Path::new(typed)
        .extension()
        .is_some_and(|extension| extension == "toml" || extension == "rs");
    !is_file && typed.contains([':', '.'])
        || typed == "localhost"
        || typed.starts_with("localhost/")
}

/// What is wrong when what was typed is no target of a program's own scenarios.
fn no_target(typed: &str) -> Option<Complaint> {
    if typed == "echo" || typed.contains("://") {
        return None;
    }
    let shown = mask_query(typed);
    let remedy = match is_like_a_host(typed) {
        true => format!("did you mean http://{shown}?"),
        false => "give a URL, or `echo` for the built-in server; scenario files are for loadforge itself: loadforge run FILE".to_owned(),
    };
    Some(Complaint::new(
        format!(
            "{shown:?} is no target: this program has its own scenarios and only wants to know where their requests go"
        ),
        remedy,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(typed: &str) -> String {
        match Aim::read(typed) {
            Err(AimError::Typed(complaint)) => complaint.to_string(),
            Err(AimError::Several(complaints)) => Complaint::list(&complaints),
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
            ("shop.rs", "loadforge run shop.rs"),
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
