//! The pattern that the flags ask for, with what they leave open taken from the file's own pattern and then from defaults.
//! Neighbours: `kind.rs` has found out which one, `demand.rs` says what it drives. Invariant: a pattern that comes out keeps
//! what `Pattern` asks of its fields.

use super::{
    kind::{Kind, typed_shape_flags},
    unit::Unit,
};
use crate::{
    amounts::{MOST_LOAD, positive_time, time, time_words},
    args::{CurveWord, LoadArgs},
    complaint::Complaint,
};
use loadforge_scenarios::{Pattern, RampCurve};
use std::time::Duration;

/// Where a ramp or steps begin when neither flag nor file says.
const DEFAULT_START: f64 = 1.0;
/// How many steps there are when nobody says how high one is.
const DEFAULT_STEPS: f64 = 10.0;
/// A spike's peak, in bases.
const DEFAULT_PEAK: f64 = 10.0;
/// A wave's amplitude, in bases.
const DEFAULT_AMPLITUDE: f64 = 0.8;
/// Where a wave begins: at its lowest point.
const DEFAULT_PHASE: f64 = 0.75;

/// What a curve is made of.
pub struct Sketch<'a> {
    /// The flags.
    pub args: &'a LoadArgs,
    /// What is driven.
    pub unit: Unit,
    /// `--users` or `--rate`, if typed.
    pub base: Option<f64>,
    /// The file's own pattern, when it drives the same.
    pub file: Option<&'a Pattern>,
    /// The length of the run.
    pub duration: Duration,
    /// Where all that is wrong is gathered.
    pub complaints: &'a mut Vec<Complaint>,
}

