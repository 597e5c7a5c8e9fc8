//! Quiet hours: a part of the day without notifications below critical.

use jiff::civil::Time;

/// A part of the day in the time zone of the bill. The end may lie on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    pub from: Time,
    pub to: Time,
}

impl QuietHours {
    /// Parses `22:00-07:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let time = |text: &str| Time::strptime("%H:%M", text).ok();
        let (from, to) = text.split_once('-')?;
        let hours = Self { from: time(from)?, to: time(to)? };
        (hours.from != hours.to).then_some(hours)
    }

    /// Returns whether a time lies in the quiet hours. The start belongs to the hours, the end does not.
    pub fn contain(self, time: Time) -> bool {
        let Self { from, to } = self;
        if from < to { from <= time && time < to } else { from <= time || time < to }
    }
}
