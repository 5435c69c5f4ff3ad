//! The unified social credit code (统一社会信用代码) of GB 32100-2015: 18 characters, the last one checks the rest.
//! Must not know enterprises. Pure.

/// The characters of the code in the order of their values: no I, O, S, V, Z.
const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Value of a character, its place in the alphabet.
fn value(character: char) -> Option<u32> {
    (0u32..).zip(ALPHABET.chars()).find(|(_, c)| *c == character).map(|(n, _)| n)
}

/// What is wrong with the code, in words that finish "credit code X ...".
pub fn check(code: &str) -> Result<(), String> {
    let length = code.chars().count();
    if length != 18 {
        return Err(format!("has {length} characters instead of 18"));
    }
    if let Some(bad) = code.chars().find(|c| value(*c).is_none()) {
        return Err(format!("contains {bad:?}, which the standard does not use"));
    }
    // The weights are the powers of 3 modulo 31; the check value makes the weighted sum divisible by 31.
    let (mut sum, mut weight) = (0u32, 1u32);
    for digit in code.chars().take(17).filter_map(value) {
        sum = sum.saturating_add(digit.saturating_mul(weight)) % 31;
        weight = weight.saturating_mul(3) % 31;
    }
    let wanted = 31u32.saturating_sub(sum) % 31;
    match code.chars().last().and_then(value) {
        Some(given) if given == wanted => Ok(()),
        _ => {
            let character = ALPHABET.chars().nth(wanted as usize).unwrap_or('0');
            Err(format!("has a wrong check character (the first 17 ask for {character:?})"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_character_checks_the_rest() {
        // The worked example printed with the standard's algorithm.
        assert_eq!(check("91350100M000100Y43"), Ok(()));
        assert_eq!(
            check("91350100M000100Y44"),
            Err("has a wrong check character (the first 17 ask for '3')".to_owned())
        );
        // Two neighbours exchanged.
        assert!(check("91350100M00010Y043").is_err());
    }

    #[test]
    fn strangers_are_refused() {
        assert_eq!(check("9135"), Err("has 4 characters instead of 18".to_owned()));
        assert_eq!(check("91350100M000I00Y43"), Err("contains 'I', which the standard does not use".to_owned()));
        assert!(check("").is_err());
        assert!(check("一二三四五六七八九十一二三四五六七八").is_err());
    }
}
