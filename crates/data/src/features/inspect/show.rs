//! Formats an inspection for people.

use std::fmt;

use super::facts::{FileKind, Inspection, ValueSpan};
use crate::features::statistics::Summary;
use base::format::grouped;

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.name(self.classes != Some(false));
        writeln!(f, "file          {} ({kind}, {} bytes)", self.file, grouped(self.bytes))?;
        if let (Some(precision), Some(source)) = (self.precision, &self.source) {
            let part = if source.is_whole() { "all" } else { "the first rows" };
            writeln!(f, "made from     {part} of {}, {} bytes", source.name, grouped(source.bytes))?;
            writeln!(f, "sha256        {} of the {} bytes used", source.sha256, grouped(source.covered))?;
            writeln!(f, "precision     {precision}")?;
        }
        writeln!(f, "images        {}", grouped(self.rows))?;
        if let (Some(first), Some(last)) = (&self.first_id, &self.last_id) {
            writeln!(f, "first, last   {first}, {last}")?;
        }
        if let (Some(least), Some(greatest)) = (&self.least_id, &self.greatest_id) {
            writeln!(f, "id range      {least} .. {greatest}")?;
        }
        if let (Some(width), Some(height)) = (self.image_width, self.image_height) {
            let ValueSpan { min, max } = width;
            writeln!(f, "image sizes   width {min} .. {max}, height {} .. {} pixels", height.min, height.max)?;
        }
        if let (Some(boxes), Some(dim)) = (self.boxes, self.dim) {
            let whose = if dim == 2054 { " (VinVL's: 2048 and 6 of the box's place)" } else { "" };
            writeln!(f, "boxes         {boxes} per image, {dim} features each{whose}")?;
            writeln!(f, "decoded       {} bytes", grouped(self.decoded_bytes))?;
        }
        if self.classes == Some(false) {
            writeln!(f, "classes       none, nor attributes: enough for fine-tuning, not for pre-training")?;
        }
        for (name, summary) in
            [("features", self.features), ("objects_conf", self.objects_conf), ("attrs_conf", self.attrs_conf)]
        {
            if let Some(Summary { min, max, mean, zero_share, .. }) = summary {
                let zeros = zero_share * 100.0;
                writeln!(f, "{name:<13} {min:.6} .. {max:.6}, mean {mean:.6}, {zeros:.2} % zeros")?;
            }
        }
        if let Some(golden) = &self.golden {
            writeln!(f, "golden sample {golden}")?;
        }
        if self.is_clean() {
            return write!(f, "problems      none");
        }
        let kinds: Vec<String> = self.problems_by_kind.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        write!(f, "problems      {}: {}", grouped(self.problem_count), kinds.join(", "))?;
        for problem in &self.problems {
            f.write_str("\n  ")?;
            if let Some(place) = problem.place {
                let unit = if self.kind == FileKind::Tsv { "line" } else { "row" };
                write!(f, "{unit} {place}: ")?;
            }
            if let Some(id) = &problem.img_id {
                write!(f, "image {id}: ")?;
            }
            if let Some(column) = problem.column {
                write!(f, "{column}: ")?;
            }
            f.write_str(&problem.what)?;
        }
        match self.problem_count - self.problems.len() as u64 {
            0 => Ok(()),
            more => write!(f, "\n  and {} more", grouped(more)),
        }
    }
}
