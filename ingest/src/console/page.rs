//! The pages, the live one at `/`: small files inside the binary. Must not know the API; the page asks it itself. Pure.

use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};

type File = ([(HeaderName, &'static str); 2], &'static str);

pub async fn index() -> File {
    file("text/html; charset=utf-8", include_str!("page/index.html"))
}

pub async fn css() -> File {
    file("text/css; charset=utf-8", include_str!("page/page.css"))
}

pub async fn js() -> File {
    file("text/javascript; charset=utf-8", include_str!("page/page.js"))
}

pub async fn icon() -> File {
    file("image/svg+xml", include_str!("page/favicon.svg"))
}

pub async fn nav() -> File {
    file("text/javascript; charset=utf-8", include_str!("page/nav.js"))
}

pub async fn coverage() -> File {
    file("text/html; charset=utf-8", include_str!("page/coverage.html"))
}

pub async fn coverage_css() -> File {
    file("text/css; charset=utf-8", include_str!("page/coverage.css"))
}

pub async fn coverage_js() -> File {
    file("text/javascript; charset=utf-8", include_str!("page/coverage.js"))
}

pub async fn hazards() -> File {
    file("text/html; charset=utf-8", include_str!("page/hazards.html"))
}

pub async fn hazards_js() -> File {
    file("text/javascript; charset=utf-8", include_str!("page/hazards.js"))
}

pub async fn tasks() -> File {
    file("text/html; charset=utf-8", include_str!("page/tasks.html"))
}

pub async fn tasks_js() -> File {
    file("text/javascript; charset=utf-8", include_str!("page/tasks.js"))
}

pub async fn tables_css() -> File {
    file("text/css; charset=utf-8", include_str!("page/tables.css"))
}

/// Always asked for again, so that a page never runs with the script of another version.
fn file(content_type: &'static str, text: &'static str) -> File {
    ([(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-cache")], text)
}
