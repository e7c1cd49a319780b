//! What an app's history may take: the oldest releases and snapshots go when the next change begins, so that one change's
//! way back is never touched by that change itself.

use orbitr_access::{Permit, action::ChangeApp};
use orbitr_jobs::StepContext;
use orbitr_model::{AppId, ReleaseId, deed};
use serde_json::json;

use crate::{
    Apps, Error,
    model::{Release, Snapshot},
    ops::event,
    rows, secret_prefix,
    work::{Hands, blocking},
};

/// So many releases are kept, the one that runs among them.
const RELEASES: usize = 10;
/// So many snapshots of the data are kept: on a file system without shared blocks each is a whole copy.
const SNAPSHOTS: usize = 3;
/// So many may be pinned besides: each keeps its images, and its data where that was kept.
const PINNED: usize = 10;

impl Apps {
    /// Pins a release, which then stays with the data of then however many come after it, or lets it go again.
    ///
    /// # Errors
    /// There is no such app or release, or as many are pinned as may be.
    pub async fn pin(&self, permit: &Permit<ChangeApp>, number: u32, pinned: bool) -> Result<(), Error> {
        let id = permit.resource().clone();
        let app = self.hands.store.read(move |conn| rows::get(conn, &id)).await?;
        let deed = if pinned { deed::APP_PIN } else { deed::APP_UNPIN };
        let event = event(permit, deed, &app, json!({ "release": number }));
        self.hands
            .store
            .write(move |tx| {
                let others = rows::releases(tx, &app.id)?;
                if pinned && others.iter().filter(|it| it.pinned && it.number != number).count() >= PINNED {
                    let why = format!("has {PINNED} pinned releases already: let go of one first");
                    return Err(Error::WrongState { app: app.id, why });
                }
                if !rows::pin(tx, &app.id, number, pinned)? {
                    return Err(Error::NoRelease { app: app.id, number });
                }
                tx.event(event).map(drop).map_err(Error::from)
            })
            .await
    }
}

impl Hands {
    /// Makes room for one more release, and for its snapshot. Neither the releases in `needed` nor the snapshot number
    /// `wanted` goes.
    pub(crate) async fn tidy(
        &self,
        cx: &StepContext,
        app: &AppId,
        needed: &[ReleaseId],
        wanted: Option<u32>,
    ) -> Result<(), Error> {
        let id = app.clone();
        let read = move |conn: &rusqlite::Connection| {
            Ok::<_, Error>((rows::releases(conn, &id)?, rows::snapshots(conn, &id)?))
        };
        let (releases, snapshots) = self.store.read(read).await?;
        let mut kept: Vec<u32> = snapshots.iter().map(|snapshot| snapshot.number).collect();
        let pinned: Vec<ReleaseId> = releases.iter().filter(|it| it.pinned).map(|release| release.id).collect();
        let old = old_releases(releases, needed);
        let loose = snapshots.into_iter().filter(|snapshot| !pinned.contains(&snapshot.release)).collect();
        for snapshot in old_snapshots(loose, &old, wanted) {
            self.forget_snapshot(app, snapshot.number).await?;
            kept.retain(|number| *number != snapshot.number);
            cx.log(&format!("The snapshot of release {} is the oldest and goes", snapshot.number));
        }
        let folder = self.folder(app);
        blocking(move || folder.keep_snapshots(&kept)).await?;
        self.drop_images(cx, old.clone()).await?;
        for release in old {
            let (folder, number) = (self.folder(app), release.number);
            blocking(move || folder.remove_release(number)).await?;
            let (secrets, prefix, id) = (self.store.secrets().clone(), secret_prefix(app, release.id), app.clone());
            self.store
                .write(move |tx| {
                    secrets.remove_prefix(tx, &prefix)?;
                    Ok::<_, Error>(rows::delete_release(tx, &id, release.id)?)
                })
                .await?;
        }
        Ok(())
    }
}

/// All but the newest; given and answered from the newest to the oldest.
fn old_releases(releases: Vec<Release>, needed: &[ReleaseId]) -> Vec<Release> {
    let loose = releases.into_iter().filter(|release| !release.pinned);
    loose.skip(RELEASES).filter(|release| !needed.contains(&release.id)).collect()
}

fn old_snapshots(snapshots: Vec<Snapshot>, old: &[Release], wanted: Option<u32>) -> Vec<Snapshot> {
    let of_an_old_one = |snapshot: &Snapshot| old.iter().any(|release| release.id == snapshot.release);
    snapshots
        .into_iter()
        .enumerate()
        .filter(|(index, snapshot)| {
            // (the one more that this change takes is not there yet)
            (*index + 1 >= SNAPSHOTS || of_an_old_one(snapshot)) && wanted != Some(snapshot.number)
        })
        .map(|(_, snapshot)| snapshot)
        .collect()
}
