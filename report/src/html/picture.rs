//! Pictures of pages: small ones, and where two differ.

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader, Limits, RgbImage};

/// How wide a small picture is, and how much of a page's width it shows: enough to recognise a page by its heading.
const SMALL: u32 = 280;
const SHOWN: u32 = 768;

/// How wide a picture of differences is at most.
const WIDE: u32 = 560;

/// By how much a channel may differ before a pixel counts as another.
const TOLERANCE: u8 = 16;

/// How a pixel that differs is marked.
const MARK: [u8; 3] = [0xd0, 0x00, 0x6f];

/// A picture that was read. Pages are opaque: it has no fourth channel.
pub(super) struct Picture(RgbImage);

/// Reads a PNG; nothing for what is none, or is larger than any page.
pub(super) fn read(png: &[u8]) -> Option<Picture> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(8192);
    limits.max_image_height = Some(16384);
    limits.max_alloc = Some(512 << 20);
    let mut reader = ImageReader::with_format(std::io::Cursor::new(png), ImageFormat::Png);
    reader.limits(limits);
    reader.decode().ok().map(|image| Picture(image.into_rgb8()))
}

impl Picture {
    /// Where a page begins to be read, small.
    pub(super) fn small(&self) -> Option<Vec<u8>> {
        let width = self.0.width().clamp(1, SHOWN);
        let height = self.0.height().clamp(1, (width * 3 / 4).max(1));
        let left = self.0.width().saturating_sub(width) / 2;
        let cropped = DynamicImage::ImageRgb8(self.0.clone()).crop_imm(left, 0, width, height);
        let small_height = (height * SMALL / width).max(1);
        png(&cropped.resize_exact(SMALL, small_height, FilterType::Triangle))
    }
}

/// Where two pictures differ, marked in the newer one, and which share of it that is; nothing where they do not.
pub(super) fn difference(old: &Picture, new: &Picture) -> Option<(Vec<u8>, f64)> {
    let (old, new) = (&old.0, &new.0);
    let width = old.width().max(new.width());
    let height = old.height().max(new.height());
    let mut marked = Vec::with_capacity(width as usize * height as usize * 3);
    let mut differing = 0_u64;
    for y in 0..height {
        let (before, after) = (row(old, y), row(new, y));
        for at in (0..width as usize * 3).step_by(3) {
            let (a, b) = (before.get(at..at + 3), after.get(at..at + 3));
            match (a, b) {
                (Some(a), Some(b)) if alike(a, b) => marked.extend(faded(b)),
                _ => {
                    differing += 1;
                    marked.extend(MARK);
                }
            }
        }
    }
    if differing == 0 {
        return None;
    }
    let share = differing as f64 / (f64::from(width) * f64::from(height)).max(1.0);
    let marked = DynamicImage::ImageRgb8(RgbImage::from_raw(width, height, marked)?);
    let scaled = if width > WIDE {
        let scaled_height = (u64::from(height) * u64::from(WIDE) / u64::from(width)).max(1);
        marked.resize_exact(
            WIDE,
            u32::try_from(scaled_height).ok()?,
            FilterType::Triangle,
        )
    } else {
        marked
    };
    Some((png(&scaled)?, share))
}

/// A row's bytes, three for each pixel; none below the picture's end.
fn row(image: &RgbImage, y: u32) -> &[u8] {
    let long = image.width() as usize * 3;
    let from = y as usize * long;
    image.as_raw().get(from..from + long).unwrap_or_default()
}

fn alike(a: &[u8], b: &[u8]) -> bool {
    a == b || a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= TOLERANCE)
}

/// A pixel so light that what is marked stands out.
fn faded(pixel: &[u8]) -> [u8; 3] {
    let grey = match pixel {
        [r, g, b] => (u32::from(*r) * 3 + u32::from(*g) * 6 + u32::from(*b)) / 10,
        _ => 255,
    };
    [u8::try_from(178 + grey * 30 / 100).unwrap_or(u8::MAX); 3]
}

fn png(image: &DynamicImage) -> Option<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).ok()?;
    Some(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, dark: impl Fn(u32, u32) -> bool) -> Picture {
        Picture(RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([if dark(x, y) { 0 } else { 255 }; 3])
        }))
    }

    #[test]
    fn pixels_that_differ_are_counted_and_marked() {
        let old = picture(100, 50, |_, _| false);
        let new = picture(100, 50, |x, _| x < 25);
        let (png, share) = difference(&old, &new).unwrap();
        assert_eq!(share, 0.25);
        let marked = read(&png).unwrap().0;
        assert_eq!(marked.get_pixel(0, 0).0, MARK);
        assert_ne!(marked.get_pixel(80, 0).0, MARK);
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
