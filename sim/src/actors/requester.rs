//! The honest requester: asks for each of its jobs until it is in the log.

use gainsay_protocol::{Job, Message, Time};

use super::{Behaviour, Me, Say, View};
use crate::toy::Value;

/// A job and when it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) job: Job,
    pub(crate) input: Value,
    /// Not before.
    pub(crate) from: Time,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Requester {
    pub(super) jobs: Vec<Asked>,
}

impl Behaviour for Requester {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let there = |job: &Job| view.jobs.iter().any(|known| known.job == *job);
        let due = |asked: &&Asked| view.time >= asked.from && view.time < asked.job.deadline;
        let missing = self.jobs.iter().filter(due).filter(|asked| !there(&asked.job));
        let _ = me;
        missing
            .map(|Asked { job, input, .. }| {
                Say::Message(Message::Job(job.clone()), vec![input.to_vec()])
            })
            .collect()
    }
}
