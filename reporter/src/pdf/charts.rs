//! The charts of the document, drawn as lines and areas: throughput, response times, their distribution, errors.
//! Neighbours: `plot.rs` has the scales, `mod.rs` says where they stand; the page's own charts (`html/charts/`) have the same words and
//! colours. Invariant: what is drawn for several seconds is their worst; percentiles are never averaged.

use super::font::Font;
use super::plot::{
    Entry, Frame, Mark, Scale, dashes, draw_legend, even_marks, log_marks, stroke, time_step,
};
use super::sheet::{BAD, BAD_SOFT, Colour, LEFT, MUTED, Point, RIGHT, SOFT, Sheets, Stroke};
use crate::format;
use crate::report::Report;
use crate::seconds::SecondCounts;
use crate::series::{Quantiles, Series, SeriesPoint};
use loadforge_analysis::LatencyHistogram;
use loadforge_scenarios::ErrorKind;
use std::collections::BTreeSet;

const SERIES_1: Colour = Colour(0x1f, 0x6f, 0xb5);
const SERIES_1_SOFT: Colour = Colour(0xe4, 0xee, 0xf6);
const SERIES_2: Colour = Colour(0xc2, 0x62, 0x0a);
const SERIES_3: Colour = Colour(0x7b, 0x4b, 0xa8);
const SERIES_4: Colour = Colour(0x12, 0x80, 0x7a);
const SERIES_5: Colour = Colour(0xa0, 0x3a, 0x72);
const SERIES_6: Colour = Colour(0x6c, 0x6a, 0x1d);
const BAND_1: Colour = Colour(0x12, 0x3f, 0x6d);
const BAND_2: Colour = Colour(0x2f, 0x80, 0xc9);
const BAND_2_SOFT: Colour = Colour(0xd1, 0xe3, 0xf3);
const BAND_3: Colour = Colour(0xd1, 0x7a, 0x22);
const BAND_3_SOFT: Colour = Colour(0xf9, 0xec, 0xe0);

/// More points than this are finer than a printer.
const MAX_POINTS: usize = 500;

/// Title, legend, marks and caption around a frame.
const AROUND: f32 = 66.0;

/// A chart's words.
struct Words<'w> {
    title: &'w str,
    caption: &'w str,
}

/// The series as the charts draw it: thin enough for paper.
pub(super) fn for_paper(series: &Series) -> Series {
    series.thinned(MAX_POINTS)
}

/// Requests offered, sent, done and failed per second, each by its own time.
pub(super) fn throughput(sheets: &mut Sheets, report: &Report<'_>, series: &Series, height: f32) {
    let words = Words {
        title: "Requests per second",
        caption: "Offered: when requests were due. Sent: when they left. Done: when they were over, failed ones included.",
    };
    let points = series.points();
    let end_s = points.last().map_or(0.0, |point| point.at_s);
    let own_time = |counts: &SecondCounts| -> Vec<(f64, f64)> { counts.rates(end_s).collect() };
    // A run of an older version did not tell when its requests were due.
    let (offered, sent) = (
        own_time(report.series.offered()),
        own_time(report.series.sent()),
    );
    let done = curve_of(points, SeriesPoint::rps);
    let failed = curve_of(points, SeriesPoint::failed_per_s);
    let all = [&done, &failed, &offered, &sent];
    let most = all
        .into_iter()
        .flatten()
        .map(|point| point.1)
        .fold(0.0, f64::max);
    if most <= 0.0 {
        return nothing(sheets, &words, "No request was answered.");
    }
    let (y, step) = Scale::from_zero(most);
    let frame = begin(sheets, &words, height, time_scale(series), y);
    fill_below(sheets, &frame, SERIES_1_SOFT, &done);
    fill_below(sheets, &frame, BAD_SOFT, &failed);
    frame.draw_upright(
        sheets,
        &even_marks(y, step, |rate| format!("{} /s", format::rate(rate))),
    );
    let curves = [
        ("done", stroke(SERIES_1, 1.2), &done),
        ("failed", stroke(BAD, 1.2), &failed),
        ("offered", dashes(MUTED, 0.9), &offered),
        ("sent", stroke(SERIES_2, 0.9), &sent),
    ];
    let drawn = curves.into_iter().filter(|curve| !curve.2.is_empty());
    let entries = drawn.map(|(name, stroke, points)| {
        draw(sheets, &frame, stroke, points);
        Entry {
            name: name.to_owned(),
            stroke,
        }
    });
    let entries: Vec<Entry> = entries.collect();
    end(sheets, &frame, &time_marks(series), &entries, &words);
}

