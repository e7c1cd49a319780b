//! Setting a network card.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit, TheBox,
    action::{ChangeNetwork, ViewMachine},
};
use orbitr_machine::{Card, CardChange, Ipv4, Method, Network};
use orbitr_model::Problem;
use serde::Deserialize;

use super::trial::{self, Reached};
use crate::{
    shell::{PageCx, Section, error_status},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Column, Field, Icon, Row},
};

/// How often a card's page without a script looks again while a setting is tried, in seconds.
const LOOK_AGAIN: u32 = 5;

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
    let columns = ["Card", "Set to", "Hardware address"].map(Column::new).into_iter().chain([Column::actions()]);
    let empty = ui::empty(Icon::Network, "No wired network card");
    let table = ui::card("Cards", ui::table("Cards", columns).rows(rows).empty(empty)).flush();
    html! { (table.hint("A change goes back by itself unless you confirm it within two minutes.")) }
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
    /// As it is set; what would be fixed begins with what the network gave.
    fn of(network: &Network, card: &Card) -> Self {
        let dns = card.settings.dns.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        match &card.settings.ipv4 {
            Ipv4::Dhcp => {
                let address = card.addresses.iter().find(|address| !address.contains(':')).cloned().unwrap_or_default();
                let way = network.gateways.iter().find(|way| way.link == card.name && way.address.is_ipv4());
                let gateway = way.map(|way| way.address.to_string()).unwrap_or_default();
                Self { method: "dhcp".to_owned(), address, gateway, dns }
            }
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
    let mut cx = cx.section(Section::System).crumb("Network", "/system/network").here(&card.name);
    // The time that is left stays true without a script, too: only once the new setting is there, when the way that this
    // page came over stays open. Then there is no form here in which somebody types.
    cx.look_again = network.change.trial.as_ref().filter(|trial| trial.applied).map(|_| LOOK_AGAIN);
    let methods = vec![
        Choice::new("dhcp", "DHCP").help("The network gives an address."),
        Choice::new("static", "A fixed address")
            .help("Always the one below. Choose one that the router gives to nobody else."),
    ];
    let has = card.addresses.join(", ");
    let body = html! {
        @if network.change.trial.is_some() {
            div { (ui::link_button("All cards", "/system/network")) }
        } @else {
            (ui::card(format!("Card {}", card.name), ui::Form::post(format!("/system/network/cards/{}", card.settings.mac)).problem(problem).body(html! {
                (ui::key_values()
                    .row("Hardware address", html! { code { (card.settings.mac) } })
                    .row("Set to", card.settings.sentence())
                    .maybe("Has now", Some(has).filter(|has| !has.is_empty())))
                (Field::radio("method", "IPv4 address", methods).value(&form.method).required().problem(problem))
                div class="form only-fixed" {
                    (Field::text("address", "Fixed address").value(&form.address).mono().max_length(32).placeholder("192.168.1.20/24").problem(problem)
                        .help("With the size of the network behind the slash, at home mostly 24."))
                    (Field::text("gateway", "Gateway").value(&form.gateway).mono().max_length(32).placeholder("192.168.1.1").problem(problem)
                        .help("The router. Without it the box reaches only its own network."))
                }
                (Field::area("dns", "Name servers", 2).value(&form.dns).mono().max_length(400).problem(problem)
                    .help("One a line. Empty: those that the network names; with a fixed address it is mostly the router."))
                p class="quiet" { "The box answers under the new address then. If nobody confirms it there within two minutes, the old setting comes back by itself." }
            })
            .button(ui::link_button("Cancel", "/system/network"))
            .button(ui::button("Try it").primary())).id("card"))
        }
    };
    trial::page(&cx, &card.name, "stack narrow", network, reached, body)
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
) -> Answer<Markup> {
    let network = site.machine.network(&permit).await?;
    let card = find(&network, &mac)?;
    Ok(card_page(cx, &network, reached, &card, &CardForm::of(&network, &card), None))
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
    let status = tried.as_ref().err().map_or(StatusCode::OK, error_status);
    Ok((status, card_page(cx, &network, reached, &card, &form, tried.as_ref().err())).into_response())
}
