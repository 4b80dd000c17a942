//! `picture::check` compared with programs that write and read images.

#![expect(clippy::indexing_slicing, reason = "of files whose bytes are known")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use interop_tests::consumers::run::{run, said};
use mixed_replace::picture::{self, InvalidPicture};

/// Mozilla's and Google's JPEG encoders (mozjpeg, jpegli) write the markers of libjpeg's progressive mode and are not
/// run.
#[test]
#[ignore = "needs ffmpeg, cjpeg, Pillow, GStreamer, ImageMagick, cwebp, gif2webp"]
fn check_accepts_output_of_encoders() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let directory = directory.path();
    shell(directory, ENCODERS);
    shell(directory, &format!("/usr/bin/python3 -c '{PILLOW}'"));
    for (name, quality, sampling) in [
        ("best", 100, jpeg_encoder::SamplingFactor::F_1_1),
        ("worst", 1, jpeg_encoder::SamplingFactor::F_4_1),
        ("usual", 80, jpeg_encoder::SamplingFactor::F_2_2),
    ] {
        for progressive in [false, true] {
            let mut body = Vec::new();
            let mut encoder = jpeg_encoder::Encoder::new(&mut body, quality);
            encoder.set_sampling_factor(sampling);
            encoder.set_progressive(progressive);
            encoder.encode(&[90; 48 * 48 * 3], 48, 48, jpeg_encoder::ColorType::Rgb).expect("a picture");
            fs::write(directory.join(format!("encoder-{name}-{progressive}.jpg")), body).expect("a file");
        }
    }

    let (mut checked, mut rejected) = (0, Vec::new());
    for file in fs::read_dir(directory).expect("the directory") {
        let path = file.expect("a file").path();
        let Some(content_type) = path.extension().and_then(|extension| content_type(extension.to_str()?)) else {
            continue;
        };
        let body = fs::read(&path).expect("a file");
        let mut bodies = vec![body];
        if content_type == mime::IMAGE_JPEG {
            // As webcams send them.
            let body = &bodies[0];
            let stripped: Vec<_> = segments(body).filter(|segment| segment[1] != DHT).flatten().copied().collect();
            bodies.push([b"\xff\xd8", &stripped[..]].concat());
        }
        for body in bodies {
            checked += 1;
            if let Err(error) = picture::check(&content_type, &body) {
                rejected.push(format!("{}: {error}", path.display()));
            }
        }
    }
    println!("{checked} images checked");
    assert!(checked >= 120, "{checked}");
    assert!(rejected.is_empty(), "{rejected:#?}");
}

/// The converse holds for most pictures: other decoders than those of browsers accept some headers that libjpeg
/// rejects.
#[test]
#[ignore = "needs djpeg and Pillow"]
fn decoders_open_pictures_that_check_accepts() {
    let good = &include_bytes!("../../frames/good-1.jpg")[..];
    let header: usize = 2 + segments(good).take_while(|segment| segment[1] != SOS).map(<[u8]>::len).sum::<usize>() + 14;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 33).unwrap_or_default() % below
    };
    let mut bodies = Vec::new();
    for _ in 0..1000 {
        let mut body = good.to_vec();
        body[next(header)] ^= u8::try_from(1 + next(255)).unwrap_or(1);
        bodies.push(body);
    }
    bodies.extend((0..=header).map(|len| good[..len].to_vec()));

    let directory = tempfile::tempdir().expect("a temporary directory");
    let directory = directory.path();
    for (index, body) in bodies.iter().enumerate() {
        fs::write(directory.join(format!("{index}.jpg")), body).expect("a file");
    }
    // One process opens all files. djpeg's exit codes 0 and 2 (warnings) mean a picture.
    let pillow = shell(directory, &format!("/usr/bin/python3 -W ignore -c '{OPEN}' {}", bodies.len()));
    let djpeg = shell(
        directory,
        &format!(
            "for i in $(seq 0 {}); do djpeg $i.jpg >/dev/null 2>&1 && code=0 || code=$?; case $code in 0|2) echo $i;; esac; done",
            bodies.len() - 1
        ),
    );
    let indices = |lines: &str| lines.lines().map(|line| line.parse().expect("a number")).collect::<Vec<usize>>();
    let (pillow, djpeg) = (indices(&pillow), indices(&djpeg));
    let (mut accepted, mut rejected, mut unreadable, mut alarms) = ([0; 2], [[0; 2]; 2], Vec::new(), Vec::new());
    for (index, body) in bodies.iter().enumerate() {
        let cut = usize::from(index >= 1000);
        let rust = jpeg_decoder::Decoder::new(&body[..]).read_info().is_ok();
        let opened = rust || pillow.contains(&index) || djpeg.contains(&index);
        if picture::check(&mime::IMAGE_JPEG, body).is_ok() {
            accepted[cut] += 1;
            if !opened {
                let changed = good.iter().zip(body).position(|(good, changed)| good != changed);
                unreadable.push((index, body.len(), changed));
            }
        } else {
            // Browsers use libjpeg as djpeg does, but require the third byte, and do not complete a truncated header.
            let checked = picture::check(&mime::IMAGE_JPEG, body);
            if djpeg.contains(&index) && matches!(checked, Err(InvalidPicture::Header { .. })) {
                alarms.push((index, checked));
            }
            rejected[cut][usize::from(opened)] += 1;
        }
    }
    for (name, cut) in [("changes", 0), ("cuts", 1)] {
        let [unopened, opened] = rejected[cut];
        println!(
            "{name}: {} accepted; {unopened} rejected that no decoder opens, {opened} that one opens",
            accepted[cut]
        );
    }
    assert!(unreadable.is_empty(), "{unreadable:?}");
    assert!(alarms.is_empty(), "{alarms:?}");
}