/// Response time percentiles over time, as bands.
pub(super) fn response(sheets: &mut Sheets, series: &Series, height: f32) {
    let words = Words {
        title: "Response time over time",
        caption: "How long users waited. The lowest line is the middle user, the highest the unlucky one in a hundred.",
    };
    // Where no request was done there is no percentile: the curves break there.
    let stretches = stretches(series.points());
    let most = stretches
        .iter()
        .flatten()
        .map(|(_, q)| q.p99.high)
        .fold(0.0, f64::max);
    if most <= 0.0 {
        return nothing(sheets, &words, "No request was answered.");
    }
    let (y, step) = Scale::from_zero(most);
    let frame = begin(sheets, &words, height, time_scale(series), y);
    let [p50, p95, p99]: [fn(&Quantiles) -> f64; 3] =
        [|q| q.p50.high, |q| q.p95.high, |q| q.p99.high];
    let of = |stretch: &[(f64, Quantiles)], figure: fn(&Quantiles) -> f64| -> Vec<(f64, f64)> {
        stretch.iter().map(|(at_s, q)| (*at_s, figure(q))).collect()
    };
    for stretch in &stretches {
        let (low, middle, high) = (of(stretch, p50), of(stretch, p95), of(stretch, p99));
        fill_between(sheets, &frame, BAND_3_SOFT, &middle, &high);
        fill_between(sheets, &frame, BAND_2_SOFT, &low, &middle);
    }
    frame.draw_upright(sheets, &even_marks(y, step, format::latency));
    let bands = [
        ("p50 (half are faster)", BAND_1, p50),
        ("p95", BAND_2, p95),
        ("p99 (1 in 100 is slower)", BAND_3, p99),
    ];
    let entries = bands.map(|(name, colour, figure)| {
        for stretch in &stretches {
            draw(sheets, &frame, stroke(colour, 1.2), &of(stretch, figure));
        }
        Entry {
            name: name.to_owned(),
            stroke: stroke(colour, 1.2),
        }
    });
    end(sheets, &frame, &time_marks(series), &entries, &words);
}

/// Response and service time on a percentile scale.
pub(super) fn distribution(sheets: &mut Sheets, report: &Report<'_>, height: f32) {
    let words = Words {
        title: "Distribution of latencies",
        caption: "At 90 % the curve shows the time within which 90 % of the answers came. Where both curves part, requests had to wait before they could be sent.",
    };
    let (response, service) = (&report.histograms.response, &report.histograms.service);
    if response.is_empty() {
        return nothing(sheets, &words, "No request was answered.");
    }
    let end_x = (response.len() as f64).max(10.0);
    let lowest = |histogram: &LatencyHistogram| match histogram.is_empty() {
        true => f64::INFINITY,
        // Less than 100 ns is finer than the clock, and 0 has no place on a scale of factors.
        false => histogram.min_ms().max(1e-4),
    };
    let from = lowest(response).min(lowest(service));
    let until = response.max_ms().max(service.max_ms()).max(from * 2.0);
    let (x, y) = (Scale::log(1.0, end_x), Scale::log(from, until));
    let frame = begin(sheets, &words, height, x, y);
    frame.draw_upright(sheets, &log_marks(from, until, format::latency));
    let curves = [
        (
            "response time (what users feel)",
            stroke(SERIES_1, 1.4),
            response,
        ),
        (
            "service time (server and network alone)",
            dashes(SERIES_2, 1.1),
            service,
        ),
    ];
    let entries = curves.map(|(name, stroke, histogram)| {
        draw(sheets, &frame, stroke, &percentile_curve(histogram));
        Entry {
            name: name.to_owned(),
            stroke,
        }
    });
    end(sheets, &frame, &percentile_marks(end_x), &entries, &words);
}

