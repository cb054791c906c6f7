//! Where answers lie in time and latency: counts per cell, small enough for a page. Neighbours: `series.rs` keeps one and
//! feeds it with each second, `html/charts/heat_map.rs` draws it. Invariants: no count is lost; there are never more than
//! `MAX_COLUMNS` columns and `MAX_ROWS` rows, whatever the run's length and the spread of its latencies; all of its memory
//! is taken when the run begins.

use loadforge_analysis::LatencyHistogram;

/// Most columns of time; past that, neighbours are merged two by two.
const MAX_COLUMNS: usize = 300;

/// Most rows of latency in what is drawn; past that, neighbours are merged.
const MAX_ROWS: usize = 60;

/// Rows that are counted for each tenfold of the latency: a row is 12 % of its latency high.
const ROWS_PER_TENFOLD: usize = 20;

/// The lower edge of the first row but one, in ms; what was faster is in the first.
const LOWEST_MS: f64 = 0.001;

/// Tenfolds from there up to an hour and more, where histograms end.
const TENFOLDS: usize = 10;

/// Counts by time and latency.
#[derive(Clone, Debug)]
pub(crate) struct HeatMap {
    /// Lower edges of all rows but the first, in ms.
    edges_ms: Vec<f64>,
    /// Column by column, each with one count more than there are edges.
    counts: Vec<u64>,
    /// Columns that the run has reached.
    columns: usize,
    /// Seconds in a column: a power of two.
    stretch_s: u64,
    most_columns: usize,
}

/// The part of it that has counts, ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HeatCells {
    /// Where columns begin, and where the last one ends, in seconds since the start of the run.
    pub(crate) times_s: Vec<f64>,
    /// Where rows begin, and where the highest one ends, in ms.
    pub(crate) latencies_ms: Vec<f64>,
    /// Row by row from the fastest up, the counts of its columns.
    pub(crate) counts: Vec<Vec<u64>>,
}

impl Default for HeatMap {
    fn default() -> HeatMap {
        HeatMap::with_most_columns(MAX_COLUMNS)
    }
}

impl HeatMap {
    fn with_most_columns(most_columns: usize) -> HeatMap {
        let edges_ms: Vec<f64> = (0..=ROWS_PER_TENFOLD * TENFOLDS).map(edge_ms).collect();
        HeatMap {
            counts: vec![0; most_columns * (edges_ms.len() + 1)],
            edges_ms,
            columns: 0,
            stretch_s: 1,
            most_columns,
        }
    }

    /// Adds the latencies of the window that began at `from_s`.
    pub(crate) fn add(&mut self, from_s: f64, latencies: &LatencyHistogram) {
        // Windows end a little late now and then; a tenth of a second is no second of its own.
        let second = (from_s + 0.1).max(0.0) as u64;
        while second / self.stretch_s >= self.most_columns as u64 {
            self.merge_columns();
        }
        let column = (second / self.stretch_s) as usize;
        self.columns = self.columns.max(column + 1);
        let rows = self.rows();
        let bars = latencies.bars(&self.edges_ms);
        for (count, more) in self.counts[column * rows..].iter_mut().zip(bars) {
            *count += more;
        }
    }

    /// What there is to draw of a run that ended at `end_s`; `None` when nothing was counted.
    pub(crate) fn cells(&self, end_s: f64) -> Option<HeatCells> {
        let rows = self.rows();
        let columns = || self.counts.chunks(rows).take(self.columns);
        let filled = |row: &usize| columns().any(|column| column[*row] > 0);
        let lowest = (0..rows).find(filled)?;
        let highest = (0..rows).rev().find(filled)?;
        let merged = (highest - lowest + 1).div_ceil(MAX_ROWS);
        let starts: Vec<usize> = (lowest..=highest).step_by(merged).collect();
        let counts = starts.iter().map(|start| {
            let until = (start + merged).min(rows);
            let sum = |column: &[u64]| column[*start..until].iter().sum();
            columns().map(sum).collect()
        });
        let ends = starts.iter().copied();
        let ends = ends.chain([(starts[starts.len() - 1] + merged).min(rows)]);
        Some(HeatCells {
            times_s: (0..=self.columns)
                .map(|column| (column as u64 * self.stretch_s) as f64)
                .map(|at_s| at_s.min(end_s.max(1.0)))
                .collect(),
            // The first row reaches down to nothing, which a logarithmic axis has no place for.
            latencies_ms: ends
                .map(|row| LOWEST_MS * row_factor(row as f64 - 1.0))
                .collect(),
            counts: counts.collect(),
        })
    }

