//! What the box does about updates by itself: looks now and then, tells of versions that came back, downloads, and installs
//! in its window.

use std::{convert::Infallible, future::pending, time::Duration};

use jiff::SignedDuration;
use orbitr_jobs::unfinished;
use orbitr_model::{Actor, GateState, ImageVersion, Timestamp, Topic, deed};
use orbitr_store::{NewEvent, Outcome, Tx, time};
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    Updates, about,
    job::{self, Goal, UpdateArgs},
    restart::restart,
    settings::{self, Tried, UpdatePolicy},
};
use crate::{Error, Machine, power};

/// So often the source is looked at.
const EVERY: SignedDuration = SignedDuration::from_hours(12);
/// And so much later, by chance, so that not all boxes ask at once.
const JITTER: SignedDuration = SignedDuration::from_hours(3);
/// After a start nobody looks at once: the network is only coming up.
const FIRST: Duration = Duration::from_secs(90);
/// The windows are looked at so often.
const LOOK: Duration = Duration::from_secs(15 * 60);
/// What did not work is not tried by itself again before that.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// What is to be done without a person.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    Begin(ImageVersion, Goal),
    Restart(ImageVersion),
}

/// Decides that from how things are; pure.
fn next(updates: &Updates, tried: Option<&Tried>, hour: u8, now: Timestamp) -> Next {
    let settings = &updates.settings;
    let unproven = updates.gate.as_ref().is_some_and(|gate| gate.counted && gate.state != GateState::Passed);
    // Who went back by hand decides when to go forward.
    let unproven = unproven || updates.proving.is_some();
    if settings.hold || updates.job.is_some() || unproven || updates.chosen.is_some() {
        return Next::Nothing;
    }
    let open = settings.policy == UpdatePolicy::Automatic && settings.is_open(hour);
    let lately = |version: &ImageVersion, restart: bool| {
        tried.is_some_and(|tried| {
            let recent = now.duration_since(tried.at).abs() < AGAIN;
            tried.version == *version && (tried.restart || !restart) && recent
        })
    };
    match (&updates.offer, &updates.waiting) {
        (Some(offer), _) => {
            let goal = match settings.policy {
                UpdatePolicy::ByHand => return Next::Nothing,
                _ if open => Goal::Started,
                _ if offer.ready => return Next::Nothing,
                _ => Goal::Ready,
            };
            if lately(&offer.version, goal == Goal::Started) {
                return Next::Nothing;
            }
            Next::Begin(offer.version.clone(), goal)
        }
        (None, Some(waiting)) if open && !lately(waiting, true) => Next::Restart(waiting.clone()),
        _ => Next::Nothing,
    }
}

impl Machine {
    /// Does this for as long as it is polled.
    pub(crate) async fn follow_updates(&self) -> Infallible {
        if self.outside().acts.is_none() {
            return pending().await;
        }
        let mut wait = FIRST;
        if let Err(error) = self.tell_returned().await {
            tracing::warn!(%error, "history could not be told which versions came back");
        }
        if let Err(error) = self.note_schema().await {
            tracing::warn!(%error, "which database this version opens could not be written down");
        }
        loop {
            tokio::select! {
                () = sleep(wait) => {}
                () = self.inner.updates.notified() => {}
            }
            wait = LOOK;
            if let Err(error) = self.look_after_updates().await {
                tracing::warn!(%error, "updates could not be looked after");
            }
        }
    }

    async fn look_after_updates(&self) -> Result<(), Error> {
        self.tell_returned().await?;
        let now = time::now();
        let updates = self.look_at_updates().await?;
        if !updates.available {
            return Ok(());
        }
        let has_source = updates.settings.source.is_some() || updates.built_in_source.is_some();
        // What lies in the future was written by a clock that was wrong.
        let passed = updates.checked_at.map(|at| now.duration_since(at)).filter(|passed| !passed.is_negative());
        let updates = if has_source && passed.is_none_or(|passed| passed >= EVERY + self.jitter()) {
            self.works().check(&self.inner.store, &CancellationToken::new()).await?;
            self.look_at_updates().await?
        } else {
            updates
        };
        let hour = now.to_zoned(self.time_zone()).hour().unsigned_abs();
        let tried = self.inner.store.read(settings::tried).await?;
        match next(&updates, tried.as_ref(), hour, now) {
            Next::Nothing => Ok(()),
            Next::Begin(version, goal) => self.begin_by_itself(version, goal, now).await,
            Next::Restart(version) => self.restart_by_itself(version, now).await,
        }
    }

