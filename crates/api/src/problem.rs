//! Problems (RFC 9457): every answer that is not what was asked for.
//!
//! An [`ApiError`] has a stable `code` for programs, a sentence for people, and a hint at what to
//! do. It is rendered by [`crate::observe`], which knows the request's id and logs the code.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bank::{Refusal, StoreError, periods::Hanging};
use problem_details::ProblemDetails;
use product::derivation::Unexplained;
use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong in one place of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Fault {
    /// Where in the body, as a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/amount/amount")]
    pub(crate) pointer: Option<String>,
    /// Which parameter of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameter: Option<String>,
    /// The line of the text, from 1, where the body is a definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// What sort of fault; stable.
    #[schema(example = "too-many-decimals")]
    pub(crate) code: String,
    /// What is wrong, for people.
    pub(crate) detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

impl Fault {
    /// A fault in the body.
    pub(crate) fn at(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        let (code, detail) = (code.to_owned(), detail.into());
        Self { pointer: Some(pointer.into()), code, detail, ..Self::default() }
    }
}

/// The members of a problem that RFC 9457 leaves to us.
#[derive(Serialize, ToSchema)]
pub(crate) struct Extension {
    /// What sort of problem; stable.
    #[schema(example = "not-found")]
    code: &'static str,
    /// What to do about it.
    hint: &'static str,
    /// Each place that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    /// The request's id, to be told when asking for help.
    request_id: String,
}

/// A request that was not done.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    /// What sort of problem; stable.
    pub(crate) code: &'static str,
    detail: String,
    hint: &'static str,
    errors: Vec<Fault>,
    headers: HeaderMap,
}

impl ApiError {
    /// A problem.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        let (errors, headers) = (Vec::new(), HeaderMap::new());
        Self { status, code, detail: detail.into(), hint, errors, headers }
    }

    fn with_errors(self, errors: Vec<Fault>) -> Self {
        Self { errors, ..self }
    }

    fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// The body is not what the route takes.
    pub(crate) fn malformed_body(fault: Fault) -> Self {
        let place = fault.pointer.as_deref().filter(|it| !it.is_empty());
        let place = place.map(|it| format!(" at `{it}`")).unwrap_or_default();
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-body",
            format!("The body cannot be used{place}: {}", fault.detail),
            "Correct what `errors` names and send it again.",
        )
        .with_errors(vec![fault])
    }

    /// The query is not what the route takes.
    pub(crate) fn malformed_query(fault: Fault) -> Self {
        let place = fault.parameter.as_ref().map(|it| format!(" at `{it}`")).unwrap_or_default();
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-query",
            format!("The query cannot be used{place}: {}", fault.detail),
            "Correct the parameter `errors` names and send it again.",
        )
        .with_errors(vec![fault])
    }

    /// No key, or not one of ours. Which of them is not said.
    pub(crate) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "A valid API key is needed.",
            "Send the header `Authorization: Bearer sp_…` with a key that is not revoked.",
        )
        .with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"suanpan\"")
    }

    /// Nothing is there: no such path, or no such thing for this institution.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("There is no such {what}."),
            "Check the path and the id; `/docs` lists every path.",
        )
    }

    /// The path is there and does not take this method; `Allow` says which it takes.
    pub(crate) fn wrong_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "This path does not take this method.",
            "Use a method the header `Allow` names.",
        )
    }

    /// A command without an idempotency key.
    pub(crate) fn idempotency_key_missing() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "idempotency-key-missing",
            "The header `Idempotency-Key` is missing or is not 1 to 128 visible ASCII characters.",
            "Send a fresh random value, such as a UUID, with each new request, and the same value \
             when you repeat one.",
        )
    }

    /// An edit that does not say of which version.
    pub(crate) fn if_match_missing() -> Self {
        Self::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if-match-missing",
            "The header `If-Match` is missing.",
            "Read the record and send the `ETag` it came with.",
        )
    }

    /// A body in a format the route does not read.
    pub(crate) fn unsupported_media_type(takes: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            format!("The body must be {takes}."),
            "Send the header `Content-Type` with the format of the body.",
        )
    }

    /// Neither form of a document is one the caller takes.
    pub(crate) fn not_acceptable() -> Self {
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            "not-acceptable",
            "A document is `application/json` or `application/pdf`.",
            "Send the header `Accept` with one of them.",
        )
    }

    /// A body over the limit.
    pub(crate) fn body_too_large(bytes_max: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            format!("The body has more than {bytes_max} bytes."),
            "Send it in several requests.",
        )
    }

    /// The body broke off.
    pub(crate) fn body_broken_off() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "body-broken-off",
            "The body ended before it was complete.",
            "Send the request again.",
        )
    }

    /// The request took too long; whether it was done is not known.
    pub(crate) fn timed_out() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timed-out",
            "The request took too long and was given up; it may have been done all the same.",
            "Send it again with the same Idempotency-Key: it is done once at most.",
        )
        .with_header(header::RETRY_AFTER, "5")
    }

    /// More requests than can be served at once.
    pub(crate) fn overloaded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            "Too many requests at the same time.",
            "Wait a moment and send it again.",
        )
        .with_header(header::RETRY_AFTER, "1")
    }

    /// A bug of ours. What it was is in the log, not here.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side.",
            "Send it again with the same Idempotency-Key; if it stays, tell us the `request_id`.",
        )
    }

    /// Puts the problem into a response that stands for it.
    pub(crate) fn render(self, response: &mut Response, request_id: &str) {
        let request_id = request_id.to_owned();
        let problem =
            ProblemDetails::from_status_code(self.status).with_detail(self.detail).with_extensions(
                Extension { code: self.code, hint: self.hint, errors: self.errors, request_id },
            );
        let (parts, body) = problem.into_response().into_parts();
        response.headers_mut().extend(parts.headers);
        // That of the empty body.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = body;
    }
}

