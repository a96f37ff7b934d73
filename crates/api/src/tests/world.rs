//! Two institutions with a key for each role, and a short way to ask.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use axum::{Router, body::Body, http::Request};
use bank::{Bank, Call, Caller, Role, keys::NewKey};
use party::{MasterKey, Mobile, ResidentId};
use serde_json::{Value, json};
use stdx::{Date, Digest, Id, Prng, Timestamp};
use store::Store;
use tower::ServiceExt;

use super::conform::conforms;
use crate::{Settings, router};

/// A Friday.
pub(crate) const TODAY: Date = jiff::civil::date(2024, 3, 1);

/// What a request was answered.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
    /// What of it is text.
    pub(crate) text: String,
}

impl Reply {
    /// The body as JSON; null when it is not.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|it| it.to_str().ok())
    }

    /// A member of the body, as text.
    pub(crate) fn get(&self, pointer: &str) -> String {
        let value = self.json().pointer(pointer).cloned();
        match value {
            Some(Value::String(text)) => text,
            Some(value) => value.to_string(),
            None => panic!("no {pointer} in {}", self.text),
        }
    }

    /// Itself, when the status is the one expected.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

/// A request to be.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: Vec<u8>,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text("application/json", &body.to_string())
    }

    pub(crate) fn text(mut self, kind: &'a str, body: &str) -> Self {
        self.headers.push(("content-type", kind));
        self.body = body.as_bytes().to_vec();
        self
    }
}

/// An institution's keys.
pub(crate) struct Keys {
    pub(crate) operator: String,
    pub(crate) approver: String,
    pub(crate) auditor: String,
    pub(crate) partner: String,
}

impl Keys {
    pub(crate) fn of(&self, role: Role) -> &str {
        match role {
            Role::Operator => &self.operator,
            Role::Approver => &self.approver,
            Role::Auditor => &self.auditor,
            Role::Partner => &self.partner,
        }
    }
}

pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) bank: Bank,
    pub(crate) home: Keys,
    pub(crate) away: Keys,
    asked: AtomicU32,
}

/// The moment at which everything happens.
pub(crate) fn now() -> Timestamp {
    "2024-03-01T02:00:00Z".parse().unwrap()
}

/// The call of a set-up step.
fn call(caller: Caller, key: &str) -> Call {
    let seed = *Digest::of(&[key.as_bytes(), caller.institution.as_bytes()]).as_bytes();
    let digest = Digest::of(&[key.as_bytes()]);
    Call { caller, key: key.to_owned(), digest, now: now(), seed }
}

