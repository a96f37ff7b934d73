//! From the parser's tree to ours: names become slots, and every part gets a type.
//!
//! A part with a problem has no type; what stands around it is still checked but says nothing
//! more about that part. So each mistake is reported once.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo};
use money::Decimal;
use stdx::Date;

use super::{
    Environment, EvaluationError, Field, Problem, Type, Value,
    functions::{Code, FUNCTIONS, Function, REFUSED, find},
    limits,
    node::Node,
    scan::{SPLIT, over},
};
use crate::problem::{closest, shorten};

const TOO_DEEP: &str = "too-deep";

/// Compiles `tree`, which must be of type `expected`.
pub(super) fn check(
    source: &str,
    environment: &Environment,
    expected: &Type,
    tree: &IdedExpr,
    positions: &SourceInfo,
) -> Result<Node, Vec<Problem>> {
    let mut checker = Checker { source, environment, positions, depth: 0, problems: Vec::new() };
    let node = checker.expect(tree, expected, "This place");
    checker.problems.sort_by_key(|problem| problem.offset);
    match node {
        Some(node) if checker.problems.is_empty() => Ok(node),
        _ => Err(checker.problems),
    }
}

/// A compiled part and its type.
struct Typed {
    node: Node,
    of: Type,
}

impl Typed {
    fn apply(code: Code, arguments: impl Into<Box<[Node]>>, of: Type) -> Self {
        Self { node: Node::Apply(code, arguments.into()), of }
    }
}

