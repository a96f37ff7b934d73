//! Products: drafts, the four-eyes life cycle, compiled versions.

use std::sync::Arc;

use product::{
    Definition, Document, LoanProduct, Problem,
    kinds::current_account::AccountProduct,
    life::{ProductVersion, Status, in_force},
    simulate::{Request, Simulation, SimulationReject},
};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id, Timestamp};
use store::{Page, Stored, Versioned};

use crate::{
    Bank, Call, Caller, Compiled, Done, PRODUCTS_CACHED_MAX, Refusal, Right,
    institutions::institution_lane, tables::PRODUCTS,
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
    /// [`Refusal::Forbidden`], [`Refusal::NotFound`].
    pub async fn check_product(
        &self,
        caller: &Caller,
        text: &str,
    ) -> Result<Vec<Problem>, Refusal> {
        caller.must(Right::Read)?;
        let chart = self.institution(caller).await?.record.chart();
        Ok(match Document::parse(text) {
            Ok(document) => product::check::check(&document, chart),
            Err(problem) => vec![problem],
        })
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
        caller.must(Right::Read)?;
        let chart = self.institution(caller).await?.record.chart();
        let definition = Definition::parse(text, chart).map_err(Refusal::Definition)?;
        Ok(product::simulate::simulate(&definition, request, chart))
    }

    /// Drafts a version and has it checked. A draft or checked version of the same number is
    /// replaced.
    ///
    /// # Errors
    /// [`Refusal::Definition`] with all problems; [`Refusal::Product`] when the version has been
    /// approved or its number is not the next.
    pub async fn draft_product(
        &self,
        call: &Call,
        text: &str,
    ) -> Result<Done<ProductChanged>, Refusal> {
        call.caller.must(Right::DraftProducts)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let institution = self.institution(&call.caller).await?.record;
            let definition =
                Definition::parse(text, institution.chart()).map_err(Refusal::Definition)?;
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
                None => {
                    let actor = &call.caller.actor;
                    (0, ProductVersion::draft(definition, actor, &known, call.now)?)
                }
            };
            let after = after.checked(call.now)?;
            let today = institution.business_date;
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
    /// version stands or the same person would be both pairs of eyes.
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
            commit.put(&PRODUCTS, id, before.version, &after);
            let (product, status) = (name.to_owned(), after.status);
            let answer = ProductChanged { product, version: number, status };
            commit.tell(event, id, &answer);
            commit.answer(&answer);
            Ok(commit)
        })
        .await
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

    /// The loan product in force on a day.
    pub(crate) async fn loan_product_in_force(
        &self,
        caller: &Caller,
        name: &str,
        day: Date,
    ) -> Result<Arc<LoanProduct>, Refusal> {
        match self.compiled(caller, self.in_force(caller, name, day).await?)? {
            Compiled::Loan(product) => Ok(product),
            Compiled::Account(_) => Err(Refusal::OtherKind),
        }
    }

    /// The account product in force on a day.
    pub(crate) async fn account_product_in_force(
        &self,
        caller: &Caller,
        name: &str,
        day: Date,
    ) -> Result<Arc<AccountProduct>, Refusal> {
        match self.compiled(caller, self.in_force(caller, name, day).await?)? {
            Compiled::Account(product) => Ok(product),
            Compiled::Loan(_) => Err(Refusal::OtherKind),
        }
    }

    async fn in_force(
        &self,
        caller: &Caller,
        name: &str,
        day: Date,
    ) -> Result<ProductVersion, Refusal> {
        let versions = self.versions(caller, name).await?;
        let versions: Vec<_> = versions.into_iter().map(|(_, it)| it.record).collect();
        in_force(&versions, day).cloned().ok_or(Refusal::NotFound("product in force"))
    }

    /// The version a loan was made under.
    pub(crate) async fn loan_product(
        &self,
        caller: &Caller,
        name: &str,
        number: u32,
    ) -> Result<Arc<LoanProduct>, Refusal> {
        match self.pinned(caller, name, number).await? {
            Compiled::Loan(product) => Ok(product),
            Compiled::Account(_) => Err(Refusal::OtherKind),
        }
    }

    /// The version an account was opened under.
    pub(crate) async fn account_product(
        &self,
        caller: &Caller,
        name: &str,
        number: u32,
    ) -> Result<Arc<AccountProduct>, Refusal> {
        match self.pinned(caller, name, number).await? {
            Compiled::Account(product) => Ok(product),
            Compiled::Loan(_) => Err(Refusal::OtherKind),
        }
    }

    async fn pinned(&self, caller: &Caller, name: &str, number: u32) -> Result<Compiled, Refusal> {
        let key = (caller.institution, name.to_owned(), number);
        let cached = self.0.products.lock().ok().and_then(|it| it.get(&key).cloned());
        if let Some(compiled) = cached {
            return Ok(compiled);
        }
        let id = version_id(name, number);
        let version = self.need(&PRODUCTS, caller.institution, id, "product version").await?;
        self.compiled(caller, version.record)
    }

    /// Compiles an approved version, once.
    fn compiled(&self, caller: &Caller, version: ProductVersion) -> Result<Compiled, Refusal> {
        let definition = &version.definition;
        let key = (caller.institution, definition.product.clone(), definition.version);
        let cached = self.0.products.lock().ok().and_then(|it| it.get(&key).cloned());
        if let Some(compiled) = cached {
            return Ok(compiled);
        }
        let loan = product::kinds::instalment_loan::KIND.name;
        let compiled = if definition.kind == loan {
            LoanProduct::compile(definition).map(|it| Compiled::Loan(Arc::new(it)))
        } else {
            AccountProduct::compile(definition).map(|it| Compiled::Account(Arc::new(it)))
        };
        let compiled = compiled.map_err(Refusal::Definition)?;
        if let Ok(mut products) = self.0.products.lock() {
            if products.len() >= PRODUCTS_CACHED_MAX {
                products.clear();
            }
            products.insert(key, compiled.clone());
        }
        Ok(compiled)
    }
}

/// A version's id follows from its name and number.
fn version_id(name: &str, number: u32) -> Id<ProductVersion> {
    Id::derived(&[name.as_bytes(), &number.to_be_bytes()])
}