/// An empty response that carries the problem; [`ApiError::render`] makes it readable.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (status, hint) = status_and_hint(&refusal);
        let hidden = matches!(refusal, Refusal::Store(_) | Refusal::Party(party::Reject::Seal(_)))
            && status.is_server_error();
        if hidden {
            tracing::error!(code = refusal.code(), error = %refusal, "refused by our own side");
        }
        let detail = match &refusal {
            _ if hidden => "A part of the platform does not answer.".to_owned(),
            // Which transfer of the commit it was tells the caller nothing.
            Refusal::Ledger { reject, .. } => reject.meaning().to_owned(),
            _ => sentence(&refusal.to_string()),
        };
        let problem = Self::new(status, refusal.code(), detail, hint).with_errors(faults(&refusal));
        match status {
            StatusCode::SERVICE_UNAVAILABLE => problem.with_header(header::RETRY_AFTER, "1"),
            _ => problem,
        }
    }
}

/// Domain messages begin small and end open; people read sentences.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|it| it.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", characters.as_str())
}

fn status_and_hint(refusal: &Refusal) -> (StatusCode, &'static str) {
    use StatusCode as S;
    match refusal {
        Refusal::Forbidden(_) => (S::FORBIDDEN, "Use a key of a role that has the right."),
        Refusal::KeyBeyondOwn => (S::FORBIDDEN, "Let somebody make it whose key may do as much."),
        Refusal::NotFound(_) => {
            (S::NOT_FOUND, "Check the id or the name; it must be of your institution.")
        }
        Refusal::IdempotencyKeyReused => {
            (S::UNPROCESSABLE_ENTITY, "Use a new key for a new request.")
        }
        Refusal::Busy => (S::SERVICE_UNAVAILABLE, "Send it again with the same Idempotency-Key."),
        Refusal::Exists(_) => {
            (S::CONFLICT, "Find the one there is, or give the new one another name or number.")
        }
        Refusal::Changed => {
            (S::PRECONDITION_FAILED, "Read it again and send the new `ETag` as `If-Match`.")
        }
        Refusal::Definition(_) | Refusal::Scenario(_) => {
            (S::UNPROCESSABLE_ENTITY, "Correct what `errors` lists.")
        }
        Refusal::OtherKind => {
            (S::UNPROCESSABLE_ENTITY, "Name a product of the kind the path is for.")
        }
        Refusal::OtherCurrency => {
            (S::UNPROCESSABLE_ENTITY, "Send the amount in the contract's currency.")
        }
        Refusal::NotEligible(_) => {
            (S::UNPROCESSABLE_ENTITY, "`errors` names each rule that does not hold.")
        }
        Refusal::NotTheBusinessDate(_) => (
            S::UNPROCESSABLE_ENTITY,
            "Only the business date can be closed; see `/v1/business-date`.",
        ),
        Refusal::DayIncomplete(_) => {
            (S::UNPROCESSABLE_ENTITY, "Mend what `errors` names and close the same date again.")
        }
        Refusal::InSuspense(_) => (
            S::UNPROCESSABLE_ENTITY,
            "Assign what `errors` names, or close with `suspense` as `may-hang`.",
        ),
        Refusal::PeriodOpen(_) => {
            (S::UNPROCESSABLE_ENTITY, "Close the period first; see `/v1/periods`.")
        }
        Refusal::OwnPreparation => (S::UNPROCESSABLE_ENTITY, "Let somebody else approve it."),
        Refusal::FromAfterThrough => {
            (S::UNPROCESSABLE_ENTITY, "Send the earlier day as the first.")
        }
        Refusal::MigrationStands(_) => {
            (S::UNPROCESSABLE_ENTITY, "Read the migration to see what comes next.")
        }
        Refusal::NothingToMove => {
            (S::UNPROCESSABLE_ENTITY, "Name a product and versions that have active loans.")
        }
        Refusal::AfterBusinessDate(_) => {
            (S::UNPROCESSABLE_ENTITY, "Ask for days up to the business date.")
        }
        Refusal::Document(documents::DocumentError::TooManyRows { .. }) => {
            (S::PAYLOAD_TOO_LARGE, "Ask for fewer days.")
        }
        Refusal::Document(_) => (S::INTERNAL_SERVER_ERROR, "Tell us the `request_id`."),
        Refusal::Chart(_) => {
            (S::UNPROCESSABLE_ENTITY, "Correct it; `/v1/chart` shows one that is well formed.")
        }
        Refusal::ChartInUse => {
            (S::UNPROCESSABLE_ENTITY, "A chart is brought before the first product is published.")
        }
        Refusal::ContractAccount => {
            (S::UNPROCESSABLE_ENTITY, "Use the commands of the loan or the current account.")
        }
        Refusal::TooMany(..) => {
            (S::PAYLOAD_TOO_LARGE, "Send or ask for less; a list goes in several requests.")
        }
        Refusal::LimitReached(..) => {
            (S::UNPROCESSABLE_ENTITY, "End one that there is: decide it, settle it or close it.")
        }
        Refusal::Overloaded => (S::SERVICE_UNAVAILABLE, "Wait a moment and send it again."),
        Refusal::Party(party::Reject::Fields(_)) => {
            (S::BAD_REQUEST, "Correct what `errors` names and send it again.")
        }
        Refusal::Party(party::Reject::Seal(seal)) => match seal {
            party::SealError::Erased => (S::UNPROCESSABLE_ENTITY, "Register the party anew."),
            party::SealError::Unavailable => {
                (S::SERVICE_UNAVAILABLE, "Wait a moment and send it again.")
            }
            party::SealError::UnknownMasterKey { .. } | party::SealError::Altered { .. } => {
                (S::INTERNAL_SERVER_ERROR, "Tell us the `request_id`.")
            }
        },
        Refusal::Party(_) => (S::UNPROCESSABLE_ENTITY, "Read the party to see where it stands."),
        Refusal::Product(_) => {
            (S::UNPROCESSABLE_ENTITY, "Read the product version to see where it stands.")
        }
        Refusal::Lending(reject) => (S::UNPROCESSABLE_ENTITY, lending_hint(reject)),
        Refusal::Security(reject) => (S::UNPROCESSABLE_ENTITY, security_hint(*reject)),
        Refusal::Proposal(reject) => (S::UNPROCESSABLE_ENTITY, proposal_hint(*reject)),
        Refusal::Deposits(reject) => (S::UNPROCESSABLE_ENTITY, deposits_hint(*reject)),
        Refusal::Ledger { .. } => (
            S::UNPROCESSABLE_ENTITY,
            "Read the accounts, and what the code means in the reference.",
        ),
        Refusal::Store(StoreError::TooLarge { .. }) => {
            (S::PAYLOAD_TOO_LARGE, "Ask for less at a time.")
        }
        Refusal::Store(
            StoreError::Unavailable(_) | StoreError::Contended | StoreError::Locked(_),
        ) => (S::SERVICE_UNAVAILABLE, "Send it again with the same Idempotency-Key."),
        Refusal::Store(StoreError::NulInText(_)) => {
            (S::BAD_REQUEST, "Leave the character out and send it again.")
        }
        Refusal::Store(StoreError::Corrupt(_)) => {
            (S::INTERNAL_SERVER_ERROR, "Tell us the `request_id`.")
        }
        Refusal::Unexplained(Unexplained::NoSuchInstalment) => {
            (S::NOT_FOUND, "Read the loan's schedule: it lists the instalments.")
        }
        Refusal::Unexplained(_) => {
            (S::UNPROCESSABLE_ENTITY, "The guide `explain.md` says which amounts are explained.")
        }
    }
}

