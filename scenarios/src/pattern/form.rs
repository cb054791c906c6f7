//! One smooth stretch of a curve: its value, its integral, when it reaches a level, when its integral does.
//! Neighbours: `course.rs` cuts patterns into stretches. Invariant: times are seconds since the stretch began; everything
//! is a pure function, so that two workers get the same answer to the last bit.

use std::f64::consts::{PI, TAU};

/// Nodes and weights of Gauss and Legendre's 8-point quadrature on -1..1 (Abramowitz & Stegun, table 25.4).
const GAUSS: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_2, 0.101_228_536_290_376_26),
];

/// A smooth curve over one stretch.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    /// A straight line.
    Line {
        /// The value at its beginning.
        start: f64,
        /// How much it rises a second.
        slope: f64,
    },
    /// `start * e^(growth * t)`.
    Exponential {
        /// The value at its beginning, more than 0.
        start: f64,
        /// The growth a second.
        growth: f64,
    },
    /// `base + amplitude * sin(angle + speed * t)`.
    Wave {
        /// The middle.
        base: f64,
        /// How far it goes up and down.
        amplitude: f64,
        /// Where in the wave it begins, in radians.
        angle: f64,
        /// Radians a second, more than 0.
        speed: f64,
    },
    /// All added up.
    Sum(Vec<Form>),
    /// All multiplied. Integrated by quadrature: the stretch is short beside its waves.
    Product(Vec<Form>),
}

impl Form {
    /// The same value all the time.
    pub(super) fn constant(value: f64) -> Form {
        Form::Line {
            start: value,
            slope: 0.0,
        }
    }

    /// The value at `t`.
    pub(super) fn value(&self, t: f64) -> f64 {
        match self {
            Form::Line { start, slope } => start + slope * t,
            Form::Exponential { start, growth } => start * (growth * t).exp(),
            Form::Wave {
                base,
                amplitude,
                angle,
                speed,
            } => base + amplitude * (angle + speed * t).sin(),
            Form::Sum(forms) => forms.iter().map(|form| form.value(t)).sum(),
            Form::Product(forms) => forms.iter().map(|form| form.value(t)).product(),
        }
    }

    /// The integral from the stretch's beginning to `t`.
    pub(super) fn integral(&self, t: f64) -> f64 {
        match self {
            Form::Line { start, slope } => t * (start + slope * t / 2.0),
            // expm1 keeps its digits where the growth is slow.
            Form::Exponential { start, growth } if *growth != 0.0 => {
                start * (growth * t).exp_m1() / growth
            }
            Form::Exponential { start, .. } => start * t,
            // cos a - cos b = 2 sin((a + b) / 2) sin((b - a) / 2): no digits lost where t is small.
            Form::Wave {
                base,
                amplitude,
                angle,
                speed,
            } => {
                let half = speed * t / 2.0;
                base * t + amplitude * 2.0 * (angle + half).sin() * half.sin() / speed
            }
            Form::Sum(forms) => forms.iter().map(|form| form.integral(t)).sum(),
            Form::Product(_) => {
                let half = t / 2.0;
                let pairs = GAUSS.iter().map(|(node, weight)| {
                    weight * (self.value(half - half * node) + self.value(half + half * node))
                });
                half * pairs.sum::<f64>()
            }
        }
    }

    /// When the integral from the beginning reaches `area`, which it does before `length`. The value is never negative.
    pub(super) fn reaches(&self, area: f64, length: f64) -> f64 {
        if let Form::Line { start, slope } = self {
            // The root of start t + slope t² / 2 = area in the form that loses no digits for a small slope.
            let root = (start * start + 2.0 * slope * area).max(0.0).sqrt();
            let below = start + root;
            return if below > 0.0 {
                (2.0 * area / below).min(length)
            } else {
                0.0
            };
        }
        // Newton's steps inside a bracket that shrinks; halved where a step would leave it. The beginning is always the
        // same, so that the answer does not depend on who asks.
        let (mut low, mut high) = (0.0, length);
        let whole = self.integral(length);
        let mut t = if whole > 0.0 {
            length * (area / whole).min(1.0)
        } else {
            0.0
        };
        for _ in 0..200 {
            let missing = area - self.integral(t);
            if missing > 0.0 {
                low = t;
            } else {
                high = t;
            }
            let step = t + missing / self.value(t);
            let next = if step > low && step < high {
                step
            } else {
                (low + high) / 2.0
            };
            // A hundredth of a ns.
            if (next - t).abs() <= 1e-11 || high - low <= 1e-11 {
                return next;
            }
            t = next;
        }
        t
    }

    /// The first time after `from`, up to `length`, at which the value is `level`; times within a ns of `from` are not
    /// told from it.
    pub(super) fn crosses(&self, level: f64, from: f64, length: f64) -> Option<f64> {
        let within = |t: f64| (t > from + 1e-9 && t <= length).then_some(t);
        match self {
            Form::Line { slope: 0.0, .. } => None,
            Form::Line { start, slope } => within((level - start) / slope),
            Form::Exponential { growth: 0.0, .. } => None,
            Form::Exponential { start, growth } if level > 0.0 => {
                within((level / start).ln() / growth)
            }
            Form::Exponential { .. } => None,
            Form::Wave {
                base,
                amplitude,
                angle,
                speed,
            } => {
                let sine = (level - base) / amplitude;
                if !(-1.0..=1.0).contains(&sine) {
                    return None;
                }
                let rising = sine.asin();
                let times = [rising, PI - rising].map(|at| {
                    let now = angle + speed * from;
                    let turns = ((now - at) / TAU).ceil();
                    let first = (at + turns * TAU - angle) / speed;
                    within(first).or_else(|| within(first + TAU / speed))
                });
                times.into_iter().flatten().min_by(f64::total_cmp)
            }
            Form::Sum(_) | Form::Product(_) => self.scan_for(level, from, length),
        }
    }

