//! The figures.

use clap::ValueEnum;

use super::{Bin, Decision, Outcomes, calibration, ranking::Ranking, reliability};

/// A number, or why the data do not define it.
pub(crate) type Figure = Result<f64, String>;

/// Figures in the order of a table: key for JSON, name for people.
pub(crate) type Table = Vec<(&'static str, &'static str, Figure)>;

/// A figure that says how good a model is, for comparing two; from 0 to 1, more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Metric {
    /// Share of texts whose best label is right
    Top1,
    /// F1 over all decisions
    MicroF1,
    /// Mean of the labels' F1
    MacroF1,
    /// Share of texts whose labels are all right
    Subset,
    /// Mean of the labels' area under the ROC curve, from scores
    Auc,
}

impl Metric {
    pub(crate) const ALL: [Self; 5] = [Self::Top1, Self::MicroF1, Self::MacroF1, Self::Subset, Self::Auc];

    /// As a table has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Top1 => "top-label accuracy",
            Self::MicroF1 => "micro F1",
            Self::MacroF1 => "macro F1",
            Self::Subset => "subset accuracy",
            Self::Auc => "ROC AUC, macro",
        }
    }

    /// As JSON has it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Top1 => "top_label_accuracy",
            Self::MicroF1 => "micro_f1",
            Self::MacroF1 => "macro_f1",
            Self::Subset => "subset_accuracy",
            Self::Auc => "roc_auc_macro",
        }
    }

    pub(crate) fn of(self, outcomes: &Outcomes) -> Figure {
        Measure::new(self, outcomes).value(|_| 1)
    }
}

/// A metric of some outcomes, ready to be computed again and again with rows that count several times or not at all.
pub(super) struct Measure<'a> {
    metric: Metric,
    outcomes: &'a Outcomes,
    /// For each label, where the metric needs it.
    rankings: Vec<Ranking>,
}

impl<'a> Measure<'a> {
    pub(super) fn new(metric: Metric, outcomes: &'a Outcomes) -> Self {
        let labels = if metric == Metric::Auc { outcomes.labels() } else { 0 };
        let rankings = (0..labels).map(|label| ranking(outcomes, label)).collect();
        Self { metric, outcomes, rankings }
    }

    /// Row `i` counts `weight(i)` times.
    pub(super) fn value(&self, weight: impl Fn(usize) -> u32 + Copy) -> Figure {
        let outcomes = self.outcomes;
        match self.metric {
            Metric::Top1 => share(outcomes, weight, |row| outcomes.is_right(row)),
            Metric::Subset => share(outcomes, weight, |row| outcomes.is_exact(row)),
            Metric::MicroF1 => micro_f1(&decisions(outcomes, weight)),
            Metric::MacroF1 => macro_f1(&decisions(outcomes, weight)),
            Metric::Auc => {
                let area = |(label, ranking): (usize, &Ranking)| label_auc(outcomes, label, ranking, weight);
                macro_auc(self.rankings.iter().enumerate().map(area))
            }
        }
    }
}

fn micro_f1(each: &[Decisions]) -> Figure {
    Decisions::sum(each).f1().ok_or_else(|| NO_DECISION.to_owned())
}

/// A label that no text has and the model never gives has no F1 (scikit-learn: zero_division=nan).
fn macro_f1(each: &[Decisions]) -> Figure {
    let f1: Vec<_> = each.iter().filter_map(Decisions::f1).collect();
    mean(&f1).ok_or_else(|| NO_DECISION.to_owned())
}

fn label_auc(outcomes: &Outcomes, label: usize, ranking: &Ranking, weight: impl Fn(usize) -> u32) -> Figure {
    let score = |row: usize| outcomes.scores(row)[label];
    let area = ranking.area(score, |row| outcomes.has(row, label), weight);
    area.ok_or_else(|| one_sided(outcomes, label))
}

fn macro_auc(of_labels: impl Iterator<Item = Figure>) -> Figure {
    let areas = of_labels.collect::<Result<Vec<_>, _>>()?;
    Ok(areas.iter().sum::<f64>() / areas.len() as f64)
}

