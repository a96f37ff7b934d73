use stdx::Prng;

use super::{head, public_key, rows, signing_key};
use crate::{Check, Fault, Head, Row, header};

fn export(rows: &[Row]) -> Vec<String> {
    [header(&head(rows))].into_iter().chain(rows.iter().map(Row::to_line)).collect()
}

fn check(lines: &[String], known: &[Head]) -> Result<Head, Fault> {
    let (first, rows) = lines.split_first().ok_or(Fault::Malformed("export"))?;
    let mut check = Check::begin(first, &public_key(), known)?;
    rows.iter().try_for_each(|line| check.row(line))?;
    check.end()
}

#[test]
fn an_export_of_any_size_is_proven() {
    for size in [0, 1, 2, 255, 256, 257, 300] {
        let rows = rows(size, 1);
        let known: Vec<_> = [0, size / 2, size]
            .map(|it| head(&rows[..usize::try_from(it).unwrap()]).claimed())
            .into();
        assert_eq!(check(&export(&rows), &known).unwrap(), head(&rows).claimed());
    }
}

#[test]
fn what_is_wrong_is_named() {
    let rows = rows(40, 1);
    let good = export(&rows);
    let named = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = good.clone();
        change(&mut lines);
        check(&lines, &[]).unwrap_err()
    };
    let order = |index: usize| Fault::Order { position: rows[index].position };
    assert_eq!(named(&|it| it.truncate(40)), Fault::RowsMissing { rows: 39, size: 40 });
    assert_eq!(named(&|it| it.push(it[40].clone())), Fault::RowsLeft { size: 40 });
    assert_eq!(named(&|it| it.swap(8, 9)), order(7));
    assert_eq!(named(&|it| it.insert(9, it[8].clone())), order(7));
    assert_eq!(named(&|it| drop(it.remove(0))), Fault::Malformed("first line of an export"));
    assert_eq!(named(&|it| it[5].push(' ')), Fault::Rewritten("row of a log"));
    assert_eq!(named(&|it| it[5].clear()), Fault::Malformed("row of a log"));
    let changed = |it: &mut Vec<String>| it[5] = it[5].replace("first-operator", "no-operator");
    assert_eq!(named(&changed), Fault::Content { position: rows[4].position });
}

#[test]
fn a_rewritten_history_is_found_by_a_head_that_was_kept() {
    let kept = head(&rows(20, 1)).claimed();
    let rewritten = rows(40, 2);
    assert_eq!(check(&export(&rewritten), &[]), Ok(head(&rewritten).claimed()));
    assert_eq!(check(&export(&rewritten), &[kept]), Err(Fault::OtherHistory { size: 20 }));
    let shortened = &rows(40, 1)[..19];
    assert_eq!(check(&export(shortened), &[]), Ok(head(shortened).claimed()));
    assert_eq!(check(&export(shortened), &[kept]), Err(Fault::OtherHistory { size: 20 }));
    let other = Head { institution: rewritten[0].lane, ..kept };
    assert_eq!(check(&export(&rewritten), &[other]), Err(Fault::OtherInstitution));
}

#[test]
fn a_row_of_another_institution_is_named() {
    let mut rows = rows(3, 1);
    let signed = Head { institution: rows[0].lane, ..head(&rows).claimed() }.sign(&signing_key());
    let mut lines = export(&rows);
    lines[0] = header(&signed);
    assert_eq!(check(&lines, &[]), Err(Fault::OtherInstitution));
    rows[1].institution = rows[0].lane;
    assert_eq!(check(&export(&rows), &[]), Err(Fault::OtherInstitution));
}

/// One of the ways to change a list of lines.
fn tamper(lines: &mut Vec<String>, prng: &mut Prng) {
    let count = lines.len() as u64;
    let mut any = |below: u64| usize::try_from(prng.below(below)).unwrap();
    let (line, other, way) = (any(count), any(count), any(12));
    let place = any(lines[line].len().max(1) as u64);
    let bit = 1 << any(7);
    match way {
        0 => drop(lines.remove(line)),
        1 => lines.swap(line, other),
        2 => lines.insert(other, lines[line].clone()),
        3 => lines.truncate(line),
        4 => lines[line] = lines[other].clone(),
        _ => {
            // A byte of an ASCII text; where it is none, one of a character is lost.
            let mut bytes = std::mem::take(&mut lines[line]).into_bytes();
            match way {
                5 => drop(bytes.remove(place)),
                6 => bytes.insert(place, b' '),
                7 => bytes.truncate(place),
                _ => bytes[place] ^= bit,
            }
            lines[line] = String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

#[test]
fn ten_thousand_tamperings_are_all_found() {
    let good = export(&rows(12, 3));
    let mut prng = Prng::stream(5, "tamperings");
    let mut found = 0;
    while found < 10_000 {
        let mut lines = good.clone();
        tamper(&mut lines, &mut prng);
        if lines != good {
            let checked = check(&lines, &[]);
            assert!(checked.is_err(), "not found: {}", lines.join("\n"));
            found += 1;
        }
    }
}
