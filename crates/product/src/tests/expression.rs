use expect_test::{Expect, expect};
use money::Decimal;
use stdx::Prng;

use crate::expression::{
    Environment, EvaluationError, Expression, FUNCTIONS, Facts, Field, Problem, Type, Value,
    limits, reference,
};

fn environment() -> Environment {
    let texts = Type::List(Box::new(Type::Text));
    Environment::new([
        Field::new("applicant.age", Type::Number, "Full years."),
        Field::new("applicant.name", Type::Text, "As on the document."),
        Field::new("applicant.member", Type::Bool, "Whether a member."),
        Field::new("applicant.since", Type::Date, "Customer since."),
        Field::new("applicant.tags", texts, "Marks of the institution."),
        Field::one_of("facts.housing", ["own", "rent", "free"], "How the applicant lives."),
        Field::new("amount", Type::Number, "Amount in major units."),
        Field::new("term", Type::Number, "Months."),
        Field::new("unknown", Type::Number, "Never has a value."),
    ])
    .unwrap()
}

fn facts(environment: &Environment) -> Facts {
    let mut facts = Facts::new(environment);
    facts.set("applicant.age", 42_i64).unwrap();
    facts.set("applicant.name", "李小明 Li").unwrap();
    facts.set("applicant.member", true).unwrap();
    facts.set("applicant.since", date("2024-02-29")).unwrap();
    facts.set("applicant.tags", Value::List(vec!["gold".into(), "old".into()])).unwrap();
    facts.set("facts.housing", "rent").unwrap();
    facts.set("amount", decimal("1250.50")).unwrap();
    facts.set("term", 12_i64).unwrap();
    facts
}

fn date(text: &str) -> stdx::Date {
    text.parse().unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

const TYPES: [Type; 4] = [Type::Bool, Type::Number, Type::Text, Type::Date];

/// Compiles for whichever type the expression has.
fn compile(source: &str) -> Result<Expression, Vec<Problem>> {
    let environment = environment();
    let mut last = Vec::new();
    for of in TYPES.into_iter().chain(TYPES.map(|of| Type::List(Box::new(of)))) {
        match Expression::compile(source, &environment, of) {
            Ok(expression) => return Ok(expression),
            Err(problems) => last = problems,
        }
    }
    Err(last)
}

const VALUES: &str = r#"
    # literals, exactly as written
    true                                                    => true
    1250.50                                                 => 1250.50
    -0.1000                                                 => -0.1000
    0.1 + 0.2 == 0.3                                        => true
    0.1234567890123456789012345678                          => 0.1234567890123456789012345678
    9223372036854775807 + 1                                 => 9223372036854775808
    -9223372036854775807                                    => -9223372036854775807
    date('2024-02-29')                                      => date("2024-02-29")
    'it\'s \\ "x"' // a comment                             => "it's \\ \"x\""
    ['own', 'rent']                                         => ["own", "rent"]
    # fields
    applicant.age                                           => 42
    applicant . age                                         => 42
    facts.housing                                           => "rent"
    applicant.tags                                          => ["gold", "old"]
    # arithmetic, with the binding of CEL
    1 + 2 * 3 - -4                                          => 11
    (1 + 2) * 3                                             => 9
    10 - 2 - 3                                              => 5
    12 / 2 / 3                                              => 2
    -applicant.age                                          => -42
    - -applicant.age                                        => 42
    10 / 4                                                  => 2.50
    1 / 3                                                   => 0.3333333333333333333333333333
    7 % 4                                                   => 3
    -7 % 4                                                  => -3
    amount * 0.015                                          => 18.75750
    # functions
    round(amount * 0.015, 2)                                => 18.76
    round(2.5, 0)                                           => 2
    round(3.5, 0)                                           => 4
    round(-0.125, 2)                                        => -0.12
    min(3, 1, 2)                                            => 1
    max(amount * 0.01, 5, term)                             => 12.5050
    abs(-5.5)                                               => 5.5
    floor(-1.5)                                             => -2
    ceil(1.01)                                              => 2
    size('李小明')                                             => 3
    size(applicant.tags)                                    => 2
    size(['a', 'b', 'c'])                                   => 3
    applicant.name.startsWith('李')                          => true
    applicant.name.endsWith('Li')                           => true
    applicant.name.contains('王')                            => false
    days(applicant.since, date('2025-03-01'))               => 366
    days(date('2025-03-01'), date('2025-02-28'))            => -1
    # comparison
    1.0 == 1.00                                             => true
    applicant.age != 42                                     => false
    2 < 10                                                  => true
    10 <= 10                                                => true
    10 > 10                                                 => false
    10 >= 10.01                                             => false
    applicant.since < date('2024-03-01')                    => true
    applicant.member == true                                => true
    facts.housing == 'rent'                                 => true
    facts.housing in ['own', 'rent']                        => true
    'silver' in applicant.tags                              => false
    term in [6, 12.00]                                      => true
    (applicant.member ? 'own' : 'rent') == facts.housing    => false
    # logic, left to right
    !applicant.member                                       => false
    true || false && false                                  => true
    false && unknown > 1                                    => false
    true || unknown > 1                                     => true
    applicant.member ? 1 : unknown                          => 1
    term > 24 ? 0.02 : term > 6 ? 0.015 : 0.01              => 0.015
"#;

#[test]
fn expressions_have_values() {
    let facts = facts(&environment());
    for line in VALUES.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#')) {
        let (source, value) = line.split_once(" => ").unwrap();
        let expression = compile(source.trim()).unwrap_or_else(|it| panic!("{source}: {it:?}"));
        let found = expression.evaluate(&facts).map(|it| it.to_string());
        assert_eq!(found, Ok(value.trim().to_owned()), "{source}");
        assert_eq!(expression.source(), source.trim());
    }
}

