//! What can happen in a game, and what happens then.

use std::collections::BTreeMap;
use std::rc::Rc;

use gainsay_protocol::{Announce, Message, Signed};

use super::{Game, Lines};
use crate::actors::{Say, View};
use crate::arbiter::{CrashPoint, HEARTBEAT_MS, Machine, No, Service, Task};
use crate::fault::Fault;
use crate::plan::{Change, LATEST_SWEEP_MS, LONGEST_WORK_MS, Mishap, Trouble, operator_key};

/// Lines kept of a game of which only the last count.
const KEPT: usize = 60;
/// Messages of the log that a look shows.
const HEARD: usize = 12;

/// An event.
#[derive(Debug)]
pub(super) enum Happening {
    /// A player looks.
    Wake(usize),
    /// The look arrives at the arbiter.
    Fetch(usize),
    /// What it shows arrives at the player.
    Show(usize, Rc<View>),
    /// A message arrives at the arbiter.
    Submit(usize, Rc<Signed>, Vec<Rc<[u8]>>),
    /// A heartbeat is due.
    Beat,
    /// The sweeper looks.
    Sweep,
    /// A replay or run is done.
    Work(Task),
    /// The arbiter is in trouble.
    Trouble(Trouble),
    /// The arbiter's trouble is over.
    Relief(Relief),
    /// A crash that was armed and found no place.
    CrashAnyhow,
    /// It starts again.
    Restart,
    /// A player is in trouble.
    Mishap(usize, Mishap),
    /// The operator announces new parameters.
    Announce(Box<Change>),
}

/// What is over.
#[derive(Clone, Copy, Debug)]
pub(super) enum Relief {
    Service,
    Machine,
}

/// Events in the order of their time, then of their making.
#[derive(Debug, Default)]
pub(super) struct Queue {
    events: BTreeMap<(u64, u64), Happening>,
    made: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at_ms: u64, happening: Happening) {
        self.events.insert((at_ms, self.made), happening);
        self.made += 1;
    }

    pub(super) fn pop(&mut self) -> Option<(u64, Happening)> {
        self.events.pop_first().map(|((at, _), happening)| (at, happening))
    }
}

impl Game {
    pub(super) fn happen(&mut self, happening: Happening) {
        let now = self.now_ms;
        match happening {
            Happening::Wake(player) => {
                for at in self.wires.arrivals(player, now) {
                    self.queue.push(at, Happening::Fetch(player));
                }
                let next = now + self.rng.between(900, 1_200);
                self.queue.push(next, Happening::Wake(player));
            }
            Happening::Fetch(player) => self.fetch(player),
            Happening::Show(player, view) => self.show(player, &view),
            Happening::Submit(player, signed, blobs) => self.submit(player, &signed, &blobs),
            Happening::Beat => {
                self.arbiter.beat();
                self.queue.push(now + HEARTBEAT_MS, Happening::Beat);
            }
            Happening::Sweep => self.sweep(),
            Happening::Work(task) => {
                self.arbiter.carry_out(task);
                self.note(now, || format!("the arbiter carried out {:?}", task.work));
            }
            Happening::Trouble(trouble) => self.trouble(trouble),
            Happening::Relief(Relief::Service) => self.arbiter.service = Service::Full,
            Happening::Relief(Relief::Machine) => self.arbiter.machine = Machine::Works,
            Happening::CrashAnyhow => {
                if self.arbiter.armed.is_some() {
                    self.arbiter.crash();
                }
            }
            Happening::Restart => self.restart(),
            Happening::Mishap(player, mishap) => self.mishap(player, mishap),
            Happening::Announce(change) => self.announce(*change),
        }
        self.follow();
    }

    /// What follows from any event: work that was asked for, and a start after a crash.
    fn follow(&mut self) {
        for task in self.arbiter.take_work() {
            let done = self.now_ms + self.rng.between(20, LONGEST_WORK_MS);
            self.queue.push(done, Happening::Work(task));
        }
        if !self.arbiter.is_up() && self.crashed.is_none() {
            self.tally.crashes += 1;
            let down = self.down_for;
            self.crashed = Some((self.now_ms, self.arbiter.tables.clone()));
            self.queue.push(self.now_ms + down, Happening::Restart);
            self.note(self.now_ms, || format!("the arbiter crashed, for {down} ms"));
        }
    }

    fn fetch(&mut self, player: usize) {
        if !self.arbiter.is_up() {
            return;
        }
        let heard = &self.arbiter.heard;
        let view = Rc::new(View {
            time: self.arbiter.now(),
            jobs: self.arbiter.tables.jobs.values().cloned().collect(),
            canaries: self.arbiter.tables.canaries.clone(),
            heard: heard.iter().skip(heard.len().saturating_sub(HEARD)).cloned().collect(),
        });
        for at in self.wires.arrivals(player, self.now_ms) {
            self.queue.push(at, Happening::Show(player, Rc::clone(&view)));
        }
    }

