//! The messages of a worker to costwarden, damaged: the protocol, and the results of a plugin in a worker that the plugin
//! took over.

use model::series::{Series, Window};
use sandbox::{CallContext, detector_with_worker_output};

use crate::damage::damaged;

const CONTEXT: CallContext<'static> = CallContext { rule: "fuzz", settings: "{}", unit: "KRW", locale: "en" };

/// A logged line, and the ends of calls, as frames of a worker.
pub(crate) struct Worker {
    samples: Vec<Vec<u8>>,
}

impl Worker {
    pub(crate) fn new() -> Self {
        let number = 1.5_f64.to_le_bytes();
        let fitted = [&[0, 1, 7, 1, 1, b'a'][..], &number].concat();
        let verdict = [&[0, 1, 0][..], &number, &number, &number, &number, &[1, b'r']].concat();
        let refused = [&[1, 1, 2][..], b"no"].concat();
        // The end of a call over two series, with the fuel, the memory and the dropped lines.
        let finished = [4, 0, 2, 2, 10, 10, 0];
        let issues = [4, 0, 1, 1, 1, b'/', 1, b'm', 10, 10, 0];
        let log = frame(&[2, 1, 3, b'o', b'n', b'e']);
        let of_results = |results: &[u8]| [log.clone(), frame(&[&finished[..], results].concat())].concat();
        Self {
            samples: vec![
                of_results(&fitted.repeat(2)),
                of_results(&verdict.repeat(2)),
                of_results(&[&verdict[..], &refused].concat()),
                frame(&issues),
            ],
        }
    }

    pub(crate) fn input(&self, entropy: &[u8]) -> Option<Vec<u8>> {
        damaged(&self.samples, entropy)
    }

    /// Makes each kind of call. A return is the only requirement.
    ///
    /// # Errors
    /// The system has no socket or thread.
    pub(crate) fn run(input: &[u8]) -> Result<(), String> {
        let detector = || detector_with_worker_output(input.to_vec()).map_err(|error| error.to_string());
        let series = Series {
            id: "d/p/s".to_owned(),
            start: 0,
            utc_offset: 0,
            step: 86_400,
            values: vec![1.0, 2.0],
            excluded: Vec::new(),
        };
        let window = Window { series: series.clone(), state: Vec::new(), judge_from: 0 };
        let _ = detector()?.fit(&CONTEXT, &[series.clone(), series]).results.len();
        let _ = detector()?.judge(&CONTEXT, &[window.clone(), window]).results.len();
        let _ = detector()?.check_settings("{}");
        Ok(())
    }
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short");
    [&length.to_le_bytes()[..], payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without intact samples, the inputs would not reach the checks of results.
    #[test]
    fn the_samples_are_messages_of_a_worker() {
        let Worker { samples } = Worker::new();
        let detector = |sample: usize| detector_with_worker_output(samples[sample].clone()).expect("a socket");
        let series =
            Series { id: String::new(), start: 0, utc_offset: 0, step: 60, values: vec![1.0], excluded: vec![] };
        let window = Window { series: series.clone(), state: Vec::new(), judge_from: 0 };
        let fits = detector(0).fit(&CONTEXT, &[series.clone(), series]).results;
        assert!(fits.iter().all(Result::is_ok), "{fits:?}");
        let verdicts = detector(1).judge(&CONTEXT, &[window.clone(), window]).results;
        assert!(verdicts.iter().all(Result::is_ok), "{verdicts:?}");
        assert_eq!(detector(3).check_settings("{}").expect("issues").len(), 1);
    }
}
