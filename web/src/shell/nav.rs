//! Navigation: one table of sections, drawn as the sidebar and as the phone's bottom bar.

use maud::{Markup, html};
use orbitr_model::Role;

use super::{PageCx, bar};
use crate::{
    prefs::{self, Sidebar},
    ui::Icon,
};

/// A section of the admin UI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The box at a glance.
    Home,
    /// What is installed.
    Apps,
    /// What can be installed.
    Store,
    /// What runs and ran.
    Jobs,
    /// History and audit log.
    Activity,
    /// Accounts, invites, grants.
    People,
    /// The machine underneath.
    System,
    /// The box's settings.
    Settings,
}

/// One entry of the navigation. A new section is one variant and one line in [`NavItem::ALL`].
#[derive(Clone, Copy, Debug)]
pub struct NavItem {
    /// Which.
    pub section: Section,
    /// Its word.
    pub label: &'static str,
    /// Its page.
    pub href: &'static str,
    /// Its picture.
    pub icon: Icon,
    /// The key after `g`.
    pub key: &'static str,
    /// Only shown to admins.
    pub admin: bool,
    /// Whether it has a place in the phone's bottom bar; the others are under «More».
    pub phone: bool,
    /// Begins a new group.
    pub group: bool,
}

const fn item(section: Section, label: &'static str, href: &'static str, icon: Icon, key: &'static str) -> NavItem {
    NavItem { section, label, href, icon, key, admin: false, phone: false, group: false }
}

impl NavItem {
    /// Every section, in its order.
    pub const ALL: [Self; 8] = [
        Self { phone: true, ..item(Section::Home, "Home", "/", Icon::House, "h") },
        Self { phone: true, ..item(Section::Apps, "Apps", "/apps", Icon::LayoutGrid, "a") },
        Self { phone: true, ..item(Section::Store, "Store", "/store", Icon::Store, "s") },
        Self { phone: true, group: true, ..item(Section::Jobs, "Jobs", "/jobs", Icon::ListChecks, "j") },
        Self { admin: true, ..item(Section::Activity, "Activity", "/activity", Icon::History, "v") },
        Self { admin: true, group: true, ..item(Section::People, "People", "/people", Icon::Users, "p") },
        Self { admin: true, ..item(Section::System, "System", "/system", Icon::Server, "y") },
        Self { admin: true, ..item(Section::Settings, "Settings", "/settings", Icon::Settings, "e") },
    ];

    /// Those that this role is shown.
    pub fn visible(role: Role) -> impl Iterator<Item = &'static Self> {
        static ALL: [NavItem; 8] = NavItem::ALL;
        ALL.iter().filter(move |item| !item.admin || role == Role::Admin)
    }
}

fn role(cx: &PageCx) -> Role {
    cx.viewer.as_ref().map_or(Role::Viewer, |viewer| viewer.role)
}

fn link(cx: &PageCx, item: &NavItem) -> Markup {
    html! {
        a class="nav-link" href=(item.href) title=(item.label) data-go=(item.key)
            aria-current=[(cx.section == Some(item.section)).then_some("page")] {
            (item.icon) span { (item.label) }
        }
    }
}

/// The sidebar of wide screens.
pub(super) fn sidebar(cx: &PageCx) -> Markup {
    let (next, word) = match cx.prefs.sidebar {
        Sidebar::Wide => (Sidebar::Narrow, "Collapse"),
        Sidebar::Narrow => (Sidebar::Wide, "Expand"),
    };
    html! {
        nav class="sidebar" aria-label="Main" {
            a class="brand" href="/" title=(cx.box_name) { (bar::mark()) span { (cx.box_name) } }
            ul class="nav" {
                @for item in NavItem::visible(role(cx)) { li data-group[item.group] { (link(cx, item)) } }
            }
            form class="sidebar-foot" method="post" action=(prefs::ROUTE) data-prefs="sidebar" {
                input type="hidden" name="back" value=(cx.path);
                button class="nav-link" type="submit" name="sidebar" value=(next.as_str()) title={ (word) " the sidebar" } {
                    (Icon::PanelLeft) span { "Collapse" }
                }
            }
        }
    }
}

/// The bottom bar of phones: four sections and the rest under «More».
pub(super) fn phone_bar(cx: &PageCx) -> Markup {
    let more = NavItem::visible(role(cx)).filter(|item| !item.phone);
    let in_more = NavItem::ALL.iter().any(|item| !item.phone && cx.section == Some(item.section));
    html! {
        nav class="phone-bar" aria-label="Sections" {
            @for item in NavItem::visible(role(cx)).filter(|item| item.phone) { (link(cx, item)) }
            button class="nav-link" type="button" popovertarget="more" data-current[in_more] { (Icon::Ellipsis) span { "More" } }
            div id="more" class="menu menu-phone" popover {
                @for item in more { (link(cx, item)) }
                a class="nav-link" href="/account" { (Icon::CircleUser) span { "Your account" } }
            }
        }
    }
}
