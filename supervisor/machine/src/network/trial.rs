//! Changing the network without locking anybody out: a setting is tried, and goes back by itself unless somebody confirms it
//! over a way that the new setting leaves open.
//!
//! The database says what is confirmed and what is tried. An operation is one transaction; the follower then brings the
//! machine to what the database says, a moment later, so that the answer still gets out over the old address. A trial is
//! bound to this boot of the machine and to the clock that nobody can set, so that neither a restart of the supervisor nor
//! a clock that jumps makes it longer: after a reboot the machine has the confirmed setting again (privileged), and root's
//! own timer takes a trial back that the supervisor does not.

use std::{convert::Infallible, net::IpAddr, time::Duration};

use jiff::SignedDuration;
use orbitr_access::{Permit, action::ChangeNetwork};
use orbitr_host::{clock, network as host};
use orbitr_model::{Actor, Problem, Timestamp, Topic, deed};
use orbitr_store::{NewEvent, Outcome, Subject, time};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{
    CardChange,
    card::{self, CardSettings, Ipv4, KeptTrial, LastTrial, TrialEnd},
    check,
};
use crate::{Error, Issue, Machine};

/// So long the answer to whoever asked has to get out before the address changes.
const ANSWER: Duration = Duration::from_secs(1);
/// After a setting could not be applied, it is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// A setting that is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Trial {
    /// The interface.
    pub name: String,
    /// What it is set to now.
    pub to: CardSettings,
    /// What it goes back to.
    pub from: CardSettings,
    /// Whether the machine has it by now; until then it cannot be confirmed.
    pub applied: bool,
    /// How many seconds are left to confirm it.
    pub seconds_left: u64,
    /// The same as a moment, by the machine's clock as it is now.
    pub until: Timestamp,
}

/// A card whose setting can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Card {
    /// The interface, for example `eth0`.
    pub name: String,
    /// What is set: what is tried, while something is.
    #[serde(flatten)]
    pub settings: CardSettings,
    /// The addresses that it has, each with the bits that name its network.
    pub addresses: Vec<String>,
}

/// What can be changed about the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Changing {
    /// Whether anything can be changed from here.
    pub available: bool,
    /// Why not; empty when it can.
    pub reason: String,
    /// The cards that can be set.
    pub cards: Vec<Card>,
    /// What is tried at the moment.
    pub trial: Option<Trial>,
    /// How the last trial ended.
    pub last: Option<LastTrial>,
}

/// Why the network is not ours to change.
const HOSTED: &str = "In hosted mode the network belongs to whoever looks after this Linux. Change it there; on Orbitr OS it can be changed here.";

