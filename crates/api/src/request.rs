//! What a handler is given: ids of the path, parameters of the query, the command with its body.

use std::{fmt, marker::PhantomData, str::FromStr};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use bank::{Call, Caller};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use stdx::Date;
use utoipa::{IntoParams, ToSchema};

use crate::{
    HEADER_KEY_LEN_MAX, ITEMS_MAX, PAGE_DEFAULT, PAGE_MAX, decode,
    problem::{ApiError, Fault},
    router::Api,
};

/// A request that changes something: the call with its idempotency key, and the body.
pub(crate) struct Command<B> {
    pub(crate) call: Call,
    pub(crate) body: B,
}

impl<B: Body> FromRequest<Api> for Command<B> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let caller = caller(request.extensions())?;
        let key = idempotency_key(request.headers())?;
        let (parts, bytes) = read(request, api).await?;
        let path = parts.uri.path_and_query().map_or("", |it| it.as_str());
        let request = [parts.method.as_str().as_bytes(), path.as_bytes(), &bytes];
        let digest = api.bank.request_digest(&request)?;
        let (now, seed) = ((api.clock)(), (api.entropy)());
        let body = B::read(&parts.headers, &bytes)?;
        Ok(Self { call: Call { caller, key, digest, now, seed }, body })
    }
}

/// A question that needs a body; it changes nothing and needs no idempotency key.
pub(crate) struct Inquiry<B> {
    pub(crate) caller: Caller,
    pub(crate) body: B,
}

impl<B: Body> FromRequest<Api> for Inquiry<B> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let caller = caller(request.extensions())?;
        let (parts, bytes) = read(request, api).await?;
        Ok(Self { caller, body: B::read(&parts.headers, &bytes)? })
    }
}

/// Who asks, as [`crate::access`] found out.
pub(crate) struct By(pub(crate) Caller);

impl FromRequestParts<Api> for By {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        caller(&parts.extensions).map(Self)
    }
}

fn caller(extensions: &axum::http::Extensions) -> Result<Caller, ApiError> {
    extensions.get::<Caller>().cloned().ok_or_else(ApiError::unauthenticated)
}

/// Reads the whole body, within the limit.
async fn read(request: Request, api: &Api) -> Result<(Parts, Bytes), ApiError> {
    let bytes_max = api.settings.body_bytes_max;
    let (parts, body) = request.into_parts();
    let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    if announced.and_then(|it| it.parse::<usize>().ok()).is_some_and(|it| it > bytes_max) {
        return Err(ApiError::body_too_large(bytes_max));
    }
    match axum::body::to_bytes(body, bytes_max).await {
        Ok(bytes) => Ok((parts, bytes)),
        Err(error) if broken_off(&error) => Err(ApiError::body_broken_off()),
        Err(_) => Err(ApiError::body_too_large(bytes_max)),
    }
}

/// An error of the connection has a cause of its own; that of the limit is the limit's.
fn broken_off(error: &axum::Error) -> bool {
    let cause = std::error::Error::source(error);
    cause.is_some_and(|it| !it.to_string().contains("length limit"))
}

fn idempotency_key(headers: &HeaderMap) -> Result<String, ApiError> {
    let key = headers.get("idempotency-key").and_then(|it| it.to_str().ok());
    let key = key.filter(|it| visible(it)).ok_or_else(ApiError::idempotency_key_missing)?;
    Ok(key.to_owned())
}

/// 1 to [`HEADER_KEY_LEN_MAX`] visible ASCII characters.
pub(crate) fn visible(text: &str) -> bool {
    (1..=HEADER_KEY_LEN_MAX).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic())
}

/// A format of request bodies.
pub(crate) trait Body: Sized {
    /// Reads the body.
    fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, ApiError>;
}

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> Body for Json<T> {
    fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, ApiError> {
        match media_type(headers) {
            Some("application/json") => decode::body(bytes).map(Self),
            _ => Err(ApiError::unsupported_media_type("application/json")),
        }
    }
}

/// One thing, or a list of up to 8,000 of them.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany<T> {
    /// One.
    One(T),
    /// A list.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// Every thing, turned into another; `each` is given the pointer of the thing.
    pub(crate) fn try_map<U>(
        self,
        each: impl Fn(&str, T) -> Result<U, ApiError>,
    ) -> Result<Vec<U>, ApiError> {
        match self {
            Self::One(thing) => each("", thing).map(|it| vec![it]),
            Self::Many(things) => {
                let numbered = things.into_iter().enumerate();
                numbered.map(|(index, it)| each(&format!("/{index}"), it)).collect()
            }
        }
    }
}

