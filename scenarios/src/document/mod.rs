//! Scenarios as TOML files. `load` reads a file, `parse` a text; both gather every problem before they give up.
//! Neighbours: `reader.rs` walks the tree, one file here per part of a document, `scenario.rs` is what users live.
//! Invariant: either a whole `Document` or at least one problem comes out; nothing in a file is ignored in silence.

mod actions;
mod body;
mod body_file;
mod captures;
mod checks;
mod curve;
mod data;
mod duration;
mod environment;
mod fingerprint;
mod load;
mod phases;
mod problem;
mod reader;
mod run;
mod scenario;
mod side_by_side;
mod source;
mod step;
mod task;
mod threshold;
mod values;

pub use load::LoadSpec;
pub use problem::{Place, Problem, Problems};
pub use scenario::DocumentScenario;
pub use side_by_side::{SideBySide, SidePart, endpoint_beside};
pub use threshold::{ReadExpression, ThresholdText, unknown_endpoint};

use crate::{
    DEFAULT_REDIRECTS, Origin, Scheme, TaskWeights, UserDefaults, address,
    data::Feed,
    defaults::USER_AGENT,
    encoding::ACCEPT_ENCODING,
    template::{Names, Template},
};
use body_file::BodyFiles;
pub(crate) use reader::closest;
use reader::{Node, Reader, Table, quoted};
use scenario::Rhythm;
use source::Source;
use std::{fmt, fs::File, io::Read as _, path::Path, sync::Arc, time::Duration};
use step::{Gathered, Headers};
use threshold::{any_expression, read_thresholds};
use toml::de::DeTable;

/// The largest file that is read: whoever names a larger one has named the wrong one.
const MOST_BYTES: u64 = 4 << 20;

const KEYS: &[&str] = &[
    "name",
    "description",
    "base_url",
    "target",
    "headers",
    "variables",
    "think_time",
    "pacing",
    "redirects",
    "cookies",
    "timeout",
    "data",
    "load",
    "phase",
    "scenario",
    "setup",
    "teardown",
    "task",
    "threshold",
];

/// A scenario file that was understood.
pub struct Document {
    /// What virtual users do.
    pub scenario: DocumentScenario,
    /// What the scenario is for, in the author's words.
    pub description: Option<String>,
    /// How many users, for how long.
    pub load: LoadSpec,
    /// The file's own time limit of a request; a flag of the command line wins over it. Requests whose task or step
    /// has a limit of its own carry that and take neither.
    pub time_limit: Option<Duration>,
    /// What the run has to reach.
    pub thresholds: Vec<ThresholdText>,
    /// Where plain paths go.
    pub target: Target,
    /// Equal for files whose users do the same.
    pub fingerprint: String,
    /// Values that came from the environment, so that nobody prints them.
    pub secrets: Vec<String>,
}

impl Document {
    /// The data files that steps take values from, in their order.
    pub fn feeds(&self) -> &[Feed] {
        &self.scenario.defaults.feeds
    }
}

impl fmt::Debug for Document {
    /// Leaves out what may hold values from the environment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("scenario", &self.scenario)
            .finish_non_exhaustive()
    }
}

/// Where plain paths go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To this origin.
    Origin(Origin),
    /// To the built-in echo server: the scenario's first origin has port 0 until `set_first_origin`.
    Echo,
}

/// A scenario file that was understood, of either kind.
#[derive(Debug)]
pub enum Loaded {
    /// A scenario.
    One(Box<Document>),
    /// Several scenarios, each in a file of its own.
    SideBySide(Box<SideBySide>),
}

/// Reads a file with a scenario, or one that names several, with the environment of this process; `expression` reads what
/// its thresholds say.
///
/// # Errors
/// When a file cannot be read, or anything in it is wrong.
pub fn open(path: &Path, expression: ReadExpression) -> Result<Loaded, Problems> {
    let (file_name, text) = read_text(path)?;
    let base_dir = base_dir_of(path);
    let names_others = DeTable::parse_recoverable(&text)
        .0
        .get_ref()
        .contains_key("scenario");
    if !names_others {
        return read_document(
            &file_name,
            &text,
            &environment_variable,
            expression,
            base_dir,
        )
        .map(|document| Loaded::One(Box::new(document)));
    }
    let read = |reader: &Reader<'_>, tree: &DeTable<'_>| {
        side_by_side::read(reader, tree, &file_name, base_dir)
    };
    let (several, secrets) = gather(&file_name, &text, &environment_variable, expression, read)?;
    Ok(Loaded::SideBySide(Box::new(several.with_secrets(secrets))))
}

