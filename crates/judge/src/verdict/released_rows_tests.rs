//! The released rows of the golden file beside the sample of them.

use super::comparison::golden_released;
use super::features::GoldenFeatures;
use data::features::Row;
use data::features::released_rows::ReleasedRowCheck;
use data::features::tsv::TsvReader;

fn watch() -> ReleasedRowCheck {
    ReleasedRowCheck::new(&golden_released().unwrap())
}

#[test]
fn the_golden_sample_holds_all_of_them_and_the_figures_agree() {
    let Some(path) = fixtures::beside("real/golden/train2014_obj36.tsv") else { return };
    let (mut reader, mut row, mut watch) = (TsvReader::open(&path).unwrap(), Row::default(), watch());
    let known = GoldenFeatures::embedded().unwrap().images;
    while reader.read(&mut row).unwrap() {
        watch.row(&row);
        let image = known.iter().find(|image| image.img_id == row.img_id).unwrap();
        let count = row.features.len() as f64;
        let mean = row.features.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
        let max = row.features.iter().copied().fold(0.0, f32::max);
        let zeros = row.features.iter().filter(|&&value| value == 0.0).count() as f64 / count;
        assert_eq!(image.boxes, row.num_boxes as u64);
        for (found, known) in [(mean, image.mean), (f64::from(max), image.max), (zeros, image.zeros)] {
            assert!((found - known).abs() <= 5e-5, "{}: {found}, {known}", row.img_id);
        }
    }
    assert_eq!(watch.held().unwrap().to_string(), "10 of the 10 golden rows, unchanged");
}

#[test]
fn a_changed_row_is_named() {
    let mut seen = watch();
    let first = seen.images()[0].clone();
    let row = |img_id: &str| Row { img_id: img_id.into(), objects_id: vec![1], ..Row::default() };
    seen.row(&row("n1"));
    seen.row(&row(&first));
    seen.row(&Row { objects_id: vec![], ..row(&first) });
    assert_eq!(
        seen.held().unwrap().to_string(),
        format!("1 of the 10 golden rows, 1 of them not as released: {first}")
    );
    assert_eq!(watch().held(), None);
}
