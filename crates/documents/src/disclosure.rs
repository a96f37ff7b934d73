//! What a borrower is told before signing (贷款信息披露).
//!
//! Sources, by what they ask for:
//! - the annual cost from all interest and fees and the principal in use, as an internal rate of
//!   return; a simple rate must be called simple: 中国人民银行公告〔2021〕第3号 and its annex;
//! - amounts in words: 《支付结算办法》 (银发〔1997〕393号), annex 1, as [`money::words`] has it.

use money::{Amount, Currency, DayCount, Decimal, Money, Period, words};
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    Bilingual, Contract, DocumentError, Issuer, Language, Party, Pdf,
    parts::{
        PARAGRAPH_MAX, TEXT_MAX, amounts, check_rows, currency_name, figures, figures_or_dash,
        percent, percent_rounded, rhythm, sum,
    },
    pdf,
    sheet::{Block, Column, Fact, Sheet, Table},
};

/// The terms of a loan and what it costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// Who lends.
    pub issuer: Issuer,
    /// To whom, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<Party>,
    /// About what.
    pub contract: Contract,
    /// The day it is made.
    pub issued_on: Date,
    /// The sum lent.
    pub amount: Money,
    /// What the purchase costs that the loan pays, when it pays one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// What of it the borrower pays: the price less `amount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_payment: Option<Money>,
    /// The sum paid out: less than `amount` by the fees kept back.
    pub paid_out: Money,
    /// The day of disbursal the plan assumes.
    pub disbursed_on: Date,
    /// The distance of two due dates; without it the plan alone says when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Period>,
    /// How it is repaid.
    pub method: Method,
    /// What the sum lent costs a year.
    pub rate: Rate,
    /// How days become years.
    pub day_count: DayCount,
    /// All it costs a year.
    pub annual_cost: AnnualCost,
    /// Every fee, in the order it is taken; none when empty.
    #[serde(default)]
    pub fees: Vec<Fee>,
    /// What being late costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<Penalty>,
    /// What settling early costs.
    pub early_settlement: EarlySettlement,
    /// What somebody else pays of the interest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subsidy: Option<Subsidy>,
    /// What a payment pays first.
    pub allocation: Vec<Component>,
    /// The instalments.
    pub plan: Vec<PlanRow>,
    /// What else must be said, such as where to complain.
    #[serde(default)]
    pub notes: Vec<Bilingual>,
}

/// How principal and interest spread over the instalments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Every instalment is the same sum (等额本息).
    EqualInstalment,
    /// Every instalment repays the same principal (等额本金).
    EqualPrincipal,
    /// Interest every instalment, all principal with the last (先息后本).
    InterestFirst,
    /// Principal and all interest with the last instalment (一次还本付息).
    Bullet,
    /// The same principal, and interest on the amount lent, every instalment (等本等息).
    Flat,
    /// As the plan says (按计划还款): dates or sums of its own, a balloon, a grace period.
    Planned,
}

/// The contract rate of a year, as a fraction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rate {
    /// Stays as signed.
    Fixed {
        /// The rate.
        rate: Decimal,
    },
    /// Follows a benchmark.
    Floating {
        /// The rate on the day of the disclosure, with which the plan is made.
        rate: Decimal,
        /// The benchmark, such as LPR over five years, with the day of its fixing.
        benchmark: Bilingual,
        /// What is added to it.
        spread: Decimal,
        /// When the rate is taken anew.
        reset: Bilingual,
    },
}

/// The annual cost (年化利率), as fractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnualCost {
    /// The rate of a period times the periods of a year (单利).
    pub simple: Decimal,
    /// The rate of a period, compounded (复利).
    pub compound: Decimal,
}

/// A price beside interest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// What it is called.
    pub name: Bilingual,
    /// When it is taken.
    pub taken: FeeTime,
    /// How much in all, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// How it is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Bilingual>,
    /// Who gets it, when not the lender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payee: Option<Bilingual>,
}

/// When a fee is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeeTime {
    /// Kept back from the sum lent.
    Disbursal,
    /// With the instalments.
    Instalment,
    /// When an instalment is late.
    Overdue,
    /// When the loan is settled or repaid in part before its time.
    EarlySettlement,
}

