//! The option `--plot` of several commands.

use std::path::{Path, PathBuf};

use ::plot::Figure;
use anyhow::Context as _;
use model::language::Language;

use super::present::{self, Form};

/// The destination of a plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlotTarget<'a> {
    Terminal,
    File(&'a Path),
}

impl<'a> PlotTarget<'a> {
    /// Returns the destination of `--plot`; `None` without the option.
    ///
    /// # Errors
    /// Fails for a file without the extension `.svg`, before a run overwrites the file.
    pub(super) fn of(option: Option<&'a Option<PathBuf>>) -> anyhow::Result<Option<Self>> {
        match option {
            None => Ok(None),
            Some(None) => Ok(Some(Self::Terminal)),
            Some(Some(file)) if file.extension().is_some_and(|extension| extension == "svg") => {
                Ok(Some(Self::File(file)))
            }
            Some(Some(file)) => anyhow::bail!(
                "--plot: {} does not end in .svg, expected a file like plot.svg, or no file for the terminal",
                file.display()
            ),
        }
    }

    /// Returns the destination of `--plot` for an output form.
    ///
    /// # Errors
    /// Fails like [`PlotTarget::of`], and for JSON without a file.
    pub(super) fn of_form(option: Option<&'a Option<PathBuf>>, form: Form) -> anyhow::Result<Option<Self>> {
        let target = Self::of(option)?;
        anyhow::ensure!(
            target != Some(Self::Terminal) || form == Form::Text,
            "--plot without a file has no JSON form: name a file with --plot FILE.svg"
        );
        Ok(target)
    }

    /// Prints a figure, or writes the file and names the file on standard error.
    pub(super) fn draw(self, figure: &Figure) -> anyhow::Result<()> {
        match self {
            Self::Terminal => present::out(&format!("{}\n", ::plot::terminal(figure, present::width().into()))),
            Self::File(file) => {
                std::fs::write(file, ::plot::svg(figure))
                    .with_context(|| format!("{} cannot be written", file.display()))?;
                let file = file.display();
                let title = &figure.title;
                let written = match figure.language {
                    Language::Korean => format!("{file}: {title} 그림"),
                    Language::English => format!("{file}: the plot of {title}"),
                };
                present::complaint(tracing::Level::INFO, &written);
            }
        }
        Ok(())
    }
}
