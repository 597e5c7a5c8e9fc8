//! Routes and receivers of notifications. A receiver gets a typed notification and writes its own text.
//!
//! A receiver accepts a notification or fails. The pipeline stores the deliveries, so a receiver gets a missed
//! notification once, at the next run.

mod chat_text;
mod line;
mod notification;
mod receiver;
pub mod routing;
mod text;

pub use self::chat_text::cause::cause_sentence;
pub use self::chat_text::{amount_text, refused_amount, signed_amount_text};
pub use self::line::TextStyle;
pub use self::notification::{
    BudgetContent, ComparedSpans, Comparison, Content, CostChange, DailyTotalContent, DayCost, DigestContent,
    DueNotification, GroupContent, IncidentContent, Level, Notification, OperationalContent, PlannedEventContent,
    ProblemState, TotalComparison, groups,
};
pub use self::receiver::options;
pub use self::receiver::{Receipt, Receiver, ReceiverError, Terminal, cause_document};
pub use self::text::{Locale, one_line};
