//! Today's date, for the few chat templates that put it into the prompt (`strftime_now`).
//!
//! In UTC, so that two machines agree on the day. A template that asks for it makes prompts that change from day to day.

use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// The present moment by a `strftime` format; `None` for a code that is not known here.
pub fn format_now(format: &str) -> Option<String> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    format_at(format, seconds)
}

/// `seconds` since 1970-01-01 by a `strftime` format.
fn format_at(format: &str, seconds: u64) -> Option<String> {
    let days = seconds / 86_400;
    let (year, month, day) = civil(days);
    let weekday = DAYS[(days % 7) as usize];
    let month_name = MONTHS[month as usize - 1];
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        out += &match chars.next()? {
            'Y' => format!("{year}"),
            'y' => format!("{:02}", year % 100),
            'm' => format!("{month:02}"),
            'd' => format!("{day:02}"),
            'B' => month_name.to_owned(),
            'b' => month_name[..3].to_owned(),
            'A' => weekday.to_owned(),
            'a' => weekday[..3].to_owned(),
            'H' => format!("{:02}", seconds / 3600 % 24),
            'M' => format!("{:02}", seconds / 60 % 60),
            'S' => format!("{:02}", seconds % 60),
            '%' => "%".to_owned(),
            _ => return None,
        };
    }
    Some(out)
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        assert_eq!(format_at("%d %b %Y", 0).unwrap(), "01 Jan 1970");
        // Leap day of a century year that is one.
        assert_eq!(format_at("%A %Y-%m-%d %H:%M:%S", 951_827_696).unwrap(), "Tuesday 2000-02-29 12:34:56");
        assert_eq!(format_at("%a %B %y %%", 4_102_444_799).unwrap(), "Thu December 99 %");
        assert_eq!(format_at("%q", 0), None);
    }
}
