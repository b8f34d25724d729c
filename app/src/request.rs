//! What a page can learn from the request it is rendered for, and say in its answer. In the
//! browser there is neither, and nothing happens.

#[cfg(not(feature = "ssr"))]
pub use in_browser::{cookie, set_status};
#[cfg(feature = "ssr")]
pub use on_server::{answers_a_plain_form, came_from, cookie, redirect, set_cookie, set_status};

#[cfg(feature = "ssr")]
mod on_server {
    use http::Uri;
    use http::header::{ACCEPT, COOKIE, REFERER, SET_COOKIE};
    use http::request::Parts;
    use http::{HeaderValue, StatusCode};
    use leptos::prelude::use_context;
    use leptos_axum::ResponseOptions;

    /// The value of a cookie.
    pub fn cookie(name: &str) -> Option<String> {
        let parts = use_context::<Parts>()?;
        let cookies = parts.headers.get_all(COOKIE).iter();
        let mut pairs = cookies
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        Some(value.to_owned())
    }

    /// Keeps a value for a year. Name and value are words of our own.
    pub fn set_cookie(name: &str, value: &str) {
        let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
        if let (Some(response), Ok(header)) = (
            use_context::<ResponseOptions>(),
            HeaderValue::from_str(&cookie),
        ) {
            response.append_header(SET_COOKIE, header);
        }
    }

    /// The status that the page is sent with.
    pub fn set_status(status: u16) {
        if let (Some(response), Ok(status)) = (
            use_context::<ResponseOptions>(),
            StatusCode::from_u16(status),
        ) {
            response.set_status(status);
        }
    }

    /// Sends the browser to another page, with and without script.
    pub fn redirect(path: &str) {
        leptos_axum::redirect(path);
    }

    /// The page of this path, with its query, if the request comes from there.
    pub fn came_from(path: &str) -> Option<String> {
        let parts = use_context::<Parts>()?;
        let page: Uri = parts.headers.get(REFERER)?.to_str().ok()?.parse().ok()?;
        let page = page.path_and_query()?;
        let is_it = page.path() == path;
        let is_of_a_fault = page.query().is_some_and(|query| query.contains("__err"));
        let page = if is_of_a_fault {
            path.to_owned()
        } else {
            page.to_string()
        };
        is_it.then_some(page)
    }

    /// Whether the server function was called by a form without script, so that the next thing
    /// the person sees is a page.
    pub fn answers_a_plain_form() -> bool {
        let accepts_html = |parts: Parts| {
            let accept = parts.headers.get(ACCEPT)?.to_str().ok()?;
            Some(accept.contains("text/html"))
        };
        use_context::<Parts>().and_then(accepts_html) == Some(true)
    }
}

#[cfg(not(feature = "ssr"))]
mod in_browser {
    /// The server has read it already.
    pub fn cookie(_name: &str) -> Option<String> {
        None
    }

    /// The page was sent long ago.
    pub fn set_status(_status: u16) {}
}
