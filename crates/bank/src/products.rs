//! Products: drafts, the four-eyes life cycle, compiled versions.

use std::sync::Arc;

use ledger::InstitutionId;
use product::{
    Chart, Definition, LoanProduct, Problem, RevolvingProduct,
    kinds::{
        current_account::{self, AccountProduct},
        instalment_loan, revolving_credit,
        term_deposit::{self, TermProduct},
    },
    life::{ProductVersion, Status, in_force},
    simulate::{Request, Simulation, SimulationReject},
};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id, Timestamp};
use store::{Commit, PAGE_MAX, Page, Stored, Versioned};

use crate::{
    Bank, Call, Caller, Done, PRODUCTS_CACHED_MAX, Refusal, Right,
    institutions::{ChartInUse, institution_lane},
    packs,
    tables::{CHARTS, PRODUCTS},
};

/// The most versions of one product.
pub const VERSIONS_MAX: usize = 1_000;

/// The answer to every command on a product version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProductChanged {
    /// The product.
    pub product: String,
    /// The version.
    pub version: u32,
    /// Where it stands now.
    pub status: Status,
}

/// What published versions are by the rules of a day.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedCheck {
    /// The day.
    pub on: Date,
    /// How many versions were looked at.
    pub checked: u32,
    /// Those that break a rule, with what is wrong.
    pub broken: Vec<(Definition, Vec<Problem>)>,
}

/// A step of the life cycle after the draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Approve, as somebody else than the author.
    Approve,
    /// Publish from a day on.
    Publish(Date),
    /// No contracts for the time being.
    Suspend,
    /// Contracts again.
    Resume,
    /// No contracts ever again.
    Retire,
}

impl Step {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Approve => ("approve-product", "product-approved"),
            Self::Publish(_) => ("publish-product", "product-published"),
            Self::Suspend => ("suspend-product", "product-suspended"),
            Self::Resume => ("resume-product", "product-resumed"),
            Self::Retire => ("retire-product", "product-retired"),
        }
    }

    fn take(
        self,
        version: ProductVersion,
        actor: &str,
        today: Date,
        now: Timestamp,
    ) -> Result<ProductVersion, product::life::Reject> {
        match self {
            Self::Approve => version.approve(actor, now),
            Self::Publish(from) => version.publish(from, today, now),
            Self::Suspend => version.suspend(now),
            Self::Resume => version.resume(now),
            Self::Retire => version.retire(now),
        }
    }
}

