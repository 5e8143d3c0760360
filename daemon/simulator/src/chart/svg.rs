//! Scalable Vector Graphics, as far as a chart needs them (SVG 2).

use std::fmt::Write as _;

/// A drawing in the making.
#[derive(Debug)]
pub(super) struct Svg {
    title: String,
    body: String,
}

/// Which part of a text stands where it is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The least length that is written as more than nothing.
pub(super) const LEAST: f64 = 0.01;

/// Colours by what they mean, for paper and for dark screens.
const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 18px; font-weight: 600 }
.soft { fill: #59636e }
.paper { fill: #ffffff }
.lane { fill: #eef1f4 }
.bar { fill: #9aa7b5 }
.first { fill: #0a69da }
.outage { fill: #bf8700 }
.gap { fill: #cf222e }
.least { stroke: #1a7f37; stroke-width: 2; stroke-dasharray: 4 3 }
.tick { stroke: #8b949e; stroke-width: 1; stroke-opacity: 0.35 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.soft { fill: #9198a1 }
.paper { fill: #0d1117 }
.lane { fill: #1c2229 }
.bar { fill: #57626e }
.first { fill: #4493f8 }
.outage { fill: #d29922 }
.gap { fill: #f85149 }
.least { stroke: #3fb950 }
}
";

impl Svg {
    pub(super) fn new(title: &str) -> Self {
        Self { title: escape(title), body: String::new() }
    }

    pub(super) fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        self.push(format_args!(
            r#"<rect class="{class}" x="{x:.2}" y="{y:.2}" width="{width:.2}" height="{height:.2}"/>"#
        ));
    }

    pub(super) fn line(&mut self, class: &str, x: f64, y: f64, to_x: f64, to_y: f64) {
        self.push(format_args!(
            r#"<line class="{class}" x1="{x:.2}" y1="{y:.2}" x2="{to_x:.2}" y2="{to_y:.2}"/>"#
        ));
    }

    pub(super) fn text(&mut self, class: &str, x: f64, y: f64, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        self.push(format_args!(
            r#"<text class="{class}" x="{x:.2}" y="{y:.2}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    pub(super) fn finish(self, width: f64, height: f64) -> String {
        let Self { title, body } = self;
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" role="img">
<title>{title}</title>
<style>
{STYLE}</style>
<rect class="paper" width="{width:.0}" height="{height:.0}"/>
{body}</svg>
"#
        )
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("a string takes all that is written");
    }
}

/// Returns a text with what has a meaning in XML escaped, and without what XML 1.0
/// can't hold (§2.2).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_not_break_out() {
        let mut svg = Svg::new("a & b");
        svg.text("", 1.0, 2.0, Anchor::End, "<script>\"x\"\u{0}\n");
        let drawn = svg.finish(10.0, 10.0);
        assert!(drawn.contains("<title>a &amp; b</title>"));
        assert!(
            drawn.contains(r#"text-anchor="end">&lt;script&gt;&quot;x&quot; </text>"#),
            "{drawn}"
        );
    }
}
