//! A scenario written in Rust: what `#[scenario]` says of a type, and the `Scenario` that comes of it. Neighbours: the macro in
//! `macros/` writes an `Outline` and a `RustScript` for the user's type, `life.rs` lives them. Invariant: whatever can be checked
//! at compile time has been checked by the macro; only addresses are read here.

pub use crate::{
    Outcome, ThinkTime, User,
    data::{AtEnd, DataFormat, Hold, Strategy},
};

use crate::{
    DEFAULT_REDIRECTS, FeedId, Origin, Scenario, Script, TaskWeights, UserDefaults, UserFuture,
    address::{self, AddressFault},
    data::{DataFile, DataFileError, Feed},
    defaults::USER_AGENT,
    document::folder_name,
    live,
};
use std::{fmt, path::Path, sync::Arc, time::Duration};

/// What `#[scenario]` and `#[task]` say.
#[derive(Debug)]
pub struct Outline {
    /// What the scenario is called.
    pub name: &'static str,
    /// Where plain paths go.
    pub target: OutlineTarget,
    /// Addresses of further hosts that requests may go to.
    pub origins: &'static [&'static str],
    /// How long a user thinks after a task that says nothing else.
    pub think_time: ThinkTime,
    /// How long a task takes together with the pause behind it, unless it says something else.
    pub pacing: Option<Duration>,
    /// Time limit of a request.
    pub time_limit: Option<Duration>,
    /// How many redirects are followed in a row; `None` takes the usual number.
    pub redirects: Option<u8>,
    /// Whether users keep cookies.
    pub cookies: bool,
    /// Headers of every request that does not give its own; names and values have been checked.
    pub headers: &'static [(&'static str, &'static str)],
    /// The data feeds; their names differ.
    pub data: &'static [DataOutline],
    /// The tasks; at least one has weight.
    pub tasks: &'static [TaskOutline],
}

impl Outline {
    /// What stands in for an attribute that the macro has refused: the compiler stops at the macro's own words.
    #[doc(hidden)]
    pub const REFUSED: &'static Outline = &Outline {
        name: "refused",
        target: OutlineTarget::Unsaid,
        origins: &[],
        think_time: ThinkTime::None,
        pacing: None,
        time_limit: None,
        redirects: None,
        cookies: true,
        headers: &[],
        data: &[],
        tasks: &[],
    };
}

/// Where plain paths go, as the attribute says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutlineTarget {
    /// It says nothing: the command line has to.
    Unsaid,
    /// To the built-in echo server.
    Echo,
    /// To this address.
    At(&'static str),
}

/// What `#[task]` says.
#[derive(Debug)]
pub struct TaskOutline {
    /// What requests of the task are counted under when they have no name of their own.
    pub name: Option<&'static str>,
    /// How often it is picked, in proportion to the others.
    pub weight: u32,
    /// How long the user thinks after it, if not as the scenario says.
    pub think_time: Option<ThinkTime>,
    /// Its pacing, if not as the scenario says.
    pub pacing: Option<Duration>,
}

/// What `data(…)` says of a feed.
#[derive(Debug)]
pub struct DataOutline {
    /// What `User::data` calls it.
    pub name: &'static str,
    /// The file.
    pub file: &'static str,
    /// How it is written; `None` goes by its name.
    pub format: Option<DataFormat>,
    /// Which row is drawn.
    pub strategy: Strategy,
    /// What happens when all were drawn, if not what is usual for the strategy.
    pub at_end: Option<AtEnd>,
    /// How long a user keeps a row, if not as is usual for the strategy.
    pub hold: Option<Hold>,
}

/// A value that a virtual user can begin its life with. Whatever has a `Default` is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `Default`, and every virtual user begins with one",
    label = "a virtual user needs a value to begin with",
    note = "write #[derive(Default)] on `{Self}`, or `impl Default for {Self}`"
)]
pub trait NewUser {
    /// What a new virtual user begins with.
    fn new_user() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> NewUser for T {
    fn new_user() -> T {
        T::default()
    }
}

/// What virtual users of a type do; `#[scenario]` writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no scenario",
    label = "not a scenario",
    note = "put #[scenario] on an `impl {Self}` block with at least one #[task]"
)]
pub trait RustScript: NewUser + 'static {
    /// What the attributes say.
    const OUTLINE: &'static Outline;
    /// Every `#[setup]` in the order of writing; the first that fails ends it.
    fn setup(&mut self, user: &mut User) -> impl Future<Output = Outcome>;
    /// The task with this index in the outline.
    fn task(&mut self, index: usize, user: &mut User) -> impl Future<Output = Outcome>;
    /// Every `#[teardown]` in the order of writing; the first that fails ends it.
    fn teardown(&mut self, user: &mut User) -> impl Future<Output = Outcome>;
}

/// A scenario that a program has to offer.
pub struct Offered {
    /// The scenario.
    pub scenario: RustScenario,
    /// Its part of the load, in proportion to the others; more than 0.
    pub weight: u32,
}

/// Why a text is no place that a scenario's requests can go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// It is no address.
    #[error(transparent)]
    Address(#[from] AddressFault),
    /// There is a `?` in it.
    #[error("the address holds a query")]
    Query,
}

impl BaseUrlError {
    /// What to do about it; `shown` is the address as far as it may be shown.
    pub fn remedy(self, shown: &str) -> String {
        match self {
            BaseUrlError::Address(fault) => fault.remedy(shown),
            BaseUrlError::Query => "give the query to the requests that need it".to_owned(),
        }
    }
}

/// A scenario written in Rust.
pub struct RustScenario {
    outline: &'static Outline,
    name: String,
    defaults: Arc<UserDefaults>,
    weights: TaskWeights,
    start: fn(Arc<RustScenario>, User) -> UserFuture,
}