    fn show(&mut self, number: usize, view: &View) {
        let (now, network) = (self.now_ms, self.arbiter.network);
        let Some(player) = self.players.get_mut(number) else { return };
        if now < player.down_until {
            return;
        }
        let said = player.behaviour.react(&mut player.me, view);
        let mut sent = Vec::new();
        for say in said {
            match say {
                Say::Again(signed) => sent.push((signed, Vec::new())),
                Say::Message(message, blobs) => {
                    let keypair = &player.me.keypair;
                    let unsigned = gainsay_protocol::Unsigned {
                        network,
                        signer: keypair.key(),
                        message: &message,
                    };
                    // Signing is deterministic: what was said before is not signed again.
                    let known = player.signed.entry(unsigned.id());
                    let signed =
                        known.or_insert_with(|| Rc::new(Signed::new(keypair, network, message)));
                    sent.push((Rc::clone(signed), blobs.into_iter().map(Rc::from).collect()));
                }
            }
        }
        for (signed, blobs) in sent {
            for at in self.wires.arrivals(number, now) {
                let blobs: Vec<Rc<[u8]>> = blobs.clone();
                self.queue.push(at, Happening::Submit(number, Rc::clone(&signed), blobs));
            }
        }
    }

    fn submit(&mut self, number: usize, signed: &Rc<Signed>, blobs: &[Rc<[u8]>]) {
        let answer = self.arbiter.submit(signed, blobs);
        // What follows from the commit is checked before the answer is.
        self.checker.after_event(&mut self.arbiter, self.now_ms);
        let told = match &answer {
            Ok(receipt) => {
                self.checker.answered(&self.arbiter, signed, Ok(receipt));
                format!("entry {}", receipt.index)
            }
            Err(No::Refused(why)) => {
                self.checker.answered(&self.arbiter, signed, Err(why));
                format!("refused: {why}")
            }
            Err(No::Silence) => "no answer".to_owned(),
        };
        self.history.update(&signed.id().0.0);
        self.history.update(told.as_bytes());
        let name = self.players.get(number).map_or("", |player| player.name);
        self.note(self.now_ms, || format!("{name} {number}: {} -> {told}", signed.message.kind()));
    }

    fn sweep(&mut self) {
        let next = self.arbiter.sweep();
        let sleep = next.map_or(500, |next| next.since(self.arbiter.now()).0.clamp(1, 500));
        let lag = match self.setting.faults.has(Fault::LateSweeper) {
            true => self.rng.below(LATEST_SWEEP_MS - 500),
            false => 0,
        };
        self.queue.push(self.now_ms + sleep + lag, Happening::Sweep);
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.note(self.now_ms, || format!("{trouble:?}"));
        match trouble {
            Trouble::Crash(point, down) => {
                self.down_for = down;
                if point == CrashPoint::Idle {
                    self.arbiter.crash();
                } else if self.arbiter.is_up() {
                    self.arbiter.armed = Some(point);
                    self.queue.push(self.now_ms + 15_000, Happening::CrashAnyhow);
                }
            }
            Trouble::Stall(service, length) => {
                self.arbiter.service = service;
                self.queue.push(self.now_ms + length, Happening::Relief(Relief::Service));
            }
            Trouble::Machine(machine, length) => {
                self.arbiter.machine = machine;
                self.queue.push(self.now_ms + length, Happening::Relief(Relief::Machine));
            }
        }
    }

    fn restart(&mut self) {
        if let Some((since, before)) = self.crashed.take() {
            self.checker.recovered(&self.arbiter, &before);
            self.arbiter.start();
            let down = self.now_ms - since;
            self.note(self.now_ms, || format!("the arbiter serves again after {down} ms"));
        }
    }

    fn mishap(&mut self, number: usize, mishap: Mishap) {
        let now = self.now_ms;
        match mishap {
            Mishap::Cut(length) => self.wires.cut(number, now + length),
            Mishap::Crash(length) => {
                self.wires.cut(number, now + length);
                if let Some(player) = self.players.get_mut(number) {
                    player.down_until = now + length;
                    player.behaviour.forget();
                }
            }
        }
    }

    /// The notice counts from what the operator sees; while the arbiter does not answer, nothing is announced.
    fn announce(&mut self, change: Change) {
        let notice = self.arbiter.params_now().ledger.notice;
        let from = self.arbiter.now().after(notice).after(change.later);
        let message = Message::Announce(Announce { from, params: Box::new(change.params) });
        let operator = operator_key(self.setting.seed);
        let signed = Signed::new(&operator, self.arbiter.network, message);
        let answer = self.arbiter.submit(&signed, &[]);
        self.note(self.now_ms, || format!("the operator announces, from {}: {answer:?}", from.0));
    }

    fn note(&mut self, at_ms: u64, line: impl FnOnce() -> String) {
        let line = format!("{at_ms:>8} ms, served {:>8}: {}", self.arbiter.now().0, line());
        self.history.update(line.as_bytes());
        self.lines.push(line);
        if self.keep == Lines::Last && self.lines.len() > 2 * KEPT {
            self.lines.drain(..KEPT);
        }
    }
}
