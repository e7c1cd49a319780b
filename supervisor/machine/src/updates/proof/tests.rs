//! Every turn of an update on its way to being proved, with a clock that the test moves.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(30 * 60);

fn version(text: &str) -> ImageVersion {
    text.parse().unwrap()
}

fn release(number: u128) -> ReleaseId {
    uuid::Uuid::from_u128(number).to_string().parse().unwrap()
}

fn app(id: &str, trouble: Option<&str>) -> AppHealth {
    AppHealth {
        id: id.parse().unwrap(),
        name: id.parse().unwrap(),
        release: Some(release(1)),
        wanted: true,
        busy: false,
        trouble: trouble.map(str::to_owned),
        grace: Duration::from_secs(120),
    }
}

/// A box with an update, and whoever looks at it.
struct World {
    proof: Option<Proof>,
    running: ImageVersion,
    kept: bool,
    has_back: bool,
    at_work: bool,
    boot: &'static str,
    now: Timestamp,
    limit: Option<Duration>,
    apps: Option<Vec<AppHealth>>,
}

impl World {
    /// 0.2.0 has just been started from 0.1.0, on which two apps were healthy.
    fn started() -> Self {
        let mut broken = app("broken", Some("it never answered"));
        broken.release = Some(release(9));
        let off = AppHealth { wanted: false, ..app("off", None) };
        let busy = AppHealth { busy: true, ..app("busy", None) };
        let apps = vec![app("shop", None), app("wiki", None), broken, off, busy];
        let (from, to) = (version("0.1.0"), version("0.2.0"));
        let proof = Proof::begin(from, to.clone(), Timestamp::UNIX_EPOCH, "one".to_owned(), apps);
        assert_eq!(proof.apps(), 2, "only what was healthy and nobody worked on");
        Self {
            proof: Some(proof),
            running: to,
            kept: true,
            has_back: true,
            at_work: false,
            boot: "two",
            now: Timestamp::UNIX_EPOCH,
            limit: Some(ANSWER),
            apps: Some(vec![app("shop", None), app("wiki", None)]),
        }
    }

    fn shop(&mut self, change: impl FnOnce(&mut AppHealth)) {
        change(&mut self.apps.as_mut().unwrap()[0]);
    }

    fn breaks(mut self) -> Self {
        self.shop(|shop| shop.trouble = Some("it does not answer on port 8080".to_owned()));
        self
    }

    /// One look after this time; what follows from it. What is kept is written and read again, as the database does.
    fn look(&mut self, passed: Duration) -> Next {
        let proof = self.proof.clone().unwrap();
        self.now += SignedDuration::try_from(passed).unwrap();
        let next = proof.next(&Look {
            running: &self.running,
            kept: self.kept,
            has_back: self.has_back,
            at_work: self.at_work,
            boot: self.boot,
            now: self.now,
            passed,
            apps: self.apps.as_deref(),
            limit: self.limit,
            pace: Pace::default(),
        });
        if let Next::Keep(now) | Next::Ask(now) | Next::Return(now) = &next {
            let text = serde_json::to_string(now).unwrap();
            self.proof = Some(serde_json::from_str(&text).unwrap());
        }
        next
    }

    /// Looks as often as the box does, for so long; the first thing that is more than waiting.
    fn wait(&mut self, time: Duration) -> Option<Next> {
        let every = Pace::default().every;
        for _ in 0..time.as_secs().div_ceil(every.as_secs()) {
            let next = self.look(every);
            if !matches!(next, Next::Nothing | Next::Keep(_)) {
                return Some(next);
            }
        }
        None
    }

    fn question(&self) -> Question {
        self.proof.as_ref().unwrap().question().unwrap().clone()
    }

    /// Until somebody is asked.
    fn asked(mut self) -> Self {
        assert!(matches!(self.wait(10 * MINUTE), Some(Next::Ask(_))));
        self
    }
}