/// Of one label's scores.
fn ranking(outcomes: &Outcomes, label: usize) -> Ranking {
    Ranking::new(outcomes.rows(), |row| outcomes.scores(row)[label])
}

const NO_DECISION: &str = "no text has a label and none is given";

/// How often a label was given and should have been.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Decisions {
    true_positives: u64,
    false_positives: u64,
    false_negatives: u64,
    true_negatives: u64,
}

impl Decisions {
    fn sum(each: &[Self]) -> Self {
        each.iter().fold(Self::default(), |sum, one| Self {
            true_positives: sum.true_positives + one.true_positives,
            false_positives: sum.false_positives + one.false_positives,
            false_negatives: sum.false_negatives + one.false_negatives,
            true_negatives: sum.true_negatives + one.true_negatives,
        })
    }

    fn precision(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    fn recall(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    fn f1(&self) -> Option<f64> {
        ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)
    }

    /// Of the decisions themselves, taken as scores of 0 and 1.
    fn roc_auc(&self) -> Option<f64> {
        let specificity = ratio(self.true_negatives, self.true_negatives + self.false_positives)?;
        Some(f64::midpoint(self.recall()?, specificity))
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn share(outcomes: &Outcomes, weight: impl Fn(usize) -> u32, counts: impl Fn(usize) -> bool) -> Figure {
    let rows = (0..outcomes.rows()).map(|row| (u64::from(weight(row)), counts(row)));
    let [all, part] =
        rows.fold([0; 2], |[all, part], (n, counts)| [all + n, part + if counts { n } else { 0 }]);
    ratio(part, all).ok_or_else(|| "no texts".to_owned())
}

/// For each label.
fn decisions(outcomes: &Outcomes, weight: impl Fn(usize) -> u32) -> Vec<Decisions> {
    let mut all = vec![Decisions::default(); outcomes.labels()];
    for row in 0..outcomes.rows() {
        let times = u64::from(weight(row));
        for (label, (counts, given)) in all.iter_mut().zip(outcomes.given(row)).enumerate() {
            let counter = match (given, outcomes.has(row, label)) {
                (true, true) => &mut counts.true_positives,
                (true, false) => &mut counts.false_positives,
                (false, true) => &mut counts.false_negatives,
                (false, false) => &mut counts.true_negatives,
            };
            *counter += times;
        }
    }
    all
}

/// Why a label has no ROC AUC.
fn one_sided(outcomes: &Outcomes, label: usize) -> String {
    let any = (0..outcomes.rows()).any(|row| outcomes.has(row, label));
    format!("{} text has {}", if any { "every" } else { "no" }, outcomes.name(label))
}

/// One label's figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LabelMetrics {
    /// How many rows have it.
    pub(crate) rows: usize,
    pub(crate) precision: Figure,
    pub(crate) recall: Figure,
    pub(crate) f1: Figure,
    /// From scores.
    pub(crate) roc_auc: Figure,
}

/// All figures of a model on labelled data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metrics {
    pub(crate) rows: usize,
    /// Binary cross-entropy where labels are decided one by one, else cross-entropy.
    pub(crate) loss: f64,
    pub(crate) micro_f1: Figure,
    pub(crate) macro_f1: Figure,
    /// Of the decisions, over all labels: what the cards of fine-tuned multi-label models call ROC AUC.
    pub(crate) roc_auc_decisions: Figure,
    /// From scores, over all labels.
    pub(crate) roc_auc_micro: Figure,
    /// From scores, the mean over labels.
    pub(crate) roc_auc_macro: Figure,
    pub(crate) subset_accuracy: Figure,
    pub(crate) top_label_accuracy: Figure,
    /// Where labels are ordered.
    pub(crate) within_one_accuracy: Option<Figure>,
    pub(crate) calibration_error: f64,
    pub(crate) labels: Vec<LabelMetrics>,
    /// `[labels, labels]`: rows with one label by that label and by the best one. Empty beyond [`MOST_CONFUSED`] labels.
    pub(crate) confusion: Vec<Vec<usize>>,
    pub(crate) reliability: Vec<Bin>,
}

impl Metrics {
    /// # Panics
    /// Without rows.
    pub(crate) fn new(outcomes: &Outcomes) -> Self {
        assert!(outcomes.rows() > 0, "figures of no rows");
        let each = decisions(outcomes, |_| 1);
        let label = |(label, of)| LabelMetrics::new(outcomes, label, of);
        let labels: Vec<_> = each.iter().enumerate().map(label).collect();
        let reliability = reliability(outcomes);
        let near = outcomes.ranks().map(|ranks| share(outcomes, |_| 1, |row| outcomes.is_near(row, ranks)));
        Self {
            rows: outcomes.rows(),
            loss: outcomes.loss(),
            micro_f1: micro_f1(&each),
            macro_f1: macro_f1(&each),
            roc_auc_decisions: Decisions::sum(&each).roc_auc().ok_or_else(|| MICRO_ONE_SIDED.to_owned()),
            roc_auc_micro: micro_auc(outcomes),
            roc_auc_macro: macro_auc(labels.iter().map(|label| label.roc_auc.clone())),
            subset_accuracy: Metric::Subset.of(outcomes),
            top_label_accuracy: Metric::Top1.of(outcomes),
            within_one_accuracy: near,
            calibration_error: calibration::error(&reliability),
            labels,
            confusion: confusion(outcomes),
            reliability,
        }
    }

