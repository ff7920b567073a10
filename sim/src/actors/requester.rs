//! The honest requester: asks for each of its jobs until it is in the log.

use gainsay_protocol::{Job, Message};

use super::{Behaviour, Me, Say, View};
use crate::toy::Value;

/// See the module.
#[derive(Debug)]
pub(super) struct Requester {
    pub(super) jobs: Vec<(Job, Value)>,
}

impl Behaviour for Requester {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let there = |job: &Job| view.jobs.iter().any(|known| known.job == *job);
        let missing = self.jobs.iter().filter(|(job, _)| !there(job) && job.deadline > view.time);
        let _ = me;
        missing
            .map(|(job, input)| Say::Message(Message::Job(job.clone()), vec![input.to_vec()]))
            .collect()
    }
}