impl RustScenario {
    /// The scenario of a type. Its requests go nowhere yet, whatever its attribute says: `set_base_url` or
    /// `set_first_origin` comes first, except in memory.
    ///
    /// # Panics
    /// When no task has weight, which the macro refuses.
    pub fn of<T: RustScript>() -> RustScenario {
        let outline = T::OUTLINE;
        let weights = TaskWeights::new(outline.tasks.iter().map(|task| task.weight));
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in outline.headers.iter().chain([&USER_AGENT]) {
            // The program's own name comes last, for those who have not given another.
            if !headers
                .iter()
                .any(|(have, _)| have.eq_ignore_ascii_case(name))
            {
                headers.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        RustScenario {
            outline,
            name: folder_name(outline.name),
            defaults: Arc::new(UserDefaults {
                headers,
                redirects: outline.redirects.unwrap_or(DEFAULT_REDIRECTS),
                cookies: outline.cookies,
                think_time: outline.think_time.clone(),
                ..UserDefaults::default()
            }),
            weights: weights.expect("the macro refuses a scenario whose tasks have no weight"),
            start: begin::<T>,
        }
    }

    /// What its attributes say.
    pub fn outline(&self) -> &'static Outline {
        self.outline
    }

    /// Sends plain paths to an address; a path in it stands before each of them.
    ///
    /// # Errors
    /// When it is no address, or holds a query.
    pub fn set_base_url(&mut self, text: &str) -> Result<(), BaseUrlError> {
        let (origin, path) = address::split(text)?;
        if path.contains('?') {
            return Err(BaseUrlError::Query);
        }
        let defaults = Arc::make_mut(&mut self.defaults);
        defaults.origins[0] = origin;
        defaults.base_path = path.trim_end_matches('/').to_owned();
        Ok(())
    }

    /// Lets requests go to another host, too.
    ///
    /// # Errors
    /// When it is no address.
    pub fn add_origin(&mut self, text: &str) -> Result<(), BaseUrlError> {
        let (origin, _) = address::split(text)?;
        let origins = &mut Arc::make_mut(&mut self.defaults).origins;
        if !origins.contains(&origin) {
            origins.push(origin);
        }
        Ok(())
    }

    /// Opens the data files that its attribute names, each relative to `base_dir`. Before it, `User::data` knows no feed.
    ///
    /// # Errors
    /// When a file cannot be used; all of them are told.
    pub fn open_data(&mut self, base_dir: &Path) -> Result<(), Vec<DataFileError>> {
        let mut feeds = Vec::new();
        let mut errors = Vec::new();
        for (index, outline) in self.outline.data.iter().enumerate() {
            let format = outline.format;
            let format = format.unwrap_or_else(|| DataFormat::of_name(Path::new(outline.file)));
            let file = match DataFile::open_as(base_dir.join(outline.file), format) {
                Ok(file) => Arc::new(file),
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let mut feed = Feed::new(outline.name, file, outline.strategy, FeedId(index as u16));
            feed.at_end = outline.at_end.unwrap_or(feed.at_end);
            feed.hold = outline.hold.unwrap_or(feed.hold);
            feeds.push(feed);
        }
        Arc::make_mut(&mut self.defaults).feeds = feeds;
        match errors.is_empty() {
            true => Ok(()),
            false => Err(errors),
        }
    }

    /// States where plain paths go. Needed for the built-in echo server, whose port is known late.
    pub fn set_first_origin(&mut self, origin: Origin) {
        Arc::make_mut(&mut self.defaults).origins[0] = origin;
    }
}

impl Scenario for RustScenario {
    fn name(&self) -> &str {
        &self.name
    }

    fn origins(&self) -> &[Origin] {
        &self.defaults.origins
    }

    /// None: what requests are called is known once they are sent.
    fn endpoints(&self) -> &[String] {
        &[]
    }

    fn fixed_requests(&self) -> u32 {
        0
    }

    fn feeds(&self) -> u16 {
        self.defaults.feeds.len() as u16
    }

    fn start_user(self: Arc<Self>, user: User) -> UserFuture {
        (self.start)(self, user)
    }
}

impl fmt::Debug for RustScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RustScenario")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn begin<T: RustScript>(scenario: Arc<RustScenario>, user: User) -> UserFuture {
    let user = user.with_defaults(Arc::clone(&scenario.defaults));
    Box::pin(live(
        Living {
            script: T::new_user(),
            scenario,
            last_task: 0,
        },
        user,
    ))
}

/// One user's way through the scenario.
struct Living<T> {
    scenario: Arc<RustScenario>,
    script: T,
    last_task: usize,
}

impl<T> Living<T> {
    fn last(&self) -> &'static TaskOutline {
        &self.scenario.outline.tasks[self.last_task]
    }
}

impl<T: RustScript> Script for Living<T> {
    async fn setup(&mut self, user: &mut User) -> Outcome {
        self.script.setup(user).await
    }

    fn weights(&self) -> &TaskWeights {
        &self.scenario.weights
    }

    async fn task(&mut self, index: usize, user: &mut User) -> Outcome {
        self.last_task = index;
        user.unnamed = self.last().name.map(|name| user.client.name_id(name));
        let outcome = self.script.task(index, user).await;
        user.unnamed = None;
        outcome
    }

    fn think_time(&self) -> &ThinkTime {
        let own = self.last().think_time.as_ref();
        own.unwrap_or(&self.scenario.outline.think_time)
    }

    fn pacing(&self) -> Option<Duration> {
        self.last().pacing.or(self.scenario.outline.pacing)
    }

    async fn teardown(&mut self, user: &mut User) -> Outcome {
        self.script.teardown(user).await
    }
}