async fn institution(bank: &Bank, name: &str) -> Keys {
    let platform = Caller::platform(Id::derived(&[name.as_bytes()]));
    let create = call(platform.clone(), "create");
    bank.create_institution(&create, name, TODAY, "china").await.unwrap();
    let mut keys = Vec::new();
    for (role, text, _) in Role::TABLE {
        let sees_personal_data = role == Role::Auditor;
        let new = NewKey { name: format!("{text}@{name}"), role, sees_personal_data };
        let maker = if role == Role::Approver { role } else { Role::Operator };
        let maker = Caller { role: maker, sees_personal_data: true, ..platform.clone() };
        let made = bank.create_key(&call(maker, text), &new).await.unwrap();
        keys.push(made.answer.1.reveal().to_owned());
    }
    let [operator, approver, auditor, partner] = keys.try_into().unwrap();
    Keys { operator, approver, auditor, partner }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let bank = Bank::new(Store::in_memory(), Box::new(MasterKey::new([7; 32])));
        let (home, away) = (institution(&bank, "home").await, institution(&bank, "away").await);
        let prng = Mutex::new(Prng::stream(1, "api"));
        let entropy = Arc::new(move || prng.lock().unwrap().bytes());
        let router = router(bank.clone(), Arc::new(now), entropy, settings);
        Self { router, bank, home, away, asked: AtomicU32::new(0) }
    }

    /// Sends a request exactly as it is.
    pub(crate) async fn send(&self, ask: Ask<'_>) -> Reply {
        let mut request = Request::builder().method(ask.method).uri(ask.path);
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(ask.body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let (status, headers, bytes) = (parts.status.as_u16(), parts.headers, bytes.to_vec());
        let text = String::from_utf8(bytes.clone()).unwrap_or_default();
        let reply = Reply { status, headers, bytes, text };
        conforms(ask.method, ask.path, &reply);
        reply
    }

    /// Sends a request with a key, and a fresh idempotency key where none is there.
    pub(crate) async fn ask(&self, key: &str, ask: Ask<'_>) -> Reply {
        let bearer = format!("Bearer {key}");
        let fresh = format!("ask-{}", self.asked.fetch_add(1, Ordering::Relaxed));
        let has = ask.headers.iter().any(|(name, _)| *name == "idempotency-key");
        let Ask { method, path, headers, body } = ask;
        let ask = Ask { method, path, headers, body }.header("authorization", &bearer);
        self.send(if has { ask } else { ask.header("idempotency-key", &fresh) }).await
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Reply {
        self.ask(key, Ask::new("GET", path)).await
    }

    pub(crate) async fn post(&self, key: &str, path: &str, body: Value) -> Reply {
        let ask = Ask::new("POST", path);
        self.ask(key, if body.is_null() { ask } else { ask.json(&body) }).await
    }

    /// Drafts, approves and publishes a product for an institution.
    pub(crate) async fn publish(&self, keys: &Keys, definition: &str) -> String {
        let draft = Ask::new("POST", "/v1/products").text("application/yaml", definition);
        let path = self.ask(&keys.operator, draft).await.expect(201);
        let path = path.header("location").unwrap().to_owned();
        self.post(&keys.approver, &format!("{path}/approve"), Value::Null).await.expect(200);
        let from = json!({ "from": TODAY.to_string() });
        self.post(&keys.approver, &format!("{path}/publish"), from).await.expect(200);
        path
    }

    /// Registers a party; each number is another person.
    pub(crate) async fn party(&self, keys: &Keys, number: u32) -> String {
        let made = self.post(&keys.operator, "/v1/parties", person(number)).await.expect(201);
        made.get("/id")
    }

    /// Applies for the product `pay-in-3`.
    pub(crate) async fn apply(&self, keys: &Keys, party: &str) -> Reply {
        let body = json!({
            "party": party, "product": "pay-in-3",
            "amount": { "amount": "3000.00", "currency": "CNY" },
            "facts": { "job": "skilled", "purpose": "furniture", "housing": "own" },
        });
        self.post(&keys.operator, "/v1/applications", body).await.expect(201)
    }

    /// An application, signed and paid out: the ids of the application and of the loan.
    pub(crate) async fn loan(&self, keys: &Keys, party: &str) -> (String, String) {
        let application = self.apply(keys, party).await.get("/id");
        let sign = format!("/v1/applications/{application}/sign");
        let loan = self.post(&keys.operator, &sign, Value::Null).await.expect(200).get("/loan");
        let disburse = format!("/v1/loans/{loan}/disburse");
        self.post(&keys.operator, &disburse, Value::Null).await.expect(200);
        (application, loan)
    }

    /// Closes business dates up to, and not including, a day.
    pub(crate) async fn close_until(&self, keys: &Keys, day: &str) {
        let day: Date = day.parse().unwrap();
        loop {
            let date = self.get(&keys.operator, "/v1/business-date").await.expect(200).get("/date");
            if date.parse::<Date>().unwrap() >= day {
                return;
            }
            let body = json!({ "date": date });
            self.post(&keys.operator, "/v1/business-date/close", body).await.expect(200);
        }
    }
}

/// A person, another for each number.
pub(crate) fn person(number: u32) -> Value {
    json!({
        "kind": "person", "name": "张小明", "id_number": resident_id(number),
        "mobile": Mobile::sample(number).reveal(), "address": "北京市朝阳区建国路1号",
    })
}

/// The person's resident identity number.
pub(crate) fn resident_id(number: u32) -> String {
    let born = jiff::civil::date(1990, 3, 7);
    ResidentId::sample(110_105, born, number.try_into().unwrap()).reveal().to_owned()
}

/// An example product.
pub(crate) fn example(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/products");
    std::fs::read_to_string(format!("{folder}/{name}.yaml")).unwrap()
}

/// An id that no thing has, another for each number.
pub(crate) fn uuid(number: u32) -> String {
    format!("0194a1b2-7c3d-7e4f-8a5b-{number:012}")
}
