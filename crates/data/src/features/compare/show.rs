//! Formats a comparison for people.

use std::fmt::{self, Write};

use super::outcome::{ComparedFile, FeatureComparison, NamedImages, WorstImage};
use super::{QUANTILE_ERROR, Quantiles};
use base::format::grouped;
use base::table::paragraph;

impl fmt::Display for FeatureComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        if let Some(ids) = &self.nothing_in_common {
            paragraph(&mut out, "", &format!("No image is in both files: {ids}."));
        }
        file(&mut out, "A, reference", &self.a);
        file(&mut out, "B, candidate", &self.b);
        self.images(&mut out);
        self.boxes(&mut out);
        self.quantiles(&mut out)?;
        if !self.worst.is_empty() {
            out.push('\n');
            paragraph(
                &mut out,
                "",
                "worst images, by boxes that are not the same, then by the mean difference of features:",
            );
            self.worst.iter().for_each(|worst| paragraph(&mut out, "  - ", &worst.to_string()));
        }
        f.write_str(&out)
    }
}

impl FeatureComparison {
    /// Why classes and probabilities are not compared; `None` if they are.
    pub fn classes_not_compared(&self) -> Option<String> {
        let who = match (self.a.classes, self.b.classes) {
            (true, true) => return None,
            (false, true) => "A holds none",
            (true, false) => "B holds none",
            (false, false) => "neither A nor B holds any",
        };
        Some(format!(
            "classes, attributes and their probabilities are not compared: {who} (bottom-up-attention's six columns)"
        ))
    }

    fn images(&self, out: &mut String) {
        let images = &self.images;
        let counts = format!(
            "{} in both, of which {} equal, {} changed; {} in A only, {} in B only",
            grouped(images.common),
            grouped(images.equal),
            grouped(images.changed),
            grouped(images.only_a.count),
            grouped(images.only_b.count)
        );
        line(out, "images", &counts);
        only(out, "in A only", &images.only_a);
        only(out, "in B only", &images.only_b);
        if let Some(golden) = &self.golden {
            line(out, "golden sample", &format!("A holds {golden}"));
        }
        if images.resized > 0 {
            let shown = images.resized_named.iter();
            let sizes = shown.map(|image| {
                let ((h, w), (other_h, other_w)) = (image.a, image.b);
                format!("{} is {w} x {h} in A, {other_w} x {other_h} in B", image.img_id)
            });
            let sizes: Vec<String> = sizes.collect();
            let more = more(images.resized, sizes.len());
            paragraph(out, "  - ", &format!("of another size: {}: {}{more}", images.resized, sizes.join("; ")));
        }
    }

    fn boxes(&self, out: &mut String) {
        let boxes = &self.boxes;
        let counts = format!(
            "{} of {} in A and {} in B matched (IoU of at least {}), {} at another position",
            grouped(boxes.matched),
            grouped(boxes.a),
            grouped(boxes.b),
            boxes.iou,
            grouped(boxes.moved)
        );
        line(out, "boxes", &counts);
        let same = &boxes.same_within;
        let within = match self.classes_not_compared() {
            None => format!(
                "of one class, within {} pixels, features {}, probabilities {}",
                same.pixels, same.feature, same.probability
            ),
            Some(_) => format!("of any class, within {} pixels, features {}", same.pixels, same.feature),
        };
        line(out, "same boxes", &format!("{}: {within}", of_all(boxes.same, boxes.matched)));
    }