impl Bank {
    /// All problems of a definition; none is good.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn check_product(
        &self,
        caller: &Caller,
        text: &str,
    ) -> Result<Vec<Problem>, Refusal> {
        let today = self.institution(caller).await?.record.business_date;
        let chart = self.chart(caller).await?;
        Ok(packs::read(text, &chart, today).err().unwrap_or_default())
    }

    /// What a definition would do: schedule, cost, postings. Nothing is kept.
    ///
    /// # Errors
    /// [`Refusal::Definition`]; the inner answer says why these inputs give no simulation.
    pub async fn simulate_product(
        &self,
        caller: &Caller,
        text: &str,
        request: &Request,
    ) -> Result<Result<Simulation, SimulationReject>, Refusal> {
        let chart = self.chart(caller).await?;
        let definition = Definition::parse(text, &chart).map_err(Refusal::Definition)?;
        Ok(product::simulate::simulate(&definition, request, &chart))
    }

    /// Drafts a version and has it checked. A draft or checked version of the same number is
    /// replaced.
    ///
    /// # Errors
    /// [`Refusal::Definition`] with all problems; [`Refusal::Product`] when the version has been
    /// approved or its number is not the next; [`Refusal::TooMany`].
    pub async fn draft_product(
        &self,
        call: &Call,
        text: &str,
    ) -> Result<Done<ProductChanged>, Refusal> {
        call.caller.must(Right::DraftProducts)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let chart = self.chart_of(of).await?;
            let definition = packs::read(text, &chart, today).map_err(Refusal::Definition)?;
            let versions = self.versions(&call.caller, &definition.product).await?;
            let known: Vec<_> = versions.iter().map(|(_, it)| it.record.clone()).collect();
            let before = versions
                .into_iter()
                .find(|(_, it)| it.record.definition.version == definition.version);
            let (name, number) = (definition.product.clone(), definition.version);
            let (row, after) = match before {
                Some((_, before)) => {
                    let edited = before.record.edit(definition, &call.caller.actor, call.now)?;
                    (before.version, edited)
                }
                None if known.len() >= VERSIONS_MAX => {
                    return Err(Refusal::LimitReached("VERSIONS_MAX", VERSIONS_MAX));
                }
                None => {
                    let actor = &call.caller.actor;
                    (0, ProductVersion::draft(definition, actor, &known, call.now)?)
                }
            };
            let after = after.checked(call.now)?;
            let mut commit = call.commit("draft-product", institution_lane(of), today);
            let id = version_id(&name, number);
            commit.put(&PRODUCTS, id, row, &after);
            let answer = ProductChanged { product: name, version: number, status: after.status };
            commit.tell("product-drafted", id, &answer);
            commit.answer(&answer);
            Ok(commit)
        })
        .await
    }

    /// Takes a version one step on.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Product`] when the step does not lead on from where the
    /// version stands or the same person would be both pairs of eyes; [`Refusal::Definition`]
    /// when it is published or resumed and breaks a rule of the day by now, or the institution's
    /// chart has changed too much since it was checked.
    pub async fn step_product(
        &self,
        call: &Call,
        name: &str,
        number: u32,
        step: Step,
    ) -> Result<Done<ProductChanged>, Refusal> {
        call.caller.must(Right::ReleaseProducts)?;
        let of = call.caller.institution;
        let (command, event) = step.names();
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let id = version_id(name, number);
            let before = self.need(&PRODUCTS, of, id, "product version").await?;
            let after = step.take(before.record, &call.caller.actor, today, call.now)?;
            let mut commit = call.commit(command, institution_lane(of), today);
            let first = match step {
                Step::Publish(from) => Some(from),
                Step::Resume => Some(today),
                Step::Approve | Step::Suspend | Step::Retire => None,
            };
            if let Some(first) = first {
                let first = first.max(after.definition.effective);
                let broken = packs::problems(&after.definition, first);
                if !broken.is_empty() {
                    return Err(Refusal::Definition(broken));
                }
            }
            if matches!(step, Step::Publish(_)) {
                self.fix_chart(&mut commit, &after.definition).await?;
            }
            commit.put(&PRODUCTS, id, before.version, &after);
            let (product, status) = (name.to_owned(), after.status);
            let answer = ProductChanged { product, version: number, status };
            commit.tell(event, id, &answer);
            commit.answer(&answer);
            Ok(commit)
        })
        .await
    }

    /// Checks a definition once more on the chart that from now on stays as it is.
    async fn fix_chart(&self, commit: &mut Commit, definition: &Definition) -> Result<(), Refusal> {
        let of = commit.institution;
        let chart = self.store().get(&CHARTS, of, of).await?;
        let (version, chart) = chart.map(|it| (it.version, it.record)).unwrap_or_default();
        if chart.fixed {
            return Ok(());
        }
        if let Some(own) = &chart.own {
            let written = serde_json::to_value(definition).expect("a definition is plain data");
            Definition::from_value(written, own).map_err(Refusal::Definition)?;
        }
        commit.put(&CHARTS, of, version, &ChartInUse { fixed: true, ..chart });
        Ok(())
    }

    /// A version of a product.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn product(
        &self,
        caller: &Caller,
        name: &str,
        number: u32,
    ) -> Result<Versioned<ProductVersion>, Refusal> {
        caller.must(Right::Read)?;
        let id = version_id(name, number);
        self.need(&PRODUCTS, caller.institution, id, "product version").await
    }

    /// All versions of all products.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn products(
        &self,
        caller: &Caller,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<Stored<ProductVersion>, Id<()>>, Refusal> {
        caller.must(Right::Read)?;
        Ok(self.store().list(&PRODUCTS, caller.institution, after, limit).await?)
    }

    /// Holds every published version against the rules of a day: those that break one, with what is
    /// wrong; on the business date when none is named.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn check_published(
        &self,
        caller: &Caller,
        on: Option<Date>,
    ) -> Result<PublishedCheck, Refusal> {
        caller.must(Right::Read)?;
        let today = self.institution(caller).await?.record.business_date;
        let mut check = PublishedCheck { on: on.unwrap_or(today), checked: 0, broken: Vec::new() };
        let mut after = None;
        loop {
            let page = self.store().list(&PRODUCTS, caller.institution, after, PAGE_MAX).await?;
            let versions = page.data.into_iter().map(|(_, it)| it.record);
            for it in versions.filter(|it| it.status == Status::Published) {
                check.checked += 1;
                let problems = packs::problems(&it.definition, check.on);
                if !problems.is_empty() {
                    check.broken.push((it.definition, problems));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(check);
            }
        }
    }

    /// Every version of one product, at most [`VERSIONS_MAX`].
    async fn versions(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Vec<Stored<ProductVersion>>, Refusal> {
        let link = ("product", name);
        let found = self.store().find(&PRODUCTS, caller.institution, link, None, VERSIONS_MAX);
        Ok(found.await?.data)
    }

    /// The version of a product under which contracts are made on a day.
    pub(crate) async fn product_in_force(
        &self,
        caller: &Caller,
        name: &str,
        day: Date,
    ) -> Result<Compiled, Refusal> {
        let versions = self.versions(caller, name).await?;
        let versions: Vec<_> = versions.into_iter().map(|(_, it)| it.record).collect();
        let version = in_force(&versions, day).ok_or(Refusal::NotFound("product in force"))?;
        let definition = &version.definition;
        self.compiled(&key(caller, name, definition.version), definition).await
    }

    /// The versions of a product that may have been in force on a day, the likeliest first: which
    /// of them were suspended then is not kept.
    pub(crate) async fn once_in_force(
        &self,
        caller: &Caller,
        name: &str,
        day: Date,
    ) -> Result<Vec<Compiled>, Refusal> {
        let versions = self.versions(caller, name).await?.into_iter().map(|(_, it)| it.record);
        let begun = |it: &ProductVersion| {
            it.published_from.is_some_and(|from| from <= day) && it.definition.in_force(day)
        };
        let mut begun: Vec<_> = versions.filter(begun).map(|it| it.definition).collect();
        begun.sort_by_key(|it| std::cmp::Reverse(it.version));
        let mut compiled = Vec::with_capacity(begun.len());
        for definition in &begun {
            let key = key(caller, name, definition.version);
            compiled.push(self.compiled(&key, definition).await?);
        }
        Ok(compiled)
    }

    /// The version of a product under which a contract was made.
    pub(crate) async fn pinned_product(
        &self,
        caller: &Caller,
        name: &str,
        number: u32,
    ) -> Result<Compiled, Refusal> {
        let key = key(caller, name, number);
        if let Some(compiled) = self.cached(&key) {
            return Ok(compiled);
        }
        let id = version_id(name, number);
        let version = self.need(&PRODUCTS, caller.institution, id, "product version").await?;
        self.compiled(&key, &version.record.definition).await
    }

    /// Compiles a version that is or was published, once: neither it nor the chart changes.
    async fn compiled(&self, key: &Key, definition: &Definition) -> Result<Compiled, Refusal> {
        if let Some(compiled) = self.cached(key) {
            return Ok(compiled);
        }
        let compiled = Compiled::compile(definition, &self.chart_of(key.0).await?)?;
        if let Ok(mut products) = self.0.products.lock() {
            if products.len() >= PRODUCTS_CACHED_MAX {
                products.clear();
            }
            products.insert(key.clone(), compiled.clone());
        }
        Ok(compiled)
    }

    fn cached(&self, key: &Key) -> Option<Compiled> {
        self.0.products.lock().ok()?.get(key).cloned()
    }
}

/// A product version ready for use.
#[derive(Clone)]
pub(crate) enum Compiled {
    Loan(Arc<LoanProduct>),
    Revolving(Arc<RevolvingProduct>),
    Account(Arc<AccountProduct>),
    Term(Arc<TermProduct>),
}

type Compile = fn(&Definition, &Arc<Chart>) -> Result<Compiled, Vec<Problem>>;

impl Compiled {
    /// How products of each kind are made ready. A kind that has contracts is a variant and a line
    /// here; a test compares with [`product::kinds::ALL`].
    pub(crate) const KINDS: [(&str, Compile); 4] = [
        (instalment_loan::KIND.name, |it, chart| {
            Ok(Self::Loan(Arc::new(LoanProduct::compile(it)?.on(chart))))
        }),
        (revolving_credit::KIND.name, |it, chart| {
            Ok(Self::Revolving(Arc::new(RevolvingProduct::compile(it)?.on(chart))))
        }),
        (current_account::KIND.name, |it, chart| {
            Ok(Self::Account(Arc::new(AccountProduct::compile(it)?.on(chart))))
        }),
        (term_deposit::KIND.name, |it, chart| {
            Ok(Self::Term(Arc::new(TermProduct::compile(it)?.on(chart))))
        }),
    ];

    fn compile(definition: &Definition, chart: &Arc<Chart>) -> Result<Self, Refusal> {
        let kind = Self::KINDS.iter().find(|(name, _)| *name == definition.kind);
        let (_, compile) = kind.ok_or(Refusal::OtherKind)?;
        compile(definition, chart).map_err(Refusal::Definition)
    }

    /// The product of a loan, which may be a drawing on a line.
    pub(crate) fn loan(self) -> Result<Arc<LoanProduct>, Refusal> {
        match self {
            Self::Loan(product) => Ok(product),
            Self::Revolving(product) => product.drawing().cloned().ok_or(Refusal::OtherKind),
            Self::Account(_) | Self::Term(_) => Err(Refusal::OtherKind),
        }
    }

    /// The product of a loan that is applied for.
    pub(crate) fn instalment_loan(self) -> Result<Arc<LoanProduct>, Refusal> {
        if let Self::Loan(product) = self { Ok(product) } else { Err(Refusal::OtherKind) }
    }

    /// The product of a line.
    pub(crate) fn revolving(self) -> Result<Arc<RevolvingProduct>, Refusal> {
        if let Self::Revolving(product) = self { Ok(product) } else { Err(Refusal::OtherKind) }
    }

    /// The product of a current account.
    pub(crate) fn account(self) -> Result<Arc<AccountProduct>, Refusal> {
        if let Self::Account(product) = self { Ok(product) } else { Err(Refusal::OtherKind) }
    }

    /// The product of a term deposit.
    pub(crate) fn term(self) -> Result<Arc<TermProduct>, Refusal> {
        if let Self::Term(product) = self { Ok(product) } else { Err(Refusal::OtherKind) }
    }
}

/// What a compiled version is kept under.
pub(crate) type Key = (InstitutionId, String, u32);

fn key(caller: &Caller, name: &str, number: u32) -> Key {
    (caller.institution, name.to_owned(), number)
}

/// A version's id follows from its name and number.
fn version_id(name: &str, number: u32) -> Id<ProductVersion> {
    Id::derived(&[name.as_bytes(), &number.to_be_bytes()])
}
