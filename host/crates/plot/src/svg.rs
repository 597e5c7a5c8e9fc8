//! A plot as an SVG document for browsers, light and dark. A hint over an anomaly has the text of the anomaly.

mod layout;
mod paths;
mod style;

use ::svg::Document;
use ::svg::node::element::{Circle, Group, Line, Path, Rectangle, Style, Text, Title};

use self::layout::{HEIGHT, Layout, WIDTH};
use crate::amount_axis::AmountAxis;
use crate::figure::{Figure, Point, plain};
use crate::time_axis::{time_text, time_ticks};

/// Number of steps of the amount axis.
const AMOUNT_TICKS: usize = 6;
/// Largest number of dates.
const TIME_TICKS: usize = 8;
/// Width of an entry of the legend.
const LEGEND_WIDTH: f64 = 165.0;
/// Radius of the circle of an anomaly.
const RADIUS: f64 = 4.0;

/// Draws a figure as an SVG document.
pub fn svg(figure: &Figure) -> String {
    let layout = Layout::new(AmountAxis::of(figure, AMOUNT_TICKS), figure.points.len());
    let document = Document::new()
        .set("viewBox", (0, 0, WIDTH as i32, HEIGHT as i32))
        .set("role", "img")
        .add(Title::new(figure.heading()))
        .add(Style::new(style::SHEET))
        .add(Rectangle::new().set("class", "back").set("width", "100%").set("height", "100%"))
        .add(Text::new(figure.heading()).set("class", "title").set("x", layout.left()).set("y", 22))
        .add(labelled(figure, &layout))
        .add(amounts(&layout))
        .add(times(figure, &layout))
        .add(path("band", paths::band(figure, &layout)))
        .add(path("expected", paths::expected(figure, &layout)))
        .add(path("value", paths::values(figure, &layout)))
        .add(anomalies(figure, &layout))
        .add(legend(figure, &layout));
    format!("{document}\n")
}

fn path(class: &str, data: String) -> Path {
    Path::new().set("class", class).set("d", data)
}

/// Returns the lines and the texts of the amount axis.
fn amounts(layout: &Layout) -> Group {
    let mut group = Group::new().set("class", "amounts");
    for tick in layout.axis.ticks() {
        let y = layout.height_of(tick.position);
        let line = Line::new().set("x1", layout.left()).set("x2", layout.right()).set("y1", y.clone());
        group = group.add(line.set("y2", y.clone()));
        group = group.add(Text::new(tick.text).set("x", layout.left() - 8.0).set("y", y).set("dy", "0.32em"));
    }
    group
}

/// Returns the texts of the time axis.
fn times(figure: &Figure, layout: &Layout) -> Group {
    let mut group = Group::new().set("class", "times");
    for tick in time_ticks(figure, TIME_TICKS) {
        let x = layout.x(tick.point);
        let line = Line::new().set("x1", x.clone()).set("x2", x.clone()).set("y1", layout.bottom());
        group = group.add(line.set("y2", layout.bottom() + 5.0));
        group = group.add(Text::new(tick.text).set("x", x).set("y", layout.bottom() + 20.0));
    }
    group
}

/// Returns a rectangle behind each labelled event.
fn labelled(figure: &Figure, layout: &Layout) -> Group {
    let mut group = Group::new().set("class", "labels");
    let mut first = 0;
    for event in figure.points.chunk_by(|one, next| one.labelled == next.labelled) {
        if event[0].labelled {
            let [left, right] = layout.span(first, first + event.len() - 1);
            let rectangle = Rectangle::new().set("x", layout::number(left)).set("width", layout::number(right - left));
            group = group.add(rectangle.set("y", layout.top()).set("height", layout.bottom() - layout.top()));
        }
        first += event.len();
    }
    group
}

fn anomalies(figure: &Figure, layout: &Layout) -> Group {
    let mut group = Group::new().set("class", "anomalies");
    for (number, Point { time, value, anomaly, .. }) in figure.points.iter().enumerate() {
        let Some(text) = anomaly else { continue };
        let circle = Circle::new().set("cx", layout.x(number)).set("cy", layout.y(*value)).set("r", RADIUS);
        group = group.add(circle.add(Title::new(plain(&format!("{}: {text}", time_text(*time))))));
    }
    group
}

/// An entry of the legend.
struct LegendEntry {
    class: &'static str,
    text: &'static str,
    /// Height of the coloured rectangle.
    height: u32,
    is_present: bool,
}

/// Returns the kinds of marks, below the plot.
fn legend(figure: &Figure, layout: &Layout) -> Group {
    let legend = figure.legend();
    let words = figure.words();
    let entries = [
        LegendEntry { class: "value", text: words.value, height: 2, is_present: true },
        LegendEntry { class: "expected", text: words.expected, height: 2, is_present: legend.band },
        LegendEntry { class: "band", text: words.band, height: 8, is_present: legend.band },
        LegendEntry { class: "anomaly", text: words.anomaly, height: 8, is_present: legend.anomalies },
        LegendEntry { class: "labels", text: words.label, height: 8, is_present: legend.labels },
    ];
    let mut group = Group::new().set("class", "legend");
    for (number, entry) in entries.into_iter().filter(|entry| entry.is_present).enumerate() {
        let LegendEntry { class, text, height, .. } = entry;
        let x = layout.left() + LEGEND_WIDTH * number as f64;
        let y = HEIGHT - 14.0;
        let swatch = Rectangle::new().set("class", class).set("x", x).set("y", y - 6.0);
        group = group.add(swatch.set("width", 18).set("height", height));
        group = group.add(Text::new(text).set("x", x + 24.0).set("y", y + 2.0));
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::samples;

    #[test]
    fn a_year_with_a_band_anomalies_and_labels() {
        insta::assert_snapshot!(svg(&samples::year()));
    }

    #[test]
    fn values_alone_with_a_gap() {
        insta::assert_snapshot!(svg(&samples::gap()));
    }

    /// Three years of five-minute steps.
    #[test]
    fn a_long_series_gives_a_small_document() {
        let mut figure = samples::gap();
        let hours = figure.points.clone();
        figure.points = (0..300_000).map(|number| hours[number % hours.len()].clone()).collect();
        let document = svg(&figure);
        assert!(document.len() < 200_000, "{}", document.len());
    }
}
