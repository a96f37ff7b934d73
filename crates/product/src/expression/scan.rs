//! What the parser may see.
//!
//! The parser is recursive: it would overflow the stack on ten thousand brackets. So the source
//! is first cut into tokens here and held against the [`limits`]. The cut is stricter than CEL
//! (no raw, triple-quoted or byte strings, no `0x1F`, `1e9`, `5u`), never laxer: what passes is
//! cut by the parser in the same places. It also sees the commonest slips, such as `=` for `==`
//! or full-width punctuation, for which a parser has no good words.

use cel::parser::ParseErrors;
use money::Decimal;

use super::{Problem, limits};

/// A word, number, text or sign.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    start: usize,
    text: &'a str,
}

/// The tokens of `source`.
pub(super) fn scan(source: &str) -> Result<Vec<Token<'_>>, Vec<Problem>> {
    let mut scanner = Scanner { source, tokens: Vec::new(), problems: Vec::new() };
    scanner.run();
    if scanner.problems.is_empty() {
        scanner.check_brackets();
    }
    if scanner.problems.is_empty() { Ok(scanner.tokens) } else { Err(scanner.problems) }
}

struct Scanner<'a> {
    source: &'a str,
    tokens: Vec<Token<'a>>,
    problems: Vec<Problem>,
}

impl<'a> Scanner<'a> {
    fn problem(
        &mut self,
        offset: usize,
        code: &'static str,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.problems.push(Problem::new(self.source, offset, code, reason, fix));
    }

    fn run(&mut self) {
        if self.source.len() > limits::SOURCE_BYTES {
            let reason = over("bytes of source", limits::SOURCE_BYTES);
            return self.problem(0, "source-too-long", reason, SPLIT);
        }
        let mut start = 0;
        while let Some(first) = self.source[start..].chars().next() {
            let length = self.lex(start, first);
            let text = &self.source[start..start + length];
            if !is_space(first) && !text.starts_with("//") {
                if self.tokens.len() == limits::TOKENS {
                    let reason = over("tokens", limits::TOKENS);
                    return self.problem(start, "too-many-tokens", reason, SPLIT);
                }
                self.tokens.push(Token { start, text });
            }
            start += length;
        }
    }

    /// The length of the token at `start`, whose problems are noted; never 0.
    fn lex(&mut self, start: usize, first: char) -> usize {
        let rest = &self.source[start..];
        let run = |of: fn(char) -> bool| rest.find(|it| !of(it)).unwrap_or(rest.len());
        let second = rest.chars().nth(1);
        match first {
            _ if is_space(first) => run(is_space),
            '/' if second == Some('/') => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => self.lex_text(start, first),
            '0'..='9' | '.' if first != '.' || second.is_some_and(|it| it.is_ascii_digit()) => {
                let length = run(|it| is_word(it) || it == '.');
                self.check_number(start, &rest[..length]);
                length
            }
            _ if is_word(first) => {
                let length = run(is_word);
                if rest[length..].starts_with(['"', '\'']) {
                    self.check_prefix(start, &rest[..length]);
                }
                length
            }
            _ => self.lex_sign(start, first),
        }
    }

    fn lex_sign(&mut self, start: usize, first: char) -> usize {
        let rest = &self.source[start..];
        if PAIRS.iter().any(|pair| rest.starts_with(pair)) {
            return 2;
        }
        if !SIGNS.contains(first) {
            let fix = match HALF_SIGNS.iter().find(|(half, _)| *half == first) {
                Some((_, whole)) => format!("Write `{whole}`."),
                None => "Remove it, or put it within a text.".to_owned(),
            };
            self.problem(
                start,
                "unexpected-character",
                format!("`{first}` is not in the language."),
                fix,
            );
        }
        first.len_utf8()
    }

