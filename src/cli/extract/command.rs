//! The command `repro extract`.

use std::path::{Path, PathBuf};

use super::super::assets::OutputFormat;
use super::super::progress::board::Board;
use super::args::{Args, Form, OrderBy};
use super::backends::{self, Chosen};
use super::forecast::forecast;
use super::golden::Golden;
use super::page::{json, page};
use crate::demo::DemoDetector;
use crate::extract::extraction::{ExtractPlan, ExtractRequest, extract, plan};
use crate::extract::image_sets::{ImageSet, ImageSource};
use crate::extract::row_order::RowOrder;
use crate::extract::{PerImage, npz};
use base::error::{Error, Result};
use base::exit;
use base::stdout;
use data::features::{Precision, ensure_store};
use protocol::BoxNumbers;

/// Runs the command.
///
/// # Errors
/// Usage, infra, data, checksum, disk or interrupted, as documented in [`exit`].
pub(crate) fn run(args: Args) -> Result<u8> {
    let (source, images) = source(&args)?;
    let (chosen, why) = backends::choose(&args)?;
    let board = Board::new();
    let request = ExtractRequest {
        order: order(&args, &source)?,
        source,
        images,
        ids: args.ids.clone(),
        out: args.out.clone(),
        allow_missing: args.allow_missing,
    };
    request.order.note().iter().for_each(|note| board.print_line(note));
    let plan = plan(&request)?;
    check_forms(&args, &plan)?;
    let golden = Golden::of(&args, chosen)?;
    if args.dry_run {
        stdout::line(&forecast(&args, chosen, why.as_deref(), &request, &plan)?);
        return Ok(exit::PASS);
    }
    if let (OutputFormat::Text, Some(why)) = (args.format, &why) {
        board.print_line(&format!("backend: {} {why}", chosen.name()));
    }
    if args.format == OutputFormat::Text && !plan.listing.strays.is_empty() {
        let (count, one) = (plan.listing.strays.len(), plan.listing.strays[0].display());
        board.print_line(&format!("skipping {count} entries that are not images, such as {one}"));
    }
    let summary = match chosen {
        Chosen::Demo => extract(&request, &plan, &mut PerImage(DemoDetector), &board)?,
        Chosen::Caffe | Chosen::CaffeCpu => {
            let mut caffe = backends::caffe(&args, chosen, &request.source, &board)?;
            extract(&request, &plan, &mut caffe, &board)?
        }
        Chosen::Native => extract(&request, &plan, &mut backends::native(&args, &request.source)?, &board)?,
    };
    if let Some(record) = &summary.record {
        write_also(&args, &summary.output, record.rows, &board)?;
    }
    let compared = match (&summary.record, golden) {
        (Some(_), Some(golden)) => Some(golden.judge(&summary.output, &board)?),
        _ => None,
    };
    match args.format {
        OutputFormat::Text => stdout::line(&page(&summary, &request, compared.as_ref())),
        OutputFormat::Json => stdout::line(&json(&summary, compared.as_ref())?),
    }
    Ok(match (&summary.record, compared) {
        (None, _) => exit::DATA,
        (Some(_), None) => exit::PASS,
        (Some(_), Some(compared)) => compared.judged.verdict.exit_code(),
    })
}

/// Checks that the rows can be written in the other forms.
fn check_forms(args: &Args, plan: &ExtractPlan) -> Result<()> {
    let BoxNumbers { least, most, .. } = args.native.box_numbers();
    if args.also.contains(&Form::Store) && least != most {
        return Err(Error::usage("a store needs the same number of boxes in all rows")
            .next("leave --also store out, or name one number with --boxes"));
    }
    if args.also.contains(&Form::Npz) {
        plan.ids.iter().try_for_each(|id| npz::check_id(id))?;
    }
    Ok(())
}

/// Writes a complete TSV in the other forms, unless they are there.
fn write_also(args: &Args, tsv: &Path, rows: usize, board: &Board) -> Result<()> {
    if args.also.contains(&Form::Store) {
        ensure_store(tsv, &args.out, Precision::F32, None, board)?;
    }
    let folder = tsv.with_extension("");
    if args.also.contains(&Form::Npz) {
        let there = std::fs::read_dir(&folder).map_or(0, Iterator::count);
        if there == rows {
            board.print_line(&format!("{}: {rows} files are there", folder.display()));
        } else {
            npz::write(tsv, &folder, rows, board)?;
        }
    }
    Ok(())
}

/// Returns the source and the folder of its images.
fn source(args: &Args) -> Result<(ImageSource, PathBuf)> {
    let given = match (&args.folder, &args.images) {
        (Some(_), Some(_)) => {
            return Err(Error::usage("two folders of images are named").next("name one, without --images"));
        }
        (Some(folder), None) | (None, Some(folder)) => folder.clone(),
        (None, None) if args.set == ImageSet::Folder => {
            return Err(Error::usage("the folder of images is missing").next("repro extract folder DIR --out DIR"));
        }
        (None, None) if args.set == ImageSet::Golden => args.workspace.join("data/golden/images"),
        (None, None) => {
            return Err(Error::usage("--images is missing").next("name the folder of the set's images with --images"));
        }
    };
    if args.set != ImageSet::Golden && args.released.is_some() {
        return Err(Error::usage("--released is for the set `golden`").next("compare with `repro features compare`"));
    }
    if args.set != ImageSet::Folder {
        if args.folder.is_some() || args.ids.is_some() {
            let option = if args.ids.is_some() { "--ids" } else { "a folder without --images" };
            return Err(Error::usage(format!("{option} is for your own images"))
                .next("use it with the set `folder`; the folder of another set is named with --images"));
        }
        return Ok((ImageSource::of(args.set, args.split)?, given));
    }
    if args.split.is_some() {
        return Err(Error::usage("a folder of your own has no splits").next("remove --split"));
    }
    let full = given.canonicalize().map_err(|error| Error::io("find the image folder", &given, &error))?;
    let name = full.file_name().and_then(|name| name.to_str()).map(|name| name.trim_start_matches('.'));
    let name = name.filter(|name| !name.is_empty()).unwrap_or("images");
    Ok((ImageSource::folder(&format!("{name}_{}", kind_of_rows(args.native.box_numbers()))), given))
}

/// Returns what files of rows with these boxes are called: `obj36`, or `obj10-100`.
fn kind_of_rows(boxes: BoxNumbers) -> String {
    match boxes {
        BoxNumbers { least, most, .. } if least == most => format!("obj{least}"),
        BoxNumbers { least, most, .. } => format!("obj{least}-{most}"),
    }
}

fn order(args: &Args, source: &ImageSource) -> Result<RowOrder> {
    let default = if source.begins_with_minival() { OrderBy::Minival } else { OrderBy::Id };
    match args.order.unwrap_or(default) {
        OrderBy::Id => Ok(RowOrder::Id),
        OrderBy::Minival if !source.begins_with_minival() => {
            Err(Error::usage(format!("--order minival: {} does not contain minival", source.output))
                .next("omit --order"))
        }
        OrderBy::Minival => {
            let usual = || args.workspace.join("data/vqa/minival.json");
            RowOrder::minival(&args.minival.clone().unwrap_or_else(usual))
        }
    }
}
