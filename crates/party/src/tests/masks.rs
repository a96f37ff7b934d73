use expect_test::expect;
use stdx::{Date, Prng, table};

use crate::{BankCard, CreditCode, Mobile, ResidentId, mask};

#[test]
fn masks_by_example() {
    let rows = table::parse(
        r#"
        field     clear
        name      张三
        name      欧阳娜娜
        name      李
        name      "John Smith"
        name      𠮷野家
        name      ""
        id_number 11010519900708002X
        mobile    13800138000
        mobile    1380
        card      6222020000000000000
        card      12
        address   浙江省杭州市西湖区文三路1号
        address   北京市朝阳区望京街道城市花园1号
        address   上海市浦东新区张江镇科苑路1号
        address   内蒙古自治区呼和浩特市新城区兴安北路1号
        address   广西壮族自治区南宁市青秀区民族大道1号
        address   江苏省苏州市昆山市前进中路1号
        address   广东省东莞市南城街道科技园区2号
        address   广东省东莞市莞太路社区1号
        address   山东省济南市市中区经七路1号
        address   广东省广州市天河区体育西路1号
        address   恩施土家族苗族自治州恩施市舞阳坝街道1号
        address   黑龙江省哈尔滨市道里区中央大街1号
        address   云南省临沧市双江拉祜族佤族布朗族傣族自治县勐勐镇1号
        address   内蒙古自治区锡林郭勒盟正蓝旗上都镇1号
        address   香港特别行政区中西区皇后大道中1号
        address   "1 Infinite Loop, Cupertino"
        address   文三路1号
        address   ""
        "#,
    );
    let shown = rows.iter().map(|row| {
        let mask = match row.text("field") {
            "name" => mask::name,
            "id_number" => mask::id_number,
            "mobile" => mask::mobile,
            "card" => mask::bank_card,
            _ => mask::address,
        };
        format!("{} => {}\n", row.text("clear"), mask(row.text("clear")))
    });
    expect![[r#"
        张三 => 张**
        欧阳娜娜 => 欧**
        李 => **
        John Smith => J**
        𠮷野家 => 𠮷**
         => **
        11010519900708002X => 110***********002X
        13800138000 => 138****8000
        1380 => ****
        6222020000000000000 => ****0000
        12 => ****
        浙江省杭州市西湖区文三路1号 => 浙江省杭州市西湖区***
        北京市朝阳区望京街道城市花园1号 => 北京市朝阳区***
        上海市浦东新区张江镇科苑路1号 => 上海市浦东新区***
        内蒙古自治区呼和浩特市新城区兴安北路1号 => 内蒙古自治区呼和浩特市新城区***
        广西壮族自治区南宁市青秀区民族大道1号 => 广西壮族自治区南宁市青秀区***
        江苏省苏州市昆山市前进中路1号 => 江苏省苏州市昆山市***
        广东省东莞市南城街道科技园区2号 => 广东省东莞市***
        广东省东莞市莞太路社区1号 => 广东省东莞市***
        山东省济南市市中区经七路1号 => 山东省济南市市中区***
        广东省广州市天河区体育西路1号 => 广东省广州市天河区***
        恩施土家族苗族自治州恩施市舞阳坝街道1号 => 恩施土家族苗族自治州恩施市***
        黑龙江省哈尔滨市道里区中央大街1号 => 黑龙江省哈尔滨市***
        云南省临沧市双江拉祜族佤族布朗族傣族自治县勐勐镇1号 => 云南省临沧市双江拉祜族佤族布朗族傣族自治县***
        内蒙古自治区锡林郭勒盟正蓝旗上都镇1号 => 内蒙古自治区锡林郭勒盟正蓝旗***
        香港特别行政区中西区皇后大道中1号 => 香港特别行政区中西区***
        1 Infinite Loop, Cupertino => ***
        文三路1号 => ***
         => ***
    "#]].assert_eq(&shown.collect::<String>());
}

#[test]
fn masks_never_hold_the_hidden_middle() {
    let mut prng = Prng::stream(1, "masks");
    for _ in 0..500 {
        let (day, serial) = (1 + prng.below(28), prng.below(1_000));
        let born = Date::new(1985, 6, i8::try_from(day).unwrap()).unwrap();
        let resident = ResidentId::sample(440_300, born, u16::try_from(serial).unwrap());
        let number = u32::try_from(prng.below(100_000_000)).unwrap();
        let (credit, mobile) = (CreditCode::sample(110_000, number), Mobile::sample(number));
        let card = BankCard::sample(prng.below(100_000_000_000_000));
        hides(resident.reveal(), 3, 4, &mask::id_number(resident.reveal()));
        hides(credit.reveal(), 3, 4, &mask::id_number(credit.reveal()));
        hides(mobile.reveal(), 3, 4, &mask::mobile(mobile.reveal()));
        hides(card.reveal(), 0, 4, &mask::bank_card(card.reveal()));
    }
}

/// The mask is the kept ends with nothing but stars between.
fn hides(clear: &str, front: usize, back: usize, masked: &str) {
    let rest = masked.strip_prefix(&clear[..front]).unwrap();
    let middle = rest.strip_suffix(&clear[clear.len() - back..]).unwrap();
    assert!(!middle.is_empty() && middle.chars().all(|it| it == '*'), "{masked}");
}

#[test]
fn any_unicode_can_be_masked() {
    let mut prng = Prng::stream(2, "unicode");
    let alphabet: Vec<char> = "张市区县省路1 \u{301}é🂡𠮷自治".chars().collect();
    for _ in 0..5_000 {
        let length = prng.below(30);
        let text: String = (0..length).map(|_| *prng.pick(&alphabet)).collect();
        assert!(mask::address(&text).ends_with("***"));
        for mask in [mask::name, mask::id_number, mask::mobile, mask::bank_card] {
            assert!(mask(&text).contains("**"));
        }
    }
}
