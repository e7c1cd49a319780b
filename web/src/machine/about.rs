//! About: what this machine is, and what is wrong with it.

use axum::extract::State;
use maud::{Markup, html};
use orbitr_access::{
    Permit, TheBox,
    action::{ViewBox, ViewMachine},
};
use orbitr_model::Topic;

use super::{banners, cx_of, head, issues};
use crate::{
    shell,
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Icon, Status, Tone},
};

async fn issues_live(site: &Site, permit: &Permit<ViewMachine>) -> Answer<Markup> {
    let found = issues(site, permit).await?;
    let body = html! {
        @if found.is_empty() { p { (ui::status(Status::new(Tone::Good, Icon::CircleCheck, "Nothing is wrong with the machine"))) } }
        @else { (banners(&found)) }
    };
    Ok(ui::live("machine-issues", &[Topic::Units, Topic::Box], "/system/issues", body))
}

pub(super) async fn issues_part(State(site): State<Site>, permit: Permit<ViewMachine>) -> Answer<Markup> {
    issues_live(&site, &permit).await
}

pub(super) async fn page(State(site): State<Site>, permit: Permit<ViewMachine>, Cx(cx): Cx) -> Answer<Markup> {
    let look = site.access.permit::<ViewBox>(permit.caller(), TheBox).await?;
    let (about, figures) = (site.machine.about(&look).await?, site.machine.figures(&look).await?);
    let cx = cx_of(cx, "About");
    let mode = if site.machine.is_orbitr_os() {
        "Orbitr OS"
    } else if about.in_container {
        "Hosted, in a container: the machine itself is somebody else's."
    } else {
        "Hosted: Orbitr runs on this Linux as a service. Updates, disks and power of the machine need Orbitr OS."
    };
    let up = i64::try_from(figures.uptime).unwrap_or(0);
    let started = jiff::Timestamp::from_second(cx.clock.now().as_second().saturating_sub(up)).ok();
    let body = html! {
        (head("About"))
        div class="stack" {
            (issues_live(&site, &permit).await?)
            (ui::card("This machine", ui::key_values()
                .row("Orbitr", &about.version)
                .row("Mode", mode)
                .row("System", &about.system)
                .row("Kernel", &about.kernel)
                .row("Host name", ui::copyable(&about.host_name))
                .row("Processors", figures.cores.to_string())
                .row("Memory", figures.memory.total.to_string())
                .maybe("Started", started.map(|started| cx.clock.ago(started)))
                .row("Box", ui::copyable(&site.machine.box_id()))))
        }
    };
    Ok(shell::page(&cx, "System", body))
}
