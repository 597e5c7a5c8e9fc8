//! The style sheet of the document.

pub(super) const SHEET: &str = "text { font: 12px system-ui, sans-serif; fill: #444 }
.title { font-size: 15px; font-weight: 600 }
.back { fill: #fff }
.amounts line { stroke: #ddd }
.amounts text { text-anchor: end }
.times line { stroke: #888 }
.times text { text-anchor: middle }
path.value { fill: none; stroke: #1f5fa8; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round }
path.expected { fill: none; stroke: #777; stroke-dasharray: 4 3 }
.band { fill: #1f5fa8; fill-opacity: .15 }
.labels { fill: #e8a400; fill-opacity: .3 }
.anomalies, .anomaly { fill: #c8102e }
rect.value { fill: #1f5fa8 }
rect.expected { fill: #777 }
@media (prefers-color-scheme: dark) {
  text { fill: #ccc }
  .back { fill: #16181c }
  .amounts line { stroke: #333 }
  path.value { stroke: #6aa9f0 }
  .band { fill: #6aa9f0 }
  rect.value { fill: #6aa9f0 }
}";