    fn quantiles(&self, out: &mut String) -> fmt::Result {
        let found = &self.differences;
        if let (Some(objects), Some(attributes)) = (found.objects_differ, found.attributes_differ) {
            let classes = |count| of_all(count, self.boxes.matched);
            line(
                out,
                "other classes",
                &format!("{} of objects, {} of attributes", classes(objects), classes(attributes)),
            );
        }
        if let Some(why) = self.classes_not_compared() {
            paragraph(out, "", &why);
        }
        if let Some(mean) = found.signed_mean {
            line(out, "mean of B - A", &format!("{} over all features", short(mean)));
        }
        if let (Some(beyond), Some(absolute)) = (found.beyond_rounding, found.absolute) {
            let rounded = match (self.a.precision, self.b.precision) {
                ("f16", "f16") => "A and B are",
                ("f16", _) => "A is",
                (_, "f16") => "B is",
                _ => "one of A and B counts as",
            };
            let text = format!(
                "half precision: {rounded} rounded to float16, which explains relative differences of up to 2^-11; {} of the features differ by more than that",
                of_all(beyond, absolute.count)
            );
            paragraph(out, "", &text);
        }
        let columns = ["min", "p50", "p90", "p99", "p99.9", "max", "mean"];
        write!(out, "\n{:<17}", "difference")?;
        columns.iter().try_for_each(|name| write!(out, " {name:>8}"))?;
        writeln!(out)?;
        for (name, quantiles) in [
            ("feature", found.absolute),
            ("feature, relative", found.relative),
            ("1 - cosine", found.cosine_distance),
            ("1 - IoU", found.iou_distance),
            ("corner, pixels", found.pixels),
            ("object prob.", found.objects_conf),
            ("attribute prob.", found.attrs_conf),
        ] {
            write!(out, "{name:<17}")?;
            match quantiles {
                Some(Quantiles { min, p50, p90, p99, p999, max, mean, .. }) => {
                    let values = [min, p50, p90, p99, p999, max, mean];
                    values.iter().try_for_each(|value| write!(out, " {:>8}", short(*value)))?;
                }
                None => write!(out, " {:>8}", "–")?,
            }
            writeln!(out)?;
        }
        let error = QUANTILE_ERROR * 100.0;
        let text = format!(
            "Cosines are those of a box's features. Quantiles are right to {error:.1} %, min, max and mean exact; relative: to the larger of the two."
        );
        paragraph(out, "", &text);
        Ok(())
    }
}

impl fmt::Display for WorstImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.boxes;
        write!(f, "{}: {} of {} boxes changed", self.img_id, self.changed, a.max(b))?;
        if a != b {
            write!(f, ", {a} boxes in A, {b} in B")?;
        }
        if let Some([(h, w), (other_h, other_w)]) = self.sizes {
            write!(f, ", {w} x {h} pixels in A, {other_w} x {other_h} in B")?;
        }
        for (count, what) in [
            (self.unmatched, "unmatched"),
            (self.objects_differ.unwrap_or(0), "other objects"),
            (self.attributes_differ.unwrap_or(0), "other attributes"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        write!(
            f,
            "; features by {} (mean), {} (most), cosine {}, corners {} pixels",
            short(self.feature_mean),
            short(self.feature_max.into()),
            short(self.cosine_min),
            short(self.pixels_max.into())
        )?;
        match self.probability_max {
            Some(probability) => write!(f, ", probabilities {}", short(probability.into())),
            None => Ok(()),
        }
    }
}

/// Adds a line that begins with its name.
fn line(out: &mut String, name: &str, text: &str) {
    paragraph(out, &format!("{name:<13} "), text);
}

fn file(out: &mut String, name: &str, file: &ComparedFile) {
    let boxes = match file.boxes {
        Some(boxes) if boxes.min == boxes.max => format!(", {} boxes each", boxes.min),
        Some(boxes) => format!(", {} to {} boxes", boxes.min, boxes.max),
        None => String::new(),
    };
    let (kind, images) = (file.kind.name(file.classes), grouped(file.images));
    line(out, name, &format!("{} ({kind}, {}): {images} images{boxes}", file.file, file.precision));
}

fn only(out: &mut String, name: &str, images: &NamedImages) {
    if images.count > 0 {
        let text = format!("{name}: {}{}", images.named.join(", "), more(images.count, images.named.len()));
        paragraph(out, "  - ", &text);
    }
}

fn more(count: u64, named: usize) -> String {
    match count.saturating_sub(named as u64) {
        0 => String::new(),
        more => format!(" and {} more", grouped(more)),
    }
}

/// Returns `12 (3.33 %)`.
fn of_all(count: u64, all: u64) -> String {
    let share = if all > 0 { count as f64 / all as f64 * 100.0 } else { 0.0 };
    format!("{} ({share:.2} %)", grouped(count))
}

/// Returns three significant digits in at most nine characters (eight without a sign), zero and whole numbers plain.
pub fn short(value: f64) -> String {
    let size = value.abs();
    if value == value.trunc() && size < 1e8 {
        format!("{value}")
    } else if (1e-3..1e6).contains(&size) {
        let decimals = (2 - size.log10().floor() as i32).clamp(0, 6) as usize;
        // One is the limit of cosines: not to be reached by rounding.
        let decimals = if size < 1.0 && size > 0.999 { 6 } else { decimals };
        format!("{value:.decimals$}")
    } else {
        format!("{value:.1e}")
    }
}