fn lending_hint(reject: &lending::Reject) -> &'static str {
    use lending::Reject as R;
    match reject {
        R::NotOffered(_) => {
            "Read the product: its terms say which amounts, terms and days it takes."
        }
        R::FactsInvalid(_) => "Correct what `errors` names; the product lists its facts.",
        R::NoOffer | R::OfferExpired => "Apply again to get a new offer.",
        R::AlreadySigned => "Go on with its loan; `/v1/loans` lists the loans of a party.",
        R::NotAwaitingDisbursal | R::NotActive => "Read the loan to see where it stands.",
        R::AmountNotPositive => "Send an amount above zero.",
        R::ExceedsSettlement | R::NotTheQuotedAmount => {
            "Read the settlement quote of today and pay exactly its total."
        }
        R::PrepaidCovers => "Nothing is to be paid: wait for the due date.",
        R::DayAlreadyClosed | R::DayNotReached => {
            "Read the loan's business date and send it again."
        }
        R::EarlySettlementNotAllowed | R::PrepaymentNotAllowed => {
            "Pay each instalment when it is due."
        }
        R::PrepaymentTooSmall => "Send what is due, the price and more: preview the fact first.",
        R::BeyondTheSum | R::MoreThanPrepaid | R::MoreThanSubsidy | R::MoreThanDue => {
            "Read the loan: it says what is left of the sum, what is due and what was prepaid."
        }
        R::AboveCeiling { .. } => "Choose a lower rate, or a longer term where fees weigh less.",
        R::RateOutOfRange => "Send a fraction: 0.045 is 4.5 %.",
        R::DatesNotInOrder => "Send dates after the business date, each after the one before.",
        R::NothingLeftToPlan => "Everything is due; it can be paid, or rescheduled no more.",
        R::InterestSuspended => "Send it without `capitalise`.",
        R::NotChargedOff => "Charge the loan off first.",
        R::TooManyFacts | R::HistoryDiffers => "Ask the operator to look at the loan.",
        R::BeforeDisbursal | R::InTheFuture | R::TooLate => {
            "Send a value date from the disbursal to the business date."
        }
        R::NoSuchFact | R::AlreadyReversed | R::NotReversible => {
            "List the loan's facts to see which can be taken back."
        }
        R::LineFrozen | R::LineExpired | R::LineClosed | R::LineNotFrozen => {
            "Read the line: it says where it stands and how long it may be drawn on."
        }
        R::LineOverdue => {
            "Pay what is overdue on the line first: on its drawings, or on its account."
        }
        R::BeyondTheLimit | R::BeyondTheHold => "Read the line: it says what is left and held.",
        R::TooManyDrawings => "Pay some of the drawings back first.",
        R::TooManyHolds => "Wait until the last day of some holds is over.",
        R::NoSuchHold | R::HoldExpired | R::HoldCaptured | R::HoldReleased => {
            "Read the line's holds to see which are live."
        }
        R::LineInUse => "Pay back what is owed on it and release the holds first.",
        R::TemporaryLimitTooLow => "Send more than the limit, or change the limit.",
        R::TextTooLong => "Shorten it to 200 characters.",
        R::CashNotAllowed => "Read the product: its terms have no cash.",
        R::MoreThanBought => "List the facts to see what was bought and what was given back.",
        R::OtherUse => "Read the product: its terms have a `drawing` or a `statement`.",
        R::SameVersion | R::CannotMigrate => "Read both versions of the product.",
        R::OthersFollow => "List the loan's facts, and take the later ones back first.",
        R::DisbursalBeforeSigning | R::OtherProduct => "Read the loan and its product.",
        R::ScheduleImpossible(_)
        | R::FeeImpossible(_)
        | R::AnnualCostImpossible
        | R::AmountTooLarge
        | R::DateOutOfRange => "Choose another amount or term; the product cannot make this loan.",
    }
}