    pub(crate) fn table(&self, decision: Decision) -> Table {
        let loss = match decision {
            Decision::Threshold => "loss (binary cross-entropy)",
            Decision::Best => "loss (cross-entropy)",
        };
        let mut table = vec![
            ("loss", loss, Ok(self.loss)),
            ("micro_f1", Metric::MicroF1.name(), self.micro_f1.clone()),
            ("roc_auc_decisions", "ROC AUC, of decisions", self.roc_auc_decisions.clone()),
            ("subset_accuracy", Metric::Subset.name(), self.subset_accuracy.clone()),
            ("roc_auc_micro", "ROC AUC, micro", self.roc_auc_micro.clone()),
            ("roc_auc_macro", Metric::Auc.name(), self.roc_auc_macro.clone()),
            ("macro_f1", Metric::MacroF1.name(), self.macro_f1.clone()),
            ("top_label_accuracy", Metric::Top1.name(), self.top_label_accuracy.clone()),
        ];
        if let Some(near) = &self.within_one_accuracy {
            table.push(("within_one_accuracy", "within one", near.clone()));
        }
        table.push(("calibration_error", "calibration error", Ok(self.calibration_error)));
        table
    }
}

impl LabelMetrics {
    fn new(outcomes: &Outcomes, label: usize, of: &Decisions) -> Self {
        Self {
            rows: (of.true_positives + of.false_negatives) as usize,
            precision: of.precision().ok_or_else(|| "it is never given".to_owned()),
            recall: of.recall().ok_or_else(|| "no text has it".to_owned()),
            f1: of.f1().ok_or_else(|| "no text has it and it is never given".to_owned()),
            roc_auc: label_auc(outcomes, label, &ranking(outcomes, label), |_| 1),
        }
    }
}

const MICRO_ONE_SIDED: &str = "all texts have all labels, or none";

/// Over all labels at once.
fn micro_auc(outcomes: &Outcomes) -> Figure {
    let labels = outcomes.labels();
    if u32::try_from(outcomes.rows() * labels).is_err() {
        return Err("more than 2³² scores".to_owned());
    }
    let score = |place: usize| outcomes.scores(place / labels)[place % labels];
    let truth = |place: usize| outcomes.has(place / labels, place % labels);
    let area = Ranking::new(outcomes.rows() * labels, score).area(score, truth, |_| 1);
    area.ok_or_else(|| MICRO_ONE_SIDED.to_owned())
}

/// Labels that a confusion matrix may have: beyond, nobody could read it.
const MOST_CONFUSED: usize = 100;

fn confusion(outcomes: &Outcomes) -> Vec<Vec<usize>> {
    if outcomes.labels() > MOST_CONFUSED {
        return Vec::new();
    }
    let mut matrix = vec![vec![0; outcomes.labels()]; outcomes.labels()];
    for row in 0..outcomes.rows() {
        if let Some(label) = outcomes.only_label(row) {
            matrix[label][outcomes.best(row)] += 1;
        }
    }
    matrix
}