/// Failures by kind over time.
pub(super) fn errors(sheets: &mut Sheets, series: &Series, height: f32) {
    let words = Words {
        title: "Errors over time",
        caption: "Failures by what went wrong, those that no request carries included.",
    };
    let points = series.points();
    let kinds: BTreeSet<ErrorKind> = points
        .iter()
        .flat_map(|point| point.errors.keys().copied())
        .collect();
    let highest = points
        .iter()
        .map(|point| point.errors.values().sum::<u64>())
        .max();
    if kinds.is_empty() {
        return nothing(sheets, &words, "No errors.");
    }
    let (y, step) = Scale::from_zero(highest.unwrap_or(0) as f64);
    let frame = begin(sheets, &words, height, time_scale(series), y);
    let whole = |value: f64| value.fract() == 0.0;
    let marks: Vec<Mark> = even_marks(y, step, |count| format::count(count as u64));
    let marks: Vec<Mark> = marks.into_iter().filter(|mark| whole(mark.0)).collect();
    frame.draw_upright(sheets, &marks);
    for point in points {
        let mut below = 0;
        for (kind, count) in &point.errors {
            let (left, high) = frame.point(point.at_s - point.length_s, (below + count) as f64);
            let (right, low) = frame.point(point.at_s, below as f64);
            let width = (right - left).max(0.4);
            sheets.box_filled(kind_colour(*kind), (left, high), (width, low - high));
            below += count;
        }
    }
    let entries = kinds.iter().map(|kind| Entry {
        name: kind.as_str().to_owned(),
        stroke: stroke(kind_colour(*kind), 5.0),
    });
    let entries: Vec<Entry> = entries.collect();
    end(sheets, &frame, &time_marks(series), &entries, &words);
}

/// Draws the title and makes the frame.
fn begin(sheets: &mut Sheets, words: &Words<'_>, height: f32, x: Scale, y: Scale) -> Frame {
    sheets.need(height + AROUND);
    sheets.skip(18.0);
    let at = (LEFT, sheets.y());
    sheets.text(
        Font::bold(10.0),
        super::sheet::INK,
        at,
        RIGHT - LEFT,
        words.title,
    );
    // The legend stands between title and frame.
    sheets.skip(20.0);
    Frame::at(sheets.y(), height, x, y)
}

/// Draws what stands around the curves, and goes on below the caption.
fn end(sheets: &mut Sheets, frame: &Frame, marks: &[Mark], entries: &[Entry], words: &Words<'_>) {
    frame.draw_across(sheets, marks);
    draw_legend(sheets, sheets.y() - 7.0, entries);
    sheets.skip(frame.bottom() - sheets.y() + 15.0);
    let font = Font::plain(7.5);
    let lines = sheets.lines(font, words.caption, RIGHT - LEFT, 2);
    sheets.paragraph(font, SOFT, LEFT, &lines);
}

/// A chart with nothing to draw says so.
fn nothing(sheets: &mut Sheets, words: &Words<'_>, instead: &str) {
    sheets.need(40.0);
    sheets.skip(18.0);
    let at = (LEFT, sheets.y());
    sheets.text(
        Font::bold(10.0),
        super::sheet::INK,
        at,
        RIGHT - LEFT,
        words.title,
    );
    sheets.skip(14.0);
    let at = (LEFT, sheets.y());
    sheets.text(Font::plain(9.0), SOFT, at, RIGHT - LEFT, instead);
    sheets.skip(4.0);
}