fn security_hint(reject: lending::security::Reject) -> &'static str {
    use lending::security::Reject as R;
    match reject {
        R::NotTaken => "Read the product: `terms.security` says what it takes.",
        R::GuarantorIsBorrower | R::AlreadyGuarantor => "Name another party.",
        R::AlreadyPledged => "List the loan's securities; release the share to pledge another.",
        R::ShareOutOfRange => "Send a fraction: 0.4 is 40 %.",
        R::PledgedBeyondValue => "Pledge a smaller share, or release it from another loan.",
        R::ValueOutOfRange => "Send an amount above zero that is not absurdly large.",
        R::ValuationOutOfOrder => "Send a valuation that is newer than the one there is.",
        R::TextOutOfRange => "Write 1 to 200 characters.",
        R::TooManySecurities => "Release what is not needed any more.",
        R::LoanEnded => "Name a loan that is still owed.",
        R::NotCollateral => "Name collateral: list what stands behind the loan.",
        R::GuarantorsMissing | R::CollateralMissing => {
            "Add what the product asks for at `/v1/loans/{loan}/securities` before a release."
        }
        R::ValuationStale => "Have it valued anew.",
        R::LoanToValueExceeded => "Pledge more, or let less be owed.",
    }
}

fn proposal_hint(reject: lending::proposal::Reject) -> &'static str {
    use lending::proposal::Reject as R;
    match reject {
        R::Needed => "Propose it at `/v1/loans/{loan}/proposals`; somebody else approves it.",
        R::NotAChange => "Book it at `/v1/loans/{loan}/facts`.",
        R::OwnProposal => "Let somebody else decide it, or withdraw it.",
        R::NotTheProposer => "Let its proposer withdraw it, or reject it.",
        R::Decided(_) => "Read the proposal to see who decided it.",
        R::Expired | R::LoanMoved => "Look at the loan and propose it again.",
        R::ReasonOutOfRange => "Say why in 1 to 200 characters.",
    }
}

