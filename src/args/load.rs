//! The flags that say how much load there is over time, as typed; `run` and `preview` share them.
//! Neighbours: `load/` makes a load of them. Invariant: numbers and durations stay text, as in all of `args`.

use clap::{Args as ClapArgs, ValueEnum};

/// How much load, over time.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct LoadArgs {
    /// Virtual users, each with a connection of its own; where a pattern begins, its base [default: 10, for a ramp or steps 1]
    #[arg(long, short = 'u', value_name = "N", help_heading = LOAD, allow_negative_numbers = true)]
    pub users: Option<String>,

    /// Iterations begun a second, whatever the answers do (the open model), over all workers; where a pattern begins, its base
    #[arg(long, short = 'r', value_name = "R", help_heading = LOAD, allow_hyphen_values = true)]
    pub rate: Option<String>,

    /// With --rate: gaps as of many independent people (a Poisson process) instead of even ones
    #[arg(long, help_heading = LOAD)]
    pub poisson: bool,

    /// With --rate: the most users at a time; what finds all of them busy is not sent, and told [default: 1000]
    #[arg(long, value_name = "N", help_heading = LOAD, allow_negative_numbers = true)]
    pub max_users: Option<String>,

    /// How long the run lasts, such as 30s, 5m or 1h30m [default: 30s, for a URL 10s, for a trace its length]
    #[arg(long, short = 'd', value_name = "TIME", help_heading = LOAD, allow_hyphen_values = true)]
    pub duration: Option<String>,

    /// End the run once this many requests have been sent
    #[arg(long, value_name = "N", help_heading = LOAD, allow_negative_numbers = true)]
    pub max_requests: Option<String>,

    /// The most requests a second, over all workers and scenarios; the rest waits
    #[arg(long, value_name = "R", help_heading = LOAD, allow_hyphen_values = true)]
    pub max_rps: Option<String>,

    /// With --max-rps: requests that may leave at once after a pause [default: what 10 ms allow]
    #[arg(long, value_name = "N", help_heading = LOAD, allow_negative_numbers = true)]
    pub burst: Option<String>,

    /// Leave the first part of the run out of the figures [default: 0s]
    #[arg(long, value_name = "TIME", help_heading = LOAD, allow_hyphen_values = true)]
    pub warmup: Option<String>,

    /// Leave the last part of the run out of the figures [default: 0s]
    #[arg(long, value_name = "TIME", help_heading = LOAD, allow_hyphen_values = true)]
    pub cooldown: Option<String>,

    /// How the load changes: constant, ramp, step, spike, diurnal, a trace (.csv) or the [load] of a file (.toml) [default: constant]
    #[arg(long, value_name = "PATTERN", help_heading = PATTERN)]
    pub pattern: Option<String>,

    /// Ramp, step: where it ends; --users or --rate is where it begins
    #[arg(long, value_name = "N", help_heading = PATTERN, allow_hyphen_values = true)]
    pub ramp_to: Option<String>,

    /// Ramp: how long it takes [default: the whole run]
    #[arg(long, value_name = "TIME", help_heading = PATTERN, allow_hyphen_values = true)]
    pub ramp_over: Option<String>,

    /// Ramp: how it gets there [default: linear]
    #[arg(long, value_name = "CURVE", help_heading = PATTERN)]
    pub ramp_curve: Option<CurveWord>,

    /// Step: the height of a step [default: a tenth of the way]
    #[arg(long, value_name = "N", help_heading = PATTERN, allow_hyphen_values = true)]
    pub step_size: Option<String>,

    /// Step: the length of a step [default: so that all steps fill the run]
    #[arg(long, value_name = "TIME", help_heading = PATTERN, allow_hyphen_values = true)]
    pub step_duration: Option<String>,

    /// Spike: the load in the burst [default: 10 times the base]
    #[arg(long, value_name = "N", help_heading = PATTERN, allow_hyphen_values = true)]
    pub peak: Option<String>,

    /// Spike: when the burst begins [default: after a third of the run]
    #[arg(long, value_name = "TIME", help_heading = PATTERN, allow_hyphen_values = true)]
    pub spike_at: Option<String>,

    /// Spike: how long the burst lasts [default: a tenth of the run]
    #[arg(long, value_name = "TIME", help_heading = PATTERN, allow_hyphen_values = true)]
    pub spike_for: Option<String>,

    /// Spike: the load after the burst [default: the base]
    #[arg(long, value_name = "N", help_heading = PATTERN, allow_hyphen_values = true)]
    pub sustain: Option<String>,

    /// Diurnal: how far the wave goes up and down from the base [default: 0.8 of it]
    #[arg(long, value_name = "N", help_heading = PATTERN, allow_hyphen_values = true)]
    pub amplitude: Option<String>,

    /// Diurnal: the length of a wave [default: the whole run]
    #[arg(long, value_name = "TIME", help_heading = PATTERN, allow_hyphen_values = true)]
    pub period: Option<String>,

    /// Diurnal: where in the wave the run begins, from 0 to 1; 0.75 is the lowest point [default: 0.75]
    #[arg(long, value_name = "X", help_heading = PATTERN, allow_hyphen_values = true)]
    pub phase: Option<String>,

    /// Trace: times are multiplied by this; 0.01 makes a day a quarter of an hour [default: 1]
    #[arg(long, value_name = "X", help_heading = PATTERN, allow_hyphen_values = true)]
    pub time_scale: Option<String>,

    /// Trace: values are multiplied by this [default: 1; --users or --rate scales to that peak instead]
    #[arg(long, value_name = "X", help_heading = PATTERN, allow_hyphen_values = true)]
    pub scale: Option<String>,
}

/// How a ramp gets from one end to the other, as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CurveWord {
    /// In a straight line
    Linear,
    /// By the same factor in the same time
    Exponential,
}

const LOAD: &str = "Load";
const PATTERN: &str = "Load over time";
