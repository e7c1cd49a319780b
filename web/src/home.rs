//! Home: the box at a glance.

use axum::extract::State;
use maud::{Markup, html};
use orbitr_access::{
    Caller, Permit,
    action::{ListApps, ListEvents, ViewBox},
    gate::Routes,
};
use orbitr_machine::Figures;
use orbitr_model::{Mode, PageRequest, Topic};
use orbitr_store::events::Filter;
use orbitr_watch::Severity;

use crate::{
    apps, history, issues, machine,
    shell::{self, Section},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Icon, Status, Tone},
};

/// Lines of history on the page.
const LATELY: u32 = 6;

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes.get(ViewBox, "/", page).get(ViewBox, "/home/figures", figures).get(ListApps, "/home/apps", tiles).get(
        ListEvents,
        "/home/lately",
        lately,
    )
}

async fn page(State(site): State<Site>, permit: Permit<ViewBox>, Cx(cx): Cx) -> Answer<Markup> {
    let cx = cx.section(Section::Home);
    let caller = permit.caller();
    let name = cx.viewer.as_ref().map_or_else(String::new, |viewer| viewer.name.clone());
    let now = site.machine.figures(&permit).await?;
    let well = match &cx.mode {
        Mode::Running => match cx.issues.unwrap_or_default().worst() {
            Some(Severity::Bad) => Status::new(Tone::Bad, Icon::CircleX, "Something does not work"),
            Some(Severity::Warning) => Status::new(Tone::Warn, Icon::TriangleAlert, "Something needs a look"),
            Some(Severity::Info) | None => Status::new(Tone::Good, Icon::CircleCheck, "All is well"),
        },
        _ => Status::new(Tone::Warn, Icon::TriangleAlert, "Something is missing"),
    };
    let up =
        jiff::Timestamp::from_second(cx.clock.now().as_second().saturating_sub(now.uptime.try_into().unwrap_or(0)));
    let body = html! {
        (ui::header(if name.is_empty() { "Home".to_owned() } else { format!("Hello, {name}") }).lead(html! {
            (ui::status(well))
            @if let Ok(up) = up { span { (cx.box_name) " has been up for " (cx.clock.took(up, None)) } }
        }))
        (machine::update_banner(&site, caller, &cx.clock).await?)
        (figures_live(&now))
        (issues::home_card(&site, caller, &cx.clock).await?)
        div class="split" {
            (tiles_card(&site, caller).await?)
            (lately_card(&site, caller, &cx.clock).await?)
        }
    };
    Ok(shell::page(&cx, "Home", body))
}

fn figures_live(now: &Figures) -> Markup {
    let percent = |part: f64| format!("{part:.0}");
    let split = |size: orbitr_model::ByteSize| {
        let text = size.to_string();
        let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
        (number.to_owned(), unit.to_owned())
    };
    let (memory, memory_unit) = split(now.memory.used);
    let free = orbitr_model::ByteSize(now.disk.total.0.saturating_sub(now.disk.used.0));
    let (disk, disk_unit) = split(free);
    let [load, _, _] = now.load;
    let figures = [
        ui::figure(Icon::Cpu, "CPU", percent(f64::from(now.cpu)), "%")
            .note(format!("{} cores, load {load:.2}", now.cores)),
        ui::figure(Icon::MemoryStick, "Memory", &memory, &memory_unit).note(format!("of {}", now.memory.total)),
        ui::figure(Icon::HardDrive, "Disk", &disk, &disk_unit).note(format!("free of {}", now.disk.total)),
        network(now),
    ];
    ui::live("figures", &[Topic::Box], "/home/figures", ui::figures(&figures))
}

/// How fast bytes come and go lately, with all of them since the machine started.
fn network(now: &Figures) -> ui::Figure {
    let total = format!("In all {} in, {} out", now.received, now.sent);
    match now.traffic {
        None => ui::figure(Icon::Network, "Network", "–", "").note(total),
        Some(rate) => {
            let text = rate.received.to_string();
            let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
            ui::figure(Icon::Network, "Network", number, format!("{unit}/s in"))
                .note(format!("{}/s out, over the last {}", rate.sent, span(rate.over)))
                .note(total)
        }
    }
}

/// A span in its largest whole unit.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        _ => format!("{} min", (seconds + 30) / 60),
    }
}

async fn figures(State(site): State<Site>, permit: Permit<ViewBox>) -> Answer<Markup> {
    Ok(figures_live(&site.machine.figures(&permit).await?))
}

async fn tiles_card(site: &Site, caller: &Caller) -> Answer<Markup> {
    let permit = site.access.permit::<ListApps>(caller, orbitr_access::TheBox).await?;
    let views = site.apps.list(&permit).await?;
    let tiles: Vec<ui::Tile> = views
        .iter()
        .filter(|app| app.phase != orbitr_apps::Phase::Kept)
        .map(|app| {
            ui::Tile::new(app.name.to_string(), format!("/apps/{}", app.id))
                .icon(apps::icon(&app.extension))
                .status(ui::app_status(&app.status))
        })
        .collect();
    let may_install = apps::may_install(site, caller);
    let body = if tiles.is_empty() {
        html! { (apps::no_apps(may_install)) }
    } else {
        ui::tiles(&tiles)
    };
    let mut card = ui::card("Apps", body);
    // Where there are none, the way to the store stands in their place.
    if may_install && !tiles.is_empty() {
        card = card.actions(ui::link_button("Install an app", "/store").small().icon(Icon::Plus));
    }
    Ok(ui::live("home-apps", &[Topic::Apps], "/home/apps", card))
}

async fn tiles(State(site): State<Site>, permit: Permit<ListApps>) -> Answer<Markup> {
    tiles_card(&site, permit.caller()).await
}

async fn lately_card(site: &Site, caller: &Caller, clock: &ui::Clock) -> Answer<Markup> {
    let permit = site.access.permit::<ListEvents>(caller, orbitr_access::TheBox).await?;
    let page = PageRequest { limit: LATELY, ..PageRequest::default() };
    let events = site.access.events(&permit, Filter::default(), page).await?;
    let moments: Vec<_> = events.items.iter().map(history::moment).collect();
    let mut card = ui::card("Lately", ui::timeline(&moments, clock));
    if caller.role() == orbitr_model::Role::Admin {
        card = card.footer(html! { a href="/activity" { "All activity" } });
    }
    Ok(ui::live("home-lately", &[Topic::Events], "/home/lately", card))
}

async fn lately(State(site): State<Site>, permit: Permit<ListEvents>, Cx(cx): Cx) -> Answer<Markup> {
    lately_card(&site, permit.caller(), &cx.clock).await
}
