//! `vlmscope frames`: which frames of a video see most of a room.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::analysis::coverage;
use crate::dataset::Dataset;
use crate::dataset::rooms::Rooms;
use crate::dataset::video::{self, Head, PointMapper, PointMaps, Sampling, Take, Voxels, candidates};
use crate::error::{Error, Result, suggestion};
use crate::figure;
use crate::model::checkpoint::hub;
use crate::model::spatial::Mapper;
use crate::model::{Compute, families};
use crate::study::shipped;

/// Choose the frames of a video that together see most of a room (space-aware sampling), from point maps.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  vlmscope frames points.safetensors --out chosen\n  \
    vlmscope frames rooms/test --item distance-000-cyan --video-frames 64 --count 8 --out chosen\n  \
    vlmscope frames kitchen.mp4 --model models/VGGT-1B --out chosen\n\n\
    points.safetensors holds world_points [frames, rows, columns, 3] and world_points_conf [frames, rows, columns], as VGGT \
    returns them; with --head depth, it holds depth, depth_conf, extrinsic and intrinsic.")]
pub struct Frames {
    /// Recorded point maps (.safetensors); or a dataset of rendered rooms, with --item; or a video, with --model.
    #[arg(value_name = "POINTS")]
    points: PathBuf,
    /// The item of a dataset of rooms whose exact points are taken.
    #[arg(long, value_name = "ID")]
    item: Option<String>,
    /// A VGGT or Spatial-MLLM with its point head, which finds the points in a video: a folder of frames, an animated image, or
    /// a file that ffmpeg reads. At most 128 frames, evenly spaced, are looked at, and numbered in their order.
    #[arg(long, value_name = "MODEL", conflicts_with = "item")]
    model: Option<PathBuf>,
    /// Frames of the rendered video to choose from.
    #[arg(long, value_name = "N", default_value_t = 64, requires = "item")]
    video_frames: usize,
    /// At most so many frames are chosen.
    #[arg(long, value_name = "N", default_value_t = 16)]
    count: usize,
    /// Where recorded points come from: the point head, as in the released code, or the depth head, as in the paper.
    #[arg(long, value_enum, default_value_t)]
    head: Head,
    /// Leave out points less confident than this percentile of all.
    #[arg(long, value_name = "0-100", default_value_t = Sampling::default().percentile)]
    percentile: f64,
    /// Leave out points of this confidence or less.
    #[arg(long, value_name = "C", default_value_t = Sampling::default().confidence)]
    confidence: f32,
    /// Cubes along the shortest side of the box around all points.
    #[arg(long, value_name = "N", default_value_t = Sampling::default().lambda)]
    lambda: f32,
    /// The folder for the tables (frames, coverage) and the figure.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Frames) -> Result<()> {
    if args.count == 0 {
        return Err(Error::usage("--count is 0, expected 1 or more"));
    }
    let maps = args.maps()?;
    let [frames, ..] = maps.shape();
    let options = Sampling { percentile: args.percentile, confidence: args.confidence, lambda: args.lambda };
    let voxels = Voxels::of(&maps, options).map_err(|error| error.within(args.points.display()))?;
    let picks = voxels.greedy(args.count);
    let mut chosen: Vec<usize> = picks.iter().map(|pick| pick.frame).collect();
    chosen.sort_unstable();
    let rows = coverage::rows(&voxels, (2 * args.count).max(32));
    let mut files = coverage::write(&picks, &rows, voxels.total, &args.out)?;
    files.push(args.out.join("coverage.png"));
    let figure = figure::coverage::figure(&rows, &args.name(), frames, args.count);
    ["png", "svg"].iter().try_for_each(|kind| figure.save(&args.out.join(format!("coverage.{kind}"))))?;
    if args.json {
        let picks: Vec<_> =
            picks.iter().map(|pick| json!({"frame": pick.frame, "gain": pick.gain, "covered": pick.covered})).collect();
        println!(
            "{}",
            json!({"frames": chosen, "picks": picks, "cubes": voxels.total, "cube_side": voxels.side, "of": frames, "folder": args.out})
        );
        return Ok(());
    }
    println!("frames {}", chosen.iter().map(usize::to_string).collect::<Vec<_>>().join(" "));
    let covered = picks.last().map_or(0, |pick| pick.covered);
    println!("{covered} of {} cubes, with {} of {frames} frames", voxels.total, chosen.len());
    if chosen.len() < args.count {
        println!("fewer than {}: no other frame sees anything new", args.count);
    }
    println!("{}", args.out.display());
    Ok(())
}

impl Frames {
    fn maps(&self) -> Result<PointMaps> {
        if let Some(model) = &self.model {
            let (vggt, head) = families::open_point_head(&hub::find(&shipped(model))?, &Compute::Cpu.open()?)?;
            let frames = video::read(&self.points, Take::Floored(128))?;
            return Mapper { vggt, head }.point_maps(&frames);
        }
        let Some(id) = &self.item else {
            return PointMaps::read(&self.points, self.head);
        };
        let reference = self.points.display().to_string();
        let rooms = Rooms::open(&reference)?;
        let item = rooms.items().iter().find(|item| &item.id == id).ok_or_else(|| {
            let ids = rooms.items().iter().map(|item| item.id.as_str());
            // Of a thousand ids, only those that resemble it.
            let near: Vec<&str> = ids.filter(|known| strsim::damerau_levenshtein(known, id) <= 4).take(5).collect();
            let first = rooms.items().first().map_or("", |item| item.id.as_str());
            let help = if near.is_empty() { format!("ids are like `{first}`") } else { suggestion(id, near) };
            Error::usage(format!("`{reference}` has no item `{id}`")).with_help(help)
        })?;
        let (_, canvas) = rooms.shape();
        if !(1..=1024).contains(&self.video_frames) {
            return Err(Error::usage(format!("--video-frames is {}, expected from 1 to 1024", self.video_frames)));
        }
        let taken = candidates(self.video_frames);
        let maps = rooms.room_of(item)?.point_maps(self.video_frames, canvas)?;
        maps.only(&taken)
    }

    fn name(&self) -> String {
        self.item
            .clone()
            .unwrap_or_else(|| Path::new(&self.points).file_name().unwrap_or_default().to_string_lossy().into_owned())
    }
}