fn content_type(extension: &str) -> Option<mime::Mime> {
    match extension {
        "jpg" => Some(mime::IMAGE_JPEG),
        "png" | "gif" | "webp" => format!("image/{extension}").parse().ok(),
        _ => None,
    }
}

/// Returns the segments after SOI. The last one is the rest from SOS on.
fn segments(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = &body[2..];
    std::iter::from_fn(move || {
        let len = match rest {
            [] => return None,
            [0xff, SOS, ..] => rest.len(),
            [_, _, high, low, ..] => 2 + usize::from(u16::from_be_bytes([*high, *low])),
            _ => rest.len(),
        };
        let (segment, after) = rest.split_at(len.min(rest.len()));
        rest = after;
        Some(segment)
    })
}

fn shell(directory: &Path, script: &str) -> String {
    let mut command = Command::new("bash");
    command.arg("-euc").arg(script).current_dir(directory);
    let output = run(&command, Duration::from_secs(300));
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const ENCODERS: &str = r#"
ff() { ffmpeg -loglevel error -y -f lavfi -i testsrc2=size=96x64:rate=5 "$@" </dev/null; }
for format in yuvj420p yuvj422p yuvj444p yuv420p yuv422p yuv444p; do
  for huffman in default optimal; do
    ff -frames:v 1 -strict unofficial -c:v mjpeg -pix_fmt $format -huffman $huffman ffmpeg-$format-$huffman.jpg
  done
done
ff -frames:v 2 -q:v 1 ffmpeg-best-%d.jpg
ff -frames:v 2 -q:v 31 ffmpeg-worst-%d.jpg
ff -frames:v 1 ffmpeg.png
ff -frames:v 3 ffmpeg.gif
for format in gray gray16be ya8 pal8 rgb24 rgba rgb48be rgba64be monob; do
  ff -frames:v 1 -c:v png -pix_fmt $format ffmpeg-$format.png
done

convert -size 97x61 plasma:fractal in.ppm
convert in.ppm -colorspace Gray in.pgm
for options in -progressive -arithmetic "-arithmetic -progressive" -grayscale "-restart 1" "-restart 3B" -optimize "-sample 4x1" \
  "-sample 1x1" "-sample 2x1" "-sample 1x2" "-sample 2x2,2x1,1x1" "-quality 1" "-quality 1 -baseline" "-quality 100" -rgb \
  "-dct float" "-smooth 50" "-quality 90,30 -qslots 0,1"; do
  cjpeg $options in.ppm >"cjpeg${options// /}.jpg"
done
cjpeg in.pgm >cjpeg-gray.jpg

for sampling in 1x1 2x1 1x2 2x2 4x1 4x2; do convert in.ppm -sampling-factor $sampling convert-$sampling.jpg; done
convert in.ppm -interlace JPEG convert-interlaced.jpg
convert in.ppm -colorspace CMYK convert-cmyk.jpg
convert in.ppm -colorspace Gray convert-gray.jpg
convert in.ppm -define jpeg:optimize-coding=false -comment "a comment" convert-comment.jpg
convert in.ppm -resize 1x1! convert-one.jpg
for type in Bilevel Grayscale GrayscaleAlpha Palette PaletteAlpha TrueColor TrueColorAlpha; do
  for interlace in None PNG; do
    convert in.ppm -colors 16 -type $type -interlace $interlace convert-$type-$interlace.png
  done
done
for depth in 1 2 4 8 16; do
  for color in 0 3; do
    if [ $color$depth != 316 ]; then
      convert in.ppm -colors 2 -define png:bit-depth=$depth -define png:color-type=$color convert-$color-$depth.png
    fi
  done
done
for color in 2 4 6; do convert in.ppm -define png:bit-depth=16 -define png:color-type=$color convert-$color-16.png; done
convert in.ppm convert.gif
convert in.ppm -interlace GIF convert-interlaced.gif
convert -delay 10 in.ppm \( in.ppm -negate \) -loop 0 convert-animated.gif
convert in.ppm -transparent black -colors 2 convert-transparent.gif

convert in.ppm in.png
cwebp -quiet in.png -o lossy.webp
cwebp -quiet -lossless in.png -o lossless.webp
cwebp -quiet -q 1 in.png -o worst.webp
cwebp -quiet -near_lossless 40 in.png -o near.webp
cwebp -quiet -metadata all in.png -o metadata.webp
convert in.ppm -alpha set -channel A -evaluate set 50% alpha.png
cwebp -quiet alpha.png -o alpha.webp
cwebp -quiet -alpha_q 10 alpha.png -o alpha-worst.webp
ffmpeg -loglevel error -y -f lavfi -i testsrc2=size=96x64:rate=5 -frames:v 3 -c:v libwebp_anim animated.webp </dev/null
ff -frames:v 3 -c:v apng -f apng ffmpeg-apng.png
ff -frames:v 3 -c:v apng -pix_fmt pal8 -f apng ffmpeg-apng-palette.png
for options in -lossy -mixed -min_size "-metadata all"; do
  gif2webp -quiet $options convert-animated.gif -o "gif2webp${options// /}.webp"
done
gif2webp -quiet ffmpeg.gif -o gif2webp-frames.webp
convert -delay 10 in.ppm \( in.ppm -negate \) -loop 0 convert-animated.webp
convert alpha.png -define webp:lossless=true convert-alpha.webp
convert alpha.png -quality 10 -set comment "a comment" convert-lossy-alpha.webp

for format in I420 Y42B YUY2 Y444 GRAY8 RGB BGRx; do
  gst-launch-1.0 -q videotestsrc num-buffers=1 ! video/x-raw,format=$format,width=96,height=64 ! jpegenc ! filesink location=gst-$format.jpg
done
gst-launch-1.0 -q videotestsrc num-buffers=1 ! video/x-raw,width=96,height=64 ! jpegenc quality=100 ! filesink location=gst-best.jpg
gst-launch-1.0 -q videotestsrc num-buffers=1 ! video/x-raw,width=96,height=64 ! videoconvert ! pngenc ! filesink location=gst.png
"#;

const PILLOW: &str = r#"
from PIL import Image
image = Image.radial_gradient("L").resize((96, 64)).convert("RGB")
def save(name, image=image, **options):
    image.save("pillow-" + name, **options)
for quality in 1, 75, 100:
    for progressive in False, True:
        for subsampling in 0, 1, 2:
            save(f"{quality}-{progressive}-{subsampling}.jpg", quality=quality, progressive=progressive, subsampling=subsampling)
exif = Image.Exif()
exif[0x0112] = 6
exif[0x010e] = "a camera" * 1000
save("exif.jpg", exif=exif)
save("icc.jpg", icc_profile=bytes(150000))
save("comment.jpg", comment=b"\xff\xd8\xff\xd9")
save("restart.jpg", restart_marker_blocks=1)
save("optimized.jpg", optimize=True)
save("xmp.jpg", xmp=b"<x/>" * 1000)
save("cmyk.jpg", image.convert("CMYK"))
save("gray.jpg", image.convert("L"))
save("mpo.mpo", format="MPO", save_all=True, append_images=[image.rotate(90)])
open("pillow-mpo.jpg", "wb").write(open("pillow-mpo.mpo", "rb").read())
for mode in "1", "L", "LA", "P", "RGB", "RGBA", "I;16":
    save(mode.replace(";", "") + ".png", image.convert("L").convert("I").convert(mode) if mode == "I;16" else image.convert(mode))
save("exif.png", exif=exif)
save("animated.png", save_all=True, append_images=[image.rotate(90)])
save("default.png", save_all=True, default_image=True, append_images=[image.rotate(90)])
for mode in "1", "L", "P":
    save(mode + ".gif", image.convert(mode))
save("animated.gif", save_all=True, append_images=[image.rotate(90)], loop=0, duration=100)
save("comment.gif", comment=b"a comment" * 100)
save("lossy.webp")
save("lossless.webp", lossless=True)
save("alpha.webp", image.convert("RGBA"), exif=exif, icc_profile=bytes(999))
save("animated.webp", save_all=True, append_images=[image.rotate(90)])
save("animated-alpha.webp", image.convert("RGBA"), save_all=True, append_images=[image.convert("RGBA").rotate(45)], exif=exif)
save("animated-mixed.webp", save_all=True, append_images=[image.rotate(90)], allow_mixed=True)
"#;

const OPEN: &str = r#"
import sys
from PIL import Image
for index in range(int(sys.argv[1])):
    try:
        Image.open(f"{index}.jpg")
        print(index)
    except Exception:
        pass
"#;

const DHT: u8 = 0xc4;
const SOS: u8 = 0xda;
