//! What is tried on the network: how long it goes on, where to confirm it, keeping it and taking it back. It stands over
//! every page of the network.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, State},
    http::{header, request::Parts},
    response::Response,
};
use maud::{Markup, Render, html};
use orbitr_access::{
    Permit,
    action::{ChangeNetwork, ViewMachine},
    gate::LocalAddress,
};
use orbitr_machine::{Network, Trial, TrialEnd};
use orbitr_model::{Problem, Topic};

use super::head;
use crate::{
    flash::Flash,
    shell::{self, PageCx},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Tone},
};

/// How long an ended trial is worth a banner, in seconds.
const RECENT: i64 = 3600;

/// By which way of the box a request came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    /// The box's own address.
    over: Option<std::net::IpAddr>,
    /// The port that the browser asked for, where it is not the usual one.
    port: Option<u16>,
}

impl<S: Send + Sync> FromRequestParts<S> for Reached {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let over = parts.extensions.get::<LocalAddress>().map(|local| local.0.ip());
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
        let authority: Option<http::uri::Authority> = parts.uri.authority().cloned().or(host);
        Ok(Self { over, port: authority.and_then(|authority| authority.port_u16()) })
    }
}

impl Reached {
    /// The page of the network under another name or address of the box.
    fn under(self, host: &str) -> String {
        let port = self.port.filter(|port| *port != 443).map(|port| format!(":{port}")).unwrap_or_default();
        format!("https://{host}{port}/system/network")
    }
}

/// A page of the network: what is tried stands over everything. `class` says how wide it is.
pub(super) fn page(
    cx: &PageCx,
    title: &str,
    class: &str,
    network: &Network,
    reached: Reached,
    body: impl Render,
) -> Markup {
    let body = html! {
        (head("Network"))
        div class=(class) {
            (part(cx, network, reached))
            (body)
        }
    };
    shell::page(cx, title, body)
}

/// What is tried, or how the last trial ended; follows the box.
fn part(cx: &PageCx, network: &Network, reached: Reached) -> Markup {
    let body = html! {
        @if let Some(trial) = &network.change.trial { (tried(cx, trial, network, reached)) }
        @else if let Some(last) = &network.change.last {
            @if last.end != TrialEnd::Kept && cx.clock.now().as_second() - last.at.as_second() < RECENT {
                (ui::banner(if last.end == TrialEnd::TakenBack { Tone::Neutral } else { Tone::Warn },
                        format!("{}: the old setting is back", last.name))
                    .body(html! {
                        p { (last.end.sentence()) " " @if !last.why.is_empty() { (last.why) } }
                        p { "Tried: " (last.to.sentence()) " · " (cx.clock.ago(last.at)) }
                    }))
            }
        }
    };
    ui::live("network-trial", &[Topic::Box], "/system/network/trial", body)
}

fn tried(cx: &PageCx, trial: &Trial, network: &Network, reached: Reached) -> Markup {
    let own = trial.to.address().map(|address| address.to_string());
    let card = network.change.cards.iter().find(|card| card.settings.mac == trial.to.mac);
    let has = card.into_iter().flat_map(|card| &card.addresses).filter_map(|address| address.split('/').next());
    // With DHCP nobody knows the address before; afterwards the card has it.
    let given: Vec<String> = has.filter(|address| !address.contains(':')).map(str::to_owned).collect();
    let addresses = own.map_or_else(|| if trial.applied { given } else { Vec::new() }, |own| vec![own]);
    let name = (network.mdns.answers != Some(false)).then(|| network.mdns.name.clone());
    let until = cx.clock.exact(trial.until);
    let body = html! {
        p { (trial.to.sentence()) }
        p {
            "Unless you confirm it, «" (trial.from.sentence()) "» comes back at " strong { (until) }
            // without a script it would stand still
            span class="scripted" { ", in " strong { time datetime=(trial.until) title=(until) data-until { (ui::span_of(trial.seconds_left)) } } }
            "."
        }
        p { "Open this page under the new address and confirm there:" }
        ul {
            @for address in addresses.iter().chain(&name) {
                @let url = reached.under(address);
                li { a href=(url) { (url) } }
            }
        }
        @if addresses.is_empty() { p { "The network gives the address. The box's own screen shows it." } }
        p class="quiet" { "The browser may ask about the certificate again and want you to sign in. On the box itself: "
            code { "orbitr network confirm" } ", or the entry Network of its screen." }
    };
    let actions = html! {
        @if trial.applied { (ui::button("Keep it").primary().post("/system/network/confirm")) }
        (ui::button("Take it back now").post("/system/network/revert"))
        span class="unscripted" { (ui::link_button("Look again", "/system/network")) }
    };
    html! { (ui::banner(Tone::Busy, format!("A new setting of {} is tried", trial.name)).body(body).actions(actions)) }
}

pub(super) async fn show(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    reached: Reached,
    Cx(cx): Cx,
) -> Answer<Markup> {
    Ok(part(&cx, &site.machine.network(&permit).await?, reached))
}

pub(super) async fn confirm(State(site): State<Site>, permit: Permit<ChangeNetwork>, reached: Reached) -> Response {
    let kept = site.machine.confirm_network(&permit, reached.over).await;
    back(kept.map(|()| Flash::good("The new network setting stays")))
}

pub(super) async fn revert(State(site): State<Site>, permit: Permit<ChangeNetwork>) -> Response {
    let back_again = site.machine.revert_network(&permit).await;
    back(back_again.map(|()| Flash::busy("The old network setting comes back")))
}

fn back(done: Result<Flash, orbitr_machine::Error>) -> Response {
    let flash = done.unwrap_or_else(|error| {
        let problem = Problem::from(error);
        Flash::bad(format!("{}. {}", problem.title, problem.next))
    });
    flash.redirect("/system/network")
}
