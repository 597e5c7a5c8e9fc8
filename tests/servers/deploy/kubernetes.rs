//! The manifests: valid for Kubernetes, accepted by costwarden, without privileges. They are not run on a cluster.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tools::{Tools, deploy, files};
use costwarden_tests::{Workdir, plugins, repository};

const JOBS: [&str; 5] = ["backfill.yaml", "daily.yaml", "health.yaml", "hourly.yaml", "report.yaml"];

/// Every manifest by its file name.
fn manifests(tools: &Tools) -> BTreeMap<String, Value> {
    let files = files(&deploy("kubernetes"), "yaml");
    let manifests = files.iter().map(|file| {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let documents = tools.yaml(file);
        assert_eq!(documents.len(), 1, "{name}");
        (name, documents.into_iter().next().expect("one"))
    });
    manifests.collect()
}

/// The job specs by file name.
fn jobs(manifests: &BTreeMap<String, Value>) -> BTreeMap<&str, &Value> {
    let spec = |manifest: &'_ Value| match manifest["kind"].as_str() {
        Some("CronJob") => Some("/spec/jobTemplate/spec"),
        Some("Job") => Some("/spec"),
        _ => None,
    };
    let jobs =
        manifests.iter().filter_map(|(name, manifest)| Some((name.as_str(), manifest.pointer(spec(manifest)?)?)));
    jobs.collect()
}

#[test]
fn each_is_what_kubernetes_expects() {
    let Some(tools) = Tools::new() else { return };
    let files = files(&deploy("kubernetes"), "yaml");
    assert!(files.len() >= 9, "{files:?}");
    for file in files.iter().filter(|file| !file.ends_with("kustomization.yaml")) {
        tools.validate(file).expect(0);
    }
    let broken = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(deploy("kubernetes/hourly.yaml")).expect("a manifest");
    for (right, wrong) in [("concurrencyPolicy:", "concurrency:"), ("backoffLimit: 2", "backoffLimit: two")] {
        let path = broken.path().join("hourly.yaml");
        std::fs::write(&path, text.replace(right, wrong)).expect("written");
        assert_ne!(tools.validate(&path).code, 0, "{wrong}");
    }
}