struct Checker<'a> {
    source: &'a str,
    environment: &'a Environment,
    positions: &'a SourceInfo,
    depth: usize,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    /// Notes a problem; `None` stands for the part that has it.
    fn problem<T>(
        &mut self,
        offset: usize,
        code: &'static str,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) -> Option<T> {
        self.problems.push(Problem::new(self.source, offset, code, reason, fix));
        None
    }

    /// A part and its type.
    fn typed(&mut self, expr: &IdedExpr) -> Option<Typed> {
        if self.depth == limits::DEPTH {
            // One way down says it; the others would repeat it.
            if self.problems.iter().any(|it| it.code == TOO_DEEP) {
                return None;
            }
            let reason = over("operations within each other", limits::DEPTH);
            return self.problem(self.token(expr).0, TOO_DEEP, reason, SPLIT);
        }
        self.depth += 1;
        let typed = self.typed_within(expr);
        self.depth -= 1;
        typed
    }

    fn typed_within(&mut self, expr: &IdedExpr) -> Option<Typed> {
        match &expr.expr {
            Expr::Literal(value) => self.literal(expr, value),
            Expr::Ident(_) | Expr::Select(_) => self.field(expr),
            Expr::List(list) => self.list(expr, &list.elements),
            Expr::Call(call) => self.call(expr, call),
            Expr::Comprehension(_) => self.macro_refused(expr),
            Expr::Map(_) => self.refused(expr, "{…}"),
            Expr::Struct(_) => self.refused(expr, "Name{…}"),
            Expr::Unspecified => self.refused(expr, "this"),
        }
    }

    /// A part that must be of a type; `by` says what wants it.
    fn expect(&mut self, expr: &IdedExpr, of: &Type, by: &str) -> Option<Node> {
        let typed = self.typed(expr)?;
        if typed.of == *of {
            return Some(typed.node);
        }
        let reason = format!("{by} takes a {of}; this is a {}.", typed.of);
        let fix = match (of, &typed.of) {
            (Type::Bool, _) => "Compare it with something.",
            (Type::Date, Type::Text) => "Write `date(\"2025-01-31\")`.",
            (Type::Number, Type::Text) => "Write a number without quotes.",
            _ => "Use a field or function of that type.",
        };
        self.problem(self.start(expr), "type-mismatch", reason, fix)
    }

    fn literal(&mut self, expr: &IdedExpr, value: &LiteralValue) -> Option<Typed> {
        let (value, of) = match value {
            LiteralValue::Boolean(value) => (Value::Bool(*value.inner()), Type::Bool),
            LiteralValue::String(value) => (Value::Text(value.inner().to_owned()), Type::Text),
            LiteralValue::Int(value) => (self.number(expr, *value.inner() < 0)?, Type::Number),
            LiteralValue::Double(value) => {
                (self.number(expr, value.inner().is_sign_negative())?, Type::Number)
            }
            LiteralValue::Null => return self.refused(expr, "null"),
            LiteralValue::Bytes(_) | LiteralValue::UInt(_) => return self.refused(expr, "this"),
        };
        Some(Typed { node: Node::Literal(value), of })
    }

    /// A number as written: the parser's value has been through a binary float.
    fn number(&mut self, expr: &IdedExpr, negative: bool) -> Option<Value> {
        let (start, end) = self.token(expr);
        match Decimal::from_str_exact(&self.source[start..end]) {
            Ok(number) => Some(Value::Number(if negative { -number } else { number })),
            Err(_) => self.refused(expr, "this"),
        }
    }

    fn field(&mut self, expr: &IdedExpr) -> Option<Typed> {
        let Some(name) = qualified_name(expr) else {
            return match &expr.expr {
                Expr::Select(select) if select.test => self.macro_refused(expr),
                _ => self.refused(expr, "a.b"),
            };
        };
        if let Some((slot, field)) = self.environment.find(&name) {
            return Some(Typed { node: Node::Field(slot), of: field.of.clone() });
        }
        let offset = self.start(expr);
        let group = format!("{name}.");
        let mut fields = self.environment.fields().iter();
        if let Some(member) = fields.find(|field| field.name.starts_with(&group)) {
            let fix = format!("Name one of them, such as `{}`.", member.name);
            return self.problem(offset, "unknown-field", format!("`{name}` has fields."), fix);
        }
        let fix = match self.environment.suggest(&name) {
            Some(suggestion) => format!("Did you mean `{suggestion}`?"),
            None => self.known_fields(),
        };
        let reason = format!("There is no field `{}`.", shorten(&name));
        self.problem(offset, "unknown-field", reason, fix)
    }

    fn known_fields(&self) -> String {
        let names = self.environment.fields().iter().take(3);
        let names: Vec<_> = names.map(|field| format!("`{}`", field.name)).collect();
        match self.environment.fields().len() {
            0 => "No fields are declared here.".to_owned(),
            count if count > names.len() => format!("There are {} and others.", names.join(", ")),
            _ => format!("There are {}.", names.join(", ")),
        }
    }

    /// A list is of literals: it is made once, at check.
    fn list(&mut self, expr: &IdedExpr, elements: &[IdedExpr]) -> Option<Typed> {
        let offset = self.start(expr);
        if elements.len() > limits::LIST_ITEMS {
            let reason = over("items of a list", limits::LIST_ITEMS);
            return self.problem(offset, "list-too-long", reason, SPLIT);
        }
        let Some(first) = elements.first() else {
            return self.problem(offset, "empty-list", "The list is empty.", "Write its items.");
        };
        let items: Vec<_> = elements.iter().map(|element| self.item(element)).collect();
        let items = items.into_iter().collect::<Option<Vec<_>>>()?;
        let of = items.first().map(|(_, of)| of.clone())?;
        if let Some(odd) = items.iter().position(|(_, it)| *it != of) {
            let odd_offset = self.start(elements.get(odd).unwrap_or(first));
            let reason = format!("The list is of {of}, this is a {}.", items[odd].1);
            let fix = "Write items of one type.";
            return self.problem(odd_offset, "mixed-list", reason, fix);
        }
        let items = items.into_iter().map(|(value, _)| value).collect();
        let node = Node::Literal(Value::List(items));
        Some(Typed { node, of: Type::List(Box::new(of)) })
    }

    fn item(&mut self, expr: &IdedExpr) -> Option<(Value, Type)> {
        match self.typed(expr)? {
            Typed { node: Node::Literal(value), of } if !matches!(of, Type::List(_)) => {
                Some((value, of))
            }
            _ => {
                let reason = "An item of a list is a number, text, date or bool literal.";
                let fix = "Compare with it on its own, joined by `||`.";
                self.problem(self.start(expr), "item-not-literal", reason, fix)
            }
        }
    }

    fn call(&mut self, expr: &IdedExpr, call: &CallExpr) -> Option<Typed> {
        let Some(function) = find(&call.func_name) else {
            return self.unknown_function(expr, call);
        };
        if function.is_method() != call.target.is_some() {
            self.check_arguments(call);
            let reason = format!("`{}` is not written like this.", function.name);
            let fix = format!("Write `{}`.", function.usage);
            return self.problem(self.name_offset(expr, call), "function-form", reason, fix);
        }
        let arguments: Vec<_> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let (least, most) = arity(function.code);
        if arguments.len() < least || arguments.len() > most {
            self.check_arguments(call);
            let count = arguments.len();
            let reason = format!("`{}` does not take {count} arguments.", function.name);
            let fix = format!("Write `{}`.", function.usage);
            return self.problem(self.name_offset(expr, call), "argument-count", reason, fix);
        }
        self.applied(function, &arguments)
    }

    /// Checks the arguments of a call that is wrong itself.
    fn check_arguments(&mut self, call: &CallExpr) {
        // A target may be a namespace, as in `math.abs(1)`; the call says enough about it.
        for argument in &call.args {
            self.typed(argument);
        }
    }

    fn unknown_function<T>(&mut self, expr: &IdedExpr, call: &CallExpr) -> Option<T> {
        let name = call.func_name.as_str();
        let offset = self.name_offset(expr, call);
        if !is_word(name) {
            return self.refused(expr, "a[b]");
        }
        // Its arguments may be names of its own, as in `tags.all(tag, tag == "a")`.
        if REFUSED.iter().any(|(refused, _)| *refused == name) {
            return self.refused_at(offset, name);
        }
        self.check_arguments(call);
        let names = FUNCTIONS.iter().filter(|function| is_word(function.call));
        let fix = match closest(name, names.clone().map(|function| function.call)) {
            Some(suggestion) => format!("Did you mean `{suggestion}`?"),
            None => {
                let names = names.filter(|function| !function.is_method());
                let names: Vec<_> = names.map(|function| function.call).collect();
                format!("There are {}.", names.join(", "))
            }
        };
        let reason = format!("There is no function `{}`.", shorten(name));
        self.problem(offset, "unknown-function", reason, fix)
    }

    /// What CEL has and we do not.
    fn refused<T>(&mut self, expr: &IdedExpr, name: &str) -> Option<T> {
        self.refused_at(self.start(expr), name)
    }

    /// A macro the parser has expanded: its name stands before its bracket.
    fn macro_refused<T>(&mut self, expr: &IdedExpr) -> Option<T> {
        let (offset, name) = self.word_before(self.token(expr).0);
        self.refused_at(offset, name)
    }

    fn refused_at<T>(&mut self, offset: usize, name: &str) -> Option<T> {
        let known = REFUSED.iter().find(|(refused, _)| *refused == name);
        let fix = known.map_or("Use a declared field.", |(_, instead)| instead);
        let reason = format!("`{name}` is not in the language.");
        self.problem(offset, "not-in-language", reason, fix)
    }

    fn applied(&mut self, function: &Function, arguments: &[&IdedExpr]) -> Option<Typed> {
        let code = function.code;
        match code {
            Code::Not | Code::And | Code::Or => {
                self.uniform(function, arguments, &Type::Bool, Type::Bool)
            }
            Code::Number(_) | Code::Numbers(_) => {
                self.uniform(function, arguments, &Type::Number, Type::Number)
            }
            Code::Texts(_) => self.uniform(function, arguments, &Type::Text, Type::Bool),
            Code::Dates(_) => self.uniform(function, arguments, &Type::Date, Type::Number),
            Code::Fold(_) => self.fold(function, arguments),
            Code::If => self.conditional(function, arguments),
            Code::Equal | Code::NotEqual | Code::Order(_) => self.compared(function, arguments),
            Code::In => self.membership(arguments),
            Code::Size => self.size(function, arguments),
            Code::Date => self.date(arguments),
        }
    }

    fn nodes(
        &mut self,
        function: &Function,
        arguments: &[&IdedExpr],
        of: &Type,
    ) -> Option<Vec<Node>> {
        let by = format!("`{}`", function.name);
        let nodes: Vec<_> = arguments.iter().map(|it| self.expect(it, of, &by)).collect();
        nodes.into_iter().collect()
    }

    /// All arguments of one type.
    fn uniform(
        &mut self,
        function: &Function,
        arguments: &[&IdedExpr],
        takes: &Type,
        gives: Type,
    ) -> Option<Typed> {
        let nodes = self.nodes(function, arguments, takes)?;
        if let (Code::Numbers(apply), [_, Node::Literal(Value::Number(second))]) =
            (function.code, nodes.as_slice())
        {
            // These two fail by the second number alone, whatever the first is.
            let failure = apply(Decimal::ONE, *second).err();
            if let Some(
                error @ (EvaluationError::DivisionByZero | EvaluationError::InvalidDigits),
            ) = failure
            {
                let offset = self.start(arguments[1]);
                let reason = format!("This always fails: {error}.");
                return self.problem(offset, error.code(), reason, "Write another number.");
            }
        }
        Some(Typed::apply(function.code, nodes, gives))
    }

    /// `f(a, b, c)` is `f(f(a, b), c)`.
    fn fold(&mut self, function: &Function, arguments: &[&IdedExpr]) -> Option<Typed> {
        let nodes = self.nodes(function, arguments, &Type::Number)?;
        let node = nodes.into_iter().reduce(|a, b| Node::Apply(function.code, Box::new([a, b])))?;
        Some(Typed { node, of: Type::Number })
    }

    fn conditional(&mut self, function: &Function, arguments: &[&IdedExpr]) -> Option<Typed> {
        let condition = self.expect(arguments[0], &Type::Bool, "`?:`");
        let (yes, no) = self.pair(arguments[1], arguments[2], "The branches of `?:`")?;
        Some(Typed::apply(function.code, [condition?, yes.node, no.node], yes.of))
    }

    /// Two parts of one type, whichever.
    fn pair(&mut self, a: &IdedExpr, b: &IdedExpr, what: &str) -> Option<(Typed, Typed)> {
        let (first, second) = (self.typed(a), self.typed(b));
        let (first, second) = (first?, second?);
        if first.of == second.of {
            return Some((first, second));
        }
        let reason = format!("{what} differ in type: {} and {}.", first.of, second.of);
        let fix = match (&first.of, &second.of) {
            (Type::Date, Type::Text) | (Type::Text, Type::Date) => "Write `date(\"2025-01-31\")`.",
            (Type::Number, Type::Text) | (Type::Text, Type::Number) => {
                "Write a number without quotes, a text within them."
            }
            _ => "Use two of one type.",
        };
        self.problem(self.start(b), "type-mismatch", reason, fix)
    }

    fn compared(&mut self, function: &Function, arguments: &[&IdedExpr]) -> Option<Typed> {
        let (a, b) = (arguments[0], arguments[1]);
        let sides = format!("The sides of `{}`", function.name);
        let (first, second) = self.pair(a, b, &sides)?;
        let ordered = matches!(first.of, Type::Number | Type::Date);
        let compared = match function.code {
            Code::Order(_) => ordered,
            _ => !matches!(first.of, Type::List(_)),
        };
        if !compared {
            let reason = format!("`{}` does not take a {}.", function.name, first.of);
            let fix = if matches!(first.of, Type::List(_)) { "Use `in`." } else { "Use `==`." };
            return self.problem(self.start(a), "type-mismatch", reason, fix);
        }
        self.check_allowed(a, b);
        self.check_allowed(b, a);
        Some(Typed::apply(function.code, [first.node, second.node], Type::Bool))
    }

    fn membership(&mut self, arguments: &[&IdedExpr]) -> Option<Typed> {
        let (item, list) = (arguments[0], arguments[1]);
        let (first, second) = (self.typed(item), self.typed(list));
        let (first, second) = (first?, second?);
        let Type::List(of) = &second.of else {
            let reason = format!("`in` takes a list on its right; this is a {}.", second.of);
            let fix = "Write a list, such as `[\"a\", \"b\"]`.";
            return self.problem(self.start(list), "type-mismatch", reason, fix);
        };
        if **of != first.of {
            let reason = format!("A {} is never in a {}.", first.of, second.of);
            let fix = "Use a list of that type.";
            return self.problem(self.start(list), "type-mismatch", reason, fix);
        }
        self.check_allowed(item, list);
        Some(Typed::apply(Code::In, [first.node, second.node], Type::Bool))
    }

    fn size(&mut self, function: &Function, arguments: &[&IdedExpr]) -> Option<Typed> {
        let typed = self.typed(arguments[0])?;
        if matches!(typed.of, Type::Text | Type::List(_)) {
            return Some(Typed::apply(function.code, [typed.node], Type::Number));
        }
        let reason = format!("`size` takes a text or a list; this is a {}.", typed.of);
        let fix = "Use a text or a list.";
        self.problem(self.start(arguments[0]), "type-mismatch", reason, fix)
    }

    /// `date("…")` is a literal: it is read once, at check.
    fn date(&mut self, arguments: &[&IdedExpr]) -> Option<Typed> {
        let fix = "Write the day as `date(\"2025-01-31\")`.";
        let offset = self.start(arguments[0]);
        let Expr::Literal(LiteralValue::String(text)) = &arguments[0].expr else {
            let reason = "`date` takes a text literal.";
            return self.problem(offset, "date-not-literal", reason, fix);
        };
        match iso_date(text.inner()) {
            Some(date) => Some(Typed { node: Node::Literal(Value::Date(date)), of: Type::Date }),
            None => {
                let reason = format!("{:?} is no day of the calendar.", text.inner());
                self.problem(offset, "malformed-date", reason, fix)
            }
        }
    }

    /// When `a` is a field of few values, the text literals of `b` must be among them.
    fn check_allowed(&mut self, a: &IdedExpr, b: &IdedExpr) {
        let Some((_, field)) = qualified_name(a).and_then(|name| self.environment.find(&name))
        else {
            return;
        };
        match &b.expr {
            Expr::Literal(LiteralValue::String(text)) if !field.allows(text.inner()) => {
                self.not_allowed(field, text.inner(), self.start(b));
            }
            Expr::List(list) => list.elements.iter().for_each(|it| self.check_allowed(a, it)),
            Expr::Call(call) if call.func_name == "_?_:_" => {
                call.args.iter().skip(1).for_each(|it| self.check_allowed(a, it));
            }
            _ => {}
        }
    }

    fn not_allowed(&mut self, field: &Field, text: &str, offset: usize) {
        let reason = format!("`{}` is never {text:?}.", field.name);
        let fix = match closest(text, field.allowed.iter().map(String::as_str)) {
            Some(suggestion) => format!("Did you mean {suggestion:?}?"),
            None => {
                let allowed: Vec<_> = field.allowed.iter().map(|it| format!("{it:?}")).collect();
                format!("It is one of {}.", allowed.join(", "))
            }
        };
        self.problems.push(Problem::new(self.source, offset, "value-not-allowed", reason, fix));
    }

    /// Where the part's own token starts and ends: its operator, name, literal or bracket.
    fn token(&self, expr: &IdedExpr) -> (usize, usize) {
        let (start, last) = self.positions.offset_for(expr.id).unwrap_or_default();
        let index = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        let start = self.source.floor_char_boundary(index(start));
        let end = self.source.floor_char_boundary(index(last).saturating_add(1));
        (start, end.max(start))
    }

    /// Where the part starts.
    fn start(&self, expr: &IdedExpr) -> usize {
        match &expr.expr {
            Expr::Select(select) if !select.test => self.start(&select.operand),
            Expr::Call(CallExpr { target: Some(target), .. }) => self.start(target),
            Expr::Call(call) if is_word(&call.func_name) => self.name_offset(expr, call),
            Expr::Call(call) => {
                let first = call.args.first().filter(|_| call.args.len() > 1);
                first.map_or(self.token(expr).0, |first| self.start(first))
            }
            _ => self.token(expr).0,
        }
    }

    /// Where the name of a called function is: the parser remembers its bracket.
    fn name_offset(&self, expr: &IdedExpr, call: &CallExpr) -> usize {
        let token = self.token(expr).0;
        if is_word(&call.func_name) { self.word_before(token).0 } else { token }
    }

    /// The word before a bracket and where it starts.
    fn word_before(&self, bracket: usize) -> (usize, &'a str) {
        let before = self.source[..bracket].trim_end();
        let part = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let start = before.trim_end_matches(part).len();
        (start, &before[start..])
    }
}

/// The dotted name an expression spells, if it is nothing but one.
fn qualified_name(expr: &IdedExpr) -> Option<String> {
    let mut words = Vec::new();
    let mut expr = expr;
    loop {
        match &expr.expr {
            Expr::Ident(word) => words.push(word.as_str()),
            Expr::Select(select) if !select.test => {
                words.push(select.field.as_str());
                expr = &select.operand;
                continue;
            }
            _ => return None,
        }
        words.reverse();
        return Some(words.join("."));
    }
}

/// Least and most arguments, a method's target included.
fn arity(code: Code) -> (usize, usize) {
    match code {
        Code::Not | Code::Number(_) | Code::Size | Code::Date => (1, 1),
        Code::If => (3, 3),
        Code::Fold(_) => (2, usize::MAX),
        _ => (2, 2),
    }
}

/// Whether it is a function's name and not an operator's.
fn is_word(call: &str) -> bool {
    call.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// A date in the form 2025-01-31 and no other.
fn iso_date(text: &str) -> Option<Date> {
    text.parse::<Date>().ok().filter(|date| date.to_string() == text)
}
