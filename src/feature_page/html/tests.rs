//! Tests of the page.

use insta::assert_snapshot;

use super::super::content::ShownBox;
use super::mark::{MOST, Mark, rows};
use super::*;

/// Returns the body of a page with a line for each element that begins a block.
fn body(page: &str) -> String {
    let (_, body) = page.split_once("<body>").unwrap();
    let mut text = body.split("</body>").next().unwrap().to_owned();
    for block in
        ["<header", "<section", "<figure", "<div", "<svg", "<g ", "<table", "<tr", "<p", "<ul", "<ol", "<li", "<footer"]
    {
        text = text.replace(block, &format!("\n{block}"));
    }
    text.trim_start().to_owned()
}

#[test]
fn one_file_is_shown_with_its_boxes() {
    assert_snapshot!("one", body(&render(&sample::one())));
}

#[test]
fn two_files_are_shown_with_what_differs() {
    assert_snapshot!("two", body(&render(&sample::two())));
}

#[test]
fn text_of_files_is_no_markup() {
    let page = render(&sample::one());
    assert!(!page.contains("<script") && !page.contains("<b>bold") && page.contains("&lt;b&gt;bold&lt;/b&gt;"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("&amp;amp;"));
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("url("));
    let mut hostile = sample::one();
    hostile.images[0].id = "a\u{1b}[31m\u{202e}b".to_owned();
    hostile.images[0].sides[0].as_mut().unwrap().boxes[0].corners = [f32::NAN, f32::INFINITY, -1e30, 3.0];
    let page = render(&hostile);
    assert!(page.contains("a\\u{1b}[31m\\u{202e}b") && !page.contains("NaN") && !page.contains("inf\""));
}

#[test]
fn every_number_in_a_table_leads_to_a_box() {
    for page in [sample::one(), sample::two()] {
        let text = render(&page);
        let links: Vec<&str> = text.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(links.len() > 10);
        for target in links {
            assert_eq!(text.matches(&format!("id=\"{target}\"")).count(), 1, "{target}");
        }
    }
}

#[test]
fn boxes_are_marked_by_what_became_of_them() {
    let page = sample::two();
    let marks = |at: usize| -> Vec<_> { rows(&page.images[at]).iter().map(|row| (row.boxes, row.mark)).collect() };
    let expected = [
        ([Some(0), Some(1)], Mark::Same),
        ([Some(1), Some(0)], Mark::Changed),
        ([Some(2), Some(2)], Mark::Changed),
        ([Some(3), None], Mark::Alone),
        ([None, Some(3)], Mark::Alone),
    ];
    assert_eq!(marks(0), expected);
    assert!(marks(1).iter().all(|(_, mark)| *mark == Mark::Same));
    assert_eq!(marks(2)[3], ([None, Some(3)], Mark::Alone));
    let tallies: Vec<_> = page.images.iter().map(|image| image.tally().as_ref().map(tally)).collect();
    let told = ["3 pairs, 2 of them changed; without a partner: 1 in A, 1 in B", "4 pairs, all the same"];
    assert_eq!(tallies, [Some(told[0].to_owned()), Some(told[1].to_owned()), None]);
}

#[test]
fn very_many_boxes_are_counted_and_not_drawn() {
    let mut page = sample::one();
    let boxes = &mut page.images[0].sides[0].as_mut().unwrap().boxes;
    let one: ShownBox = boxes[0].clone();
    boxes.resize(MOST + 1234, one);
    let text = render(&page);
    assert!(text.contains("1,234 boxes are not shown: at most 300 of each file are."));
    assert_eq!(text.matches("<g id=\"box1a-").count(), MOST);
}

/// A browser and validators find nothing wrong, in the light and in the dark, at every width and on paper.
#[test]
fn pages_are_valid_and_accessible() {
    let Some(mut check) = fixtures::web_check::command() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, page) in [("one.html", sample::one()), ("two.html", sample::two())] {
        std::fs::write(folder.path().join(name), render(&page)).unwrap();
        check.arg(folder.path().join(name));
    }
    let output = check.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !text.contains("WRONG"), "{text}");
    for what in ["HTML is valid", "accessible (axe)", "nothing is fetched", "there is no script"] {
        assert!(text.matches(what).count() >= 2, "{what}\n{text}");
    }
}