/// What being late costs, beside the instalment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Penalty {
    /// Rate of a year, as a fraction, while the contract rate is what it is on this day.
    pub rate: Decimal,
    /// How many times the contract rate it is, when it follows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiple: Option<Decimal>,
    /// What it is taken on.
    pub base: PenaltyBase,
    /// Days after the due date within which paying is not late.
    pub grace_days: u32,
}

/// What penalty interest is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PenaltyBase {
    /// Principal of overdue instalments.
    OverduePrincipal,
    /// Principal and interest of overdue instalments.
    OverdueInstalment,
}

/// What settling early costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EarlySettlement {
    /// It is not possible.
    NotAllowed,
    /// Nothing but the interest up to the day.
    Free,
    /// A price.
    Charged {
        /// How it is found.
        terms: Bilingual,
    },
}

/// Interest that somebody else pays (贴息).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subsidy {
    /// Who pays it.
    pub payer: Bilingual,
    /// Under which conditions, and what happens when they are no longer met.
    pub terms: Bilingual,
}

/// A part of what is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// Penalty interest.
    Penalty,
    /// Fees.
    Fee,
    /// Interest.
    Interest,
    /// Principal.
    Principal,
}

/// An instalment of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRow {
    /// From 1.
    pub number: u32,
    /// When it is due.
    pub due: Date,
    /// Principal.
    pub principal: Money,
    /// Interest.
    pub interest: Money,
    /// Fees.
    pub fees: Money,
    /// What somebody else pays of the interest.
    pub subsidy: Money,
    /// What the borrower pays: principal, interest and fees less the subsidy.
    pub total: Money,
    /// Interest that becomes principal on the due date instead of being paid.
    pub capitalised: Money,
    /// Principal owed after it.
    pub balance: Money,
}

/// A disclosure as JSON: its data, the amount in words, and what the plan comes to.
#[derive(Clone, Debug, Serialize)]
pub struct DisclosureJson<'a> {
    /// The data.
    #[serde(flatten)]
    pub disclosure: &'a Disclosure,
    /// The sum lent in words. Those of a currency other than the renminbi are English in both.
    pub amount_in_words: Bilingual,
    /// What the plan comes to.
    pub totals: Totals,
}

/// What the instalments of a plan come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Principal: the sum lent, and interest that became principal.
    pub principal: Money,
    /// Interest.
    pub interest: Money,
    /// Fees due with the instalments.
    pub fees: Money,
    /// What somebody else pays.
    pub subsidy: Money,
    /// What the borrower pays.
    pub total: Money,
    /// Interest that becomes principal.
    pub capitalised: Money,
}

