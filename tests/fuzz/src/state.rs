//! States and series: damaged or generated detector states, with every kind of series that the host may send.

use arbitrary::Unstructured;
use sandbox::Detector;

use crate::bundled;
use crate::sandboxed::{self, Failed, Input, fit, judge};

/// The bundled detectors with fitted states.
pub(crate) struct State {
    detectors: Vec<(String, Detector, Vec<Vec<u8>>)>,
}

/// An input of `judge`.
#[derive(Debug)]
struct Case {
    detector: usize,
    state: Vec<u8>,
    series: Input,
    judge_from: u32,
}

impl State {
    pub(crate) fn new() -> Result<Self, String> {
        let sandbox = sandboxed::sandbox(None)?;
        let load = |(name, bytes): (String, Vec<u8>)| {
            let plugin = sandboxed::load(&sandbox, bytes)?;
            let states: Vec<_> = [30, 60, 240].into_iter().filter_map(|days| fit(&plugin, &usual(days)).ok()).collect();
            if states.is_empty() { Err(format!("{name} learns nothing")) } else { Ok((name, plugin, states)) }
        };
        Ok(Self { detectors: bundled()?.into_iter().map(load).collect::<Result<_, _>>()? })
    }

    /// Judges one case. Every call must return, and a bundled detector must not trap, overrun its stack or exceed its
    /// memory. Two failures are allowed: an invalid verdict from a state without a number, which the host refuses, and
    /// the end of the fuel for a number with three hundred digits.
    pub(crate) fn run(&self, input: &[u8]) -> Result<(), String> {
        let Ok(Case { detector, state, series, judge_from }) = self.case(&mut Unstructured::new(input)) else {
            return Ok(());
        };
        let (name, plugin, _) = &self.detectors[detector];
        let answers = [fit(plugin, &series).err(), judge(plugin, &series, state, judge_from).err()];
        for failed in answers.into_iter().flatten() {
            let Failed::Broken(words) = failed else { continue };
            if ["invalid verdict", "used up its fuel"].iter().all(|allowed| !words.contains(allowed)) {
                return Err(format!("{name} breaks over {} values: {words}", series.values.len()));
            }
        }
        Ok(())
    }

    fn case(&self, entropy: &mut Unstructured<'_>) -> arbitrary::Result<Case> {
        let detector = entropy.choose_index(self.detectors.len())?;
        let series = series(entropy)?;
        let judge_from = entropy.int_in_range(0..=series.values.len() as u32)?;
        // A state of another detector is foreign bytes for this detector.
        let owner = if entropy.ratio(1, 8)? { entropy.choose_index(self.detectors.len())? } else { detector };
        let mut state = entropy.choose(&self.detectors[owner].2)?.clone();
        for _ in 0..entropy.int_in_range(0..=6)? {
            damage(&mut state, entropy)?;
        }
        Ok(Case { detector, state, series, judge_from })
    }
}

fn damage(state: &mut Vec<u8>, entropy: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let place = entropy.int_in_range(0..=state.len())?;
    match entropy.int_in_range(0..=4)? {
        0 => state.truncate(place),
        1 => state.splice(place..place, entropy.arbitrary::<[u8; 8]>()?).for_each(drop),
        2 => *state = entropy.arbitrary()?,
        3 => {
            let number: f64 = *entropy.choose(&[f64::NAN, f64::INFINITY, 0.0, -1.0, 1e308, f64::MIN_POSITIVE])?;
            let end = (place + 8).min(state.len());
            state.splice(place..end, number.to_le_bytes()).for_each(drop);
        }
        _ => {
            if let Some(byte) = state.get_mut(place) {
                *byte = entropy.arbitrary()?;
            }
        }
    }
    Ok(())
}

fn series(entropy: &mut Unstructured<'_>) -> arbitrary::Result<Input> {
    let len = entropy.int_in_range(0..=150)?;
    let level: f64 = *entropy.choose(&[0.0, 1e-9, 1.0, 1_000.0, 1e15])?;
    let mut values = Vec::with_capacity(len);
    for _ in 0..len {
        values.push(match entropy.int_in_range(0..=12)? {
            0 => f64::NAN,
            1 => 0.0,
            2 => -level,
            3 => level * 1e6,
            step => level * (1.0 + f64::from(step) / 100.0),
        });
    }
    let mut excluded = Vec::new();
    for _ in 0..entropy.int_in_range(0..=5)? {
        if len > 0 {
            excluded.push(entropy.int_in_range(0..=len as u32 - 1)?);
        }
    }
    excluded.sort_unstable();
    excluded.dedup();
    Ok(Input {
        start: entropy.int_in_range(0..=4_102_444_800)?,
        utc_offset: entropy.int_in_range(-50_400..=50_400)?,
        step: *entropy.choose(&[3_600, 86_400])?,
        values,
        excluded,
    })
}

fn usual(days: u32) -> Input {
    let values = (0..days).map(|day| 1_000.0 + f64::from(day * day % 37)).collect();
    Input { start: 1_767_193_200, utc_offset: 32_400, step: 86_400, values, excluded: vec![3] }
}