    fn rows(&self) -> usize {
        self.edges_ms.len() + 1
    }

    fn merge_columns(&mut self) {
        let rows = self.rows();
        for column in 0..self.most_columns {
            for row in 0..rows {
                let count = std::mem::take(&mut self.counts[column * rows + row]);
                self.counts[column / 2 * rows + row] += count;
            }
        }
        self.columns = self.columns.div_ceil(2);
        self.stretch_s *= 2;
    }
}

fn edge_ms(row: usize) -> f64 {
    LOWEST_MS * row_factor(row as f64)
}

/// How far this many rows lie apart.
fn row_factor(rows: f64) -> f64 {
    10f64.powf(rows / ROWS_PER_TENFOLD as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(latencies_ms: &[f64]) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::default();
        for ms in latencies_ms {
            histogram.record_ns((ms * 1e6) as u64);
        }
        histogram
    }

    fn sum(cells: &HeatCells) -> u64 {
        cells.counts.iter().flatten().sum()
    }

    /// The cell that holds this moment and latency.
    fn at(cells: &HeatCells, at_s: f64, ms: f64) -> u64 {
        let place = |edges: &[f64], value: f64| edges.partition_point(|edge| *edge <= value) - 1;
        cells.counts[place(&cells.latencies_ms, ms)][place(&cells.times_s, at_s)]
    }

    #[test]
    fn each_answer_is_counted_in_the_cell_of_its_time_and_latency() {
        let mut map = HeatMap::default();
        map.add(0.0, &histogram(&[3.0, 3.0, 40.0]));
        map.add(1.0, &histogram(&[3.0]));
        map.add(2.98, &histogram(&[3.0, 700.0]));
        let cells = map.cells(3.5).unwrap();
        assert_eq!(cells.times_s, [0.0, 1.0, 2.0, 3.0, 3.5]);
        assert_eq!(cells.counts.len() + 1, cells.latencies_ms.len());
        assert_eq!((at(&cells, 0.5, 3.0), at(&cells, 0.5, 40.0)), (2, 1));
        assert_eq!((at(&cells, 1.5, 3.0), at(&cells, 2.5, 3.0)), (1, 0));
        assert_eq!((at(&cells, 3.2, 3.0), at(&cells, 3.2, 700.0)), (1, 1));
        assert_eq!(sum(&cells), 6);
        assert!(cells.latencies_ms[0] <= 3.0 && *cells.latencies_ms.last().unwrap() > 700.0);
    }

    #[test]
    fn a_run_of_any_length_and_spread_keeps_its_counts_in_few_cells() {
        let mut map = HeatMap::with_most_columns(20);
        let spread = histogram(&[0.0, 0.0005, 0.07, 12.0, 9_000.0, 3.6e6]);
        let memory = map.counts.capacity();
        for second in 0..1_000 {
            map.add(f64::from(second), &spread);
        }
        // A damaged line must not take the memory, nor for ever.
        map.add(1e18, &spread);
        map.add(f64::NAN, &spread);
        map.add(-5.0, &spread);
        assert_eq!(map.counts.capacity(), memory);
        let cells = map.cells(1e18).unwrap();
        assert!(cells.counts.len() <= MAX_ROWS, "{}", cells.counts.len());
        assert!(cells.counts[0].len() <= 20, "{}", cells.counts[0].len());
        assert_eq!(cells.times_s.len(), cells.counts[0].len() + 1);
        assert_eq!(cells.latencies_ms.len(), cells.counts.len() + 1);
        assert_eq!(sum(&cells), 6 * 1_003);
    }

    #[test]
    fn a_long_run_keeps_each_answer_at_its_time() {
        let mut map = HeatMap::with_most_columns(20);
        for second in 0..100 {
            let ms = if second < 64 { 5.0 } else { 50.0 };
            map.add(f64::from(second), &histogram(&[ms]));
        }
        let cells = map.cells(100.0).unwrap();
        assert_eq!((at(&cells, 60.0, 5.0), at(&cells, 60.0, 50.0)), (8, 0));
        assert_eq!((at(&cells, 66.0, 5.0), at(&cells, 66.0, 50.0)), (0, 8));
    }

    #[test]
    fn nothing_counted_is_nothing_to_draw() {
        let mut map = HeatMap::default();
        assert_eq!(map.cells(10.0), None);
        map.add(4.0, &LatencyHistogram::default());
        assert_eq!(map.cells(10.0), None);
    }
}