impl Disclosure {
    /// The disclosure for a program to read.
    ///
    /// # Errors
    /// Any [`DocumentError`].
    pub fn json(&self) -> Result<DisclosureJson<'_>, DocumentError> {
        self.check()?;
        let amount_in_words = Bilingual {
            zh: in_words(self.amount, Language::Zh),
            en: in_words(self.amount, Language::En),
        };
        Ok(DisclosureJson { disclosure: self, amount_in_words, totals: self.totals()? })
    }

    /// The disclosure for a person to read.
    ///
    /// # Errors
    /// Any [`DocumentError`].
    pub fn pdf(&self, language: Language) -> Result<Pdf, DocumentError> {
        self.check()?;
        Ok(pdf::write(&self.sheet(language, self.totals()?)))
    }

    fn currency(&self) -> Currency {
        self.amount.currency
    }

    fn check(&self) -> Result<(), DocumentError> {
        self.issuer.check()?;
        self.party.as_ref().map_or(Ok(()), Party::check)?;
        self.contract.check()?;
        amounts(self.currency(), [self.paid_out])?;
        let purchase = [self.price, self.down_payment].map(|it| it.unwrap_or(self.paid_out));
        amounts(self.currency(), purchase)?;
        check_rows("plan", self.plan.len())?;
        check_rows("fees", self.fees.len())?;
        check_rows("notes", self.notes.len())?;
        for fee in &self.fees {
            fee.check(self.currency())?;
        }
        if let Rate::Floating { benchmark, reset, .. } = &self.rate {
            benchmark.check("rate.benchmark", TEXT_MAX)?;
            reset.check("rate.reset", TEXT_MAX)?;
        }
        if let EarlySettlement::Charged { terms } = &self.early_settlement {
            terms.check("early_settlement.terms", PARAGRAPH_MAX)?;
        }
        if let Some(Subsidy { payer, terms }) = &self.subsidy {
            payer.check("subsidy.payer", TEXT_MAX)?;
            terms.check("subsidy.terms", PARAGRAPH_MAX)?;
        }
        self.notes.iter().try_for_each(|it| it.check("notes", PARAGRAPH_MAX))?;
        self.check_plan()
    }

    /// Every row is the sum of its parts, and the plan repays the sum lent.
    fn check_plan(&self) -> Result<(), DocumentError> {
        let mut owed = self.amount.amount;
        let mut due = self.disbursed_on;
        for (index, it) in self.plan.iter().enumerate() {
            let row = index + 1;
            if it.due < due {
                return Err(DocumentError::OutOfPeriod { row });
            }
            due = it.due;
            let [principal, interest, fees, subsidy] =
                amounts(self.currency(), [it.principal, it.interest, it.fees, it.subsidy])?;
            let [total, capitalised, balance] =
                amounts(self.currency(), [it.total, it.capitalised, it.balance])?;
            if sum([principal, interest, fees])? != sum([total, subsidy])? {
                return Err(DocumentError::DoesNotAddUp { figure: "total", row });
            }
            owed = sum([owed, capitalised])?;
            owed = owed.checked_sub(principal).ok_or(DocumentError::AmountTooLarge)?;
            if owed != balance {
                return Err(DocumentError::DoesNotAddUp { figure: "balance", row });
            }
        }
        if owed.is_zero() {
            Ok(())
        } else {
            Err(DocumentError::DoesNotAddUp { figure: "plan", row: 0 })
        }
    }

    fn totals(&self) -> Result<Totals, DocumentError> {
        let total = |part: fn(&PlanRow) -> Money| {
            let all = sum(self.plan.iter().map(|it| part(it).amount))?;
            Ok(Money::new(all, self.currency()))
        };
        Ok(Totals {
            principal: total(|it| it.principal)?,
            interest: total(|it| it.interest)?,
            fees: total(|it| it.fees)?,
            subsidy: total(|it| it.subsidy)?,
            total: total(|it| it.total)?,
            capitalised: total(|it| it.capitalised)?,
        })
    }

    fn sheet(&self, language: Language, totals: Totals) -> Sheet<'_> {
        let currency = self.currency();
        let shown = |money: Money| figures(money.amount, currency);
        let cards = vec![
            Fact::new(language.pick("贷款金额", "Amount"), shown(self.amount)),
            Fact::new(
                language.pick("年化利率（单利）", "Annual cost, simple"),
                percent_rounded(self.annual_cost.simple),
            ),
            Fact::new(
                language.pick("年化利率（复利）", "Annual cost, compound"),
                percent_rounded(self.annual_cost.compound),
            ),
            Fact::new(language.pick("还款总额", "Total repayable"), shown(totals.total)),
        ];
        let basis = language.pick(
            "年化利率按中国人民银行公告〔2021〕第3号计算：\
             以全部利息和费用与实际占用的贷款本金计算内部收益率并折算为年化形式；\
             单利为每期收益率乘以每年期数，复利为每期收益率按年复合。",
            "The annual cost follows Announcement No. 3 [2021] of the People's Bank of China: \
             the internal rate of return over all interest and fees and the principal in use, \
             per year. Simple: the rate of a period times the periods of a year. Compound: the \
             rate of a period, compounded over a year.",
        );
        let mut blocks = vec![
            Block::Facts(self.identification(language)),
            Block::Cards(cards),
            Block::Paragraph(basis.to_owned()),
            Block::Heading(language.pick("贷款条款", "Terms").to_owned()),
            Block::Facts(self.terms(language, totals)),
            Block::Heading(language.pick("费用", "Fees").to_owned()),
            self.fee_table(language),
        ];
        if !self.plan.is_empty() {
            blocks.push(Block::Heading(language.pick("还款计划", "Repayment plan").to_owned()));
            blocks.push(self.plan_table(language, totals));
            let assumed = match language {
                Language::Zh => format!(
                    "本计划假定于{}放款；实际还款计划以放款后的借据为准。",
                    self.disbursed_on
                ),
                Language::En => format!(
                    "The plan assumes disbursal on {}; the plan made at disbursal prevails.",
                    self.disbursed_on
                ),
            };
            blocks.push(Block::Paragraph(assumed));
        }
        if !self.notes.is_empty() {
            let heading = language.pick("其他说明", "Further information");
            blocks.push(Block::Heading(heading.to_owned()));
            let notes = self.notes.iter().map(|it| it.get(language).to_owned());
            blocks.extend(notes.map(Block::Paragraph));
        }
        Sheet {
            language,
            issuer: &self.issuer,
            title: Bilingual::new("贷款信息披露书", "Loan Disclosure"),
            reference: self.contract.number.clone(),
            issued_on: self.issued_on,
            blocks,
        }
    }

    fn identification(&self, language: Language) -> Vec<Fact> {
        let mut facts = self.party.as_ref().map_or(Vec::new(), |it| it.facts(language));
        facts.extend(self.contract.facts(language));
        facts.extend([
            Fact::new(language.pick("币种", "Currency"), currency_name(self.currency(), language)),
            Fact::new(language.pick("出具日期", "Issued on"), self.issued_on.to_string()),
        ]);
        facts
    }

    fn terms(&self, language: Language, totals: Totals) -> Vec<Fact> {
        let currency = self.currency();
        let shown = |money: Money| figures(money.amount, currency);
        let mut facts = vec![Fact::wide(
            language.pick("大写金额", "Amount in words"),
            in_words(self.amount, language),
        )];
        if let (Some(price), Some(down_payment)) = (self.price, self.down_payment) {
            facts.push(Fact::new(language.pick("商品价款", "Price"), shown(price)));
            facts.push(Fact::new(language.pick("首付款", "Down payment"), shown(down_payment)));
        }
        facts.extend([
            Fact::new(language.pick("实际到账", "Paid out"), shown(self.paid_out)),
            Fact::new(language.pick("利息合计", "Total interest"), shown(totals.interest)),
        ]);
        let count = self.plan.len();
        let rhythm = self.every.map(|it| rhythm(it, language));
        let term = match (language, rhythm) {
            (Language::Zh, _) if count == 1 => "1期".to_owned(),
            (Language::Zh, Some(rhythm)) => format!("{count}期，{rhythm}一期"),
            (Language::Zh, None) => format!("{count}期"),
            (Language::En, _) if count == 1 => "1 instalment".to_owned(),
            (Language::En, Some(rhythm)) => format!("{count} instalments, {rhythm}"),
            (Language::En, None) => format!("{count} instalments"),
        };
        facts.push(Fact::new(language.pick("贷款期限", "Term"), term));
        facts.push(Fact::new(language.pick("还款方式", "Method"), self.method.label(language)));
        facts
            .push(Fact::new(language.pick("放款日期", "Disbursal"), self.disbursed_on.to_string()));
        if let Some(last) = self.plan.last() {
            facts.push(Fact::new(language.pick("到期日期", "Maturity"), last.due.to_string()));
        }
        facts.push(Fact::wide(
            language.pick("合同利率", "Contract rate"),
            self.rate.sentence(self.day_count, language),
        ));
        let penalty = self.penalty.as_ref();
        facts.push(Fact::wide(
            language.pick("逾期罚息", "Penalty interest"),
            penalty
                .map_or_else(|| language.pick("无", "None").to_owned(), |it| it.sentence(language)),
        ));
        facts.push(Fact::wide(
            language.pick("提前结清", "Early settlement"),
            self.early_settlement.sentence(language),
        ));
        if let Some(Subsidy { payer, terms }) = &self.subsidy {
            let (payer, terms) = (payer.get(language), terms.get(language));
            let amount = shown(totals.subsidy);
            let sentence = match language {
                Language::Zh => format!("{payer}承担利息{amount}。{terms}"),
                Language::En => format!("{payer} pays {amount} of the interest. {terms}"),
            };
            facts.push(Fact::wide(language.pick("贴息", "Interest subsidy"), sentence));
        }
        let order: Vec<&str> = self.allocation.iter().map(|it| it.label(language)).collect();
        if !order.is_empty() {
            let order = order.join(language.pick("、", ", "));
            facts.push(Fact::wide(language.pick("还款顺序", "Payments pay"), order));
        }
        facts
    }

    fn fee_table(&self, language: Language) -> Block {
        if self.fees.is_empty() {
            let none =
                language.pick("除利息外不收取任何费用。", "No fees are taken beside the interest.");
            return Block::Paragraph(none.to_owned());
        }
        let columns = vec![
            Column::text(language.pick("费用名称", "Fee")),
            Column::text(language.pick("收取时间", "Taken")),
            Column::text(language.pick("收取方", "Payee")),
            Column::text(language.pick("收取标准", "How it is found")),
            Column::amount(language.pick("金额", "Amount")),
        ];
        let text =
            |it: Option<&Bilingual>, none: &str| it.map_or(none, |it| it.get(language)).to_owned();
        let lender = self.issuer.name.get(language);
        let row = |it: &Fee| {
            vec![
                it.name.get(language).to_owned(),
                it.taken.label(language).to_owned(),
                text(it.payee.as_ref(), lender),
                text(it.terms.as_ref(), "–"),
                it.amount.map_or("–".to_owned(), |it| figures(it.amount, self.currency())),
            ]
        };
        let rows = self.fees.iter().map(row).collect();
        Block::Table(Table { columns, rows, total: None }.without_empty_columns())
    }

    fn plan_table(&self, language: Language, totals: Totals) -> Block {
        let columns = vec![
            Column::short(language.pick("期数", "No.")),
            Column::short(language.pick("应还日", "Due date")),
            Column::amount(language.pick("本金", "Principal")),
            Column::amount(language.pick("利息", "Interest")),
            Column::amount(language.pick("费用", "Fees")),
            Column::amount(language.pick("贴息", "Subsidy")),
            Column::amount(language.pick("应还合计", "Total due")),
            Column::amount(language.pick("利息转本金", "To principal")),
            Column::amount(language.pick("剩余本金", "Principal left")),
        ];
        let shown = |amount: Amount| figures(amount, self.currency());
        let part = |money: Money| figures_or_dash(money.amount, self.currency());
        let row = |it: &PlanRow| {
            vec![
                it.number.to_string(),
                it.due.to_string(),
                shown(it.principal.amount),
                shown(it.interest.amount),
                part(it.fees),
                part(it.subsidy),
                shown(it.total.amount),
                part(it.capitalised),
                shown(it.balance.amount),
            ]
        };
        let total = vec![
            language.pick("合计", "Total").to_owned(),
            String::new(),
            shown(totals.principal.amount),
            shown(totals.interest.amount),
            part(totals.fees),
            part(totals.subsidy),
            shown(totals.total.amount),
            part(totals.capitalised),
            String::new(),
        ];
        let rows = self.plan.iter().map(row).collect();
        Block::Table(Table { columns, rows, total: Some(total) }.without_empty_columns())
    }
}

