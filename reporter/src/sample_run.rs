//! A synthetic run with all that a report borrows, for tests of single formats.
//! Neighbours: `tests/fixture/` makes its seconds. Invariant: equal seconds make equal runs.

use crate::fixture;
use crate::report::Report;
use crate::series::Series;
use loadforge_analysis::{RunFacts, RunFold, RunInfo, RunOutcome, RunSummary, Snapshot};

/// What a report is made from.
pub(crate) struct SampleRun {
    pub(crate) info: RunInfo,
    pub(crate) summary: RunSummary,
    pub(crate) fold: RunFold,
    pub(crate) series: Series,
}

impl SampleRun {
    /// These seconds of the usual plan.
    pub(crate) fn of(snapshots: &[Snapshot]) -> SampleRun {
        SampleRun::with(fixture::run_info(), snapshots)
    }

    /// These seconds of this plan.
    pub(crate) fn with(info: RunInfo, snapshots: &[Snapshot]) -> SampleRun {
        let (mut fold, mut series) = (RunFold::default(), Series::default());
        for snapshot in snapshots {
            fold.add(snapshot);
            series.add(snapshot);
        }
        let summary = fold.finish(RunFacts {
            info: &info,
            outcome: RunOutcome::Completed,
        });
        SampleRun {
            info,
            summary,
            fold,
            series,
        }
    }

    pub(crate) fn report(&self) -> Report<'_> {
        Report {
            info: &self.info,
            summary: &self.summary,
            histograms: self.fold.histograms(),
            series: &self.series,
        }
    }
}