    /// Always the same for one box: boxes differ, and a restart brings nothing forward.
    fn jitter(&self) -> SignedDuration {
        let sum = self.box_id().bytes().fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % JITTER.as_secs());
        SignedDuration::from_secs(sum)
    }

    async fn begin_by_itself(&self, version: ImageVersion, goal: Goal, now: Timestamp) -> Result<(), Error> {
        let fit = if goal == Goal::Ready { Ok(()) } else { self.works().supplies().fit_to_install() };
        if let Err(why) = fit {
            tracing::info!(%why, "the update is not installed now");
            return Ok(());
        }
        let Ok(_alone) = self.inner.uploading.try_lock() else { return Ok(()) };
        let write = move |tx: &mut Tx<'_>| {
            let restart = goal == Goal::Started;
            settings::note_try(tx, &Tried { version: version.clone(), restart, at: now })?;
            let event = NewEvent::by_the_box(deed::BOX_UPDATE, about(&version), json!({ "restart": restart }));
            let args = UpdateArgs { version, goal, actor: Actor::Box };
            job::begin(tx, &args)?;
            tx.event(event)?;
            tx.changed(Topic::Box);
            Ok::<_, Error>(())
        };
        self.inner.store.write(write).await
    }

    /// Only while no job is at work: a restart that waited for one would come outside of the window.
    async fn restart_by_itself(&self, version: ImageVersion, now: Timestamp) -> Result<(), Error> {
        if let Err(why) = self.works().supplies().fit_to_restart() {
            tracing::info!(%why, "the machine is not restarted into the update now");
            return Ok(());
        }
        let reason = format!("Begin with Orbitr OS {version}");
        let event =
            NewEvent::by_the_box(deed::BOX_REBOOT, orbitr_store::Subject::the_box(), json!({ "reason": reason }));
        let write = move |tx: &mut Tx<'_>| {
            if !power::holding(unfinished(tx, None)?).is_empty() || restart(tx, Actor::Box)?.is_none() {
                return Ok(());
            }
            settings::note_try(tx, &Tried { version, restart: true, at: now })?;
            tx.event(event)?;
            Ok::<_, Error>(())
        };
        self.inner.store.write(write).await
    }

    /// Writes into history, once, which versions came back.
    async fn tell_returned(&self) -> Result<(), Error> {
        let Some(facts) = self.outside().acts.as_ref().and_then(|acts| acts.updates().ok()) else { return Ok(()) };
        let told = self.inner.store.read(settings::told).await?;
        // One that still runs is only about to be left: the version that takes its place tells of it.
        let gone = facts.returned.into_iter().filter(|back| facts.running.as_ref() != Some(&back.version));
        let new: Vec<_> = gone.filter(|back| !told.contains(&settings::name_of(back))).collect();
        if new.is_empty() {
            return Ok(());
        }
        let write = move |tx: &mut Tx<'_>| {
            for back in &new {
                let detail = json!({ "reason": back.reason, "at": back.at });
                let event = NewEvent::by_the_box(deed::BOX_UPDATE_RETURNED, about(&back.version), detail);
                tx.event(NewEvent { outcome: Outcome::Ok, ..event })?;
            }
            settings::note_told(tx, new.iter().map(settings::name_of).collect())?;
            tx.changed(Topic::Box);
            Ok::<_, Error>(())
        };
        self.inner.store.write(write).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use orbitr_model::{ByteSize, GateFacts, JobId};

    use super::*;
    use crate::{Offer, UpdateSettings};

    fn version() -> ImageVersion {
        "0.2.0".parse().unwrap()
    }

    fn here(policy: UpdatePolicy, ready: bool) -> Updates {
        let offer = Offer {
            version: version(),
            published: None,
            notes: String::new(),
            size: ByteSize(1),
            ready,
            uploaded: false,
        };
        Updates {
            available: true,
            offer: Some(offer),
            settings: UpdateSettings { policy, ..UpdateSettings::default() },
            ..Updates::default()
        }
    }

    fn at(updates: &Updates, hour: u8) -> Next {
        next(updates, None, hour, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_policy_and_the_window_say_how_far_it_goes() {
        use UpdatePolicy::{Automatic, ByHand, Download};
        let begin = |goal| Next::Begin(version(), goal);
        for (policy, ready, hour, then) in [
            (ByHand, false, 4, Next::Nothing),
            (Download, false, 4, begin(Goal::Ready)),
            (Download, true, 4, Next::Nothing),
            (Automatic, false, 12, begin(Goal::Ready)),
            (Automatic, true, 12, Next::Nothing),
            (Automatic, true, 4, begin(Goal::Started)),
            (Automatic, false, 3, begin(Goal::Started)),
            (Automatic, true, 5, Next::Nothing),
        ] {
            assert_eq!(at(&here(policy, ready), hour), then, "{policy:?} {ready} {hour}");
        }
        let waits = Updates { offer: None, waiting: Some(version()), ..here(Automatic, true) };
        assert_eq!(at(&waits, 4), Next::Restart(version()));
        assert_eq!(at(&waits, 12), Next::Nothing);
        let by_hand = Updates { offer: None, waiting: Some(version()), ..here(Download, true) };
        assert_eq!(at(&by_hand, 4), Next::Nothing);
    }

    #[test]
    fn what_speaks_against_it_is_heeded() {
        let all = || here(UpdatePolicy::Automatic, true);
        let mut held = all();
        held.settings.hold = true;
        let gate = GateFacts { state: GateState::Watching, counted: true, tiers: Vec::new(), deadline_s: 600 };
        for against in [
            held,
            Updates { job: Some(JobId::new()), ..all() },
            Updates { chosen: Some(version()), ..all() },
            Updates { gate: Some(gate), ..all() },
        ] {
            assert_eq!(at(&against, 4), Next::Nothing, "{against:?}");
        }
    }

    #[test]
    fn what_failed_is_not_tried_again_all_the_time() {
        let tried = |restart| Tried { version: version(), restart, at: Timestamp::UNIX_EPOCH };
        let now = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let all = here(UpdatePolicy::Automatic, true);
        assert_eq!(next(&all, Some(&tried(true)), 4, now(1)), Next::Nothing);
        assert_eq!(next(&all, Some(&tried(false)), 4, now(1)), Next::Begin(version(), Goal::Started));
        assert_eq!(next(&all, Some(&tried(true)), 4, now(24)), Next::Begin(version(), Goal::Started));
    }
}
