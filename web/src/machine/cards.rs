//! Setting a network card, and keeping or taking back what is tried.

use std::convert::Infallible;

use axum::{
    Form,
    extract::{FromRequestParts, Path, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit, TheBox,
    action::{ChangeNetwork, ViewMachine},
    gate::LocalAddress,
};
use orbitr_machine::{Card, CardChange, Ipv4, Method, Network, Trial, TrialEnd};
use orbitr_model::{Problem, Topic};
use serde::Deserialize;

use super::head;
use crate::{
    flash::Flash,
    shell::{self, PageCx, Section},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Column, Field, Icon, Row, Tone},
};

/// How often a page without a script looks again while a setting is tried, in seconds.
const LOOK_AGAIN: &str = "5";

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

/// The cards with what they are set to.
pub(super) fn list(network: &Network) -> Markup {
    let change = &network.change;
    if !change.available {
        let card = ui::Card::plain(ui::empty(Icon::Network, "Not from here").text(&change.reason));
        return html! { (card) };
    }
    let rows = change.cards.iter().map(|card| {
        Row::new()
            .cell(card.name.as_str())
            .cell(card.settings.sentence())
            .cell(html! { code { (card.settings.mac) } })
            .cell(html! {
                @if change.trial.is_none() {
                    (ui::link_button("Change", format!("/system/network/cards/{}", card.settings.mac)).small())
                }
            })
    });
    let columns = ["Card", "Set to", "Hardware address", ""].map(Column::new);
    let empty = ui::empty(Icon::Network, "No wired network card");
    let table = ui::card("Cards", ui::table("Cards", columns).rows(rows).empty(empty)).flush();
    html! { (table.hint("A change goes back by itself unless you confirm it within two minutes.")) }
}

