//! Deleting a snapshot of an app's data.

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use orbitr_access::{
    Permit,
    action::{RemoveApp, ViewApp},
};

use super::{act::detail, releases::numbered, show::cx_of};
use crate::{
    flash::Flash,
    shell,
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Confirm},
};

pub(super) async fn confirm(
    State(site): State<Site>,
    permit: Permit<RemoveApp>,
    Cx(cx): Cx,
    Path((_, number)): Path<(String, String)>,
) -> Answer<Markup> {
    let number = numbered("snapshot", &number)?;
    let app = detail(&site, &permit).await?;
    let look = site.access.permit::<ViewApp>(permit.caller(), permit.resource().clone()).await?;
    let snapshots = site.apps.snapshots(&look).await?;
    let Some(snapshot) = snapshots.iter().find(|snapshot| snapshot.number == number) else {
        return Err(orbitr_apps::Error::SnapshotGone { app: app.app.id, number }.into());
    };
    let name = &app.app.name;
    let kept = cx.clock.exact(snapshot.created);
    let confirm = Confirm {
        title: format!("Delete the data of {name} that was kept {kept}?"),
        goes: vec![format!("{} as they were then; nobody can roll back to them any more", snapshot.size)],
        stays: vec!["The data of now, and every release".to_owned()],
        typed: None,
        fields: None,
        action: format!("/apps/{}/snapshots/{number}/delete", app.app.id),
        button: "Delete".to_owned(),
        back: format!("/apps/{}/history", app.app.id),
        problem: None,
    };
    let cx = cx_of(cx, &app, Some("Delete data of then"));
    Ok(shell::page(&cx, &format!("Delete data of {name}"), html! { (ui::Card::plain(html! { (confirm) })) }))
}

pub(super) async fn delete(
    State(site): State<Site>,
    permit: Permit<RemoveApp>,
    Path((_, number)): Path<(String, String)>,
) -> Answer<Response> {
    let started = site.apps.forget_snapshot(&permit, numbered("snapshot", &number)?).await?;
    let flash = Flash::busy("The data of then is being deleted").link("Follow it", format!("/jobs/{}", started.job));
    Ok(flash.redirect(&format!("/apps/{}/history", started.app)))
}
