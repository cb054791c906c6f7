//! `[[scenario]]`: a file that names others, which run at the same time, each with its own load. Neighbours: `mod.rs` reads the
//! files it names, `load.rs` what is said beside them. Invariant: every scenario has a name that no other has.

use super::{
    Document, LoadSpec, Problems, ThresholdText, fingerprint, is_folder_name, load, name_of_file,
    read_scenario_name, read_thresholds,
    reader::{Node, Reader, quoted},
};
use crate::{Method, Scenario};
use std::path::{Path, PathBuf};
use toml::de::DeTable;

const EXAMPLE: &str = "[[scenario]]";
const KEYS: &[&str] = &["name", "description", "load", "scenario", "threshold"];
const PART_KEYS: &[&str] = &["file", "name", "load"];
/// More than that nobody can read in one report.
const MOST_PARTS: usize = 100;

/// Several scenarios that run at the same time.
#[derive(Debug)]
pub struct SideBySide {
    /// What the run is called.
    pub name: String,
    /// What it is for, in the author's words.
    pub description: Option<String>,
    /// The scenarios, at least one.
    pub parts: Vec<SidePart>,
    /// What holds for all of them together; it has no demand of its own.
    pub load: LoadSpec,
    /// What the run has to reach; endpoints are named `scenario/endpoint`.
    pub thresholds: Vec<ThresholdText>,
    /// Values that came from the environment, so that nobody prints them.
    pub secrets: Vec<String>,
}

/// One of several scenarios.
#[derive(Debug)]
pub struct SidePart {
    /// What it is called beside the others.
    pub name: String,
    /// Its file, with the load of the outermost file put over its own.
    pub document: Document,
}

impl SideBySide {
    /// Equal for files whose scenarios are called the same and whose users do the same.
    pub fn fingerprint(&self) -> String {
        let parts = self.parts.iter();
        let own = parts.map(|part| (part.name.as_str(), part.document.fingerprint.as_str()));
        fingerprint::of_several(own)
    }

    /// With the outermost file's own secrets beside those of the others.
    pub(super) fn with_secrets(mut self, mut own: Vec<String>) -> SideBySide {
        for part in &self.parts {
            own.extend(part.document.secrets.iter().cloned());
        }
        self.secrets = own;
        self
    }
}

/// Reads a file that names others. Gives `None` only when a problem was gathered.
pub(super) fn read<'t>(
    reader: &'t Reader<'t>,
    tree: &'t DeTable<'t>,
    file_name: &str,
    base_dir: &Path,
) -> Option<SideBySide> {
    let root = reader.root(tree, KEYS);
    let name = root.get("name").map_or_else(
        || Some(name_of_file(file_name)),
        |node| read_scenario_name(&node),
    );
    let description = root
        .get("description")
        .and_then(|node| node.text("description = \"text\""));
    let whole = root
        .get("load")
        .map(|node| (super::load::read(&node, base_dir), node));
    let whole = match whole {
        None => LoadSpec::default(),
        Some((load, node)) => {
            let load = load.unwrap_or_default();
            if load.demand.is_some() {
                node.problem(
                    "each scenario has a load of its own: beside several, [load] has no users and no rate",
                    "write users or rate under [scenario.load], or leave it to the scenario's file",
                );
            }
            load
        }
    };
    let items = root.get("scenario")?.items(EXAMPLE)?;
    if items.is_empty() || items.len() > MOST_PARTS {
        root.get("scenario")?.problem(
            format!("there are {} scenarios", items.len()),
            format!("name from 1 to {MOST_PARTS}"),
        );
    }
    let mut parts: Vec<SidePart> = Vec::new();
    let mut refused = Vec::new();
    for item in &items {
        let Some(part) = read_part(reader, item, base_dir, &mut refused) else {
            continue;
        };
        if parts.iter().any(|other| other.name == part.name) {
            item.problem(
                format!("two scenarios are called {:?}", part.name),
                "give one of them another name = \"…\"",
            );
        }
        parts.push(part);
    }
    let endpoints: Vec<String> = parts.iter().flat_map(SidePart::endpoints).collect();
    let thresholds = read_thresholds(reader, &root, &endpoints);
    Some(SideBySide {
        name: name?,
        description: description.map(|text| text.value),
        parts,
        load: whole,
        thresholds,
        secrets: Vec::new(),
    })
}

/// How an endpoint of this scenario is named beside those of others: `checkout/pay`, whether it is called `pay` or `/pay`.
/// A method in front, as thresholds may have it, stays there.
pub fn endpoint_beside(scenario: &str, endpoint: &str) -> String {
    let method = Method::ALL.into_iter().map(Method::as_str).find(|method| {
        endpoint
            .strip_prefix(method)
            .is_some_and(|rest| rest.starts_with(' '))
    });
    let (front, name) = method.map_or(("", endpoint), |method| {
        let (_, name) = endpoint.split_at(method.len());
        (method, name.trim_start())
    });
    let space = if front.is_empty() { "" } else { " " };
    format!("{front}{space}{scenario}/{}", name.trim_start_matches('/'))
}

impl SidePart {
    /// Its endpoints as they are named beside those of others.
    pub fn endpoints(&self) -> Vec<String> {
        let own = self.document.scenario.endpoints().iter();
        own.map(|endpoint| endpoint_beside(&self.name, endpoint))
            .collect()
    }
}

/// Reads one scenario; what is wrong with a file is told where it is named first, and the file is `refused` from then on.
fn read_part(
    reader: &Reader<'_>,
    node: &Node<'_>,
    base_dir: &Path,
    refused: &mut Vec<PathBuf>,
) -> Option<SidePart> {
    let table = node.table(PART_KEYS, EXAMPLE)?;
    table.missing(
        &["file"],
        "a scenario needs its file",
        "write file = \"browse.toml\"",
    );
    let named = table.get("name").map(|node| {
        let text = node.public_text("the name", "name = \"browse\"")?;
        if !is_folder_name(&text.value) {
            node.problem(
                format!("{} cannot name a scenario", node.shown()),
                "use letters, digits, -, _ and .",
            );
            return None;
        }
        Some(text.value)
    });
    let over = table.get("load").map(|node| {
        let load = super::load::read(&node, base_dir).unwrap_or_default();
        for key in load.run_wide_keys() {
            node.problem(
                format!("`{key}` holds for the whole run, not for one of its scenarios"),
                format!("write {key} under [load]"),
            );
        }
        load
    });
    let file_node = table.get("file")?;
    let file = file_node.public_text("the name of a file", "file = \"browse.toml\"")?;
    let path = base_dir.join(file.value);
    if refused.contains(&path) {
        return None;
    }
    let mut document = match load(&path, reader.expression) {
        Ok(document) => document,
        Err(Problems(problems)) => {
            for problem in problems {
                // What is wrong with a file as a whole has no line in it: the line that names it is shown.
                if problem.line == 0 {
                    let message = format!("{}: {}", quoted(&problem.file), problem.message);
                    file_node.problem(message, problem.remedy);
                } else {
                    reader.adopt(problem);
                }
            }
            refused.push(path);
            return None;
        }
    };
    if let Some(over) = over {
        document.load = over.over(document.load);
    }
    let name = match named {
        Some(named) => named?,
        None => document.scenario.name().to_owned(),
    };
    Some(SidePart { name, document })
}
