//! Parameters over time: changed only with notice, and never for what was admitted before.
//!
//! A job is bound to the parameters in force when it was admitted, whatever is announced later. Who the network is
//! (name, arbiter, operator) and the arity, by which every player computes its moves, never change.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Announce, Params, ParamsError, Time};

/// The parameters of a network, from its beginning to as far as anything was announced.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Schedule {
    first: Params,
    changes: Vec<Announce>,
}

/// Why new parameters are refused; nothing changes by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// They would come into force too soon.
    #[error("new parameters are due from {from:?} on, the earliest with notice is {earliest:?}")]
    Notice {
        /// When they are wanted.
        from: Time,
        /// The earliest.
        earliest: Time,
    },
    /// Others were announced that come into force at the same time or later.
    #[error("parameters that come into force at {0:?} were announced before")]
    Order(Time),
    /// Something that never changes.
    #[error("{0} never changes")]
    Fixed(&'static str),
    /// They break a bound.
    #[error(transparent)]
    Params(#[from] ParamsError),
}

impl Schedule {
    /// A network with these parameters, and nothing announced.
    pub fn new(first: Params) -> Self {
        Self { first, changes: Vec::new() }
    }

    /// The parameters in force at a moment.
    pub fn at(&self, time: Time) -> &Params {
        let in_force = self.changes.iter().take_while(|change| change.from <= time).last();
        in_force.map_or(&self.first, |change| &change.params)
    }

    /// What was announced and comes into force after a moment, in order.
    pub fn announced(&self, after: Time) -> impl Iterator<Item = &Announce> {
        self.changes.iter().filter(move |change| change.from > after)
    }

    /// The parameters that the network began with.
    pub fn first(&self) -> &Params {
        &self.first
    }

    /// Announces new parameters at `now`.
    ///
    /// # Errors
    /// If they come too soon, break a bound, or change what never changes.
    pub fn announce(&mut self, announced: &Announce, now: Time) -> Result<(), ScheduleError> {
        announced.params.check()?;
        let fixed = |params: &Params| {
            (params.name.clone(), params.arbiter, params.operator, params.arity.get())
        };
        let (old, new) = (fixed(&self.first), fixed(&announced.params));
        for (what, same) in [
            ("the name", old.0 == new.0),
            ("the arbiter", old.1 == new.1),
            ("the operator", old.2 == new.2),
            ("the arity", old.3 == new.3),
        ] {
            if !same {
                return Err(ScheduleError::Fixed(what));
            }
        }
        let (from, earliest) = (announced.from, now.after(self.at(now).ledger.notice));
        if from < earliest {
            return Err(ScheduleError::Notice { from, earliest });
        }
        if let Some(last) = self.changes.last().filter(|last| last.from >= from) {
            return Err(ScheduleError::Order(last.from));
        }
        self.changes.push(announced.clone());
        Ok(())
    }
}
