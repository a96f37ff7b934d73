//! Dunning over HTTP.

use serde_json::{Value, json};

use super::world::{World, example};

/// The example, with two steps of dunning.
fn dunned() -> String {
    let steps = "terms:\n  dunning:\n    \
        - { after: 3, step: reminder, title: { en: Reminder, zh: 提醒 } }\n    \
        - { after: 10, step: letter, title: { en: Letter, zh: 催收函 } }\n";
    example("pay-in-3").replacen("terms:\n", steps, 1)
}

#[tokio::test]
async fn a_late_loan_is_on_the_work_list_of_its_step_until_it_is_paid() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &dunned()).await;
    let party = world.party(keys, 281).await;
    let (_, loan) = world.loan(keys, &party).await;
    let (path, list) = (format!("/v1/loans/{loan}/dunning"), "/v1/dunning?step=");
    let on_list = async |step: &str| {
        let listed = world.get(&keys.auditor, &format!("{list}{step}")).await.expect(200).json();
        listed["data"].as_array().unwrap().iter().any(|it| it["loan"] == json!(loan))
    };
    let nothing = world.get(&keys.operator, &path).await.expect(200).json();
    assert_eq!((&nothing["next"], &nothing["steps"]), (&Value::Null, &json!([])));

    // Due on 1 April; a weekend and the Qingming festival lie between.
    world.close_until(keys, "2024-04-02").await;
    let next = world.get(&keys.operator, &path).await.expect(200);
    let first = next.get("/next/on");
    assert_eq!(next.get("/next/step"), "reminder");
    world.close_until(keys, "2024-04-08").await;
    let read = world.get(&keys.operator, &path).await.expect(200);
    assert_eq!(
        (read.get("/since"), read.get("/last/step")),
        ("2024-04-01".into(), "reminder".into())
    );
    assert_eq!(read.get("/last/on"), first);
    assert!(on_list("reminder").await && !on_list("letter").await);
    world.close_until(keys, "2024-04-15").await;
    assert!(on_list("letter").await && !on_list("reminder").await);
    let all = world.get(&keys.auditor, "/v1/dunning").await.expect(200);
    assert_eq!(all.get("/data/0/last/step"), "letter");
    let events = world.get(&keys.auditor, "/v1/events?limit=1000").await.expect(200);
    assert_eq!(events.text.matches("dunning-step-reached").count(), 2);

    let due = world.get(&keys.operator, &format!("/v1/loans/{loan}")).await;
    let due = due.get("/position/due/total");
    let pay = json!({ "amount": { "amount": due, "currency": "CNY" } });
    world.post(&keys.operator, &format!("/v1/loans/{loan}/repayments"), pay).await.expect(200);
    let cured = world.get(&keys.operator, &path).await.expect(200);
    assert_eq!((cured.get("/since"), cured.get("/last")), ("null".into(), "null".into()));
    assert_eq!(cured.get("/steps/1/step"), "letter", "what was done is kept");
    assert!(!on_list("letter").await);
    let missing = format!("/v1/loans/{}/dunning", super::world::uuid(9));
    world.get(&keys.operator, &missing).await.expect(404);
}
