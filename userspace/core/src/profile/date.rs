//! Dates of a profile: RFC 3339 for people, seconds of UNIX time inside.

use std::fmt;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Why a text is no date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateError(String);

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a date; write 2027-01-31, 2027-01-31T12:00:00Z, or seconds since 1970",
            self.0
        )
    }
}

impl std::error::Error for DateError {}

/// Seconds of UNIX time from a date and time with zone, a date (its first second, UTC), or a number.
///
/// # Errors
/// When it is none of them, or lies before 1970.
pub fn parse_date(text: &str) -> Result<u64, DateError> {
    let refused = || DateError(text.to_owned());
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) if text.len() == "2027-01-31".len() => text
            .parse::<Date>()
            .and_then(|date| date.to_zoned(TimeZone::UTC))
            .map_err(|_| refused())?
            .timestamp(),
        Err(_) => return Err(refused()),
    };
    u64::try_from(at.as_second()).map_err(|_| refused())
}

/// The other way round, in UTC; `None` after the year 9999.
#[must_use]
pub fn show_date(unix: u64) -> Option<String> {
    let at = Timestamp::from_second(i64::try_from(unix).ok()?).ok()?;
    Some(at.to_string())
}

/// `Subscription::until` in files.
pub(super) mod until {
    use std::fmt;

    use serde::{Deserializer, Serializer, de};

    use super::{parse_date, show_date};

    #[allow(clippy::trivially_copy_pass_by_ref)] // as serde wants it
    #[allow(clippy::ref_option)]
    pub fn serialize<S: Serializer>(until: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
        match until.map(|unix| show_date(unix).ok_or(unix)) {
            None => to.serialize_none(),
            Some(Ok(date)) => to.serialize_str(&date),
            Some(Err(unix)) => to.serialize_u64(unix),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        from.deserialize_any(Visitor)
    }

    struct Visitor;

    impl<'de> de::Visitor<'de> for Visitor {
        type Value = Option<u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a date or seconds of UNIX time")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
            from.deserialize_any(self)
        }

        fn visit_u64<E>(self, unix: u64) -> Result<Self::Value, E> {
            Ok(Some(unix))
        }

        fn visit_i64<E: de::Error>(self, unix: i64) -> Result<Self::Value, E> {
            u64::try_from(unix)
                .map(Some)
                .map_err(|_| E::invalid_value(de::Unexpected::Signed(unix), &self))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            parse_date(text).map(Some).map_err(E::custom)
        }

        /// TOML's own dates come as a map of one entry, the text its value.
        fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let entry: Option<(String, String)> = map.next_entry()?;
            let (_, text) = entry.ok_or_else(|| de::Error::invalid_length(0, &self))?;
            self.visit_str(&text)
        }
    }
}