/// By hand: a derived `untagged` would lose the place of what is wrong.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(OneOrMany::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut things = Vec::new();
        while let Some(thing) = seq.next_element()? {
            if things.len() == ITEMS_MAX {
                let detail = format!("At most {ITEMS_MAX} at a time.");
                return Err(decode::refuse("too-many-items", detail));
            }
            things.push(thing);
        }
        Ok(OneOrMany::Many(things))
    }
}

/// No body, or an empty object.
pub(crate) struct Nothing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

impl Body for Nothing {
    fn read(_: &HeaderMap, bytes: &[u8]) -> Result<Self, ApiError> {
        if !bytes.is_empty() {
            decode::body::<Empty>(bytes)?;
        }
        Ok(Self)
    }
}

/// A JSON body that may be left out: everything in it may.
pub(crate) struct Maybe<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> Body for Maybe<T> {
    fn read(_: &HeaderMap, bytes: &[u8]) -> Result<Self, ApiError> {
        if bytes.is_empty() { Ok(Self(T::default())) } else { decode::body(bytes).map(Self) }
    }
}

/// A product definition, in YAML or JSON.
pub(crate) struct Definition(pub(crate) String);

impl Body for Definition {
    fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, ApiError> {
        let takes = ["application/json", "application/yaml", "application/x-yaml", "text/yaml"];
        if !media_type(headers).is_some_and(|it| takes.contains(&it)) {
            return Err(ApiError::unsupported_media_type("application/yaml or application/json"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| {
            ApiError::malformed_body(Fault::at("", "malformed-text", "It is not UTF-8."))
        })?;
        Ok(Self(text.to_owned()))
    }
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}

/// What the path names. What cannot be a name names nothing: 404.
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let path = Path::from_request_parts(parts, api).await;
        path.map(|Path(it)| Self(it)).map_err(|_| ApiError::not_found("thing"))
    }
}

/// The parameters of the query.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| {
            let detail = "It is not a query.".to_owned();
            let code = "malformed-query".to_owned();
            ApiError::malformed_query(Fault { code, detail, ..Fault::default() })
        })?;
        decode::query(pairs.0).map(Self)
    }
}

/// The version an edit is meant for: the `ETag` of the record as it was read.
pub(crate) struct IfMatch(pub(crate) u64);

impl FromRequestParts<Api> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        let header = parts.headers.get(header::IF_MATCH).ok_or_else(ApiError::if_match_missing)?;
        let tag = header.to_str().ok().and_then(|it| it.strip_prefix('"')?.strip_suffix('"'));
        // A tag that is not one of ours is one of no version.
        let version = tag.and_then(|it| it.parse().ok());
        version.map(Self).ok_or_else(|| bank::Refusal::Changed.into())
    }
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageOf {
    /// `next` of the page before; the first page when absent.
    after: Option<String>,
    /// How many things at most.
    #[serde(default = "page_default", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(crate) limit: usize,
}

impl PageOf {
    /// Where the page begins.
    pub(crate) fn after<C: FromStr>(&self) -> Result<Option<C>, ApiError> {
        cursor(self.after.as_deref())
    }
}

/// Reads a cursor. Callers see a text and do not look into it.
pub(crate) fn cursor<C: FromStr>(text: Option<&str>) -> Result<Option<C>, ApiError> {
    let wrong = |_| {
        let parameter = Some("after".to_owned());
        let fault = Fault::at("", "malformed-cursor", "Send `next` of the page before as it is.");
        ApiError::malformed_query(Fault { pointer: None, parameter, ..fault })
    };
    text.map(str::parse).transpose().map_err(wrong)
}

pub(crate) fn page_default() -> usize {
    PAGE_DEFAULT
}

pub(crate) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let text = String::deserialize(deserializer)?;
    let limit = text.parse().ok().filter(|it| (1..=PAGE_MAX).contains(it));
    let detail = format!("A limit is a whole number from 1 to {PAGE_MAX}.");
    limit.ok_or_else(|| decode::refuse("limit-out-of-range", detail))
}

/// A day in a query.
pub(crate) fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    crate::wire::Day::deserialize(deserializer).map(|it| Some(it.0))
}
