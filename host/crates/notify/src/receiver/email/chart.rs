//! The chart of the recent days as an HTML table: coloured cells need no image.

use super::mail::escape;
use crate::chat_text::{Bar, Chart};

/// Height of the largest bar in pixels.
const HEIGHT: f64 = 60.0;
/// Colours with a contrast of at least 3 to white.
const USUAL: &str = "#6b7f99";
const IN_INCIDENT: &str = "#c2410c";

pub(super) fn html(chart: &Chart) -> String {
    let bars: String = chart.days.iter().map(bar).collect();
    format!(
        "<table role=\"img\" aria-label=\"{label}\" cellspacing=\"1\" cellpadding=\"0\"><tr valign=\"bottom\">{bars}</tr></table>\n<p><small>{label}</small></p>",
        label = escape(&chart.label)
    )
}

/// Returns the cell of a day. A nested table has a height of its own beside the other days of the row.
fn bar(bar: &Bar) -> String {
    let Some(share) = bar.share else {
        return "<td>·</td>".to_owned();
    };
    // Every cost above 0 is visible. The cast saturates, and a negative cost has the lowest bar.
    let height = ((share * HEIGHT).ceil() as u32).max(1);
    let color = if bar.is_in_incident { IN_INCIDENT } else { USUAL };
    format!(
        "<td><table width=\"8\" height=\"{height}\" bgcolor=\"{color}\" cellspacing=\"0\"><tr><td></td></tr></table></td>"
    )
}