#[test]
fn when_every_app_is_healthy_for_a_minute_the_update_is_proved() {
    let mut world = World::started();
    assert!(matches!(world.look(Duration::ZERO), Next::Keep(_)));
    assert_eq!(world.wait(MINUTE / 2), None, "one that comes up and falls again is not healthy");
    assert_eq!(world.wait(MINUTE), Some(Next::Proved));
    let mut falls = World::started();
    falls.look(Duration::ZERO);
    for _ in 0..7 {
        falls.shop(|shop| shop.trouble = None);
        assert_eq!(falls.wait(MINUTE * 2 / 3), None);
        falls.shop(|shop| shop.trouble = Some("web ended with status 1".to_owned()));
        let _ = falls.look(Duration::from_secs(1));
    }
    assert!(matches!(falls.wait(MINUTE), Some(Next::Ask(_))));
}

#[test]
fn nothing_is_compared_before_the_version_is_kept() {
    let mut world = World { kept: false, ..World::started().breaks() };
    assert_eq!(world.wait(20 * MINUTE), None);
    assert_eq!(world.proof.as_ref().unwrap().stage, Stage::Leaving);
    world.kept = true;
    assert_eq!(world.wait(4 * MINUTE), None, "its grace begins now");
}

#[test]
fn an_app_that_is_not_healthy_after_its_grace_is_asked_about() {
    let mut world = World::started().breaks();
    assert_eq!(world.wait(5 * MINUTE), None, "every app gets a few minutes, and more where there are many");
    let Some(Next::Ask(asked)) = world.wait(MINUTE) else { panic!("nobody was asked") };
    let apps = &asked.question().unwrap().apps;
    assert_eq!((apps.len(), apps[0].id.as_str()), (1, "shop"));
    assert_eq!(apps[0].said, "it does not answer on port 8080");
}

#[test]
fn a_slow_app_gets_what_its_extension_says_up_to_half_an_hour() {
    for (says, minutes) in [(15, 15), (120, 30)] {
        let mut world = World::started().breaks();
        let mut proof = world.proof.take().unwrap();
        proof.apps[0].grace_s = says * 60;
        world.proof = Some(proof);
        world.look(Duration::ZERO);
        assert_eq!(world.wait(MINUTE * minutes), None, "{says}");
        assert!(matches!(world.wait(MINUTE), Some(Next::Ask(_))), "{says}");
    }
}

#[test]
fn a_restart_begins_the_grace_anew_and_not_the_time_to_answer() {
    let mut world = World::started().breaks();
    assert_eq!(world.wait(4 * MINUTE), None);
    world.boot = "three";
    assert_eq!(world.wait(5 * MINUTE), None);
    let mut world = world.asked();
    assert_eq!(world.wait(20 * MINUTE), None);
    world.boot = "four";
    assert!(matches!(world.wait(11 * MINUTE), Some(Next::Return(_))));
}

#[test]
fn what_its_owner_did_since_says_nothing_about_the_update() {
    let removed = |world: &mut World| drop(world.apps.as_mut().unwrap().remove(0));
    let stopped = |world: &mut World| world.shop(|shop| shop.wanted = false);
    let changed = |world: &mut World| world.shop(|shop| shop.release = Some(release(2)));
    let leaving = |world: &mut World| world.shop(|shop| shop.release = None);
    for does in [removed, stopped, changed, leaving] {
        let mut world = World::started().breaks();
        does(&mut world);
        assert_eq!(world.wait(3 * MINUTE), Some(Next::Proved));
        let mut asked = World::started().breaks().asked();
        does(&mut asked);
        assert_eq!(asked.wait(3 * MINUTE), Some(Next::Proved), "the question goes away by itself");
    }
}

