//! `ETag` and `If-Match`.

use serde_json::json;

use super::world::{Ask, World};

#[tokio::test]
async fn an_edit_names_the_version_it_is_meant_for() {
    let world = World::new().await;
    let keys = &world.home;
    let party = format!("/v1/parties/{}", world.party(keys, 281).await);
    let body = json!({ "mobile": "19900009000" });
    let patch = || Ask::new("PATCH", &party).json(&body);

    let tag = world.get(&keys.operator, &party).await.header("etag").unwrap().to_owned();
    assert_eq!(tag, "\"1\"");
    let missing = world.ask(&keys.operator, patch()).await.expect(428);
    assert_eq!(missing.get("/code"), "if-match-missing");
    for stale in ["\"2\"", "W/\"1\"", "*", "1", "\"x\""] {
        let reply = world.ask(&keys.operator, patch().header("if-match", stale)).await.expect(412);
        assert_eq!(reply.get("/code"), "changed", "{stale}");
    }
    let once = || patch().header("if-match", &tag).header("idempotency-key", "amend");
    let done = world.ask(&keys.operator, once()).await.expect(200);
    assert_eq!(done.get("/version"), "2");
    let read = world.get(&keys.operator, &party).await;
    assert_eq!((read.header("etag"), read.get("/mobile")), (Some("\"2\""), "199****9000".into()));
    // The version has moved on by the command itself: its repetition is answered all the same.
    let again = world.ask(&keys.operator, once()).await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let stale = world.ask(&keys.operator, patch().header("if-match", &tag)).await;
    assert_eq!(stale.expect(412).get("/code"), "changed");
}

#[tokio::test]
async fn consents_documents_and_checks_are_noted() {
    let world = World::new().await;
    let keys = &world.home;
    let party = format!("/v1/parties/{}", world.party(keys, 281).await);
    let consent = json!({ "purpose": "credit-inquiry", "text_version": "ci/1" });
    let consents = format!("{party}/consents");
    world.post(&keys.operator, &consents, consent.clone()).await.expect(200);
    let twice = world.post(&keys.operator, &consents, consent).await.expect(422);
    assert_eq!(twice.get("/code"), "consent-already-given");
    let withdraw = format!("{consents}/credit-inquiry");
    world.ask(&keys.operator, Ask::new("DELETE", &withdraw)).await.expect(200);
    let none = world.ask(&keys.operator, Ask::new("DELETE", &withdraw)).await.expect(422);
    assert_eq!(none.get("/code"), "consent-not-given");

    let document = json!({ "kind": "resident-id-card", "content": "ab".repeat(32) });
    let added = world.post(&keys.operator, &format!("{party}/documents"), document).await;
    added.expect(200);
    let check = json!({ "level": "face-to-face", "method": "in-person", "reference": "desk-7" });
    let raised = world.post(&keys.operator, &format!("{party}/kyc"), check).await.expect(200);
    assert_eq!(raised.get("/kyc_level"), "face-to-face");
    let read = world.get(&keys.operator, &party).await;
    assert_eq!(read.get("/documents/0/kind"), "resident-id-card");
    assert_ne!(read.get("/consents/0/withdrawn_at"), "null");
}
