//! Statistics of samples: percentiles by nearest rank, so that every figure is one that occurred.

#[cfg(test)]
mod tests;

/// What is told of a set of samples, in their unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many there are.
    pub n: usize,
    /// Half of them are not greater (the lower one of two in the middle).
    pub p50: f64,
    /// 99 of 100 are not greater; the greatest one if there are fewer than 100.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

/// Summarises; none without samples.
pub fn summarise(values: &[f64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(Summary {
        n: sorted.len(),
        p50: nearest_rank(&sorted, 50)?,
        p99: nearest_rank(&sorted, 99)?,
        max: sorted.last().copied()?,
    })
}

/// The smallest value that is not less than `percent` of all; `sorted` is in ascending order.
fn nearest_rank(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}