fn environment_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn base_dir_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Reads a file with one scenario, with the environment of this process.
///
/// # Errors
/// When the file cannot be read, or anything in it is wrong.
fn load(path: &Path, expression: ReadExpression) -> Result<Document, Problems> {
    let (file_name, text) = read_text(path)?;
    read_document(
        &file_name,
        &text,
        &environment_variable,
        expression,
        base_dir_of(path),
    )
}

/// The name of a file as it is told, and its text.
fn read_text(path: &Path) -> Result<(String, String), Problems> {
    let file_name = path.display().to_string();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            let message = format!("the scenario file cannot be read: {error}");
            Problems::of_file(
                &file_name,
                message,
                "name a file that exists and that you may read",
            )
        })?;
    if bytes.len() as u64 > MOST_BYTES {
        let message = "the scenario file is larger than 4 MiB".to_owned();
        return Err(Problems::of_file(
            &file_name,
            message,
            "put large bodies into files of their own, with body_file",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        let message = format!("the scenario file is not UTF-8 text (line {line})");
        Problems::of_file(
            &file_name,
            message,
            "save it as UTF-8; bytes of other kinds go into files named by body_file",
        )
    })?;
    Ok((file_name, text))
}

/// Reads a scenario from a text; `base_dir` is where `body_file` names begin. What thresholds say is left unread.
///
/// # Errors
/// When anything in it is wrong: all of it at once, in the order of the places.
pub fn parse(
    file_name: &str,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
    base_dir: &Path,
) -> Result<Document, Problems> {
    read_document(file_name, text, env, any_expression, base_dir)
}

fn read_document(
    file_name: &str,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
    expression: ReadExpression,
    base_dir: &Path,
) -> Result<Document, Problems> {
    let read = |reader: &Reader<'_>, tree: &DeTable<'_>| read(reader, tree, file_name, base_dir);
    let (document, secrets) = gather(file_name, text, env, expression, read)?;
    Ok(Document {
        secrets,
        ..document
    })
}

/// Parses a text and reads it; gives what was read and the values that came from the environment, or every problem in
/// the order of the places.
fn gather<T>(
    file_name: &str,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
    expression: ReadExpression,
    read: impl FnOnce(&Reader<'_>, &DeTable<'_>) -> Option<T>,
) -> Result<(T, Vec<String>), Problems> {
    let (tree, syntax_errors) = DeTable::parse_recoverable(text);
    let source = Source::new(file_name, text);
    let mut syntax: Vec<Problem> = syntax_errors
        .iter()
        .map(|error| syntax_problem(error, &source))
        .collect();
    let reader = Reader::new(source, env, expression, !syntax.is_empty());
    let read = read(&reader, tree.get_ref());
    let (mut problems, secrets) = reader.finish();
    // What else is odd on a line that is no TOML is most likely the same slip.
    let is_own = |problem: &Problem| problem.file == file_name;
    problems.retain(|problem| {
        !is_own(problem) || syntax.iter().all(|error| error.line != problem.line)
    });
    problems.append(&mut syntax);
    // This file's own first; those of each file that it names stay together.
    problems.sort_by_key(|problem| {
        let other = (!is_own(problem)).then(|| problem.file.clone());
        (other, problem.line, problem.column)
    });
    problems.dedup();
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let read = read.expect("a part that could not be read has left a problem");
    Ok((read, secrets))
}

fn syntax_problem(error: &toml::de::Error, source: &Source<'_>) -> Problem {
    let message = error.message();
    let (what, remedy) = match message.split_once(", expected ") {
        Some((what, "nothing")) => (what, "remove what is marked".to_owned()),
        Some((what, expected)) => (what, format!("expected {expected}")),
        None if message == "duplicate key" => (message, "keep one of the two".to_owned()),
        None => (
            message,
            "see https://toml.io for how TOML is written".to_owned(),
        ),
    };
    Problem::at(
        source.place(&error.span().unwrap_or(0..0)),
        "",
        format!("this is not TOML: {what}"),
        remedy,
    )
}

