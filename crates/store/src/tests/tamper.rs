//! Random changes of a database file: whatever is changed, in whatever table, is found.

use std::collections::BTreeSet;

use ledger::InstitutionId;
use rusqlite::{Connection, params_from_iter, types::Value};
use stdx::{Digest, Prng};

use super::{Directory, commit, committed, files::everything, nth};
use crate::{PAGE_MAX, Store, StoreError};

/// How many changes are tried: each one is a whole verification.
const ROUNDS: usize = 2_000;

/// One cell of a table, found by the primary key of its row.
struct Cell {
    table: String,
    column: String,
    /// The columns of the primary key and their values.
    row: Vec<(String, Value)>,
    value: Value,
}

impl Cell {
    /// Any cell of any table.
    fn any(sql: &Connection, prng: &mut Prng) -> Self {
        let tables = texts(
            sql,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        );
        let count = |table: &str| -> u64 {
            let query = format!("SELECT count(*) FROM {table}");
            sql.query_row(&query, [], |row| row.get(0)).unwrap()
        };
        let filled: Vec<_> = tables.into_iter().filter(|table| count(table) > 0).collect();
        let table = prng.pick(&filled).clone();
        let columns = texts(sql, &format!("SELECT name FROM pragma_table_info('{table}')"));
        let keys =
            texts(sql, &format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0"));
        let column = prng.pick(&columns).clone();
        let wanted = [&keys[..], std::slice::from_ref(&column)].concat().join(", ");
        let offset = prng.below(count(&table));
        let query = format!("SELECT {wanted} FROM {table} LIMIT 1 OFFSET {offset}");
        let values: Vec<Value> = sql
            .query_row(&query, [], |row| (0..=keys.len()).map(|it| row.get(it)).collect())
            .unwrap();
        let (value, key) = values.split_last().unwrap();
        let row = keys.into_iter().zip(key.iter().cloned()).collect();
        Self { table, column, row, value: value.clone() }
    }

    /// Puts another value there; `None` when the table's own rules refuse it. Answers the row's
    /// new key.
    fn set(&self, sql: &Connection, value: &Value) -> Option<Self> {
        let filter: Vec<_> = self.row.iter().map(|(name, _)| format!("{name} = ?")).collect();
        let query =
            format!("UPDATE {} SET {} = ? WHERE {}", self.table, self.column, filter.join(" AND "));
        let values = [value].into_iter().chain(self.row.iter().map(|(_, value)| value));
        let changed = sql.execute(&query, params_from_iter(values)).ok()?;
        assert_eq!(changed, 1, "{query}");
        let key = |(name, old): &(String, Value)| {
            let moved = *name == self.column;
            (name.clone(), if moved { value.clone() } else { old.clone() })
        };
        let row = self.row.iter().map(key).collect();
        let (table, column) = (self.table.clone(), self.column.clone());
        Some(Self { table, column, row, value: value.clone() })
    }

    /// Another value of the same sort: one bit, one character, or something instead of nothing.
    fn another(&self, prng: &mut Prng) -> Value {
        let mut flip = |bytes: &mut Vec<u8>, bits: u64| {
            if bytes.is_empty() {
                return bytes.push(b'0');
            }
            let at = usize::try_from(prng.below(bytes.len() as u64)).unwrap();
            bytes[at] ^= 1 << prng.below(bits);
        };
        match &self.value {
            Value::Null => Value::Blob(vec![0; 16]),
            Value::Integer(number) => {
                let mut bytes = number.to_be_bytes().to_vec();
                flip(&mut bytes, 8);
                Value::Integer(i64::from_be_bytes(bytes.try_into().unwrap()))
            }
            Value::Real(number) => Value::Real(-number),
            Value::Text(text) => {
                let mut bytes = text.clone().into_bytes();
                flip(&mut bytes, 7);
                Value::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            Value::Blob(blob) => {
                let mut blob = blob.clone();
                flip(&mut blob, 8);
                Value::Blob(blob)
            }
        }
    }
}

fn texts(sql: &Connection, query: &str) -> Vec<String> {
    let mut statement = sql.prepare(query).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The root over the whole log, as the head of an auditor has it.
async fn root(store: &Store, of: InstitutionId) -> Result<Digest, StoreError> {
    let mut edge = audit::Edge::default();
    let mut next = Some(0);
    while let Some(after) = next {
        let page = store.log(of, after, PAGE_MAX).await?;
        for row in &page.data {
            let leaf = audit::leaf(row.position, row.lane.cast(), row.seq, row.root);
            edge.append(leaf, |_, _| {});
        }
        next = page.next;
    }
    Ok(edge.root())
}

/// What `suanpan verify` finds, and an auditor who kept the head of each log.
async fn whole(store: &Store, heads: &[(InstitutionId, Digest)]) -> Result<(), StoreError> {
    for (of, head) in heads {
        store.verify(*of).await?;
        if root(store, *of).await? != *head {
            return Err(StoreError::Corrupt("another history".to_owned()));
        }
    }
    Ok(())
}

#[tokio::test]
async fn any_changed_cell_is_found() {
    let directory = Directory::new();
    let store = directory.open();
    everything(&store).await;
    let mut other = commit("other");
    other.institution = nth(2);
    committed(&store, other).await;
    let mut heads = Vec::new();
    for of in [nth(1), nth(2)] {
        store.seal(of).await.unwrap();
        heads.push((of, root(&store, of).await.unwrap()));
    }
    whole(&store, &heads).await.unwrap();

    let sql = directory.sql();
    let mut prng = Prng::stream(1, "cells");
    let (mut found, mut places) = (0, BTreeSet::new());
    while found < ROUNDS {
        let cell = Cell::any(&sql, &mut prng);
        let value = cell.another(&mut prng);
        // Some changes break a table's own rules, and some change nothing.
        let Some(changed) = cell.set(&sql, &value).filter(|_| value != cell.value) else {
            continue;
        };
        let checked = whole(&store, &heads).await;
        let place = format!("{}.{} of {:?}", cell.table, cell.column, cell.row);
        assert!(checked.is_err(), "{place}: {:?} became {value:?}", cell.value);
        changed.set(&sql, &cell.value).expect("it was so before");
        places.insert((cell.table, cell.column));
        found += 1;
    }
    whole(&store, &heads).await.unwrap();
    assert!(places.len() > 50, "{places:?}");
}
