//! Video files, through `ffprobe` and `ffmpeg` where they are installed.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use image::RgbImage;

use super::source::Take;
use crate::error::{Error, Result};

/// The frames to be taken. Frames are decoded one after the other, and only those are kept.
///
/// # Errors
/// `ffmpeg` is not there, or cannot read the file.
pub(super) fn read(path: &Path, take: Take) -> Result<Vec<RgbImage>> {
    decode(path, take, "ffprobe", "ffmpeg")
}

/// Frames, and pixels across and down.
pub(super) fn probe(path: &Path) -> Result<(usize, u32, u32)> {
    probe_with(path, "ffprobe")
}

fn probe_with(path: &Path, ffprobe: &str) -> Result<(usize, u32, u32)> {
    let probe = Command::new(ffprobe)
        .args(["-v", "error", "-select_streams", "v:0", "-count_packets"])
        .args(["-show_entries", "stream=width,height,nb_read_packets", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .map_err(|error| missing("ffprobe", &error))?;
    if !probe.status.success() {
        return Err(failed("ffprobe", &probe.stderr));
    }
    let text = String::from_utf8_lossy(&probe.stdout);
    let numbers: Vec<u32> = text.trim().split(',').filter_map(|number| number.trim().parse().ok()).collect();
    match numbers.as_slice() {
        &[width, height, total, ..] if width > 0 && height > 0 => Ok((total as usize, width, height)),
        _ => Err(Error::data(format!("`ffprobe` found no video in it (`{}`)", text.trim()))),
    }
}

fn decode(path: &Path, take: Take, ffprobe: &str, ffmpeg: &str) -> Result<Vec<RgbImage>> {
    let (total, width, height) = probe_with(path, ffprobe)?;
    let taken = take.of(total)?;
    let mut child = Command::new(ffmpeg)
        // As many frames come out as there are in the file, in its own size, not turned.
        .args(["-v", "error", "-nostdin", "-noautorotate", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| missing("ffmpeg", &error))?;
    let mut frames: Vec<RgbImage> = Vec::new();
    if let Some(mut pixels) = child.stdout.take() {
        let mut frame = vec![0; width as usize * height as usize * 3];
        let mut number = 0;
        while frames.len() < taken.len() && pixels.read_exact(&mut frame).is_ok() {
            while taken.get(frames.len()) == Some(&number) {
                let whole = RgbImage::from_raw(width, height, frame.clone());
                frames.extend(whole);
            }
            number += 1;
        }
        // What is left is not wanted; a closed pipe ends the program.
    }
    let mut said = Vec::new();
    if let Some(mut errors) = child.stderr.take() {
        _ = errors.read_to_end(&mut said);
    }
    _ = child.wait();
    if frames.len() < taken.len() {
        let found = format!("`ffmpeg` gave {} of the {} frames that were asked for", frames.len(), taken.len());
        return Err(match String::from_utf8_lossy(&said).lines().next() {
            Some(line) => Error::data(format!("{found}: {line}")),
            None => Error::data(found),
        });
    }
    Ok(frames)
}

fn missing(program: &str, error: &std::io::Error) -> Error {
    if error.kind() == ErrorKind::NotFound {
        return Error::usage(format!("video files are read through `{program}`, which is not there")).with_help(
            "install ffmpeg; or take the video apart elsewhere and give the folder of its frames (`ffmpeg -i VIDEO FOLDER/%06d.png`)",
        );
    }
    Error::data(format!("`{program}` cannot be started: {error}"))
}

fn failed(program: &str, said: &[u8]) -> Error {
    let text = String::from_utf8_lossy(said);
    Error::data(format!("`{program}` cannot read it: {}", text.lines().next().unwrap_or("it does not say why")))
        .with_help("expected a folder of frames, an animated GIF, PNG or WebP, or a video file")
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that says this.
    fn script(folder: &Path, name: &str, text: &str) -> String {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    #[test]
    fn without_ffmpeg_the_message_says_what_to_do() {
        let error = decode(Path::new("a.mp4"), Take::All, "no-such-ffprobe", "no-such-ffmpeg").unwrap_err();
        assert!(error.to_string().contains("`ffprobe`, which is not there"), "{error}");
        assert!(error.help().unwrap().contains("%06d.png") && error.exit_code() == 2);
    }

    #[test]
    fn frames_are_picked_from_the_stream() {
        let folder = tempfile::tempdir().unwrap();
        let probe = script(folder.path(), "probe", "echo 2,1,4");
        let stream = script(folder.path(), "stream", "printf 'aaaaaabbbbbbccccccdddddd'");
        let read = |take| decode(Path::new("a.mp4"), take, &probe, &stream);
        let first = |frames: Vec<RgbImage>| frames.iter().map(|frame| frame.as_raw()[0] as char).collect::<String>();
        assert_eq!(first(read(Take::All).unwrap()), "abcd");
        assert_eq!(first(read(Take::Rounded(2)).unwrap()), "ad");
        assert_eq!(first(read(Take::Floored(3)).unwrap()), "abd");
        assert!(read(Take::Rounded(6)).unwrap_err().to_string().contains("6 frames asked of a video of 4"));
    }

    #[test]
    fn a_file_that_breaks_off_or_is_no_video_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let probe = script(folder.path(), "probe", "echo 2,1,4");
        let short = script(folder.path(), "short", "printf 'aaaaaabbb'; echo 'moov atom not found' >&2; exit 1");
        let error = decode(Path::new("a.mp4"), Take::All, &probe, &short).unwrap_err().to_string();
        assert_eq!(error, "`ffmpeg` gave 1 of the 4 frames that were asked for: moov atom not found");
        let none = script(folder.path(), "none", "echo 'Invalid data' >&2; exit 1");
        let error = decode(Path::new("a.txt"), Take::All, &none, &short).unwrap_err().to_string();
        assert_eq!(error, "`ffprobe` cannot read it: Invalid data");
        let silent = script(folder.path(), "silent", "true");
        assert!(decode(Path::new("a.mp3"), Take::All, &silent, &short).unwrap_err().to_string().contains("no video"));
    }
}
