//! Two things timed in turns, and what the times say.

use std::time::Instant;

use anyhow::{Result, ensure};

/// Resamplings behind an interval.
const RESAMPLES: usize = 2_000;

/// Times of two sides in milliseconds, measured in turns.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    /// Of our side.
    pub ours: Vec<f64>,
    /// Of the other side.
    pub other: Vec<f64>,
}

/// How often the sides take turns.
#[derive(Debug, Clone, Copy)]
pub struct Turns {
    /// Turns of each side.
    pub turns: usize,
    /// Timed runs in a turn; one more before them is not timed.
    pub stretch: usize,
}

impl Pairs {
    /// Lets the sides take turns: every turn is one run that is not timed and then `stretch` timed ones.
    ///
    /// # Errors
    /// The first error of a side.
    pub fn measure(
        turns: Turns,
        mut ours: impl FnMut() -> Result<()>,
        mut other: impl FnMut() -> Result<()>,
    ) -> Result<Self> {
        ensure!(turns.turns > 0 && turns.stretch > 0, "a measurement without runs");
        let mut pairs = Self::default();
        for turn in 0..turns.turns {
            // Whoever goes second in one turn goes first in the next.
            if turn % 2 == 0 {
                stretch(turns.stretch, &mut ours, &mut pairs.ours)?;
                stretch(turns.stretch, &mut other, &mut pairs.other)?;
            } else {
                stretch(turns.stretch, &mut other, &mut pairs.other)?;
                stretch(turns.stretch, &mut ours, &mut pairs.ours)?;
            }
        }
        Ok(pairs)
    }

    /// Single runs in turns, nothing thrown away but one run of each side before the first: for small differences.
    ///
    /// # Errors
    /// The first error of a side.
    pub fn interleave(
        pairs: usize,
        mut ours: impl FnMut() -> Result<()>,
        mut other: impl FnMut() -> Result<()>,
    ) -> Result<Self> {
        ensure!(pairs > 0, "a measurement without runs");
        ours()?;
        other()?;
        let mut measured = Self::default();
        for pair in 0..pairs {
            if pair % 2 == 0 {
                measured.ours.push(time(&mut ours)?);
                measured.other.push(time(&mut other)?);
            } else {
                measured.other.push(time(&mut other)?);
                measured.ours.push(time(&mut ours)?);
            }
        }
        Ok(measured)
    }

    /// The ratio of the medians, ours to other.
    pub fn ratio(&self) -> f64 {
        median(&self.ours) / median(&self.other)
    }

    /// The median of the ratios of neighbouring runs with its 95% interval, by resampling the pairs.
    pub fn paired_ratio(&self) -> Interval {
        let ratios: Vec<f64> = self.ours.iter().zip(&self.other).map(|(a, b)| a / b).collect();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = |bound: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound.max(1)
        };
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let drawn: Vec<f64> = (0..ratios.len())
                    .filter_map(|_| ratios.get(draw(ratios.len())).copied())
                    .collect();
                median(&drawn)
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (share * (medians.len() - 1) as f64).round() as usize;
            medians.get(index).copied().unwrap_or(f64::NAN)
        };
        Interval { middle: median(&ratios), low: at(0.025), high: at(0.975) }
    }
}

/// A figure and the range in which it lies 95 times of 100.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// The figure.
    pub middle: f64,
    /// The lower end of its range.
    pub low: f64,
    /// The upper end of its range.
    pub high: f64,
}

fn stretch(runs: usize, side: &mut impl FnMut() -> Result<()>, times: &mut Vec<f64>) -> Result<()> {
    side()?;
    for _ in 0..runs {
        times.push(time(side)?);
    }
    Ok(())
}

fn time(side: &mut impl FnMut() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    side()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// The median; of an even number of values the mean of the two in the middle; NaN of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 { at(middle) } else { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_interval_of_pairs_that_always_differ_by_half_is_that_half() {
        let other: Vec<f64> = (1..=50).map(f64::from).collect();
        let ours = other.iter().map(|time| time / 2.0).collect();
        let interval = Pairs { ours, other }.paired_ratio();
        assert_eq!(interval, Interval { middle: 0.5, low: 0.5, high: 0.5 });
    }

    #[test]
    fn the_sides_take_turns_and_the_first_run_of_a_turn_is_not_timed() {
        let order = std::cell::RefCell::new(String::new());
        let side = |name: char| {
            let order = &order;
            move || {
                order.borrow_mut().push(name);
                Ok(())
            }
        };
        let turns = Turns { turns: 2, stretch: 2 };
        let pairs = Pairs::measure(turns, side('a'), side('b')).unwrap();
        assert_eq!(*order.borrow(), "aaabbbbbbaaa");
        assert_eq!((pairs.ours.len(), pairs.other.len()), (4, 4));
    }
}