    /// A text, to its closing quote.
    fn lex_text(&mut self, start: usize, quote: char) -> usize {
        let rest = &self.source[start..];
        if rest.chars().take_while(|it| *it == quote).count() >= 3 {
            let reason = "A text in triple quotes is not in the language.";
            self.problem(start, "text-form", reason, "Write it in single or double quotes.");
            return rest.len();
        }
        let mut characters = rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                _ if character == quote => return at + 1,
                '\n' | '\r' => break,
                '\\' => match characters.next() {
                    Some((_, '\\' | '"' | '\'' | 'n' | 'r' | 't')) => {}
                    _ => {
                        let fix =
                            "Write one of \\\\ \\\" \\' \\n \\r \\t, or the character itself.";
                        let reason = "This escape is not in the language.";
                        self.problem(start + at, "unknown-escape", reason, fix);
                    }
                },
                _ => {}
            }
        }
        let fix = format!("Close it with {quote} on the same line.");
        self.problem(start, "unclosed-text", "The text does not end.", fix);
        rest.len()
    }

    fn check_number(&mut self, start: usize, text: &str) {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) {
            let fix = "Write digits with at most one point among them, such as 1250.50.";
            let reason = format!("`{text}` is no decimal number.");
            return self.problem(start, "number-form", reason, fix);
        }
        // The parser holds a whole number in an `i64`; a decimal holds 28 digits.
        let whole_fits = text.contains('.') || text.parse::<i64>().is_ok();
        if !whole_fits || Decimal::from_str_exact(text).is_err() {
            let reason = format!("`{text}` has more digits than an exact number holds.");
            let fix = "Write at most 18 digits, or 28 when there is a point.";
            self.problem(start, "number-too-long", reason, fix);
        }
    }

    fn check_prefix(&mut self, start: usize, word: &str) {
        if matches!(word.to_ascii_lowercase().as_str(), "r" | "b" | "br" | "rb") {
            let reason = format!("A text with the prefix `{word}` is not in the language.");
            self.problem(start, "text-form", reason, "Remove the prefix.");
        }
    }

    fn check_brackets(&mut self) {
        let mut open: Vec<Token<'_>> = Vec::new();
        for token in self.tokens.clone() {
            match token.text {
                "(" | "[" | "{" => open.push(token),
                ")" | "]" | "}" => {
                    let opening = open.pop().map_or("", |it| it.text);
                    if !matches!((opening, token.text), ("(", ")") | ("[", "]") | ("{", "}")) {
                        let reason = format!("`{}` closes no bracket.", token.text);
                        let fix = "Remove it, or open a bracket for it.";
                        return self.problem(token.start, "unbalanced-bracket", reason, fix);
                    }
                }
                _ => {}
            }
            if open.len() > limits::NESTING {
                let reason = over("open brackets", limits::NESTING);
                return self.problem(token.start, "too-deep", reason, SPLIT);
            }
        }
        if let Some(token) = open.pop() {
            let reason = format!("`{}` is never closed.", token.text);
            self.problem(token.start, "unbalanced-bracket", reason, "Close it.");
        }
    }
}

/// What to do about an expression beyond a limit.
pub(super) const SPLIT: &str = "Make it shorter, or state a part of it as a field.";

/// The reason for refusing what is beyond a limit, by the limit's name.
pub(super) fn over(limit: &str, most: usize) -> String {
    format!("There are more than {most} {limit}.")
}

const SIGNS: &str = "<>!+-*/%?:.,()[]{}";
const PAIRS: [&str; 6] = ["==", "!=", "<=", ">=", "&&", "||"];

/// Signs that stand for another: half of a pair, from another language, or full-width.
const HALF_SIGNS: [(char, &str); 21] = [
    ('=', "=="),
    ('&', "&&"),
    ('|', "||"),
    ('≤', "<="),
    ('≥', ">="),
    ('≠', "!="),
    ('×', "*"),
    ('÷', "/"),
    ('，', ","),
    ('（', "("),
    ('）', ")"),
    ('【', "["),
    ('】', "]"),
    ('！', "!"),
    ('？', "?"),
    ('：', ":"),
    ('＜', "<"),
    ('＞', ">"),
    ('＝', "=="),
    ('“', "\""),
    ('”', "\""),
];

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n' | '\u{c}')
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The first syntax error of the parser in readable words.
pub(super) fn syntax_problem(source: &str, tokens: &[Token<'_>], errors: &ParseErrors) -> Problem {
    let syntax = errors.errors.iter().find(|it| it.msg.starts_with("Syntax error"));
    let Some(error) = syntax.or(errors.errors.first()) else {
        return Problem::new(source, 0, "syntax", "This cannot be read.", SPLIT);
    };
    let offset = offset(source, error.pos);
    if let Some(word) = error.msg.strip_prefix("reserved identifier: ") {
        let reason = format!("`{word}` is a reserved word.");
        return Problem::new(source, offset, "reserved-word", reason, "Use another name.");
    }
    match tokens.iter().find(|token| token.start + token.text.len() > offset) {
        Some(Token { start, text }) => {
            let reason = format!("`{text}` cannot stand here.");
            Problem::new(source, *start, "syntax", reason, syntax_fix(text))
        }
        None => {
            let end = source.trim_end().len();
            let reason = "The expression ends too early.";
            Problem::new(source, end, "syntax", reason, "Write the rest of it.")
        }
    }
}

fn syntax_fix(text: &str) -> &'static str {
    match text {
        "and" => "Write `&&`.",
        "or" => "Write `||`.",
        "not" => "Write `!`.",
        "is" => "Write `==`.",
        _ => "An operator, a comma or a value is missing before it, or it is not wanted.",
    }
}

/// The byte offset of a line and character, both from 1.
fn offset(source: &str, (line, column): (isize, isize)) -> usize {
    let before = |count: isize| usize::try_from(count).unwrap_or(0).saturating_sub(1);
    let lines = source.split_inclusive('\n').take(before(line));
    let start: usize = lines.map(str::len).sum();
    let characters = source[start..].chars().take(before(column));
    start + characters.map(char::len_utf8).sum::<usize>()
}
