//! Masks: how personal data is shown to who may not see it.
//!
//! JR/T 0171-2020 (个人金融信息保护技术规范, People's Bank of China) sorts personal financial
//! information into three classes. C3, what authenticates a user (passwords, card tracks and
//! verification codes, biometric templates), is never kept by this crate at all. C2, what
//! identifies a person or tells of the person's finances, covers every field here: account and
//! identity numbers, mobile numbers, names with them, addresses. C1 is for internal use only.
//! C2 is shown masked unless the viewer's duty needs it clear. That these fields are C2 is not
//! verified. The shapes below follow common practice; the informative appendix A on masking was
//! not compared line by line (not verified).
//!
//! Where the length would tell something, the number of stars does not.

/// A name: the first character stays, `张**`; a name of one character goes whole.
pub fn name(clear: &str) -> String {
    let mut characters = clear.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(_)) => format!("{first}**"),
        _ => "**".to_owned(),
    }
}

/// A resident identity number or credit code: the first three and last four characters stay.
pub fn id_number(clear: &str) -> String {
    keep(clear, 3, 4, "***********")
}

/// A mobile number: the first three and last four digits stay, `138****8000`.
pub fn mobile(clear: &str) -> String {
    keep(clear, 3, 4, "****")
}

/// A bank card number: the last four digits stay.
pub fn bank_card(clear: &str) -> String {
    keep(clear, 0, 4, "****")
}

/// Keeps both ends of a text, and nothing when that would leave fewer hidden than kept.
fn keep(clear: &str, front: usize, back: usize, stars: &str) -> String {
    let characters: Vec<char> = clear.chars().collect();
    if characters.len() < (front + back) * 3 / 2 {
        return stars.to_owned();
    }
    let (head, tail) = (&characters[..front], &characters[characters.len() - back..]);
    head.iter().copied().chain(stars.chars()).chain(tail.iter().copied()).collect()
}

/// Endings of the names of divisions, down to the county. Longer ones first: a 自治区 is no 区.
const DIVISIONS: [(&str, Tier); 10] = [
    ("特别行政区", Tier::Above),
    ("自治区", Tier::Above),
    ("自治州", Tier::Above),
    ("地区", Tier::Above),
    ("省", Tier::Above),
    ("市", Tier::Above),
    ("盟", Tier::Above),
    ("区", Tier::County),
    ("县", Tier::County),
    ("旗", Tier::County),
];

/// Longest name of a division, with room: 双江拉祜族佤族布朗族傣族自治县 has fifteen characters.
const DIVISION_MAX: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tier {
    Above,
    County,
}

/// An address: province, city and district stay, what is below them goes, `浙江省杭州市西湖区***`.
///
/// Where the end of the district cannot be told (an address abroad, a city without districts) it
/// shows less rather than more.
pub fn address(clear: &str) -> String {
    let mut rest = clear.trim();
    let mut kept = String::new();
    for _ in 0..3 {
        let Some((division, tier)) = division(rest) else { break };
        kept.push_str(division);
        rest = &rest[division.len()..];
        if tier == Tier::County {
            break;
        }
    }
    kept + "***"
}

/// The name of a division at the beginning of a text: the shortest one that ends as divisions do.
/// None when a street, a village or a number comes first.
fn division(text: &str) -> Option<(&str, Tier)> {
    let mut ends = text.char_indices().map(|(index, it)| (index + it.len_utf8(), it));
    // The first character is part of the name whatever it is: 市中区, 路南区, 道里区.
    ends.next()?;
    for (end, character) in ends.take(DIVISION_MAX - 1) {
        let head = &text[..end];
        let found = DIVISIONS.iter().find(|(ending, _)| head.ends_with(ending));
        if let Some((_, tier)) = found {
            return Some((head, *tier));
        }
        let street = "路街镇乡村道巷弄号里".contains(character);
        if street || !character.is_alphabetic() {
            return None;
        }
    }
    None
}