#[test]
fn every_function_has_a_value_in_the_table_and_a_line_in_the_reference() {
    let page = reference();
    for function in FUNCTIONS {
        let name = if function.name == "?:" { "?" } else { function.name };
        assert!(VALUES.contains(name), "{name}");
        let usage = function.usage.replace('|', "\\|");
        assert!(page.contains(&format!("| `{usage}` | {} |", function.signature())), "{usage}");
    }
    for (name, limit) in limits::ALL {
        assert!(page.contains(&format!("| {name} | {limit} |")), "{name}");
    }
}

#[test]
fn what_has_no_value_says_why() {
    let facts = facts(&environment());
    let error = |source: &str| compile(source).unwrap().evaluate(&facts).unwrap_err();
    let missing = EvaluationError::MissingFact { name: "unknown".to_owned() };
    assert_eq!(error("unknown + 1"), missing);
    assert_eq!(error("unknown > 1 || true"), missing);
    assert_eq!(error("unknown > 1 && false"), missing);
    assert_eq!(error("1 / (term - 12)"), EvaluationError::DivisionByZero);
    assert_eq!(error("1 % (term - 12)"), EvaluationError::DivisionByZero);
    assert_eq!(error("round(amount, term / 24)"), EvaluationError::InvalidDigits);
    assert_eq!(error("round(amount, term + 17)"), EvaluationError::InvalidDigits);
    assert_eq!(error("round(amount, -term)"), EvaluationError::InvalidDigits);
    let large = "7922816251426433759354395033.0";
    assert_eq!(error(&format!("{large} * 11")), EvaluationError::Overflow);
    assert_eq!(error(&format!("{large} * 10 + {large}")), EvaluationError::Overflow);
    assert_eq!(error(&format!("-{large} * 10 - {large}")), EvaluationError::Overflow);
    assert_eq!(error(&format!("{large} / 0.01")), EvaluationError::Overflow);
}

#[test]
fn facts_of_another_environment_are_refused() {
    let expression = compile("amount > 1").unwrap();
    let other = Environment::new([Field::new("amount", Type::Number, "")]).unwrap();
    let mut facts = Facts::new(&other);
    facts.set("amount", 5_i64).unwrap();
    assert_eq!(expression.evaluate(&facts), Err(EvaluationError::ForeignFacts));
    // An environment declared again is the same environment.
    assert_eq!(expression.evaluate(&self::facts(&environment())), Ok(Value::Bool(true)));
}

