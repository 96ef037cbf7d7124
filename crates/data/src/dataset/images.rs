//! Lists the images that the questions of a file are about, reading one record at a time in constant memory.

use std::path::Path;

use serde::de::MapAccess;

use super::foreign_json::ExpectedFile;
use super::records::{self, Draft, field, required};
use super::task::Task;
use base::error::Result;

/// Calls `each` with the images of every question of a task's split file: one, or NLVR2's two.
///
/// # Errors
/// Data if the file is missing or is no list of such questions, with the entry and the field.
pub fn images_of_questions(task: Task, split_file: &Path, mut each: impl FnMut(&[String])) -> Result<()> {
    let fields: &'static [&'static str] = match task {
        Task::Vqa | Task::Gqa => &["img_id"],
        Task::Nlvr2 => &["img0", "img1"],
    };
    read(split_file, ExpectedFile::Split(task), fields, &mut each)
}

/// Calls `each` with each image of a file of pre-training data.
///
/// # Errors
/// See [`images_of_questions`].
pub fn images_of_sentences(file: &Path, mut each: impl FnMut(&[String])) -> Result<()> {
    read(file, ExpectedFile::Sentences, &["img_id"], &mut each)
}

fn read(
    file: &Path,
    wanted: ExpectedFile,
    fields: &'static [&'static str],
    each: &mut dyn FnMut(&[String]),
) -> Result<()> {
    let new = || ImagesDraft { fields, images: vec![None; fields.len()] };
    records::read_list(file, wanted, new, |images| {
        each(&images);
        Ok(())
    })
}

struct ImagesDraft {
    fields: &'static [&'static str],
    images: Vec<Option<String>>,
}

impl Draft for ImagesDraft {
    type Record = Vec<String>;

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match self.fields.iter().position(|field| *field == key) {
            Some(at) => field(&mut self.images[at], key, map),
            None => Ok(false),
        }
    }

    fn finish(self) -> Result<Vec<String>, String> {
        self.images.into_iter().zip(self.fields).map(|(image, field)| required(image, field)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_gives_its_images() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let of = |task, text: &str| {
            std::fs::write(file.path(), text).unwrap();
            let mut all = Vec::new();
            images_of_questions(task, file.path(), |images| all.push(images.join("+"))).map(|()| all.join(" "))
        };
        let vqa = r#"[{"img_id": "a", "sent": "s", "label": {"x": 1}}, {"sent": {}, "img_id": "b"}]"#;
        assert_eq!(of(Task::Vqa, vqa).unwrap(), "a b");
        assert_eq!(of(Task::Nlvr2, r#"[{"img1": "b", "img0": "a"}]"#).unwrap(), "a+b");
        let error = of(Task::Nlvr2, vqa).unwrap_err().to_string();
        assert!(error.contains("entry 0") && error.contains("`img0` is missing"), "{error}");
    }
}
