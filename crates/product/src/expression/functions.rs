//! The one table of what an expression can do. The check, the evaluation and the reference
//! text all read it.

use std::cmp::Ordering;

use money::Decimal;
use stdx::Date;

use super::{EvaluationError, limits};

/// An operator or function of the language.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The name in messages.
    pub name: &'static str,
    /// How it is written.
    pub usage: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What the parser calls it.
    pub(super) call: &'static str,
    pub(super) code: Code,
}

impl Function {
    /// Whether it is written after its first argument: `a.contains(b)`.
    pub(super) fn is_method(&self) -> bool {
        matches!(self.code, Code::Texts(_))
    }

    /// What it takes and gives.
    pub fn signature(&self) -> &'static str {
        match self.code {
            Code::Not => "bool → bool",
            Code::And | Code::Or => "bool, bool → bool",
            Code::If => "bool, T, T → T",
            Code::Equal | Code::NotEqual => "bool, number, text or date, twice → bool",
            Code::Order(_) => "number or date, twice → bool",
            Code::In => "T, list of T → bool",
            Code::Size => "text or list → number",
            Code::Number(_) => "number → number",
            Code::Numbers(_) => "number, number → number",
            Code::Fold(_) => "number, number, … → number",
            Code::Texts(_) => "text, text → bool",
            Code::Dates(_) => "date, date → number",
            Code::Date => "text literal → date",
        }
    }
}

/// What a function does, and by its variant what it takes and gives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Code {
    Not,
    And,
    Or,
    If,
    Equal,
    NotEqual,
    Order(fn(Ordering) -> bool),
    In,
    Size,
    Number(fn(Decimal) -> Decimal),
    Numbers(fn(Decimal, Decimal) -> Result<Decimal, EvaluationError>),
    /// A function of two numbers that takes more, from left to right.
    Fold(fn(Decimal, Decimal) -> Result<Decimal, EvaluationError>),
    Texts(fn(&str, &str) -> bool),
    Dates(fn(Date, Date) -> Decimal),
    /// A date literal; the check has read it.
    Date,
}

/// Everything that can be written, besides literals and fields.
pub const FUNCTIONS: &[Function] = &[
    row("!", "!a", "Not.", "!_", Code::Not),
    row("&&", "a && b", "Both; `b` is evaluated only when `a` holds.", "_&&_", Code::And),
    row("||", "a || b", "Either; `b` is evaluated only when `a` does not hold.", "_||_", Code::Or),
    row(
        "?:",
        "a ? b : c",
        "`b` when `a` holds, else `c`; the other is not evaluated.",
        "_?_:_",
        Code::If,
    ),
    row("==", "a == b", "Equal; `1.0 == 1.00`.", "_==_", Code::Equal),
    row("!=", "a != b", "Not equal.", "_!=_", Code::NotEqual),
    row("<", "a < b", "Less, or earlier.", "_<_", Code::Order(Ordering::is_lt)),
    row("<=", "a <= b", "Not more, or not later.", "_<=_", Code::Order(Ordering::is_le)),
    row(">", "a > b", "More, or later.", "_>_", Code::Order(Ordering::is_gt)),
    row(">=", "a >= b", "Not less, or not earlier.", "_>=_", Code::Order(Ordering::is_ge)),
    row("in", "a in b", "One of the items of a list.", "@in", Code::In),
    row("-", "-a", "Negative.", "-_", Code::Number(|a| -a)),
    row("+", "a + b", "Sum.", "_+_", Code::Numbers(add)),
    row("-", "a - b", "Difference.", "_-_", Code::Numbers(subtract)),
    row("*", "a * b", "Product, to at most 28 decimal places.", "_*_", Code::Numbers(multiply)),
    row("/", "a / b", "Quotient, to at most 28 significant digits.", "_/_", Code::Numbers(divide)),
    row("%", "a % b", "Remainder, with the sign of `a`.", "_%_", Code::Numbers(remainder)),
    row("min", "min(a, b, …)", "The least.", "min", Code::Fold(|a, b| Ok(a.min(b)))),
    row("max", "max(a, b, …)", "The greatest.", "max", Code::Fold(|a, b| Ok(a.max(b)))),
    row("abs", "abs(a)", "Without the sign.", "abs", Code::Number(|a| a.abs())),
    row("floor", "floor(a)", "The whole number at or below.", "floor", Code::Number(|a| a.floor())),
    row("ceil", "ceil(a)", "The whole number at or above.", "ceil", Code::Number(|a| a.ceil())),
    row(
        "round",
        "round(a, digits)",
        "To `digits` (0 to 28) decimal places, a half to even.",
        "round",
        Code::Numbers(round),
    ),
    row("size", "size(a)", "Characters of a text, items of a list.", "size", Code::Size),
    row(
        "startsWith",
        "a.startsWith(b)",
        "Begins with.",
        "startsWith",
        Code::Texts(|a, b| a.starts_with(b)),
    ),
    row("endsWith", "a.endsWith(b)", "Ends with.", "endsWith", Code::Texts(|a, b| a.ends_with(b))),
    row(
        "contains",
        "a.contains(b)",
        "Has within it.",
        "contains",
        Code::Texts(|a, b| a.contains(b)),
    ),
    row("date", "date(\"2025-01-31\")", "A day of the calendar.", "date", Code::Date),
    row(
        "days",
        "days(a, b)",
        "Days from `a` to `b`; negative when `b` is earlier.",
        "days",
        Code::Dates(days),
    ),
];