/// What the clock that nobody can set says, in milliseconds.
fn since_boot() -> Result<u64, Error> {
    let now = clock::since_boot().map_err(|error| Error::Host(error.into()))?;
    Ok(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

impl KeptTrial {
    /// How long it goes on; none when it is over.
    fn left(&self) -> Option<Duration> {
        let now = since_boot().ok().filter(|_| self.boot == clock::boot_id())?;
        self.until_ms.checked_sub(now).filter(|left| *left > 0).map(Duration::from_millis)
    }

    fn view(&self) -> Trial {
        let left = self.left().unwrap_or_default();
        let until = time::now() + SignedDuration::try_from(left).unwrap_or_default();
        Trial {
            name: self.name.clone(),
            to: self.to.clone(),
            from: self.from.clone(),
            applied: self.applied,
            // A second that has begun counts.
            seconds_left: u64::try_from(left.as_millis().div_ceil(1000)).unwrap_or_default(),
            until,
        }
    }

    /// Whether somebody who came over this address of the box would also get in when only the new setting is there.
    fn leaves_open(&self, over: IpAddr, now: &[IpAddr]) -> bool {
        let IpAddr::V4(own) = over else { return now.contains(&over) };
        // With DHCP the old address may be given again.
        let goes =
            self.addresses.contains(&over) && matches!(self.to.ipv4, Ipv4::Static { address, .. } if address != own);
        now.contains(&over) && !goes
    }
}

impl Machine {
    pub(crate) async fn look_at_changing(&self) -> Result<Changing, Error> {
        if !self.outside().image {
            return Ok(Changing { reason: HOSTED.to_owned(), ..Changing::default() });
        }
        let (confirmed, trial, last) = self.inner.store.read(kept).await?;
        let trial = trial.filter(|trial| trial.left().is_some());
        let (cards, reason) = match self.outside().bus.cards().await {
            Ok(cards) => (cards, String::new()),
            Err(error) => (Vec::new(), format!("systemd-networkd does not say which cards there are ({error}).")),
        };
        let card = |card: orbitr_host::dbus::Card| {
            let tried = trial.as_ref().map(|trial| &trial.to).filter(|to| to.mac == card.mac);
            let set = tried.or_else(|| confirmed.iter().find(|one| one.mac == card.mac)).cloned();
            Card {
                settings: set.unwrap_or_else(|| CardSettings::untouched(&card.mac)),
                addresses: card.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect(),
                name: card.name,
            }
        };
        Ok(Changing {
            available: reason.is_empty(),
            reason,
            cards: cards.into_iter().map(card).collect(),
            trial: trial.as_ref().map(KeptTrial::view),
            last,
        })
    }

    /// Tries another setting for one card. The old one comes back unless [`Machine::confirm_network`] comes in time.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Error::Invalid`] names every field that is not right;
    /// [`Error::NetworkPending`] while another change is tried; [`Error::Bus`] when networkd does not answer.
    pub async fn change_network(&self, permit: &Permit<ChangeNetwork>, change: &CardChange) -> Result<Trial, Error> {
        self.only_here()?;
        let cards = self.outside().bus.cards().await?;
        let (confirmed, ..) = self.inner.store.read(kept).await?;
        let to = check::settings(change, &cards, &confirmed)?;
        let found = cards.iter().find(|card| card.mac == to.mac);
        let name = found.map(|card| card.name.clone()).unwrap_or_default();
        let addresses =
            found.map(|card| card.addresses.iter().map(|(address, _)| *address).collect()).unwrap_or_default();
        let until = self.outside().confirm_within.as_millis().try_into().unwrap_or(u64::MAX);
        let until_ms = since_boot()?.saturating_add(until);
        let (actor, address, subject) = (permit.actor().clone(), permit.address(), self.subject());
        let trial = self.inner.store.write(move |tx| {
            if let Some(trial) = card::trial(tx)? {
                return Err(Error::NetworkPending(Box::new(trial.view())));
            }
            let confirmed = card::confirmed(tx)?;
            let from = confirmed.into_iter().find(|one| one.mac == to.mac);
            let from = from.unwrap_or_else(|| CardSettings::untouched(&to.mac));
            let detail = json!({ "card": name, "from": from.sentence(), "to": to.sentence() });
            let trial = KeptTrial { name, to, from, addresses, boot: clock::boot_id(), until_ms, applied: false };
            card::put_trial(tx, &trial)?;
            tx.event(NewEvent { actor, action: deed::NETWORK_TRY, subject, outcome: Outcome::Ok, detail, address })?;
            tx.changed(Topic::Box);
            Ok(trial)
        });
        let trial = trial.await?;
        self.inner.network.notify_one();
        Ok(trial.view())
    }

    /// Keeps what is tried. `over` is the address of the box that the request came in on, none from the box itself: whoever
    /// confirms shows that they get in with the new setting.
    ///
    /// # Errors
    /// [`Error::NothingTried`]; [`Error::NotYetApplied`]; [`Error::NotOverTheNew`] over an address that the old setting
    /// gave.
    pub async fn confirm_network(&self, permit: &Permit<ChangeNetwork>, over: Option<IpAddr>) -> Result<(), Error> {
        self.only_here()?;
        let now = tokio::task::spawn_blocking(host::links).await;
        let now = now.map_err(|error| Error::Host(error.into()))?.map_err(|error| Error::Host(error.into()))?;
        let now: Vec<IpAddr> = now.iter().flat_map(|link| link.addresses.iter().map(|(address, _)| *address)).collect();
        let from_the_box = permit.address().is_none();
        let over = over.map(|address| address.to_canonical());
        let (actor, address, subject) = (permit.actor().clone(), permit.address(), self.subject());
        let kept = self.inner.store.write(move |tx| {
            let trial = card::trial(tx)?.filter(|trial| trial.left().is_some()).ok_or(Error::NothingTried)?;
            if !trial.applied {
                return Err(Error::NotYetApplied);
            }
            if !from_the_box && !over.is_some_and(|over| trial.leaves_open(over, &now)) {
                return Err(Error::NotOverTheNew(trial.to.address()));
            }
            card::confirm(tx, &trial.to)?;
            end(tx, &trial, TrialEnd::Kept, String::new())?;
            let detail = json!({ "card": trial.name, "to": trial.to.sentence() });
            tx.event(NewEvent { actor, action: deed::NETWORK_KEEP, subject, outcome: Outcome::Ok, detail, address })?;
            Ok(())
        });
        kept.await?;
        // Nothing of the machine changes; only what it starts with next time.
        self.write_box_file().await.map(drop)
    }

    /// Takes back what is tried, now.
    ///
    /// # Errors
    /// [`Error::NothingTried`]; otherwise as the database.
    pub async fn revert_network(&self, permit: &Permit<ChangeNetwork>) -> Result<(), Error> {
        self.only_here()?;
        self.take_back(permit.actor().clone(), permit.address(), TrialEnd::TakenBack, String::new()).await?;
        self.inner.network.notify_one();
        Ok(())
    }

    /// What is tried, as something that wants to be looked at.
    pub(crate) async fn network_issue(&self) -> Result<Option<Issue>, Error> {
        let trial = self.inner.store.read(card::trial).await?.filter(|trial| trial.left().is_some());
        let trial = trial.as_ref().map(KeptTrial::view);
        Ok(trial.map(|trial| Issue::NetworkTrial { name: trial.name, seconds_left: trial.seconds_left }))
    }

    fn only_here(&self) -> Result<(), Error> {
        if self.outside().image { Ok(()) } else { Err(Error::Unavailable(HOSTED.to_owned())) }
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject::new("box", self.box_id(), self.name())
    }

    async fn take_back(&self, actor: Actor, address: Option<IpAddr>, how: TrialEnd, why: String) -> Result<(), Error> {
        let subject = self.subject();
        let ended = self.inner.store.write(move |tx| {
            let trial = card::trial(tx)?.ok_or(Error::NothingTried)?;
            end(tx, &trial, how, why)?;
            let detail = json!({ "card": trial.name, "why": how.sentence(), "to": trial.from.sentence() });
            tx.event(NewEvent { actor, action: deed::NETWORK_RETURN, subject, outcome: Outcome::Ok, detail, address })?;
            Ok::<_, Error>(())
        });
        ended.await
    }

    /// Brings the machine to what the database says, at the start and whenever that changes, and ends a trial when its time
    /// is over.
    pub(crate) async fn follow_network(&self) -> Infallible {
        let mut settled = false;
        loop {
            let next = self.bring_network(&mut settled).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the settings of the machine could not be applied");
                Some(AGAIN)
            });
            let woken = async {
                match next {
                    Some(next) => timeout(next, self.inner.network.notified()).await.is_ok(),
                    None => {
                        self.inner.network.notified().await;
                        true
                    }
                }
            };
            if woken.await {
                settled = false;
                sleep(ANSWER).await;
            }
        }
    }

    /// One look; says when to look again, where nobody wakes it.
    async fn bring_network(&self, settled: &mut bool) -> Result<Option<Duration>, Error> {
        let (_, trial, _) = self.inner.store.read(kept).await?;
        let mut left = None;
        if let Some(trial) = &trial {
            left = trial.left();
            if left.is_none() {
                let rebooted = trial.boot != clock::boot_id();
                let how = if rebooted { TrialEnd::Restarted } else { TrialEnd::NotConfirmed };
                tracing::warn!(card = trial.name, "the old network setting comes back: {}", how.sentence());
                self.take_back(Actor::Box, None, how, String::new()).await?;
                *settled = false;
            }
        }
        if *settled {
            return Ok(left);
        }
        match self.apply(false).await {
            Ok(()) => {}
            Err(error) if left.is_some() => {
                tracing::warn!(%error, "the new network setting could not be applied");
                let why = Problem::from(error);
                let why = if why.detail.is_empty() { why.title } else { why.detail };
                self.take_back(Actor::Box, None, TrialEnd::NotApplied, why).await?;
                return self.apply(false).await.map(|()| None);
            }
            Err(error) => return Err(error),
        }
        *settled = true;
        if left.is_some() {
            self.note_applied().await?;
        }
        Ok(left)
    }

    async fn note_applied(&self) -> Result<(), Error> {
        let noted = self.inner.store.write(|tx| {
            if let Some(trial) = card::trial(tx)?.filter(|trial| !trial.applied) {
                card::put_trial(tx, &KeptTrial { applied: true, ..trial })?;
                tx.changed(Topic::Box);
            }
            Ok::<_, Error>(())
        });
        noted.await
    }
}

type Kept = (Vec<CardSettings>, Option<KeptTrial>, Option<LastTrial>);

fn kept(conn: &Connection) -> Result<Kept, Error> {
    Ok((card::confirmed(conn)?, card::trial(conn)?, card::last_trial(conn)?))
}

fn end(tx: &mut orbitr_store::Tx<'_>, trial: &KeptTrial, how: TrialEnd, why: String) -> Result<(), Error> {
    let last = LastTrial { name: trial.name.clone(), to: trial.to.clone(), end: how, why, at: time::now() };
    card::end_trial(tx, &last)?;
    tx.changed(Topic::Box);
    Ok(())
}