fn deposits_hint(reject: deposits::Reject) -> &'static str {
    use deposits::Reject as R;
    match reject {
        R::NotOffered(_) | R::TenorNotOffered | R::RemainderTooSmall => {
            "Read the product: its terms say which amounts, tenors and days it takes."
        }
        R::AmountNotPositive => "Send an amount above zero.",
        R::AmountTooLarge | R::DateOutOfRange => "Choose a smaller amount or a nearer day.",
        R::BeforeOpening | R::ValueDateInFuture | R::ValueDateSettled | R::OverdrawnOnValueDate => {
            "Choose a value date since the last settlement on which it was possible."
        }
        R::FrozenIn | R::FrozenOut | R::RestraintsRemain | R::RolloverFrozen => {
            "Read its freezes and stop-payments; they must end first."
        }
        R::HoldsRemain => "Wait until what is held is posted or released.",
        R::Dormant => "Wake the account first.",
        R::TextTooLong => "Shorten it to 200 characters.",
        R::UntilInThePast => "Choose today or a later day.",
        R::TooManyRestraints => "Lift those that are not needed any more.",
        R::EarlyWithdrawalNotAllowed | R::TooManyWithdrawalsInPart => {
            "Withdraw at maturity, or everything where the product allows it."
        }
        R::ExceedsPrincipal => "Withdraw the principal or less.",
        R::OtherProduct
        | R::DayAlreadyClosed
        | R::DayNotReached
        | R::Closed
        | R::NotDormant
        | R::NoSuchFreeze
        | R::NoSuchStop
        | R::RolloverNotAllowed
        | R::NotMatured
        | R::AlreadyMatured
        | R::NoInterestDue => "Read the contract to see where it stands.",
    }
}

