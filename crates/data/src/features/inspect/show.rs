//! Formats an inspection for people.

use std::fmt;

use super::facts::{FeatureProblem, FileKind, Inspection, ValueSpan};
use crate::features::statistics::Summary;
use base::format::grouped;
use base::table::paragraph;

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.contents(&mut |name, text| paragraph(&mut out, &format!("{name:<13} "), &text));
        self.problems(&mut out);
        f.write_str(out.trim_end())
    }
}

impl Inspection {
    /// Says what is in the file: calls `line` with a name and a text for each fact.
    fn contents(&self, line: &mut dyn FnMut(&str, String)) {
        let kind = self.kind.name(self.classes != Some(false));
        line("file", format!("{} ({kind}, {} bytes)", self.file, grouped(self.bytes)));
        if let (Some(precision), Some(source)) = (self.precision, &self.source) {
            let part = if source.is_whole() { "all" } else { "the first rows" };
            line("made from", format!("{part} of {}, {} bytes", source.name, grouped(source.bytes)));
            line("sha256", format!("{} of the {} bytes used", source.sha256, grouped(source.covered)));
            line("precision", precision.to_string());
        }
        line("images", grouped(self.rows));
        if let (Some(first), Some(last)) = (&self.first_id, &self.last_id) {
            line("first, last", format!("{first}, {last}"));
        }
        if let (Some(least), Some(greatest)) = (&self.least_id, &self.greatest_id) {
            line("id range", format!("{least} .. {greatest}"));
        }
        if let (Some(width), Some(height)) = (self.image_width, self.image_height) {
            let ValueSpan { min, max } = width;
            line("image sizes", format!("width {min} .. {max}, height {} .. {} pixels", height.min, height.max));
        }
        if let (Some(boxes), Some(least), Some(dim)) = (self.boxes, self.least_boxes, self.dim) {
            let whose = if dim == 2054 { " (VinVL's: 2048 and 6 of the box's place)" } else { "" };
            let least = if least == boxes { String::new() } else { format!("{least} to ") };
            line("boxes", format!("{least}{boxes} per image, {dim} features each{whose}"));
            line("decoded", format!("{} bytes", grouped(self.decoded_bytes)));
        }
        if self.classes == Some(false) {
            line("classes", "none, nor attributes: enough for fine-tuning, not for pre-training".into());
        }
        for (name, summary) in
            [("features", self.features), ("objects_conf", self.objects_conf), ("attrs_conf", self.attrs_conf)]
        {
            if let Some(Summary { min, max, mean, zero_share, .. }) = summary {
                let zeros = zero_share * 100.0;
                line(name, format!("{min:.6} .. {max:.6}, mean {mean:.6}, {zeros:.2} % zeros"));
            }
        }
        if let Some(golden) = &self.golden {
            line("golden sample", golden.to_string());
        }
        let kinds: Vec<String> = self.problems_by_kind.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        line(
            "problems",
            match self.is_clean() {
                true => "none".into(),
                false => format!("{}: {}", grouped(self.problem_count), kinds.join(", ")),
            },
        );
    }

    fn problems(&self, out: &mut String) {
        let unit = if self.kind == FileKind::Tsv { "line" } else { "row" };
        for FeatureProblem { place, img_id, column, what, .. } in &self.problems {
            let parts = [
                place.map(|place| format!("{unit} {place}")),
                img_id.as_ref().map(|id| format!("image {id}")),
                column.map(|column| column.to_string()),
                Some(what.clone()),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            paragraph(out, "  - ", &parts.join(": "));
        }
        if let more @ 1.. = self.problem_count - self.problems.len() as u64 {
            paragraph(out, "  - ", &format!("and {} more", grouped(more)));
        }
    }
}
