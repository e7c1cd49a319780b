//! An address as a QR code, in letters.

use qrcodegen::{QrCode, QrCodeEcc};

/// Light modules around the code. The standard asks for four; readers on phones do with two, and a screen has 25 lines.
const QUIET: i32 = 2;

/// The code of an address: `true` is a light module. Scheme and host mean the same in capitals, and those take less room.
/// None when it does not fit into any code.
pub(crate) fn modules(url: &str) -> Option<Vec<Vec<bool>>> {
    let code = QrCode::encode_text(&url.to_ascii_uppercase(), QrCodeEcc::Low).ok()?;
    let along = -QUIET..code.size() + QUIET;
    Some(along.clone().map(|y| along.clone().map(|x| !code.get_module(x, y)).collect()).collect())
}

/// Two modules in one letter, one above the other.
pub(crate) fn halves(modules: &[Vec<bool>]) -> Vec<String> {
    let pair = |rows: &[Vec<bool>]| {
        let mut rows = rows.iter();
        let (above, below) = (rows.next()?, rows.next());
        let letter = |(x, above): (usize, &bool)| {
            let below = below.is_none_or(|row| row.get(x).copied().unwrap_or(true));
            match (*above, below) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            }
        };
        Some(above.iter().enumerate().map(letter).collect())
    };
    modules.chunks(2).filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_in_the_local_network_fits_the_smallest_code() {
        let modules = modules("https://192.168.1.20").unwrap();
        assert_eq!(modules.len(), 21 + 4);
        let halves = halves(&modules);
        assert_eq!((halves.len(), halves[0].chars().count()), (13, 25));
        // The three corners that readers look for, dark on light.
        assert!(modules[0].iter().all(|light| *light));
        assert_eq!(modules[2][2..9], [false; 7]);
        assert_eq!(modules[3][2..9], [false, true, true, true, true, true, false]);
    }
}
