//! Pictures of pages: small ones, and where two differ.

use image::imageops::{FilterType, resize, thumbnail};
use image::{ImageFormat, ImageReader, Limits, Rgba, RgbaImage};

/// How wide a small picture is.
const SMALL: u32 = 280;

/// How wide a picture of differences is at most.
const WIDE: u32 = 560;

/// By how much a channel may differ before a pixel counts as another.
const TOLERANCE: u8 = 16;

/// A picture that was read.
pub struct Picture(RgbaImage);

/// Reads a PNG; nothing for what is none, or is larger than any page.
pub fn read(png: &[u8]) -> Option<Picture> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(8192);
    limits.max_image_height = Some(16384);
    limits.max_alloc = Some(512 << 20);
    let mut reader = ImageReader::with_format(std::io::Cursor::new(png), ImageFormat::Png);
    reader.limits(limits);
    reader.decode().ok().map(|image| Picture(image.into_rgba8()))
}

impl Picture {
    /// The picture, small; of a long page its upper part.
    pub fn small(&self) -> Option<Vec<u8>> {
        let (width, height) = self.0.dimensions();
        let seen = height.min(width * 3 / 4).max(1);
        let upper = image::imageops::crop_imm(&self.0, 0, 0, width, seen).to_image();
        let small_height = (seen * SMALL / width.max(1)).max(1);
        png(&thumbnail(&upper, SMALL, small_height))
    }
}

/// Where two pictures differ, marked in the newer one, and which share of it that is; nothing where they do not.
pub fn difference(old: &Picture, new: &Picture) -> Option<(Vec<u8>, f64)> {
    let (old, new) = (&old.0, &new.0);
    let width = old.width().max(new.width());
    let height = old.height().max(new.height());
    let mut marked = RgbaImage::new(width, height);
    let mut differing = 0_u64;
    for (x, y, pixel) in marked.enumerate_pixels_mut() {
        let (before, after) = (old.get_pixel_checked(x, y), new.get_pixel_checked(x, y));
        let same = match (before, after) {
            (Some(a), Some(b)) => a.0.iter().zip(b.0).all(|(a, b)| a.abs_diff(b) <= TOLERANCE),
            _ => false,
        };
        *pixel = if same {
            faded(after)
        } else {
            differing += 1;
            Rgba([0xd0, 0x00, 0x6f, 0xff])
        };
    }
    if differing == 0 {
        return None;
    }
    let share = differing as f64 / (f64::from(width) * f64::from(height)).max(1.0);
    let shown = if width > WIDE {
        let shown_height = (u64::from(height) * u64::from(WIDE) / u64::from(width)).max(1);
        resize(&marked, WIDE, u32::try_from(shown_height).unwrap_or(1), FilterType::Triangle)
    } else {
        marked
    };
    Some((png(&shown)?, share))
}

/// A pixel so light that what is marked stands out.
fn faded(pixel: Option<&Rgba<u8>>) -> Rgba<u8> {
    let [r, g, b, _] = pixel.map_or([255; 4], |pixel| pixel.0);
    let grey = (u32::from(r) * 3 + u32::from(g) * 6 + u32::from(b)) / 10;
    let light = u8::try_from(178 + grey * 30 / 100).unwrap_or(u8::MAX);
    Rgba([light, light, light, 255])
}

fn png(image: &RgbaImage) -> Option<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    // Without the fourth channel: pages are opaque.
    let opaque = image::DynamicImage::ImageRgba8(image.clone()).into_rgb8();
    opaque.write_to(&mut bytes, ImageFormat::Png).ok()?;
    Some(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, dark: impl Fn(u32, u32) -> bool) -> Picture {
        Picture(RgbaImage::from_fn(width, height, |x, y| {
            let c = if dark(x, y) { 0 } else { 255 };
            Rgba([c, c, c, 255])
        }))
    }

    #[test]
    fn pixels_that_differ_are_counted_and_marked() {
        let old = picture(100, 50, |_, _| false);
        let new = picture(100, 50, |x, _| x < 25);
        let (png, share) = difference(&old, &new).unwrap();
        assert_eq!(share, 0.25);
        let marked = read(&png).unwrap().0;
        assert_eq!(marked.get_pixel(0, 0).0, [0xd0, 0x00, 0x6f, 0xff]);
        assert_ne!(marked.get_pixel(80, 0).0, [0xd0, 0x00, 0x6f, 0xff]);
        assert!(difference(&old, &picture(100, 50, |_, _| false)).is_none());
    }

    #[test]
    fn a_longer_page_differs_where_the_other_has_none() {
        let old = picture(10, 10, |_, _| false);
        let new = picture(10, 20, |_, _| false);
        let (_, share) = difference(&old, &new).unwrap();
        assert_eq!(share, 0.5);
    }

    #[test]
    fn a_small_picture_is_small_and_what_is_none_is_refused() {
        let small = read(&picture(1000, 4000, |_, y| y > 2000).small().unwrap()).unwrap();
        assert_eq!(small.0.dimensions(), (280, 210));
        assert!(read(b"\x89PNG nothing").is_none());
    }
}