const fn row(
    name: &'static str,
    usage: &'static str,
    doc: &'static str,
    call: &'static str,
    code: Code,
) -> Function {
    Function { name, usage, doc, call, code }
}

/// What CEL has and this language refuses: name, and what to do instead.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("null", "A field that is used has a value, or the evaluation fails with `missing-fact`."),
    ("a[b]", "Use `in`, or declare a field for the item."),
    ("{…}", "Use a list, or declare fields."),
    ("has", "A field without a value makes the evaluation fail with `missing-fact`."),
    ("all", "Declare a field that says so."),
    ("exists", "Use `in` for membership."),
    ("exists_one", "Use `in` for membership."),
    ("existsOne", "Use `in` for membership."),
    ("map", "Declare a field that holds the result."),
    ("filter", "Declare a field that holds the result."),
    ("matches", "Use `startsWith`, `endsWith` or `contains`; regular expressions are not bounded."),
    ("timestamp", "Use `date(\"2025-01-31\")`."),
    ("duration", "Use `days(a, b)`."),
    ("int", "All numbers are decimals; use `floor` or `round`."),
    ("uint", "All numbers are decimals; use `floor` or `round`."),
    ("double", "All numbers are decimals; leave it out."),
    ("string", "Values do not change type."),
    ("bool", "Values do not change type."),
    ("bytes", "Values do not change type."),
    ("type", "Types are known at check."),
    ("dyn", "Types are known at check."),
];

/// The function of that name to the parser.
pub(super) fn find(call: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.call == call)
}

/// The reference page of the language, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for function in FUNCTIONS {
        // A bar would end the cell.
        let usage = function.usage.replace('|', "\\|");
        page.push_str(&format!("| `{usage}` | {} | {} |\n", function.signature(), function.doc));
    }
    page.push_str("\n## Not in the language\n\n| CEL has | instead |\n| --- | --- |\n");
    for (name, instead) in REFUSED {
        page.push_str(&format!("| `{name}` | {instead} |\n"));
    }
    page.push_str("\n## Limits\n\n| limit | at most |\n| --- | --- |\n");
    for (name, limit) in limits::ALL {
        page.push_str(&format!("| {name} | {limit} |\n"));
    }
    page
}

const INTRODUCTION: &str = "\
# Expressions

An expression is written in the syntax of [CEL](https://cel.dev) and checked against the fields
its place declares. Its types:

| type | literals |
| --- | --- |
| bool | `true`, `false` |
| number | `18`, `0.05`: exact decimals, as written |
| text | `\"own\"` or `'own'`, with `\\\\ \\\" \\' \\n \\r \\t` |
| date | `date(\"2025-01-31\")` |
| list | `[\"own\", \"rent\"]`: literals of one type |

A field is written by its name, such as `applicant.age`. A comment runs from `//` to the end of
the line.

## Operators and functions

Evaluation goes from left to right. The operators bind as in CEL: `!` and `-a` first, then
`* / %`, `+ -`, comparisons and `in`, `&&`, `||`, and `?:` last.

| write | types | meaning |
| --- | --- | --- |
";

fn add(a: Decimal, b: Decimal) -> Result<Decimal, EvaluationError> {
    a.checked_add(b).ok_or(EvaluationError::Overflow)
}

fn subtract(a: Decimal, b: Decimal) -> Result<Decimal, EvaluationError> {
    a.checked_sub(b).ok_or(EvaluationError::Overflow)
}

fn multiply(a: Decimal, b: Decimal) -> Result<Decimal, EvaluationError> {
    a.checked_mul(b).ok_or(EvaluationError::Overflow)
}

fn divide(a: Decimal, b: Decimal) -> Result<Decimal, EvaluationError> {
    nonzero(b)?;
    a.checked_div(b).ok_or(EvaluationError::Overflow)
}

fn remainder(a: Decimal, b: Decimal) -> Result<Decimal, EvaluationError> {
    nonzero(b)?;
    a.checked_rem(b).ok_or(EvaluationError::Overflow)
}

fn nonzero(divisor: Decimal) -> Result<(), EvaluationError> {
    if divisor.is_zero() { Err(EvaluationError::DivisionByZero) } else { Ok(()) }
}

fn round(a: Decimal, digits: Decimal) -> Result<Decimal, EvaluationError> {
    let whole = if digits.is_integer() { u32::try_from(digits).ok() } else { None };
    let places = whole.filter(|places| *places <= Decimal::MAX_SCALE);
    Ok(a.round_dp(places.ok_or(EvaluationError::InvalidDigits)?))
}

fn days(a: Date, b: Date) -> Decimal {
    let seconds = a.duration_until(b).as_secs();
    Decimal::from(seconds / 86_400)
}
