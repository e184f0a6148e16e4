//! Published ids, with what their publishers say of them.

use machine::Wall;
use snowflake::{Decoded, Id, IdError, Layout};

fn decode(layout: &str, id: u64) -> Decoded {
    let layout: Layout = layout.parse().unwrap();
    layout.decode(Id(id)).unwrap()
}

fn fields(decoded: &Decoded) -> Vec<(&str, u64)> {
    decoded.fields.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}

/// The example of Discord's own reference, section "Snowflakes".
#[test]
fn discord() {
    let decoded = decode("discord", 175_928_847_299_117_063);
    let json = r#"{"id":"175928847299117063","layout":"discord","timestamp_ms":1462015105796,"time":"2016-04-30T11:18:25.796Z","fields":{"worker":1,"process":0,"sequence":7}}"#;
    assert_eq!(serde_json::to_string(&decoded).unwrap(), json);
}

/// Posts in the documentation of Twitter's API: "Tweet object" gives its time as Wed Oct 10 20:19:24
/// +0000 2018, "Example payloads" as 2020-09-18T18:36:15.000Z.
#[test]
fn twitter() {
    let decoded = decode("twitter", 1_050_118_621_198_921_728);
    assert_eq!(decoded.time, "2018-10-10T20:19:24.211Z");
    assert_eq!(fields(&decoded), [("worker", 347), ("sequence", 0)]);
    assert_eq!(decode("twitter", 1_307_025_659_294_674_945).time, "2020-09-18T18:36:15.195Z");
}

/// The status in Mastodon's API reference was created at 2019-12-08T03:48:33.901Z by the clock of the
/// application; the database minted its id 52 ms earlier by its own.
#[test]
fn mastodon() {
    let decoded = decode("mastodon", 103_270_115_826_048_975);
    assert_eq!(decoded.time, "2019-12-08T03:48:33.849Z");
    assert_eq!(fields(&decoded), [("sequence", 40_911)]);
}

/// The numbers of the example in "Sharding & IDs at Instagram", put together by its formula.
#[test]
fn instagram() {
    let id = 1_387_263_000 << (64 - 41) | 1_341 << (64 - 41 - 13) | (5_001 % 1_024);
    let decoded = decode("instagram", id);
    assert_eq!(decoded.timestamp_ms, 1_314_220_021_721 + 1_387_263_000);
    assert_eq!(fields(&decoded), [("shard", 1_341), ("sequence", 905)]);
}

/// By the formula of sonyflake.go: `elapsed << (8 + 16) | sequence << 16 | machine`, in units of 10 ms
/// since 2014-09-01.
#[test]
fn sonyflake() {
    let ten_days = 10 * 24 * 3_600 * 100;
    let decoded = decode("sonyflake", (ten_days + 5) << 24 | 255 << 16 | 0x0a01);
    assert_eq!(decoded.time, "2014-09-11T00:00:00.050Z");
    assert_eq!(fields(&decoded), [("sequence", 255), ("machine", 0x0a01)]);
}

/// The README of uid-generator shows this id with "2017-01-19 12:15:46" in Beijing, worker 4,
/// sequence 9, for a configuration of 29, 21 and 13 bits since 2016-09-20.
#[test]
fn baidu_configured() {
    let spec = "custom:epoch=1474300800000,tick=1s,timestamp=29,worker=21,sequence=13";
    let decoded = decode(spec, 180_363_646_902_239_241);
    assert_eq!(decoded.time, "2017-01-19T04:15:46.000Z");
    assert_eq!(fields(&decoded), [("worker", 4), ("sequence", 9)]);
}

/// DefaultUidGenerator.java says that its default bits last until "2024-11-20 21:24:16" in Beijing.
#[test]
fn baidu() {
    let layout = Layout::named("baidu").unwrap();
    let last = layout.encode(layout.max_timestamp(), layout.max_worker(), layout.max_sequence());
    assert_eq!(last.unwrap(), Id(i64::MAX as u64));
    assert_eq!(decode("baidu", i64::MAX as u64).time, "2024-11-20T13:24:15.000Z");
}

#[test]
fn dates() {
    let time = |millis: u64| decode("mastodon", millis << 16).time;
    assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(time(951_782_400_000), "2000-02-29T00:00:00.000Z");
    assert_eq!(time(1_709_251_199_999), "2024-02-29T23:59:59.999Z");
    assert_eq!(time(4_107_542_399_999), "2100-02-28T23:59:59.999Z");
    assert_eq!(time(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
    assert_eq!(decode("mastodon", u64::MAX).time, "+10889-08-02T05:31:50.655Z");
}

/// Every day of two cycles of the calendar, against counting.
#[test]
fn every_day_follows_the_one_before() {
    let (mut year, mut month, mut day) = (1970, 1, 1);
    for days in 0..2 * 146_097u64 {
        let time = decode("mastodon", (days * 86_400_000) << 16).time;
        assert_eq!(time, format!("{year}-{month:02}-{day:02}T00:00:00.000Z"));
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 => 28 + i32::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        day += 1;
        if day > length {
            (month, day) = (month + 1, 1);
        }
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
}

#[test]
fn texts_that_are_no_ids() {
    let parse = |text: &str| text.parse::<Id>();
    assert_eq!(parse("18446744073709551615"), Ok(Id(u64::MAX)));
    assert_eq!(parse(""), Err(IdError::Empty));
    for text in ["+1", "-1", " 1", "1.0", "0x1", "175928847299117063n", "١"] {
        assert_eq!(parse(text), Err(IdError::NotANumber { text: text.to_owned() }));
    }
    let text = "18446744073709551616".to_owned();
    assert_eq!(parse(&text), Err(IdError::TooLarge { text }));
}

#[test]
fn an_id_of_another_layout_is_refused_where_that_shows() {
    let sign_bit = Id(1 << 63);
    let refused = Layout::twitter().decode(sign_bit).unwrap_err();
    assert!(matches!(refused, IdError::ForeignBits { bits: 63, .. }), "{refused}");
    assert!(Layout::named("discord").unwrap().decode(sign_bit).is_ok());
}

#[test]
fn an_id_is_a_string_in_json() {
    let json = serde_json::to_string(&Id(u64::MAX)).unwrap();
    assert_eq!(json, r#""18446744073709551615""#);
    assert_eq!(serde_json::from_str::<Id>(&json).unwrap(), Id(u64::MAX));
    assert!(serde_json::from_str::<Id>("1").is_err());
    assert!(serde_json::from_str::<Id>(r#""one""#).is_err());
}

#[test]
fn the_time_of_an_id_is_where_its_tick_began() {
    let id = Id(175_928_847_299_117_063);
    let layout = Layout::named("discord").unwrap();
    assert_eq!(layout.time(id), Wall::from_millis(1_462_015_105_796));
}