/// Reads the whole tree. Gives `None` only when a problem was gathered.
fn read<'t>(
    reader: &'t Reader<'t>,
    tree: &'t DeTable<'t>,
    file_name: &str,
    base_dir: &Path,
) -> Option<Document> {
    let root = reader.root(tree, KEYS);
    if let Some(node) = root.get("scenario") {
        node.problem(
            "scenarios side by side cannot stand in one another",
            "name the files of these scenarios in the outermost file",
        );
        // What such a file lacks as a scenario, it does not lack as what it is.
        return None;
    }
    let name = root.get("name").map_or_else(
        || Some(name_of_file(file_name)),
        |node| read_scenario_name(&node),
    );
    let description = root
        .get("description")
        .and_then(|node| node.text("description = \"text\""));
    let (target, base_path) = read_target(&root).unzip();
    let feeds = root
        .get("data")
        .map_or_else(Vec::new, |node| data::read(&node, base_dir));
    let broken = data::names_without(root.get("data"), &feeds);
    let mut names = Names::with_feeds(feeds).with_broken(broken);
    let first_values = root.get("variables").map_or(Some(Vec::new()), |node| {
        actions::read_set(&node, &mut names)
    });
    let time_limit = root.get("timeout").and_then(|node| duration::read(&node));
    let load = read_load(&root, base_dir);
    let mut gathered = Gathered {
        origins: vec![first_origin(target.as_ref())],
        endpoints: Vec::new(),
        has_checks: false,
        base_path: base_path.unwrap_or_default(),
        headers: read_default_headers(&root, tree, &mut names),
        body_files: BodyFiles::relative_to(base_dir),
        names,
        fixed: 0,
    };
    let defaults = read_defaults(&root);
    let rhythm = Rhythm {
        think_time: defaults.think_time.clone(),
        pacing: root.get("pacing").and_then(|node| duration::read(&node)),
    };
    let setup = actions::read_list(root.get("setup"), "[[setup]]", None, &mut gathered);
    let tasks = task::read_all(&root, &rhythm, &mut gathered);
    let teardown = actions::read_list(root.get("teardown"), "[[teardown]]", None, &mut gathered);
    tell_too_many_variables(&root, &gathered.names);
    let thresholds = read_thresholds(reader, &root, &gathered.endpoints);
    let (tasks, weights): (Vec<_>, Vec<_>) = tasks.into_iter().unzip();
    let Gathered {
        origins,
        endpoints,
        has_checks,
        base_path,
        names,
        fixed,
        body_files,
        ..
    } = gathered;
    let variables = names.variables().to_vec();
    let (feeds, feed_count) = names.into_feeds();
    let fingerprint = fingerprint::of_document(tree, &feeds, body_files.in_order());
    Some(Document {
        scenario: DocumentScenario {
            name: name?,
            defaults: Arc::new(UserDefaults {
                origins,
                base_path,
                feeds,
                ..defaults
            }),
            endpoints,
            has_checks,
            variables,
            first_values: first_values?,
            feeds: feed_count,
            fixed,
            setup,
            tasks,
            weights: TaskWeights::new(weights)?,
            teardown,
        },
        description: description.map(|text| text.value),
        load: load.unwrap_or_default(),
        time_limit,
        thresholds,
        target: target?,
        fingerprint,
        secrets: Vec::new(),
    })
}

fn tell_too_many_variables(root: &Table<'_>, names: &Names) {
    if let Some(node) = root.get("task").filter(|_| names.has_too_many()) {
        node.problem(
            "there are more than 65,536 variables",
            "spread the tasks over several files",
        );
    }
}

/// Where plain paths go, as far as it is known: the built-in server has no port yet.
fn first_origin(target: Option<&Target>) -> Origin {
    match target {
        Some(Target::Origin(origin)) => origin.clone(),
        _ => Origin {
            scheme: Scheme::Http,
            host: "127.0.0.1".into(),
            port: 0,
        },
    }
}

