//! What surrounds a request: health, numbers, ids, limits, panics.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, http::Request, middleware, routing::get};
use serde_json::json;
use tower::ServiceExt;

use super::world::{Ask, World};
use crate::Settings;

#[tokio::test]
async fn health_readiness_and_numbers_need_no_key() {
    let world = World::new().await;
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        assert_eq!(world.send(Ask::new("GET", path)).await.expect(200).text, text);
    }
    world.get(&world.home.operator, "/v1/me").await.expect(200);
    world.send(Ask::new("GET", "/v1/me")).await.expect(401);
    world.send(Ask::new("GET", "/such/as/this")).await.expect(404);
    let reply = world.send(Ask::new("GET", "/")).await.expect(307);
    assert_eq!(reply.header("location"), Some("/docs"));
    let numbers = world.send(Ask::new("GET", "/metrics")).await.expect(200).text;
    for line in [
        "suanpan_http_requests_total{route=\"/v1/me\",method=\"GET\",status=\"200\"} 1",
        "suanpan_http_requests_total{route=\"/v1/me\",method=\"GET\",status=\"401\"} 1",
        "suanpan_http_requests_total{route=\"(none)\",method=\"GET\",status=\"404\"} 1",
        "suanpan_http_request_seconds_count{route=\"/v1/me\",method=\"GET\"} 2",
        "suanpan_http_requests_in_flight 1",
        "# EOF",
    ] {
        assert!(numbers.contains(line), "{line} is not in\n{numbers}");
    }
}

/// Takes what the log writes.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_a_line_for_each_request_and_no_secret() {
    let world = World::new().await;
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(log);
    let party = world.party(&world.home, 281).await;
    let reply = world.get(&world.home.auditor, &format!("/v1/parties/{party}?x=secret")).await;
    world.send(Ask::new("GET", "/v1/me").header("authorization", "Bearer sp_secret")).await;
    world.get(&world.home.partner, "/v1/state-hash").await.expect(403);
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let log: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields: Vec<_> = log.iter().map(|line| &line["fields"]).collect();
    assert_eq!(fields.len(), 4, "{text}");
    assert_eq!((&fields[0]["route"], &fields[0]["status"]), (&json!("/v1/parties"), &json!(201)));
    assert_eq!(fields[0]["actor"], "operator@home");
    assert_eq!(fields[1]["route"], "/v1/parties/{party}");
    assert_eq!(fields[1]["request_id"], reply.header("x-request-id").unwrap());
    assert_eq!(
        (&fields[2]["code"], &fields[2]["status"]),
        (&json!("unauthenticated"), &json!(401))
    );
    assert_eq!((&fields[3]["code"], &fields[3]["status"]), (&json!("forbidden"), &json!(403)));
    assert_eq!(fields[3]["actor"], "partner@home");
    for secret in ["secret", "张小明", "19900000281", world.home.operator.as_str()] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_request_has_an_id() {
    let world = World::new().await;
    let given = world.send(Ask::new("GET", "/v1/me").header("x-request-id", "abc-1")).await;
    assert_eq!(given.header("x-request-id"), Some("abc-1"));
    assert_eq!(given.get("/request_id"), "abc-1");
    let made = world.send(Ask::new("GET", "/v1/me").header("x-request-id", "a b")).await;
    assert_eq!(made.header("x-request-id").unwrap().len(), 36);
    assert_eq!(made.get("/request_id"), made.header("x-request-id").unwrap());
}

#[tokio::test]
async fn what_is_not_there_or_not_so_is_a_problem() {
    let world = World::new().await;
    let reply = world.send(Ask::new("GET", "/v2/loans")).await.expect(404);
    assert_eq!(reply.get("/code"), "not-found");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let reply = world.ask(&world.home.operator, Ask::new("DELETE", "/v1/loans")).await.expect(405);
    assert_eq!(reply.get("/code"), "method-not-allowed");
    assert_eq!(reply.header("allow"), Some("GET,HEAD"));
    let head = world.ask(&world.home.operator, Ask::new("HEAD", "/v1/loans")).await.expect(200);
    assert_eq!(head.text, "");
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let world = World::with(Settings { body_bytes_max: 100, ..Settings::default() }).await;
    let long = json!({ "name": "x".repeat(100), "role": "partner" }).to_string();
    let ask = || Ask::new("POST", "/v1/keys").text("application/json", &long);
    let length = long.len().to_string();
    for ask in [ask(), ask().header("content-length", &length)] {
        let reply = world.ask(&world.home.operator, ask).await.expect(413);
        assert_eq!(reply.get("/code"), "body-too-large");
    }
}

#[tokio::test]
async fn too_much_at_once_is_asked_to_come_again() {
    let world = World::with(Settings { requests_at_once_max: 0, ..Settings::default() }).await;
    let reply = world.get(&world.home.operator, "/v1/me").await.expect(503);
    assert_eq!((reply.get("/code"), reply.header("retry-after")), ("overloaded".into(), Some("1")));
    world.send(Ask::new("GET", "/healthz")).await.expect(200);
}

#[tokio::test]
async fn what_takes_too_long_is_given_up() {
    let time = Duration::from_millis(1);
    let reply = odd(Settings { request_time_max: time, ..Settings::default() }, "/slow").await;
    assert_eq!((reply.0, &*reply.1), (503, "timed-out"));
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing() {
    let reply = odd(Settings::default(), "/panic").await;
    assert_eq!((reply.0, &*reply.1), (500, "internal"));
    assert!(!reply.2.contains("secret"));
}

/// Asks a router with handlers that misbehave: the status, the code, the body.
async fn odd(settings: Settings, path: &str) -> (u16, String, String) {
    use crate::{access::Rights, observe, router::Api};
    let bank = World::new().await.bank;
    let entropy = Arc::new(|| [0; 32]);
    let api = Api::new(bank, Arc::new(super::world::now), entropy, settings, Rights::new());
    let slow = get(async || std::future::pending::<()>().await);
    let panic = get(async || -> () { panic!("a secret") });
    let router: Router = Router::new()
        .route("/slow", slow)
        .route("/panic", panic)
        .route_layer(middleware::from_fn_with_state(api.clone(), observe::limit))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(observe::panicked))
        .layer(middleware::from_fn_with_state(api, observe::observe));
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let code = serde_json::from_str::<serde_json::Value>(&text).unwrap()["code"].clone();
    (status, code.as_str().unwrap_or_default().to_owned(), text)
}
