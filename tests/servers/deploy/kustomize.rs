//! The manifests as kustomize renders them: the base, and an overlay with the Secret and the metrics.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::tools::{Tools, deploy};
use costwarden_tests::{Workdir, plugins, run, skipped};

/// The overlay in `config/deploy/README.md`.
fn overlay() -> String {
    let guide = std::fs::read_to_string(deploy("README.md")).expect("the guide");
    let blocks = guide.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let overlay = blocks.into_iter().find(|block| block.contains("kind: Kustomization"));
    overlay.expect("an overlay").to_owned()
}

/// Renders a folder and validates the manifests; `None` without kubectl.
fn render(tools: &Tools, folder: &Path) -> Option<Vec<Value>> {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        skipped("kubectl is absent");
        return None;
    }
    let rendered = run(Command::new("kubectl").arg("kustomize").arg(folder)).expect(0).stdout;
    let written = tempfile::tempdir().expect("a folder");
    let file = written.path().join("rendered.yaml");
    std::fs::write(&file, rendered).expect("written");
    tools.validate(&file).expect(0);
    Some(tools.yaml(&file))
}

/// The pods of the CronJobs, by name.
fn pods(manifests: &[Value]) -> Vec<(&str, &Value)> {
    let jobs = manifests.iter().filter(|manifest| manifest["kind"] == "CronJob");
    let pod = "/spec/jobTemplate/spec/template/spec";
    jobs.filter_map(|job| Some((job["metadata"]["name"].as_str()?, job.pointer(pod)?))).collect()
}

#[test]
fn the_base_renders_into_one_namespace() {
    let Some(tools) = Tools::new() else { return };
    let Some(manifests) = render(&tools, &deploy("kubernetes")) else { return };
    let kinds: Vec<&str> = manifests.iter().filter_map(|manifest| manifest["kind"].as_str()).collect();
    for (kind, count) in [("CronJob", 4), ("ConfigMap", 2), ("NetworkPolicy", 1), ("PersistentVolumeClaim", 1)] {
        assert_eq!(kinds.iter().filter(|found| **found == kind).count(), count, "{kinds:?}");
    }
    for manifest in manifests.iter().filter(|manifest| manifest["kind"] != "Namespace") {
        assert_eq!(manifest["metadata"]["namespace"], "costwarden", "{manifest}");
    }
    for (name, pod) in pods(&manifests) {
        assert!(pod.get("initContainers").is_none(), "{name}");
        let image = format!("costwarden:{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(pod["containers"][0]["image"], image.as_str(), "{name}");
    }
}

#[test]
fn an_overlay_has_the_secret_and_the_sidecar() {
    let Some(tools) = Tools::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    run(Command::new("cp").arg("-r").arg(deploy("kubernetes")).arg(folder.path().join("kubernetes"))).expect(0);
    let own = folder.path().join("own");
    std::fs::create_dir(&own).expect("a folder");
    std::fs::write(own.join("kustomization.yaml"), overlay()).expect("written");
    std::fs::write(own.join("secrets.env"), "S3_ACCESS_KEY=a\n").expect("written");
    let Some(manifests) = render(&tools, &own) else { return };
    let secret = manifests.iter().find(|manifest| manifest["kind"] == "Secret").expect("a Secret");
    assert_eq!((&secret["metadata"]["name"], &secret["data"]["S3_ACCESS_KEY"]), (&json!("costwarden"), &json!("YQ==")));
    for (name, pod) in pods(&manifests) {
        let sidecars = pod["initContainers"].as_array().map_or(&[][..], Vec::as_slice);
        // Only these jobs push metrics.
        let expected = usize::from(["costwarden-daily", "costwarden-hourly"].contains(&name));
        assert_eq!(sidecars.len(), expected, "{name}");
        for sidecar in sidecars {
            assert_eq!(sidecar["restartPolicy"], "Always");
            let denied = json!({ "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] } });
            assert_eq!(sidecar["securityContext"], denied);
            assert!(sidecar["resources"]["limits"]["memory"].is_string(), "{name}");
        }
        let image = pod["containers"][0]["image"].as_str().expect("an image");
        assert!(image.starts_with("registry.example.com/"), "{name}: {image}");
    }
}

/// The jobs push to the address on which the collector listens.
#[test]
fn the_jobs_push_to_the_collector() {
    let Some(tools) = Tools::new() else { return };
    let [collector] = tools.yaml(&deploy("kubernetes/metrics/collector.yaml")).try_into().expect("one manifest");
    let collector = collector["data"]["collector.yaml"].as_str().expect("a config");
    let [config] = tools.yaml(&deploy("kubernetes/config.yaml")).try_into().expect("one manifest");
    let config = config["data"]["costwarden.toml"].as_str().expect("a config");
    let (_, metrics) = config.split_once("# [metrics]\n# otlp_endpoint = \"http://").expect("the comment");
    let (address, _) = metrics.split_once('"').expect("an address");
    assert!(collector.contains(&format!("endpoint: {address}\n")), "{collector}");
    let workdir = Workdir::new("");
    let places = [
        ("# [metrics]\n# otlp", "[metrics]\notlp".to_owned()),
        ("\"/usr/lib/costwarden/plugins\"", format!("{:?}", plugins())),
        ("directory = \"/etc/costwarden/rules\"", "directory = \"rules\"".to_owned()),
        ("\"/var/lib/costwarden\"", "\"state\"".to_owned()),
    ];
    workdir.write("costwarden.toml", &places.iter().fold(config.to_owned(), |text, (from, to)| text.replace(from, to)));
    let rule = "[[rule]]\nid = \"daily\"\nwhy = \"w\"\ndetector = \"daily-level\"\nseries = \"daily\"\ngroup_by = []\nhistory_days = 30\n";
    workdir.write("rules/one.toml", rule);
    let variables: Vec<&str> = config.split("\"env:").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let env: Vec<(&str, &str)> = variables.iter().map(|name| (*name, "mongodb://10.0.2.10")).collect();
    let checked = workdir.run_with(&["check"], &env).expect(0);
    assert!(checked.stdout.contains("규칙 1개 실행 가능, 오류 0건"), "{checked:?}");
}