    /// `crosses` for mixed forms: looked for in steps, then halved. A crossing and its way back between two looks are
    /// missed; stretches are cut so short that this lasts under a thousandth of a wave.
    fn scan_for(&self, level: f64, from: f64, length: f64) -> Option<f64> {
        const LOOKS: usize = 1_000;
        let (least, most) = self.range(length);
        if level < least || level > most {
            return None;
        }
        let over = |t: f64| self.value(t) >= level;
        let (began, step) = (from + 1e-9, (length - from) / LOOKS as f64);
        if step <= 0.0 {
            return None;
        }
        let side = over(began);
        let found = (1..=LOOKS).find(|look| over(from + step * *look as f64) != side)?;
        let (mut low, mut high) = (
            (from + step * (found - 1) as f64).max(began),
            from + step * found as f64,
        );
        while high - low > 1e-10 {
            let middle = (low + high) / 2.0;
            if over(middle) == side {
                low = middle;
            } else {
                high = middle;
            }
            if middle == low && middle == high {
                break;
            }
        }
        Some(high)
    }

    /// Two bounds that the value does not leave within `length`; not always the narrowest.
    fn range(&self, length: f64) -> (f64, f64) {
        match self {
            Form::Line { .. } | Form::Exponential { .. } => {
                let (one, other) = (self.value(0.0), self.value(length));
                (one.min(other), one.max(other))
            }
            Form::Wave {
                base, amplitude, ..
            } => (base - amplitude.abs(), base + amplitude.abs()),
            Form::Sum(forms) => forms.iter().fold((0.0, 0.0), |(least, most), form| {
                let (low, high) = form.range(length);
                (least + low, most + high)
            }),
            Form::Product(forms) => forms.iter().fold((1.0, 1.0), |(least, most), form| {
                let (low, high) = form.range(length);
                let ends = [least * low, least * high, most * low, most * high];
                let fold = |by: fn(f64, f64) -> f64| ends.into_iter().reduce(by).unwrap_or(0.0);
                (fold(f64::min), fold(f64::max))
            }),
        }
    }

    /// The same form, begun `later` seconds later.
    pub(super) fn shifted(&self, later: f64) -> Form {
        match self {
            Form::Line { start, slope } => Form::Line {
                start: start + slope * later,
                slope: *slope,
            },
            Form::Exponential { start, growth } => Form::Exponential {
                start: start * (growth * later).exp(),
                growth: *growth,
            },
            Form::Wave {
                base,
                amplitude,
                angle,
                speed,
            } => Form::Wave {
                base: *base,
                amplitude: *amplitude,
                angle: (angle + speed * later) % TAU,
                speed: *speed,
            },
            Form::Sum(forms) => Form::Sum(forms.iter().map(|form| form.shifted(later)).collect()),
            Form::Product(forms) => {
                Form::Product(forms.iter().map(|form| form.shifted(later)).collect())
            }
        }
    }

    /// The sum of two forms, as one line where both are.
    pub(super) fn plus(self, other: Form) -> Form {
        match (self, other) {
            (
                Form::Line { start, slope },
                Form::Line {
                    start: more,
                    slope: steeper,
                },
            ) => Form::Line {
                start: start + more,
                slope: slope + steeper,
            },
            (Form::Sum(mut forms), other) => {
                forms.push(other);
                Form::Sum(forms)
            }
            (one, other) => Form::Sum(vec![one, other]),
        }
    }

    /// The product of two forms; a constant factor is worked in.
    pub(super) fn times(self, other: Form) -> Form {
        match (self, other) {
            (Form::Line { start, slope: 0.0 }, other)
            | (other, Form::Line { start, slope: 0.0 }) => other.scaled(start),
            (Form::Product(mut forms), other) => {
                forms.push(other);
                Form::Product(forms)
            }
            (one, other) => Form::Product(vec![one, other]),
        }
    }

    fn scaled(self, factor: f64) -> Form {
        if factor == 0.0 {
            return Form::constant(0.0);
        }
        match self {
            Form::Line { start, slope } => Form::Line {
                start: start * factor,
                slope: slope * factor,
            },
            Form::Exponential { start, growth } => Form::Exponential {
                start: start * factor,
                growth,
            },
            Form::Wave {
                base,
                amplitude,
                angle,
                speed,
            } => Form::Wave {
                base: base * factor,
                amplitude: amplitude * factor,
                angle,
                speed,
            },
            Form::Sum(forms) => {
                Form::Sum(forms.into_iter().map(|form| form.scaled(factor)).collect())
            }
            Form::Product(mut forms) => {
                forms.push(Form::constant(factor));
                Form::Product(forms)
            }
        }
    }

    /// How long a stretch of this form quadrature and scans can cope with, in seconds: an eighth of its fastest wave,
    /// or a growth by e.
    pub(super) fn longest_stretch(&self) -> f64 {
        match self {
            Form::Line { .. } => f64::INFINITY,
            Form::Exponential { growth, .. } => 1.0 / growth.abs(),
            Form::Wave { speed, .. } => TAU / speed / 8.0,
            Form::Sum(forms) | Form::Product(forms) => forms
                .iter()
                .map(Form::longest_stretch)
                .fold(f64::INFINITY, f64::min),
        }
    }

    /// Whether it must be cut into stretches no longer than `longest_stretch`.
    pub(super) fn is_mixed(&self) -> bool {
        matches!(self, Form::Sum(_) | Form::Product(_))
    }
}
