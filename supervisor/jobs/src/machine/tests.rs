//! The state machine against a world that it cannot see, under any order of events.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

#[derive(Clone, Copy, Debug)]
enum Happens {
    Works,
    Breaks { waiting_helps: bool },
    Crash,
    Park,
    Cancel,
    Wrong(u8),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => Just(Happens::Works),
        3 => any::<bool>().prop_map(|waiting_helps| Happens::Breaks { waiting_helps }),
        2 => Just(Happens::Crash),
        1 => Just(Happens::Park),
        1 => Just(Happens::Cancel),
        1 => any::<u8>().prop_map(Happens::Wrong),
    ]
}

fn queued() -> Machine {
    Machine { state: JobState::Queued, cancel: false, problem: None, failed_step: None, resumed: 0, steps: Vec::new() }
}

fn steps(reversible: &[bool]) -> Vec<Step> {
    let step = |(name, reversible): (&&'static str, &bool)| Step {
        name,
        title: format!("Step {name}"),
        limit: Duration::from_secs(1),
        reversible: *reversible,
    };
    NAMES.iter().zip(reversible).map(step).collect()
}

fn broken(waiting_helps: bool) -> StepError {
    let problem = Problem::new(500, "broken", "It broke");
    if waiting_helps { StepError::passing(problem) } else { StepError::lasting(problem) }
}

/// The machine, what it ordered last, and what its steps have made.
struct World {
    machine: Machine,
    order: Option<Order>,
    made: BTreeSet<String>,
    no_way_back: bool,
}

impl World {
    /// The order is given, and half of it happens before anybody knows how it ends.
    fn next(&mut self) {
        let order = self.machine.next(Timestamp::UNIX_EPOCH).unwrap();
        match &order {
            Order::Run(step) => {
                self.no_way_back |= !step.reversible;
                self.made.insert(step.name.clone());
            }
            Order::Undo(step) => assert!(step.reversible && !self.no_way_back),
            Order::Ended => {}
        }
        self.order = Some(order);
    }

    fn happen(&mut self, what: Happens, pace: &Pace) {
        let now = Timestamp::UNIX_EPOCH;
        let order = self.order.take();
        match (what, order) {
            (Happens::Cancel, order) => {
                let refused = self.machine.cancel().is_err();
                assert!(!self.no_way_back || refused, "past the point of no return a cancel is refused");
                self.order = order;
            }
            (Happens::Wrong(which), order) => {
                self.try_wrong(which, order.as_ref(), pace);
                self.order = order;
            }
            (Happens::Crash, _) => drop(self.machine.resume(pace).unwrap()),
            (Happens::Park, _) => {
                self.machine.parked().unwrap();
                let _ = self.machine.resume(pace).unwrap();
            }
            (Happens::Works, Some(Order::Run(_))) => self.machine.step_done(now).unwrap(),
            (Happens::Works, Some(Order::Undo(step))) => {
                self.made.remove(&step.name);
                self.machine.step_undone(now).unwrap();
            }
            (Happens::Breaks { waiting_helps }, Some(Order::Run(_))) => {
                let _ = self.machine.step_failed(&broken(waiting_helps), now, pace).unwrap();
            }
            (Happens::Breaks { waiting_helps }, Some(Order::Undo(_))) => {
                let _ = self.machine.undo_failed(&broken(waiting_helps), Duration::ZERO, now, pace).unwrap();
            }
            (_, Some(Order::Ended) | None) => {}
        }
    }

    /// A transition that does not fit is refused and changes nothing.
    fn try_wrong(&mut self, which: u8, order: Option<&Order>, pace: &Pace) {
        let before = self.machine.clone();
        let now = Timestamp::UNIX_EPOCH;
        let running = matches!(order, Some(Order::Run(_)));
        let undoing = matches!(order, Some(Order::Undo(_)));
        let refused = match which % 4 {
            0 => self.machine.begin(steps(&[true])).is_err(),
            1 if !running => self.machine.step_done(now).is_err(),
            2 if !undoing => self.machine.step_undone(now).is_err(),
            3 if !running => self.machine.step_failed(&broken(false), now, pace).is_err(),
            _ => return,
        };
        assert!(refused);
        assert_eq!(self.machine, before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_order_of_events_ends_with_all_or_nothing(
        reversible in prop::collection::vec(prop::bool::weighted(0.8), 0..5),
        events in prop::collection::vec(happens(), 0..60),
    ) {
        let pace = Pace::default();
        let mut world = World { machine: queued(), order: None, made: BTreeSet::new(), no_way_back: false };
        world.machine.begin(steps(&reversible)).unwrap();
        // After the drawn events everything works, so each job has an end.
        for event in events.into_iter().chain(std::iter::repeat_n(Happens::Works, 40)) {
            if world.machine.state.is_final() {
                break;
            }
            if world.order.is_none() {
                world.next();
            }
            if !world.machine.state.is_final() {
                world.happen(event, &pace);
            }
        }
        let machine = &world.machine;
        match machine.outcome() {
            Some(Outcome::Succeeded) => {
                prop_assert_eq!(world.made.len(), reversible.len());
                prop_assert!(machine.steps.iter().all(|step| step.state == StepState::Done));
            }
            Some(Outcome::Cancelled) => prop_assert!(world.made.is_empty() && machine.problem.is_none()),
            Some(Outcome::Failed { undone: true, .. }) => prop_assert!(world.made.is_empty()),
            Some(Outcome::Failed { undone: false, problem }) => {
                let given_up = machine.steps.iter().any(|step| step.undo_attempts >= pace.undo_tries);
                prop_assert!(given_up && problem.code == "job-undo-failed");
            }
            None => prop_assert!(false, "it has no end: {machine:?}"),
        }
        prop_assert!(!world.no_way_back || machine.state == JobState::Succeeded);
        let begins = machine.steps.iter().filter(|step| step.reversible).map(|step| step.attempts).max();
        prop_assert!(world.no_way_back || begins.unwrap_or(0) <= pace.begins);
    }
}

#[test]
fn waits_double_from_one_second_to_one_minute() {
    let pace = Pace::default();
    let waits: Vec<u64> = (1..=9).map(|tries| pace.wait(tries, None).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(pace.wait(1, Some(30)).as_secs(), 30, "a problem may ask for a longer wait");
    assert_eq!(pace.wait(1, Some(3600)).as_secs(), 60, "but not for any wait");
    assert_eq!(pace.wait(u32::MAX, None).as_secs(), 60);
}

#[test]
fn a_step_for_good_with_nothing_before_it_can_be_cancelled_until_it_begins() {
    let mut machine = queued();
    machine.begin(steps(&[true, false])).unwrap();
    machine.next(Timestamp::UNIX_EPOCH).unwrap();
    machine.cancel().unwrap();
    machine.step_done(Timestamp::UNIX_EPOCH).unwrap();
    // The wish came while the first step ran: the step for good must not begin any more.
    assert!(matches!(machine.next(Timestamp::UNIX_EPOCH).unwrap(), Order::Undo(step) if step.name == "a"));
}