fn in_words(money: Money, language: Language) -> String {
    match (language, money.currency) {
        (Language::Zh, Currency::CNY) => words::renminbi(money.amount),
        _ => words::english(money),
    }
}

impl Method {
    fn label(self, language: Language) -> &'static str {
        match self {
            Self::EqualInstalment => language.pick("等额本息", "Equal instalments"),
            Self::EqualPrincipal => language.pick("等额本金", "Equal principal"),
            Self::InterestFirst => language.pick("先息后本", "Interest first"),
            Self::Bullet => language.pick("一次还本付息", "Bullet"),
            Self::Flat => language.pick("等本等息", "Flat"),
            Self::Planned => language.pick("按计划还款", "As planned"),
        }
    }
}

impl Rate {
    fn sentence(&self, day_count: DayCount, language: Language) -> String {
        match (self, language) {
            (Self::Fixed { rate }, Language::Zh) => {
                format!("年利率{}，固定利率；计息基准{day_count}", percent(*rate))
            }
            (Self::Fixed { rate }, Language::En) => {
                format!("{} a year, fixed; day count {day_count}", percent(*rate))
            }
            (Self::Floating { rate, benchmark, spread, reset }, _) => {
                let (rate, size) = (percent(*rate), percent(spread.abs()));
                let below = spread.is_sign_negative();
                let (benchmark, reset) = (benchmark.get(language), reset.get(language));
                match language {
                    Language::Zh => {
                        let sign = if below { "减" } else { "加" };
                        format!(
                            "年利率{rate}，浮动利率：{benchmark}{sign}{size}；{reset}；\
                             计息基准{day_count}"
                        )
                    }
                    Language::En => {
                        let sign = if below { "minus" } else { "plus" };
                        format!(
                            "{rate} a year, floating: {benchmark} {sign} {size}; {reset}; day \
                             count {day_count}"
                        )
                    }
                }
            }
        }
    }
}

