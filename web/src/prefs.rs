//! How one browser likes to see the pages: theme and sidebar. Kept in two cookies of that browser, never on the box.
//!
//! The script sets the cookies by itself; without JavaScript the same switches post a form to [`ROUTE`].

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

/// Where the forms post to. Public: it changes nothing but the sender's own cookies.
pub const ROUTE: &str = "/preferences";

const THEME_COOKIE: &str = "orbitr-theme";
const SIDEBAR_COOKIE: &str = "orbitr-sidebar";

/// Dark, light, or as the device says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the device says.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// Every choice, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The one word in cookie, form and attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The sidebar with words, or with icons only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sidebar {
    /// Icons and words.
    #[default]
    Wide,
    /// Icons only.
    Narrow,
}

impl Sidebar {
    /// The one word in cookie, form and attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

/// Both choices of one browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefs {
    /// Dark or light.
    pub theme: Theme,
    /// Wide or narrow.
    pub sidebar: Sidebar,
}

impl Prefs {
    /// Reads the cookies; what is missing or unknown is the default.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut prefs = Self::default();
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        for (name, value) in cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('=')) {
            match (name, value) {
                (THEME_COOKIE, "light") => prefs.theme = Theme::Light,
                (THEME_COOKIE, "dark") => prefs.theme = Theme::Dark,
                (SIDEBAR_COOKIE, "narrow") => prefs.sidebar = Sidebar::Narrow,
                _ => {}
            }
        }
        prefs
    }
}

/// The form behind the switches.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PrefsForm {
    /// The new theme, if that is what changes.
    pub theme: Option<Theme>,
    /// The new sidebar, if that is what changes.
    pub sidebar: Option<Sidebar>,
    /// The page to go back to; only a path of this box is followed.
    pub back: Option<String>,
}

/// Answers `POST /preferences`: sets the cookies for a year and goes back to the page.
#[must_use]
pub fn apply(form: &PrefsForm) -> Response {
    let mut headers = HeaderMap::new();
    let chosen = [
        form.theme.map(|theme| (THEME_COOKIE, theme.as_str())),
        form.sidebar.map(|sidebar| (SIDEBAR_COOKIE, sidebar.as_str())),
    ];
    for (name, value) in chosen.into_iter().flatten() {
        let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    let back = form.back.as_deref().filter(|path| is_local_path(path)).unwrap_or("/");
    headers.insert(header::LOCATION, HeaderValue::from_str(back).unwrap_or(HeaderValue::from_static("/")));
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Whether a text is a path of this box and cannot be read as another host's address (`//host`, `/\host`).
#[must_use]
pub fn is_local_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_box_is_followed_back() {
        for good in ["/", "/apps/a?tab=logs", "/jobs/1#log"] {
            assert!(is_local_path(good), "{good}");
        }
        for evil in
            ["", "apps", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nSet-Cookie: x", "/ä"]
        {
            assert!(!is_local_path(evil), "{evil}");
        }
    }

    #[test]
    fn unknown_cookies_leave_the_defaults() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; orbitr-theme=dark; orbitr-sidebar=odd"));
        assert_eq!(Prefs::from_headers(&headers), Prefs { theme: Theme::Dark, sidebar: Sidebar::Wide });
    }
}
