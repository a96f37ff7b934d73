//! What documents share: the language, who sends what to whom, and how figures are written.

use money::{Amount, Currency, Decimal, Money, Period, Rounding, Unit};
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{DocumentError, sheet::Fact};

/// The longest name or number, in characters.
pub const TEXT_MAX: usize = 120;

/// The longest note of a row, in characters.
pub const NOTE_MAX: usize = 80;

/// The longest paragraph, in characters.
pub const PARAGRAPH_MAX: usize = 2_000;

/// The most rows of one list in a document.
pub const ROWS_MAX: usize = 5_000;

/// The language of a PDF. JSON has both where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Chinese, simplified.
    Zh,
    /// English.
    En,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];

    /// The tag of RFC 5646.
    pub const fn tag(self) -> &'static str {
        self.pick("zh-CN", "en")
    }

    pub(crate) const fn pick<T: Copy>(self, zh: T, en: T) -> T {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }

    pub(crate) const fn other(self) -> Self {
        self.pick(Self::En, Self::Zh)
    }
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bilingual {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Bilingual {
    /// A text in both languages.
    pub fn new(zh: &str, en: &str) -> Self {
        Self { zh: zh.to_owned(), en: en.to_owned() }
    }

    pub(crate) fn get(&self, language: Language) -> &str {
        language.pick(&self.zh, &self.en)
    }

    pub(crate) fn check(&self, field: &'static str, max: usize) -> Result<(), DocumentError> {
        check_text(&self.zh, field, max)?;
        check_text(&self.en, field, max)
    }
}

/// The institution that sends a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Its name.
    pub name: Bilingual,
    /// How it is reached, for the foot of every page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Bilingual>,
}

/// Whom a document is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The name, masked unless it is public.
    pub name: String,
    /// The number of the identity document, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// What a document is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// The number of the contract, or of the application before it is signed.
    pub number: String,
    /// What the product is called.
    pub product: Bilingual,
    /// The number of the account or card that pays or is paid, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

impl Issuer {
    pub(crate) fn check(&self) -> Result<(), DocumentError> {
        self.name.check("issuer.name", TEXT_MAX)?;
        let contact = self.contact.as_ref();
        contact.map_or(Ok(()), |it| it.check("issuer.contact", TEXT_MAX))
    }
}

impl Party {
    pub(crate) fn check(&self) -> Result<(), DocumentError> {
        check_text(&self.name, "party.name", TEXT_MAX)?;
        self.document.as_ref().map_or(Ok(()), |it| check_masked(it, "party.document"))
    }

    pub(crate) fn facts(&self, language: Language) -> Vec<Fact> {
        let name = Fact::new(language.pick("客户姓名", "Customer"), &self.name);
        let document = self.document.as_ref();
        let document = document.map(|it| Fact::new(language.pick("证件号码", "ID document"), it));
        [name].into_iter().chain(document).collect()
    }
}

impl Contract {
    pub(crate) fn check(&self) -> Result<(), DocumentError> {
        check_text(&self.number, "contract.number", TEXT_MAX)?;
        self.product.check("contract.product", TEXT_MAX)?;
        self.account.as_ref().map_or(Ok(()), |it| check_masked(it, "contract.account"))
    }

    pub(crate) fn facts(&self, language: Language) -> Vec<Fact> {
        let number = Fact::new(language.pick("合同编号", "Contract no."), &self.number);
        let product = Fact::new(language.pick("产品名称", "Product"), self.product.get(language));
        let account = self.account.as_ref();
        let account = account.map(|it| Fact::new(language.pick("账号", "Account no."), it));
        [number, product].into_iter().chain(account).collect()
    }
}

/// A text that is there, fits its place and has no control characters.
pub(crate) fn check_text(text: &str, field: &'static str, max: usize) -> Result<(), DocumentError> {
    if text.trim().is_empty() {
        return Err(DocumentError::TextMissing { field });
    }
    if text.chars().nth(max).is_some() {
        return Err(DocumentError::TextTooLong { field, max });
    }
    if text.chars().any(char::is_control) {
        return Err(DocumentError::ControlCharacter { field });
    }
    Ok(())
}

fn check_masked(text: &str, field: &'static str) -> Result<(), DocumentError> {
    check_text(text, field, TEXT_MAX)?;
    if text.contains('*') { Ok(()) } else { Err(DocumentError::NotMasked { field }) }
}

pub(crate) fn check_rows(list: &'static str, rows: usize) -> Result<(), DocumentError> {
    let max = ROWS_MAX;
    if rows > max { Err(DocumentError::TooManyRows { list, max }) } else { Ok(()) }
}

/// The amounts, all of this currency.
pub(crate) fn amounts<const N: usize>(
    currency: Currency,
    all: [Money; N],
) -> Result<[Amount; N], DocumentError> {
    if all.iter().all(|it| it.currency == currency) {
        Ok(all.map(|it| it.amount))
    } else {
        Err(DocumentError::MixedCurrencies)
    }
}

pub(crate) fn sum(amounts: impl IntoIterator<Item = Amount>) -> Result<Amount, DocumentError> {
    let sum = amounts.into_iter().try_fold(Amount::ZERO, Amount::checked_add);
    sum.ok_or(DocumentError::AmountTooLarge)
}

/// An amount for readers: `1,234,567.80`. The currency is told once per document.
pub(crate) fn figures(amount: Amount, currency: Currency) -> String {
    let text = amount.text(currency);
    let (sign, text) = text.strip_prefix('-').map_or(("", &*text), |it| ("-", it));
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(a, b)| (a, Some(b)));
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    fraction.map_or(grouped.clone(), |it| format!("{grouped}.{it}"))
}

/// Like [`figures`], and nothing for zero: a table is read faster without the zeros.
pub(crate) fn figures_or_dash(amount: Amount, currency: Currency) -> String {
    if amount.is_zero() { "–".to_owned() } else { figures(amount, currency) }
}

/// A fraction as the percentage it is, exactly: 0.096 is `9.6%`.
pub(crate) fn percent(fraction: Decimal) -> String {
    format!("{}%", (fraction * Decimal::ONE_HUNDRED).normalize())
}

/// A fraction as a percentage with two decimals, as an annual cost is told.
pub(crate) fn percent_rounded(fraction: Decimal) -> String {
    let mut percent = Rounding::HalfUp.round(fraction * Decimal::ONE_HUNDRED, 2);
    percent.rescale(2);
    format!("{percent}%")
}

/// How often: `每月`, `every 2 months`.
pub(crate) fn rhythm(every: Period, language: Language) -> String {
    let (zh, counted, en) = match every.unit() {
        Unit::Day => ("天", "天", "day"),
        Unit::Week => ("周", "周", "week"),
        Unit::Month => ("月", "个月", "month"),
        Unit::Year => ("年", "年", "year"),
    };
    match (language, every.count()) {
        (Language::Zh, 1) => format!("每{zh}"),
        (Language::Zh, count) => format!("每{count}{counted}"),
        (Language::En, 1) => format!("every {en}"),
        (Language::En, count) => format!("every {count} {en}s"),
    }
}

/// The currency, as the line above the tables tells it.
pub(crate) fn currency_name(currency: Currency, language: Language) -> String {
    match (currency, language) {
        (Currency::CNY, Language::Zh) => "人民币（CNY）".to_owned(),
        (Currency::CNY, Language::En) => "Renminbi (CNY)".to_owned(),
        (other, _) => other.code().to_owned(),
    }
}

pub(crate) fn period_of(from: Date, to: Date, language: Language) -> String {
    let between = language.pick("至", "to");
    format!("{from} {between} {to}")
}
