//! Charts as SVG, for a page that may be light or dark: lines and letters take the page's colour by its style sheet.

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{Bin, Outcomes, entities::Rates};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Readable on white and on black.
const BLUE: RGBColor = RGBColor(61, 133, 224);
const ORANGE: RGBColor = RGBColor(224, 133, 40);
/// What the style sheet replaces by the page's own colour.
const INK: RGBColor = BLACK;
const LETTERS: (&str, i32) = ("sans-serif", 13);
const SMALL: (&str, i32) = ("sans-serif", 11);

/// How many parts of the scores a histogram shows.
const BARS: usize = 20;

fn svg(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    draw(&area).and_then(|()| Ok(area.present()?)).map_err(|error| error.to_string())?;
    drop(area);
    Ok(svg)
}

/// Accuracy by confidence; on the line a score means what it says.
pub(super) fn reliability(bins: &[Bin]) -> Result<String, String> {
    svg((460, 340), |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
        axes(&mut chart, "best score", "share that is right")?;
        let width = 1.0 / bins.len() as f64;
        let bars = bins.iter().enumerate().filter(|(_, bin)| bin.rows > 0).map(|(i, bin)| {
            let left = i as f64 * width;
            Rectangle::new([(left, 0.0), (left + width * 0.92, bin.accuracy)], BLUE.mix(0.8).filled())
        });
        chart.draw_series(bars)?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], INK))?;
        let means = bins.iter().filter(|bin| bin.rows > 0);
        chart
            .draw_series(means.map(|bin| Circle::new((bin.confidence, bin.accuracy), 3, ORANGE.filled())))?;
        Ok(())
    })
}

/// How often a label has which score: of texts that have it, and of those that do not.
pub(super) fn scores(outcomes: &Outcomes, label: usize) -> Result<String, String> {
    let mut counts = [[0usize; BARS]; 2];
    for row in 0..outcomes.rows() {
        let bar = ((outcomes.scores(row)[label] * BARS as f32) as usize).min(BARS - 1);
        counts[usize::from(outcomes.has(row, label))][bar] += 1;
    }
    let sums = counts.map(|counts| counts.iter().sum::<usize>().max(1));
    let share = |own: usize, bar: usize| counts[own][bar] as f64 / sums[own] as f64;
    let most = (0..BARS).map(|bar| share(0, bar).max(share(1, bar))).fold(0.01, f64::max);
    svg((360, 220), |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(50)
            .build_cartesian_2d(0.0..1.0, 0.0..most * 1.05)?;
        axes(&mut chart, "score", "share of texts")?;
        let width = 1.0 / BARS as f64;
        for (own, colour) in [(0, ORANGE), (1, BLUE)] {
            let bars = (0..BARS).filter(|&bar| counts[own][bar] > 0).map(|bar| {
                let left = (bar as f64 + 0.06 + 0.44 * own as f64) * width;
                Rectangle::new([(left, 0.0), (left + 0.44 * width, share(own, bar))], colour.filled())
            });
            chart.draw_series(bars)?;
        }
        Ok(())
    })
}

/// Rows are true labels, columns best ones; numbers of the labels stand for their names.
pub(super) fn confusion(matrix: &[Vec<usize>]) -> Result<String, String> {
    const CELL: i32 = 54;
    const EDGE: i32 = 44;
    let labels = matrix.len() as i32;
    let size = (EDGE + CELL * labels + 10) as u32;
    svg((size, size), |area| {
        let centre = |(x, y): (i32, i32)| (EDGE + CELL * x + CELL / 2, EDGE + CELL * y + CELL / 2);
        let centred = |font: (&'static str, i32)| {
            TextStyle::from(font.into_font()).color(&INK).pos(Pos::new(HPos::Center, VPos::Center))
        };
        let (letters, small) = (centred(LETTERS), centred(SMALL));
        for i in 0..labels {
            area.draw(&Text::new(i.to_string(), (centre((i, 0)).0, EDGE / 2 + 8), letters.clone()))?;
            area.draw(&Text::new(i.to_string(), (EDGE / 2 + 8, centre((0, i)).1), letters.clone()))?;
        }
        area.draw(&Text::new(
            "best label",
            (centre((0, 0)).0 + CELL * (labels - 1) / 2, 8),
            letters.clone(),
        ))?;
        let turned = letters.transform(FontTransform::Rotate270);
        area.draw(&Text::new("own label", (8, centre((0, 0)).1 + CELL * (labels - 1) / 2), turned))?;
        for (y, row) in (0..).zip(matrix) {
            let all = row.iter().sum::<usize>().max(1) as f64;
            for (x, &count) in (0..).zip(row) {
                let (left, top) = (EDGE + CELL * x, EDGE + CELL * y);
                let share = count as f64 / all;
                let cell = [(left, top), (left + CELL - 2, top + CELL - 2)];
                area.draw(&Rectangle::new(cell, BLUE.mix(0.04 + 0.8 * share).filled()))?;
                let (x, y) = centre((x, y));
                let at = |down| (x, y + down);
                area.draw(&Text::new(count.to_string(), at(-8), letters.clone()))?;
                area.draw(&Text::new(format!("{:.0}%", 100.0 * share), at(9), small.clone()))?;
            }
        }
        Ok(())
    })
}

