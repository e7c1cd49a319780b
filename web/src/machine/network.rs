//! Network as it is, and the machine's name.

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit, TheBox,
    action::{ChangeBox, ViewMachine},
};
use orbitr_machine::{ChangeHostName, Link, Network};
use orbitr_model::{Problem, Topic};
use serde::Deserialize;

use super::{
    cards, cx_of,
    trial::{self, Reached},
};
use crate::{
    flash::Flash,
    shell::{PageCx, error_status},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Column, Field, Icon, Row, Status, Tone},
};

fn look(link: &Link) -> Status {
    match (link.up, link.carrier) {
        (true, true) => Status::new(Tone::Good, Icon::CircleCheck, "Connected"),
        (true, false) => Status::new(Tone::Warn, Icon::Unplug, "No cable"),
        (false, _) => Status::new(Tone::Neutral, Icon::CirclePause, "Off"),
    }
}

/// Megabits each second, as they stand on boxes of cards.
fn speed(megabits: u32) -> String {
    if megabits >= 1000 { format!("{} Gbit/s", f64::from(megabits) / 1000.0) } else { format!("{megabits} Mbit/s") }
}

/// The network as it is; follows the box, as a trial begins and ends.
fn state(network: &Network) -> Markup {
    let rows = network.links.iter().map(|link| {
        Row::new()
            .cell(link.name.as_str())
            .cell(html! { (ui::status(look(link))) @if !link.state.is_empty() { span class="status-reason" { (link.state) } } })
            .cell(html! { @for address in &link.addresses { div { code { (address) } } } })
            .cell(html! { @if let Some(mac) = &link.mac { code { (mac) } } })
            .cell(link.speed.map(speed).unwrap_or_default())
    });
    let columns = ["Link", "State", "Addresses", "Hardware address", "Speed"].map(Column::new);
    let empty = ui::empty(Icon::Network, "No link leads out of this machine");
    let lines =
        |list: Vec<String>| html! { @for line in &list { div { code { (line) } } } @if list.is_empty() { "none" } };
    let gateways = network.gateways.iter().map(|gateway| format!("{} ({})", gateway.address, gateway.link)).collect();
    let servers = network.name_servers.iter().map(ToString::to_string).collect();
    let mdns = match network.mdns.answers {
        Some(true) => "This machine answers to it.",
        Some(false) => "This machine does not answer to it.",
        None => "Whether it answers to it cannot be told here.",
    };
    let body = html! {
        div class="stack" {
            (ui::card("Links", ui::table("Links", columns).rows(rows).empty(empty)).flush())
            (ui::card("Gateway and names", ui::key_values()
                .row("Gateway", lines(gateways))
                .row("Name servers", lines(servers))
                .row("Local name", html! { (ui::copyable(&network.mdns.name)) " " span class="status-reason" { (mdns) } })
                .maybe("Looked after by", Some(&network.managed_by).filter(|by| !by.is_empty()))))
            (cards::list(network))
        }
    };
    ui::live("network-state", &[Topic::Box], "/system/network/state", body)
}

fn body(cx: PageCx, network: &Network, reached: Reached, typed: Option<&str>, problem: Option<&Problem>) -> Markup {
    let cx = cx_of(cx, "Network");
    let body = html! {
        (state(network))
            div class="narrow" {
            (ui::card("Host name", ui::Form::post("/system/network/host-name").problem(problem)
                .body(Field::text("host_name", "Host name").value(typed.unwrap_or(&network.host_name)).required().mono().max_length(63)
                    .help("Letters, digits and dashes. Bookmarks to the old name stop working.").problem(problem))
                .button(ui::button("Rename"))).hint("The machine's name in its network."))
        }
    };
    trial::page(&cx, "Network", "stack", network, reached, body)
}

pub(super) async fn page(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    reached: Reached,
    Cx(cx): Cx,
) -> Answer<Markup> {
    Ok(body(cx, &site.machine.network(&permit).await?, reached, None, None))
}

pub(super) async fn state_part(State(site): State<Site>, permit: Permit<ViewMachine>) -> Answer<Markup> {
    Ok(state(&site.machine.network(&permit).await?))
}

#[derive(Deserialize)]
pub(super) struct Name {
    #[serde(default)]
    host_name: String,
}

pub(super) async fn rename(
    State(site): State<Site>,
    permit: Permit<ChangeBox>,
    reached: Reached,
    Cx(cx): Cx,
    Form(form): Form<Name>,
) -> Answer<Response> {
    let change = ChangeHostName { host_name: form.host_name.clone() };
    match site.machine.change_host_name(&permit, &change).await.map_err(Problem::from) {
        Ok(()) => Ok(Flash::good("Renamed").redirect("/system/network")),
        Err(problem) => {
            let look = site.access.permit::<ViewMachine>(permit.caller(), TheBox).await?;
            let network = site.machine.network(&look).await?;
            Ok((error_status(&problem), body(cx, &network, reached, Some(&form.host_name), Some(&problem)))
                .into_response())
        }
    }
}
