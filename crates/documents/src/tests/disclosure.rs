use expect_test::expect;

use super::{digest, sample, sound};
use crate::{Bilingual, Disclosure, Language, disclosure::EarlySettlement};

#[test]
fn a_disclosure_says_everything() {
    let disclosure = sample::disclosure(1);
    let zh = sound(&disclosure.pdf(Language::Zh).unwrap()).all();
    for text in [
        "人民币壹仟肆佰零玖元伍角",
        "贷款信息披露书LoanDisclosure",
        "年化利率（单利）",
        "7.13%",
        "年化利率（复利）",
        "7.38%",
        "中国人民银行公告〔2021〕第3号",
        "一年期LPR（2026年3月20日公布）加2.95%；每年1月1日重定价",
        "贷款期限1期",
        "等额本金",
        "担保费放款时扣收示例担保公司–50.00",
        "商品价款2,000.00首付款590.50",
        "对逾期本金自应还日起按年利率9%（合同利率的1.5倍，随其调整）计收；应还日后3天内还清不计收",
        "放款后六个月内按剩余本金的1%收取违约金",
        "示例县财政承担利息3.52",
        "罚息、费用、利息、本金",
        "12026-04-301,409.507.042.003.521,415.020.00",
        "张**",
    ] {
        assert!(zh.contains(text), "{text} in {zh}");
    }
    let every_month = sound(&sample::disclosure(3).pdf(Language::Zh).unwrap()).all();
    assert!(every_month.contains("3期，每月一期"));
    let en = sound(&disclosure.pdf(Language::En).unwrap()).all();
    for text in [
        "CNY One Thousand Four Hundred Nine and 50/100",
        "Annual cost, simple",
        "Annual cost, compound",
        "Announcement No. 3 [2021]",
        "one-year LPR (of 20 March 2026) plus 2.95%",
        "1 instalment",
        "9% (1.5 times the contract rate, which it follows) a year on overdue principal",
        "Down payment",
        "Sample County Treasury pays 3.52 of the interest.",
    ] {
        assert!(en.contains(&text.replace(' ', "")), "{text} in {en}");
    }
}

#[test]
fn json_has_the_words_and_the_totals() {
    let disclosure = sample::disclosure(6);
    let json = serde_json::to_value(disclosure.json().unwrap()).unwrap();
    assert_eq!(json["amount"]["amount"], "8457.00");
    assert_eq!(json["amount_in_words"]["zh"], "人民币捌仟肆佰伍拾柒元整");
    let words = "CNY Eight Thousand Four Hundred Fifty-Seven Only";
    assert_eq!(json["amount_in_words"]["en"], words);
    // Interest of half a percent a month on 8457.00, 7047.50, … 1409.50, rounded down; half of the
    // first three is the subsidy.
    assert_eq!(json["totals"]["interest"]["amount"], "147.97");
    assert_eq!(json["totals"]["subsidy"]["amount"], "52.84");
    assert_eq!(json["totals"]["total"]["amount"], "8564.13");
    let text = serde_json::to_string(&disclosure).unwrap();
    assert_eq!(serde_json::from_str::<Disclosure>(&text).unwrap(), disclosure);
}

#[test]
fn the_same_disclosure_is_the_same_file() {
    let disclosure = sample::disclosure(120);
    let [first, second] = [(), ()].map(|()| disclosure.clone().pdf(Language::En).unwrap());
    assert_eq!(first, second);
    assert!(first.pages >= 4 && first.bytes.len() < 100_000);
    expect!["f543335b00561cfa41d8522278a1fbb34a564be7fe57b78d17e2b2da74fc6390"]
        .assert_eq(&digest(&first));
}

#[test]
fn the_sum_of_a_plan_never_stands_alone() {
    // The lines of a term and the rows of the plan differ in height, so together they reach the
    // foot of the page at many places.
    for (instalments, lines) in (8..20).flat_map(|it| (1..6).map(move |lines| (it, lines))) {
        let mut disclosure = sample::disclosure(instalments);
        let terms = "可提前结清。".repeat(9 * lines);
        let terms = Bilingual::new(&terms, "-");
        disclosure.early_settlement = EarlySettlement::Charged { terms };
        let read = sound(&disclosure.pdf(Language::Zh).unwrap());
        let last = instalments.to_string();
        let with_sum = read.pages.iter().filter(|page| page.iter().any(|it| it.text == "合计"));
        for page in with_sum {
            assert!(page.iter().any(|it| it.text == last), "{instalments} {lines}");
        }
    }
}

#[test]
fn long_texts_run_over_pages() {
    let mut disclosure = sample::disclosure(3);
    let long = "本条款较长，".repeat(300);
    disclosure.notes = vec![Bilingual::new(&long, &"a clause of some length ".repeat(80)); 12];
    for language in Language::ALL {
        let read = sound(&disclosure.pdf(language).unwrap());
        assert!(read.pages.len() > 3);
        // One 较 in each clause, and none elsewhere.
        assert!(language == Language::En || read.all().matches('较').count() == 12 * 300);
    }
}
