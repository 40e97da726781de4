//! Pictures of pages, compared with a tolerance.

use image::{ImageFormat, Rgb, RgbImage};
use thiserror::Error;

/// How far two pictures may be apart and still look the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// By how much a channel of a pixel may differ, of 255.
    pub channel: u8,
    /// Which share of the pixels may differ by more, from 0 to 1.
    pub share: f64,
}

impl Default for Tolerance {
    /// Enough for a renderer's rounding, and less than a word.
    fn default() -> Self {
        Self {
            channel: 16,
            share: 0.0005,
        }
    }
}

/// A file that is no picture.
#[derive(Debug, Error)]
#[error("{what} is no PNG that can be read: {source}")]
pub struct PictureError {
    what: String,
    source: image::ImageError,
}

/// How two pictures compare.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// How many pixels differ by more than is tolerated.
    pub differing: u64,
    /// How many there are; of pictures of two sizes, those that either covers.
    pub pixels: u64,
    /// The share that may differ.
    tolerated: f64,
    /// The first picture grey and pale, what differs in red; as PNG.
    pub difference: Vec<u8>,
}

impl Comparison {
    /// The share of the pixels that differ, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.pixels == 0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "no picture has 2^52 pixels")]
        let share = self.differing as f64 / self.pixels as f64;
        share
    }

    /// Whether they look the same.
    #[must_use]
    pub fn same(&self) -> bool {
        self.share() <= self.tolerated
    }
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.3} % of the pixels differ ({} of {}), {:.3} % may",
            self.share() * 100.0,
            self.differing,
            self.pixels,
            self.tolerated * 100.0
        )
    }
}

/// Compares two pictures, pixel by pixel. What only one of them covers differs.
///
/// # Errors
/// When either is no PNG; `names` says which in the error.
pub fn compare(
    (one, one_is): (&[u8], &str),
    (other, other_is): (&[u8], &str),
    tolerance: Tolerance,
) -> Result<Comparison, PictureError> {
    let (one, other) = (read(one, one_is)?, read(other, other_is)?);
    let (width, height) = (
        one.width().max(other.width()),
        one.height().max(other.height()),
    );
    let mut differing = 0;
    let shown = RgbImage::from_fn(width, height, |x, y| {
        let (a, b) = (one.get_pixel_checked(x, y), other.get_pixel_checked(x, y));
        match (a, b) {
            (Some(a), Some(b)) if alike(*a, *b, tolerance.channel) => pale(*a),
            _ => {
                differing += 1;
                Rgb([220, 0, 0])
            }
        }
    });
    let mut difference = std::io::Cursor::new(Vec::new());
    shown
        .write_to(&mut difference, ImageFormat::Png)
        .map_err(|source| PictureError {
            what: "what differs".to_owned(),
            source,
        })?;
    Ok(Comparison {
        differing,
        pixels: u64::from(width) * u64::from(height),
        tolerated: tolerance.share,
        difference: difference.into_inner(),
    })
}

fn read(png: &[u8], what: &str) -> Result<RgbImage, PictureError> {
    let picture = image::load_from_memory_with_format(png, ImageFormat::Png);
    let picture = picture.map_err(|source| PictureError {
        what: what.to_owned(),
        source,
    })?;
    Ok(picture.into_rgb8())
}

fn alike(a: Rgb<u8>, b: Rgb<u8>, channel: u8) -> bool {
    a.0.iter().zip(b.0).all(|(a, b)| a.abs_diff(b) <= channel)
}

/// A pixel's brightness, mixed with white.
fn pale(Rgb([r, g, b]): Rgb<u8>) -> Rgb<u8> {
    let grey = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let pale = u8::try_from(170 + grey / 3).unwrap_or(u8::MAX);
    Rgb([pale; 3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn png(picture: &RgbImage) -> Vec<u8> {
        let mut out = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut out, ImageFormat::Png).unwrap();
        out.into_inner()
    }

    fn compared(one: &RgbImage, other: &RgbImage, tolerance: Tolerance) -> Comparison {
        compare((&png(one), "one"), (&png(other), "other"), tolerance).unwrap()
    }

    fn plain(width: u32, height: u32, value: u8) -> RgbImage {
        RgbImage::from_pixel(width, height, Rgb([value; 3]))
    }

    fn strict(channel: u8) -> Tolerance {
        Tolerance {
            channel,
            share: 0.0,
        }
    }

    #[test]
    fn a_channel_may_differ_by_the_tolerance_and_no_more() {
        let (one, other) = (plain(8, 4, 100), plain(8, 4, 110));
        assert!(compared(&one, &other, strict(10)).same());
        let apart = compared(&one, &other, strict(9));
        assert_eq!((apart.differing, apart.pixels), (32, 32));
        assert!(!apart.same());
    }

    #[test]
    fn a_share_of_the_pixels_may_differ() {
        let one = plain(100, 100, 255);
        let mut other = one.clone();
        for x in 0..5 {
            other.put_pixel(x, 0, Rgb([0, 255, 255]));
        }
        let tolerance = |share| Tolerance { channel: 16, share };
        assert!(compared(&one, &other, tolerance(0.0005)).same());
        let more = compared(&one, &other, tolerance(0.0004));
        assert!(!more.same());
        assert_eq!(
            more.to_string(),
            "0.050 % of the pixels differ (5 of 10000), 0.040 % may"
        );
    }

    #[test]
    fn what_only_one_covers_differs() {
        let apart = compared(&plain(10, 10, 7), &plain(10, 12, 7), strict(255));
        assert_eq!((apart.differing, apart.pixels), (20, 120));
        let shown = read(&apart.difference, "x").unwrap();
        assert_eq!((shown.width(), shown.height()), (10, 12));
        assert_eq!(*shown.get_pixel(0, 11), Rgb([220, 0, 0]));
        assert_ne!(*shown.get_pixel(0, 9), Rgb([220, 0, 0]));
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let good = png(&plain(1, 1, 0));
        let error = compare((&good, "one"), (b"<html>", "snapshots/a.png"), strict(0));
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("snapshots/a.png is no PNG"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn as_many_pixels_differ_as_were_changed(changed in prop::collection::btree_set((0u32..12, 0u32..9), 0..30), by in 17u8..) {
            let one = plain(12, 9, 0);
            let mut other = one.clone();
            for (x, y) in &changed {
                other.put_pixel(*x, *y, Rgb([0, by, 0]));
            }
            let there = compared(&one, &other, Tolerance::default());
            let back = compared(&other, &one, Tolerance::default());
            prop_assert_eq!(there.differing, changed.len() as u64);
            prop_assert_eq!(back.differing, there.differing);
            prop_assert_eq!(there.same(), changed.is_empty());
        }

        #[test]
        fn noise_below_the_tolerance_is_nothing(noise in prop::collection::vec(0u8..=16, 12 * 9 * 3)) {
            let one = plain(12, 9, 40);
            let other = RgbImage::from_raw(12, 9, noise.iter().map(|n| 40 + n).collect()).unwrap();
            prop_assert_eq!(compared(&one, &other, Tolerance::default()).differing, 0);
        }
    }
}