/// What is tried, or how the last trial ended; follows the box.
pub(super) fn trial_part(cx: &PageCx, network: &Network, reached: Reached) -> Markup {
    let body = html! {
        @if let Some(trial) = &network.change.trial { (tried(cx, trial, network, reached)) }
        @else if let Some(last) = &network.change.last {
            @if last.end != TrialEnd::Kept && cx.clock.now().as_second() - last.at.as_second() < 3600 {
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
            "It goes back to «" (trial.from.sentence()) "» in "
            strong { time datetime=(trial.until) title=(until) data-until { (ui::span_of(trial.seconds_left)) } }
            ", at " (until) ", unless you confirm it."
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

/// Without a script the time that is left stays true by loading the page again: only once the new setting is there, when
/// the way that this page came over stays open.
pub(super) fn looks_again(network: &Network, mut page: Response) -> Response {
    if network.change.trial.as_ref().is_some_and(|trial| trial.applied) {
        page.headers_mut().insert("refresh", HeaderValue::from_static(LOOK_AGAIN));
    }
    page
}

pub(super) async fn trial(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    reached: Reached,
    Cx(cx): Cx,
) -> Answer<Markup> {
    Ok(trial_part(&cx, &site.machine.network(&permit).await?, reached))
}

/// The form of one card.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct CardForm {
    #[serde(default)]
    method: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    gateway: String,
    #[serde(default)]
    dns: String,
}

impl CardForm {
    fn of(card: &Card) -> Self {
        let dns = card.settings.dns.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        match &card.settings.ipv4 {
            Ipv4::Dhcp => Self { method: "dhcp".to_owned(), dns, ..Self::default() },
            Ipv4::Static { address, prefix, gateway } => Self {
                method: "static".to_owned(),
                address: format!("{address}/{prefix}"),
                gateway: gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
                dns,
            },
        }
    }

    /// What is left of a fixed address while DHCP is chosen does not count.
    fn change(&self, card: &str) -> CardChange {
        let fixed = self.method == "static";
        let given = |text: &str| (fixed && !text.trim().is_empty()).then(|| text.trim().to_owned());
        CardChange {
            card: card.to_owned(),
            method: if fixed { Method::Static } else { Method::Dhcp },
            address: given(&self.address),
            gateway: given(&self.gateway),
            dns: self
                .dns
                .split([' ', ',', '\n', '\r', '\t'])
                .filter(|one| !one.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }
}

fn card_page(
    cx: PageCx,
    network: &Network,
    reached: Reached,
    card: &Card,
    form: &CardForm,
    problem: Option<&Problem>,
) -> Markup {
    let cx = cx.section(Section::System).crumb("Network", "/system/network").here(&card.name);
    let methods = vec![
        Choice::new("dhcp", "DHCP").help("The network gives an address."),
        Choice::new("static", "A fixed address")
            .help("Always the one below. Choose one that the router gives to nobody else."),
    ];
    let has = card.addresses.join(", ");
    let body = html! {
        (head("Network"))
        div class="stack narrow" {
            (trial_part(&cx, network, reached))
            @if network.change.trial.is_none() {
                (ui::card(format!("Card {}", card.name), ui::Form::post(format!("/system/network/cards/{}", card.settings.mac)).problem(problem).body(html! {
                    (ui::key_values()
                        .row("Hardware address", html! { code { (card.settings.mac) } })
                        .row("Set to", card.settings.sentence())
                        .maybe("Has now", Some(has).filter(|has| !has.is_empty())))
                    (Field::radio("method", "IPv4 address", methods).value(&form.method).required().problem(problem))
                    (Field::text("address", "Fixed address").value(&form.address).mono().max_length(32).placeholder("192.168.1.20/24").problem(problem)
                        .help("With the size of the network behind the slash, at home mostly 24. Only for a fixed address."))
                    (Field::text("gateway", "Gateway").value(&form.gateway).mono().max_length(32).placeholder("192.168.1.1").problem(problem)
                        .help("The router. Without it the box reaches only its own network. Only for a fixed address."))
                    (Field::area("dns", "Name servers", 2).value(&form.dns).mono().max_length(400).problem(problem)
                        .help("One a line. Empty: those that the network names; with a fixed address it is mostly the router."))
                    p class="quiet" { "The box answers under the new address then. If nobody confirms it there within two minutes, the old setting comes back by itself." }
                })
                .button(ui::link_button("Cancel", "/system/network"))
                .button(ui::button("Try it").primary())).id("card"))
            }
        }
    };
    shell::page(&cx, &card.name, body)
}

/// The card of that hardware address.
fn find(network: &Network, mac: &str) -> Answer<Card> {
    if !network.change.available {
        return Err(Trouble(
            Problem::new(409, "not-here", "This cannot be done on this machine").why(&network.change.reason),
        ));
    }
    let found = network.change.cards.iter().find(|card| card.settings.mac.eq_ignore_ascii_case(mac));
    found.cloned().ok_or_else(|| Trouble(Problem::not_found("network card", mac)))
}

pub(super) async fn show(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    reached: Reached,
    Cx(cx): Cx,
    Path(mac): Path<String>,
) -> Answer<Response> {
    let network = site.machine.network(&permit).await?;
    let card = find(&network, &mac)?;
    let page = card_page(cx, &network, reached, &card, &CardForm::of(&card), None);
    Ok(looks_again(&network, page.into_response()))
}

/// Answers with the page itself and no redirect: the next request may find the address gone.
pub(super) async fn change(
    State(site): State<Site>,
    permit: Permit<ChangeNetwork>,
    reached: Reached,
    Cx(cx): Cx,
    Path(mac): Path<String>,
    Form(form): Form<CardForm>,
) -> Answer<Response> {
    let look = site.access.permit::<ViewMachine>(permit.caller(), TheBox).await?;
    let card = find(&site.machine.network(&look).await?, &mac)?;
    let tried = site.machine.change_network(&permit, &form.change(&card.settings.mac)).await.map_err(Problem::from);
    let network = site.machine.network(&look).await?;
    let status = tried.as_ref().err().map_or(200, |problem| problem.status);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok((status, card_page(cx, &network, reached, &card, &form, tried.as_ref().err())).into_response())
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
