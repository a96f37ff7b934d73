//! Tables as CSV (RFC 4180), for spreadsheets.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
    response::{IntoResponse, Response},
};

/// Whether the caller asks for CSV: `Accept` names `text/csv`.
pub(crate) struct Csv(pub(crate) bool);

impl<S: Sync> FromRequestParts<S> for Csv {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let accept = parts.headers.get_all(header::ACCEPT).iter();
        let mut types = accept.filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(','));
        Ok(Self(types.any(|it| it.split(';').next().is_some_and(|it| it.trim() == "text/csv"))))
    }
}

/// A table with its head. It begins with the byte-order mark by which spreadsheets know UTF-8.
pub(crate) fn csv(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Response {
    let mut text = String::from('\u{feff}');
    line(&mut text, head.iter().copied());
    for row in rows {
        line(&mut text, row.iter().map(String::as_str));
    }
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")], text).into_response()
}

fn line<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            text.push(',');
        }
        if cell.contains([',', '"', '\r', '\n']) {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(cell);
        }
    }
    text.push_str("\r\n");
}
