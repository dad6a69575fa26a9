//! Times of many small things, and the report of a client about them.

use std::time::{Duration, Instant};

/// Rounds that are not counted, in which caches and windows warm up.
const WARM_UP: usize = 50;

/// Times of rounds.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    nanoseconds: Vec<u64>,
}

impl Latency {
    /// Times `count` rounds, after some that are not counted.
    pub fn measure<E>(count: usize, mut round: impl FnMut() -> Result<(), E>) -> Result<Self, E> {
        let mut latency = Self::default();
        for index in 0..count + WARM_UP.min(count) {
            let start = Instant::now();
            round()?;
            if index >= WARM_UP.min(count) {
                latency.add(start.elapsed());
            }
        }
        Ok(latency)
    }

    /// As [`measure`](Self::measure), with rounds that are awaited.
    pub async fn measure_async<E>(
        count: usize,
        mut round: impl AsyncFnMut() -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut latency = Self::default();
        for index in 0..count + WARM_UP.min(count) {
            let start = Instant::now();
            round().await?;
            if index >= WARM_UP.min(count) {
                latency.add(start.elapsed());
            }
        }
        Ok(latency)
    }

    fn add(&mut self, time: Duration) {
        self.nanoseconds.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The time that this share of the rounds stayed under, in microseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.nanoseconds.clone();
        sorted.sort_unstable();
        let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(index).map_or(f64::NAN, |&time| time as f64 / 1e3)
    }

    /// Says it on standard output, where the benchmark reads it.
    pub fn report(&self) {
        println!("p50_us {:.2}", self.percentile(50));
        println!("p99_us {:.2}", self.percentile(99));
    }
}