#[test]
fn the_kustomization_names_what_there_is() {
    let Some(tools) = Tools::new() else { return };
    let manifests = manifests(&tools);
    let kustomization = &manifests["kustomization.yaml"];
    let mut named: Vec<&str> =
        kustomization["resources"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    // Named in comments there: one is run once, and not by applying all, the other takes the place of daily.yaml.
    named.extend(["backfill.yaml", "kustomization.yaml"]);
    named.sort_unstable();
    assert_eq!(named, manifests.keys().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(kustomization["images"][0]["newTag"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn pods_have_no_privilege_and_an_end() {
    let Some(tools) = Tools::new() else { return };
    let manifests = manifests(&tools);
    let jobs = jobs(&manifests);
    assert_eq!(jobs.keys().copied().collect::<Vec<_>>(), JOBS);
    for (name, job) in &jobs {
        let pod = &job["template"]["spec"];
        let [container] = pod["containers"].as_array().expect("containers").as_slice() else { panic!("{name}") };
        assert_eq!(pod["automountServiceAccountToken"], json!(false), "{name}");
        assert_eq!(pod["restartPolicy"], "Never", "{name}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], json!(true), "{name}");
        assert_eq!(pod["securityContext"]["seccompProfile"], json!({ "type": "RuntimeDefault" }), "{name}");
        let expected = json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        });
        assert_eq!(container["securityContext"], expected, "{name}");
        for limit in ["cpu", "memory", "ephemeral-storage"] {
            assert!(container["resources"]["requests"][limit].is_string(), "{name} {limit}");
            assert!(container["resources"]["limits"][limit].is_string(), "{name} {limit}");
        }
        for namespace in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(pod.get(namespace).is_none(), "{name} {namespace}");
        }
        assert!(job["activeDeadlineSeconds"].as_u64().is_some_and(|seconds| seconds > 0), "{name}");
        let image = format!("costwarden:{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(container["image"], image.as_str(), "{name}");
        assert_eq!(container["envFrom"], json!([{ "secretRef": { "name": "costwarden" } }]), "{name}");
        for volume in pod["volumes"].as_array().expect("volumes") {
            let named = volume.pointer("/configMap/name").or(volume.pointer("/persistentVolumeClaim/claimName"));
            if let Some(named) = named {
                let is_there = manifests.values().any(|manifest| manifest["metadata"]["name"] == *named);
                assert!(is_there, "{name}: {named}");
            }
            let mounts = container["volumeMounts"].as_array().expect("mounts");
            assert!(mounts.iter().any(|mount| mount["name"] == volume["name"]), "{name}: {volume}");
        }
    }
    for (name, deadline) in [("daily.yaml", 600), ("hourly.yaml", 600), ("health.yaml", 100), ("report.yaml", 600)] {
        let spec = &manifests[name]["spec"];
        assert_eq!((&spec["concurrencyPolicy"], &spec["timeZone"]), (&json!("Forbid"), &json!("Asia/Seoul")), "{name}");
        assert!(spec["startingDeadlineSeconds"].as_u64().is_some_and(|seconds| seconds >= deadline), "{name}");
        assert!(spec["failedJobsHistoryLimit"].is_u64() && spec["successfulJobsHistoryLimit"].is_u64(), "{name}");
    }
    // The hourly job ends before the next one is due.
    assert!(jobs["hourly.yaml"]["activeDeadlineSeconds"].as_u64() < Some(3_600));
    // It is done before it is due again, and a second look at once would say the same.
    assert!(jobs["health.yaml"]["activeDeadlineSeconds"].as_u64() < Some(300));
    assert_eq!(jobs["health.yaml"]["backoffLimit"], 0);
    // Each does what costwarden calls so.
    for name in JOBS {
        let command = jobs[name]["template"]["spec"]["containers"][0]["args"][0].as_str().expect("a command");
        assert!(name.starts_with(command), "{name}: {command}");
        Workdir::new("").run(&[command, "--help"]).expect(0);
    }
}

#[test]
fn the_network_policy_denies_ingress_and_limits_egress() {
    let Some(tools) = Tools::new() else { return };
    let manifests = manifests(&tools);
    let spec = &manifests["network.yaml"]["spec"];
    assert_eq!((&spec["policyTypes"], &spec["ingress"]), (&json!(["Ingress", "Egress"]), &json!([])));
    let rules = spec["egress"].as_array().expect("rules");
    let ports = rules.iter().map(|rule| {
        assert!(!rule["to"].as_array().expect("to somewhere").is_empty(), "{rule}");
        let ports = rule["ports"].as_array().expect("ports");
        ports.iter().map(|port| port["port"].as_u64().expect("a port")).collect::<Vec<_>>()
    });
    assert_eq!(ports.collect::<Vec<_>>(), [vec![443], vec![27017], vec![53, 53]]);
    let selected = spec["podSelector"]["matchLabels"].as_object().expect("labels");
    for (name, job) in jobs(&manifests) {
        let labels = job["template"]["metadata"]["labels"].as_object().expect("labels");
        assert!(selected.iter().all(|(key, value)| labels.get(key) == Some(value)), "{name}");
    }
}

#[test]
fn costwarden_accepts_the_config_and_the_rules() {
    let Some(tools) = Tools::new() else { return };
    let manifests = manifests(&tools);
    let config = manifests["config.yaml"]["data"]["costwarden.toml"].as_str().expect("a config");
    let rules = manifests["rules.yaml"]["data"].as_object().expect("rules");
    let shipped = files(&repository().join("rules/default"), "toml");
    assert_eq!(rules.len(), shipped.len());
    let workdir = Workdir::new("");
    for file in shipped {
        let name = file.file_name().expect("a name").to_str().expect("UTF-8");
        let text = rules[name].as_str().expect("a text");
        let shipped = std::fs::read_to_string(&file).expect("rules");
        // The first line names the schema of the file in this repository.
        let (_, shipped) = shipped.split_once("\n\n").expect("a schema and rules");
        assert_eq!(text, shipped, "rules.yaml is behind rules/default/{name}");
        workdir.write(&format!("rules/{name}"), text);
    }
    let places = [
        ("\"/var/lib/costwarden\"", "\"state\"".to_owned()),
        ("\"/usr/lib/costwarden/plugins\"", format!("{:?}", plugins())),
        ("\"/etc/costwarden/rules\"", "\"rules\"".to_owned()),
    ];
    let text = places.iter().fold(config.to_owned(), |text, (path, here)| {
        assert!(text.contains(path), "{path} is not in the config");
        text.replace(path, here)
    });
    workdir.write("costwarden.toml", &text);
    let variables: Vec<&str> = config.split("\"env:").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(variables.len(), 5, "{variables:?}");
    let env: Vec<(&str, &str)> = variables.iter().map(|name| (*name, "mongodb://10.0.2.10")).collect();
    let run = workdir.run_with(&["check"], &env).expect(0);
    assert!(run.stdout.contains("규칙 5개 실행 가능, 오류 0건"), "{run:?}");
    assert!(run.stderr.contains("store.uri: the connection to 10.0.2.10 is not encrypted"), "{run:?}");
    // The guide names each of them.
    let guide = std::fs::read_to_string(deploy("README.md")).expect("the guide");
    for variable in variables {
        assert!(guide.contains(&format!("{variable}=")), "{variable} is not in config/deploy/README.md");
    }
}
