//! Sample pages of the box: home, activity, people, settings, account.

use axum::routing::get;
use jiff::ToSpan;
use maud::{Markup, html};
use orbitr_model::{AppStatus, Mode, Timestamp, Topic};
use orbitr_web::{
    shell::{self, Section},
    ui::{self, Cell, Choice, Column, Field, Form, Icon, Moment, Row, Status, Tile, Tone},
};

use crate::{Cx, Routes, apps::APPS, live::JOB};

fn ago(minutes: i64) -> Timestamp {
    Timestamp::now() - minutes.minutes()
}

pub(crate) fn moments() -> Vec<Moment> {
    let moment = |tone, icon, text: Markup, detail: Option<&str>, minutes| Moment {
        tone,
        icon,
        text,
        detail: detail.map(|detail| html! { (detail) }),
        at: ago(minutes),
    };
    let app = html! { a href="/apps/postgresql" { "PostgreSQL" } };
    vec![
        moment(Tone::Busy, Icon::Download, html! { strong { "anna" } " began to install " (app) }, None, 1),
        moment(
            Tone::Bad,
            Icon::CircleX,
            html! { "Grafana went down" },
            Some("Exited with code 137: out of memory"),
            14,
        ),
        moment(Tone::Neutral, Icon::Square, html! { strong { "erik" } " stopped Valkey" }, None, 58),
        moment(Tone::Good, Icon::CircleCheck, html! { "Nextcloud is reachable again" }, Some("After 3 min 12 s"), 190),
        moment(
            Tone::Neutral,
            Icon::LogIn,
            html! { strong { "anna" } " signed in" },
            Some("Firefox on Linux, 192.168.1.20"),
            200,
        ),
        moment(
            Tone::Warn,
            Icon::ShieldAlert,
            html! { "5 wrong passwords for " strong { "root" } },
            Some("192.168.1.77"),
            1_500,
        ),
    ]
}

fn wave(phase: f64) -> impl Iterator<Item = Option<f64>> {
    (0..60).map(move |x| {
        let x = f64::from(x);
        let gap = phase < 0.5 && (22.0..26.0).contains(&x);
        (!gap).then_some(0.35 + 0.18 * (x / 6.0 + phase).sin() + 0.09 * (x / 2.3 + phase).cos())
    })
}

async fn home(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Home);
    let tiles: Vec<Tile> = APPS
        .iter()
        .take(6)
        .map(|(id, name, state, reason, _)| {
            Tile::new(*name, format!("/apps/{id}"))
                .status(ui::app_status(&AppStatus { state: *state, reason: (*reason).to_owned() }))
        })
        .collect();
    let figures = [
        ui::figure(Icon::Cpu, "CPU", "12", "%")
            .note("4 cores, load 0.42")
            .course(&ui::sparkline("CPU over the last hour, now 12 %", wave(0.0)).max(1.0)),
        ui::figure(Icon::MemoryStick, "Memory", "5.1", "GiB")
            .note("of 15.6 GiB")
            .course(&ui::sparkline("Memory over the last hour, now 5.1 GiB", wave(2.0)).max(1.0)),
        ui::figure(Icon::Network, "Network", "3.4", "MiB/s")
            .note("↓ 3.1  ↑ 0.3")
            .course(&ui::sparkline("Network over the last hour, now 3.4 MiB a second", wave(4.0)).max(1.0)),
        ui::figure(Icon::HardDrive, "Disk", "412", "GiB")
            .note("free of 932 GiB")
            .course(&ui::sparkline("Disk over the last hour, now 412 GiB free", wave(1.2)).max(1.0)),
    ];
    let body = html! {
        (ui::header("Good morning, Anna").lead(html! {
            (ui::status(Status::new(Tone::Good, Icon::CircleCheck, "All is well"))) span { "attic has been up for 12 days" }
        }))
        (ui::live("figures", &[Topic::Box], "/figures", ui::figures(&figures)))
        div class="split" {
            (ui::card("Apps", ui::tiles(&tiles)).actions(ui::link_button("Install an app", "/store").small().icon(Icon::Plus)))
            div class="stack" {
                (ui::card("Running now", html! {
                    a class="tray-job" href={ "/jobs/" (JOB) } data-open="drawer" {
                        span class="tray-title" { (ui::status_dot(orbitr_model::JobState::Running)) "Install PostgreSQL" }
                        (ui::progress("Install PostgreSQL", Some(0.4)))
                        span class="tray-message" { "Pulling images, 59 of 148 MiB" }
                    }
                }))
                (ui::card("Lately", ui::timeline(&moments()[..5], &cx.clock)).footer(html! { a href="/activity" { "All activity" } }))
            }
        }
    };
    shell::page(&cx, "Home", body)
}

async fn empty_home(Cx(mut cx): Cx) -> Markup {
    cx.jobs.clear();
    cx.mode = Mode::Degraded { reasons: vec!["Docker does not answer at /run/docker.sock".into()] };
    let cx = cx.section(Section::Home);
    let start = ui::empty(Icon::LayoutGrid, "No apps yet")
        .text("The store has apps that are ready for this box. The first one takes about two minutes.")
        .action(ui::link_button("Open the store", "/store").primary().icon(Icon::Store));
    let body = html! { (ui::header("Welcome, Anna").lead("Your box is claimed and ready.")) (ui::card("Apps", start)) };
    shell::page(&cx, "Home", body)
}

