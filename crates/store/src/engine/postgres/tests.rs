//! Positions, steps of the schema, and a connection for whoever looks from beside.

use super::{
    Driver, PostgresEngine, Session, connection,
    migrate::{self, Step},
    node::{first_position, next_position},
    start,
};
use crate::StoreError;

/// A connection beside the store's own, to look and to tamper.
pub(crate) struct Sql {
    session: Session,
    _driver: Driver,
}

impl Sql {
    pub(crate) fn connect(url: &str) -> Self {
        let driver = start().unwrap();
        let session = driver.connect(&connection::config(url).unwrap()).unwrap();
        session.run("SET lock_timeout = 0").unwrap();
        Self { session, _driver: driver }
    }

    pub(crate) fn run(&self, sql: &str) {
        self.session.run(sql).unwrap();
    }

    /// The code of the error.
    pub(crate) fn error(&self, sql: &str) -> String {
        self.session.run(sql).expect_err(sql).code().unwrap().code().to_owned()
    }

    /// The first column, as texts.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        self.session.run(sql).unwrap()
    }

    pub(crate) fn number(&self, sql: &str) -> u64 {
        self.texts(sql)[0].parse().unwrap()
    }
}

#[test]
fn positions_grow_with_the_clock_and_above_others() {
    let at = |time: u64, node: u64, row: u64| time << 24 | node << 16 | row;
    // Of node 7, at the time 1,000, whose milliseconds are 8,000 to 8,007.
    for (above, first) in [
        (0, at(1_000, 7, 0)),
        (at(999, 255, 65_535), at(1_000, 7, 0)),
        (at(1_000, 6, 9), at(1_000, 7, 0)),
        (at(1_000, 7, 0), at(1_000, 7, 1)),
        (at(1_000, 7, 16_000), at(1_000, 7, 16_001)),
        (at(1_000, 7, 17_000), at(1_001, 7, 0)),
        (at(1_000, 8, 0), at(1_001, 7, 0)),
        (at(2_000, 3, 5), at(2_000, 7, 0)),
        (at(2_000, 7, 5), at(2_000, 7, 6)),
        (at(2_000, 200, 5), at(2_001, 7, 0)),
    ] {
        for unix_ms in [8_000, 8_007] {
            assert_eq!(first_position(7, above, unix_ms), first, "above {above}");
            assert!(first > above);
        }
    }
    assert_eq!(next_position(at(5, 7, 9)), Ok(at(5, 7, 10)));
    let over = next_position(at(5, 7, 65_535));
    assert!(matches!(over, Err(StoreError::TooLarge { limit: "TURN_ROWS_MAX", .. })));
    // Until the year 2109 they fit a signed number.
    assert!(i64::try_from(first_position(255, 0, 4_386_000_000_000)).is_ok());
}

#[test]
fn tables_expand_at_once_and_contract_when_no_older_node_is_left() {
    const SECOND: Step = Step {
        expand: "ALTER TABLE lane ADD COLUMN more bigint",
        contract: Some("ALTER TABLE lane DROP COLUMN accounts"),
    };
    let url = testdb::database().unwrap();
    let sql = Sql::connect(&url);
    let migrate = |steps: &[Step], contracts| migrate::migrate(&sql.session, steps, contracts);
    let first = || &migrate::STEPS[0];
    let one = [Step { expand: first().expand, contract: None }];
    let two = [Step { expand: first().expand, contract: None }, SECOND];
    let nothing: Vec<String> = Vec::new();
    let open = |built_for| PostgresEngine::open_as(&url, built_for);
    let refused = |built_for, words: &str| {
        let error = open(built_for).err().map(|it| it.to_string());
        assert!(error.as_ref().is_some_and(|it| it.contains(words)), "{error:?}");
    };

    refused(1, "no tables");
    assert_eq!(migrate(&one, false), Ok(vec!["expand 1".to_owned()]));
    assert_eq!(migrate(&one, true), Ok(nothing.clone()));
    refused(2, "run `suanpan migrate`");
    let older = open(1).unwrap();

    assert_eq!(migrate(&two, false), Ok(vec!["expand 2".to_owned()]));
    let newer = open(2).unwrap();
    let error = migrate(&two, true).unwrap_err().to_string();
    assert!(error.contains("node 1 is there, built for step 1"), "{error}");
    // An older binary finds nothing to do and breaks nothing.
    assert_eq!(migrate(&one, true), Ok(nothing.clone()));
    drop(older);
    assert_eq!(migrate(&two, true), Ok(vec!["contract 2".to_owned()]));
    assert_eq!(migrate(&two, true), Ok(nothing));
    refused(1, "built for step 2 or later");
    drop((newer, open(2).unwrap()));
}

#[test]
fn a_node_that_comes_back_after_a_contraction_is_refused() {
    let url = testdb::database().unwrap();
    let sql = Sql::connect(&url);
    let first = || Step { expand: migrate::STEPS[0].expand, contract: None };
    migrate::migrate(&sql.session, &[first()], false).unwrap();
    let silent = PostgresEngine::open_as(&url, 1).unwrap();
    sql.run("UPDATE node SET seen_at = seen_at - interval '1 hour'");
    let second = Step { expand: "", contract: Some("SELECT 1") };
    let done = migrate::migrate(&sql.session, &[first(), second], true).unwrap();
    assert_eq!(done, ["expand 2", "contract 2"]);
    let turn = || {
        use super::super::Engine;
        let turn = silent.turn(&[stdx::Id::NIL].into())?;
        turn.lock(&[(stdx::Id::NIL, stdx::Id::NIL)]).map(drop)
    };
    assert_eq!(turn(), Err(StoreError::Contended));
    assert!(matches!(turn(), Err(StoreError::Corrupt(_))));
}

#[test]
fn two_who_migrate_at_the_same_time_do_it_once() {
    let url = testdb::database().unwrap();
    let both = [(); 2].map(|()| {
        let url = url.clone();
        std::thread::spawn(move || super::migrate(&url, false))
    });
    let done = both.map(|it| it.join().unwrap().unwrap());
    assert_eq!(done.concat(), ["expand 1"]);
    drop(PostgresEngine::open(&url).unwrap());
}
