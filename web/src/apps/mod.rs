//! Pages of apps: what is installed, the store, one app with its logs and settings, removing it.

mod act;
mod actions;
mod adopt;
mod archives;
mod bindings;
mod consent;
mod disks;
mod form;
mod health;
mod list;
mod moves;
mod policy;
mod release;
mod releases;
mod results;
mod show;
mod snapshots;
mod store;

use axum::{extract::DefaultBodyLimit, handler::Handler};
use orbitr_access::{
    Caller,
    action::{
        ChangeApp, CloneApp, ExportApp, InstallApp, InstallUnknown, ListApps, ManageArchives, OperateApp, RemoveApp,
        RevealAppSecrets, ViewApp, ViewArchives, ViewCatalog,
    },
    gate::Routes,
};
use orbitr_apps::{AppView, Verb};
use orbitr_model::{AppId, ExtensionId};

use crate::{
    site::Site,
    ui::{self, Button, Empty, Icon},
};

const ARCHIVES: &str = "/projects/{project}/archives";

fn archives(routes: Routes<Site>) -> Routes<Site> {
    // Piece by piece onto the disk, which is its bound.
    let upload = archives::upload.layer(DefaultBodyLimit::disable());
    routes
        .get(ExportApp, "/apps/{app}/export", archives::export_page)
        .post(ExportApp, "/apps/{app}/export", archives::export)
        .get(ViewArchives, ARCHIVES, archives::page)
        .post(ManageArchives, ARCHIVES, upload)
        .get(ViewArchives, "/projects/{project}/archives/{archive}", archives::show)
        .get(ViewArchives, "/projects/{project}/archives/{archive}/file", archives::file)
        .post(InstallApp, "/projects/{project}/archives/{archive}/install", archives::install)
        .get(ManageArchives, "/projects/{project}/archives/{archive}/delete", archives::confirm)
        .post(ManageArchives, "/projects/{project}/archives/{archive}/delete", archives::delete)
}

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    archives(routes)
        .get(InstallUnknown, "/adopt", adopt::page)
        .get(InstallUnknown, "/adopt/{compose}", adopt::show)
        .post(InstallUnknown, "/adopt/{compose}", adopt::adopt)
        .get(ListApps, "/apps", list::page)
        .get(ListApps, "/apps/list", list::rows)
        .get(ViewCatalog, "/store", store::page)
        .get(ViewCatalog, "/store/{registry}/{extension}", store::extension)
        .get(ViewCatalog, "/store/{registry}/{extension}/icon.svg", store::icon)
        .post(InstallApp, "/projects/{project}/install/{registry}/{extension}", store::install)
        .get(ViewApp, "/apps/{app}", show::overview)
        .get(ViewApp, "/apps/{app}/live", show::live)
        .get(ViewApp, "/apps/{app}/open/{endpoint}", show::open)
        .get(ViewApp, "/apps/{app}/logs", show::logs)
        .get(ViewApp, "/apps/{app}/log", show::log)
        .get(ViewApp, "/apps/{app}/log.txt", show::log_file)
        .get(ViewApp, "/apps/{app}/history", show::history)
        .get(ChangeApp, "/apps/{app}/settings", act::settings)
        .post(ChangeApp, "/apps/{app}/settings", act::change)
        .get(ChangeApp, "/apps/{app}/update", releases::update_page)
        .post(ChangeApp, "/apps/{app}/update", releases::update)
        .get(ChangeApp, "/apps/{app}/roll-back/{release}", releases::confirm)
        .post(ChangeApp, "/apps/{app}/roll-back/{release}", releases::roll_back)
        .post(OperateApp, "/apps/{app}/start", act::start)
        .get(OperateApp, "/apps/{app}/stop", bindings::before_stop)
        .post(OperateApp, "/apps/{app}/stop", act::stop)
        .post(ChangeApp, "/apps/{app}/bindings/{binding}/password", bindings::rotate)
        .post(OperateApp, "/apps/{app}/restart", act::restart)
        .post(RevealAppSecrets, "/apps/{app}/secrets", act::reveal)
        .post(ChangeApp, "/apps/{app}/name", act::rename)
        .post(ChangeApp, "/apps/{app}/update-policy", policy::change)
        .get(RevealAppSecrets, "/apps/{app}/results/{job}", results::page)
        .get(RevealAppSecrets, "/apps/{app}/results/{job}/live", results::live)
        .post(RevealAppSecrets, "/apps/{app}/results/{job}", results::take)
        .get(ChangeApp, "/apps/{app}/actions/{action}", actions::confirm)
        .post(ChangeApp, "/apps/{app}/actions/{action}", actions::press)
        .get(ViewApp, "/apps/{app}/releases/{release}", release::page)
        .post(ChangeApp, "/apps/{app}/releases/{release}/pin", release::pin)
        .post(ChangeApp, "/apps/{app}/releases/{release}/unpin", release::unpin)
        .get(ChangeApp, "/apps/{app}/snapshots/{snapshot}", release::browse)
        .get(ChangeApp, "/apps/{app}/snapshots/{snapshot}/file", release::file)
        .get(RemoveApp, "/apps/{app}/snapshots/{snapshot}/delete", snapshots::confirm)
        .post(RemoveApp, "/apps/{app}/snapshots/{snapshot}/delete", snapshots::delete)
        .get(ChangeApp, "/apps/{app}/data", disks::page)
        .post(ChangeApp, "/apps/{app}/data", disks::change)
        .get(CloneApp, "/apps/{app}/clone", moves::clone_page)
        .post(CloneApp, "/apps/{app}/clone", moves::clone)
        .get(RemoveApp, "/apps/{app}/remove", act::confirm)
        .post(RemoveApp, "/apps/{app}/remove", act::remove)
}

/// Where an extension's picture is.
pub(crate) fn icon(extension: &ExtensionId) -> String {
    format!("/store/{extension}/icon.svg")
}

/// Whether somebody may install an app: only then is the way to it offered.
pub(crate) fn may_install(site: &Site, caller: &Caller) -> bool {
    site.access.home().is_some_and(|home| caller.may::<InstallApp>(&home))
}

/// In place of apps where there are none; the way to the store only for those who may install.
pub(crate) fn no_apps(may_install: bool) -> Empty {
    let empty = ui::empty(Icon::LayoutGrid, "No apps yet");
    if may_install {
        empty
            .text("The store has apps that are ready for this box. The first one takes about two minutes.")
            .action(ui::link_button("Open the store", "/store").primary().icon(Icon::Store))
    } else {
        empty.text("Nothing on this box is granted to you so far. An admin of the box can do that, under People.")
    }
}

/// What this caller can ask of an app now.
pub(crate) fn verbs(app: &AppView, caller: &Caller) -> Vec<Verb> {
    if caller.may::<OperateApp>(&app.id) { app.verbs.clone() } else { Vec::new() }
}

/// What asking it is called, its picture, and where it is asked.
pub(crate) fn verb(app: &AppId, verb: Verb) -> (&'static str, Icon, String) {
    let (word, icon, path) = match verb {
        Verb::Start => ("Start", Icon::Play, "start"),
        Verb::Stop => ("Stop", Icon::Square, "stop"),
        Verb::Restart => ("Restart", Icon::RotateCw, "restart"),
    };
    (word, icon, format!("/apps/{app}/{path}"))
}

/// The button that asks it.
fn verb_button(app: &AppId, asked: Verb) -> Button {
    let (word, icon, href) = verb(app, asked);
    ui::button(word).icon(icon).post(href)
}