/// Score by cosine, a dot for each pair.
pub(super) fn scatter(points: &[(f64, f64)]) -> Result<String, String> {
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        // What is all but equal needs some room, too.
        let edge = (0.04 * (high - low)).max(1e-3 * low.abs().max(high.abs()).max(1.0));
        low - edge..high + edge
    };
    let (x, y) =
        (range(&mut points.iter().map(|point| point.0)), range(&mut points.iter().map(|point| point.1)));
    svg((560, 400), |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(x, y)?;
        axes(&mut chart, "cosine", "score")?;
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 2, BLUE.mix(0.7).filled())))?;
        Ok(())
    })
}

/// Counts of queries by the rank of their first relevant document, from 1; the last bar is for all ranks beyond.
pub(super) fn first_ranks(counts: &[usize]) -> Result<String, String> {
    let (beyond, most) = (counts.len(), counts.iter().max().copied().unwrap_or_default().max(1));
    svg((560, 300), |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(0.4..beyond as f64 + 0.6, 0.0..most as f64 * 1.05)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(INK.mix(0.12))
            .axis_style(INK.mix(0.6))
            .disable_x_mesh()
            .x_labels(beyond + 1)
            .x_label_formatter(&|rank| {
                if *rank < beyond as f64 { rank.to_string() } else { "beyond".to_owned() }
            })
            // Where there are few queries, a mark lies between two numbers of them.
            .y_label_formatter(&|count| if count.fract() == 0.0 { count.to_string() } else { String::new() })
            .x_desc("rank of the first relevant document")
            .y_desc("queries")
            .label_style(LETTERS.into_font().color(&INK))
            .draw()?;
        let bars = (1..).zip(counts).filter(|(_, count)| **count > 0).map(|(rank, &count)| {
            let middle = f64::from(rank);
            Rectangle::new([(middle - 0.4, 0.0), (middle + 0.4, count as f64)], BLUE.mix(0.8).filled())
        });
        chart.draw_series(bars)?;
        Ok(())
    })
}

/// Bars beside each name: precision above, recall below.
pub(super) fn types(rates: &[(&str, Rates)]) -> Result<String, String> {
    const ROW: i32 = 40;
    const NAMES: i32 = 170;
    const WHOLE: i32 = 330;
    let height = (ROW * rates.len() as i32 + 10) as u32;
    svg(((NAMES + WHOLE + 60) as u32, height), |area| {
        let letters = |font: (&'static str, i32), side| {
            TextStyle::from(font.into_font()).color(&INK).pos(Pos::new(side, VPos::Center))
        };
        let (names, numbers) = (letters(LETTERS, HPos::Right), letters(SMALL, HPos::Left));
        for (row, (name, [precision, recall, _])) in (0..).zip(rates) {
            let top = ROW * row + 5;
            area.draw(&Text::new((*name).to_owned(), (NAMES - 8, top + ROW / 2), names.clone()))?;
            for (top, share, colour) in [(top + 4, precision, BLUE), (top + 20, recall, ORANGE)] {
                let end = NAMES + (share * f64::from(WHOLE)).round() as i32;
                area.draw(&Rectangle::new([(NAMES, top), (end, top + 14)], colour.mix(0.8).filled()))?;
                area.draw(&Text::new(format!("{share:.2}"), (end + 6, top + 8), numbers.clone()))?;
            }
        }
        Ok(())
    })
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn axes(chart: &mut Chart<'_, '_>, x: &str, y: &str) -> Drawn {
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(INK.mix(0.12))
        .axis_style(INK.mix(0.6))
        .x_labels(6)
        .y_labels(6)
        .x_desc(x)
        .y_desc(y)
        .label_style(LETTERS.into_font().color(&INK))
        .draw()?;
    Ok(())
}