/// Each place a refusal names.
fn faults(refusal: &Refusal) -> Vec<Fault> {
    match refusal {
        Refusal::Definition(problems) | Refusal::Scenario(problems) => {
            problems.iter().map(problem_fault).collect()
        }
        Refusal::Lending(lending::Reject::FactsInvalid(problems)) => {
            problems.iter().map(problem_fault).collect()
        }
        Refusal::NotEligible(reasons) => reasons.iter().map(reason_fault).collect(),
        Refusal::DayIncomplete(unclosed) => unclosed.iter().map(unclosed_fault).collect(),
        Refusal::InSuspense(hanging) => hanging.iter().map(hanging_fault).collect(),
        Refusal::Party(party::Reject::Fields(fields)) => fields.iter().map(field_fault).collect(),
        _ => Vec::new(),
    }
}

/// A problem of a definition.
pub(crate) fn problem_fault(problem: &product::Problem) -> Fault {
    let fault = Fault::at(&problem.path, problem.code, &problem.reason);
    Fault { line: problem.line, fix: Some(problem.fix.clone()), ..fault }
}

fn field_fault(field: &party::BadField) -> Fault {
    Fault::at(field.pointer, field.fault.code(), field.fault.to_string())
}

fn reason_fault(failure: &product::Failure) -> Fault {
    let detail = format!("{} {}", failure.reason.en, failure.reason.zh);
    Fault { code: failure.code.clone(), detail, ..Fault::default() }
}

fn hanging_fault(hanging: &Hanging) -> Fault {
    let Hanging { account, lane, code, currency, balance, oldest } = hanging;
    let since = oldest.map(|(id, date)| format!(", since transfer {id} of {date}"));
    let (balance, since) = (balance.text(*currency), since.unwrap_or_default());
    let detail = format!("{code}: {balance} {currency} on {account} of lane {lane}{since}.");
    Fault { code: "not-zero".to_owned(), detail, ..Fault::default() }
}

fn unclosed_fault(unclosed: &bank::refusal::Unclosed) -> Fault {
    let detail = format!("{}: {}", unclosed.subject, unclosed.why);
    Fault { code: "not-closed".to_owned(), detail, ..Fault::default() }
}
