//! Documents for customers: JSON or PDF as `Accept` asks, in the language `Accept-Language` asks.

use std::cmp::Reverse;

use axum::{
    Json,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, header, request::Parts},
    response::IntoResponse,
};
use bank::Refusal;
use documents::{Disclosure, Language, Statement};

pub(crate) mod shape;

use crate::{answer::Answer, problem::ApiError, router::Api};

/// How many media ranges or languages of a header are looked at.
const RANGES_MAX: usize = 32;

/// In which form a document is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// For a program; it has both languages where they differ.
    Json,
    /// For a person.
    Pdf(Language),
}

impl FromRequestParts<Api> for Accepted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        Self::of(&parts.headers).ok_or_else(ApiError::not_acceptable)
    }
}

impl Accepted {
    /// The form a request asks for; none when it takes neither. Whoever says nothing gets JSON, or
    /// Chinese.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let accept = ranges(headers, header::ACCEPT);
        let json = weight(&accept, "application/json");
        let pdf = weight(&accept, "application/pdf");
        if accept.is_empty() || (json >= pdf && json > 0) {
            return Some(Self::Json);
        }
        (pdf > 0).then(|| Self::Pdf(language(headers)))
    }
}

/// The language of the most weight among those there are; of several, the first.
fn language(headers: &HeaderMap) -> Language {
    let mut wanted = ranges(headers, header::ACCEPT_LANGUAGE);
    wanted.sort_by_key(|(_, weight)| Reverse(*weight));
    let known = wanted.iter().filter(|(_, weight)| *weight > 0).find_map(|(range, _)| match range
        .split('-')
        .next()
    {
        Some("zh") => Some(Language::Zh),
        Some("en") => Some(Language::En),
        _ => None,
    });
    known.unwrap_or(Language::Zh)
}

/// What a header lists, in small letters, with weights in thousandths (RFC 9110, 12.4.2).
fn ranges(headers: &HeaderMap, name: HeaderName) -> Vec<(String, u16)> {
    let texts = headers.get_all(name).iter().filter_map(|it| it.to_str().ok());
    let items = texts.flat_map(|it| it.split(',')).map(str::trim).filter(|it| !it.is_empty());
    let range = |item: &str| {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|it| it.strip_prefix("q=").or(it.strip_prefix("Q=")));
        (range, weight.map_or(1_000, thousandths))
    };
    items.take(RANGES_MAX).map(range).collect()
}

/// A weight such as `0.8`; what is none weighs nothing.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction:0<3}");
    digits.parse().ok().filter(|it| *it <= 1_000 && fraction.len() <= 3).unwrap_or(0)
}

/// The weight of a type: that of the range that fits it most closely.
fn weight(ranges: &[(String, u16)], wanted: &str) -> u16 {
    let of = |name: &str| ranges.iter().find(|(range, _)| range == name).map(|(_, it)| *it);
    of(wanted).or_else(|| of("application/*")).or_else(|| of("*/*")).unwrap_or(0)
}

/// What a customer is sent.
pub(crate) enum Document {
    Statement(Box<Statement>),
    Disclosure(Box<Disclosure>),
}

impl Document {
    /// The document in the form that is wanted; a file is called `name`.
    pub(crate) async fn answer(self, accepted: Accepted, name: &str) -> Answer {
        let Accepted::Pdf(language) = accepted else { return self.json() };
        // Setting type takes a while.
        let pdf = tokio::task::spawn_blocking(move || match self {
            Self::Statement(it) => it.pdf(language),
            Self::Disclosure(it) => it.pdf(language),
        });
        let pdf = pdf.await.map_err(|_| ApiError::internal())?.map_err(Refusal::Document)?;
        let headers = [
            (header::CONTENT_TYPE, "application/pdf".to_owned()),
            (header::CONTENT_LANGUAGE, language.tag().to_owned()),
            (header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}.pdf\"")),
            (header::VARY, VARIES.to_owned()),
        ];
        Ok((headers, pdf.bytes).into_response())
    }

    fn json(&self) -> Answer {
        let body = match self {
            Self::Statement(it) => Json(it.json().map_err(Refusal::Document)?).into_response(),
            Self::Disclosure(it) => Json(it.json().map_err(Refusal::Document)?).into_response(),
        };
        Ok(([(header::VARY, VARIES)], body).into_response())
    }
}

/// What an answer depends on beside the address.
const VARIES: &str = "accept, accept-language";