/// What the file says of all users, but for what its steps add to.
fn read_defaults(root: &Table<'_>) -> UserDefaults {
    let think_time = root
        .get("think_time")
        .and_then(|node| duration::read_think_time(&node));
    let redirects = root
        .get("redirects")
        .and_then(|node| step::read_redirects(&node));
    let cookies = root
        .get("cookies")
        .and_then(|node| node.flag("cookies = false"));
    UserDefaults {
        think_time: think_time.unwrap_or_default(),
        redirects: redirects.unwrap_or(DEFAULT_REDIRECTS),
        cookies: cookies.unwrap_or(true),
        ..UserDefaults::default()
    }
}

/// Headers of every request that does not give its own.
fn read_default_headers(root: &Table<'_>, tree: &DeTable<'_>, names: &mut Names) -> Headers {
    // What any step sets may stand in them; each request sees for itself whether it is there by then.
    let valued = names.valued();
    for name in actions::variables_set(tree) {
        let variable = names.declare(&name);
        names.give_value(variable);
    }
    let mut headers = root
        .get("headers")
        .and_then(|node| step::read_headers(&node, names))
        .unwrap_or_default();
    names.return_to(valued);
    for (name, value) in [USER_AGENT, ACCEPT_ENCODING] {
        if !headers
            .iter()
            .any(|(have, _)| have.eq_ignore_ascii_case(name))
        {
            headers.push((name.into(), Some(Template::of_text(value.into()))));
        }
    }
    headers
}

/// `[load]`, with the phases of `[[phase]]` worked in.
fn read_load(root: &Table<'_>, base_dir: &Path) -> Option<LoadSpec> {
    let load = root
        .get("load")
        .and_then(|node| load::read(&node, base_dir));
    match root.get("phase") {
        None => load,
        Some(node) => phases::read(&node, &load.unwrap_or_default(), base_dir),
    }
}

/// Whether a text can name a folder everywhere, without quotes.
fn is_folder_name(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A name for a folder, as near to `text` as can be.
pub fn folder_name(text: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = text.chars().map(keep).take(100).collect();
    match name.trim_matches(['-', '_', '.']) {
        "" => "scenario".into(),
        name => name.into(),
    }
}

fn name_of_file(file_name: &str) -> String {
    let stem = Path::new(file_name).file_stem().unwrap_or_default();
    folder_name(&stem.to_string_lossy())
}

fn read_scenario_name(node: &Node<'_>) -> Option<String> {
    let text = node.public_text("the name", "name = \"shop\"")?;
    if !is_folder_name(&text.value) {
        node.problem(
            format!("the name names a folder: {} cannot", quoted(text.written)),
            format!(
                "use letters, digits, -, _ and ., such as {:?}",
                folder_name(text.written)
            ),
        );
        return None;
    }
    Some(text.value)
}

/// Where plain paths go, and what stands before each of them.
fn read_target(root: &Table<'_>) -> Option<(Target, String)> {
    root.missing(
        &["base_url", "target"],
        "the scenario does not say where requests go",
        "add base_url = \"http://127.0.0.1:8080\", or target = \"echo\" for the built-in echo server",
    );
    let (base_url, target) = (root.get("base_url"), root.get("target"));
    if let (Some(_), Some(target)) = (&base_url, &target) {
        target.problem(
            "`target` and `base_url` both say where requests go",
            "keep one of the two",
        );
    }
    if let Some(node) = target {
        let text = node.text("target = \"echo\"")?;
        if text.value == "echo" {
            return Some((Target::Echo, String::new()));
        }
        node.problem(
            format!(
                "the only target with a name is \"echo\", got {}",
                node.shown()
            ),
            "write target = \"echo\", or give the address as base_url",
        );
        return None;
    }
    let node = base_url?;
    let text = node.text("base_url = \"http://127.0.0.1:8080\"")?;
    match address::split(&text.value) {
        Ok((_, path)) if path.contains('?') => {
            node.problem(
                "`base_url` holds a query",
                "give the query to the steps that need it",
            );
            None
        }
        Ok((origin, path)) => Some((
            Target::Origin(origin),
            path.trim_end_matches('/').to_owned(),
        )),
        Err(fault) => {
            node.problem(
                format!("`base_url` is {}: {fault}", node.shown()),
                fault.remedy(text.written),
            );
            None
        }
    }
}

#[cfg(test)]
mod tests;