#[test]
fn while_somebody_works_on_an_app_nobody_judges_it() {
    let mut world = World::started().breaks();
    world.shop(|shop| shop.busy = true);
    assert_eq!(world.wait(60 * MINUTE), None);
    world.shop(|shop| shop.busy = false);
    assert_eq!(world.wait(4 * MINUTE), None, "its grace has waited");
    let mut asked = world.asked();
    assert_eq!(asked.wait(20 * MINUTE), None);
    asked.shop(|shop| shop.busy = true);
    assert_eq!(asked.wait(60 * MINUTE), None, "whoever mends it is not cut off");
    assert_eq!(asked.question().apps.len(), 1, "and the question stands");
    asked.shop(|shop| shop.busy = false);
    assert!(matches!(asked.wait(11 * MINUTE), Some(Next::Return(_))));
}

#[test]
fn without_an_answer_it_goes_back_after_the_time_and_not_before() {
    let mut world = World::started().breaks().asked();
    assert_eq!(world.question().left(ANSWER), ANSWER);
    assert_eq!(world.wait(29 * MINUTE), None);
    assert_eq!(world.question().left(ANSWER), MINUTE);
    assert_eq!(world.question().at, world.now, "when it ends does not move while one looks");
    let Some(Next::Return(now)) = world.wait(2 * MINUTE) else { panic!("it did not go back") };
    let returning = now.returning("two".to_owned()).unwrap();
    assert!(returning.question().is_none(), "nobody is asked any more");
    world.proof = Some(returning);
    assert_eq!(world.wait(60 * MINUTE), None, "it waits for the restart");
    world.running = version("0.1.0");
    world.boot = "three";
    assert_eq!(world.look(Duration::ZERO), Next::Forget);
}

#[test]
fn a_jump_of_the_clock_on_the_wall_shortens_nothing() {
    let mut world = World::started().breaks().asked();
    world.now += SignedDuration::from_hours(24 * 365);
    assert_eq!(world.wait(29 * MINUTE), None);
}

#[test]
fn apps_that_are_healthy_in_the_moment_in_which_the_time_is_over_stay() {
    let mut world = World { limit: Some(60 * MINUTE), ..World::started().breaks().asked() };
    assert_eq!(world.wait(10 * MINUTE), None);
    world.shop(|shop| shop.trouble = None);
    world.limit = Some(5 * MINUTE);
    assert!(!matches!(world.look(Duration::ZERO), Next::Return(_)));
    world.shop(|shop| shop.trouble = Some("no".to_owned()));
    assert!(matches!(world.look(Duration::ZERO), Next::Return(_)));
}

#[test]
fn it_does_not_go_back_where_it_may_not_or_cannot() {
    let mut never = World { limit: None, ..World::started().breaks().asked() };
    assert_eq!(never.wait(MINUTE), None);
    let kept = never.proof.clone();
    assert_eq!(never.wait(48 * 60 * MINUTE), None);
    assert_eq!(never.proof, kept, "nothing is written while nothing happens");
    let mut nowhere = World { has_back: false, ..World::started().breaks().asked() };
    assert_eq!(nowhere.wait(48 * 60 * MINUTE), None);
    nowhere.has_back = true;
    assert!(matches!(nowhere.wait(31 * MINUTE), Some(Next::Return(_))));
    let mut blind = World { apps: None, ..World::started().breaks().asked() };
    assert_eq!(blind.wait(48 * 60 * MINUTE), None, "whoever cannot see does not judge");
}

#[test]
fn a_way_back_that_did_not_work_is_not_tried_again_without_a_person() {
    let mut world = World::started().breaks().asked();
    let returning = world.proof.take().unwrap().returning("two".to_owned()).unwrap();
    world.proof = Some(returning.not_returned().unwrap());
    assert_eq!(world.wait(48 * 60 * MINUTE), None, "the job failed");
    // The machine restarted, and yet the same version runs.
    world.proof = Some(returning);
    world.boot = "three";
    world.at_work = true;
    assert_eq!(world.look(Duration::ZERO), Next::Nothing, "the job goes on");
    world.at_work = false;
    assert!(matches!(world.look(Duration::ZERO), Next::Keep(_)));
    assert!(world.question().stays);
    world.shop(|shop| shop.trouble = None);
    assert_eq!(world.wait(2 * MINUTE), Some(Next::Proved));
}