impl Sketch<'_> {
    /// The pattern of this kind; `None` when something is wrong with it, which has been told then.
    pub fn draw(&mut self, kind: Kind) -> Option<Pattern> {
        let before = self.complaints.len();
        let pattern = match kind {
            Kind::Constant => self.constant(),
            Kind::Ramp => self.ramp(),
            Kind::Step => self.step(),
            Kind::Spike => self.spike(),
            Kind::Diurnal => self.diurnal(),
            Kind::File => None,
        };
        pattern.filter(|_| self.complaints.len() == before)
    }

    fn constant(&mut self) -> Option<Pattern> {
        match (self.base, self.file) {
            (Some(base), _) => Some(Pattern::Constant(base)),
            (None, None) => Some(Pattern::Constant(self.unit.default_base())),
            (None, Some(Pattern::Constant(base))) => Some(Pattern::Constant(*base)),
            (None, Some(file)) => {
                let shape = match file {
                    Pattern::Ramp { .. } => "ramp",
                    _ => "curve",
                };
                self.wrong(
                    format!(
                        "--pattern constant replaces the file's {shape} and does not say how many {} there are",
                        self.unit.noun()
                    ),
                    format!("add {}", self.unit.example()),
                )
            }
        }
    }

    fn ramp(&mut self) -> Option<Pattern> {
        let (file_from, file_to, file_over, file_curve) = match self.file {
            Some(Pattern::Ramp {
                from,
                to,
                over,
                curve,
            }) => (Some(*from), Some(*to), Some(*over), Some(*curve)),
            _ => (None, None, None, None),
        };
        let to = self.level("--ramp-to", &self.args.ramp_to, true);
        let over = self.ramp_time(to);
        if self.args.ramp_to.is_some() && to.is_none() {
            return None;
        }
        let Some(to) = to.or(file_to) else {
            return self.wrong(
                format!(
                    "{} asks for a ramp, and nothing says where it ends",
                    self.why()
                ),
                format!("add --ramp-to N; {} is where it begins", self.unit.flag()),
            );
        };
        let from = self.start(file_from);
        let curve = match self.args.ramp_curve {
            Some(CurveWord::Linear) => RampCurve::Linear,
            Some(CurveWord::Exponential) => RampCurve::Exponential,
            None => file_curve.unwrap_or_default(),
        };
        if curve == RampCurve::Exponential && (from <= 0.0 || to <= 0.0) {
            return self.wrong(
                format!("an exponential ramp from {from} to {to}: no factor leads from or to 0"),
                "give both ends more than 0, or --ramp-curve linear",
            );
        }
        Some(Pattern::Ramp {
            from,
            to,
            over: over.or(file_over).unwrap_or(self.duration),
            curve,
        })
    }

    fn step(&mut self) -> Option<Pattern> {
        let (file_from, file_to, file_size, file_every) = match self.file {
            Some(Pattern::Step {
                from,
                to,
                size,
                every,
            }) => (Some(*from), Some(*to), Some(*size), Some(*every)),
            _ => (None, None, None, None),
        };
        let to = self.level("--ramp-to", &self.args.ramp_to, true);
        let size = self.level("--step-size", &self.args.step_size, false);
        let every = self.time("--step-duration", &self.args.step_duration);
        if self.args.ramp_to.is_some() && to.is_none() {
            return None;
        }
        let Some(to) = to.or(file_to) else {
            return self.wrong(
                format!(
                    "{} asks for steps, and nothing says where they end",
                    self.why()
                ),
                format!("add --ramp-to N; {} is where they begin", self.unit.flag()),
            );
        };
        let from = self.start(file_from);
        let way = (to - from).abs();
        if way == 0.0 {
            return self.wrong(
                format!("the steps go from {from} to {to}: nowhere"),
                format!("let {} and --ramp-to differ", self.unit.flag()),
            );
        }
        let size = size
            .or(file_size)
            .unwrap_or_else(|| self.unit.whole(way / DEFAULT_STEPS));
        let steps = (way / size).ceil() + 1.0;
        let every = every
            .or(file_every)
            .unwrap_or_else(|| self.duration.div_f64(steps).max(Duration::from_nanos(1)));
        Some(Pattern::Step {
            from,
            to,
            size,
            every,
        })
    }

    fn spike(&mut self) -> Option<Pattern> {
        let file = match self.file {
            Some(Pattern::Spike {
                base,
                peak,
                at,
                length,
                sustain,
            }) => Some((*base, *peak, *at, *length, *sustain)),
            _ => None,
        };
        let peak = self.level("--peak", &self.args.peak, true);
        let sustain = self.level("--sustain", &self.args.sustain, true);
        let at = self.any_time("--spike-at", &self.args.spike_at);
        let length = self.time("--spike-for", &self.args.spike_for);
        let base = self.middle(file.map(|file| file.0));
        let at = at.or(file.map(|file| file.2)).unwrap_or(self.duration / 3);
        if at >= self.duration {
            return self.wrong(
                format!(
                    "the burst begins after {}, and the run ends after {}",
                    time_words(at),
                    time_words(self.duration)
                ),
                "give a smaller --spike-at, or a longer --duration",
            );
        }
        let most = MOST_LOAD as f64;
        Some(Pattern::Spike {
            base,
            peak: peak
                .or(file.map(|file| file.1))
                .unwrap_or((base * DEFAULT_PEAK).min(most)),
            at,
            length: length
                .or(file.map(|file| file.3))
                .unwrap_or((self.duration / 10).max(Duration::from_nanos(1))),
            sustain: sustain.or(file.map(|file| file.4)).unwrap_or(base),
        })
    }

    fn diurnal(&mut self) -> Option<Pattern> {
        let file = match self.file {
            Some(Pattern::Diurnal {
                base,
                amplitude,
                period,
                phase,
            }) => Some((*base, *amplitude, *period, *phase)),
            _ => None,
        };
        let amplitude = self.level("--amplitude", &self.args.amplitude, true);
        let period = self.time("--period", &self.args.period);
        let phase = self.args.phase.as_deref().and_then(|text| self.phase(text));
        let base = self.middle(file.map(|file| file.0));
        Some(Pattern::Diurnal {
            base,
            amplitude: amplitude
                .or(file.map(|file| file.1))
                .unwrap_or(base * DEFAULT_AMPLITUDE),
            period: period.or(file.map(|file| file.2)).unwrap_or(self.duration),
            phase: phase.or(file.map(|file| file.3)).unwrap_or(DEFAULT_PHASE),
        })
    }

    fn phase(&mut self, text: &str) -> Option<f64> {
        let value = text.trim().parse::<f64>().ok();
        let value = value.filter(|value| (0.0..=1.0).contains(value));
        if value.is_none() {
            self.complaints.push(Complaint::new(
                format!("--phase {text} is no place in a wave"),
                "give a number from 0 to 1: 0 is the middle on the way up, 0.25 the highest point, 0.75 the lowest",
            ));
        }
        value
    }

    /// The length of a ramp; whoever gives none wants the load at its end at once.
    fn ramp_time(&mut self, to: Option<f64>) -> Option<Duration> {
        let text = self.args.ramp_over.as_deref()?;
        let read = positive_time("--ramp-over", text).map_err(|complaint| match to {
            Some(to) if complaint.message.ends_with("is no time at all") => Complaint::new(
                format!("{}: such a ramp is a jump", complaint.message),
                format!(
                    "give it a length, such as --ramp-over 30s, or begin where it ends: {} {to} alone",
                    self.unit.flag()
                ),
            ),
            _ => complaint,
        });
        self.keep(read)
    }

    /// The flag that asks for this pattern.
    fn why(&self) -> String {
        let shape = typed_shape_flags(self.args).first().copied();
        match &self.args.pattern {
            Some(pattern) => format!("--pattern {pattern}"),
            None => format!("--{}", shape.unwrap_or_default()),
        }
    }

    /// Where a ramp or steps begin.
    fn start(&self, file: Option<f64>) -> f64 {
        self.base
            .or(file)
            .or(self.file_constant())
            .unwrap_or(DEFAULT_START)
    }

    /// What a spike or a wave stands on.
    fn middle(&self, file: Option<f64>) -> f64 {
        self.base
            .or(file)
            .or(self.file_constant())
            .unwrap_or(self.unit.default_base())
    }

    fn file_constant(&self) -> Option<f64> {
        match self.file {
            Some(Pattern::Constant(value)) => Some(*value),
            _ => None,
        }
    }

    fn level(&mut self, flag: &str, typed: &Option<String>, may_be_zero: bool) -> Option<f64> {
        let read = self.unit.level(flag, typed.as_deref()?, may_be_zero);
        self.keep(read)
    }

    fn time(&mut self, flag: &str, typed: &Option<String>) -> Option<Duration> {
        let read = positive_time(flag, typed.as_deref()?);
        self.keep(read)
    }

    fn any_time(&mut self, flag: &str, typed: &Option<String>) -> Option<Duration> {
        let read = time(flag, typed.as_deref()?);
        self.keep(read)
    }

    fn keep<T>(&mut self, read: Result<T, Complaint>) -> Option<T> {
        read.map_err(|complaint| self.complaints.push(complaint))
            .ok()
    }

    fn wrong<T>(&mut self, message: impl Into<String>, remedy: impl Into<String>) -> Option<T> {
        self.complaints.push(Complaint::new(message, remedy));
        None
    }
}
