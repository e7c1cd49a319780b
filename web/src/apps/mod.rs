//! Pages of apps: what is installed, the store, one app with its logs and settings, removing it.

mod act;
mod form;
mod list;
mod show;
mod store;

use orbitr_access::{
    action::{ChangeApp, InstallApp, ListApps, OperateApp, RemoveApp, RevealAppSecrets, ViewApp, ViewCatalog},
    gate::Routes,
};
use orbitr_model::ExtensionId;

use crate::site::Site;

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes
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
        .post(OperateApp, "/apps/{app}/start", act::start)
        .post(OperateApp, "/apps/{app}/stop", act::stop)
        .post(OperateApp, "/apps/{app}/restart", act::restart)
        .post(RevealAppSecrets, "/apps/{app}/secrets", act::reveal)
        .get(RemoveApp, "/apps/{app}/remove", act::confirm)
        .post(RemoveApp, "/apps/{app}/remove", act::remove)
}

/// Where an extension's picture is.
pub(crate) fn icon(extension: &ExtensionId) -> String {
    format!("/store/{extension}/icon.svg")
}