#[test]
fn what_was_written_down_is_forgotten_when_it_says_nothing_any_more() {
    let back = |boot: &'static str| World { running: version("0.1.0"), boot, ..World::started() };
    assert_eq!(back("one").look(MINUTE), Next::Nothing, "the restart is only coming");
    assert_eq!(back("two").look(MINUTE), Next::Forget, "the old version came back");
    assert_eq!(back("one").look(MINUTE * 60 * 25), Next::Forget, "the restart never came");
    let mut third = World { running: version("0.3.0"), ..World::started() };
    assert_eq!(third.look(MINUTE), Next::Forget);
    let mut late = World::started();
    assert_eq!(late.look(MINUTE * 60 * 25), Next::Forget, "the box was off for more than a day");
    let mut early = World::started();
    early.now = Timestamp::UNIX_EPOCH - SignedDuration::from_hours(25);
    assert_eq!(early.look(Duration::ZERO), Next::Forget, "a clock that was wrong");
    let mut asked = World::started().breaks().asked();
    asked.running = version("0.1.0");
    assert_eq!(asked.look(MINUTE), Next::Forget);
}

/// What may happen between two looks.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Time(u64),
    Breaks(bool),
    Busy(bool),
    Restart,
    Blind(bool),
    Setting(Option<u64>),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => (1_u64..300).prop_map(Happens::Time),
        2 => any::<bool>().prop_map(Happens::Breaks),
        1 => any::<bool>().prop_map(Happens::Busy),
        1 => Just(Happens::Restart),
        1 => any::<bool>().prop_map(Happens::Blind),
        1 => prop_oneof![Just(None), (5_u64..60).prop_map(Some)].prop_map(Happens::Setting),
    ]
}

proptest! {
    /// Whatever happens, nobody is asked before the grace, it does not go back before the time to answer, and it is proved
    /// only by apps that are healthy.
    #[test]
    fn nothing_comes_too_early(story in proptest::collection::vec(happens(), 1..200)) {
        let mut world = World::started();
        let (boots, mut boot) = (["two", "three"], 0);
        let (mut all, mut asking) = (Duration::ZERO, None);
        for happened in story {
            let mut passed = Duration::ZERO;
            match happened {
                Happens::Time(seconds) => passed = Duration::from_secs(seconds),
                Happens::Breaks(is) => if world.apps.is_some() {
                    world.shop(|shop| shop.trouble = is.then(|| "no".to_owned()));
                },
                Happens::Busy(is) => if world.apps.is_some() {
                    world.shop(|shop| shop.busy = is);
                },
                Happens::Restart => {
                    boot = 1 - boot;
                    world.boot = boots[boot];
                }
                Happens::Blind(is) => world.apps = (!is).then(|| vec![app("shop", None), app("wiki", None)]),
                Happens::Setting(minutes) => world.limit = minutes.map(|minutes| MINUTE * u32::try_from(minutes).unwrap()),
            }
            all += passed;
            let well = world.apps.as_ref().is_some_and(|apps| apps[0].trouble.is_none() && !apps[0].busy);
            match world.look(passed) {
                Next::Proved => {
                    prop_assert!(well);
                    return Ok(());
                }
                Next::Ask(_) => {
                    prop_assert!(!well && all >= 5 * MINUTE);
                    asking = Some(all);
                }
                Next::Return(_) => {
                    let since = asking.unwrap();
                    prop_assert!(!well && world.apps.is_some() && all - since >= world.limit.unwrap());
                    return Ok(());
                }
                Next::Forget => prop_assert!(all > MINUTE * 60 * 24),
                Next::Nothing | Next::Keep(_) => {}
            }
        }
    }
}