impl Penalty {
    fn sentence(&self, language: Language) -> String {
        let rate = percent(self.rate);
        let rate = match (self.multiple, language) {
            (Some(multiple), Language::Zh) => {
                format!("{rate}（合同利率的{}倍，随其调整）", multiple.normalize())
            }
            (Some(multiple), Language::En) => {
                let multiple = multiple.normalize();
                format!("{rate} ({multiple} times the contract rate, which it follows)")
            }
            (None, _) => rate,
        };
        let base = match self.base {
            PenaltyBase::OverduePrincipal => language.pick("逾期本金", "overdue principal"),
            PenaltyBase::OverdueInstalment => {
                language.pick("逾期本金和利息", "overdue principal and interest")
            }
        };
        match (language, self.grace_days) {
            (Language::Zh, 0) => format!("对{base}自应还日起按年利率{rate}计收"),
            (Language::Zh, days) => {
                format!("对{base}自应还日起按年利率{rate}计收；应还日后{days}天内还清不计收")
            }
            (Language::En, 0) => format!("{rate} a year on {base}, from the due date"),
            (Language::En, days) => format!(
                "{rate} a year on {base}, from the due date; none when paid within {days} days \
                 after it"
            ),
        }
    }
}

impl EarlySettlement {
    fn sentence(&self, language: Language) -> String {
        match self {
            Self::NotAllowed => language.pick("不可提前结清", "Not possible").to_owned(),
            Self::Free => language
                .pick(
                    "可随时提前结清，利息计至结清日，不收取其他费用",
                    "Possible at any time for the interest up to the day, without a fee",
                )
                .to_owned(),
            Self::Charged { terms } => terms.get(language).to_owned(),
        }
    }
}

impl Component {
    fn label(self, language: Language) -> &'static str {
        match self {
            Self::Penalty => language.pick("罚息", "penalty interest"),
            Self::Fee => language.pick("费用", "fees"),
            Self::Interest => language.pick("利息", "interest"),
            Self::Principal => language.pick("本金", "principal"),
        }
    }
}

impl FeeTime {
    fn label(self, language: Language) -> &'static str {
        match self {
            Self::Disbursal => language.pick("放款时扣收", "At disbursal"),
            Self::Instalment => language.pick("随每期还款", "With instalments"),
            Self::Overdue => language.pick("逾期时", "When overdue"),
            Self::EarlySettlement => language.pick("提前还款时", "On early settlement"),
        }
    }
}

impl Fee {
    fn check(&self, currency: Currency) -> Result<(), DocumentError> {
        self.name.check("fees.name", TEXT_MAX)?;
        self.terms.as_ref().map_or(Ok(()), |it| it.check("fees.terms", PARAGRAPH_MAX))?;
        self.payee.as_ref().map_or(Ok(()), |it| it.check("fees.payee", TEXT_MAX))?;
        self.amount.map_or(Ok(()), |it| amounts(currency, [it]).map(|_| ()))
    }
}