async fn activity(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Activity);
    let row = |who: &str, what: &str, about: &str, tone, icon, word, minutes| {
        Row::new()
            .cell(cx.clock.moment(ago(minutes)))
            .cell(who.to_owned())
            .cell(html! { code { (what) } })
            .cell(about.to_owned())
            .cell(ui::status(Status::new(tone, icon, word)))
            .cell("192.168.1.20")
    };
    let columns = ["When", "Who", "What", "About", "Outcome", "From"].map(Column::new);
    let table = ui::table("Audit log", columns).rows([
        row("anna", "app.install", "PostgreSQL", Tone::Good, Icon::CircleCheck, "Done", 1),
        row("erik (token ci)", "app.remove", "Nextcloud", Tone::Warn, Icon::Ban, "Refused", 20),
        row("the box", "app.down", "Grafana", Tone::Bad, Icon::CircleX, "Failed", 240),
    ]);
    let fields = html! {
        (Field::select("who", "Who", vec![Choice::new("", "Everybody"), Choice::new("anna", "anna")]))
        (Field::select("what", "What", vec![Choice::new("", "Everything"), Choice::new("app", "Apps"), Choice::new("user", "People")]))
        (Field::date("from", "From")) (Field::date("to", "To"))
    };
    let body = html! {
        (ui::header("Activity").lead(html! { (ui::status(Status::new(Tone::Good, Icon::ShieldCheck, "Chain intact"))) span { "4 812 entries" } })
            .actions(ui::link_button("Export", "/activity.csv").icon(Icon::Download).download()))
        (ui::filters("/activity", fields, true))
        (table)
        (ui::pagination(3).first(Some("/activity".into())).next(Some("/activity?cursor=2".into())))
    };
    shell::page(&cx, "Activity", body)
}

async fn people(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::People);
    let person = |name: &str, role: &str, two: bool, minutes: i64| {
        Row::new().href("/people").select(name.to_lowercase(), name.to_owned())
            .cell(html! { span class="cluster" { (ui::avatar(name)) (name) } }).cell(role.to_owned())
            .cell(html! { @if two { (ui::status(Status::new(Tone::Good, Icon::ShieldCheck, "On"))) } @else { (ui::status(Status::new(Tone::Neutral, Icon::CircleDashed, "Off"))) } })
            .cell(Cell::new(cx.clock.ago(ago(minutes))).sort(ago(minutes)))
    };
    let columns = [
        Column::new("Name").sortable(),
        Column::new("Role").sortable(),
        Column::new("Second factor"),
        Column::new("Last here").number().sortable(),
    ];
    let table = ui::table("People", columns)
        .rows([
            person("Anna Lindqvist", "admin", true, 0),
            person("Erik Holm", "user", false, 300),
            person("Mira Öst", "viewer", true, 9_000),
        ])
        .selectable("user", html! { (ui::button("Sign out everywhere").small()) });
    let body = html! {
        (ui::header("People").lead("Who may use this box.").actions(ui::link_button("Invite", "/people").primary().icon(Icon::UserPlus)))
        form method="post" action="/people" { (table) }
        (ui::card("Invitations", ui::empty(Icon::Mail, "Nobody is invited").text("An invitation is a link that works once and for seven days.")))
    };
    shell::page(&cx, "People", body)
}

async fn settings(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Settings);
    let body = html! {
        (ui::header("Settings"))
        div class="stack narrow" {
            (ui::card("This box", Form::post("/settings").body(html! {
                (Field::text("name", "Name").value("attic").unit(".local").required())
                (Field::select("zone", "Time zone", vec![Choice::new("Europe/Stockholm", "Europe/Stockholm"), Choice::new("UTC", "UTC")]))
                (Field::switch("developer", "Developer mode").help("Shows containers, images, networks and volumes."))
            }).button(ui::button("Save").primary())).hint("What it is called and what time it is there."))
            (ui::card("Certificate", ui::key_values().copy("Fingerprint", "9A:3F:51:E0:77:C2:08:4D:BB:16:90:AE:22:F1:7C:35").row("Valid until", "3 March 2027")))
            (ui::card("Restart", html! { div class="cluster" { p { "Apps stop and come back by themselves." } (ui::button("Restart box").post("/settings").icon(Icon::Power)) } }).danger())
        }
    };
    shell::page(&cx, "Settings", body)
}

async fn account(Cx(cx): Cx) -> Markup {
    let cx = cx.here("Your account");
    let dark = |x: usize, y: usize| (x * 7 + y * 13 + x * y).is_multiple_of(3) || x < 7 && y < 7;
    let body = html! {
        (ui::header("Your account"))
        div class="stack narrow" {
            (ui::card("Second factor", html! { div class="cluster" {
                (ui::qr("QR code for your authenticator app", 33, dark))
                div class="stack stack-s" {
                    p { "Scan it with your authenticator app, or type this in:" } (ui::copyable("JBSW Y3DP EHPK 3PXP"))
                    (Form::post("/account").body(Field::code("code", "Code from the app").input_mode("numeric").required()).button(ui::button("Turn on").primary()))
                }
            } }))
            (ui::card("API", ui::code_block("Command", "curl -H 'Authorization: Bearer orb_…' https://attic.local/api/v1/apps")))
        }
    };
    shell::page(&cx, "Your account", body)
}

pub(crate) fn routes() -> Routes {
    Routes::new()
        .route("/", get(home))
        .route("/empty", get(empty_home))
        .route("/activity", get(activity))
        .route("/people", get(people))
        .route("/settings", get(settings))
        .route("/account", get(account))
}