fn draw(sheets: &mut Sheets, frame: &Frame, stroke: Stroke, points: &[(f64, f64)]) {
    let places: Vec<Point> = points.iter().map(|(x, y)| frame.point(*x, *y)).collect();
    sheets.line(stroke, &places);
}

fn fill_below(sheets: &mut Sheets, frame: &Frame, colour: Colour, points: &[(f64, f64)]) {
    let ground: Vec<(f64, f64)> = points.iter().map(|(x, _)| (*x, 0.0)).collect();
    fill_between(sheets, frame, colour, &ground, points);
}

fn fill_between(
    sheets: &mut Sheets,
    frame: &Frame,
    colour: Colour,
    low: &[(f64, f64)],
    high: &[(f64, f64)],
) {
    let corners = high.iter().chain(low.iter().rev());
    let corners: Vec<Point> = corners.map(|(x, y)| frame.point(*x, *y)).collect();
    sheets.area(colour, &corners);
}

fn curve_of(points: &[SeriesPoint], figure: fn(&SeriesPoint) -> f64) -> Vec<(f64, f64)> {
    points
        .iter()
        .map(|point| (point.middle_s(), figure(point)))
        .collect()
}

/// The seconds with percentiles, those without in between left out.
fn stretches(points: &[SeriesPoint]) -> Vec<Vec<(f64, Quantiles)>> {
    let parts = points.split(|point| point.response.is_none());
    let kept = parts.filter(|part| !part.is_empty());
    kept.map(|part| {
        let with = part
            .iter()
            .filter_map(|point| point.response.map(|q| (point.middle_s(), q)));
        with.collect()
    })
    .collect()
}

/// A distribution's curve over 1 / (1 − quantile). On this scale 100 % lies at infinity: the slowest answer is drawn where
/// the number of samples puts it.
fn percentile_curve(histogram: &LatencyHistogram) -> Vec<(f64, f64)> {
    let end = (histogram.len() as f64).max(1.0);
    let mut curve: Vec<(f64, f64)> = Vec::new();
    for (quantile, ms) in histogram.curve() {
        let place = (1.0 / (1.0 - quantile).max(1e-12)).min(end);
        // Every place on the scale has one point, and the slowest answer is the last.
        if curve.last().is_some_and(|last| last.0 == place) {
            curve.pop();
        }
        curve.push((place, ms));
    }
    curve
}

fn percentile_marks(end: f64) -> Vec<Mark> {
    let marks = [
        (1.0, "0 %"),
        (2.0, "50 %"),
        (10.0, "90 %"),
        (100.0, "99 %"),
        (1e3, "99.9 %"),
        (1e4, "99.99 %"),
        (1e5, "99.999 %"),
        (1e6, "99.9999 %"),
    ];
    let inside = marks.into_iter().filter(|mark| mark.0 <= end);
    inside
        .map(|(place, words)| (place, words.to_owned()))
        .collect()
}

fn time_scale(series: &Series) -> Scale {
    let end_s = series.points().last().map_or(0.0, |point| point.at_s);
    Scale::between(0.0, end_s)
}

fn time_marks(series: &Series) -> Vec<Mark> {
    let end_s = series.points().last().map_or(0.0, |point| point.at_s);
    let step = time_step(end_s);
    let count = (end_s / step).floor().min(20.0) as u32;
    let moments = (0..=count).map(|number| f64::from(number) * step);
    moments.map(|at_s| (at_s, format::clock(at_s))).collect()
}

/// As on the page: each kind has one colour in every report.
fn kind_colour(kind: ErrorKind) -> Colour {
    match kind {
        ErrorKind::Timeout => SERIES_2,
        ErrorKind::Connect => SERIES_1,
        ErrorKind::Reset => SERIES_3,
        ErrorKind::Tls | ErrorKind::Panic => SERIES_5,
        ErrorKind::Protocol | ErrorKind::Dns => SERIES_6,
        ErrorKind::Status => BAD,
        ErrorKind::Check => SERIES_4,
        ErrorKind::Interrupted | ErrorKind::Generator | ErrorKind::Stopped => MUTED,
    }
}
