//! Medians, and the way figures are written.

/// The middle of the figures; not a number if there are none.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, middle.checked_sub(1)) {
        (1, _) => sorted[middle],
        (_, Some(below)) => (sorted[below] + sorted[middle]) / 2.0,
        _ => f64::NAN,
    }
}

/// The median of the ratios of figures that were taken in the same run.
pub(crate) fn ratio(figures: &[f64], base: &[f64]) -> f64 {
    median(figures.iter().zip(base).map(|(figure, base)| figure / base))
}

/// A row of a markdown table.
pub(crate) fn row<S: AsRef<str>>(cells: impl IntoIterator<Item = S>) -> String {
    let cells: Vec<S> = cells.into_iter().collect();
    let cells: Vec<&str> = cells.iter().map(S::as_ref).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The head of a markdown table.
pub(crate) fn head<S: AsRef<str>>(cells: impl IntoIterator<Item = S>) -> String {
    let cells: Vec<S> = cells.into_iter().collect();
    let rule = "|---".repeat(cells.len());
    format!("{}{rule}|\n", row(cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median([]).is_nan());
    }

    #[test]
    fn ratios_are_taken_run_by_run() {
        assert!((ratio(&[2.0, 30.0, 4.0], &[1.0, 10.0, 4.0]) - 2.0).abs() < 1e-9);
    }
}
