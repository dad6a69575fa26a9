//! What the channels of a connection have in common.

use super::ring::Spares;
use super::window::Budget;
use crate::config::Limits;

pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) budget: Budget,
    pub(super) spares: Spares,
    /// Channels that may write as soon as the output takes data again, by our numbers.
    pub(super) waiting: Vec<u32>,
    /// Channels whose credit was withheld during a key exchange.
    pub(super) uncredited: Vec<u32>,
    /// Channels that nobody, here or there, will name again.
    pub(super) gone: Vec<u32>,
    /// Our requests that want a reply, counted over all channels.
    pub(super) requests: u64,
    /// The connection has ended: nothing is sent any more.
    pub(super) ended: bool,
}

impl Shared {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            budget: Budget::new(limits),
            spares: Spares::default(),
            waiting: Vec::new(),
            uncredited: Vec::new(),
            gone: Vec::new(),
            requests: 0,
            ended: false,
        }
    }
}
