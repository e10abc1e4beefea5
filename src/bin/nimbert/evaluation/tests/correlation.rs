//! Correlations against scipy's.

use super::reference;
use crate::evaluation::{
    Figure,
    correlation::{Pairs, cosine},
    page::{self, PairTexts},
};

/// n pairs, with ε = 2⁻⁵³: sums of n products are off by at most n ε of what the correlation divides by, and deviations from
/// the mean by 2 ε of the largest number, which is less than 5 standard deviations. So each side is off by at most
/// (2 n + 20) ε, and the two differ by less than 1e-13 where n is 200.
const TOLERANCE: f64 = 1e-12;

fn pairs(cosines: &[f64], scores: &[f64]) -> Pairs {
    let mut pairs = Pairs::default();
    cosines.iter().zip(scores).for_each(|(&cosine, &score)| pairs.push(cosine, score));
    pairs
}

fn figures(pairs: &Pairs) -> [Figure; 2] {
    let table = pairs.table();
    assert_eq!([table[0].0, table[1].0], ["spearman", "pearson"]);
    [table[0].2.clone(), table[1].2.clone()]
}

#[test]
fn correlations_are_those_of_scipy() {
    let cases = reference("similarity");
    let cases = cases.as_object().unwrap();
    assert_eq!(cases.len(), 6);
    for (name, case) in cases {
        let numbers = |key: &str| -> Vec<f64> {
            case[key].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        };
        let found = figures(&pairs(&numbers("cosines"), &numbers("scores")));
        for (key, found) in ["spearman", "pearson"].into_iter().zip(found) {
            let (found, expected) = (found.unwrap(), case[key].as_f64().unwrap());
            assert!((found - expected).abs() <= TOLERANCE, "{name}, {key}: {found}, scipy {expected}");
        }
    }
}

#[test]
fn what_has_no_correlation_says_why() {
    let both = |reason: &str| [Err(reason.to_owned()), Err(reason.to_owned())];
    assert_eq!(figures(&pairs(&[], &[])), both("fewer than two pairs"));
    assert_eq!(figures(&pairs(&[0.5], &[1.0])), both("fewer than two pairs"));
    assert_eq!(figures(&pairs(&[0.5, 0.1], &[3.0, 3.0])), both("all scores are equal"));
    assert_eq!(figures(&pairs(&[0.5, 0.5], &[0.0, -0.0])), both("all scores are equal"));
    assert_eq!(figures(&pairs(&[0.5, 0.5], &[3.0, 4.0])), both("all cosines are equal"));
}

#[test]
fn no_size_of_scores_makes_a_figure_that_is_no_number() {
    for scale in [f64::MIN_POSITIVE, 1e-200, 1e200, f64::MAX / 4.0] {
        let found = figures(&pairs(&[0.1, 0.2, 0.4], &[scale, 2.0 * scale, 4.0 * scale]));
        for figure in found {
            assert!((figure.unwrap() - 1.0).abs() <= TOLERANCE, "{scale}");
        }
    }
    let next = 1.0 + f64::EPSILON;
    for [first, second] in [[1.0, next], [1e300, 1e300 * next]] {
        for figure in figures(&pairs(&[0.1, 0.2, 0.4], &[first, second, second])) {
            assert!(figure.is_err() || figure.is_ok_and(f64::is_finite));
        }
    }
}

#[test]
fn a_text_is_as_like_itself_as_any_other_is() {
    let vectors: Vec<Vec<f32>> =
        (1..50).map(|i| (1..40).map(|j| (i * j) as f32 * 0.013 % 1.7 - 0.8).collect()).collect();
    for vector in &vectors {
        assert_eq!(cosine(vector, vector), 1.0);
        let back: Vec<_> = vector.iter().map(|x| -x).collect();
        assert_eq!(cosine(vector, &back), -1.0);
        assert_eq!(cosine(vector, &[0.0; 39]), 0.0);
    }
    // 45° apart.
    assert!((cosine(&[3e38, 0.0], &[1e-40, 1e-40]) - 0.5_f64.sqrt()).abs() <= 1e-15);
}

#[test]
fn the_worst_pairs_are_those_of_the_most_different_ranks() {
    let pairs = pairs(&[0.9, 0.1, 0.2, 0.2], &[1.0, 2.0, 3.0, 4.0]);
    let worst: Vec<_> =
        pairs.worst(2).iter().map(|pair| (pair.pair, pair.cosine_rank, pair.score_rank)).collect();
    assert_eq!(worst, [(0, 4.0, 1.0), (3, 2.5, 4.0)]);
    let places = ["a.csv: line 2", "b", "c", "d"];
    let texts = places.map(|place| PairTexts::new(place, ["<i>", "x & y"]));
    let html = page::similarity(&[("model", "<m>".to_owned())], &pairs, &texts).unwrap();
    assert!(
        html.contains("a.csv: line 2") && html.contains("&lt;i&gt;<br>x &amp; y") && !html.contains("<i>")
    );
    assert_eq!((html.matches("<svg").count(), html.matches("<circle").count()), (1, 4));
}

#[test]
fn scores_are_drawn_or_it_is_said_why_not() {
    let texts = [0; 3].map(|_| PairTexts::new("a", ["b", "c"]));
    let draw =
        |a: f64, b: f64| page::similarity(&[], &pairs(&[0.5, 0.5, 0.1], &[a, b, 1.0]), &texts).unwrap();
    for a in [1e9, -1e9, 1.0 + f64::EPSILON, 1.0, 1e-300, 0.0] {
        for b in [-1e9, 1e9 - 1e-6, 1.0, 0.0] {
            assert_eq!(draw(a, b).matches("<svg").count(), 1);
        }
    }
    assert!(draw(f64::MAX, 0.0).contains("No picture: there are scores beyond 1e9."));
}

#[test]
fn of_many_pairs_a_page_draws_some() {
    let many: Vec<_> = (0..3000).map(|i| f64::from(i) / 3000.0).collect();
    let texts = vec![PairTexts::new("a", ["b", "c"]); many.len()];
    let html = page::similarity(&[], &pairs(&many, &many), &texts).unwrap();
    assert_eq!(html.matches("<circle").count(), 2000);
    assert!(html.contains("2000 of the 3000 pairs") && html.contains("as their scores do"));
}
