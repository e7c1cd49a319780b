//! Pages of the machine underneath: about, units, journal, network, SSH, time, power, rescue, support.

mod about;
mod cards;
mod docker;
mod journal;
mod network;
mod power;
mod rescue;
mod ssh;
mod support;
mod time;
mod trial;
mod units;
mod updates;

use axum::{extract::DefaultBodyLimit, handler::Handler};
use maud::{Markup, html};
use orbitr_access::{
    Permit, TheBox,
    action::{
        ChangeBox, ChangeNetwork, ChangeSsh, MakeSupportBundle, PowerBox, RebuildDockerStore, ResetBox, RestartUnit,
        UpdateBox, ViewJournal, ViewMachine,
    },
    gate::Routes,
};
use orbitr_machine::Issue;

pub(crate) use self::updates::home as update_banner;
use crate::{
    shell::{PageCx, Section},
    site::Site,
    trouble::Answer,
    ui::{self, Tab, Tone},
};

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    // An update is larger than any form; the room itself bounds it by what was signed.
    let upload = updates::upload.layer(DefaultBodyLimit::disable());
    routes
        .get(ViewMachine, "/system", about::page)
        .get(ViewMachine, "/system/issues", about::issues_part)
        .get(ViewMachine, "/system/units", units::page)
        .get(ViewMachine, "/system/units/list", units::list)
        .get(ViewMachine, "/system/units/{unit}", units::show)
        .get(ViewMachine, "/system/units/{unit}/restart", units::confirm)
        .post(RestartUnit, "/system/units/{unit}/restart", units::restart)
        .get(ViewJournal, "/system/journal", journal::page)
        .get(ViewJournal, "/system/journal/part", journal::part)
        .get(ViewJournal, "/system/journal.txt", journal::download)
        .get(ViewMachine, "/system/network", network::page)
        .post(ChangeBox, "/system/network/host-name", network::rename)
        .get(ViewMachine, "/system/network/trial", trial::show)
        .get(ViewMachine, "/system/network/state", network::state_part)
        .get(ViewMachine, "/system/network/cards/{card}", cards::show)
        .post(ChangeNetwork, "/system/network/cards/{card}", cards::change)
        .post(ChangeNetwork, "/system/network/confirm", trial::confirm)
        .post(ChangeNetwork, "/system/network/revert", trial::revert)
        .get(ViewMachine, "/system/ssh", ssh::page)
        .post(ChangeSsh, "/system/ssh", ssh::save)
        .get(ViewMachine, "/system/time", time::page)
        .post(ChangeBox, "/system/time", time::save)
        .get(ViewMachine, "/system/power", power::page)
        .get(ViewMachine, "/system/power/{verb}", power::confirm)
        .post(PowerBox, "/system/power/{verb}", power::act)
        .get(ViewMachine, "/system/updates", updates::page)
        .get(ViewMachine, "/system/updates/state", updates::state_part)
        .post(UpdateBox, "/system/updates/check", updates::check)
        .post(UpdateBox, "/system/updates/install", updates::install)
        .post(UpdateBox, "/system/updates/upload", upload)
        .post(UpdateBox, "/system/updates/read", updates::read)
        .post(UpdateBox, "/system/updates/settings", updates::save)
        .post(UpdateBox, "/system/updates/lift", updates::lift)
        .get(ViewMachine, "/home/update", updates::home_part)
        .post(UpdateBox, "/system/updates/keep", updates::keep)
        .get(ViewMachine, "/system/updates/back", updates::confirm_back)
        .post(UpdateBox, "/system/updates/back", updates::back)
        .get(ViewMachine, "/system/updates/versions/{version}", updates::confirm)
        .post(UpdateBox, "/system/updates/versions/{version}", updates::choose)
        .get(ViewMachine, "/system/docker", docker::page)
        .get(ViewMachine, "/system/docker/state", docker::state_part)
        .post(RebuildDockerStore, "/system/docker/look", docker::look)
        .get(ViewMachine, "/system/docker/rebuild", docker::confirm_rebuild)
        .post(RebuildDockerStore, "/system/docker/rebuild", docker::rebuild)
        .get(ViewMachine, "/system/docker/remove", docker::confirm_removal)
        .post(RebuildDockerStore, "/system/docker/remove", docker::remove)
        .get(ViewMachine, "/system/rescue", rescue::page)
        .post(ChangeBox, "/system/rescue/safe-mode", rescue::safe_mode)
        .get(ViewMachine, "/system/rescue/factory-reset", rescue::confirm_reset)
        .post(ResetBox, "/system/rescue/factory-reset", rescue::reset)
        .get(ViewMachine, "/system/support", support::page)
        .get(MakeSupportBundle, "/system/support/bundle.tar.gz", support::bundle)
}

/// The pages of this section: their address below `/system`, their word, other words that find them.
pub(crate) const PAGES: [(&str, &str, &str); 11] = [
    ("", "About", ""),
    ("/units", "Units", "services systemd failed restart"),
    ("/journal", "Journal", "logs journalctl machine"),
    ("/network", "Network", "addresses gateway dns dhcp static mac host name links"),
    ("/ssh", "SSH", "shell root keys authorized login"),
    ("/time", "Time", "clock ntp zone servers"),
    ("/power", "Power", "reboot restart shutdown power off machine"),
    ("/updates", "Updates", "version system upgrade roll back slot channel image"),
    ("/docker", "Docker", "store images containers damaged rebuild set aside overlay2"),
    ("/rescue", "Rescue", "safe mode factory reset erase start over"),
    ("/support", "Support", "bundle help download"),
];

/// What stands over every page of the section.
fn head(page: &str) -> Markup {
    let tabs: Vec<Tab> =
        PAGES.iter().map(|(path, word, _)| Tab::new(*word, format!("/system{path}"), *word == page)).collect();
    html! {
        (ui::header("System").lead("The machine that this box runs on."))
        (ui::tabs("System", &tabs))
    }
}

fn cx_of(cx: PageCx, page: &str) -> PageCx {
    cx.section(Section::System).here(page)
}

/// What is wrong with the machine, as banners; nothing where nothing is.
async fn issues(site: &Site, permit: &Permit<ViewMachine>) -> Answer<Vec<Issue>> {
    let look = site.access.permit::<ViewMachine>(permit.caller(), TheBox).await?;
    Ok(site.machine.issues(&look).await?)
}

fn banners(issues: &[Issue]) -> Markup {
    html! {
        @for issue in issues {
            @let (tone, action) = match issue {
                Issue::UnitFailed { unit, .. } => (Tone::Bad, Some((format!("/system/units/{unit}"), "Look at it"))),
                Issue::Clock { clock } if !clock.is_usable() => (Tone::Bad, Some(("/system/time".to_owned(), "Look at the time"))),
                Issue::NetworkTrial { .. } => (Tone::Busy, Some(("/system/network".to_owned(), "Look at the network"))),
                Issue::Clock { .. } | Issue::NotSynchronised => (Tone::Warn, Some(("/system/time".to_owned(), "Look at the time"))),
            };
            @let banner = ui::banner(tone, issue.sentence()).body(html! { p { (issue.advice()) } });
            @if let Some((href, label)) = action { (banner.actions(ui::link_button(label, href).small())) } @else { (banner) }
        }
    }
}

/// What stands where this machine lacks something.
fn needs(icon: ui::Icon, title: &str, reason: &str) -> ui::Empty {
    ui::empty(icon, title).text(format!("{reason} It works on Orbitr OS."))
}
