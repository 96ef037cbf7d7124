//! Formats a comparison for people, at most 100 columns wide except for file names and ids.

use std::fmt;

use super::outcome::{ComparedFile, FeatureComparison, NamedImages, WorstImage};
use super::{QUANTILE_ERROR, Quantiles};
use base::format::grouped;

/// Where lines are broken.
const WIDTH: usize = 98;

impl fmt::Display for FeatureComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ids) = &self.nothing_in_common {
            paragraph(f, 0, &format!("No image is in both files: {ids}."))?;
        }
        file(f, "A, reference", &self.a)?;
        file(f, "B, candidate", &self.b)?;
        let images = &self.images;
        writeln!(
            f,
            "images        {} in both, of which {} equal, {} changed; {} in A only, {} in B only",
            grouped(images.common),
            grouped(images.equal),
            grouped(images.changed),
            grouped(images.only_a.count),
            grouped(images.only_b.count)
        )?;
        only(f, "in A only", &images.only_a)?;
        only(f, "in B only", &images.only_b)?;
        if let Some(golden) = &self.golden {
            writeln!(f, "golden sample A holds {golden}")?;
        }
        if images.resized > 0 {
            let shown = images.resized_named.iter();
            let sizes = shown.map(|image| {
                let ((h, w), (other_h, other_w)) = (image.a, image.b);
                format!("{} is {w} x {h} in A, {other_w} x {other_h} in B", image.img_id)
            });
            let sizes: Vec<String> = sizes.collect();
            let more = more(images.resized, sizes.len());
            paragraph(f, 2, &format!("of another size: {}: {}{more}", images.resized, sizes.join("; ")))?;
        }
        let boxes = &self.boxes;
        writeln!(
            f,
            "boxes         {} of {} in A and {} in B matched (IoU of at least {}), {} at another position",
            grouped(boxes.matched),
            grouped(boxes.a),
            grouped(boxes.b),
            boxes.iou,
            grouped(boxes.moved)
        )?;
        let same = &boxes.same_within;
        let within = match self.classes_not_compared() {
            None => format!(
                "of one class, within {} pixels, features {}, probabilities {}",
                same.pixels, same.feature, same.probability
            ),
            Some(_) => format!("of any class, within {} pixels, features {}", same.pixels, same.feature),
        };
        writeln!(f, "same boxes    {}: {within}", of_all(boxes.same, boxes.matched))?;
        self.quantiles(f)?;
        if !self.worst.is_empty() {
            writeln!(f, "\nworst images, by boxes that are not the same, then by the mean difference of features:")?;
            self.worst.iter().try_for_each(|worst| paragraph(f, 2, &worst.to_string()))?;
        }
        Ok(())
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

    fn quantiles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = &self.differences;
        if let (Some(objects), Some(attributes)) = (found.objects_differ, found.attributes_differ) {
            let classes = |count| of_all(count, self.boxes.matched);
            writeln!(f, "other classes {} of objects, {} of attributes", classes(objects), classes(attributes))?;
        }
        if let Some(why) = self.classes_not_compared() {
            paragraph(f, 0, &why)?;
        }
        if let Some(mean) = found.signed_mean {
            writeln!(f, "mean of B - A {} over all features", short(mean))?;
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
            paragraph(f, 0, &text)?;
        }
        let columns = ["min", "p50", "p90", "p99", "p99.9", "max", "mean"];
        write!(f, "\n{:<22}", "difference")?;
        columns.iter().try_for_each(|name| write!(f, " {name:>9}"))?;
        writeln!(f)?;
        for (name, quantiles) in [
            ("feature", found.absolute),
            ("feature, relative", found.relative),
            ("1 - cosine of a box", found.cosine_distance),
            ("1 - IoU", found.iou_distance),
            ("corner, pixels", found.pixels),
            ("object probability", found.objects_conf),
            ("attribute probability", found.attrs_conf),
        ] {
            write!(f, "{name:<22}")?;
            match quantiles {
                Some(Quantiles { min, p50, p90, p99, p999, max, mean, .. }) => {
                    let values = [min, p50, p90, p99, p999, max, mean];
                    values.iter().try_for_each(|value| write!(f, " {:>9}", short(*value)))?;
                }
                None => write!(f, " {:>9}", "–")?,
            }
            writeln!(f)?;
        }
        let error = QUANTILE_ERROR * 100.0;
        writeln!(f, "Quantiles are right to {error:.1} %, min, max and mean exact; relative: to the larger of the two.")
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

fn file(f: &mut fmt::Formatter<'_>, name: &str, file: &ComparedFile) -> fmt::Result {
    write!(
        f,
        "{name:<13} {} ({}, {}): {} images",
        file.file,
        file.kind.name(file.classes),
        file.precision,
        grouped(file.images)
    )?;
    match file.boxes {
        Some(boxes) if boxes.min == boxes.max => writeln!(f, ", {} boxes each", boxes.min),
        Some(boxes) => writeln!(f, ", {} to {} boxes", boxes.min, boxes.max),
        None => writeln!(f),
    }
}

fn only(f: &mut fmt::Formatter<'_>, name: &str, images: &NamedImages) -> fmt::Result {
    if images.count == 0 {
        return Ok(());
    }
    paragraph(f, 2, &format!("{name}: {}{}", images.named.join(", "), more(images.count, images.named.len())))
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

/// Three significant digits and at most nine characters, zero and whole numbers plain.
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

/// Writes words in lines of at most 98 columns, the first indented by `indent`, the others by two more.
///
/// # Errors
/// Those of the formatter.
pub fn paragraph(f: &mut fmt::Formatter<'_>, indent: usize, text: &str) -> fmt::Result {
    let mut column = indent;
    write!(f, "{:indent$}", "")?;
    for (at, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if at > 0 && column + 1 + length > WIDTH {
            write!(f, "\n{:indent$}  {word}", "")?;
            column = indent + 2 + length;
        } else {
            let blank = if at > 0 { " " } else { "" };
            write!(f, "{blank}{word}")?;
            column += blank.len() + length;
        }
    }
    writeln!(f)
}