#[test]
fn a_fact_keeps_its_declaration() {
    let environment = environment();
    let mut facts = Facts::new(&environment);
    let mut refused = |name: &str, value: Value| {
        let error = facts.set(name, value).unwrap_err();
        assert_eq!(facts.get(name), None);
        format!("{}: {error}", error.code())
    };
    let found = [
        refused("applicant.aeg", 1_i64.into()),
        refused("housing", "own".into()),
        refused("color", "red".into()),
        refused("amount", "5".into()),
        refused("applicant.tags", Value::List(vec!["a".into(), 1_i64.into()])),
        refused("facts.housing", "rents".into()),
        refused("facts.housing", "palace".into()),
    ];
    expect![[r#"
        unknown-field: there is no field `applicant.aeg`; did you mean `applicant.age`?
        unknown-field: there is no field `housing`; did you mean `facts.housing`?
        unknown-field: there is no field `color`
        wrong-type: `amount` is a number
        wrong-type: `applicant.tags` is a list of text
        value-not-allowed: `facts.housing` does not allow this value; did you mean `rent`?
        value-not-allowed: `facts.housing` does not allow this value"#]]
    .assert_eq(&found.join("\n"));
    facts.set("term", 6_i64).unwrap();
    facts.set("term", 7_i64).unwrap();
    assert_eq!(facts.get("term"), Some(&Value::from(7_i64)));
    assert_eq!(format!("{facts:?}"), "{\"term\"}");
}

#[test]
fn fields_that_cannot_be_written_are_refused() {
    let number = |name: &str| Field::new(name, Type::Number, "");
    let text = Field { allowed: vec!["a".to_owned()], ..number("n") };
    let found: Vec<_> = [
        vec![number("a"), number("a.b"), number("a")],
        vec![number("a.in.b")],
        vec![number("a b")],
        vec![number("a.")],
        vec![number("")],
        vec![number("1a")],
        vec![number("年龄")],
        vec![text],
    ]
    .into_iter()
    .map(|fields| {
        let error = Environment::new(fields).unwrap_err();
        format!("{}: {error}", error.code())
    })
    .collect();
    expect![[r#"
        duplicate-field-name: `a` is declared twice
        malformed-field-name: `a.in.b` is no field name: write words of a-z, 0-9, _ joined by dots
        malformed-field-name: `a b` is no field name: write words of a-z, 0-9, _ joined by dots
        malformed-field-name: `a.` is no field name: write words of a-z, 0-9, _ joined by dots
        malformed-field-name: `` is no field name: write words of a-z, 0-9, _ joined by dots
        malformed-field-name: `1a` is no field name: write words of a-z, 0-9, _ joined by dots
        malformed-field-name: `年龄` is no field name: write words of a-z, 0-9, _ joined by dots
        allowed-without-text: `n` lists allowed values, which only a text has"#]]
    .assert_eq(&found.join("\n"));
}

fn check_problems(sources: &[&str], expect: &Expect) {
    let environment = environment();
    let mut found = String::new();
    for source in sources {
        found.push_str(&format!("{source}\n"));
        for problem in Expression::compile(source, &environment, Type::Bool).unwrap_err() {
            let Problem { line, column, code, reason, fix, .. } = problem;
            found.push_str(&format!("  {line}:{column} {code}\n    {reason}\n    {fix}\n"));
        }
    }
    expect.assert_eq(&found);
}

#[test]
fn all_mistakes_are_found_at_once() {
    check_problems(
        &["aplicant.age >= '18' && amount + true > 5 || facts.housing in ['onw', 'rent']
           && siz(applicant.name) > 1 && applicant.since > '2024-01-01'"],
        &expect![[r#"
            aplicant.age >= '18' && amount + true > 5 || facts.housing in ['onw', 'rent']
                       && siz(applicant.name) > 1 && applicant.since > '2024-01-01'
              1:1 unknown-field
                There is no field `aplicant.age`.
                Did you mean `applicant.age`?
              1:34 type-mismatch
                `+` takes a number; this is a bool.
                Use a field or function of that type.
              1:64 value-not-allowed
                `facts.housing` is never "onw".
                Did you mean "own"?
              2:15 unknown-function
                There is no function `siz`.
                Did you mean `size`?
              2:60 type-mismatch
                The sides of `>` differ in type: date and text.
                Write `date("2025-01-31")`.
        "#]],
    );
}

#[test]
fn names_and_types_are_checked() {
    check_problems(
        &[
            "age > 18",
            "applicant > 18",
            "applicant.age.years > 18",
            "color == 'red'",
            ".amount > 5",
            "amount",
            "'own'",
            "!amount",
            "!!5",
            "amount && applicant.member",
            "applicant.name > 'A'",
            "applicant.member < true",
            "applicant.tags == applicant.tags",
            "amount == '5'",
            "amount in 5",
            "amount in ['5']",
            "amount in []",
            "amount in [5, '6']",
            "amount in [5, term]",
            "amount in [[5]]",
            "applicant.member ? amount : 'x'",
            "facts.housing == (applicant.member ? 'owned' : 'rented')",
            "'palace' != facts.housing",
            "applicant.since == date('2025-02-30')",
            "applicant.since == date('20250201')",
            "applicant.since == date(applicant.name)",
            "size(5) > 1",
            "amount / 0 > 1",
            "round(amount, 29) > 1",
            "round(amount) > 1",
            "min(amount) > 1",
            "max('a', 2) > 1",
            "rond(amount, 2) > 1",
            "sqrt (amount) > 1",
            "amount.abs() > 1",
            "contains(applicant.name, 'x')",
        ],
        &expect![[r#"
            age > 18
              1:1 unknown-field
                There is no field `age`.
                Did you mean `applicant.age`?
            applicant > 18
              1:1 unknown-field
                `applicant` has fields.
                Name one of them, such as `applicant.age`.
            applicant.age.years > 18
              1:1 unknown-field
                There is no field `applicant.age.years`.
                Did you mean `applicant.age`?
            color == 'red'
              1:1 unknown-field
                There is no field `color`.
                There are `amount`, `applicant.age`, `applicant.member` and others.
            .amount > 5
              1:2 unknown-field
                There is no field `.amount`.
                Did you mean `amount`?
            amount
              1:1 type-mismatch
                This place takes a bool; this is a number.
                Compare it with something.
            'own'
              1:1 type-mismatch
                This place takes a bool; this is a text.
                Compare it with something.
            !amount
              1:2 type-mismatch
                `!` takes a bool; this is a number.
                Compare it with something.
            !!5
              1:3 type-mismatch
                This place takes a bool; this is a number.
                Compare it with something.
            amount && applicant.member
              1:1 type-mismatch
                `&&` takes a bool; this is a number.
                Compare it with something.
            applicant.name > 'A'
              1:1 type-mismatch
                `>` does not take a text.
                Use `==`.
            applicant.member < true
              1:1 type-mismatch
                `<` does not take a bool.
                Use `==`.
            applicant.tags == applicant.tags
              1:1 type-mismatch
                `==` does not take a list of text.
                Use `in`.
            amount == '5'
              1:11 type-mismatch
                The sides of `==` differ in type: number and text.
                Write a number without quotes, a text within them.
            amount in 5
              1:11 type-mismatch
                `in` takes a list on its right; this is a number.
                Write a list, such as `["a", "b"]`.
            amount in ['5']
              1:11 type-mismatch
                A number is never in a list of text.
                Use a list of that type.
            amount in []
              1:11 empty-list
                The list is empty.
                Write its items.
            amount in [5, '6']
              1:15 mixed-list
                The list is of number, this is a text.
                Write items of one type.
            amount in [5, term]
              1:15 item-not-literal
                An item of a list is a number, text, date or bool literal.
                Compare with it on its own, joined by `||`.
            amount in [[5]]
              1:12 item-not-literal
                An item of a list is a number, text, date or bool literal.
                Compare with it on its own, joined by `||`.
            applicant.member ? amount : 'x'
              1:29 type-mismatch
                The branches of `?:` differ in type: number and text.
                Write a number without quotes, a text within them.
            facts.housing == (applicant.member ? 'owned' : 'rented')
              1:38 value-not-allowed
                `facts.housing` is never "owned".
                Did you mean "own"?
              1:48 value-not-allowed
                `facts.housing` is never "rented".
                Did you mean "rent"?
            'palace' != facts.housing
              1:1 value-not-allowed
                `facts.housing` is never "palace".
                It is one of "own", "rent", "free".
            applicant.since == date('2025-02-30')
              1:25 malformed-date
                "2025-02-30" is no day of the calendar.
                Write the day as `date("2025-01-31")`.
            applicant.since == date('20250201')
              1:25 malformed-date
                "20250201" is no day of the calendar.
                Write the day as `date("2025-01-31")`.
            applicant.since == date(applicant.name)
              1:25 date-not-literal
                `date` takes a text literal.
                Write the day as `date("2025-01-31")`.
            size(5) > 1
              1:6 type-mismatch
                `size` takes a text or a list; this is a number.
                Use a text or a list.
            amount / 0 > 1
              1:10 division-by-zero
                This always fails: division by zero.
                Write another number.
            round(amount, 29) > 1
              1:15 invalid-digits
                This always fails: `round` takes 0 to 28 whole digits.
                Write another number.
            round(amount) > 1
              1:1 argument-count
                `round` does not take 1 arguments.
                Write `round(a, digits)`.
            min(amount) > 1
              1:1 argument-count
                `min` does not take 1 arguments.
                Write `min(a, b, …)`.
            max('a', 2) > 1
              1:5 type-mismatch
                `max` takes a number; this is a text.
                Write a number without quotes.
            rond(amount, 2) > 1
              1:1 unknown-function
                There is no function `rond`.
                Did you mean `round`?
            sqrt (amount) > 1
              1:1 unknown-function
                There is no function `sqrt`.
                There are min, max, abs, floor, ceil, round, size, date, days.
            amount.abs() > 1
              1:8 function-form
                `abs` is not written like this.
                Write `abs(a)`.
            contains(applicant.name, 'x')
              1:1 function-form
                `contains` is not written like this.
                Write `a.contains(b)`.
        "#]],
    );
}

#[test]
fn what_cel_has_and_we_do_not_is_refused_by_name() {
    check_problems(
        &[
            "has(applicant.name)",
            "applicant.tags.all(tag, tag == 'gold')",
            "applicant.tags.exists (tag, tag == 'gold')",
            "[1, 2].map(x, x * 2) == [2]",
            "size(applicant.tags.filter(tag, true)) > 1",
            "applicant.tags.exists_one(tag, tag == 'gold')",
            "applicant.tags.all(tag)",
            "applicant.name.matches('^L')",
            "applicant.tags[0] == 'gold'",
            "{'a': 1} == {}",
            "Money{units: 1} == 1",
            "applicant.name == null",
            "int('5') > 1",
            "timestamp('2025-01-01T00:00:00Z') > 1",
            "math.greatest(1, 2) > 1",
            "min(1, 2).value > 1",
        ],
        &expect![[r#"
            has(applicant.name)
              1:1 not-in-language
                `has` is not in the language.
                A field without a value makes the evaluation fail with `missing-fact`.
            applicant.tags.all(tag, tag == 'gold')
              1:16 not-in-language
                `all` is not in the language.
                Declare a field that says so.
            applicant.tags.exists (tag, tag == 'gold')
              1:16 not-in-language
                `exists` is not in the language.
                Use `in` for membership.
            [1, 2].map(x, x * 2) == [2]
              1:8 not-in-language
                `map` is not in the language.
                Declare a field that holds the result.
            size(applicant.tags.filter(tag, true)) > 1
              1:21 not-in-language
                `filter` is not in the language.
                Declare a field that holds the result.
            applicant.tags.exists_one(tag, tag == 'gold')
              1:16 not-in-language
                `exists_one` is not in the language.
                Use `in` for membership.
            applicant.tags.all(tag)
              1:16 not-in-language
                `all` is not in the language.
                Declare a field that says so.
            applicant.name.matches('^L')
              1:16 not-in-language
                `matches` is not in the language.
                Use `startsWith`, `endsWith` or `contains`; regular expressions are not bounded.
            applicant.tags[0] == 'gold'
              1:1 not-in-language
                `a[b]` is not in the language.
                Use `in`, or declare a field for the item.
            {'a': 1} == {}
              1:1 not-in-language
                `{…}` is not in the language.
                Use a list, or declare fields.
              1:13 not-in-language
                `{…}` is not in the language.
                Use a list, or declare fields.
            Money{units: 1} == 1
              1:6 not-in-language
                `Name{…}` is not in the language.
                Use a declared field.
            applicant.name == null
              1:19 not-in-language
                `null` is not in the language.
                A field that is used has a value, or the evaluation fails with `missing-fact`.
            int('5') > 1
              1:1 not-in-language
                `int` is not in the language.
                All numbers are decimals; use `floor` or `round`.
            timestamp('2025-01-01T00:00:00Z') > 1
              1:1 not-in-language
                `timestamp` is not in the language.
                Use `date("2025-01-31")`.
            math.greatest(1, 2) > 1
              1:6 unknown-function
                There is no function `greatest`.
                There are min, max, abs, floor, ceil, round, size, date, days.
            min(1, 2).value > 1
              1:1 not-in-language
                `a.b` is not in the language.
                Use a declared field.
        "#]],
    );
}

#[test]
fn what_cannot_be_read_is_said_in_words() {
    check_problems(
        &[
            "",
            "  // nothing",
            "amount = 5",
            "amount > 5 & term > 1 | true",
            "amount >= 5 and term > 1",
            "amount >",
            "amount > 5)",
            "(amount > 5",
            "(amount > 5]",
            "applicant.member ? true",
            "applicant..age > 5",
            "amount 5",
            "'é李' 5",
            "term > 1 &&\n  amount => 5",
            "amount ＞ 5 ，1 # x",
            "applicant.name == “Li”",
            "applicant.name == 'Li",
            "applicant.name == 'Li\n'",
            "applicant.name == '\\d'",
            "applicant.name == r'Li'",
            "applicant.name == b'Li'",
            "applicant.name == '''Li'''",
            "0x1F > 1e3 || 5u > .5 || 5. > 1_0",
            "amount > 92233720368547758070",
            "amount > 0.12345678901234567890123456789",
            "`amount` > 5",
            "if > 5",
            "amount.?x > 5",
            "f(1)(2)",
        ],
        &expect![[r#"

              1:1 syntax
                The expression ends too early.
                Write the rest of it.
              // nothing
              1:13 syntax
                The expression ends too early.
                Write the rest of it.
            amount = 5
              1:8 unexpected-character
                `=` is not in the language.
                Write `==`.
            amount > 5 & term > 1 | true
              1:12 unexpected-character
                `&` is not in the language.
                Write `&&`.
              1:23 unexpected-character
                `|` is not in the language.
                Write `||`.
            amount >= 5 and term > 1
              1:13 syntax
                `and` cannot stand here.
                Write `&&`.
            amount >
              1:9 syntax
                The expression ends too early.
                Write the rest of it.
            amount > 5)
              1:11 unbalanced-bracket
                `)` closes no bracket.
                Remove it, or open a bracket for it.
            (amount > 5
              1:1 unbalanced-bracket
                `(` is never closed.
                Close it.
            (amount > 5]
              1:12 unbalanced-bracket
                `]` closes no bracket.
                Remove it, or open a bracket for it.
            applicant.member ? true
              1:24 syntax
                The expression ends too early.
                Write the rest of it.
            applicant..age > 5
              1:11 syntax
                `.` cannot stand here.
                An operator, a comma or a value is missing before it, or it is not wanted.
            amount 5
              1:8 syntax
                `5` cannot stand here.
                An operator, a comma or a value is missing before it, or it is not wanted.
            'é李' 5
              1:6 syntax
                `5` cannot stand here.
                An operator, a comma or a value is missing before it, or it is not wanted.
            term > 1 &&
              amount => 5
              2:10 unexpected-character
                `=` is not in the language.
                Write `==`.
            amount ＞ 5 ，1 # x
              1:8 unexpected-character
                `＞` is not in the language.
                Write `>`.
              1:12 unexpected-character
                `，` is not in the language.
                Write `,`.
              1:15 unexpected-character
                `#` is not in the language.
                Remove it, or put it within a text.
            applicant.name == “Li”
              1:19 unexpected-character
                `“` is not in the language.
                Write `"`.
              1:22 unexpected-character
                `”` is not in the language.
                Write `"`.
            applicant.name == 'Li
              1:19 unclosed-text
                The text does not end.
                Close it with ' on the same line.
            applicant.name == 'Li
            '
              1:19 unclosed-text
                The text does not end.
                Close it with ' on the same line.
            applicant.name == '\d'
              1:20 unknown-escape
                This escape is not in the language.
                Write one of \\ \" \' \n \r \t, or the character itself.
            applicant.name == r'Li'
              1:19 text-form
                A text with the prefix `r` is not in the language.
                Remove the prefix.
            applicant.name == b'Li'
              1:19 text-form
                A text with the prefix `b` is not in the language.
                Remove the prefix.
            applicant.name == '''Li'''
              1:19 text-form
                A text in triple quotes is not in the language.
                Write it in single or double quotes.
            0x1F > 1e3 || 5u > .5 || 5. > 1_0
              1:1 number-form
                `0x1F` is no decimal number.
                Write digits with at most one point among them, such as 1250.50.
              1:8 number-form
                `1e3` is no decimal number.
                Write digits with at most one point among them, such as 1250.50.
              1:15 number-form
                `5u` is no decimal number.
                Write digits with at most one point among them, such as 1250.50.
              1:20 number-form
                `.5` is no decimal number.
                Write digits with at most one point among them, such as 1250.50.
              1:26 number-form
                `5.` is no decimal number.
                Write digits with at most one point among them, such as 1250.50.
              1:31 number-form
                `1_0` is no decimal number.
                Write digits with at most one point among them, such as 1250.50.
            amount > 92233720368547758070
              1:10 number-too-long
                `92233720368547758070` has more digits than an exact number holds.
                Write at most 18 digits, or 28 when there is a point.
            amount > 0.12345678901234567890123456789
              1:10 number-too-long
                `0.12345678901234567890123456789` has more digits than an exact number holds.
                Write at most 18 digits, or 28 when there is a point.
            `amount` > 5
              1:1 unexpected-character
                ``` is not in the language.
                Remove it, or put it within a text.
              1:8 unexpected-character
                ``` is not in the language.
                Remove it, or put it within a text.
            if > 5
              1:1 reserved-word
                `if` is a reserved word.
                Use another name.
            amount.?x > 5
              1:7 syntax
                `.` cannot stand here.
                An operator, a comma or a value is missing before it, or it is not wanted.
            f(1)(2)
              1:5 syntax
                `(` cannot stand here.
                An operator, a comma or a value is missing before it, or it is not wanted.
        "#]],
    );
}

/// Runs in the stack of a server's thread.
fn in_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn an_expression_that_could_run_away_is_refused_by_the_limits_name() {
    in_small_stack(|| {
        let environment = environment();
        // unit, core, end, result type, largest accepted count, code beyond
        let forms = [
            ("(", "1", ")", Type::Number, limits::NESTING, "too-deep"),
            ("abs(", "1", ")", Type::Number, limits::NESTING, "too-deep"),
            ("1+(", "1", ")", Type::Number, limits::NESTING, "too-deep"),
            ("!", "true", "", Type::Bool, limits::TOKENS - 1, "too-many-tokens"),
            ("-", "term", "", Type::Number, limits::TOKENS - 1, "too-many-tokens"),
            ("true?1:", "1", "", Type::Number, limits::DEPTH - 1, "too-deep"),
            ("", "1", "+1", Type::Number, limits::DEPTH - 1, "too-deep"),
            ("", "true", "&&true", Type::Bool, limits::TOKENS / 2 - 1, "too-many-tokens"),
            ("[", "1", "]", Type::Number, 0, "type-mismatch"),
            ("{1:", "1", "}", Type::Number, 0, "not-in-language"),
            ("", "term", ".a", Type::Number, 0, "unknown-field"),
            ("", "term", ".abs()", Type::Number, 0, "function-form"),
            ("", "term", "[1]", Type::Number, 0, "not-in-language"),
        ];
        for (unit, core, end, of, most, code) in forms {
            let code_at = |count: usize| {
                let source = format!("{}{core}{}", unit.repeat(count), end.repeat(count));
                let compiled = Expression::compile(&source, &environment, of.clone());
                let problems = compiled.err()?;
                let code = problems[0].code;
                assert!(problems.len() == 1 || code != "too-deep", "{unit}{core}{end} {count}");
                Some(code)
            };
            assert_eq!(code_at(most), None, "{unit}{core}{end} at {most}");
            assert_eq!(code_at(most + 1), Some(code), "{unit}{core}{end} beyond {most}");
            for count in [24, 25, 100, 170, 250, 400, 1_000, 10_000, 100_000] {
                assert_eq!(code_at(count).is_none(), count <= most, "{unit}{core}{end} {count}");
            }
        }
    });
}

#[test]
fn a_long_list_or_source_is_refused_by_the_limits_name() {
    let environment = environment();
    let compile = |source: &str| Expression::compile(source, &environment, Type::Bool);
    let list = |items: usize| format!("term in [1{}]", ", 1".repeat(items - 1));
    assert!(compile(&list(limits::LIST_ITEMS)).is_ok());
    assert_eq!(compile(&list(limits::LIST_ITEMS + 1)).unwrap_err()[0].code, "list-too-long");
    let padded = |bytes: usize| format!("true{}", " ".repeat(bytes - 4));
    assert!(compile(&padded(limits::SOURCE_BYTES)).is_ok());
    let problems = compile(&padded(limits::SOURCE_BYTES + 1)).unwrap_err();
    assert_eq!(problems[0].code, "source-too-long");
}

/// All the limits at once: brackets within brackets, each after a chain.
#[test]
fn the_largest_expressions_fit_the_stack() {
    in_small_stack(|| {
        let environment = environment();
        let brackets = [("(", ")"), ("[", "]"), ("size(", ")"), ("a.map(x,", ")"), ("{1:", "}")];
        for unit in ["", "-1+", "true?1:", "1==", "!true&&", "a.", "1<2?3:"] {
            for (open, close) in brackets {
                let chain = unit.repeat(limits::TOKENS / limits::NESTING / 8);
                let source = format!(
                    "{}1{}",
                    format!("{chain}{open}").repeat(limits::NESTING),
                    close.repeat(limits::NESTING)
                );
                let problems = Expression::compile(&source, &environment, Type::Text).unwrap_err();
                assert!(problems.iter().all(|it| it.code != "too-many-tokens"), "{source}");
            }
        }
    });
}

const WORDS: &str = "
    applicant.age applicant.name applicant.member applicant.since applicant.tags facts.housing
    amount term unknown true false null 1 0 -1 2.50 79228162514264337593543950335.0 round(1.5,1)
    0.0000000000000000000000000001 'own' '李' \"x\" date('2025-01-31') date( days( min( max( abs(
    floor( ceil( round( size( .contains( .startsWith( .map(x, has( ( ) ( ) [ ] { } , . ? : + - *
    / % == != < >= && || ! in = // \\ “
";

/// Compiles for each type and evaluates: nothing may panic, and a value is of the type asked for.
fn exercise(source: &str, environment: &Environment, cases: &[Facts]) -> bool {
    let mut compiled = false;
    for of in TYPES {
        match Expression::compile(source, environment, of.clone()) {
            Ok(expression) => {
                compiled = true;
                for found in cases.iter().map(|facts| expression.evaluate(facts)) {
                    assert_ne!(found, Err(EvaluationError::ForeignFacts), "{source}");
                    assert!(found.is_err() || found.is_ok_and(|it| it.is_a(&of)), "{source}");
                }
            }
            Err(problems) => {
                assert!(!problems.is_empty(), "{source}");
                assert!(problems.iter().all(|it| source.is_char_boundary(it.offset)), "{source}");
            }
        }
    }
    compiled
}

/// No facts, all of them, extreme ones.
fn cases(environment: &Environment) -> [Facts; 3] {
    let full = facts(environment);
    let mut extreme = full.clone();
    extreme.set("amount", Decimal::MAX).unwrap();
    extreme.set("term", Decimal::new(1, 28)).unwrap();
    extreme.set("applicant.age", Decimal::MIN).unwrap();
    extreme.set("applicant.since", stdx::Date::MIN).unwrap();
    extreme.set("unknown", 0_i64).unwrap();
    [Facts::new(environment), full, extreme]
}

#[test]
fn token_soup_never_panics() {
    in_small_stack(|| {
        let environment = environment();
        let cases = cases(&environment);
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let mut prng = Prng::stream(1, "token soup");
        let mut compiled = 0;
        for _ in 0..2_000 {
            let count = 1 + prng.below(12);
            let soup: Vec<&str> = (0..count).map(|_| *prng.pick(&words)).collect();
            let source = soup.join(if prng.chance(50) { " " } else { "" });
            compiled += usize::from(exercise(&source, &environment, &cases));
        }
        assert!(compiled > 50, "{compiled}");
    });
}

#[test]
fn mutated_expressions_never_panic() {
    in_small_stack(|| {
        let environment = environment();
        let cases = cases(&environment);
        let sources: Vec<&str> =
            VALUES.lines().filter_map(|line| Some(line.split_once(" => ")?.0.trim())).collect();
        let words: Vec<&str> = WORDS.split_whitespace().chain(sources.iter().copied()).collect();
        let mut prng = Prng::stream(1, "mutation");
        let mut compiled = 0;
        for _ in 0..2_000 {
            let mut characters: Vec<char> = prng.pick(&sources).chars().collect();
            for _ in 0..=prng.below(3) {
                let at = usize::try_from(prng.below(characters.len() as u64 + 1)).unwrap();
                let end = (at + usize::from(prng.chance(50))).min(characters.len());
                let word = if prng.chance(50) { *prng.pick(&words) } else { "" };
                characters.splice(at..end, word.chars());
            }
            let source: String = characters.into_iter().collect();
            compiled += usize::from(exercise(&source, &environment, &cases));
        }
        assert!(compiled > 50, "{compiled}");
    });
}

#[test]
fn bytes_as_text_never_panic() {
    in_small_stack(|| {
        let environment = environment();
        let mut prng = Prng::stream(1, "bytes");
        for round in 0..2_000 {
            let mut bytes = prng.bytes::<24>();
            if round % 2 == 0 {
                bytes.iter_mut().for_each(|byte| *byte &= 0x7f);
            }
            exercise(&String::from_utf8_lossy(&bytes), &environment, &[]);
        }
    });
}

#[test]
fn a_number_is_exactly_as_written() {
    let mut prng = Prng::stream(1, "numbers");
    let environment = environment();
    let facts = facts(&environment);
    for _ in 0..500 {
        let [low, middle] = [(); 2].map(|()| u32::from_be_bytes(prng.bytes()));
        let high = u32::try_from(prng.below(1 << 29)).unwrap();
        let scale = 1 + u32::try_from(prng.below(28)).unwrap();
        let text = Decimal::from_parts(low, middle, high, prng.chance(50), scale).to_string();
        let expression = Expression::compile(&text, &environment, Type::Number).unwrap();
        assert_eq!(expression.evaluate(&facts).unwrap().to_string(), text);
    }
}

/// A random number expression, in full brackets and with only those that its binding needs, and
/// its value worked out beside it.
struct Sum {
    full: String,
    short: String,
    binding: u8,
    value: Result<Decimal, EvaluationError>,
}

fn random_sum(prng: &mut Prng, depth: u32) -> Sum {
    if depth == 0 || prng.chance(20) {
        let value = Decimal::new(i64::try_from(prng.below(2_000)).unwrap(), 2);
        let text = value.to_string();
        return Sum { full: text.clone(), short: text, binding: 3, value: Ok(value) };
    }
    let (a, b) = (random_sum(prng, depth - 1), random_sum(prng, depth - 1));
    let (sign, binding) = *prng.pick(&[("+", 1), ("-", 1), ("*", 2), ("/", 2), ("%", 2)]);
    let wrap = |sum: &Sum, needed: bool| {
        if needed { format!("({})", sum.short) } else { sum.short.clone() }
    };
    let (left, right) = (wrap(&a, a.binding < binding), wrap(&b, b.binding <= binding));
    Sum {
        full: format!("({} {sign} {})", a.full, b.full),
        short: format!("{left} {sign} {right}"),
        binding,
        value: a.value.and_then(|a| compute(sign, a, b.value?)),
    }
}

fn compute(sign: &str, a: Decimal, b: Decimal) -> Result<Decimal, EvaluationError> {
    let value = match sign {
        "/" | "%" if b.is_zero() => return Err(EvaluationError::DivisionByZero),
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "/" => a.checked_div(b),
        _ => a.checked_rem(b),
    };
    value.ok_or(EvaluationError::Overflow)
}

#[test]
fn arithmetic_binds_and_computes_as_written() {
    let (environment, mut prng) = (environment(), Prng::stream(1, "sums"));
    let facts = facts(&environment);
    for _ in 0..300 {
        let sum = random_sum(&mut prng, 4);
        for source in [&sum.full, &sum.short] {
            let expression = Expression::compile(source, &environment, Type::Number).unwrap();
            let found = expression.evaluate(&facts);
            assert_eq!(found, sum.value.clone().map(Value::Number), "{source}");
        }
    }
}

#[test]
fn an_expression_shows_its_source() {
    let expression = compile("amount  > 5").unwrap();
    assert_eq!(expression.to_string(), "amount  > 5");
    assert_eq!(format!("{expression:?}"), "Expression(\"amount  > 5\")");
    assert_eq!(expression, expression.clone());
    let problem = compile("amount >\n amuont").unwrap_err().remove(0);
    let shown = "2:2: There is no field `amuont`. Did you mean `amount`? (unknown-field)";
    assert_eq!(problem.to_string(), shown);
    assert_ne!(expression, compile("amount > 5").unwrap());
}
