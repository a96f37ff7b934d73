//! What is computed beside the threads that serve.

use serde_json::json;

use super::world::{LOAN, World};
use crate::{Refusal, simulations::LifeToTell};

#[tokio::test]
async fn no_more_is_begun_than_can_be_computed() {
    let world = World::new().await;
    let life = LifeToTell {
        definition: LOAN.into(),
        script: json!({ "amount": "1000", "term": 3, "date": "2025-01-02", "events": [] }),
        until: None,
    };
    let all = u32::try_from(crate::simulations::SIMULATIONS_AT_ONCE_MAX).unwrap();
    let busy = world.bank.0.simulations.acquire_many(all).await.unwrap();
    let told = world.bank.simulate_life(&world.reader(), life.clone()).await;
    assert_eq!(told.unwrap_err(), Refusal::Overloaded);
    drop(busy);
    for _ in 0..=all {
        world.bank.simulate_life(&world.reader(), life.clone()).await.unwrap();
    }
}
