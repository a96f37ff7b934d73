//! The compiled tree and its evaluation.

use std::cmp::Ordering;

use money::Decimal;
use stdx::Date;

use super::{EvaluationError, Facts, Value, functions::Code};

/// A part of a compiled expression. The check has made sure of the types.
#[derive(Debug)]
pub(super) enum Node {
    /// A value as written.
    Literal(Value),
    /// The field in this slot of the environment.
    Field(usize),
    /// An operator or function and what it takes.
    Apply(Code, Box<[Node]>),
}

/// A value in flight: texts and lists are borrowed, so that evaluation allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operand<'a> {
    Bool(bool),
    Number(Decimal),
    Text(&'a str),
    Date(Date),
    List(&'a [Value]),
}

type Evaluated<T> = Result<T, EvaluationError>;

impl Node {
    /// The value of this part.
    pub(super) fn evaluate<'a>(&'a self, facts: &'a Facts) -> Evaluated<Operand<'a>> {
        match self {
            Self::Literal(value) => Ok(value.into()),
            Self::Field(slot) => match facts.slot(*slot) {
                Some(value) => Ok(value.into()),
                None => Err(missing(*slot, facts)),
            },
            Self::Apply(code, arguments) => apply(*code, arguments, facts),
        }
    }
}

fn missing(slot: usize, facts: &Facts) -> EvaluationError {
    let field = facts.environment().fields().get(slot);
    field.map_or(EvaluationError::ForeignFacts, |field| EvaluationError::MissingFact {
        name: field.name.clone(),
    })
}

/// Evaluates left to right, and of `&&`, `||`, `?:` only what is needed.
fn apply<'a>(code: Code, arguments: &'a [Node], facts: &'a Facts) -> Evaluated<Operand<'a>> {
    let argument = |index: usize| match arguments.get(index) {
        Some(node) => node.evaluate(facts),
        None => ill_typed(),
    };
    Ok(match code {
        Code::Not => Operand::Bool(!argument(0)?.bool()?),
        Code::And => Operand::Bool(argument(0)?.bool()? && argument(1)?.bool()?),
        Code::Or => Operand::Bool(argument(0)?.bool()? || argument(1)?.bool()?),
        Code::If => return if argument(0)?.bool()? { argument(1) } else { argument(2) },
        Code::Equal => Operand::Bool(argument(0)? == argument(1)?),
        Code::NotEqual => Operand::Bool(argument(0)? != argument(1)?),
        Code::Order(holds) => Operand::Bool(holds(argument(0)?.order(argument(1)?)?)),
        Code::In => {
            let item = argument(0)?;
            let items = argument(1)?.items()?;
            Operand::Bool(items.iter().any(|it| Operand::from(it) == item))
        }
        Code::Size => Operand::Number(argument(0)?.size()?.into()),
        Code::Number(function) => Operand::Number(function(argument(0)?.number()?)),
        Code::Numbers(function) | Code::Fold(function) => {
            Operand::Number(function(argument(0)?.number()?, argument(1)?.number()?)?)
        }
        Code::Texts(function) => {
            Operand::Bool(function(argument(0)?.text()?, argument(1)?.text()?))
        }
        Code::Dates(function) => {
            Operand::Number(function(argument(0)?.date()?, argument(1)?.date()?))
        }
        Code::Date => argument(0)?,
    })
}

/// The check makes sure of every type, a fact is of its field's type, and facts of another
/// environment are refused at the door: this stands for a panic, and is not reached.
fn ill_typed<T>() -> Evaluated<T> {
    Err(EvaluationError::ForeignFacts)
}

impl<'a> Operand<'a> {
    fn bool(self) -> Evaluated<bool> {
        if let Self::Bool(value) = self { Ok(value) } else { ill_typed() }
    }

    fn number(self) -> Evaluated<Decimal> {
        if let Self::Number(value) = self { Ok(value) } else { ill_typed() }
    }

    fn text(self) -> Evaluated<&'a str> {
        if let Self::Text(value) = self { Ok(value) } else { ill_typed() }
    }

    fn date(self) -> Evaluated<Date> {
        if let Self::Date(value) = self { Ok(value) } else { ill_typed() }
    }

    fn items(self) -> Evaluated<&'a [Value]> {
        if let Self::List(items) = self { Ok(items) } else { ill_typed() }
    }

    fn order(self, other: Self) -> Evaluated<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Ok(a.cmp(&b)),
            (Self::Date(a), Self::Date(b)) => Ok(a.cmp(&b)),
            _ => ill_typed(),
        }
    }

    fn size(self) -> Evaluated<usize> {
        match self {
            Self::Text(text) => Ok(text.chars().count()),
            other => other.items().map(<[Value]>::len),
        }
    }
}

impl<'a> From<&'a Value> for Operand<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(value) => Self::Number(*value),
            Value::Text(value) => Self::Text(value),
            Value::Date(value) => Self::Date(*value),
            Value::List(items) => Self::List(items),
        }
    }
}

impl From<Operand<'_>> for Value {
    fn from(operand: Operand<'_>) -> Self {
        match operand {
            Operand::Bool(value) => Self::Bool(value),
            Operand::Number(value) => Self::Number(value),
            Operand::Text(value) => Self::Text(value.to_owned()),
            Operand::Date(value) => Self::Date(value),
            Operand::List(items) => Self::List(items.to_vec()),
        }
    }
}
